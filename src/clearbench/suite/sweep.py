"""Sweeps: the points at which a row's parameters and training keys are tried.

`sweep: { lr: [3e-4, 1e-3], beta: [0.05, 0.1] }` is a grid. With `draws: N` it is N points at
random: of a list each value is as likely, of a range `{ from: 1e-4, to: 1e-2 }` each part of its
logarithm. Values of a key may differ between modalities, as `lr: { text: [2e-3], visual: [5e-4] }`.
"""

import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice, product
from typing import Any

from clearbench.data.store import MODALITIES
from clearbench.errors import UserError, unknown

KEY = "sweep"
DRAWS, SEED = "draws", "seed"
KINDS = (*MODALITIES, "both")
RANGE = ("from", "to")

PLAIN = "plain"
"""The name of the point that is the row as it stands, without its sweep."""

_DIGITS = 3
"""Of what is drawn from a range."""

MOST = 1000
"""Points of a sweep."""

_TRIES = 100
"""Draws that may be one that was drawn before, for each point."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """Values of some parameters and training keys, and the name made of them."""

    name: str
    values: Values


def of_modality(value: Any, modality: str, where: str) -> Any:
    """A value that may differ between modalities; UserError, which begins with `where`."""
    if not isinstance(value, Mapping):
        return value
    for kind in value:
        if kind not in KINDS:
            told = unknown(str(kind), KINDS, f"unknown modality: {kind}")
            raise UserError(f"{where}: {told}")
    if modality not in value:
        raise UserError(f"{where}: says nothing of {modality}, which the suite forgets")
    return value[modality]


def points(sweep: Any, modality: str, where: str) -> list[Point]:
    """The points of a sweep for a modality; UserError, which begins with `where`."""
    if not isinstance(sweep, Mapping) or not sweep.keys() - {DRAWS, SEED}:
        raise UserError(f"{where}: name parameters or training keys, each with a list of values")
    drawn, seed = (_whole(sweep.get(key, 0), f"{where}.{key}") for key in (DRAWS, SEED))
    if DRAWS not in sweep and SEED in sweep:
        raise UserError(f"{where}.{SEED}: of points at random alone; say how many, as draws: 6")
    if DRAWS in sweep and not drawn:
        raise UserError(f"{where}.{DRAWS}: 0; allowed: 1 to {MOST}")
    tried = {
        key: _tried(given, modality, f"{where}.{key}", DRAWS in sweep)
        for key, given in sweep.items()
        if key not in (DRAWS, SEED)
    }
    listed = [len(of) for of in tried.values() if not isinstance(of, Mapping)]
    there = math.prod(listed) if len(listed) == len(tried) else math.inf
    if (drawn or there) > MOST:
        raise UserError(f"{where}: {drawn or there} points; allowed: up to {MOST}")
    if drawn > there:
        raise UserError(f"{where}.{DRAWS}: {drawn}; there are no more than {there} points")
    if DRAWS in sweep:
        return [_point(values) for values in _random(tried, drawn, seed, where)]
    return [_point(dict(zip(tried, values, strict=True))) for values in product(*tried.values())]


def rows_of(row: str, given: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """The rows that a row with a sweep is where nothing is chosen: one a point, named for it."""
    plain = {key: value for key, value in given.items() if key != KEY}
    swept = given[KEY] if isinstance(given[KEY], Mapping) else {}
    for key, value in swept.items():
        if isinstance(value, Mapping) and value.keys() & {*KINDS}:
            raise UserError(
                f"{where}.{key}: a point is a row of all modalities here, where nothing is chosen;"
                " write one list for all"
            )
    plain.setdefault("method", row)
    return {
        f"{row}-{point.name}": {**plain, **point.values}
        for point in points(given[KEY], KINDS[-1], where)
    }


def _tried(
    given: Any, modality: str, where: str, drawn: bool
) -> Sequence[Any] | Mapping[str, float]:
    """The values of a key, or the range that they are drawn from."""
    if isinstance(given, Mapping) and not given.keys() & {*RANGE}:
        given = of_modality(given, modality, where)
    if isinstance(given, Mapping):
        return _range(given, where, drawn)
    if not isinstance(given, list):
        raise UserError(f"{where}: write a list of values, as [{given}]")
    if not given:
        raise UserError(f"{where}: empty; name one value at least")
    for value in given:
        if not isinstance(value, int | float | str):
            raise UserError(f"{where}: {value}: allowed in the list: numbers, texts, true, false")
        _finite(value, where)
        if given.count(value) > 1:
            raise UserError(f"{where}: {value} stands twice")
    return given


def _range(given: Mapping[str, Any], where: str, drawn: bool) -> Mapping[str, float]:
    if not drawn:
        raise UserError(f"{where}: a range is for points at random; say how many, as draws: 6")
    if set(given) != {*RANGE}:
        raise UserError(f"{where}: a range has two keys: {', '.join(RANGE)}")
    low, high = ends = [given[key] for key in RANGE]
    for end in ends:
        _finite(end, where)
    if not all(type(end) in (int, float) and end > 0 for end in ends):
        raise UserError(f"{where}: a range is from a number above 0 to another")
    if low >= high:
        raise UserError(f"{where}: from {low:g} to {high:g}; the second must be larger")
    return given


def _random(
    tried: Mapping[str, Any], drawn: int, seed: int, where: str
) -> Iterator[dict[str, Any]]:
    """Points that differ; the first ones are the same however many are drawn."""
    known: set[tuple[Any, ...]] = set()
    for number in islice(count(), drawn * _TRIES):
        values = {key: _draw(of, f"{seed}/{key}/{number}") for key, of in tried.items()}
        if tuple(values.values()) not in known:
            known.add(tuple(values.values()))
            yield values
        if len(known) == drawn:
            return
    raise UserError(f"{where}.{DRAWS}: {drawn}; found no more than {len(known)} points that differ")


def _draw(of: Sequence[Any] | Mapping[str, float], stream: str) -> Any:
    """One value, by a random stream of its own: a key that is added changes no other's values."""
    rng = random.Random(stream)
    if not isinstance(of, Mapping):
        return rng.choice(of)
    low, high = (math.log(of[key]) for key in RANGE)
    return float(f"{math.exp(rng.uniform(low, high)):.{_DIGITS}g}")


def _point(values: Values) -> Point:
    return Point("-".join(f"{key}{told(value)}" for key, value in values.items()), values)


def told(value: Any) -> str:
    """A value as a part of a name."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}".replace("+", "") if isinstance(value, int | float) else str(value)


def _finite(value: Any, where: str) -> None:
    """Refuse a whole number that no float is as large as."""
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise UserError(f"{where}: a number beyond all that are computed with; allowed: to 1e308")


def _whole(value: Any, where: str) -> int:
    if type(value) is not int or value < 0:
        raise UserError(f"{where}: {value}; allowed: whole numbers from 0 on")
    return value
