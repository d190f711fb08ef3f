"""Metrics, which read and grade replies; `task.answer` names an entry of METRICS.

A new metric is a class and a line of the table; `tests/contracts/test_metric_contract.py` then
checks it as well. Modules are imported on use: compiling all patterns takes a tenth of a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from opro_cli.core.settings.schema import nearest
from opro_cli.metrics.custom import FunctionMetric

if TYPE_CHECKING:
    from opro_cli.ports import Metric  # the events of a run come with it, and msgspec with them

    MetricFactory = Callable[[str], Metric]
    """Takes the text after "name:" in the config, "" if there is none; raises ValueError."""

__all__ = ["METRICS", "FunctionMetric", "create_metric"]


def _create(module: str, name: str, argument: str, *, configured: bool = False) -> Metric:
    if argument and not configured:
        raise ValueError(f"takes no argument, found {argument!r}")
    factory = getattr(import_module(f"opro_cli.metrics.{module}"), name)
    metric: Metric = factory(argument) if configured else factory()
    return metric


METRICS: dict[str, MetricFactory] = {
    "number": partial(_create, "number", "NumberMetric"),
    "math": partial(_create, "math", "MathMetric"),
    "choice": partial(_create, "options", "ChoiceMetric"),
    "boolean": partial(_create, "options", "BooleanMetric"),
    "label": partial(_create, "label", "LabelMetric"),
    "labels": partial(_create, "label", "LabelSetMetric"),
    "exact": partial(_create, "text", "ExactMetric"),
    "contains": partial(_create, "text", "ContainsMetric"),
    "regex": partial(_create, "custom", "RegexMetric", configured=True),
    "json": partial(_create, "json_field", "JsonFieldMetric", configured=True),
}


_JUDGED = re.compile(r"judge|rubric|llm|graded|g-?eval", re.IGNORECASE)
"""Names by which people ask for a model that grades."""


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
        if _JUDGED.search(name):
            raise ValueError(
                f"no kind of answer called {name!r}: a model that judges is an evaluator "
                "(task.evaluator, with its model under roles.judge; `opro docs extending` has one)"
            )
        meant = nearest(name.strip(), known)
        guess = f"; did you mean {meant!r}?" if meant else ""
        raise ValueError(f"unknown answer type {name!r}: expected one of {', '.join(known)}{guess}")
    try:
        return factory(argument)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
