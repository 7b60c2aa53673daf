"""Models that see faces: an embedding, and while they learn a head of the persons they know.

One file a stage.
"""
