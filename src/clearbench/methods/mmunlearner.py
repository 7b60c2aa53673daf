"""MMUnlearner: the forget set's own weights climb, all repair."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from clearbench.methods.alternation import ForgetStep
from clearbench.methods.base import Method, Trainer, View
from clearbench.methods.importances import outweighing
from clearbench.models.answers import cross_entropy


@dataclass(frozen=True)
class MMUnlearner(Method):
    """Climb the loss of one modality of persons where what is kept needs the weights less.

    Steps on R alone: CE(R), on all weights. Between them steps on F alone: -CE(F), on the weights
    where (I_F + 10⁻¹⁵) / (I_P + 10⁻¹⁵) ≥ `threshold`. I_F and I_P are means of the original's
    squared gradients of CE, over the batches that reach a weight. P is what is kept: R, and what is
    known of the forgotten persons by the other modality; so of a vision tower, which texts do not
    reach, P is the pictures of R. After each step on F there are `retain_steps` on R; 0 for as many
    as R has samples for one of F, rounded down. For full weights. Source: arXiv 2502.11051.
    """

    student_reads = ("forget", "retain")
    importances = ("forget", "kept")
    separate = True
    weights = ("full",)
    domains = ("multimodal",)

    threshold: Annotated[float, Field(ge=0)] = 1.0
    retain_steps: Annotated[int, Field(ge=0)] = 0

    def repair(self, student: View, reference: View) -> Tensor:
        """CE on the retain batch."""
        return cross_entropy(student.retain)

    def ascent(self, student: View, reference: View) -> Tensor:
        """Negative CE on the forget batch."""
        return -cross_entropy(student.forget)

    def unlearn(self, trainer: Trainer) -> None:
        """Measure, then take steps on either set."""
        mask = outweighing(*trainer.importances("forget", "kept"), threshold=self.threshold)
        trainer.alternate(self.repair, ForgetStep(self.ascent, mask), self.retain_steps)
