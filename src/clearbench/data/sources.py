"""Sources: a dataset in a hub's layout, on the hub or in a folder, read through `datasets`."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from clearbench.errors import UserError

Kind = Literal["text", "text?", "texts", "image", "image?"]
"""What a column holds; `?` allows null. An image is read as its encoded bytes."""

_NEEDED = {
    "text": "text (string)",
    "texts": "a list of texts (list of strings)",
    "image": "images (the feature Image)",
}


class Source:
    """A dataset of several configurations, each with the split `train`.

    `name` is a hub id, or a folder: in the hub's layout (its README.md names the configurations),
    or with one JSON file a configuration, `<config>.json`. A folder is read afresh each time, never
    from the library's cache; the hub's cache and offline mode work as ever.
    """

    def __init__(self, name: str, revision: str | None = None):
        self.folder = Path(name) if Path(name).is_dir() else None
        if self.folder is None and not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise UserError(f"{name}: no such folder, and no hub id (owner/name) either")
        self.name = name
        self.revision = None if self.folder else revision
        self._cache = TemporaryDirectory(prefix="clearbench-") if self.folder else None

    def __contains__(self, config: str) -> bool:
        return config in self.configs

    @cached_property
    def configs(self) -> list[str]:
        """The names of the configurations, sorted."""
        if self._plain:
            return sorted(path.stem for path in self._plain.glob("*.json"))
        from datasets import get_dataset_config_names

        names = self._try(lambda: get_dataset_config_names(self.name, revision=self.revision))
        return sorted(names)

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
            self._check(config, dataset.features, column, kind)
        if not len(dataset):
            raise UserError(f"{self.where(config)}: the split train is empty; it needs rows")
        dataset = dataset.select_columns(list(columns))
        for number, row in enumerate(_undecoded(dataset)):
            yield {
                column: self._cell(self.where(config, number), column, kind, row[column])
                for column, kind in columns.items()
            }

    @property
    def _plain(self) -> Path | None:
        """The folder, where it holds JSON files instead of the hub's layout."""
        return self.folder if self.folder and not (self.folder / "README.md").exists() else None

    def _load(self, config: str) -> Any:
        if config not in self:
            has = ", ".join(self.configs) or "none"
            raise UserError(f"{self.where(config)}: missing configuration; there are: {has}")
        import datasets

        if self.folder:
            datasets.disable_progress_bars()
        arguments: dict[str, Any] = {
            "split": "train",
            "cache_dir": self._cache.name if self._cache else None,
        }
        if self._plain:
            files = {"train": str(self._plain / f"{config}.json")}
            return self._try(lambda: datasets.load_dataset("json", data_files=files, **arguments))
        arguments |= {"name": config, "revision": self.revision}
        return self._try(lambda: datasets.load_dataset(self.name, **arguments), config)

    def _try(self, read: Callable[[], Any], config: str | None = None) -> Any:
        from datasets.exceptions import DatasetsError

        try:
            return read()
        except (DatasetsError, OSError, ValueError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            where = self.where(config) if config else self.name
            if self.folder:
                raise UserError(f"{where}: can't be read: {reason}") from error
            raise UserError(
                f"{where}: can't be read from the hub at revision {self.revision or 'main'}"
                f" ({reason}); a local folder in the same layout can be named instead"
            ) from error

    def _check(self, config: str, features: Mapping[str, Any], column: str, kind: Kind) -> None:
        where = f"{self.where(config)}: column {column}"
        needed = _NEEDED[kind.rstrip("?")]
        if column not in features:
            raise UserError(
                f"{where}: missing; it needs {needed}; there are: {', '.join(features)}"
            )
        if not _fits(features[column], kind):
            raise UserError(f"{where}: is {features[column]}, it needs {needed}")

    def _cell(self, where: str, column: str, kind: Kind, value: Any) -> Any:
        if kind.startswith("image") and value is not None:
            value = value["bytes"] or Path(value["path"]).read_bytes()
        blank = (
            any(not item or not item.strip() for item in value or [""])
            if (kind == "texts")
            else not value or not value.strip()
        )
        if not blank:
            return value
        if kind.endswith("?"):
            return None
        raise UserError(f"{where}: {column} is empty; it needs {_NEEDED[kind]}")


def _undecoded(dataset: Any) -> Any:
    """The same rows with images as their encoded bytes."""
    from datasets import Image

    for column, feature in dataset.features.items():
        if isinstance(feature, Image):
            dataset = dataset.cast_column(column, Image(decode=False))
    return dataset


def _fits(feature: Any, kind: Kind) -> bool:
    from datasets import Image, LargeList, List, Value

    if kind.endswith("?") and feature == Value("null"):
        return True
    if kind.startswith("image"):
        return isinstance(feature, Image)
    if kind == "texts":
        return isinstance(feature, List | LargeList) and _fits(feature.feature, "text")
    return feature in (Value("string"), Value("large_string"))
