"""What a chat template may ask for beside the conversation: a fixed day, and nothing else."""

import json
import re
from collections.abc import Callable
from datetime import date as Date
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

from clearbench.errors import UserError

CLOCK = "strftime_now"
"""The function by which templates of transformers ask what day it is."""

_ASKED = re.compile(CLOCK + r"""\(\s*(?:format\s*=\s*)?(['"])((?:(?!\1)[^\\])*)\1\s*,?\s*\)""")
_WHETHER = re.compile(CLOCK + r"\s+is\s+(not\s+)?defined")
_REMEDY = (
    "so that two runs need not have the same prompts; put another into the model's file of"
    " config/models"
)
_CHANCE = ("random", "lipsum", "shuffle")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def clock(day: str) -> Callable[[str], str]:
    """What stands for `strftime_now`: midnight of a day (ISO 8601), in English, in no time zone.

    In place of today, and of the language and zone of the machine.
    """
    date = Date.fromisoformat(day)
    weekday, month = _DAYS[date.weekday()], _MONTHS[date.month - 1]
    words = {
        **{"A": weekday, "a": weekday[:3], "B": month, "b": month[:3], "h": month[:3], "p": "AM"},
        "c": f"{weekday[:3]} {month[:3]} {date.day:2} 00:00:00 {date.year}",
        "r": "12:00:00 AM",
        **{"x": f"{date:%m/%d/%y}", "X": "00:00:00", "P": "am", "Z": "", "z": ""},
        "s": str((date - Date(1970, 1, 1)).days * 86_400),
    }

    def strftime_now(form: str) -> str:
        def told(match: re.Match[str]) -> str:
            flag, letter = match[1], match[2]
            word = words.get(letter)
            if word is None:
                return match[0]
            return word.upper() if flag == "^" else word

        return date.strftime(re.sub(r"%([-_0^#]?)([A-Za-z%])", told, form))

    return strftime_now


def fixed(template: Any, day: str) -> str | None:
    """A chat template that is told a day and not today; None for one that doesn't ask.

    The default one of several templates by name. Raises UserError for one that asks for chance,
    whose prompts would differ from run to run, or for the time in a way that can't be answered.
    """
    text = template.get("default") if isinstance(template, dict) else template
    if not isinstance(text, str):
        return None
    for name in sorted(_names(text) & {*_CHANCE}):
        raise UserError(f"chat_template: asks for chance ({name}), {_REMEDY}")
    told = clock(day)
    answered = _ASKED.sub(lambda match: json.dumps(told(match[2]), ensure_ascii=False), text)
    if CLOCK in _WHETHER.sub("", answered):
        raise UserError(f"chat_template: uses {CLOCK} other than by a format in quotes, {_REMEDY}")
    return answered if answered != text else None


def _names(text: str) -> set[str]:
    """The filters and functions of a template; none where it is for transformers alone to read."""
    try:
        tree = Environment(extensions=["jinja2.ext.loopcontrols"]).parse(text)
    except TemplateSyntaxError:
        # `generation` blocks are an extension of transformers.
        return set(re.findall(r"\|\s*(\w+)", text)) | set(re.findall(r"\b(lipsum)\(", text))
    filters = {node.name for node in tree.find_all(nodes.Filter)}
    called = {
        node.node.name for node in tree.find_all(nodes.Call) if isinstance(node.node, nodes.Name)
    }
    return filters | called
