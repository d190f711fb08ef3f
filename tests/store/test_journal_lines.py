"""Events to lines and back, through a parser that is fast and one that takes everything."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from opro_cli.core.run.events import Answered, Event, Proposed
from opro_cli.core.run.records import MalformedEvent, decode_record
from opro_cli.store.journal import decode_event, encode_event, measure_whole_event
from tests.core.runs import answered
from tests.store.journals import EVENTS

texts = st.text(st.characters())  # with lone surrogates
numbers = st.floats(-1e14, 1e14)
events = st.builds(
    Answered,
    at=numbers,
    candidate=texts,
    split=st.sampled_from(["train", "dev", "test"]),
    question=st.integers(-(10**14), 10**14),
    text=texts,
    answer=st.none() | texts,
    score=st.none() | numbers,
    finish_reason=texts,
    prompt_tokens=st.none() | st.integers(0, 10**14),
    completion_tokens=st.none() | st.integers(0, 10**14),
    usd=st.none() | numbers,
    seconds=numbers,
) | st.builds(
    Proposed,
    at=numbers,
    step=st.integers(0, 200),
    sample=st.integers(0, 20),
    text=texts,
    instructions=st.lists(texts, max_size=3).map(tuple),
    finish_reason=texts,
    prompt_tokens=st.none(),
    completion_tokens=st.none(),
    usd=st.none(),
    seconds=numbers,
)


@given(events)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    line = encode_event(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_event(line) == event


@given(events)
def test_the_fast_parser_reads_what_the_json_module_reads(event: Event) -> None:
    line = encode_event(event)
    assert decode_event(line) == decode_record(json.loads(line))


@given(events, st.binary(max_size=20))
def test_whatever_stands_behind_a_whole_event_the_event_is_found(
    event: Event, behind: bytes
) -> None:
    line = encode_event(event)
    assert measure_whole_event(line[:-1] + behind) == len(line) - 1
    assert measure_whole_event(line[:-2] + behind.replace(b"}", b"")) == 0


def test_the_checksum_is_that_of_all_before_it() -> None:
    line = encode_event(answered("start", 0))
    body, _, end = line.rpartition(b',"crc32":"')
    assert end == b'%08x"}\n' % zlib.crc32(body)
    assert json.loads(body + b"}")["event"] == "answered"


def test_a_line_without_a_checksum_is_read() -> None:
    event = answered("start", 0)
    assert decode_event(encode_event(event).rpartition(b',"crc32":"')[0] + b"}") == event


def test_a_text_cannot_pass_for_a_checksum() -> None:
    event = Answered(
        1.0, "c", "dev", 0, 'x","crc32":"00000000"}', None, None, "stop", None, None, None, 0.1
    )
    assert decode_event(encode_event(event)) == event
    with pytest.raises(MalformedEvent, match="checksum"):
        decode_event(encode_event(event).replace(b"stop", b"stap"))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_the_quick_and_the_careful_way_read_the_same(event: Event) -> None:
    line = encode_event(event)
    assert decode_event(line) == decode_record(json.loads(line)) == event


@pytest.mark.parametrize("score", [float("nan"), float("inf"), True, "1", [1.0]])
def test_what_could_not_be_read_back_is_not_written(score: Any) -> None:
    with pytest.raises(MalformedEvent, match=r"answered\.score is"):
        encode_event(answered("start", 0, score=score))


@pytest.mark.parametrize("loss", [1e16, 1e306, -1e306, 5e-324])
def test_a_loss_of_any_size_is_written_and_read_back(loss: float) -> None:
    event = answered("start", 0, score=loss)
    assert decode_event(encode_event(event)) == event


@given(st.sampled_from(EVENTS), st.data())
def test_an_event_with_any_value_in_it_is_read_back_or_refused(
    event: Event, data: st.DataObject
) -> None:
    names = [field.name for field in fields(event)]
    values = st.none() | st.booleans() | st.floats() | st.integers() | texts | st.tuples(texts)
    change: dict[str, Any] = {data.draw(st.sampled_from(names)): data.draw(values)}
    changed = replace(event, **change)
    try:
        line = encode_event(changed)
    except MalformedEvent:
        return
    assert decode_event(line) == changed


def test_a_number_of_a_class_of_its_own_is_written() -> None:
    class Share(float):
        pass

    event = answered("start", 0, score=Share(0.5))
    assert decode_event(encode_event(event)) == event
