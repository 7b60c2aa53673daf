"""What a job does and leaves: a folder that appears whole, and the record of all it depends on.

Nothing here can change an artifact's bytes, so an edit here reruns nothing.
"""
