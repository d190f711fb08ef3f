"""Events to records and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.events import (
    Answered,
    Event,
    MalformedEvent,
    Proposed,
    Reasoned,
    Retried,
    SessionEnded,
    SessionStarted,
    from_record,
    to_record,
)

moments = st.floats(0, 2e9)
counts = st.none() | st.integers(0, 10**6)
money = st.none() | st.floats(0, 10)
answers = st.builds(
    Answered,
    at=moments,
    candidate=st.text(max_size=12),
    split=st.sampled_from(["train", "dev", "test"]),
    question=st.integers(0, 1000),
    text=st.text(),
    answer=st.none() | st.text(),
    score=st.none() | st.floats(0, 1),
    finish_reason=st.text(max_size=8),
    prompt_tokens=counts,
    completion_tokens=counts,
    usd=money,
    seconds=st.floats(0, 1000),
)
first_rounds = st.builds(
    Reasoned,
    at=moments,
    candidate=st.text(max_size=12),
    split=st.sampled_from(["train", "dev", "test"]),
    question=st.integers(0, 1000),
    text=st.text(),
    finish_reason=st.text(max_size=8),
    prompt_tokens=counts,
    completion_tokens=counts,
    usd=money,
    seconds=st.floats(0, 1000),
)
proposals = st.builds(
    Proposed,
    at=moments,
    step=st.integers(1, 200),
    sample=st.integers(0, 20),
    text=st.text(),
    instructions=st.lists(st.text(), max_size=3).map(tuple),
    finish_reason=st.text(max_size=8),
    prompt_tokens=counts,
    completion_tokens=counts,
    usd=money,
    seconds=st.floats(0, 1000),
)
others = st.sampled_from(
    [
        SessionStarted(1.5, 4711, "0.1.0"),
        Retried(2.0, "scorer", 1, 0.5, "429"),
        SessionEnded(3.0, "failed", "401"),
    ]
)


@given(answers | first_rounds | proposals | others)
def test_an_event_survives_the_journal(event: Event) -> None:
    assert from_record(json.loads(json.dumps(to_record(event)))) == event


RECORD = to_record(SessionStarted(1.0, 1, "0.1.0"))
FIRST_ROUND = to_record(
    Reasoned(1.0, "ab", "dev", 3, "9 + 9", "stop", 10, 3, None, 0.5),
)


def test_a_first_round_is_written_under_its_name() -> None:
    assert FIRST_ROUND == {
        "event": "reasoned",
        "at": 1.0,
        "candidate": "ab",
        "split": "dev",
        "question": 3,
        "text": "9 + 9",
        "finish_reason": "stop",
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "usd": None,
        "seconds": 0.5,
    }


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ([], "no event of a known kind"),
        ({"event": "sold"}, "no event of a known kind"),
        ({key: RECORD[key] for key in RECORD if key != "pid"}, "session_started without pid"),
        ({**RECORD, "pid": "many"}, "session_started.pid is 'many'"),
        ({**RECORD, "pid": True}, "session_started.pid is True"),
        ({**FIRST_ROUND, "split": "all"}, "reasoned.split is 'all'"),
        ({**FIRST_ROUND, "text": None}, "reasoned.text is None"),
        ({key: FIRST_ROUND[key] for key in FIRST_ROUND if key != "usd"}, "reasoned without usd"),
    ],
)
def test_any_other_record_is_refused(record: object, complaint: str) -> None:
    with pytest.raises(MalformedEvent, match=complaint):
        from_record(record)
