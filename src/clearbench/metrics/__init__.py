"""Metrics: functions of per-sample records, one file a metric or a family of one idea.

A file that defines a `task_metric` or a `model_metric` is found by being here; no list names it.
Other packages bring further ones (`clearbench.plugins`). Nothing here reads or writes a file, or
knows a model, a dataset or a table.
"""

from collections.abc import Iterable
from functools import cache

from clearbench.data.tasks import FORGOTTEN
from clearbench.errors import UserError
from clearbench.metrics.base import Better, Defined, ModelMetric, TaskMetric
from clearbench.metrics.definitions import HEADLINE
from clearbench.metrics.faces import FaceMetric
from clearbench.metrics.keys import Key
from clearbench.plugins import load, named

Metric = TaskMetric | ModelMetric | FaceMetric


@cache
def task_metrics() -> dict[str, TaskMetric]:
    """The metrics of one task by name, in the order of files and of definitions in a file."""
    return {name: metric for name, metric in _defined().items() if isinstance(metric, TaskMetric)}


@cache
def model_metrics() -> dict[str, ModelMetric]:
    """The metrics of a whole model by name, in the order of files and of definitions in a file."""
    return {name: metric for name, metric in _defined().items() if isinstance(metric, ModelMetric)}


@cache
def face_metrics() -> dict[str, FaceMetric]:
    """The metrics of the vision domain by name, in the order of files and of definitions."""
    return {name: metric for name, metric in _defined().items() if isinstance(metric, FaceMetric)}


def is_metric(key: str) -> bool:
    """Whether a metric of the whole model has this key."""
    return key in model_metrics() or key in face_metrics()


def readings(key: str, definitions: Iterable[str]) -> set[str]:
    """By which definitions some read the metric behind a score's key: their own or the headline."""
    metric = metric_of(key)
    own = metric.definitions if isinstance(metric, Defined) else {}
    return {name if name in own else HEADLINE.name for name in definitions}


def metric_of(key: str) -> Metric:
    """The metric behind a score's key (`forget/captions/rouge_l`, `real@official`).

    Of an interval's end it is the metric itself. Raises UserError for a key that no metric has.
    """
    parsed = Key.parse(key)
    whole: dict[str, Metric] = {**model_metrics(), **face_metrics()}
    metric = task_metrics().get(parsed.name) if parsed.task else whole.get(parsed.name)
    if metric is None:
        known = ", ".join([*task_metrics(), *whole])
        raise UserError(f"{key}: no metric has this name; there are {known}")
    return metric


def of_method(key: str) -> bool:
    """Whether a score is a number of its method, which all seeds share."""
    return key in face_metrics() and face_metrics()[key].of_method


def better(key: str) -> Better:
    """Which direction is better for a score's key; UserError for a key that no metric has."""
    metric = metric_of(key)
    if isinstance(metric, TaskMetric) and Key.parse(key).split in FORGOTTEN:
        return metric.better_on_forget
    return metric.better


def _defined() -> dict[str, Metric]:
    """The metrics of all files under each definition by name, none that a file imports."""
    by_name: dict[str, Metric] = {}
    for key, plugin in named("metrics").items():
        loaded = load("metrics", key)
        values = [loaded] if plugin.name else list(vars(loaded).values())
        metrics = [value for value in values if isinstance(value, Metric)]
        if not plugin.name:
            metrics = [metric for metric in metrics if metric.compute.__module__ == plugin.module]
        if plugin.distribution and not metrics:
            raise plugin.wrong("which defines no metric")
        for metric in metrics:
            if metric.name in by_name:
                raise UserError(f"{plugin.what}: metric {metric.name} is defined in another file")
            variants = [metric] if isinstance(metric, FaceMetric) else metric.variants()
            by_name.update({variant.name: variant for variant in variants})
    return by_name
