"""Whether an engine would take the jobs of a suite, where it can be asked without a job."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from clearbench.cluster.doctor.finding import Finding
from clearbench.config.files import Need
from clearbench.config.site import SITE
from clearbench.errors import UserError
from clearbench.suite.suite import Suite


def examine(
    engine: str, suite: Suite, test: Callable[[Need], object], keys: str, look: str
) -> Iterator[Finding]:
    """Why the engine would refuse jobs, by reason; `test` raises UserError for a need refused.

    `keys` of the site file are those that may have to be set, `look` is what shows the choice.
    """
    stages: dict[str, list[str]] = defaultdict(list)
    # Many stages need the same, and each question takes a while.
    answers: dict[str, str | None] = {}
    for stage, need in suite.model.needs().items():
        key = need.model_dump_json()
        if key not in answers:
            answers[key] = _reason(test, need)
        if reason := answers[key]:
            asked = f"{need.gpus} GPUs, {need.mem_mb} MB, {need.minutes} minutes"
            stages[reason].append(f"{stage} ({asked})")
    for reason, refused in stages.items():
        told = f"{engine} refuses those of {', '.join(refused)}: {reason}"
        yield Finding(
            "jobs",
            told,
            f"set {keys} in {SITE}, or resources in"
            f" config/models/{suite.file.model}.yaml; `{look}` shows what there is",
        )
    if not stages:
        yield Finding("jobs", f"{engine} takes those of all stages")


def _reason(test: Callable[[Need], object], need: Need) -> str | None:
    """Why a job would be refused; None if it would not."""
    try:
        test(need)
    except UserError as error:
        return str(error).removeprefix("allocation failure: ")
    return None
