"""Signatures of crates, by OpenSSH (`ssh-keygen -Y`), which every cluster has.

Signed is the list of a crate's files with their checksums, and so every byte of it.
"""

import re
import subprocess
from pathlib import Path

from clearbench.errors import Unreadable, UserError
from clearbench.provenance.crate.contents import METADATA, SIGNATURE

NAMESPACE = "clearbench"
"""What keeps a signature from being one of a mail or of a commit."""


def sign(folder: Path, key: Path) -> Path:
    """Sign the crate in a folder; gives the file of the signature, in place of one that is there.

    `key` is a private key, or the public one of a key that an agent holds. Raises UserError where
    it can't be used.
    """
    done = _ssh_keygen("sign", "-f", key, "-n", NAMESPACE, data=_read(folder / METADATA))
    if done.returncode:
        raise UserError(f"{key}: cannot sign with it ({_said(done)})")
    part = folder / f".{SIGNATURE}.part"
    part.write_bytes(done.stdout)
    return part.replace(folder / SIGNATURE)


def signature_fault(folder: Path, signers: Path, principal: str) -> str | None:
    """Why the crate in a folder is not signed by a principal of a file of signers; None if it is.

    The file is as `allowed_signers` of ssh-keygen: a line a key, `PRINCIPAL ssh-ed25519 AAAA…`.
    Raises UserError where it can't be read.
    """
    if not (folder / SIGNATURE).is_file():
        return "the crate is not signed"
    _read(signers)
    listed, given = _read(folder / METADATA), ("-n", NAMESPACE, "-s", folder / SIGNATURE)
    whose = _ssh_keygen("check-novalidate", *given, data=listed)
    if whose.returncode:
        return f"{METADATA}: other bytes than those that were signed"
    done = _ssh_keygen("verify", "-f", signers, "-I", principal, *given, data=listed)
    if not done.returncode:
        return None
    key = re.search(r"SHA256:\S+", whose.stdout.decode(errors="replace"))
    return f"by the key {key[0] if key else 'of somebody'}, which {signers} has not for {principal}"


def signer(folder: Path, signers: Path) -> str | None:
    """The principal of a file of signers by whom the crate in a folder is signed; None by nobody.

    Raises UserError where the file can't be read.
    """
    _read(signers)
    if not (folder / SIGNATURE).is_file():
        return None
    done = _ssh_keygen("find-principals", "-f", signers, "-s", folder / SIGNATURE, data=b"")
    for principal in done.stdout.decode(errors="replace").splitlines():
        if signature_fault(folder, signers, principal) is None:
            return principal
    return None


def _ssh_keygen(action: str, *words: str | Path, data: bytes) -> subprocess.CompletedProcess[bytes]:
    call = ["ssh-keygen", "-Y", action, *map(str, words)]
    try:
        return subprocess.run(call, input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("ssh-keygen: not found; signatures take OpenSSH 8.2 or later") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last line of what ssh-keygen said."""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else f"exit status {done.returncode}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(path, error) from None
