"""What may have happened in a small run: any events that can follow one another."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import (
    Answered,
    Checked,
    Event,
    FirstReply,
    Proposed,
    Refused,
    Retried,
    SessionEnded,
    SessionStarted,
)
from opro_cli.core.run.state import AGAIN, IllegalEvent, RunState

START, BASELINE = "start", "Think."
TEXTS = (START, "count", "add", "add 1", "größer ≥ “7”")
NAMES = [make_candidate_id(text) for text in (*TEXTS, BASELINE)]
NAMES += [AGAIN + name for name in NAMES[:2]]

moments = st.floats(0, 100)
counts = st.none() | st.integers(0, 50)
money = st.none() | st.sampled_from([0.0, 0.1, 1e-5])
reasons = st.sampled_from(["stop", "content_filter"])
places = {
    "candidate": st.sampled_from(NAMES),
    "split": st.sampled_from(["train", "dev", "test"]),
    "question": st.integers(0, 2),
}
calls = {
    "text": st.sampled_from(["", "It is 9.", "≥\n9"]),
    "finish_reason": reasons,
    "prompt_tokens": counts,
    "completion_tokens": counts,
    "usd": money,
    "seconds": st.floats(0, 9),
}
grades = st.sampled_from([(None, None), ("9", 1.0), ("8", 0.0), ("“8.5”", 0.25), ("8.9", 0.1)])
answers = grades.flatmap(
    lambda grade: st.builds(
        Answered, at=moments, answer=st.just(grade[0]), score=st.just(grade[1]), **places, **calls
    )
)
proposals = st.builds(
    Proposed,
    at=moments,
    step=st.integers(1, 2),
    sample=st.integers(0, 1),
    instructions=st.lists(st.sampled_from(TEXTS), max_size=2).map(tuple),
    **calls,
)
others = st.one_of(
    st.builds(FirstReply, at=moments, **places, **calls),
    st.builds(Refused, at=moments, reason=st.just("filtered"), **places),
    st.builds(Checked, at=moments, role=st.sampled_from(["optimizer", "scorer"]), **calls),
    st.builds(SessionStarted, moments, st.integers(1, 9), st.just("0.1.0")),
    st.builds(SessionEnded, moments, st.sampled_from(["finished", "interrupted", "budget"])),
    st.builds(Retried, moments, st.just("scorer"), st.just(1), st.just(0.5), st.just("429")),
)
happenings: st.SearchStrategy[list[Event]] = st.lists(
    answers | answers | proposals | others, max_size=40
)


def legal(state: RunState, events: Iterable[Event]) -> list[Event]:
    """Apply those events that can follow; which they were."""
    followed = []
    for event in events:
        try:
            state.apply(event)
        except IllegalEvent:
            continue
        followed.append(event)
    return followed
