"""Sources: a dataset in a hub's layout, on the hub or in a folder, read through `datasets`."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from clearbench import hub
from clearbench.errors import UserError, check_seen

Kind = Literal["text", "text?", "texts", "image", "image?", "images", "structure"]
"""What a column holds; `?` allows null. An image is read as its encoded bytes.

A structure is a list or keys and values, in which texts, lists and structures lie: whoever reads it
checks what is inside.
"""

_NEEDED = {
    "text": "text (string)",
    "texts": "texts (list of strings, one at least)",
    "image": "an image (feature Image)",
    "images": "images (list of features Image, one at least)",
    "structure": "a list or keys and values",
}


class Source:
    """A dataset of several configurations, each with the split `train`.

    `name` is a hub id, or a folder: in the hub's layout (its README.md names the configurations),
    or with one JSON file a configuration, `<config>.json`. What is on the hub is read from the
    folder that its cache holds. A folder is unpacked into `cache`, one of the caller's, so that an
    older version of its files is never met. `commit` is what a revision of the hub is, else None.
    """

    def __init__(self, name: str, revision: str | None, cache: Path):
        self.name = name
        self.commit: str | None = None
        self._cache = cache
        self._loaded: dict[str, Any] = {}
        folder = Path(name)
        if not folder.is_dir():
            check_seen(folder.absolute())
            if not hub.is_id(name):
                raise UserError(f"{name}: no such folder, and not a hub id (owner/name)")
            folder = hub.snapshot("dataset", name, revision)
            self.commit = folder.name
        # The library takes `$`, `[` and the like in a folder's path for variables and patterns.
        cache.mkdir(parents=True, exist_ok=True)
        self.folder = cache / f"source-{len(list(cache.iterdir()))}"
        """Where its files lie, as links."""
        shutil.copytree(folder.absolute(), self.folder, copy_function=os.symlink)

    def __contains__(self, config: str) -> bool:
        return config in self.configs

    @cached_property
    def configs(self) -> list[str]:
        """The names of the configurations, sorted."""
        if self._plain:
            return sorted(path.stem for path in self._plain.glob("*.json"))
        from datasets import get_dataset_config_names

        return sorted(self._try(self.name, lambda: get_dataset_config_names(str(self.folder))))

    def where(self, config: str, row: int | None = None) -> str:
        """How messages name a configuration and a row of it, counted from 0."""
        return f"{self.name}: {config}" + ("" if row is None else f": row {row}")

    def columns(self, config: str) -> list[str]:
        """The names of a configuration's columns."""
        return list(self._load(config).column_names)

    def rows(self, config: str, columns: Mapping[str, Kind]) -> Iterator[dict[str, Any]]:
        """The rows of a configuration with the named columns only, checked against their kinds.

        Raises UserError where the configuration or a column is missing or of another kind, the
        split is empty, or a cell is empty that may not be.
        """
        dataset = self._load(config)
        for column, kind in columns.items():
            self._check_column(config, dataset.features, column, kind)
        for number, row in enumerate(_undecoded(dataset.select_columns(list(columns)))):
            for column, kind in columns.items():
                row[column] = _value(row[column], kind)
                if row[column] is None and not kind.endswith("?"):
                    where = f"{self.where(config, number)}: {column}"
                    raise UserError(f"{where} is empty; it needs {_NEEDED[kind]}")
            yield row

    @property
    def _plain(self) -> Path | None:
        """The folder, where it holds JSON files instead of the hub's layout."""
        return None if (self.folder / "README.md").exists() else self.folder

    def _load(self, config: str) -> Any:
        if config not in self:
            has = ", ".join(self.configs) or "none (neither README.md nor <configuration>.json)"
            raise UserError(f"{self.where(config)}: missing configuration; there are: {has}")
        if config not in self._loaded:
            self._loaded[config] = self._try(self.where(config), lambda: self._read(config))
        return self._loaded[config]

    def _read(self, config: str) -> Any:
        import datasets

        datasets.disable_progress_bars()
        # Not the library's own name for a JSON reader: it counts each use over the network.
        which = {"data_files": f"{config}.json"} if self._plain else {"name": config}
        folder, cache = str(self.folder), str(self._cache)
        return datasets.load_dataset(folder, split="train", cache_dir=cache, **which)

    def _try(self, where: str, read: Callable[[], Any]) -> Any:
        from datasets.exceptions import DatasetsError

        try:
            return read()
        except (DatasetsError, OSError, ValueError, StopIteration) as error:
            # The library wraps what went wrong in a line that says only that something did, and
            # lets slip a StopIteration for an empty file.
            told = str(error.__cause__ or error).replace(str(self.folder), self.name)
            lines = told.strip().splitlines() or ["no data"]
            raise UserError(
                f"{where}: can't be read: {lines[0]}; it needs a split train with rows{self._check}"
            ) from error

    @property
    def _check(self) -> str:
        """What to do where a file of the hub can't be read."""
        return "; `clearbench fetch` checks the files of the hub" if self.commit else ""

    def _check_column(
        self, config: str, features: Mapping[str, Any], column: str, kind: Kind
    ) -> None:
        where = f"{self.where(config)}: column {column}"
        needed = _NEEDED[kind.rstrip("?")]
        if column not in features:
            raise UserError(
                f"{where}: missing; it needs {needed}; there are: {', '.join(features)}"
            )
        if not _fits(features[column], kind):
            raise UserError(f"{where}: is {features[column]}; it needs {needed}")


def _undecoded(dataset: Any) -> Any:
    """A dataset with its images as their encoded bytes."""
    from datasets import Image, List

    for column, feature in dataset.features.items():
        if isinstance(feature, Image):
            dataset = dataset.cast_column(column, Image(decode=False))
        elif _fits(feature, "images"):
            dataset = dataset.cast_column(column, List(Image(decode=False)))
    return dataset


def _fits(feature: Any, kind: Kind) -> bool:
    from datasets import Image, LargeList, List, Value

    if kind.endswith("?") and feature == Value("null"):
        return True
    if kind == "images":
        return isinstance(feature, List | LargeList) and isinstance(feature.feature, Image)
    if kind.startswith("image"):
        return isinstance(feature, Image)
    if kind == "structure":
        return isinstance(feature, dict | List | LargeList)
    if kind == "texts":
        return isinstance(feature, List | LargeList) and _fits(feature.feature, "text")
    return feature in (Value("string"), Value("large_string"))


def _value(cell: Any, kind: Kind) -> Any:
    """A cell's value; None where it is empty: null, blank, or a list with nothing or a blank.

    A structure is as it is.
    """
    if cell is None:
        return None
    if kind == "structure":
        return cell
    if kind == "images":
        images = [_encoded(one) for one in cell]
        return images if images and all(images) else None
    if kind.startswith("image"):
        return _encoded(cell)
    texts = cell if kind == "texts" else [cell]
    return cell if texts and all(text and text.strip() for text in texts) else None


def _encoded(cell: Any) -> bytes | None:
    """The bytes of an image's cell; None where it has none."""
    if cell is None:
        return None
    path = cell["path"]
    inside: bytes | None = cell["bytes"]
    return inside or (Path(path).read_bytes() if path and Path(path).is_file() else None)
