"""What may have happened in a small run: any events that can follow one another."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from opro_cli.core.run.candidates import AGAIN, make_candidate_id
from opro_cli.core.run.events import (
    Answered,
    Checked,
    Event,
    FirstReply,
    InFlight,
    Looked,
    Probed,
    PromptsCut,
    Proposed,
    Pruned,
    Refused,
    Retried,
    SessionEnded,
    SessionStarted,
    StepPlanned,
    TestUsed,
    Uncounted,
)
from opro_cli.core.run.state import IllegalEvent, RunState

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
names = st.sampled_from(NAMES[:3])
first = st.just(NAMES[0])  # the others are no candidates yet
spans = st.sampled_from([(0.5, 0.25, 0.75), (1.0, 0.5, 1.0), (0.0, 0.0, 0.0)])
looks = st.builds(
    Looked,
    at=moments,
    step=st.integers(0, 1),
    split=st.sampled_from(["train", "dev"]),
    asked=st.dictionaries(first, st.just((0, 2)), max_size=1),
    joining=st.sampled_from([(), (1,)]),
    train=st.dictionaries(first, spans, max_size=1),
    dev=st.dictionaries(first, spans, max_size=1),
    finalists=st.lists(first, max_size=1).map(tuple),
    over=st.booleans(),
)
spent = {"role": st.sampled_from(["scorer", "optimizer"]), "tokens": st.integers(0, 9)}
notices = st.one_of(
    st.builds(
        Pruned, at=moments, candidate=names, mean=st.just(0.5), low=st.just(0), high=st.just(1)
    ),
    st.builds(StepPlanned, at=moments, step=st.integers(1, 2), samples=st.integers(0, 3)),
    st.builds(Uncounted, at=moments, answered=st.booleans(), usd=money, why=st.just("x"), **spent),
    st.builds(InFlight, at=moments, calls=st.integers(0, 2), usd=money, **spent),
    st.builds(
        PromptsCut,
        at=moments,
        prompts=st.just(2),
        shortest=st.just(1),
        longest=st.just(9),
        **spent,
    ),
    st.builds(
        TestUsed,
        at=moments,
        start=names,
        winner=names,
        use=st.just("u"),
        set=st.just("s"),
        rows=st.just(3),
        number=st.just(1),
        level=st.just(0.025),
    ),
    st.builds(
        Probed,
        at=moments,
        role=st.just("scorer"),
        calls=st.just(2),
        prompt_tokens=st.just(3),
        completion_tokens=st.just(1),
        usd=st.just(0.1),
    ),
)
others = st.one_of(
    looks,
    notices,
    st.builds(FirstReply, at=moments, **places, **calls),
    st.builds(Refused, at=moments, reason=st.just("filtered"), **places),
    st.builds(Checked, at=moments, role=st.sampled_from(["optimizer", "scorer"]), **calls),
    st.builds(SessionStarted, moments, st.integers(1, 9), st.just("0.1.0")),
    st.builds(SessionEnded, moments, st.sampled_from(["finished", "interrupted", "budget"])),
    st.builds(Retried, moments, st.just("scorer"), st.just(1), st.just(0.5), st.just("429")),
)
happenings: st.SearchStrategy[list[Event]] = st.lists(
    answers | answers | proposals | looks | others, max_size=40
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
