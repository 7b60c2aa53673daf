"""ROUGE-L recall of the greedy answer."""

from clearbench.metrics.base import Records, Values, task_metric


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def rouge_l(records: Records) -> Values:
    """Mean ROUGE-L recall of the greedy answer against the true answer, stems compared.

    LCS(answer, generated) / |answer| in words. Words are runs of ASCII letters and digits, as in
    the `rouge-score` package; an answer without any scores 0. Source: Lin 2004; as in TOFU, arXiv
    2401.06121.
    """
    # Imported here: it loads nltk, which takes longer than all other metrics together.
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return [scorer.score(record.answer, record.generated)["rougeL"].recall for record in records]
