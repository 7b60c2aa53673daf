"""Verify: what a crate proves by itself, kind by kind, without the results that it is of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from clearbench.digests import sha256
from clearbench.errors import UserError
from clearbench.figures.documents import pictures
from clearbench.jobs.fingerprint import code_of
from clearbench.jobs.packages import versions
from clearbench.provenance.crate.contents import METADATA, SIGNATURE
from clearbench.provenance.crate.read import STRANGE, Crate
from clearbench.provenance.remade import first_difference, score_fault
from clearbench.report.document import PAGE, document
from clearbench.report.page import same
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import REPORT, TABLES
from clearbench.tables.documents import documents

_LACKING = "not made again: the crate has no models, data and per-sample records"


@dataclass(frozen=True)
class Verdict:
    """What holds of a kind of claims, in a few words, and a line for each that does not.

    Not `judged` are claims for which the crate lacks what they are made from.
    """

    kind: str
    holds: str
    faults: tuple[str, ...] = ()
    judged: bool = True


class Verification:
    """Checks a crate; what is told of a file is not told again of what it is a part of."""

    def __init__(self, crate: Crate):
        self._crate = crate

    def verdicts(self) -> Iterator[Verdict]:
        """What holds of files, of the records of jobs, of scores, of tables and of the page."""
        yield Verdict(
            "files", f"all {len(self._crate.files)} are as listed", tuple(self.files.values())
        )
        try:
            graph = self._crate.graph
        except UserError as error:
            yield Verdict("records", "", (f"the suite in the crate cannot be read: {error}",))
            return
        faults = tuple(filter(None, (self._of_record(artifact) for artifact in graph)))
        yield Verdict("records", f"all {len(graph.artifacts)} are of what lies here", faults)
        judges = {"scores": self._scores, "tables": self._tables, "page": self._page}
        for kind, judge in judges.items():
            try:
                yield judge()
            except STRANGE as error:
                told = f"cannot be made again ({type(error).__name__}: {error})"
                yield Verdict(kind, "", (told,))

    @cached_property
    def files(self) -> dict[str, str]:
        """What is wrong with the crate's files, by their paths in it."""
        return dict(chain(self._listed(), self._added()))

    def _listed(self) -> Iterator[tuple[str, str]]:
        for name, checksum in sorted(self._crate.files.items()):
            try:
                fault = self._file_fault(name, checksum)
            except STRANGE as error:
                said = error.strerror if isinstance(error, OSError) else error
                fault = f"listed, and nothing that can be read ({said})"
            if fault is not None:
                yield name, f"{name}: {fault}"

    def _file_fault(self, name: str, checksum: str | None) -> str | None:
        folder = self._crate.folder
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            return "listed, and outside of the crate"
        if not path.is_file():
            return "missing"
        if checksum is None:
            return "listed without a checksum, or with several"
        return None if sha256(path) == checksum else "changed, other bytes than those listed"

    def _added(self) -> Iterator[tuple[str, str]]:
        known = {*self._crate.files, METADATA, SIGNATURE}
        for path in sorted(self._crate.folder.rglob("*")):
            name = path.relative_to(self._crate.folder).as_posix()
            if name not in known and (path.is_symlink() or not path.is_dir()):
                yield name, f"{name}: added, it is not listed"

    def _whole(self, *names: str) -> bool:
        """Whether of some artifacts no file is missing or changed that is to be here."""
        folders = tuple(map(self._crate.path, names))
        return not any(name.startswith(folders) for name in self.files.keys() & self._crate.files)

    def _of_record(self, artifact: Artifact) -> str | None:
        told = self._whole(artifact.name, *artifact.inputs.values(), *artifact.reads)
        return self._crate.fault(artifact.name) if told else None

    def proven(self, names: Iterable[str]) -> bool:
        """Whether some artifacts, and all that they are made from, hold so far."""
        below = {one.name for name in names for one in self._crate.graph.ancestors(name)}
        return all(self._whole(name) and not self._crate.fault(name) for name in below)

    def _scores(self) -> Verdict:
        """The scores, computed again from the records."""
        crate, faults, made, unproven, lacking = self._crate, [], 0, 0, 0
        for artifact in crate.graph:
            if artifact.stage != "score":
                continue
            sources = artifact.inputs.values()
            if not self._whole(artifact.name, *sources) or crate.fault(artifact.name):
                unproven += 1
            elif all(map(crate.holds, sources)):
                made += 1
                fault = score_fault(artifact, crate.tree)
                if fault is not None:
                    faults.append(f"{fault}{self._otherwise(artifact.name)}")
            else:
                lacking += 1
        said = f"{made} made again from the records, all the same" if made else _LACKING
        if made and lacking:
            said += f"; {lacking} as told, the crate has not their records"
        if unproven:
            said += f"; {unproven} not judged, their files or records do not hold"
        return Verdict("scores", said, tuple(faults), judged=made > 0 and not lacking)

    def _tables(self) -> Verdict:
        """The tables and figures, made again from the scores."""
        crate = self._crate
        if crate.fault(TABLES) or not self.proven(crate.graph[TABLES].inputs.values()):
            return Verdict("tables", "not made again: what they are made from does not hold")
        remade: dict[str, bytes] = {
            **{name: text.encode() for name, text in documents(crate.results).items()},
            **pictures(crate.results),
        }
        faults = []
        for name in sorted(remade.keys() | crate.tree.manifest(TABLES).files.keys()):
            place = crate.path(TABLES, name)
            if place in self.files:
                continue
            if name not in remade:
                faults.append(f"{place}: no score gives it{self._otherwise(TABLES)}")
                continue
            path = crate.folder / place
            said = path.read_bytes() if path.is_file() else b""
            if said != remade[name]:
                line = first_difference(
                    *(content.decode(errors="replace") for content in (said, remade[name]))
                )
                faults.append(
                    f"{place}, line {line}: not what the scores give{self._otherwise(TABLES)}"
                )
        return Verdict("tables", f"{len(remade)} files made again, all the same", tuple(faults))

    def _page(self) -> Verdict:
        """The page, written again from scores, records and data."""
        crate = self._crate
        sources = crate.graph[REPORT].inputs.values()
        if not self.proven((REPORT, TABLES)):
            return Verdict("page", "not made again: what it is made from does not hold")
        if not all(map(crate.holds, sources)):
            return Verdict("page", _LACKING)
        said = (crate.folder / crate.path(REPORT, PAGE)).read_bytes()
        if same(said, document(crate.graph, crate.tree, crate.results)):
            return Verdict("page", "made again, the same")
        otherwise = self._otherwise(REPORT)
        if otherwise:
            # A page is written otherwise by many an edit, and its numbers are judged above.
            return Verdict("page", f"not judged: it comes out otherwise{otherwise}")
        return Verdict("page", "", (f"{crate.path(REPORT, PAGE)}: not what lies here gives",))

    def _otherwise(self, name: str) -> str:
        """What may be the reason that an artifact comes out otherwise here, after `; `."""
        record = self._crate.tree.record(name)
        then, now = record.recipe.code, code_of(record.recipe.stage, record.recipe.settings)
        code = sorted(one for one in then.keys() | now.keys() if then.get(one) != now.get(one))
        had, here = record.facts.get("packages", {}), versions()
        packages = [
            f"{one} {had[one]}, here {here.get(one, 'none')}"
            for one in sorted(had)
            if had[one] != here.get(one)
        ]
        reasons = []
        if code:
            more = f" and {len(code) - 1} more" if len(code) > 1 else ""
            reasons.append(f"its code was another than that of here ({code[0]}{more})")
        if packages:
            more = f" and {len(packages) - 1} more" if len(packages) > 1 else ""
            reasons.append(f"it was made with {packages[0]}{more}")
        return "".join(f"; {reason}" for reason in reasons)
