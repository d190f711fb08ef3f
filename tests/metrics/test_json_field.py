from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Grade
from opro_cli.metrics.json_field import find_last_object

Grading = Callable[..., Grade]


@pytest.mark.parametrize(
    ("spec", "reply", "target", "answer", "score"),
    [
        ("json:answer", '{"answer": "Paris"}', "paris", "Paris", 1.0),
        (
            "json:answer",
            'Sure:\n```json\n{"answer": "Paris."}\n```\nDone {ok}',
            "Paris",
            "Paris.",
            1.0,
        ),
        ("json:answer", '{"answer": "Rome"} no, {"answer": "Paris"}', "Paris", "Paris", 1.0),
        ("json:a.items.1.v", '{"a": {"items": [{}, {"v": 18}]}}', "18", "18", 1.0),
        ("json:answer", '{"answer": 18.0}', "18", "18.0", 1.0),
        ("json:answer", '{"answer": 3.333}', "3.33", "3.333", 1.0),
        ("json:answer", '{"answer": 17.6}', "18", "17.6", 0.0),
        ("json:answer", '{"answer": "1,234"}', "1234", "1,234", 1.0),
        ("json:answer", '{"answer": true}', "True", "true", 1.0),
        ("json:answer", '{"answer": false}', "True", "false", 0.0),
        ("json:answer", '{"answer": "Rome"}', "Paris", "Rome", 0.0),
        ("json:answer", 'f{x} [{"answer": 1}, {"answer": 2}]', "2", "2", 1.0),
        ("json:0", '{"0": "x"}', "x", "x", 1.0),
        # as models write it
        ("json:answer", '{"answer": ["Paris"]}', "Paris", "Paris", 1.0),
        ("json:answer", '{"answer": [18]}', "18", "18", 1.0),
        ("json:answer", "{'answer': 18}", "18", "18", 1.0),
        ("json:answer", "{'answer': 'Paris'}", "Paris", "Paris", 1.0),
        ("json:answer", "{'reason': 'it is', 'answer': 'Rome',}", "Paris", "Rome", 0.0),
        ("json:answer", '{"Answer": 18}', "18", "18", 1.0),
        ("json:answer", '{"ANSWER": "Paris"} {"sure": 0.9}', "Paris", "Paris", 1.0),
    ],
)
def test_value(
    grade: Grading, spec: str, reply: str, target: str, answer: str, score: float
) -> None:
    assert grade(spec, reply, target) == Grade(answer, score)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Paris",
        '{"answer": "Par',
        '{"other": 1}',
        '{"answer": null}',
        '{"answer": ""}',
        '{"answer": ["Paris", "Rome"]}',
        '{"answer": []}',
        "{'answer': 'Par",
        '{"answer": {"x": 1, "y": 2}}',
        "{answer: Paris}",
        '["answer"]',
    ],
)
def test_unreadable(grade: Grading, reply: str) -> None:
    assert grade("json:answer", reply, "Paris") == UNREADABLE


def test_index_beyond_the_list_is_unreadable(grade: Grading) -> None:
    for step in ("1", "-1", "x", "9" * 5000, "²"):
        assert grade(f"json:a.{step}", '{"a": ["x"]}', "x") == UNREADABLE


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        '{"a":' * 20_000,
        '{"a":[' * 16_000,
        '{"a":[' + "1," * 40_000,
        ('{"a":[' + "1," * 100) * 480,
        '{"' * 50_000,
        '{"a":' + "9" * 99_000 + "}",
        '{"a": 1e999999999999999999999}',
    ],
    ids=["braces", "nested", "lists", "open list", "mixed", "strings", "digits", "exponent"],
)
def test_hostile_text_holds_no_object_but_a_whole_one(text: str) -> None:
    found = find_last_object(text)
    assert found is None or found == {"a": "1e999999999999999999999"}


@pytest.mark.parametrize(
    ("reply", "target", "score"),
    [
        # recorded: r1767, r1773, r1781, r1751, r1830
        ('{"type": "response", "body": {"amount": 80}}', "80", 1.0),
        ('{\n  "currency": "USD",\n  "amount": 12,\n}', "18", 0.0),
        ('{"amount": {"amount": 12}}', "12", 1.0),
        ('JSON: {\n  "amount": 12,\n  "description": "', "12", 1.0),
        (' The money is 32 euros.\n#### {"amount": 32', "32", 1.0),
        # a number that may lack digits, and two values
        ('{"amount": 3', "3", None),
        ('{"amount": 3, "more": {"amount": 4,}}', "3", None),
    ],
)
def test_a_value_in_json_that_is_broken_or_cut(
    grade: Grading, reply: str, target: str, score: float | None
) -> None:
    assert grade("json:amount", reply, target).score == score
