"""The warm process: it imports torch and its relatives once, and forks a job for every call.

`python -m clearbench.cli.serve SOCKET`, which `clearbench.warm` starts beside a command. The socket
is named for the kernels that the libraries were imported with, see `clearbench.kernels`, and for
the side of an image that this is.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from clearbench import kernels
from clearbench.config.site import choose_kernels
from clearbench.errors import UserError
from clearbench.jobs.environment import image
from clearbench.plugins import PACKAGE, named

_IMPORTED_LATE = ("datasets", "rouge_score.rouge_scorer", "scipy.stats")
"""What stages import only where they use it, at the price of seconds."""

_LONGEST_REQUEST = 2**20
_ENDING = {signal.SIGTERM, signal.SIGINT}
"""What a cluster asks all processes of a job to end with; this one, in there, blocks it."""

_GRACE = 10.0
"""Seconds that an interrupted job has to clean up."""


def serve(path: str, run: Callable[[], Any]) -> None:
    """Fork a job for every call that comes to the socket, until standard input ends.

    A job imports this package anew, and has all else that is imported by now. None is begun when
    this process has been asked to end: the job would be killed soon.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    # Nothing that exists now is ever collected, so its pages stay shared with the jobs.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([sys.stdin, listener], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            # A fork would not know.
            asked = signal.sigpending() & _ENDING
            with connection:
                if os.fork() == 0:
                    listener.close()
                    os._exit(_run_job(connection, _refuse if asked else run))


def _run_job(connection: socket.socket, run: Callable[[], Any]) -> int:
    """The forked job: become the call, run it, and tell its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, descriptors, _, _ = socket.recv_fds(connection, _LONGEST_REQUEST, 3)
    call: Mapping[str, Any] = json.loads(request)
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    # The streams remember of what they were before whether one can seek in it.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(call["cwd"])
    # What is in a folder of modules is looked up anew, whatever time the folder has.
    importlib.invalidate_caches()
    os.environ.clear()
    os.environ.update(call["env"])
    sys.argv = call["argv"]
    sys.path[:] = call["path"]
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    status = 0
    try:
        run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        # Told its status, the call goes away at once; that must not interrupt a job that is done.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        connection.send(bytes([status & 0xFF]))
    return status


def _refuse() -> None:
    print(
        "clearbench: not begun, for the job of the cluster has been asked to end", file=sys.stderr
    )
    sys.exit(128 + signal.SIGTERM)


def _end_with(connection: socket.socket) -> None:
    """Interrupt the job when its call has gone away; the call itself sends nothing more."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(_GRACE)
    os._exit(1)


def _import_libraries() -> None:
    """Import what the stages import."""
    stages = [plugin.module for plugin in named("stages").values()]
    for name in (*stages, *_IMPORTED_LATE):
        importlib.import_module(name)


def _run_call() -> None:
    from clearbench.cli import main

    main()


if __name__ == "__main__":
    kernels.choose(choose_kernels())
    try:
        # Where a run promises one, what is forked here has to be in it.
        image()
    except UserError as error:
        sys.exit(f"clearbench: {error}")
    _import_libraries()
    serve(sys.argv[1], _run_call)
