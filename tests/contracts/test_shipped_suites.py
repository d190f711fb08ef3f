"""The suites of `opro_cli.testing` against the parts that ship, and the toys of the seams."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType

import pytest

from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import ChatRequest
from opro_cli.core.task.prompt import PromptFormat
from opro_cli.evaluators import InlineGrader, ModelEvaluator
from opro_cli.metrics import create_metric
from opro_cli.models.callable import CallableModel
from opro_cli.ports import ChatModel, Evaluator, Metric, Problem, Strategy
from opro_cli.problems.regression import Regression
from opro_cli.problems.tour import Tour
from opro_cli.strategies import STRATEGIES
from opro_cli.testing import (
    EvaluatorSuite,
    MetricSuite,
    ModelSuite,
    ProblemSuite,
    ScriptedModel,
    StrategySuite,
)
from tests.seams.toys import Enumerate, Judged, Knapsack, Reflect, TwoLayouts

SETTINGS = Settings(
    TaskSettings(DataSettings("t", "q", "a"), "number", description="sums"),
    ScorerSettings("scripted/scorer"),
    OptimizerSettings("scripted/optimizer"),
    search=SearchSettings(exemplars=2),
)
FORM = PromptFormat("Q_begin", qa_markers=True)
KINDS: dict[str, list[tuple[str, str, float | None]]] = {
    "number": [("The answer is 4.", "4", 1.0), ("It is 5.", "4", 0.0), ("Who knows?", "4", None)],
    "boolean": [("The answer is yes.", "yes", 1.0), ("No.", "yes", 0.0)],
    "choice": [("The answer is (B).", "(B)", 1.0), ("(A)", "(B)", 0.0)],
    "exact": [("blue", "blue", 1.0), ("red", "blue", 0.0)],
    "contains": [("It is blue, I think.", "blue", 1.0)],
}
POLICIES: dict[str, Callable[[], Strategy]] = {
    **{name: partial(make, SETTINGS) for name, make in STRATEGIES.items()},
    **{toy.name: toy for toy in (Reflect, Enumerate, TwoLayouts)},
}


class TestStrategies(StrategySuite):
    @pytest.fixture(autouse=True, params=POLICIES)
    def chosen(self, request: pytest.FixtureRequest) -> None:
        self.make_one = POLICIES[request.param]

    def make(self) -> Strategy:
        return self.make_one()


class TestModelEvaluator(EvaluatorSuite):
    def make(self) -> Evaluator:
        return ModelEvaluator(InlineGrader(create_metric("number")), FORM)


class TestJudged(EvaluatorSuite):
    def make(self) -> Evaluator:
        return Judged()


class TestMetrics(MetricSuite):
    @pytest.fixture(autouse=True, params=KINDS)
    def kind(self, request: pytest.FixtureRequest) -> None:
        self.name, self.cases = request.param, KINDS[request.param]

    def make(self) -> Metric:
        return create_metric(self.name)


class TestScriptedModel(ModelSuite):
    def make(self) -> ChatModel:
        def say(request: ChatRequest) -> str:
            return request.messages[-1].content[:10]

        return ScriptedModel(say)


class TestCallableModel(ModelSuite):
    @pytest.fixture(autouse=True, params=["sync", "async"])
    def kind(self, request: pytest.FixtureRequest) -> None:
        self.is_async = request.param == "async"

    def make(self) -> ChatModel:
        def answer(chat: list[dict[str, str]]) -> str:
            return chat[-1]["content"][:10]

        async def answer_later(chat: list[dict[str, str]]) -> str:
            return answer(chat)

        return CallableModel(answer_later if self.is_async else answer, "callable/mine")


class TestRegression(ProblemSuite):
    parameters = MappingProxyType({"w": 3, "b": 5, "seed": 2})

    def make(self) -> Problem:
        return Regression()


class TestFineRegression(TestRegression):
    parameters = MappingProxyType({"w": 1.25, "b": -3.5, "decimals": 2, "points": 5})


class TestTour(ProblemSuite):
    parameters = MappingProxyType({"nodes": 9, "seed": 4})

    def make(self) -> Problem:
        return Tour()


class TestFineTour(TestTour):
    parameters = MappingProxyType({"nodes": 4, "decimals": 3})


class TestKnapsack(ProblemSuite):
    def make(self) -> Problem:
        return Knapsack()
