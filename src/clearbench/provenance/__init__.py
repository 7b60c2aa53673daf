"""Where every artifact comes from: what it was made of, whether that still holds, and the proof.

Nothing here can change an artifact's bytes, so an edit here reruns nothing.
"""
