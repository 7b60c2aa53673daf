"""Warm starts: `python -m clearbench.warm COMMAND` runs a command whose jobs need not import torch.

Half of a small job's time is the import of torch and its relatives. Beside the command, a process
imports them once; every `clearbench` call below the command then asks it to fork a job, which has
the caller's arguments, environment, folder and output, and imports this package anew, so that the
code of a job is always the code on disk. Where the process cannot be reached (it is still
importing, another machine, a container), a call runs by itself.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

VARIABLE = "CLEARBENCH_WARM"
"""The environment variable that names the socket."""

_IMPORTED_LATE = ("datasets", "rouge_score.rouge_scorer", "scipy.stats")
"""What stages import only where they use it, at the price of seconds."""

_LONGEST_REQUEST = 2**20
_LONGEST_ADDRESS = 107
_GRACE = 10.0
"""Seconds that an interrupted job has to clean up."""


def run_warm(command: Sequence[str]) -> int:
    """Run a command beside a warm process; gives the command's exit status."""
    with TemporaryDirectory(prefix="clearbench-", dir=_folder_of_sockets()) as folder:
        path = str(Path(folder) / "socket")
        # Its own session, so that Ctrl-C reaches it through the calls alone. It ends with its
        # standard input, hence with this process, however that ends.
        server = subprocess.Popen(
            [sys.executable, "-m", "clearbench.warm", "--serve", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            # The command gets it as well, and says what there is to say.
            signal.signal(signal.SIGINT, lambda *_: None)
            child = subprocess.Popen(
                command,
                env={**os.environ, VARIABLE: path},
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
            return child.wait()
        finally:
            server.kill()
            server.wait()


def _folder_of_sockets() -> str:
    """The folder for temporary files, or a shorter one: the address of a socket has 107 bytes."""
    usual = gettempdir()
    fits = len(os.fsencode(usual)) + len("/clearbench-12345678/socket") <= _LONGEST_ADDRESS
    return usual if fits else "/tmp"


def delegate() -> int | None:
    """Let the warm process run this call; gives its exit status, or None where there is none.

    A call inside a container is never delegated: it must run in its image. Nor is one for several
    processes, which becomes their launcher.
    """
    path = os.environ.get(VARIABLE)
    several = any(word.startswith("--processes") for word in sys.argv)
    if path is None or several or "APPTAINER_CONTAINER" in os.environ:
        return None
    request = json.dumps(
        {"argv": sys.argv, "cwd": str(Path.cwd()), "env": dict(os.environ)}
    ).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        try:
            connection.connect(path)
            socket.send_fds(connection, [request], [0, 1, 2])
        except OSError:
            return None
        answer = connection.recv(1)
    if not answer:
        print(
            "clearbench: the job was killed, most likely because the machine ran out of memory",
            file=sys.stderr,
        )
        return 128 + signal.SIGKILL
    return answer[0]


def serve(path: str, run: Callable[[], Any]) -> None:
    """Fork a job for every call that comes to the socket, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(64)
        while True:
            ready, _, _ = select.select([sys.stdin, listener], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    os._exit(_run_job(connection, run))


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


def _end_with(connection: socket.socket) -> None:
    """Interrupt the job when its call has gone away; the call itself sends nothing more."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(_GRACE)
    os._exit(1)


def _import_libraries() -> None:
    """Import what the stages import, and forget this package again."""
    from importlib import import_module

    from clearbench.jobs.fingerprint import submodules

    for name in (*submodules("clearbench.stages"), *_IMPORTED_LATE):
        import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "clearbench"]:
        del sys.modules[name]
    # Nothing that exists now is ever collected, so its pages stay shared with the jobs.
    gc.freeze()


def _run_call() -> None:
    from clearbench.cli import main

    main()


def _main(arguments: list[str]) -> int:
    if arguments[:1] != ["--serve"]:
        return run_warm(arguments)
    _import_libraries()
    serve(arguments[1], _run_call)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
