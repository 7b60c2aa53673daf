"""Rendering: a table as CSV for machines, Markdown for a terminal, LaTeX for a paper."""

import csv
import io

from tabulate import LATEX_ESCAPE_RULES, tabulate

from clearbench.evaluation.limit import told
from clearbench.metrics.bootstrap import FEW, LEAST
from clearbench.metrics.keys import Key
from clearbench.results.runs import Results
from clearbench.suite.suite import Suite
from clearbench.tables.base import Block, Row, Table
from clearbench.tables.caveats import DECIDED_NOTE
from clearbench.tables.remarks import Remarks, listed

CSV_HEADER = (
    "method",
    "modality",
    "forget_size",
    "metric",
    "mean",
    "std",
    "low",
    "high",
    "n",
    "seeds",
    "status",
    "detail",
)
_LATEX_SYMBOLS = {
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "±": r"$\pm$",
    "–": "--",
    "§": r"\S{}",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "≈": r"$\approx$",
    "ρ": r"$\rho$",
    "√": r"$\surd$",
    "²": r"$^2$",
}


def to_csv(table: Table) -> str:
    """One line an entry, in full precision; `n` of the `seeds` asked for have the number.

    `low` and `high` are the ends of its 95 % interval, where there is one; of a number that the
    paper prints, those of its rounding.

    `detail` says of each of the others, separated by semicolons, why not.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for entry in table.entries.values():
        group, runs = entry.group, zip(entry.group.runs, entry.runs, strict=True)
        detail = "; ".join(f"{name}: {run.reason}" for name, run in runs if run.state != "ok")
        writer.writerow(
            [
                group.method,
                group.modality,
                group.forget_size,
                entry.column.metric,
                entry.mean,
                entry.std,
                *(entry.interval or (None, None)),
                len(entry.values),
                len(entry.runs),
                entry.status,
                detail,
            ]
        )
    return text.getvalue()


def to_markdown(table: Table, results: Results, remarks: Remarks) -> str:
    """What its seeds are worth, a heading and an aligned grid a block, then the notes."""
    parts = [head(results.suite)]
    for block in table.blocks:
        parts.append(f"## {_title(table, block, results)}")
        parts.append(_grid(block, remarks, "pipe"))
    parts.append("\n".join(f"- {note}" for note in notes_of(table, results, remarks)))
    return "\n\n".join(parts) + "\n"


def to_latex(table: Table, results: Results, remarks: Remarks) -> str:
    """What its seeds are worth, a `table` environment a block (of booktabs), then the notes."""
    parts = ["% \\usepackage{booktabs}", f"\\noindent {_escape(head(results.suite))}\\par"]
    for block in table.blocks:
        caption = _escape(_title(table, block, results))
        grid = _symbols(_grid(block, remarks, "latex_booktabs"))
        parts.append(
            f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n{grid}\n\\end{{table}}"
        )
    # A paragraph a note: after a line break, LaTeX would take a mark such as [1] for a length.
    notes = "\n".join(
        f"\\noindent {_escape(note)}\\par" for note in notes_of(table, results, remarks)
    )
    parts.append(f"{{\\footnotesize\n{notes}\n}}")
    return "\n\n".join(parts) + "\n"


def head(suite: Suite) -> str:
    """What a reader must know first: what the numbers' seeds tell of another run."""
    file = suite.file
    if len(file.seeds) == 1:
        return (
            f"One seed ({file.seeds[0]}): how far another run would lie from these numbers is not"
            " known, so nothing is ranked. Intervals are over the persons asked about, of this run"
            " alone."
        )
    spread = (
        f"Mean ± sample standard deviation over {len(file.seeds)} seeds"
        f" ({', '.join(map(str, file.seeds))})"
    )
    if file.originals == "shared":
        return (
            f"{spread} of unlearning alone: all start from one original (`originals: shared`), so"
            " what another one would change is not in it."
        )
    own = "base, original and gold" if suite.draws_base else "original and gold"
    return f"{spread}, each with its own {own}."


