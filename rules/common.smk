# The matrix of the suite and the helpers that all rules use.

from clearbench.errors import UserError
from clearbench.workflow import Workflow, forget_size, manifest
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")

try:
    suite = Workflow(config)
except UserError as error:
    raise WorkflowError(str(error)) from None

layout = suite.layout


# Used where the profile deploys software by Apptainer; elsewhere the environment that runs snakemake
# runs the jobs.
container: "clearbench-cuda.sif"


wildcard_constraints:
    method=r"\w+",
    modality="text|visual|both",
    size=r"\d\d",
    seed=r"\d+",
    run=r"(original/forget\d\d|gold/forget\d\d/seed\d+|\w+/(text|visual|both)/forget\d\d/seed\d+)",
