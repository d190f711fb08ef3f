"""Gold answers that no reply can meet, and numbers that stand for classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.settings.settings import TaskSettings
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
