"""Crates in the hands of others: checked, signed, and many of them on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearbench.cli.naming import NewFile, results_option
from clearbench.errors import UserError

if TYPE_CHECKING:
    from clearbench.provenance.crate.verify import Verdict

_crate = click.argument("crate", type=click.Path(path_type=Path))
_file = click.Path(path_type=Path, dir_okay=False)


@click.command()
@_crate
@click.option(
    "--signers", type=_file, help="Who may sign: a file as allowed_signers of ssh-keygen."
)
@click.option("--principal", help="Who of these has to have signed, as ada@example.org.")
@click.option(
    "--reexecute",
    "count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Run N cells again, drawn by --seed, and compare the bytes.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@results_option
def verify(
    crate: Path,
    signers: Path | None,
    principal: str | None,
    count: int | None,
    seed: int,
    results: Path,
) -> None:
    """Check an exported crate by itself: its files, scores and tables; exit status 1 if one fails.

    CRATE is a folder that `clearbench export-crate` made. Data that --reexecute needs and the crate
    lacks are taken from --results.
    """
    from clearbench.provenance.crate.contents import SIGNATURE
    from clearbench.provenance.crate.read import Crate
    from clearbench.provenance.crate.signature import signature_fault
    from clearbench.provenance.crate.verify import Verdict, Verification

    if (signers is None) != (principal is None):
        raise UserError("--signers and --principal: both, or none; who may sign, and who has to")
    opened = Crate(crate)
    if signers is not None and principal is not None:
        fault = signature_fault(crate, signers, principal)
        signed = Verdict("signature", f"by {principal}", (fault,) if fault else ())
    elif (crate / SIGNATURE).is_file():
        signed = Verdict("signature", "there, and not checked: who has to have signed? --signers")
    else:
        signed = Verdict("signature", "none")
    verification = Verification(opened)
    faults = _tell(signed)
    for verdict in verification.verdicts():
        faults += _tell(verdict)
    if count is not None:
        from clearbench.provenance.crate.again import run_again

        for line, same in run_again(opened, verification, count, seed, results):
            click.echo(f"again: {line}")
            faults += not same
    click.echo(f"{crate}: {_counted(faults)}", err=bool(faults))
    if faults:
        raise SystemExit(1)


def _tell(verdict: "Verdict") -> int:
    """Print what holds of a kind, or each fault in a line; gives their number."""
    for line in verdict.faults or (verdict.holds,):
        click.echo(_in_a_line(f"{verdict.kind}: {line}"))
    return len(verdict.faults)


def _in_a_line(text: str) -> str:
    """A text in which signs that would move a terminal's cursor are written as their numbers."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _counted(faults: int) -> str:
    return f"{faults} {'fault' if faults == 1 else 'faults'}" if faults else "holds"


@click.command()
@_crate
@click.option("--key", type=_file, required=True, help="Private key, as ~/.ssh/id_ed25519.")
def sign(crate: Path, key: Path) -> None:
    """Sign an exported crate with an SSH key, for `clearbench verify`.

    Signed is the list of its files with their checksums; each has to be as listed.
    """
    from clearbench.provenance.crate.read import Crate
    from clearbench.provenance.crate.signature import sign as sign_crate
    from clearbench.provenance.crate.verify import Verification

    fault = next(iter(Verification(Crate(crate)).files.values()), None)
    if fault is not None:
        raise UserError(f"{crate}: not signed: {fault}")
    click.echo(sign_crate(crate, key))


@click.command()
@click.argument(
    "crates", metavar="CRATE…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--signers", type=_file, help="Whose signatures count: a file as allowed_signers of ssh-keygen."
)
@click.option("--out", type=NewFile(), default=Path("leaderboard.html"), show_default=True)
def leaderboard(crates: tuple[Path, ...], signers: Path | None, out: Path) -> None:
    """Write one page of the crates of several groups, each row with whose it is, each verified."""
    from clearbench.provenance.crate.contribution import contribution
    from clearbench.provenance.crate.read import is_crate
    from clearbench.report.leaderboard import leaderboard as page

    for crate in crates:
        # Before any is verified, which takes a while.
        if not is_crate(crate):
            raise UserError(f"{crate}: no crate; allowed: folders that `export-crate` has written")
    names = [crate.name for crate in crates]
    entries = []
    for crate, name in zip(crates, names, strict=True):
        one = contribution(crate, str(crate) if names.count(name) > 1 else name, signers)
        click.echo(f"{crate}: {_counted(len(one.faults))}", err=True)
        entries.append(one)
    out.write_text(page(entries), encoding="utf-8")
    click.echo(out)
