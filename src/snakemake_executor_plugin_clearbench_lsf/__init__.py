"""Snakemake's executor `clearbench-lsf`, found by its name."""

from clearbench.cluster.lsf import Executor
from clearbench.cluster.scripted import SETTINGS as common_settings

__all__ = ["Executor", "common_settings"]
