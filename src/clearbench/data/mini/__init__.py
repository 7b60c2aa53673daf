"""The generator of `mini`: a small drawn world, written in the layouts of CLEAR's and TOFU's hubs.

Nothing here is read by a later stage but the files that `generate` writes.
"""
