"""What an adapter that was made elsewhere says of itself: its base, and weights that lie beside it.

Names of weights and their shapes don't tell two bases of one architecture apart, and weights that
were saved beside an adapter are not in it: such a model would be evaluated as another one.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from clearbench.errors import UserError

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".npz", ".gguf")
_OF_NO_MODEL = re.compile(
    r"adapter_model\.(safetensors|bin)"
    r"|(training_args|optimizer|scheduler|scaler|sampler|dl_state|rng_state|random_states)[\w.-]*"
)
"""The adapter itself, and what trainers leave to go on from."""


def check_alone(adapter: Path) -> None:
    """Raise UserError where a folder holds weights beside its adapter, of whatever format."""
    weights = sorted(
        path.name
        for path in adapter.iterdir()
        if path.suffix in _WEIGHTS and not _OF_NO_MODEL.fullmatch(path.name)
    )
    if weights:
        raise UserError(
            f"model {adapter}: {', '.join(weights)} beside the adapter: weights that were trained"
            " with it and are not in it; save them in the adapter (modules_to_save), or the model"
            " whole"
        )


def check_base(
    adapter: Path, settings: str, base: Path, pointer: dict[str, Any], trained_on: str | None
) -> None:
    """Raise UserError where an adapter names another base than the suite's, or than `trained_on`.

    `settings` is its configuration's file, `pointer` that of the suite's base, which has none where
    it was made here. An adapter that names no base may have any.
    """
    expected = pointer.get("hub") or base
    named = _other_base(_read(adapter / settings), base, pointer)
    if named is None and trained_on is not None:
        raise UserError(
            f"model {adapter}: its {settings} names {expected}, or no base at all, and not"
            f" {trained_on}; leave trained_on out"
        )
    if named != trained_on:
        raise UserError(
            f"model {adapter}: by its {settings} trained on {named}, not on"
            f" {trained_on or expected}; if that may be so, say it in the suite (trained_on:"
            f" {named}), and the tables will"
        )


def _read(path: Path) -> dict[str, Any]:
    """A configuration; nothing for what is none, which is told where it is loaded."""
    with suppress(OSError, ValueError):
        config = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(config, dict):
            return config
    return {}


def _other_base(given: dict[str, Any], base: Path, pointer: dict[str, Any]) -> str | None:
    """The base that a configuration names, with its commit where only that differs.

    None where it names none, or the suite's.
    """
    name, commit = (given.get(key) or "" for key in ("base_model_name_or_path", "revision"))
    if not name:
        return None
    if not _is_base(name, base, pointer.get("hub")):
        return str(name)
    ours = pointer.get("revision") or ""
    other = re.fullmatch(r"[0-9a-f]{7,40}", commit) and ours and not ours.startswith(commit)
    return f"{name}@{commit}" if other else None


def _is_base(name: str, base: Path, hub: str | None) -> bool:
    """Whether a name is one of the suite's base: its id, its folder, or a copy named as it is."""
    if hub is None:
        return Path(name).resolve() == base.resolve()
    if name.lower() == hub.lower():
        return True
    path = Path(name)
    if path.resolve() == Path(hub).resolve():
        return True
    # An id of the hub that differs is of another model; a folder has any parents.
    is_folder = path.is_absolute() or name.count("/") != 1 or name.startswith((".", "~"))
    cached = f"models--{hub.replace('/', '--')}" in path.parts
    return is_folder and (cached or path.name.lower() == Path(hub).name.lower())
