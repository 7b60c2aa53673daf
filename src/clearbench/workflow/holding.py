"""One run at a time on a results tree."""

import fcntl
import os
import socket
import sys
import time
from pathlib import Path
from typing import TextIO

from snakemake.exceptions import WorkflowError

from clearbench.cluster import lsf, slurm
from clearbench.workflow.troubles import told

_ENGINES = (("SLURM", "scancel", slurm.left_behind), ("LSF", "bkill", lsf.left_behind))


def hold(root: Path) -> TextIO | None:
    """Hold a results tree as long as the file that is given stays open.

    None where the file system knows no locks, which is said. Raises WorkflowError where another
    process holds the tree, or where jobs of a run that was killed are still at work here.
    """
    for engine, cancel, left_behind in _ENGINES:
        left = left_behind(Path.cwd())
        if left:
            raise WorkflowError(
                f"{engine} jobs of a run that was killed still work here: {' '.join(left)}; wait"
                f" for their end to keep what they do, or type: {cancel} {' '.join(left)}"
            )
    path = root / ".holder"
    try:
        root.mkdir(parents=True, exist_ok=True)
        holder = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise told(error) from None
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.seek(0)
        raise WorkflowError(
            f"{root}: {holder.read().strip()} is running on these results;"
            " wait for its end, or stop it"
        ) from None
    except OSError as error:
        print(
            f"clearbench: {root}: {error.strerror}; see to it that no other run works on"
            " these results",
            file=sys.stderr,
        )
        return None
    holder.truncate(0)
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    holder.write(f"snakemake, process {os.getpid()} on {socket.gethostname()}, {since},")
    holder.flush()
    return holder
