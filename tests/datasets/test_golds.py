"""Gold answers that are several, objects or lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Example, fingerprint_examples, show_golds
from opro_cli.datasets.formats import parse_json
from opro_cli.datasets.loading import load_examples
from opro_cli.datasets.values import encode_value
from opro_cli.errors import DataError
from opro_cli.metrics import FunctionMetric, create_metric
from opro_cli.metrics.label import LabelMetric, LabelSetMetric
from opro_cli.ports import Metric

Write = Callable[[str, str | bytes], str]


def read(write: Write, row: object, target: str, metric: Metric, **task: Any) -> Example:
    """Return the example in one row under one metric."""
    place = write("rows.jsonl", json.dumps(row) + "\n")
    data = {"train": place, "input": "q", "target": target, "split": {"train": 1}}
    problems: list[Problem] = []
    read = read_section(TaskSettings, {"data": data, "answer": "word", **task}, (), problems)
    assert read is not None, problems
    (example,) = load_examples(read, metric).examples["train"]
    return example


SQUAD = {"q": "?", "answers": {"text": ["Bern", "the town of Bern", "Bern"], "start": [1, 2, 1]}}
NATURAL = {"q": "?", "answers": [{"text": "Bern", "start": 4}, {"text": "Berne", "start": 4}]}


@pytest.mark.parametrize(
    ("row", "path", "kind", "target", "golds"),
    [
        (SQUAD, "answers.text", "exact", "Bern | the town of Bern", ("Bern", "the town of Bern")),
        (NATURAL, "answers.text", "contains", "Bern | Berne", ("Bern", "Berne")),
        ({"q": "?", "a": ["x", "x"]}, "a", "exact", "x", ()),
        (
            {"q": "?", "a": ["12 ships", "1,200", "many"]},
            "a",
            "number",
            "12 | 1200",
            ("12", "1200"),
        ),
        ({"q": "?", "a": [True, "no"]}, "a", "boolean", "true | no", ("true", "no")),
        ({"q": "?", "a": ["A", "(C)"]}, "a", "choice", "(A) | (C)", ("(A)", "(C)")),
        ({"q": "?", "a": [1, 2.0]}, "a", "regex:(.+)", "1 | 2.0", ("1", "2.0")),
        ({"q": "?", "a": ["b", "a"]}, "a", "labels", "a, b", ()),
        ({"q": "?", "a": ["b", "a"]}, "a", "json:x", '["b", "a"]', ()),
        ({"q": "?", "a": {"n": 1.0, "m": None}}, "a", "json", '{"n": 1.0, "m": null}', ()),
        ({"q": "?", "a": '{"n": "1"}'}, "a", "json", '{"n": "1"}', ()),
        ({"q": "?", "a": {"n": 1}}, "a", "exact", '{"n": 1}', ()),
    ],
)
def test_the_gold_answers_of_a_row(
    write: Write, row: object, path: str, kind: str, target: str, golds: tuple[str, ...]
) -> None:
    example = read(write, row, path, create_metric(kind))
    assert (example.target, example.golds) == (target, golds)


def test_a_list_may_mean_any_of_its_answers_where_it_could_be_one(write: Write) -> None:
    row = {"q": "?", "a": ["Danube", "Donau"]}
    example = read(write, row, "a", create_metric("json:river"), golds="any")
    assert example.golds == ("Danube", "Donau")


def test_a_function_is_given_any_gold_answer_as_json_and_a_string_as_it_is(write: Write) -> None:
    seen: list[str] = []

    def note(_reply: str, target: str, _question: str) -> float:
        seen.append(target)
        return 1.0

    metric = FunctionMetric(note)
    for gold in ([{"a": 4, "z": "ä"}], {"n": 4.50}, ["one"], "plain [text]"):
        metric.grade("{}", read(write, {"q": "?", "a": gold}, "a", metric))
    assert seen == ['[{"a": 4, "z": "ä"}]', '{"n": 4.5}', '["one"]', "plain [text]"]
    both = read(write, {"q": "?", "a": ["x"], "b": [{}, {"n": 2}]}, "{a} {b}", metric)
    assert both.target == '["x"] [{}, {"n": 2}]'


def test_an_object_where_a_text_is_asked_for_has_its_fields_named(write: Write) -> None:
    with pytest.raises(DataError, match="found an object with n, m"):
        read(write, {"q": "?", "a": {"n": 1, "m": 2}}, "a", create_metric("number"))


@pytest.mark.parametrize("golds", [[], ["many"], [""], [["x"]]])
def test_a_list_without_any_usable_answer_is_a_bad_row(write: Write, golds: object) -> None:
    with pytest.raises(DataError, match="field a: expected"):
        read(write, {"q": "?", "a": golds}, "a", create_metric("number"))


def test_what_is_shown_of_several_is_short_and_never_read_back() -> None:
    assert show_golds("abcdefgh") == "a | b | c | d | e | … (3 more)"
    alike = Example("q", "a | b", "s")
    several = Example("q", "a | b", "s", golds=("a", "b"))
    assert alike.split_golds() == (alike,)
    assert [each.target for each in several.split_golds()] == ["a", "b"]
    assert fingerprint_examples({"train": [alike]}) != fingerprint_examples({"train": [several]})


TEXT = st.characters(codec="utf-8", exclude_characters="\0")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('abc"é', max_size=3), inner, max_size=3)
    ),
)


@given(JSON)
def test_a_value_written_as_json_reads_back(value: object) -> None:
    written = encode_value(parse_json(json.dumps(value)))
    assert json.loads(written) == value


CHAT = {
    "q": "?",
    "m": [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": [{"type": "text", "text": "Rome"}]},
    ],
    "said": {"role": "assistant", "content": '{"n": 1}'},
    "step": {"from": "Rome", "value": 3},
}


@pytest.mark.parametrize(
    ("path", "kind", "target"),
    [
        ("m[-1]", "exact", "Rome"),
        ("m[role=assistant]", "exact", "Rome"),
        ("m[role=assistant][-1].content", "exact", "Rome"),
        ("{m[-1]}, Italy", "exact", "Rome, Italy"),
        ("said", "json", '{"n": 1}'),
        ("step", "json", '{"from": "Rome", "value": 3}'),
    ],
)
def test_the_gold_answer_of_a_turn_is_its_text_also_where_objects_are_compared(
    write: Write, path: str, kind: str, target: str
) -> None:
    metric = create_metric(kind)
    assert read(write, CHAT, path, metric).target == target
    if kind == "exact":
        called = read(write, CHAT, path, FunctionMetric(lambda *_: 1.0))
        assert called.target == target


def read_labels(write: Write, rows: list[tuple[str, str]], **task: Any) -> dict[str, int]:
    """Return how often each label is a gold answer of these questions."""
    lines = [json.dumps({"q": question, "a": gold}) + "\n" for question, gold in rows]
    data = {"train": write("rows.jsonl", "".join(lines)), "input": "q", "target": "a"}
    problems: list[Problem] = []
    read = read_section(
        TaskSettings, {"data": {**data, "split": {"train": 1}}, **task}, (), problems
    )
    assert read is not None, problems
    names = dict(read.labels or ())
    kind = LabelMetric if read.answer == "label" else LabelSetMetric
    return dict(load_examples(read, kind(tuple(names.values()), names)).golds)


def ask(golds: list[str]) -> list[tuple[str, str]]:
    return [(f"{number}?", gold) for number, gold in enumerate(golds)]


def test_the_spellings_of_a_label_are_one_label_as_they_are_when_it_is_graded(write: Write) -> None:
    golds = ["BILLING", "billing", "billing ", "Login", "log_in", "Log in", "C++", "C"]
    assert read_labels(write, ask(golds), answer="label") == {
        "billing": 3, "Log in": 2, "C": 1, "C++": 1, "Login": 1,
    }  # fmt: skip
    named = ["Billing", "BILLING", "login", "Log in", "C", "C++"]
    assert read_labels(write, ask(golds), answer="label", labels=named) == {
        "Billing": 3, "Log in": 2, "C": 1, "C++": 1, "login": 1,
    }  # fmt: skip
    several = ["a, B", "b;A", "A", "A", "b"]
    assert read_labels(write, ask(several), answer="labels") == {"A, b": 2, "A": 2, "b": 1}


def test_a_map_of_labels_is_blind_to_the_spelling_of_its_golds_too(write: Write) -> None:
    labels = {"tech_support": "technical", "bill": "Billing", "BILLS": "billing"}
    golds = ["Tech support", "TECH-SUPPORT", "Bill", "bills", "technical"]
    found = read_labels(write, ask(golds), answer="label", labels=labels)
    assert found == {"technical": 3, "Billing": 2}


def test_the_same_question_under_two_spellings_of_its_label_is_no_contradiction(
    write: Write,
) -> None:
    rows = [("1?", "yes"), ("1?", "YES"), ("2?", "no")]
    assert read_labels(write, rows, answer="label") == {"YES": 1, "no": 1}
