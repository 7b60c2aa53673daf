# The matrix of the suite and the helpers that all rules use.

from clearbench.workflow import Workflow
from snakemake.utils import min_version

min_version("9.0")

suite = Workflow(config, workflow)


# Used where Snakemake deploys software by Apptainer, as the profile does; elsewhere the environment
# that runs snakemake runs the jobs.
container: suite.image


wildcard_constraints:
    row=r"[\w.-]+(@\w[\w.-]*)?",
    modality="text|visual|both",
    size=r"\d\d",
    seed=r"\d+(\.\d+)*",
    point=r"[\w.-]+",
    stack=r"\d+",
    imported=r"[\w.-]+/(model|gold)",
    external=r"[\w.-]+",
    run=r"[\w@./-]+",


onstart:
    suite.hold()
    suite.try_out()
