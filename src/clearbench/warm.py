"""Warm starts: `python -m clearbench.warm COMMAND` runs a command whose jobs need not import torch.

Half of a small job's time is the import of torch and its relatives. Beside the command, a process
imports them once; every `clearbench` call below the command then asks it to fork a job, which has
the caller's arguments, environment, folder, output and import path, and imports this package anew,
so that the code of a job is always the code that the call would find on disk. Where the process
cannot be reached (it is still importing, another machine, another side of an image), a call runs
by itself.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import IO, Any, cast

from clearbench.kernels import CHOICE, PINNED

VARIABLE = "CLEARBENCH_WARM"
"""The environment variable that names the socket; empty counts as unset."""

_LONGEST_ADDRESS = 107


def run_warm(command: Sequence[str]) -> int:
    """Run a command beside a warm process; gives the command's exit status."""
    with warm_process() as address:
        # The command gets it as well, and says what there is to say.
        signal.signal(signal.SIGINT, lambda *_: None)
        child = subprocess.Popen(
            command,
            env={**os.environ, VARIABLE: address},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        return child.wait()


@contextmanager
def warm_process(enter: Sequence[str] = (), wait: float = 0.0) -> Iterator[str]:
    """The address of a warm process: of one that is offered already, else of a new one.

    A new one answers once it has imported all it can, for which `wait` are the seconds to wait. It
    is started by the words of `enter`, if there are some, in the image that its calls run in.
    """
    from clearbench.config.site import choose_kernels

    name = _name(choose_kernels(), in_image=bool(enter))
    offered = Path(os.environ.get(VARIABLE, ""))
    if offered.name == name and offered.is_socket():
        yield str(offered)
        return
    # Of all folders for temporary files, the one that Apptainer shows by itself.
    parent = "/tmp" if enter else _folder_of_sockets()
    with TemporaryDirectory(prefix="clearbench-", dir=parent) as folder:
        address = str(Path(folder) / name)
        python = "python" if enter else sys.executable
        # It ends with its standard input, hence with this process, however that ends. In its own
        # session Ctrl-C reaches it through the calls alone; engines look for a job's processes in
        # that of the job.
        server = subprocess.Popen(
            [*enter, python, "-m", "clearbench.cli.serve", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=not wait,
        )
        try:
            # It says a line when it answers, and its end can be read as well.
            select.select([cast("IO[bytes]", server.stdout)], [], [], wait)
            yield address
        finally:
            server.communicate() if enter else server.kill()
            server.wait()


def _name(kernels: str, in_image: bool) -> str:
    """The name of the socket for calls with these kernels, in a container or in none."""
    return f"{kernels}-in-image" if in_image else kernels


def _folder_of_sockets() -> str:
    """The folder for temporary files, or a shorter one: the address of a socket has 107 bytes."""
    usual = gettempdir()
    fits = len(os.fsencode(usual)) + len("/clearbench-12345678/pinned") <= _LONGEST_ADDRESS
    return usual if fits else "/tmp"


def delegate() -> int | None:
    """Let the warm process run this call; gives its exit status, or None where there is none.

    A call inside a container must run in its image: it is delegated to a process in there alone.
    One for several processes, which becomes their launcher, is not delegated.
    """
    address = os.environ.get(VARIABLE)
    several = any(word.startswith("--processes") for word in sys.argv)
    if not address or several:
        return None
    # The libraries there have chosen their kernels.
    kernels = os.environ.get(CHOICE) or PINNED
    if Path(address).name != _name(kernels, "APPTAINER_CONTAINER" in os.environ):
        return None
    call = {"argv": sys.argv, "cwd": str(Path.cwd()), "env": dict(os.environ), "path": sys.path}
    answer = ask(address, call, [0, 1, 2])
    if answer is None:
        return None
    if not answer:
        print(
            "clearbench: the job was killed, most likely because the machine ran out of memory",
            file=sys.stderr,
        )
        return 128 + signal.SIGKILL
    return answer[0]


def ask(address: str, call: Mapping[str, Any], standard: Sequence[int]) -> bytes | None:
    """What the process at an address answers to a call with these standard descriptors.

    A byte with the exit status, none where the call was killed; None where nobody is there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        try:
            connection.connect(address)
            socket.send_fds(connection, [json.dumps(call).encode()], standard)
        except OSError:
            return None
        return connection.recv(1)


if __name__ == "__main__":
    sys.exit(run_warm(sys.argv[1:]))
