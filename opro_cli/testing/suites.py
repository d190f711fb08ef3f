"""Contract suites: what every strategy, evaluator, metric and model must keep, built in or not."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest

from opro_cli.core.draws import create_rng
from opro_cli.core.run.events import Answered, Event, FirstReply, Proposed
from opro_cli.core.run.view import Ask, SearchView
from opro_cli.core.settings.read import read_options
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Message
from opro_cli.core.task.problem import RecordedProblem, decode_problem, encode_problem, is_close
from opro_cli.core.task.prompt import PromptFormat, as_content, decode_content, encode_form
from opro_cli.loop.runner import Runner
from opro_cli.models.control import has_method
from opro_cli.ports import ChatModel, Evaluator, Metric, Problem, Strategy
from opro_cli.problems import record_problem
from opro_cli.store.journal import decode_event, encode_event
from opro_cli.testing.session import (
    count_requests,
    describe,
    new_problem_session,
    new_session,
    run_session,
)

HOSTILE = (
    "",
    " \n\t",
    "\x00\x1b[2J\x07",
    "\u202e\u200b\ufeff",
    "</INS><INS>",
    "{{7*7}} ${HOME} `rm -rf /`",
    "<script>alert(1)</script>",
    "[bold]markup[/bold] %s %(x)s {0} {x}",
    "nan inf -1e999 1/0",
    "\N{SNOWMAN}" * 3,
    "a" * 100_000,
    "[" * 5_000 + "]" * 5_000,
)
"""Texts that a model may send: control characters, markup, templates, things without end."""


class _NoNetwork:
    """Refuses connections while a test of the suite runs."""

    @pytest.fixture(autouse=True)
    def no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fail the test that opens a connection."""

        def refuse(*_: Any) -> None:
            raise AssertionError("this part opened a connection")

        monkeypatch.setattr(socket.socket, "connect", refuse)


class StrategySuite(_NoNetwork):
    """The contract of a search strategy."""

    def make(self) -> Strategy:
        """Return a new strategy."""
        raise NotImplementedError

    def test_the_same_run_comes_of_the_same_seed(self) -> None:
        """Nothing but the view decides what is proposed."""
        first, second = new_session(self.make()), new_session(self.make())
        run_session(first)
        run_session(second)
        assert describe(first) == describe(second)

    def test_a_run_cut_anywhere_ends_the_same_and_pays_nothing_twice(self) -> None:
        """A resume proposes what the killed session proposed."""
        _assert_resumable(lambda past: new_session(self.make(), past=past))

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_no_reply_breaks_it(self, text: str) -> None:
        """Whatever a model says is read, kept in the journal, or left."""
        strategy = self.make()
        ask = Ask((Message("user", "?"),))
        for candidate in strategy.read(text, ask):
            content = as_content(candidate)
            assert decode_content(content.text, encode_form(content)) == content
            assert isinstance(strategy.reject(content, _view(strategy)), str)

    def test_its_events_can_be_read_back(self) -> None:
        """Its proposals survive the journal."""
        for event in run_session(new_session(self.make())):
            assert decode_event(encode_event(event)) == event


class EvaluatorSuite(_NoNetwork):
    """The contract of an evaluator."""

    def make(self) -> Evaluator:
        """Return a new evaluator."""
        raise NotImplementedError

    def test_values_are_on_its_scale(self) -> None:
        """Every answer has a value that its scale takes, or none."""
        evaluator = self.make()
        events = run_session(new_session(evaluator=evaluator))
        answers = [event for event in events if isinstance(event, Answered)]
        assert answers
        for event in answers:
            assert event.score is None or not evaluator.scale.refuses(event.score)

    def test_a_run_cut_anywhere_ends_the_same_and_pays_nothing_twice(self) -> None:
        """A reply in the journal is never asked for again."""
        _assert_resumable(lambda past: new_session(evaluator=self.make(), past=past))

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_no_reply_breaks_it(self, text: str) -> None:
        """Whatever the models say gives a value or none; an empty text that was cut, too."""
        reply = ChatReply(text, "stop" if text.strip() else "length", 1, 1, 0.0)
        session = new_session(evaluator=self.make(), say=lambda _: reply)
        run_session(session)