def _title(table: Table, block: Block, results: Results) -> str:
    suite = results.suite
    title = (
        f"{table.title}: suite {suite.name}, model {suite.file.model},"
        f" dataset {suite.file.dataset}, forget {block.forget_size} %"
    )
    return f"{title}, {block.topic}" if block.topic else title


def notes_of(table: Table, results: Results, remarks: Remarks) -> list[str]:
    """What stands below a table: its own notes, caveats, those of its rows, and the remarks."""
    others = [group.note for group in results.groups if group.note]
    caveats = [*_decided(table), *_few(results), *_cut(results)]
    return [*table.notes, *caveats, *others, *remarks.texts]


def _decided(table: Table) -> list[str]:
    """The smallest terms of the means that few terms decide, those of one key together."""
    runs: dict[str, list[str]] = {}
    for entry in table.entries.values():
        for run, term in entry.deciding.items() if not entry.column.role else ():
            runs.setdefault(term.key, []).append(f"{run} ({term.value:.3f})")
    told = (f"{key} of {listed(list(dict.fromkeys(names)))}" for key, names in runs.items())
    return [f"{DECIDED_NOTE}: {'; '.join(told)}."] if runs else []


def _few(results: Results) -> list[str]:
    """The splits, by forget size, whose intervals are over few persons."""
    persons: dict[tuple[int, str], float] = {}
    for group in results.groups:
        for document in (results.runs[run].documents.get("score") for run in group.runs):
            for split in ("forget", "retain", "real"):
                count = document and document.numbers.get(Key(split).persons)
                if count and count < FEW:
                    persons[group.forget_size, split] = float(count)
    return [
        f"Intervals of {split} scores at {size} % are over {_persons(count)}, fewer than {FEW}:"
        " widened by Student's t, and still hardly to be trusted."
        if count >= LEAST
        else f"At {size} % {split} samples are about {_persons(count)}: {split} scores have no"
        " interval."
        for (size, split), count in persons.items()
    ]


def _persons(count: float) -> str:
    """A number of persons in words; of unequal numbers of samples, what they come to."""
    if count == 1:
        return "one person"
    unequal = "" if count.is_integer() else " in effect, some having more samples than others"
    return f"{count:.3g} persons{unequal}"


def _cut(results: Results) -> list[str]:
    """The forget sizes at which true answers are longer than greedy ones may be."""
    limit = results.suite.file.evaluate.max_new_tokens
    sentences: dict[int, str] = {}
    for group in results.groups:
        for document in (results.runs[run].documents.get("evaluate") for run in group.runs):
            numbers = {} if document is None else document.numbers
            count = int(numbers.get("measures/longer_answers", 0))
            if count:
                of = int(numbers["measures/samples"])
                sentences[group.forget_size] = told(group.forget_size, count, of, limit)
    return list(sentences.values())


def _grid(block: Block, remarks: Remarks, style: str) -> str:
    labels = len(block.rows[0].labels)
    lines = [[*_labels(row, remarks), *(entry.text for entry in row.entries)] for row in block.rows]
    alignment = ["left"] * labels + ["right"] * (len(block.headers) - labels)
    return tabulate(
        lines, headers=block.headers, tablefmt=style, disable_numparse=True, colalign=alignment
    )


def _labels(row: Row, remarks: Remarks) -> list[str]:
    """The row's labels, the first with the marks of the remarks on any of its runs."""
    runs = dict.fromkeys(run for entry in row.entries for run in entry.group.runs)
    marks = dict.fromkeys(mark for run in runs for mark in remarks.marks.get(run, []))
    return [" ".join([row.labels[0], *marks]), *row.labels[1:]]


def _escape(text: str) -> str:
    return _symbols("".join(LATEX_ESCAPE_RULES.get(letter, letter) for letter in text))


def _symbols(text: str) -> str:
    return "".join(_LATEX_SYMBOLS.get(letter, letter) for letter in text)
