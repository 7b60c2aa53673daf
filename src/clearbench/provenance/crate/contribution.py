"""A crate as a contribution to a leaderboard: whose it is, what holds of it, and its numbers."""

from pathlib import Path

from clearbench.provenance.conditions import made_with
from clearbench.provenance.crate.contents import SIGNATURE
from clearbench.provenance.crate.read import STRANGE, Crate
from clearbench.provenance.crate.signature import signer
from clearbench.provenance.crate.verify import Verification
from clearbench.report.leaderboard import Contribution, boards


def contribution(folder: Path, name: str, signers: Path | None) -> Contribution:
    """The crate of a folder, verified, under a name; `signers` is the file of who may sign.

    A signature by none of these is a fault. Raises UserError for what is no crate.
    """
    crate = Crate(folder)
    try:
        verdicts = list(Verification(crate).verdicts())
        whose = crate.author or "nobody is named"
    except STRANGE as error:
        return Contribution(name, "", "", (str(error),), False, None, "", "")
    faults = [f"{one.kind}: {fault}" for one in verdicts for fault in one.faults]
    remade = any(one.kind == "scores" and one.judged for one in verdicts)
    signed = "" if signers is None else signer(folder, signers) or ""
    if signers is not None and not signed and (folder / SIGNATURE).is_file():
        faults.append(f"signature: by nobody of {signers.name}")
    try:
        results, data = crate.results, crate.tree.manifest_digest("dataset") or ""
        commit = made_with(crate.graph, crate.tree, "commit")
        one = Contribution(name, whose, signed, tuple(faults), remade, results, data, commit)
        # Where its numbers are none, those of the others are shown.
        boards([one])
    except STRANGE as error:
        # Verified, it has a fault already.
        faults = faults or [str(error)]
        return Contribution(name, whose, signed, tuple(faults), False, None, "", "")
    return one
