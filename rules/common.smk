# The matrix of the suite and the helpers that all rules use.

from clearbench.workflow import Workflow
from snakemake.utils import min_version

min_version("9.0")

suite = Workflow(config, workflow)


# Used where Snakemake deploys software by Apptainer, as the profile does; elsewhere the environment
# that runs snakemake runs the jobs.
container: suite.image


# A signal that asks a job to end goes to all of its processes: its shell waits for what it has started,
# and what the job still says gets into its log. Snakemake removes that before the next attempt; the file
# beside it keeps what all have said.
shell.prefix(
    r"""set -euo pipefail; trap : TERM; logged() {{ local all="${{1%.log}}.attempts";
printf '== %(%F %T %z)T on %s\n' -1 "$HOSTNAME" >> "$all";
(trap '' HUP INT TERM; exec tee -a -- "$1" "$all" >&2); }}; """
)


wildcard_constraints:
    row=r"[\w.-]+(@\w[\w.-]*)?",
    modality="text|visual|both",
    size=r"\d\d",
    # Of a repeat or a recipe, what tells it apart comes after a dot.
    seed=r"\d+(\.[\w-]+)*",
    point=r"[\w.-]+",
    stack=r"\d+",
    request=r"\d+",
    imported=r"[\w.-]+/(model|gold)",
    external=r"[\w.-]+",
    run=r"[\w@./-]+",


onstart:
    suite.hold()
    suite.try_out()
