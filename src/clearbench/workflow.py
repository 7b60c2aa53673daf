"""What the rules ask for: inputs, settings as one JSON text, and which artifacts are to be made.

Snakemake orders and starts jobs; what has to be made again is decided here, from the provenance
records alone. It is told by its own means: the inputs of a current artifact are `ancient`, and an
artifact that has to be made again is forced. `docs/provenance.md` says why.
"""

import fcntl
import json
import logging
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.io import ancient
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod, RerunTrigger
from snakemake_interface_logger_plugins.common import LogEvent

from clearbench.cluster.slurm import grant, left_behind
from clearbench.config.choices import choice, quoted
from clearbench.config.site import SITE, enter, load_site
from clearbench.errors import UserError, of_the_site, unknown
from clearbench.jobs import packages
from clearbench.jobs.artifacts import FAILURE, MANIFEST
from clearbench.jobs.checkout import CHECKOUT, checkout
from clearbench.jobs.environment import PROMISE, SLURM, accepted, image_digest
from clearbench.jobs.fingerprint import code_of
from clearbench.jobs.record import restore_manifest
from clearbench.provenance.why import brief
from clearbench.results.currency import Status, assess
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import TABLES, Graph
from clearbench.suite.load import load_suite, suites_of
from clearbench.tables import table_domains
from clearbench.tables.table2 import single_domain_suites

Wildcards = Mapping[str, str]

_CHOICES = {"suite": "mini", "results": "results"}
"""The keys of `--config` with their defaults."""

_PLAIN = re.compile(r"[\w@%+=:,./-]+")
_BROKEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BREAKS = "a path with a line break or control character"


_STOPPING = "Terminating processes on user request"
_WRAPPED = re.compile(r"^InputFunctionException in rule .*?WorkflowError:\n\s*(.*?)\n", re.S)
_FAILED = "At least one job did not complete successfully."
_STOPPED = "clearbench: stopped by you; what is done stays, and the same command goes on from there"


class Brief(logging.Filter):
    """A filter of Snakemake's log: of a job that failed, what its command said is enough.

    The command itself, which has all settings, is what `--printshellcmds` prints. Where the user
    stopped the run, no job has failed. Of a mistake that a rule's inputs show, where in the code
    they were asked for tells a user nothing.
    """

    stopping = False

    def filter(self, record: logging.LogRecord) -> bool:
        message = str(record.msg)
        self.stopping |= _STOPPING in message
        if getattr(record, "event", None) == LogEvent.JOB_ERROR:
            record.shellcmd = None
            return not self.stopping
        if self.stopping and _FAILED in message:
            record.msg = _STOPPED
        if wrapped := _WRAPPED.match(message):
            record.msg = f"WorkflowError:\n{wrapped[1]}"
        return f"{CalledProcessError.__name__} in file " not in message


