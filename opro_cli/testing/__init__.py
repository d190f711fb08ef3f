"""Contract suites for parts from outside opro, and a model that says what a test wrote down.

Subclass a suite in a test module and give it `make()`; pytest finds the rest.
"""

from opro_cli.testing.session import ScriptedModel, ScriptRanOut
from opro_cli.testing.suites import (
    HOSTILE,
    EvaluatorSuite,
    MetricSuite,
    ModelSuite,
    ProblemSuite,
    StrategySuite,
)

__all__ = [
    "HOSTILE",
    "EvaluatorSuite",
    "MetricSuite",
    "ModelSuite",
    "ProblemSuite",
    "ScriptRanOut",
    "ScriptedModel",
    "StrategySuite",
]
