"""The generator of `mini`: a small drawn world, written in the layouts of CLEAR's and TOFU's hubs.

Nothing here is read by a later stage but the files that `generate` writes.
"""

from clearbench.data.mini.world import MiniSettings
from clearbench.data.mini.write import generate

__all__ = ["MiniSettings", "generate"]
