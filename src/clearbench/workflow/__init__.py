"""What the rules ask for: inputs, commands, and which artifacts are to be made.

Snakemake orders and starts jobs; what has to be made again is decided here, from the provenance
records alone. It is told by its own means: the inputs of a current artifact are `ancient`, and an
artifact that has to be made again is forced. `docs/provenance.md` says why.
"""

from clearbench.workflow.workflow import Workflow

__all__ = ["Workflow"]
