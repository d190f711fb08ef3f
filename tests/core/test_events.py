"""Events to records and back."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.run.events import (
    Answered,
    Checked,
    Event,
    Proposed,
    Retried,
    SessionEnded,
    SessionStarted,
)
from opro_cli.core.run.records import MalformedEvent, decode_record, encode_record
from tests.core.runs import answered, proposed

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


@given(answers | proposals | others)
def test_an_event_survives_the_journal(event: Event) -> None:
    assert decode_record(json.loads(json.dumps(encode_record(event)))) == event


RECORD = encode_record(SessionStarted(1.0, 1, "0.1.0"))
ANSWERED = encode_record(answered("start", 0))
CHECKED = encode_record(Checked(1.0, "scorer", "hello", "stop", 1, 1, None, 0.1))
PROPOSED = encode_record(proposed(1, 0, "think"))


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ([], "no event of a known kind"),
        ({"event": "sold"}, "no event of a known kind"),
        ({key: RECORD[key] for key in RECORD if key != "pid"}, "session_started without pid"),
        ({**RECORD, "pid": "many"}, "session_started.pid is 'many'"),
        ({**RECORD, "pid": True}, "session_started.pid is True"),
        ({**RECORD, "event": ["session_started"]}, "no event of a known kind"),
        ({**RECORD, "at": math.nan}, "session_started.at is nan"),
        ({**RECORD, "at": math.inf}, "session_started.at is inf"),
        ({**RECORD, "pid": 10**400}, "session_started.pid is 1000"),
        ({**CHECKED, "role": 3}, "checked.role is 3"),
        ({**ANSWERED, "split": "tests"}, "answered.split is 'tests'"),
        ({**ANSWERED, "split": ["train"]}, r"answered.split is \('train',\)"),
        ({**ANSWERED, "usd": -math.inf}, "answered.usd is -inf"),
        ({**ANSWERED, "answer": 5}, "answered.answer is 5"),
        ({**PROPOSED, "instructions": "abc"}, "proposed.instructions is 'abc'"),
        ({**PROPOSED, "instructions": ["a", 1]}, r"proposed.instructions is \('a', 1\)"),
    ],
)
def test_any_other_record_is_refused(record: object, complaint: str) -> None:
    with pytest.raises(MalformedEvent, match=complaint):
        decode_record(record)


def test_a_field_that_came_later_takes_its_default() -> None:
    record = encode_record(SessionEnded(1.0, "finished", "because"))
    del record["detail"]
    assert decode_record(record) == SessionEnded(1.0, "finished", "")


def test_a_field_that_this_version_does_not_know_is_left_alone() -> None:
    assert decode_record({**RECORD, "crc32": "00000000"}) == SessionStarted(1.0, 1, "0.1.0")


def test_a_whole_number_may_stand_for_seconds_or_dollars() -> None:
    assert decode_record({**ANSWERED, "usd": 0, "seconds": 2}) is not None
