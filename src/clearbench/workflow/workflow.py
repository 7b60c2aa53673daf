"""A suite as the rules see it."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.io import ancient
from snakemake.logging import logger

from clearbench.cluster.ends import ends
from clearbench.config.site import SITE, load_site
from clearbench.errors import UserError
from clearbench.jobs import packages
from clearbench.jobs.artifacts import FAILURE, MANIFEST
from clearbench.jobs.checkout import checkout
from clearbench.jobs.environment import accepted
from clearbench.jobs.record import restore_manifest
from clearbench.provenance.why import brief
from clearbench.results.currency import Status
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import REPORT, TABLES, Graph
from clearbench.suite.load import load_suite, suites_of
from clearbench.tables import table_domains, table_modality
from clearbench.tables.claims import check as check_claims
from clearbench.tables.table2 import single_domain_suites
from clearbench.workflow.growth import grown_memory, grown_time
from clearbench.workflow.holding import hold
from clearbench.workflow.log import Brief
from clearbench.workflow.names import check_elsewhere, check_path, is_plain, read_choices
from clearbench.workflow.one_line import OneLine
from clearbench.workflow.process import in_image, set_up, silence, starts_jobs, unlimit
from clearbench.workflow.remaining import Remaining
from clearbench.workflow.rights import check_folder, check_notes, check_outputs
from clearbench.workflow.sharing import cells_of, shared_jobs
from clearbench.workflow.shown import check_shown
from clearbench.workflow.taking_over import asked_for, take_over
from clearbench.workflow.troubles import told
from clearbench.workflow.trying import try_out
from clearbench.workflow.warmth import warm_up

Wildcards = Mapping[str, str]

SHOWN = {
    "tables": (TABLES, "*.csv"),
    "figures": (TABLES, "*.svg"),
    "page": (REPORT, "*.html"),
}
"""What `snakemake --report` shows, by category: the files of an artifact."""


class Workflow:
    """A suite as the rules see it.

    `config` is Snakemake's, and `snakemake` its workflow, of which a part is not set before it
    lays out its jobs.
    """

    def __init__(self, config: Mapping[str, Any], snakemake: Any):
        try:
            self._chosen = read_choices(config)
            self.suite = load_suite(self._chosen["suite"], Path.cwd())
            self.site = load_site()
        except (UserError, OSError) as error:
            raise told(error) from None
        self.root = Path(self._chosen["results"]) / self.suite.name
        self.graph = Graph(self.suite)
        self._snakemake = snakemake
        self._decided: Mapping[str, Status] | None = None
        self._shared: Mapping[str, str] = {}
        self._held = False
        for path in self._paths:
            check_path(path)
        try:
            check_notes()
            check_folder(self.root)
        except OSError as error:
            raise told(error) from None
        check_path(self.root, "{}", " are wildcards of Snakemake")
        if self._in_image:
            check_path(Path.cwd(), ":,", " are separators to Apptainer")
            check_elsewhere(self._paths, self._chosen)
        logger.addFilter(Brief())

    def has(self, stage: str) -> bool:
        """Whether the suite has artifacts of a stage."""
        return any(artifact.stage == stage for artifact in self.graph)

    def everything(self) -> list[str]:
        """The manifests of all artifacts: what a whole run leaves."""
        return [self.output(artifact.name) for artifact in self.graph]

    def shown(self, report: Callable[..., str]) -> Callable[[Wildcards], list[str]]:
        """The function that gives the files that `snakemake --report` shows, each marked.

        They lie beside manifests, which are all that rules make, so that they are inputs of the
        whole; of artifacts that would be left alone, for others may have other files by then.
        """
        captions = {
            name: self._snakemake.current_basedir.join(f"rules/captions/{name}.rst")
            for name in SHOWN
        }

        def shown(wildcards: Wildcards) -> list[str]:
            decided = self._decide()
            return [
                report(
                    str(path),
                    caption=captions[category],
                    category=category,
                    labels={"file": path.name},
                )
                for category, (name, pattern) in SHOWN.items()
                if name in decided and decided[name].current
                for path in sorted(self.folder(name).glob(pattern))
            ]

        return shown

    def folder(self, name: str) -> Path:
        """The folder of an artifact."""
        return self.root / name

    def output(self, pattern: str) -> str:
        """The output of a rule: the manifest of the artifact whose name is `pattern`."""
        return str(self.folder(pattern) / MANIFEST)

    def log(self, pattern: str) -> str:
        """The log of the job that makes an artifact."""
        return str(self.root / "logs" / f"{pattern}.log")

    @property
    def partial_tables(self) -> Path:
        """The tables of a run that stopped early."""
        return self.root / "partial-tables"

    def inputs(self, pattern: str) -> Callable[[Wildcards], dict[str, str]]:
        """The function that gives the inputs of a rule's job, by name.

        `pattern` is the artifact's name with the rule's wildcards. An input of an artifact is the
        manifest of another.
        """

        def inputs(wildcards: Wildcards) -> dict[str, str]:
            artifact = self._artifact(pattern, wildcards)
            status = self._decide().get(artifact.name)
            if status is not None and status.causes:
                # As --forcerun would, but without making it a target of every run.
                self._snakemake.dag.forcefiles.add(self.output(artifact.name))

            def is_old(source: str) -> bool:
                if status is None:
                    # In the process of a job that cells share, what is made there follows.
                    cell = self._cell_of.get(source)
                    return cell is None or cell != self._cell_of.get(artifact.name)
                return status.current

            edges = {
                name: (source, self.output(source)) for name, source in artifact.inputs.items()
            }
            return {
                name: ancient(path) if is_old(source) else path
                for name, (source, path) in edges.items()
            }

        return inputs

    def command(self, pattern: str) -> Callable[[Wildcards], str]:
        """The function that gives the command of a rule's job, quoted."""

        def command(wildcards: Wildcards) -> str:
            return shlex.join(
                self.graph.command(self._artifact(pattern, wildcards).name, self.root)
            )

        return command

    @property
    def image(self) -> str | None:
        """The image that jobs run in where Snakemake deploys software by Apptainer.

        Snakemake takes no path that a shell would have to quote, and wants to know it even where no
        job runs in it.
        """
        path = str(self.site.image.resolve())
        if is_plain(path):
            return path
        if self._in_image:
            raise WorkflowError(
                f"{path!r}: Snakemake can't run an image with such a path; allowed: letters,"
                f" digits, _ . - + / @ % = , :; name another in {SITE}"
            )
        return None

    def resources(self, stage: str, pattern: str = "") -> dict[str, Any]:
        """The resources of a stage's jobs, as keywords of a rule's `resources`.

        `pattern` is the name of what they make, with the rule's wildcards; without it, nobody knows
        how an attempt ended, and the next one gets more of everything.
        """
        need = self.suite.model.need(stage)
        try:
            asked = self.site.resources(need)
        except UserError as error:
            raise WorkflowError(str(error)) from None

        def ends_of(wildcards: Wildcards) -> list[str]:
            return ends(self.output(pattern.format(**dict(wildcards.items()))))

        def memory(wildcards: Wildcards, attempt: int) -> int:
            return self.site.mem_mb(grown_memory(need.mem_mb, attempt, ends_of(wildcards)))

        def minutes(wildcards: Wildcards, attempt: int) -> int:
            return self.site.minutes(grown_time(need.minutes, attempt, ends_of(wildcards)))

        # Jobs that share one of a cluster take turns: there, `turn` is limited to one.
        return {"mem_mb": memory, "runtime": minutes, "turn": 1, **asked}

    def group(
        self, pattern: str, otherwise: str | None = None
    ) -> Callable[[Wildcards], str | None]:
        """The function that gives the group of a rule's job: those that share one of a cluster.

        `otherwise` is that of artifacts that share none with the rest of their cell.
        """

        def group(wildcards: Wildcards) -> str | None:
            self._decide()
            return self._shared.get(pattern.format(**dict(wildcards.items())), otherwise)

        return group

    def tables_with(self, table: str) -> Callable[[Wildcards], str]:
        """The function that gives the tables of the suite, for a target that shows one of them."""

        def tables(wildcards: Wildcards) -> str:
            domains = table_domains(table)
            if self.suite.domain not in domains:
                suites = ", ".join(suites_of(domains, Path.cwd()))
                raise WorkflowError(
                    f"{table}: a table of {', '.join(domains)} suites, {self.suite.name} is a"
                    f" {self.suite.domain} one; choose with --config suite=NAME, of: {suites}"
                )
            modality = table_modality(table)
            if modality is not None and modality not in self.suite.file.modalities:
                raise WorkflowError(
                    f"{table}: a table of cells that forget {modality}, and {self.suite.name} has"
                    f" modalities: {', '.join(self.suite.file.modalities)}; add {modality}"
                )
            return self.output(TABLES)

        return tables

    def ranked_tables(self, wildcards: Wildcards) -> str:
        """The tables of the suite, for Table 2, which needs suites of single domains too."""
        tables = self.tables_with("table2")(wildcards)
        try:
            single_domain_suites(self.suite, Path.cwd())
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return tables

    def tested_tables(self, wildcards: Wildcards) -> str:
        """The tables of the suite, for the paper's claims, which need certain keys of it."""
        tables = self.tables_with("claims")(wildcards)
        try:
            check_claims(self.suite)
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return tables

    def hold(self) -> None:
        """Hold the results tree until this process ends; WorkflowError where another does."""
        if not self._held:
            self._holder = hold(self.root)
            self._held = True

    def stop(self) -> None:
        """Spare a run that failed Snakemake's warning of incomplete files, of which there are none.

        Meant for the end of a run.
        """
        self._snakemake.execution_settings.keep_incomplete = False

    def try_out(self) -> None:
        """Try the methods and metrics that this run would use; WorkflowError for a mistake."""
        try_out(self.suite.path, self._decide().values())

    def _decide(self) -> Mapping[str, Status]:
        """Find out, once a process, what is current, and tell; Snakemake goes by it from then on.

        Nothing in the processes of single jobs, which do not decide. Known only when Snakemake asks
        for the inputs of its jobs: before that, its workflow does not know where these run.
        """
        if self._decided is None:
            try:
                self._decided = self._assess()
            except (UserError, OSError) as error:
                raise told(error) from None
        return self._decided

    def _assess(self) -> Mapping[str, Status]:
        silence(self._snakemake)
        unlimit(self._snakemake)
        set_up(self._snakemake, self.site)
        warm_up(self._snakemake, self.site)
        if self._snakemake.non_local_exec:
            check_elsewhere(self._paths, self._chosen)
        if not self._snakemake.is_main_process:
            return {}
        self.suite.check_sources()
        if self._in_image:
            data = (path for artifact in self.graph for path in artifact.outside.values())
            arguments = self._snakemake.deployment_settings.apptainer_args
            check_shown(self.site.image, arguments, self.root, data)
        # A job that did not get as far as its work has put back nothing.
        for artifact in self.graph:
            with suppress(OSError):
                restore_manifest(self.root / artifact.name)
        environments = accepted(self.site.image, self._in_image)
        asked = asked_for(self.graph, self.root, self._snakemake.dag)
        holding = self.hold if starts_jobs(self._snakemake) else None
        statuses, taken = take_over(self.graph, self.root, environments, asked, holding)
        if not self._snakemake.dryrun:
            self._forget_failures(statuses)
        for line in (*taken, *brief(statuses.values()), *self._remarks(statuses)):
            print(f"clearbench: {line}", file=sys.stderr)
        wanted = [s.artifact for s in statuses.values() if not s.current]
        ahead = [a for a in wanted if asked is None or a.name in asked]
        outputs, logs = ([path(a.name) for a in ahead] for path in (self.output, self.log))
        check_outputs(outputs, logs, only_looks=holding is None)
        if holding is not None:
            self._tell(Remaining(ahead, self.root))
        if self._snakemake.non_local_exec:
            self._share({artifact.name for artifact in wanted})
        return statuses

    @cached_property
    def _cell_of(self) -> Mapping[str, str]:
        """What is made of cells, each with the weights of its own."""
        cells = (names for cells in cells_of(self.graph).values() for names in cells)
        return {name: names[0] for names in cells for name in names}

    def _share(self, wanted: Collection[str]) -> None:
        """Let cells share jobs of the cluster, as the site says."""
        self._shared = shared_jobs(self.graph, wanted, self.site)
        settings = self._snakemake.group_settings
        # Of any number of cells, which have nothing to do with each other.
        all_of_them = dict.fromkeys(self._shared.values(), len(self._shared))
        settings.group_components = {**settings.group_components, **all_of_them}

    def _tell(self, remaining: Remaining) -> None:
        """Tell how far the run is: on a terminal in one line, unless more is asked for."""
        output = self._snakemake.output_settings
        asked = output.verbose or output.printshellcmds
        # Jobs of a cluster have numbers there, which are told with each.
        if not sys.stderr.isatty() or asked or self._snakemake.non_local_exec:
            logger.addFilter(remaining)
            return
        # Bars of several jobs at once would write over the line, and over each other.
        os.environ.setdefault("TQDM_DISABLE", "1")
        logger.addFilter(OneLine(remaining, sys.stderr))

    def _forget_failures(self, statuses: Mapping[str, Status]) -> None:
        """Remove what tells of failures, where what failed is no longer asked for."""
        if all(status.current for status in statuses.values()):
            shutil.rmtree(self.partial_tables, ignore_errors=True)
        for name, status in statuses.items():
            if status.current:
                with suppress(OSError):
                    (self.root / name / FAILURE).unlink(missing_ok=True)

    def _remarks(self, statuses: Mapping[str, Status]) -> Iterator[str]:
        """What a user should know of the records that a run would write."""
        if all(status.current for status in statuses.values()):
            return
        unknown = checkout()["commit_unknown"]
        if unknown is not None:
            yield f"commit unknown, records will have none: {unknown}"
        differing = {} if self._in_image else packages.unlocked()
        if differing:
            yield f"{packages.remark(differing)}; no audit will prove what is made with these"

    @property
    def _in_image(self) -> bool:
        return in_image(self._snakemake)

    @property
    def _paths(self) -> tuple[Path, ...]:
        return Path.cwd(), self.suite.path, self.root

    def _artifact(self, pattern: str, wildcards: Wildcards) -> Artifact:
        name = pattern.format(**dict(wildcards.items()))
        if name not in self.graph:
            raise WorkflowError(f"{name}: not of the suite {self.suite.name} ({self.suite.path})")
        return self.graph[name]
