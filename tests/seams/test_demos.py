"""Demonstrations that a strategy chooses: gold answers, recorded replies, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from opro_cli import Ask, Demo, Draft, Prompt, SearchView, Strategy
from opro_cli.core.run.events import Answered, Event
from opro_cli.errors import RunError
from opro_cli.loop.runner import Runner
from opro_cli.ports import Need
from opro_cli.testing.session import ScriptedModel, describe, new_session, run_session


class Shown(Strategy):
    """Adds one demonstration to the start prompt."""

    name = "shown"
    needs: frozenset[Need] = frozenset({"demos"})

    def __init__(self, row: int, under: str = "") -> None:
        self.row, self.under = row, under

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:
        start = view.candidates()[0]
        under = start.id if self.under == "start" else self.under
        demo = Demo(self.row, under) if under else Demo(self.row)
        return [Draft(Prompt(start.instruction, (demo,)))]

    def read(self, reply: str, ask: Ask) -> Sequence[str]:
        return []


def sent(session: Runner) -> list[str]:
    (scorer,) = session.models["scorer"]
    assert isinstance(scorer, ScriptedModel)
    return [request.messages[-1].content for request in scorer.requests]


def test_a_demonstration_shows_the_gold_answer() -> None:
    session = new_session(Shown(1))
    run_session(session)
    row = session.examples["train"][1]
    assert [text for text in sent(session) if row.input in text and f"A: {row.target}" in text]


def test_a_demonstration_shows_a_reply_also_after_a_resume() -> None:
    session = new_session(Shown(1, "start"))
    events = run_session(session)
    start = next(iter(session.state.candidates))
    (reply,) = (
        event.text
        for event in events
        if isinstance(event, Answered)
        and (event.candidate, event.split, event.question) == (start, "train", 1)
    )
    assert [text for text in sent(session) if f"A: {reply}" in text]
    for cut in range(1, len(events), 5):
        past: list[Event] = events[:cut]
        resumed = new_session(Shown(1, "start"), past=past)
        run_session(resumed)
        assert describe(resumed) == describe(session), cut


@pytest.mark.parametrize(
    ("strategy", "fault"),
    [(Shown(99), "train row 99, and there are 5"), (Shown(1, "nobody"), "under candidate nobody")],
)
def test_what_cannot_be_shown_ends_the_run_in_words(strategy: Strategy, fault: str) -> None:
    with pytest.raises(RunError, match=fault):
        run_session(new_session(strategy))
