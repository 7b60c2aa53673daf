"""Accuracy among the candidate answers."""

from clearbench.metrics.base import Records, Values, task_metric
from clearbench.metrics.definitions import OF_LOSSES, Definition
from clearbench.metrics.losses import has_candidates


@task_metric(low=0, high=1, better="up", better_on_forget="down", definitions=OF_LOSSES)
def accuracy(records: Records, definition: Definition) -> Values | None:
    """Share of samples whose true answer has the lowest loss a token among the candidates.

    The true answer competes in the wording that the perturbed answers share (`paraphrase_loss`):
    against the verbatim training answer they would lose by their wording alone, and the metric
    would reward remembered words. Names and options have one wording, the answer's. A tie is not
    right. None without perturbed answers. Source: CLEAR's face accuracy, arXiv 2410.18057.
    """
    if not has_candidates(records):
        return None
    return [float(record.paraphrase_loss < min(record.perturbed_losses)) for record in records]
