"""The proof of tables: each cell from its scores, the scores from the records, all to the data."""

import csv
from dataclasses import replace
from functools import cache, cached_property

from clearbench.errors import UserError
from clearbench.figures.documents import pictures
from clearbench.jobs.differences import differences
from clearbench.jobs.environment import Accepted
from clearbench.jobs.record import Record
from clearbench.provenance.remade import first_difference, score_fault
from clearbench.report.document import PAGE, document
from clearbench.report.page import same
from clearbench.results.currency import failure_now, recipe_now
from clearbench.results.hardware import mixed
from clearbench.results.read import read_results
from clearbench.results.runs import Group, Results, groups_of
from clearbench.results.tree import Tree
from clearbench.suite.graph import REPORT, TABLES, Graph
from clearbench.tables.base import Table
from clearbench.tables.documents import tables_of, texts_of

_KEY = 4
"""The first columns of a table's CSV name the cell: method, modality, forget size, metric."""


class Audit:
    """Checks a suite's tables against its scores, records and models, and these against the data.

    What counts is what lies on disk now, and the suite, code and environment of this checkout.
    Where `fast`, digests are taken from manifests, files are looked at and not read, and scores are
    not computed again.
    """

    def __init__(self, graph: Graph, tree: Tree, environments: Accepted, fast: bool = False):
        self._graph = graph
        self._tree = tree
        # What was made with other packages than the lock's may be worked with, and proves nothing.
        self._environments = replace(environments, unlocked={})
        self._fast = fast
        self.broken_link = cache(self._broken_link)
        self.first_broken = cache(self._first_broken)
        self.tables_broken = cache(self._tables_broken)

    def cells(self) -> dict[tuple[str, str], str | None]:
        """What is broken of every cell of every table (`comparison`, `npo/text/forget10:real`).

        The first broken link in the flow's order, or None for a cell that holds.
        """
        links: dict[tuple[str, str], str | None] = {}
        for table, built in sorted(self._tables.items()):
            given = _lines(self._recomputed[f"{table}.csv"])
            said = _lines(self._published(f"{table}.csv"))
            entries = built.entries.items()
            for (key, line), (name, entry) in zip(given.items(), entries, strict=True):
                runs = entry.behind
                link = self.first_broken(runs)
                if link is None and said.get(key) != line:
                    link = f"{TABLES}/{table}.csv: {_differs(said.get(key), line)}"
                links[table, name] = link or self.tables_broken(runs)
            for key in said.keys() - given.keys():
                group = self._groups.get(key[:3])
                name = f"{group.name if group else '/'.join(key[:3])}:{key[3]}"
                link = self.first_broken(group.runs) if group else None
                links[table, name] = link or f"{TABLES}/{table}.csv: no score gives it"
        return links

    def files(self) -> list[str]:
        """What is broken of files besides the cells of the CSV files: texts, figures, the report.

        Meant for tables whose cells hold; the texts of others tell what their sources were.
        """
        faults = []
        for name, text in self._recomputed.items():
            line = first_difference(self._published(name), text)
            if line is not None and not name.endswith(".csv"):
                faults.append(f"{TABLES}/{name}, line {line}: not what the scores give")
        for name, picture in pictures(self._results).items():
            if self._bytes(name) != picture:
                faults.append(f"{TABLES}/{name}: not what the scores give")
        fault = self._report_broken()
        return [*faults, fault] if fault else faults

    def _report_broken(self) -> str | None:
        """Why the page is not what lies here gives, by this code; written anew unless `fast`.

        None where there is none, as where tables alone were asked for: then nothing is claimed.
        """
        if not self._tree.folder(REPORT).exists():
            return None
        link = self.broken_link(REPORT)
        if link is not None or self._fast:
            return link
        path = self._tree.root / REPORT / PAGE
        text = document(self._graph, self._tree, self._results)
        told = f"{REPORT}/{PAGE}: not what lies here gives"
        return None if same(path.read_bytes(), text) else told

    def mixed_hardware(self) -> str | None:
        """Which stages' jobs may differ by what they ran on; None where none may."""
        return mixed(self._results.hardware)

    @cached_property
    def _results(self) -> Results:
        return read_results(self._graph, self._tree, self.broken_link, self._environments)

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return tables_of(self._results)

    @cached_property
    def _recomputed(self) -> dict[str, str]:
        return texts_of(self._results, self._tables)

    def _published(self, name: str) -> str:
        try:
            return self._bytes(name).decode()
        except UnicodeDecodeError:
            path = self._tree.root / TABLES / name
            raise UserError(f"{path}: no text; run snakemake to write it again") from None

    def _bytes(self, name: str) -> bytes:
        path = self._tree.root / TABLES / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; run snakemake first") from None

    @cached_property
    def _groups(self) -> dict[tuple[str, ...], Group]:
        """The rows of the tables by the columns that name them."""
        groups = groups_of(self._graph.runs.values())
        return {(group.method, group.modality, str(group.forget_size)): group for group in groups}

    def _first_broken(self, runs: tuple[str, ...]) -> str | None:
        """The first broken link below the scores of a row's runs."""
        for run in runs:
            for artifact in self._graph.ancestors(self._graph.runs[run].scores):
                link = self.broken_link(artifact.name)
                if link is not None:
                    return link
        return None

    def _broken_link(self, name: str) -> str | None:
        """What is broken of one artifact: record, inputs, files, settings, code, environment."""
        tree = self._tree
        try:
            broken = self._own_fault(name)
        except UserError as error:
            broken = str(error)
        if broken is None:
            return None
        failure = failure_now(self._graph[name], tree, self._environments)
        if failure is None:
            return broken
        before = "" if tree.manifest_digest(name) is None else "; what is here was made before"
        return f"{name}: failed: {failure}{before}"

    def _own_fault(self, name: str) -> str | None:
        tree, mark = self._tree, self._tree.invalidation(name)
        if mark is not None:
            return f"{name}: marked as untrusted: {mark}"
        broken = tree.broken_link(self._graph[name]) or tree.damage(name, not self._fast)
        broken = broken or self._changed(name)
        if broken is None and self._graph[name].stage == "score" and not self._fast:
            broken = score_fault(self._graph[name], tree)
        return broken

    def _changed(self, name: str) -> str | None:
        """What of an artifact's settings, code or environment is not this checkout's."""
        then = self._tree.record(name).recipe
        now = recipe_now(self._graph[name], then, then.inputs)
        causes = differences(then, now, self._environments)
        return f"{name}: {causes[0].kind}: {causes[0].text}" if causes else None

    def _tables_broken(self, runs: tuple[str, ...]) -> str | None:
        """Whether the tables are not proven to be made from the scores of runs, by this code."""
        if isinstance(self._tables_record, str):
            return self._tables_record
        for run in runs:
            name = self._graph.runs[run].scores
            if self._tables_record.recipe.inputs.get(name) != self._tree.manifest_digest(name):
                return f"{TABLES}: made from another {name} than the one here"
        return None

    @cached_property
    def _tables_record(self) -> Record | str:
        """The record of the tables, or why it proves none of them."""
        try:
            record = self._tree.own_record(TABLES)
        except UserError as error:
            return str(error)
        return self._changed(TABLES) or record


def _lines(text: str) -> dict[tuple[str, ...], list[str]]:
    """The lines of a table's CSV by the columns that name the cell."""
    rows = list(csv.reader(text.splitlines()))[1:]
    return {tuple(row[:_KEY]): row[_KEY:] for row in rows}


def _differs(said: list[str] | None, given: list[str]) -> str:
    if said is None:
        return "the line is gone"
    said_one, given_one = next(
        (pair for pair in zip(said, given, strict=False) if pair[0] != pair[1]), ("", "")
    )
    return f"says {said_one or 'nothing'}, the scores give {given_one or 'nothing'}"
