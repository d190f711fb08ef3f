"""Copies of one set of questions are one task of a sweep, whatever their names and templates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from opro_cli.reports.paired import QuestionKey
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.data import serialize_sweep
from opro_cli.reports.sweeps.measured import average_over_tasks, measure_cells
from opro_cli.reports.sweeps.report import describe_gain
from opro_cli.reports.sweeps.same_questions import find_same_tasks, unify_questions
from tests.reports.sweeps.cells import cell, run_of
from tests.reports.sweeps.test_report import report
from tests.simulations.rows import TEMPLATES

QUESTIONS = [f"What does {n} apples and {n * n} pears cost in shop {n % 7}?" for n in range(30)]


def keys(template: str, texts: list[str], gold: str = "1") -> list[QuestionKey]:
    return [QuestionKey(template.format(text), gold, 0) for text in texts]


def test_five_templates_are_one_task() -> None:
    tasks = {f"task {n}": keys(each, QUESTIONS) for n, each in enumerate(TEMPLATES)}
    assert set(find_same_tasks(tasks, {}).values()) == {"task 0"}
    unified = unify_questions([*tasks.values()])
    assert len({key for of_task in unified for key in of_task.values()}) == len(QUESTIONS)


def test_five_file_names_are_one_task_though_each_has_other_rows_and_another_order() -> None:
    parts = [QUESTIONS[n : n + 24][:: 1 - 2 * (n % 2)] for n in range(5)]
    tasks = {f"copy-{n}.jsonl": keys("{}", part) for n, part in enumerate(parts)}
    assert set(find_same_tasks(tasks, {}).values()) == {"copy-0.jsonl"}


@pytest.mark.parametrize(
    "other",
    [
        keys("{}", [f"What does {n} plums and {n * n} figs cost in shop?" for n in range(30)]),
        keys("{}", QUESTIONS, gold="2"),
        keys("{}", QUESTIONS[:7]),
        keys("{}", ["Is it true?"] * 30),
    ],
)
def test_other_questions_other_answers_and_a_few_in_common_are_other_tasks(
    other: list[QuestionKey],
) -> None:
    assert find_same_tasks({"a": keys("{}", QUESTIONS), "b": other}, {})["b"] == "b"


def test_tasks_drawn_from_one_file_are_one_task() -> None:
    tasks = {"a": keys("{}", QUESTIONS[:10]), "b": keys("Q: {}", QUESTIONS[10:20])}
    assert find_same_tasks(tasks, {})["b"] == "b"
    assert find_same_tasks(tasks, {"a": "digest", "b": "digest"})["b"] == "a"
    assert find_same_tasks(tasks, {"a": "digest", "b": "another"})["b"] == "b"


def test_copies_count_once_in_the_mean_and_its_interval() -> None:
    gains = [float(n % 3 == 0) for n in range(30)]
    copies = [
        (f"task {n}", dict(zip(keys(template, QUESTIONS), gains, strict=True)))
        for n, template in enumerate(TEMPLATES)
    ]
    found, alone = average_over_tasks(copies), average_over_tasks(copies[:1])
    assert [(each.task, each.same, each.runs, each.questions) for each in found.tasks] == [
        ("task 0", ("task 1", "task 2", "task 3", "task 4"), 5, 30)
    ]
    assert found.estimate is not None
    assert alone.estimate is not None
    assert found.estimate.mean == pytest.approx(alone.estimate.mean)
    width = found.estimate.interval.high - found.estimate.interval.low
    assert width == pytest.approx(
        alone.estimate.interval.high - alone.estimate.interval.low, rel=0.1
    )
    assert describe_gain(found).endswith(
        "; task 0 and task 1 and task 2 and task 3 and task 4 ask the same questions, and are one "
        "task"
    )


def drawn_from(run: RecordedRun, digest: str) -> RecordedRun:
    train = run.settings["task"]["data"]["train"]
    return replace(run, identity={**run.identity, "data_files": {train: digest}})


def test_a_sweep_says_which_tasks_are_one() -> None:
    before, after = "w" * 12, "r" * 6 + "w" * 6
    runs: dict[str, Any] = {
        "a": run_of("a", before, after, questions="abcdefghijkl"),
        "b": run_of("b", before, after, questions="abcdefghijkl"),
        "c": drawn_from(run_of("c", before, after, questions="mnopqrstuvwx"), "1"),
        "d": drawn_from(run_of("d", before, after, questions="αβγδεζηθικλμ"), "1"),
        "e": drawn_from(run_of("e", before, after, questions="νξοπρστυφχψω"), "2"),
    }
    known = report(*(cell(name, run, task=f"{name}.yaml") for name, run in runs.items()))
    tasks = serialize_sweep(known)["mean_gain"]["tasks"]
    found = {each["task"]: each.get("same_questions") for each in tasks}
    assert found == {"a": ["b"], "c": ["d"], "e": None}
    assert "over 3 tasks, 5 runs" in describe_gain(known.gain)


def test_the_interval_of_a_square_takes_groups_as_a_whole() -> None:
    run = run_of("a", "w" * 12, "r" * 6 + "w" * 6)
    rows = [replace(e, group="ab"[n // 6]) for n, e in enumerate(run.examples["test"])]
    grouped = replace(run, examples={**run.examples, "test": rows})
    for seeds in (1, 2):
        wide, narrow = (
            report(*(cell(f"{n}", each, seed=n) for n in range(seeds))).squares[0]
            for each in (grouped, run)
        )
        assert wide.gain is not None
        assert narrow.gain is not None
        assert wide.gain.mean == pytest.approx(narrow.gain.mean)
        assert wide.gain.interval.low < narrow.gain.interval.low
    (measured,) = measure_cells([cell("x", grouped)])
    assert {*measured.groups.values()} == {"a", "b"}


def test_numbered_questions_of_two_tasks_are_not_the_same() -> None:
    tasks = {
        task: [QuestionKey(f"{task}, question {number}", "yes", 0) for number in range(100)]
        for task in ("taxes", "animals")
    }
    assert find_same_tasks(tasks, {}) == {"taxes": "taxes", "animals": "animals"}
