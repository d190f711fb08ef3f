"""Objects and lists compared field by field; each share is counted by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.task.example import Example
from opro_cli.metrics import create_metric
from opro_cli.metrics.golds import AllOf
from opro_cli.metrics.text import ContainsMetric, ExactMetric
from opro_cli.reading.structure import compare_values, count_fields

CALL = {"name": "book_table", "arguments": {"people": 4, "time": "19:30"}}  # three fields
ENTITIES = [{"text": "Ana", "type": "PER"}, {"text": "Rome", "type": "LOC"}]  # four fields


def score(kind: str, gold: object, reply: str) -> float | None:
    metric = create_metric(kind)
    return metric.grade(reply, Example("?", metric.target(json.dumps(gold)), "case")).score


@pytest.mark.parametrize(
    ("gold", "reply", "share"),
    [
        (CALL, '{"arguments": {"time": "19:30", "people": 4}, "name": "book_table"}', 1.0),
        (CALL, '{"name": "book_table", "arguments": {"people": "4.0", "time": " 19:30"}}', 1.0),
        (CALL, '{"name": "book_table", "arguments": {"people": 5, "time": "19:30"}}', 2 / 3),
        (CALL, '{"name": "book_table", "arguments": {"people": 4}}', 2 / 3),
        (CALL, '{"name": "book_table"}', 1 / 3),
        (CALL, '{"name": "x", "arguments": {}}', 0.0),  # {} counts one field, two are missing
        (
            CALL,
            '{"name": "book_table", "arguments": {"people": 4, "time": "19:30", "x": 1}}',
            3 / 4,
        ),
        (CALL, '{"name": "book_table", "arguments": {"people": 4, "time": "19:30"}, "x": null}', 1),
        (CALL, '{"call": {"name": "book_table", "arguments": {"people": 4}}}', 2 / 3),
        (CALL, 'Sure!\n```json\n[{"name": "book_table"}]\n```', 1 / 3),
        (CALL, "no object", None),
        (CALL, '{"name": "book_table", "arg', None),
        (CALL, '<think>{"name": "x"}</think> {"name": "book_table"} is all', 1 / 3),
        (ENTITIES, json.dumps(ENTITIES[::-1]), 1.0),
        (ENTITIES, json.dumps({"entities": ENTITIES}), 1.0),
        (ENTITIES, '[{"text": "Rome", "type": "LOC"}, {"text": "Ana", "type": "ORG"}]', 3 / 4),
        (ENTITIES, '[{"text": "Rome", "type": "LOC"}]', 2 / 4),
        (ENTITIES, json.dumps([*ENTITIES, {"text": "it", "type": "PER"}]), 4 / 6),
        (ENTITIES, json.dumps([*ENTITIES, ENTITIES[0]]), 4 / 6),
        (ENTITIES, "[]", 0.0),
        ([], "[]", 1.0),
        ([], '["x"]', 0.0),
        ({}, "{}", 1.0),
        (["a", "b"], '["B", "a"]', 1.0),
        (["a", "b"], '["a", "c"]', 1 / 3),  # a, and b and c without partners
        (["a"], '{"x": "a"}', 0.0),
        ({"tags": ["a", "b"]}, '{"tags": "a"}', 1 / 2),
        ({"a": True, "b": None}, '{"a": "true"}', 1.0),
        ({"a": True}, '{"a": false}', 0.0),
        ({"a": {"b": 1, "c": 2}}, '{"a": 1}', 0.0),
    ],
)
def test_the_share_of_right_fields(gold: object, reply: str, share: float | None) -> None:
    assert score("json", gold, reply) == share


@pytest.mark.parametrize(
    ("gold", "reply", "share"),
    [
        (ENTITIES, json.dumps({"entities": ENTITIES[::-1]}), 1.0),
        (ENTITIES, json.dumps({"entities": ENTITIES[:1]}), 2 / 4),
        (ENTITIES, '{"entities": "Ana"}', 0.0),
        (ENTITIES, '{"people": []}', None),
        ({"n": 1}, '{"entities": {"n": 1.0}}', 1.0),
        (["Rome"], '{"entities": "Rome"}', 1.0),
    ],
)
def test_the_value_at_a_path_may_be_an_object_or_a_list(
    gold: object, reply: str, share: float | None
) -> None:
    assert score("json:entities", gold, reply) == share


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ('{"arguments":{"time":"19:30","people":4},"name":"book_table"}', 1.0),
        ('{"arguments":{"time":"19:30","people":5},"name":"book_table"}', 0.0),
        ('The call is {"name": "book_table", "arguments": {"people": 4, "time": "19:30"}}.', 1.0),
        ("I cannot do that.", None),
    ],
)
def test_exact_takes_an_object_as_a_value(reply: str, right: float | None) -> None:
    assert score("exact", CALL, reply) == right


def test_what_was_read_is_the_object_on_one_line() -> None:
    metric = create_metric("json")
    example = Example("?", json.dumps(CALL), "case")
    assert metric.grade('```json\n{\n  "name":\n "x"\n}\n```', example).answer == '{ "name": "x" }'


@pytest.mark.parametrize("raw", ["Rome", "4", "[1, 2", ""])
def test_json_without_a_path_wants_an_object_or_a_list(raw: str) -> None:
    with pytest.raises(ValueError, match="expected a JSON object or list, found"):
        create_metric("json").target(raw)


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("Ana and Ben", 1.0),
        ("Ben, Ana", 1.0),
        ("The answer is Ben and Ana.", 1.0),
        ("- Ben\n- Ana", 1.0),
        ("Ana", 0.0),
        ("Ana, Ben and Cem", 0.0),
        ("", None),
    ],
)
def test_all_of_several_by_exact(reply: str, right: float | None) -> None:
    metric = AllOf(ExactMetric())
    example = Example("Who won gold?", metric.target('["Ana", "Ben", "Ana"]'), "case")
    assert example.target == '["Ana", "Ben"]' == metric.target(example.target)
    assert metric.grade(reply, example).score == right


def test_all_of_several_by_contains() -> None:
    metric = AllOf(ContainsMetric())
    example = Example("Who?", metric.target('["Ana", "Ben"]'), "case")
    replies = ("It was Ben, then Ana.", "It was Ben, not Ana.", "Ben")
    assert [metric.grade(each, example).score for each in replies] == [1.0, 0.0, 0.0]
    assert metric.target("Ana") == '["Ana"]'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3).map(str) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_a_share_is_a_share_and_one_only_for_equals(wanted: Any, given: Any) -> None:
    match = compare_values(wanted, given)
    assert 0 <= match.right <= match.fields <= count_fields(wanted) + count_fields(given) + 1
    assert compare_values(wanted, wanted).share == 1.0


def test_unequal_elements_of_long_lists_are_not_compared_each_with_each() -> None:
    wanted = [{"a": str(n), "b": "x"} for n in range(100)]
    given = [{"a": str(-n), "b": "x"} for n in range(1, 100)]
    assert compare_values(wanted, given).right == 0
    assert compare_values(wanted[:40], given[:40]).right == 40  # each pair shares b


def test_numbers_among_all_of_several_golds_stay_as_they_are_written() -> None:
    metric = AllOf(ContainsMetric())
    assert metric.target('[2.50, true, "x", 1e3]') == '["2.50", "true", "x", "1e3"]'
