"""Say whether `make mini` gave the README's table: `python docs/compare.py TABLE`."""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def rows(text: str) -> list[str]:
    """The lines of the first table of methods in a text, its head included."""
    table = re.search(r"^\| method .*(\n\|.*)*", text, re.M)
    return table[0].splitlines() if table else []


def compare(readme: str, table: str) -> str:
    """One sentence: the same byte for byte, or how many of its lines are not in the README's."""
    given, made = rows(readme), rows(table)
    if made == given:
        return "This is the README's table, byte for byte."
    other = [line for line in made if line not in given]
    return (
        f"This is not the README's table: {len(other)} of {len(made)} lines are not in it."
        " The README says of which commit its own is."
    )


if __name__ == "__main__":
    print(compare(*(Path(path).read_text(encoding="utf-8") for path in (README, sys.argv[1]))))
