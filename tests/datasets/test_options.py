"""Multiple-choice rows in the shapes of well-known sets; the rows are our own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Example
from opro_cli.datasets.loading import LoadedData, load_examples
from opro_cli.errors import DataError
from opro_cli.metrics import create_metric

Write = Callable[[str, str | bytes], str]


def read(write: Write, content: list[Any], target: str, **data: Any) -> LoadedData:
    """Return the data of `answer: choice` over rows whose question is in q."""
    place = write("rows.jsonl", "".join(f"{json.dumps(row)}\n" for row in content))
    split = {"train": 1.0, "dev": 0, "test": 0}
    plain = {"train": place, "input": "q", "target": target, "split": split, **data}
    problems: list[Problem] = []
    task = read_section(TaskSettings, {"data": plain, "answer": "choice"}, (), problems)
    assert task is not None, problems
    return load_examples(task, create_metric("choice"))


def by_source(loaded: LoadedData) -> list[Example]:
    return sorted(loaded.examples["train"], key=lambda each: each.source)


def q(n: int, **fields: object) -> dict[str, object]:
    return {"q": f"question {n}", **fields}


THREE = ["ant", "bee", "cat"]
AB = "(A) ant\n(B) bee"

SHAPES: dict[str, tuple[list[Any], str, Any, list[str]]] = {
    "MMLU-Pro by letter": (
        [q(1, options=THREE, a="C"), q(2, options=THREE[:2], a="A")], "a", "options", ["C", "A"],
    ),
    "MMLU by index from 0": (
        [q(1, choices=THREE, a=0), q(2, choices=THREE, a=2)], "a", "choices", ["A", "C"],
    ),
    "HellaSwag, a number as text": (
        [q(1, endings=THREE, a="0"), q(2, endings=THREE, a="1")], "a", "endings", ["A", "B"],
    ),
    "ARC, lists side by side": (
        [
            q(1, choices={"text": THREE, "label": ["A", "B", "C"]}, a="C"),
            q(2, choices={"text": THREE, "label": ["1", "2", "3"]}, a="2"),
        ],
        "a", "choices", ["C", "B"],
    ),
    "OpenBookQA, objects": (
        [q(1, choices=[{"text": t, "label": x} for t, x in zip(THREE, "ABC", strict=True)], a="B")],
        "a", "choices", ["B"],
    ),
    "MedQA, an object by letter": (
        [
            q(1, options={"A": "ant", "B": "bee"}, a="bee"),
            q(2, options={"A": "x", "B": "y"}, a="y")
        ],
        "a", "options", ["B", "B"],
    ),
    "PIQA, a field each": (
        [q(1, sol1="ant", sol2="bee", a=0), q(2, sol1="x", sol2="y", a=1)],
        "a", ["sol1", "sol2"], ["A", "B"],
    ),
    "WinoGrande, counted from 1": (
        [q(1, option1="ant", option2="bee", a="2"), q(2, option1="x", option2="y", a="1")],
        "a", ["option1", "option2"], ["B", "A"],
    ),
    "Social IQa, counted from 1": (
        [q(n, answerA="ant", answerB="bee", answerC="cat", a=str(n)) for n in (1, 2, 3)],
        "a", ["answerA", "answerB", "answerC"], ["A", "B", "C"],
    ),
    "RACE, lettered by the row": (
        [q(1, options=["A) ant", "B) bee"], a="B"), q(2, options=["x", "y"], a="A")],
        "a", "options", ["B", "A"],
    ),
    "MathQA, one text": (
        [q(1, options="(A) ant (B) bee", a="B"), q(2, options='["x", "y"]', a="A")],
        "a", "options", ["B", "A"],
    ),
    "floats of pandas": (
        [q(1, options=THREE, a=0.0), q(2, options=THREE, a=2.0)], "a", "options", ["A", "C"],
    ),
    "numbers as options": (
        [q(1, options=["3", "4"], a=4), q(2, options=["7", "9"], a=7)], "a", "options", ["B", "A"],
    ),
    "a cell that is empty": (
        [q(1, A="ant", B="bee", C="", a="B"), q(2, A="x", B="y", C="z", a="C")],
        "a", ["A", "B", "C"], ["B", "C"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_rows_of_a_known_shape(write: Write, name: str) -> None:
    rows, target, options, letters = SHAPES[name]
    examples = by_source(read(write, rows, target, options=options))
    assert [example.target for example in examples] == [f"({letter})" for letter in letters]
    first = examples[0].input.splitlines()
    assert first[0] == "question 1"
    assert [line[:4] for line in first[1:]] == ["(A) ", "(B) ", "(C) "][: len(first) - 1]
    assert len(first) > 2


def test_the_lines_of_a_question_by_hand(write: Write) -> None:
    rows = [q(1, o=["ant", " bee\n(C) x"], a="A"), q(2, o=["x", "y", "z"], a="C")]
    first, second = by_source(read(write, rows, "a", options="o"))
    assert first.input == "question 1\n(A) ant\n(B) bee (C) x"
    assert second.input == "question 2\n(A) x\n(B) y\n(C) z"
    (placed, _) = by_source(read(write, rows, "a", options="o", input="{o}\nSo, {q}"))
    assert placed.input == "(A) ant\n(B) bee (C) x\nSo, question 1"


def test_a_list_in_the_question_is_lettered_where_answers_are_a_choice(write: Write) -> None:
    rows = [q(1, options=THREE, a="A"), q(2, options=THREE[:2], a="B")]
    first, second = by_source(read(write, rows, "a", input="{q}\n{options}"))
    assert first.input == "question 1\n(A) ant\n(B) bee\n(C) cat"
    assert second.input == f"question 2\n{AB}"
    own = [q(1, options=["(A) ant", "(B) bee"], a="A"), q(2, options=["(A) x", "(B) y"], a="B")]
    assert by_source(read(write, own, "a", input="{q}\n{options}"))[0].input.endswith(AB)
    clues = [q(1, clues=["x", "y"], a="B", o="(A) ant (B) bee"), q(2, clues=[], a="A", o="(A) b")]
    loaded = read(write, clues[:1], "a", input="{clues}\n{q}\n{o}")
    assert by_source(loaded)[0].input == "x\ny\nquestion 1\n(A) ant (B) bee"


def sciq(n: int) -> dict[str, object]:
    wrong = {f"distractor{k}": f"wrong {n}.{k}" for k in (1, 2, 3)}
    return q(n, correct_answer=f"right {n}", **wrong)


def test_a_right_option_that_has_a_field_of_its_own_is_shuffled(write: Write) -> None:
    fields = ["correct_answer", "distractor1", "distractor2", "distractor3"]
    rows = [sciq(n) for n in range(1, 30)]
    loaded = read(write, rows, "correct_answer", options=fields)
    examples = by_source(loaded)
    for example in examples:
        letter = example.target[1]
        line = next(each for each in example.input.splitlines() if each[1] == letter)
        assert line.endswith(f") right {example.input.split()[1]}")
    assert {example.target for example in examples} == {"(A)", "(B)", "(C)", "(D)"}
    assert any("options are shuffled" in note for note in loaded.notes)
    # The order is that of the row, wherever it stands, and another seed has another one.
    moved = by_source(read(write, rows[::-1], "correct_answer", options=fields))
    assert {e.input for e in moved} == {e.input for e in examples}
    seeded = {"train": 1.0, "dev": 0, "test": 0, "seed": 1}
    other = by_source(read(write, rows, "correct_answer", options=fields, split=seeded))
    assert {e.input for e in other} != {e.input for e in examples}


def test_truthful_qa_marks_the_right_option_and_has_it_first(write: Write) -> None:
    rows = [
        q(n, mc={"choices": [f"r{n}", "w", "v", "u"], "labels": [1, 0, 0, 0]}) for n in range(9)
    ]
    loaded = read(write, rows, "mc.labels", options="mc")
    for example in loaded.examples["train"]:
        n = example.input.splitlines()[0].split()[1]
        assert f"{example.target} r{n}" in example.input
    assert len({example.target for example in loaded.examples["train"]}) > 1


def test_truthful_qa_with_lists_of_right_and_wrong_answers(write: Write) -> None:
    rows = [q(n, best=f"r{n}", wrong=["w", "v"][: n % 2 + 1]) for n in range(1, 9)]
    for example in read(write, rows, "best", options=["best", "wrong"]).examples["train"]:
        assert f"{example.target} r{example.input.splitlines()[0].split()[1]}" in example.input


def test_options_that_are_not_always_led_by_the_right_one_keep_their_order(write: Write) -> None:
    rows = [q(n, o=THREE, a="ABC"[n % 3]) for n in range(9)]
    assert all(
        "ant\n(B) bee" in e.input for e in read(write, rows, "a", options="o").examples["train"]
    )


def test_positions_that_may_be_counted_from_0_or_from_1_are_asked_for(write: Write) -> None:
    rows = [q(1, o=THREE, a=1), q(2, o=THREE, a=2)]
    with pytest.raises(DataError, match="counted from 0 or from 1") as error:
        read(write, rows, "a", options="o")
    assert error.value.hint == "say which: task.data.index_from: 0, or 1"
    golds = [
        [e.target for e in by_source(read(write, rows, "a", options="o", index_from=first))]
        for first in (0, 1)
    ]
    assert golds == [["(B)", "(C)"], ["(A)", "(B)"]]
    told = read(write, [*rows, q(3, o=THREE, a=3)], "a", options="o")
    assert "gold answers are read as the position from 1 of an option" in told.notes


@pytest.mark.parametrize(
    ("row", "options", "said"),
    [
        (q(3, o=["ant", "bee"], a="C"), "o", "a: expected one of the options A, B; found 'C'"),
        (q(3, o=["ant"], a="A"), "o", "field o: expected 2 to 26 options, found 1"),
        (q(3, o=["x"] * 27, a="A"), "o", "field o: expected 2 to 26 options, found 27"),
        (q(3, o=4, a="A"), "o", "field o: expected a list of options, found '4'"),
        (q(3, o=["ant", None], a="A"), "o", "field o: expected a value, found null"),
        (q(3, o={"text": ["x", "y"], "label": ["A"]}, a="A"), "o", "expected as many labels"),
        (q(3, a="A"), "o", "field o: expected a value, found no such field"),
        (q(3, o=["ant", "bee"]), "o", "field a: expected a value, found no such field"),
    ],
)  # fmt: skip
def test_a_row_without_options_or_with_a_gold_that_is_none_is_named(
    write: Write, row: Any, options: str, said: str
) -> None:
    rows = [q(1, o=["ant", "bee"], a="B"), q(2, o=["x", "y"], a="A"), row]
    with pytest.raises(DataError) as error:
        read(write, rows, "a", options=options)
    assert "rows.jsonl:3: " in error.value.message
    assert said in error.value.message


@pytest.mark.parametrize(
    ("fields", "gold"),
    [
        ({"choices": {"text": THREE, "label": ["1", "2", "3"]}, "answerKey": "3"}, "C"),
        ({"options": THREE, "answer": "B", "answer_index": 1}, "B"),
        ({"choices": THREE, "answer": 2}, "C"),
        (
            {"choices": [{"text": t, "label": str(n)} for n, t in enumerate(THREE)], "answer": "0"},
            "A",
        ),
    ],
)
def test_rows_mmlu_reads_its_relatives(write: Write, fields: dict[str, Any], gold: str) -> None:
    rows = [{"question": "Which?", **fields}]
    target = next(name for name in ("answerKey", "answer") if name in fields)
    (example,) = by_source(read(write, rows, target, input="question", rows="mmlu"))
    assert example.target == f"({gold})"
    assert example.input == ("Which?\n(A) ant\n(B) bee\n(C) cat\nWhat's the answer in (A) (B) (C)?")
