# The matrix of the suite and the helpers that all rules use.

from clearbench.provenance.environment import IMAGE
from clearbench.workflow import Workflow, manifest
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.0")

suite = Workflow(
    config,
    starts_jobs=lambda: workflow.is_main_process,
    in_image=lambda: DeploymentMethod.APPTAINER
    in workflow.deployment_settings.deployment_method,
)
layout = suite.layout


# Used where the profile deploys software by Apptainer; elsewhere the environment that runs snakemake
# runs the jobs.
container: str(IMAGE)


wildcard_constraints:
    method=r"\w+",
    modality="text|visual|both",
    size=r"\d\d",
    seed=r"\d+",
    run=r"(original/forget\d\d|gold/forget\d\d/seed\d+|\w+/(text|visual|both)/forget\d\d/seed\d+)",


onstart:
    suite.hold()
