"""Snakemake's executor `clearbench-kubernetes`, found by its name."""

from clearbench.cluster.kubernetes import Executor
from clearbench.cluster.scripted import SETTINGS as common_settings

__all__ = ["Executor", "common_settings"]
