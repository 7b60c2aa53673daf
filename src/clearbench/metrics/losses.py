"""What the metrics of likelihood share: losses that may be infinite, candidates that may lack."""

from collections.abc import Sequence

from clearbench.errors import UserError
from clearbench.evaluation.records import Record


def difference(loss: float, other: float) -> float:
    """`loss - other`, and 0 for two infinite losses: of two impossible answers neither is likelier.

    Nats, in [-inf, inf], never NaN.
    """
    return 0.0 if loss == other else loss - other


def has_candidates(records: Sequence[Record]) -> bool:
    """Whether the task has perturbed answers; UserError where only some of its samples do."""
    lacking = [record for record in records if not record.perturbed_losses]
    if lacking and len(lacking) < len(records):
        first = lacking[0]
        raise UserError(
            f"{first.split}/{first.task}/{first.id}: has no perturbed answer, other samples of its"
            " task do; allowed are all or none"
        )
    return not lacking
