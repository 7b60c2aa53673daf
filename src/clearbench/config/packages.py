"""Packages that are no part of the installation, whose metrics a suite may ask for."""

from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from clearbench.errors import UserError

Package = Literal["sacrebleu"]
EXTRAS: dict[str, str] = {"sacrebleu": "captions"}
"""The extra of clearbench by which each is installed."""


def version_of(package: str) -> str:
    """The version of a package that is installed; UserError with how to install one that is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise UserError(
            f"{package}: is not installed; install it with `pip install"
            f" 'clearbench[{EXTRAS[package]}]'`, or leave it out"
        ) from None


def check_version(package: str, asked: str) -> None:
    """Raise UserError where another version is installed than a job is told of."""
    here = version_of(package)
    if here != asked:
        raise UserError(f"{package}: version {here} is installed, the job asks for {asked}")
