"""How replies are read and graded: `task.answer` names an entry of METRICS.

A new metric is a class and a line of the table; `tests/contracts/test_metric_contract.py` then
checks it as well. Modules are imported on use: compiling all patterns takes a tenth of a second.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from importlib import import_module

from opro_cli.metrics.custom import FunctionMetric
from opro_cli.ports import Metric

__all__ = ["METRICS", "FunctionMetric", "MetricFactory", "create_metric"]

MetricFactory = Callable[[str], Metric]
"""Takes the text after "name:" in the config, "" if there is none; raises ValueError."""


def _create(module: str, name: str, argument: str) -> Metric:
    metric: Metric = getattr(import_module(f"opro_cli.metrics.{module}"), name)(argument)
    return metric


def _create_plain(module: str, name: str, argument: str) -> Metric:
    if argument:
        raise ValueError(f"takes no argument, found {argument!r}")
    metric: Metric = getattr(import_module(f"opro_cli.metrics.{module}"), name)()
    return metric


METRICS: dict[str, MetricFactory] = {
    "number": partial(_create_plain, "number", "NumberMetric"),
    "choice": partial(_create_plain, "options", "ChoiceMetric"),
    "boolean": partial(_create_plain, "options", "BooleanMetric"),
    "exact": partial(_create_plain, "text", "ExactMetric"),
    "contains": partial(_create_plain, "text", "ContainsMetric"),
    "regex": partial(_create, "custom", "RegexMetric"),
    "json": partial(_create, "text", "JsonFieldMetric"),
}


def create_metric(spec: str) -> Metric:
    r"""Return the metric that a config's `task.answer` names: "number", "regex:= (\d+)".

    Raises:
        ValueError: The name is unknown, its argument is broken or missing, or it is `python:`,
            which the caller must import. The message is a finished sentence.
    """
    name, _, argument = spec.partition(":")
    if name == "python":
        raise ValueError(f"{spec!r} names a Python function, which the caller must resolve")
    factory = METRICS.get(name)
    if factory is None:
        known = [*METRICS, "python"]
        nearest = difflib.get_close_matches(name.strip().lower(), known, n=1)
        guess = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"unknown answer type {name!r}: expected one of {', '.join(known)}{guess}")
    try:
        return factory(argument)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
