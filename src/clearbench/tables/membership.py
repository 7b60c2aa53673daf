"""Membership: whether the forgotten are told from persons whom no model was trained on."""

from clearbench.results.runs import Results
from clearbench.tables.base import Table, make_block, score_column

DOMAINS = ("multimodal", "text")
ATTACKS = {
    "loss": "loss",
    "zlib": "zlib",
    "min_k": "min-k",
    "min_k_plus_plus": "min-k++",
    "reference": "reference",
}
"""The attacks, and what they are called."""

BY_GRADIENTS = {"gradient": "gradient", "gradient_of_tensors": "gradient, by tensors"}
"""Those that a suite has only with `gradients`."""

TOPICS = {
    "distance to gold's AUC": "_distance",
    "AUC": "",
    "true positives at 1 % false ones": "_tpr",
}
"""What is told of each attack, the headline first, and how its metric's name ends."""

PRIVLEAK = {"privleak": "by person", "privleak@open_unlearning": "by sample"}


def build(results: Results) -> Table | None:
    """Each attack's distance to gold, AUC and true positive rate, then PrivLeak.

    None for a suite that holds nobody out.
    """
    percent = results.suite.file.holdout
    if percent is None:
        return None
    attacks = ATTACKS if results.suite.file.gradients is None else ATTACKS | BY_GRADIENTS
    columns = {
        topic: [score_column(f"membership_{key}{end}", name) for key, name in attacks.items()]
        for topic, end in TOPICS.items()
    }
    columns["PrivLeak"] = [score_column(key, header, digits=1) for key, header in PRIVLEAK.items()]
    blocks = [
        make_block(results, size, of_topic, topic)
        for size in results.suite.file.forget_sizes
        for topic, of_topic in columns.items()
    ]
    notes = [
        f"{percent} % of the persons, held out, against those forgotten, a score a person. AUC: 1"
        " where the forgotten are evident, 0.5 where they pass for strangers, below 0.5 where they"
        " are stranger than strangers, which shows them too: read its distance to gold's.",
        "Reference: the loss less the original's, so that the original has 0.5 and gold lies far"
        " below. The other attacks need no second model.",
        "PrivLeak, of min-k, is the difference to gold's AUC in percent of gold's (by sample as"
        " open-unlearning computes it): where gold's is near 0, it is thousands.",
    ]
    return Table("Membership", blocks, notes)