class Workflow:
    """A suite as the rules see it.

    `config` is Snakemake's, and `snakemake` its workflow, of which a part is not set before it
    lays out its jobs.
    """

    def __init__(self, config: Mapping[str, Any], snakemake: Any):
        try:
            chosen = _chosen(config)
            self.suite = load_suite(chosen["suite"], Path.cwd())
            self.site = load_site()
        except UserError as error:
            raise WorkflowError(str(error)) from None
        self.root = Path(chosen["results"]) / self.suite.name
        self.graph = Graph(self.suite)
        self._snakemake = snakemake
        self._names = chosen
        for path in self._paths:
            _check_path(path)
        for folder in (self.root, *self.root.parents):
            if folder.exists() and not folder.is_dir():
                raise WorkflowError(f"--config results: {folder} is a file; name a folder")
        _check_path(self.root, "{}", " are wildcards of Snakemake")
        if self._in_image:
            _check_path(Path.cwd(), ":,", " are separators to Apptainer")
            self._check_elsewhere()
        logger.addFilter(Brief())

    def has(self, stage: str) -> bool:
        """Whether the suite has artifacts of a stage."""
        return any(artifact.stage == stage for artifact in self.graph)

    def everything(self) -> list[str]:
        """The manifests of all artifacts: what a whole run leaves."""
        return [self.output(artifact.name) for artifact in self.graph]

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

        def found(wildcards: Wildcards) -> dict[str, str]:
            artifact = self._artifact(pattern, wildcards)
            status = self._statuses.get(artifact.name, Status(artifact))
            edges = {name: self.output(source) for name, source in artifact.inputs.items()}
            if status.causes:
                # As --forcerun would, but without making it a target of every run.
                self._snakemake.dag.forcefiles.add(self.output(artifact.name))
            if status.current:
                edges = {name: ancient(path) for name, path in edges.items()}
            return edges

        return found

    def command(self, pattern: str) -> Callable[[Wildcards], str]:
        """The function that gives the command of a rule's job, quoted."""

        def found(wildcards: Wildcards) -> str:
            return shlex.join(
                self.graph.command(self._artifact(pattern, wildcards).name, self.root)
            )

        return found

    @property
    def image(self) -> str | None:
        """The image that jobs run in where Snakemake deploys software by Apptainer.

        Snakemake takes no path that a shell would have to quote, and wants to know it even where no
        job runs in it.
        """
        path = str(self.site.image.resolve())
        if _PLAIN.fullmatch(path):
            return path
        if self._in_image:
            raise WorkflowError(
                f"{path!r}: Snakemake can't run an image with such a path; allowed: letters,"
                f" digits, _ . - + / @ % = , :; name another in {SITE}"
            )
        return None

    def resources(self, stage: str) -> dict[str, Any]:
        """The resources of a stage's jobs, as keywords of a rule's `resources`."""
        need = self.suite.model.needs()[stage]
        try:
            submission = self.site.submission(need.gpus, need.gpu_gb)
        except UserError as error:
            raise WorkflowError(str(error)) from None

        def growing(amount: int) -> Callable[[Wildcards, int], int]:
            return lambda wildcards, attempt: amount * 2 ** (attempt - 1)

        return {
            "mem_mb": growing(need.mem_mb),
            "runtime": growing(need.minutes),
            **submission,
        }

    def tables_with(self, table: str) -> Callable[[Wildcards], str]:
        """The function that gives the tables of the suite, for a target that shows one of them."""

        def found(wildcards: Wildcards) -> str:
            domains = table_domains(table)
            if self.suite.domain not in domains:
                suites = ", ".join(suites_of(domains, Path.cwd()))
                raise WorkflowError(
                    f"{table}: a table of {', '.join(domains)} suites, {self.suite.name} is a"
                    f" {self.suite.domain} one; choose with --config suite=NAME, of: {suites}"
                )
            return self.output(TABLES)

        return found

    def ranked_tables(self, wildcards: Wildcards) -> str:
        """The same for Table 2, which needs to know of suites of single domains too."""
        tables = self.tables_with("table2")(wildcards)
        try:
            single_domain_suites(self.suite, Path.cwd())
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return tables

    def hold(self) -> None:
        """Hold the results tree until this process ends.

        Raises WorkflowError where another process holds it, or where SLURM jobs of a run that was
        killed are still at work here.
        """
        left = left_behind(Path.cwd())
        if left:
            raise WorkflowError(
                f"SLURM jobs of a run that was killed still work here: {' '.join(left)}; wait for"
                f" their end to keep what they do, or type: scancel {' '.join(left)}"
            )
        path = self.root / ".holder"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._holder = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise _told(error) from None
        try:
            fcntl.flock(self._holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._holder.seek(0)
            raise WorkflowError(
                f"{self.root}: {self._holder.read().strip()} is running on these results;"
                " wait for its end, or stop it"
            ) from None
        except OSError as error:
            print(
                f"clearbench: {self.root}: {error.strerror}; see to it that no other run works on"
                " these results",
                file=sys.stderr,
            )
            return
        self._holder.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        self._holder.write(f"snakemake, process {os.getpid()} on {socket.gethostname()}, {since},")
        self._holder.flush()

    def stop(self) -> None:
        """Spare a run that failed Snakemake's warning of incomplete files, of which there are none.

        Meant for the end of a run.
        """
        self._snakemake.execution_settings.keep_incomplete = False

    def try_out(self) -> None:
        """Try the methods and metrics on random numbers, where cells or scores are to be made.

        What passed is not tried again here, until code or settings of it change.
        Raises WorkflowError for the first mistake, before any job has started. In a process of its
        own, for torch takes seconds to load and all the memory that it ever had.
        """
        tried = [
            status.artifact
            for status in self._statuses.values()
            if status.artifact.stage in ("unlearn", "score") and not status.current
        ]
        code = {
            json.dumps(
                [found.stage, found.options.get("method"), found.settings], sort_keys=True
            ): (code_of(found.stage, found.resolved))
            for found in tried
        }
        digest = sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()
        passed = Path(".snakemake") / "tried" / digest
        if not tried or passed.exists() or find_spec("torch") is None:
            return
        command = [sys.executable, "-m", "clearbench", "check", "--suite", str(self.suite.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise WorkflowError(done.stderr.strip().removeprefix("clearbench: "))
        with suppress(OSError):
            passed.parent.mkdir(parents=True, exist_ok=True)
            passed.touch()

    @cached_property
    def _statuses(self) -> dict[str, Status]:
        """What is current; nothing in the processes of single jobs, which do not decide."""
        try:
            self._set_up()
            if not self._snakemake.is_main_process:
                return {}
            self.suite.check_sources()
            # A job that did not get as far as its work has put back nothing.
            for artifact in self.graph:
                with suppress(OSError):
                    restore_manifest(self.root / artifact.name)
            environments = accepted(self.site.image, self._in_image)
            found = assess(self.graph, Tree(self.root), environments)
        except (UserError, OSError) as error:
            raise _told(error) from None
        if not self._snakemake.dryrun:
            self._forget_failures(found)
        for line in (*brief(found.values()), *self._remarks(found)):
            print(f"clearbench: {line}", file=sys.stderr)
        return found

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
        methods = self._snakemake.deployment_settings.deployment_method
        return DeploymentMethod.APPTAINER in methods

    def _set_up(self) -> None:
        """Make this process one whose jobs find their image, and refuse to run in another."""
        self._silence()
        if self._snakemake.is_main_process:
            for name in (PROMISE, CHECKOUT):
                os.environ.pop(name, None)
        # Of the processes of a SLURM job the first one asks, and tells the others.
        told = json.loads(os.environ.get(SLURM, "null"))
        if (told and told["job"]) != os.environ.get("SLURM_JOB_ID"):
            os.environ[SLURM] = json.dumps(grant(self._snakemake.execution_settings.attempt))
        # Known only now, other than the image.
        if self._snakemake.non_local_exec:
            self._check_elsewhere()
        if not self._in_image:
            return
        if not self.site.image.is_file():
            raise UserError(
                f"{self.site.image}: no such image; make it with `make container`, or name another"
                f" in {SITE}"
            )
        # A job inherits what the process that planned it promised, and found as the commit.
        os.environ.setdefault(PROMISE, image_digest(self.site.image))
        os.environ.setdefault(CHECKOUT, json.dumps(checkout()))
        enter(self.site)

    @property
    def _paths(self) -> tuple[Path, ...]:
        return Path.cwd(), self.suite.path, self.root

    def _check_elsewhere(self) -> None:
        """Raise WorkflowError for names that Snakemake does not pass on whole to other machines."""
        for path in self._paths:
            _check_path(path, "$`\\\"'", " are not passed on to jobs on other machines")
        for key, value in self._names.items():
            if choice(key, value) != f"{key}={value}":
                raise WorkflowError(
                    f"--config {key}: {value}: needs quotes, which are not passed on to jobs on"
                    " other machines; choose another path"
                )

    def _silence(self) -> None:
        """Let neither Snakemake's own notes nor the times of files decide anything."""
        snakemake = self._snakemake
        # The notes go by the image's path, and whether there was one at all.
        snakemake.dag_settings.rerun_triggers = frozenset({RerunTrigger.MTIME})
        # Whatever a job that failed or was killed has left is whole: what was there, or the new.
        snakemake.execution_settings.keep_incomplete = True
        snakemake.dag.ignore_incomplete = True

        async def unchecked(*_: Any) -> None:
            """In place of an error where an input is newer than what was just made from it."""

        snakemake.dag.check_output_mtime = unchecked

    def _artifact(self, pattern: str, wildcards: Wildcards) -> Artifact:
        name = pattern.format(**dict(wildcards.items()))
        if name not in self.graph:
            raise WorkflowError(f"{name}: not of the suite {self.suite.name} ({self.suite.path})")
        return self.graph[name]


def _chosen(config: Mapping[str, Any]) -> dict[str, str]:
    """The values of `--config`; UserError for another key, and for what is no text."""
    for key, value in config.items():
        if key not in _CHOICES:
            raise UserError(f"--config {key}: {unknown(key, _CHOICES, 'unknown key')}")
        if not isinstance(value, str):
            remedy = {"suite": "suite=config/NAME.yaml", "results": "results=./FOLDER"}[key]
            read = "empty" if value is None else f"read as {value!r}, which is no text"
            raise UserError(f"--config {key}: {read}; write it as {remedy}")
        same = [f"{key}={quote}{value}{quote}" for quote in ("", "'", '"')]
        for word in sys.argv:
            typed = word.removeprefix(f"{key}=")
            if typed == word or word in (*same, quoted(key, value)):
                continue
            if _BROKEN.search(typed):
                raise UserError(f"--config {key}: {typed!r}: {_BREAKS}")
            remedy = shlex.quote(quoted(key, typed))
            raise UserError(f"--config {key}: read as {value!r}; write it as {remedy}")
    return {**_CHOICES, **config}


def _told(error: UserError | OSError) -> WorkflowError:
    """A mistake or a trouble of the site as Snakemake tells it; a fault of the code is raised."""
    if isinstance(error, UserError):
        return WorkflowError(str(error))
    if not of_the_site(error):
        raise error
    return WorkflowError(f"{error.filename or 'results'}: {error.strerror}")


def _check_path(path: Path, forbidden: str = "", reason: str = "") -> None:
    """Raise WorkflowError for a path that Snakemake or a command can't be given."""
    if _BROKEN.search(str(path)):
        raise WorkflowError(f"{str(path)!r}: {_BREAKS}")
    found = [letter for letter in forbidden if letter in str(path)]
    if found:
        raise WorkflowError(f"{path}: {' '.join(found)}{reason}; choose another path")
