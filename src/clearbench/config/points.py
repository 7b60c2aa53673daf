"""The name of what the points of a test bring back together; none of them may have it."""

ANY = "any"
"""Of each sample the best of all points, where these are variants of one thing."""
