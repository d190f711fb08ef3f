"""Gold answers that no reply can meet, and numbers that stand for classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Example
from opro_cli.datasets.loading import load_examples
from opro_cli.metrics import create_metric
from opro_cli.metrics.custom import RegexMetric
from opro_cli.metrics.label import LabelMetric
from opro_cli.reports.labels import describe_golds

Write = Callable[[str, str | bytes], str]


def notes(place: str, answer: str, target: str = "a") -> list[str]:
    data = {"train": place, "input": "q", "target": target, "split": {"train": 1}}
    problems: list[Problem] = []
    task = read_section(TaskSettings, {"data": data, "answer": answer}, (), problems)
    assert task is not None, problems
    return [*load_examples(task, create_metric(answer)).notes]


def lines(*rows: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_a_choice_that_is_no_option_is_named_with_its_row(write: Write) -> None:
    place = write(
        "a.jsonl",
        lines(
            {"q": "1?\n(A) ant\n(B) bee", "a": "B"},
            {"q": "2?\n(A) ant\n(B) bee", "a": "D"},
            {"q": "3?\n(A) ant\n(B) bee", "a": "bee"},
            {"q": "4?\n(A) ant\n(B) bee", "a": "cat"},
            {"q": "5? without options", "a": "D"},
            {"q": "6?\n(A) ant\n(B) bee", "a": ["D", "A"]},
        ),
    )
    (note,) = [note for note in notes(place, "choice") if "no reply can meet" in note]
    assert note == (
        "no reply can meet the gold answer of 2 rows: a.jsonl:2: '(D)' is none of the options "
        "(A) to (B); a.jsonl:4: 'cat' is none of the options (A) to (B)"
    )


@pytest.mark.parametrize(
    ("pattern", "gold", "doubted"),
    [
        (r"= (\d+)", "x12", True),
        (r"= (\d+)", "12", False),
        (r"\((?:a|b)\) (yes|no)", "maybe", True),
        (r"\((?:a|b)\) (yes|no)", "YES", False),
        (r"(?P<answer>[A-D])\b", "E", True),
        (r"[(](\w+)[)]", "two words", True),
        (r"(the Rhine|Danube)", "Rhine", False),
        (r"\w+ \d", "b", True),
        (r"\bfoo\b", "bar", False),  # what stands around it may tell
        (r"(?=a)(b)", "c", True),
        (r"(\bb)", "c", False),
        (r"(a+)+b", "a" * 40, False),  # too long to be tried here
    ],
)
def test_a_pattern_that_cannot_match_its_gold_answer(
    pattern: str, gold: str, doubted: bool
) -> None:
    doubt = RegexMetric(pattern).find_doubt(Example("q", gold, "s"))
    assert bool(doubt) is doubted
    assert not doubt or repr(gold) in doubt


def test_classes_whose_numbers_are_compared_are_offered_by_name(tmp_path: Path) -> None:
    classes = datasets.ClassLabel(names=["negative", "positive"])
    features = datasets.Features({"q": datasets.Value("string"), "a": classes})
    rows = {"q": ["w", "x", "y", "z"], "a": [1, 0, 1, 0]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(tmp_path / "a.parquet"))
    (note,) = [n for n in notes(str(tmp_path / "a.parquet"), "exact") if "have names" in n]
    assert "names (positive, negative), and exact compares the numbers" in note
    assert "task.answer: label" in note


@pytest.mark.parametrize(
    ("counts", "answer", "noted"),
    [
        ({"0": 2, "1": 2}, "exact", True),
        ({"1.0": 3, "0.0": 2}, "contains", True),
        ({"0": 2, "1": 2}, "number", True),
        ({str(n): 3 for n in range(8)}, "exact", True),
        ({str(n): 3 for n in range(8)}, "number", False),  # the results of sums
        ({"0": 1, "1": 1}, "exact", False),
        ({"0": 4}, "exact", False),
        ({"0": 2, "one": 2}, "exact", False),
        ({"0": 2, "1": 2}, "label", False),  # it has a note of its own
    ],
)
def test_bare_numbers_as_labels_are_noted(counts: dict[str, int], answer: str, noted: bool) -> None:
    found = describe_golds(counts, (), (), "", answer).notes
    assert any("a few bare numbers (0" in note for note in found) is noted


@pytest.mark.parametrize("reply", ["1", "1.0", "Label: 1", "The label is 1.0."])
def test_1_and_1_0_are_the_same_label(reply: str) -> None:
    for gold in ("1", "1.0"):
        assert create_metric("exact").grade(reply, Example("x", gold, "s")).score == 1.0
    assert LabelMetric().target("1.0") == "1"
    assert LabelMetric(("negative", "positive"), {"1": "positive"}).target("1.0") == "positive"
    metric = LabelMetric(("0", "1"), {"0": "0", "1": "1"})
    assert metric.grade(reply, Example("x", metric.target("1.0"), "s")).score == 1.0
    assert create_metric("exact").grade("1.5", Example("x", "1", "s")).score == 0.0


def test_a_question_that_shows_its_gold_answer_is_named(write: Write) -> None:
    rows = [{"q": f"{i}?", "a": "ab"[i % 2], "b": "xy"[i % 2]} for i in range(4)]
    place = write("a.jsonl", lines(*rows))
    data = {"train": place, "input": "{q} [{a}]", "target": "a", "split": {"train": 1}}
    said = "the question shows its own gold answer: the field a of task.data.target is in "
    assert any(
        note.startswith(f"{said}task.data.input as well") for note in load_notes({"data": data})
    )
    prompt = [{"system": "{{instruction}}"}, {"user": "{{question}} {{a}}"}]
    task = {"data": {**data, "input": "q"}, "prompt": prompt}
    assert any(note.startswith(f"{said}task.prompt.1.user") for note in load_notes(task))
    clean = {**data, "input": "{q} {b}"}
    assert not any(note.startswith(said[:40]) for note in load_notes({"data": clean}))


def test_a_column_that_tells_the_label_is_doubted(write: Write) -> None:
    teams = ["Billing", "Login", "Shipping"]
    rows = [
        {"q": f"mail {i}", "team": teams[i % 3], "code": f"x/{teams[i % 3]}"} for i in range(30)
    ]
    place = write("a.jsonl", lines(*rows))
    data = {"train": place, "input": "{q} {code}", "target": "team", "split": {"train": 24}}
    told = "24 of 24 train questions name their gold label and no other"
    assert any(note.startswith(told) for note in load_notes({"data": data, "answer": "label"}))
    both = {**data, "input": "{q}: Billing, Login or Shipping? {code}"}
    assert not any("gold label" in note for note in load_notes({"data": both, "answer": "label"}))
    few = {**data, "split": {"train": 10}}
    assert not any("gold label" in note for note in load_notes({"data": few, "answer": "label"}))


def load_notes(task: dict[str, Any]) -> list[str]:
    problems: list[Problem] = []
    read = read_section(TaskSettings, {"answer": "exact", **task}, (), problems)
    assert read is not None, problems
    metric = LabelMetric() if read.answer == "label" else create_metric(read.answer)
    return [*load_examples(read, metric).notes]


def read_numbers(write: Write, *golds: object) -> tuple[set[str], list[str]]:
    place = write("a.jsonl", lines(*({"q": f"{i}?", "a": gold} for i, gold in enumerate(golds))))
    data = {"train": place, "input": "q", "target": "a", "split": {"train": 1}}
    task = read_section(TaskSettings, {"answer": "number", "data": data}, (), [])
    assert task is not None
    loaded = load_examples(task, create_metric("number"))
    return set(loaded.golds), [note for note in loaded.notes if "point" in note]


def test_points_part_thousands_where_the_column_has_decimal_commas(write: Write) -> None:
    golds, notes = read_numbers(write, "1.234,50", "12,99", "7,00", "1.000", "2.500 €", "300")
    assert golds == {"1234.50", "12.99", "7", "1000", "2500", "300"}
    assert notes == [
        "points part thousands in the gold answers, whose decimals have commas: a.jsonl:4: 1.000; "
        "a.jsonl:5: 2.500 €"
    ]
    assert read_numbers(write, "1.000", "1.234.567", "12") == (
        {"1000", "1234567", "12"},
        ["points part thousands in the gold answers, whose decimals have commas: a.jsonl:1: 1.000"],
    )


def test_a_list_or_indian_groups_are_no_decimal_commas(write: Write) -> None:
    assert "2.500" in read_numbers(write, "1,00,000", "2.500", "4,00,000")[0]
    assert "1.500" in read_numbers(write, "3,4", "1.500", "2")[0]


def test_points_that_may_be_either_are_read_as_decimal_points_and_doubted(write: Write) -> None:
    golds, notes = read_numbers(write, "1.500", "2.000", "3.250", "12")
    assert (golds, len(notes)) == ({"1.500", "2", "3.250", "12"}, 1)
    assert "a.jsonl:1: 1.500; a.jsonl:2: 2.000; a.jsonl:3: 3.250" in notes[0]
    for sure in (["1.500", "2.250", "3.5"], ["0.125", "2.000", "3.250"], [1.125, 2.375, 3.625]):
        golds, notes = read_numbers(write, *sure)
        assert (notes, "1500" in golds) == ([], False)
