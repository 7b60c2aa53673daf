"""What CLEAR's paper (arXiv 2410.18057v4) prints in its tables: our numbers stand beside these.

Values as printed, two decimals each; accuracies of Table 5 as percentages. All forget 10 % of the
persons.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from clearbench.config.settings import Domain
from clearbench.metrics.headline import AGGREGATES, PRINTED

SIZE = 10
"""The forget size of all tables, in percent of persons."""


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper, or its part on one model.

    `model` is the model's file in `config/models`. A row is named by method and modality, a
    control's modality is `-`; its values are those of `metrics`, in our names, `percent` of them as
    percentages.
    """

    number: int
    model: str
    metrics: tuple[str, ...]
    rows: Mapping[tuple[str, str], tuple[float, ...]]
    percent: tuple[str, ...] = ()

    def value(self, method: str, modality: str, metric: str) -> float | None:
        """The printed value in our units; None where the paper has none."""
        row = self.rows.get((method, modality))
        if row is None or metric not in self.metrics:
            return None
        return row[self.metrics.index(metric)] / (100 if metric in self.percent else 1)


def _rows(text: str) -> dict[tuple[str, str], tuple[float, ...]]:
    """Rows of method, modality and values."""
    lines = (line.split() for line in text.strip().splitlines())
    return {(line[0], line[1]): tuple(map(float, line[2:])) for line in lines}


TABLE_1 = PaperTable(
    1,
    "llava-1.5-7b",
    PRINTED,
    _rows("""
gold      -       .50  .51  .19 1.00
original  -       .48  .51  .35  .85
dpo       both    .46  .48  .22  .84
gd        both    .29  .00  .00  .18
ga        both    .27  .00  .00  .67
idk       both    .48  .51  .33  .84
kl        both    .25  .00  .00  .67
llmu      both    .47  .51  .25  .84
npo       both    .46  .14  .11  .76
retain_ft both    .49  .51  .37  .85
rmu       both    .24  .00  .00  .75
scrub     both    .49  .52  .36  .85
sku       both    .40  .32  .37  .83
"""),
)

TABLE_2: Mapping[Domain, PaperTable] = {
    "multimodal": PaperTable(
        2,
        "llava-1.5-7b",
        ("forget", "retain"),
        _rows("""
llmu      both    .25  .51
dpo       both    .22  .48
scrub     both    .36  .52
idk       both    .33  .51
rmu       both    .00  .00
retain_ft both    .37  .51
"""),
    ),
    "text": PaperTable(
        2,
        "llama-2-7b",
        ("forget", "retain"),
        _rows("""
llmu      text    .01  .03
dpo       text    .42  .26
scrub     text    .42  .26
idk       text    .24  .26
rmu       text    .59  .26
retain_ft text    .42  .26
"""),
    ),
    "vision": PaperTable(
        2,
        "resnet-18",
        ("forget_accuracy", "retain_accuracy"),
        _rows("""
llmu      visual 85.20  88.90
dpo       visual 50.20  81.40
scrub     visual 42.59  99.40
rmu       visual 67.90  99.00
retain_ft visual 100.0  100.0
"""),
        percent=("forget_accuracy", "retain_accuracy"),
    ),
}
"""Its rows of each domain. The row of scrub has for vision what Table 5 has for scrub_bio."""

TABLE_3 = PaperTable(
    3,
    "llava-1.5-7b",
    PRINTED,
    _rows("""
rmu       text    .31  .01  .02  .75
rmu       visual  .24  .00  .00  .75
rmu       both    .22  .00  .00  .80
gd        text    .26  .00  .00  .79
gd        visual  .29  .00  .00  .20
gd        both    .49  .51  .37  .85
retain_ft text    .49  .51  .37  .85
retain_ft visual  .46  .45  .42  .85
retain_ft both    .46  .46  .40  .85
ga        text    .34  .00  .00  .22
ga        visual  .29  .00  .00  .32
ga        both    .29  .00  .00  .32
kl        text    .49  .32  .23  .71
kl        visual  .29  .00  .00  .28
kl        both    .48  .35  .27  .81
idk       text    .48  .50  .39  .85
idk       visual  .44  .45  .35  .84
idk       both    .46  .46  .33  .84
npo       text    .51  .51  .29  .85
npo       visual  .48  .43  .24  .84
npo       both    .49  .00  .00  .72
scrub     text    .49  .51  .37  .85
scrub     visual  .48  .49  .39  .85
scrub     both    .49  .51  .37  .85
dpo       text    .47  .45  .42  .85
dpo       visual  .48  .49  .23  .84
dpo       both    .46  .47  .28  .84
llmu      text    .48  .46  .40  .85
llmu      visual  .49  .50  .37  .85
llmu      both    .47  .48  .33  .84
"""),
)

TABLE_4 = PaperTable(
    4,
    "llama-2-7b",
    (*AGGREGATES, "forget_quality_ks_ln"),
    _rows("""
original  -         .47    .26    .42  -3.92
gold      -         .48    .26    .24    0.0
retain_ft text      .50    .26    .42  -4.92
llmu      text      .38    .03    .01  -2.31
kl        text      .24    .00    .00 -18.22
ga        text      .25    .00    .00 -17.22
gd        text      .61    .13    .01 -48.59
idk       text      .46    .26    .24  -4.92
dpo       text      .50    .26    .42  -4.92
scrub     text      .50    .26    .42  -4.92
rmu       text      .51    .26    .59 -42.86
npo       text      .50    .28    .62 -44.46
"""),
)

TABLE_4_MISTRAL = PaperTable(
    4,
    "mistral-7b-v0.3",
    (*AGGREGATES, "forget_quality_ks_ln"),
    _rows("""
retain_ft text      .67    .34    .47  -3.87
llmu      text      .65    .30    .39  -6.69
kl        text      .28    .00    .00 -50.30
ga        text      .26    .00    .00 -36.06
gd        text      .60    .01    .00 -51.16
idk       text      .63    .32    .45  -2.72
dpo       text      .67    .33    .47  -3.63
scrub     text      .66    .33    .47  -3.39
rmu       text      .09    .00    .00 -123.22
npo       text      .67    .33    .47  -3.16
"""),
)

TABLE_5 = PaperTable(
    5,
    "resnet-18",
    ("forget_accuracy", "holdout_accuracy", "retain_accuracy", "u_lira", "u_mia"),
    _rows("""
original  -      100.00  18.50 100.00   1.00    .96
gold      -       15.43  15.04  97.52    .50    .50
retain_ft visual 100.00  18.54 100.00   1.00    .92
scrub     visual  99.74  16.77  99.93    .98    .90
llmu      visual  85.72  14.62  88.99    .83    .75
rmu       visual  67.97  17.27  99.99    .77    .60
dpo       visual  50.21  13.93  81.49    .73    .62
scrub_bio visual  42.59  14.25  99.44    .71    .57
sparsity  visual  66.41  14.44  83.57    .78    .73
twins     visual  50.00  20.34  99.72    .73    .54
"""),
    percent=("forget_accuracy", "holdout_accuracy", "retain_accuracy"),
)

TABLE_6 = PaperTable(
    6,
    "qwen2-vl-2b",
    PRINTED,
    _rows("""
gold      -       .27  .66  .05 1.00
original  -       .27  .65  .40  .97
gd        both    .20  .15  .05  .36
ga        both    .17  .10  .05  .89
idk       both    .04  .65  .40  .98
kl        both    .18  .04  .05  .87
llmu      both    .07  .63  .33  .99
npo       both    .16  .20  .13  .97
retain_ft both    .25  .66  .32  .98
scrub     both    .25  .65  .39  .98
"""),
)