class ProblemSuite(_NoNetwork):
    """The contract of a problem.

    Attributes:
        parameters: Of its instance, as a config has them.
    """

    parameters: Mapping[str, Any] = MappingProxyType({})

    def require(self, method: str) -> None:
        """Skip a test of a method that the problem does not have."""
        if not has_method(self.make(), method):
            pytest.skip(f"no {method}")

    def make(self) -> Problem:
        """Return a new problem."""
        raise NotImplementedError

    def record(self) -> tuple[Problem, RecordedProblem]:
        """Return a problem, and its instance as a run records it."""
        problem = self.make()
        task = TaskSettings(problem=problem.name, parameters=self.parameters)
        return problem, decode_problem([encode_problem(record_problem(task, problem))])

    def test_an_instance_is_json_and_drawn_alike(self) -> None:
        """A resume, and another machine, have the same problem."""
        first, second = self.record()[1], self.record()[1]
        assert first == second
        assert json.loads(json.dumps(first.instance)) == first.instance

    def test_starting_solutions_and_references_are_solutions(self) -> None:
        """Each has a finite value, and none is better than the optimum."""
        problem, recorded = self.record()
        instance, optimum = recorded.instance, recorded.optimum
        start = list(problem.start(instance))
        assert start
        for solution in (*start, *(each.solution for each in recorded.references)):
            assert problem.check(solution, instance) == ""
            value = problem.value(solution, instance)
            assert math.isfinite(value)
            if optimum is not None and solution in start:
                best = min(value, optimum.value) if problem.minimise else max(value, optimum.value)
                assert is_close(best, optimum.value)
        for each in recorded.references:
            assert is_close(problem.value(each.solution, instance), each.value)

    def test_a_solution_is_read_as_it_is_written(self) -> None:
        """Check that a reply of the form asked for is read, in the one form of equal solutions."""
        problem, recorded = self.record()
        for solution in problem.start(recorded.instance):
            reply = f"Better:\n<solution>{solution}</solution>"
            read = problem.read(reply, recorded.instance)
            assert problem.check(read, recorded.instance) == ""
            again = problem.read(f"<solution>{read}</solution>", recorded.instance)
            assert again == read
            value = problem.value(solution, recorded.instance)
            assert is_close(problem.value(read, recorded.instance), value)

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_no_reply_breaks_it(self, text: str) -> None:
        """Whatever a model says is no solution, or one with a value."""
        problem, recorded = self.record()
        for reply in (text, f"<solution>{text}</solution>", f"<solution>{text}"):
            solution = problem.read(reply, recorded.instance)
            if solution and not problem.check(solution, recorded.instance):
                assert isinstance(problem.value(solution, recorded.instance), float | int)

    def test_a_run_cut_anywhere_ends_the_same_and_pays_nothing_twice(self) -> None:
        """A resume proposes what the killed session proposed."""
        self.require("draw_solution")
        whole = new_problem_session(self.make(), self.parameters)
        events = run_session(whole)
        for cut in range(1, len(events), max(1, len(events) // 12)):
            resumed = new_problem_session(self.make(), self.parameters, events[:cut])
            run_session(resumed)
            assert describe(resumed) == describe(whole), f"cut behind event {cut}"

    def test_controls_write_solutions(self) -> None:
        """Blind draws and steps from a solution are solutions."""
        self.require("draw_solution")
        self.require("improve")
        problem, recorded = self.record()
        rng, instance = create_rng(0, "suite"), recorded.instance
        solution = problem.draw_solution(instance, rng)
        for _ in range(20):
            assert problem.check(solution, instance) == ""
            solution = problem.improve(solution, instance, rng)


class MetricSuite(_NoNetwork):
    """The contract of a metric. cases: replies with gold answers and their scores."""

    cases: Sequence[tuple[str, str, float | None]] = ()

    def make(self) -> Metric:
        """Return a new metric."""
        raise NotImplementedError

    def test_cases(self) -> None:
        """Every reply has the score that was worked out by hand."""
        metric = self.make()
        assert self.cases, "give the suite some cases"
        for reply, gold, score in self.cases:
            example = Example("?", metric.target(gold), "case")
            assert metric.grade(reply, example).score == score, reply

    def test_a_target_is_its_own_target(self) -> None:
        """A gold answer in its compared form stays as it is."""
        metric = self.make()
        for _, gold, _ in self.cases:
            assert metric.target(metric.target(gold)) == metric.target(gold)

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_no_reply_breaks_it(self, text: str) -> None:
        """Grading never raises, its score lies between 0 and 1, and its span within the reply."""
        metric = self.make()
        replies = [text, *(f"{reply}\n{text}" for reply, _, _ in self.cases)]
        for _, gold, _ in self.cases:
            for reply in replies:
                grade = metric.grade(reply, Example("?", metric.target(gold), "case"))
                assert grade.score is None or 0.0 <= grade.score <= 1.0
                assert grade.span is None or 0 <= grade.span[0] < grade.span[1] <= len(reply)


class ModelSuite:
    """The contract of a chat model; `make` must give one that answers on this machine."""

    def make(self) -> ChatModel:
        """Return a new model."""
        raise NotImplementedError

    def test_it_answers_many_at_once_on_one_loop(self) -> None:
        """Concurrent requests each get an answer of their own."""

        async def ask() -> None:
            model = self.make()
            asked = [
                ChatRequest((Message("user", f"Say {n}."),), 0.0, 16, seed=n) for n in range(8)
            ]
            replies = await asyncio.gather(*map(model.reply, asked))
            assert all(isinstance(reply.text, str) for reply in replies)
            await model.aclose()
            await model.aclose()

        asyncio.run(ask())

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_any_prompt_may_be_sent(self, text: str) -> None:
        """A prompt is data: it is answered, or refused as a ModelError."""
        from opro_cli.errors import ModelError

        async def ask() -> None:
            model = self.make()
            try:
                await model.reply(ChatRequest((Message("user", text),), 0.0, 16))
            except ModelError:
                pass
            finally:
                await model.aclose()

        asyncio.run(ask())


def _view(strategy: Strategy) -> SearchView:
    session = new_session()
    form = PromptFormat("Q_begin", qa_markers=True)
    options = read_options(strategy, {})
    return SearchView(session.state, session.examples["train"], form, options=options)


def _assert_resumable(make_session: Callable[[Sequence[Event]], Runner]) -> None:
    """Cut a run behind its events, here and there: what goes on ends alike, and asks only the rest.

    Args:
        make_session: Makes a new session behind these events of earlier ones.
    """
    whole = make_session(())
    events = run_session(whole)
    for cut in range(1, len(events), max(1, len(events) // 12)):
        resumed = make_session(events[:cut])
        run_session(resumed)
        assert describe(resumed) == describe(whole), f"cut behind event {cut}"
        paid = sum(_was_paid(event) for event in events[:cut])
        assert count_requests(resumed) <= count_requests(whole) - paid


def _was_paid(event: Event) -> bool:
    """Return True for an event that a call of its own brought."""
    if not isinstance(event, Answered | FirstReply | Proposed):
        return False
    return event.via == "call" and event.finish_reason != "recalled"
