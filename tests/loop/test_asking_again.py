"""Replies without anything to score are asked for again, and a strategy may end its search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from opro_cli.core.run.events import Event, Proposed, SessionStarted, StepPlanned
from opro_cli.core.run.state import IllegalEvent, RunState
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.core.task.prompt import Content
from opro_cli.loop.runner import Runner
from opro_cli.ports import Strategy
from opro_cli.testing.session import describe, new_session, run_session


@dataclass
class Tagged(Strategy):
    """Takes what stands behind "=", rejects "bad", and ends before a step."""

    name = "tagged"
    ends_before: int = 99
    asked: list[int] = field(default_factory=list)

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        self.asked.append(step)
        if step == self.ends_before:
            return End("enough was tried")
        first = Ask((Message("user", f"first of {step}"),), parents=("a",))
        return [first, Ask((Message("user", f"second of {step}"),), parents=("b",))]

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:
        return [reply.partition("=")[2]] if "=" in reply else []

    def reject(self, candidate: Content, view: SearchView) -> str:
        return "bad" if candidate.text.startswith("bad") else ""


def session(
    lines: Sequence[str], past: Sequence[Event] = (), ask_again: int = 0, **strategy: Any
) -> Runner:
    """A run whose optimizer gives these lines to the first request, but for those in the past."""
    known = Counter(parents for *_, parents in proposals(past))
    numbers = {
        "first": iter([*lines, *["no"] * 20][known["a",] :]),
        "second": iter([f"=s{n}" for n in range(99)][known["b",] :]),
    }

    def say(request: ChatRequest) -> str:
        text = request.messages[-1].content
        return next(numbers[text.split()[0]]) if " of " in text else "The answer is 4."

    runner = new_session(Tagged(**strategy), past=(), say=say)
    runner.settings = replace(
        runner.settings,
        search=replace(runner.settings.search, ask_again=ask_again),
        optimizer=replace(runner.settings.optimizer, concurrency=1),
    )
    runner.state.search = runner.settings.search
    runner._calls.settings = runner.settings
    for event in past:
        runner.state.apply(event)
    return runner


def proposals(events: Sequence[Event]) -> list[tuple[int, int, str, tuple[str, ...]]]:
    return [(e.step, e.sample, e.text, e.parents) for e in events if isinstance(e, Proposed)]


def test_a_fruitless_reply_is_asked_for_again_by_the_same_request() -> None:
    events = run_session(session(["no", "=bad", "=x", "=y", "=z"], ask_again=5))
    of_first_step = [each[1:] for each in proposals(events) if each[0] == 1]
    assert sorted(of_first_step) == [
        (0, "no", ("a",)),
        (1, "=s0", ("b",)),
        (2, "=bad", ("a",)),
        (3, "=x", ("a",)),
    ]
    assert [each[1] for each in proposals(events) if each[0] == 2] == [0, 1]


def test_no_more_often_than_it_is_allowed_in_a_step() -> None:
    runner = session(["no"] * 9, ask_again=2)
    events = run_session(runner)
    assert [e[0] for e in proposals(events)] == [1] * 4 + [2] * 4 + [3] * 4
    assert len(runner.state.of_step(1)) == 1  # the second request's


def test_by_default_a_fruitless_reply_is_lost() -> None:
    assert len(proposals(run_session(session(["no"] * 3)))) == 6


def test_a_repeated_text_is_no_fruitless_one() -> None:
    assert len(proposals(run_session(session(["=x", "=x", "=x"], ask_again=9)))) == 6


LONG = "=" + "x" * 501


def test_a_text_that_is_too_long_is_asked_for_again() -> None:
    runner = session([LONG, LONG, "=x"], ask_again=5)
    of_first_step = [each[1:] for each in proposals(run_session(runner)) if each[0] == 1]
    again = [sample for sample, text, parents in of_first_step if parents == ("a",)]
    assert again == [0, 2, 3]
    assert {c.instruction for c in runner.state.of_step(1)} == {"x", "s0"}


def test_so_is_one_with_a_digit_where_these_are_dropped() -> None:
    runner = session(["=7", "=x"], ask_again=4)  # those of the second request have one, too
    runner.state.search = replace(runner.state.search, drop_digits=True)
    of_first_step = [each for each in proposals(run_session(runner)) if each[0] == 1]
    assert len(of_first_step) == 2 + 4
    assert [c.instruction for c in runner.state.of_step(1)] == ["x"]


def test_a_run_that_began_before_that_was_so_asks_for_it_once() -> None:
    runner = session([LONG, "=x"], ask_again=5)
    runner.state.apply(SessionStarted(0.0, 1, "0.1.0", format_version=9))
    assert len([each for each in proposals(run_session(runner)) if each[0] == 1]) == 2


@pytest.mark.parametrize("ask_again", [0, 2, 5])
def test_a_run_cut_anywhere_asks_for_the_rest(ask_again: int) -> None:
    lines = ["no", "=bad", LONG, "=x", "no", "=y"]
    whole = session(lines, ask_again=ask_again)
    events = run_session(whole)
    for cut in range(1, len(events), 3):
        rest = session(lines, events[:cut], ask_again)
        run_session(rest)
        assert describe(rest) == describe(whole), cut


def test_a_strategy_ends_its_search() -> None:
    runner = session(["=x", "=y"], ends_before=3)
    events = run_session(runner)
    (ended,) = [e for e in events if isinstance(e, StepPlanned)]
    assert (ended.step, ended.samples, ended.ended) == (3, 0, "enough was tried")
    assert runner.state.step == 2
    assert runner.state.search_ended == "enough was tried"
    assert not runner.state.is_searching
    # Dev is asked as at any end; nobody beats the start prompt there, so test is not.
    assert any(c.answers["dev"].by_question for c in runner.state.candidates.values())


def test_a_resume_does_not_ask_an_ended_strategy_again() -> None:
    events = run_session(session(["=x", "=y"], ends_before=3))
    at = next(n for n, e in enumerate(events) if isinstance(e, StepPlanned))
    resumed = session([], events[: at + 1], ends_before=3)
    run_session(resumed)
    strategy = resumed.strategy
    assert isinstance(strategy, Tagged)
    assert strategy.asked == []


def test_nothing_follows_an_ended_search() -> None:
    runner = session(["=x", "=y"], ends_before=3)
    run_session(runner)
    state: RunState = runner.state
    late = Proposed(0.0, 3, 0, "=z", ("z",), "stop", 0, 0, 0.0, 0.0)
    with pytest.raises(IllegalEvent):
        state.apply(late)
    with pytest.raises(IllegalEvent):
        state.apply(StepPlanned(0.0, 3, 1))
    with pytest.raises(IllegalEvent, match="a plan for 2"):
        new_session().state.apply(StepPlanned(0.0, 1, 2, "why"))
