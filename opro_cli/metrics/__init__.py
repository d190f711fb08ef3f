"""How replies are read and graded: `task.answer` names an entry of METRICS.

A new metric is one module and one line of the table; the contract suite in
`tests/contracts/test_metric_contract.py` runs against it by itself. The module is imported when
the metric is used, because the patterns of all of them take a tenth of a second to compile.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from opro_cli.metrics.custom import FunctionMetric
from opro_cli.ports import Metric

__all__ = ["METRICS", "FunctionMetric", "MetricFactory", "metric_named"]

MetricFactory = Callable[[str], Metric]
"""Takes what follows "name:" in the config, "" for nothing; raises ValueError."""


def _plain(make: Callable[[], Metric]) -> MetricFactory:
    """A factory of a metric that takes no argument."""

    def factory(argument: str) -> Metric:
        if argument:
            raise ValueError(f"takes no argument, found {argument!r}")
        return make()

    return factory


@_plain
def _number() -> Metric:
    from opro_cli.metrics.number import NumberMetric

    return NumberMetric()


@_plain
def _choice() -> Metric:
    from opro_cli.metrics.options import ChoiceMetric

    return ChoiceMetric()


@_plain
def _boolean() -> Metric:
    from opro_cli.metrics.options import BooleanMetric

    return BooleanMetric()


@_plain
def _exact() -> Metric:
    from opro_cli.metrics.text import ExactMetric

    return ExactMetric()


@_plain
def _contains() -> Metric:
    from opro_cli.metrics.text import ContainsMetric

    return ContainsMetric()


def _regex(argument: str) -> Metric:
    from opro_cli.metrics.custom import RegexMetric

    return RegexMetric(argument)


def _json(argument: str) -> Metric:
    from opro_cli.metrics.text import JsonFieldMetric

    return JsonFieldMetric(argument)


METRICS: dict[str, MetricFactory] = {
    "number": _number,
    "choice": _choice,
    "boolean": _boolean,
    "exact": _exact,
    "contains": _contains,
    "regex": _regex,
    "json": _json,
}


def create_metric(spec: str) -> Metric:
    """The metric that a config's `task.answer` names, "number", "regex:= (\\d+)".

    Raises ValueError with a finished sentence for an unknown name, a broken or missing
    argument, and for `python:`, which needs an import and so is resolved by the caller.
    """
    name, _, argument = spec.partition(":")
    if name == "python":
        raise ValueError(f"{spec!r} names a Python function, which the caller must resolve")
    factory = METRICS.get(name)
    if factory is None:
        raise ValueError(_unknown(name))
    try:
        return factory(argument)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _unknown(name: str) -> str:
    known = [*METRICS, "python"]
    nearest = difflib.get_close_matches(name.strip().lower(), known, n=1)
    guess = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"unknown answer type {name!r}: expected one of {', '.join(known)}{guess}"
