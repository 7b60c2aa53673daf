"""How many jobs SLURM takes of a user at a time."""

import getpass
import shutil
from collections.abc import Collection

from clearbench.cluster.ask import ask
from clearbench.cluster.doctor.finding import Finding
from clearbench.cluster.settings import Slurm
from clearbench.config.profile import Profile
from clearbench.config.site import Site
from clearbench.errors import UserError

_OF_ACCOUNT = {"MaxSubmit": "MaxSubmitJobs", "GrpSubmit": "GrpSubmitJobs"}
_OF_QOS = {
    "MaxSubmitPU": "MaxSubmitJobsPerUser",
    "MaxSubmitPA": "MaxSubmitJobsPerAccount",
    "GrpSubmit": "GrpSubmitJobs",
}
"""The fields of sacctmgr, and the limits that they are, as manuals call them."""


def examine(
    slurm: Slurm, site: Site, partitions: Collection[str], profile: Profile, jobs: int
) -> Finding:
    """Whether SLURM takes as many jobs at a time as the profile submits, of so many in all."""
    what, at_once = "jobs at a time", profile.at_once(jobs)
    limits, note = {"MaxJobCount of SLURM": slurm.config.get("MaxJobCount", "")}, ""
    if "slurmdbd" in slurm.config.get("AccountingStorageType", "") and shutil.which("sacctmgr"):
        try:
            limits |= _accounts(slurm, site, partitions)
        except UserError as error:
            note = f"; limits of accounts are not known: {error}"
    known = {of: int(number) for of, number in limits.items() if number.isdecimal()}
    of = min(known, key=lambda name: known[name], default=None)
    if of is None:
        return Finding(what, f"{at_once}, without a limit{note}")
    seen = f"{at_once}, SLURM takes {known[of]} ({of}){note}"
    if at_once <= known[of]:
        return Finding(what, seen)
    return Finding(what, seen, f"set jobs in {profile.path} to less than that, or say --jobs")


def _accounts(slurm: Slurm, site: Site, partitions: Collection[str]) -> dict[str, str]:
    """How many jobs an account or a QOS takes, as text, by the limit's name; empty for no limit."""
    user = getpass.getuser()
    account = site.account or _ask("user", user, "format=DefaultAccount")[0][0]
    fields = f"format=Account,Partition,DefaultQOS,{','.join(_OF_ACCOUNT)}"
    limits: dict[str, str] = {}
    qos = {slurm.partitions[name].get("QoS", "") for name in partitions}
    qos |= {site.qos} if site.qos else set()
    for name, partition, default, *most in _ask("assoc", "where", f"user={user}", fields):
        if name == account and partition in ("", *partitions):
            limits |= _named(f"account {name}", _OF_ACCOUNT, most)
            qos |= set() if site.qos else {default or "normal"}
    for name, *most in _ask("qos", f"format=Name,{','.join(_OF_QOS)}"):
        if name in qos:
            limits |= _named(f"QOS {name}", _OF_QOS, most)
    return limits


def _ask(*words: str) -> list[list[str]]:
    """The rows that sacctmgr shows; UserError where it shows none."""
    text = ask("sacctmgr", "--noheader", "--parsable2", "show", *words)
    rows = [line.split("|") for line in text.splitlines() if line]
    if not rows:
        raise UserError(f"sacctmgr shows no {words[0]}")
    return rows


def _named(of: str, kinds: dict[str, str], values: list[str]) -> dict[str, str]:
    named = zip(kinds.values(), values, strict=True)
    return {f"{kind} of {of}": value for kind, value in named}
