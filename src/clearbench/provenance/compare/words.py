"""What a comparison of two runs says, as text."""

from collections.abc import Mapping, Sequence

from clearbench.provenance.compare.numbers import Compared, counts
from clearbench.tables.base import Column
from clearbench.tables.measured import signed
from clearbench.tables.remarks import listed


def written(
    names: tuple[str, str],
    rows: Sequence[Sequence[str]],
    settings: Sequence[tuple[str, str, str]],
    compared: Mapping[Column, Sequence[Compared]],
) -> str:
    """Markdown: what the two were made of, the numbers that differ, what cannot be told.

    `names` are those of the sides, `rows` their rows; `settings` what differs of how they were
    made.
    """
    one, other = names
    lines = [f"## {one} against {other}", ""]
    if settings:
        told = [tuple(text.replace("|", "¦") for text in line) for line in settings]
        lines += [_table(told, ["what they were made of", one, other]), ""]
    else:
        lines += ["Made alike: no setting, data, model, commit or hardware differs.", ""]
    beyond = [
        (
            each.one.group.name,
            column.header,
            each.one.text,
            each.other.text,
            signed(each.difference, each.measured.interval if each.measured else None),
        )
        for column, several in compared.items()
        for each in several
        if each.verdict == "beyond"
    ]
    if beyond:
        headers = ["row", "beyond the noise", one, other, "difference, 95 % interval"]
        lines += [_table(beyond, headers), ""]
    lines += [f"- {sentence}" for sentence in _sentences(names, rows, compared)]
    return "\n".join(lines)


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    # Imported here: it takes as long as all else.
    from tabulate import tabulate

    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)


def _sentences(
    names: tuple[str, str],
    rows: Sequence[Sequence[str]],
    compared: Mapping[Column, Sequence[Compared]],
) -> list[str]:
    one, other = names
    number = counts(compared)
    common = [row for row in rows[0] if row in rows[1]]
    of_all = sum(number.values())
    said = [
        f"Of {of_all} numbers of {len(common)} common rows {number['beyond']} differ by more than"
        f" the noise, {number['within']} do not, {number['same']} are the same to the last digit;"
        " corrected for all rows of a number by Holm's method."
    ]
    if number["untold"]:
        said.append(
            f"{number['untold']} cannot be told: of one seed nobody knows what another would give."
        )
    lacking = [
        f"{each.one.group.name} ({column.header})"
        for column, several in compared.items()
        for each in several
        if each.verdict == "lacking"
    ]
    if lacking:
        said.append(f"Without a number on a side: {listed(lacking)}.")
    for name, mine, theirs in ((one, *rows), (other, *reversed(rows))):
        alone = [row for row in mine if row not in theirs]
        if alone:
            said.append(f"Only in {name}: {listed(alone)}.")
    return said
