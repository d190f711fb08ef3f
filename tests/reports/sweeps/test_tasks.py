"""Which cells stand together, and what their tasks and variants are called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.measured import MatrixKey, SweptCell, locate_cells
from tests.reports.sweeps.cells import cell, run_of


def places(*cells: SweptCell) -> list[tuple[str, str]]:
    return [(place.task, place.variant) for place in locate_cells(cells)]


def with_task(run: RecordedRun, **changes: Any) -> RecordedRun:
    return replace(run, settings={**run.settings, "task": {**run.settings["task"], **changes}})


def test_seeds_stand_together_and_models_beside_each_other() -> None:
    told = [
        cell(f"{task}{model}{seed}", run_of(task), task=f"conf/{task}.yaml", model=model, seed=seed)
        for task in ("sums", "words")
        for model in ("openai/a", "openai/b")
        for seed in (0, 1)
    ]
    assert places(*told) == [
        (task, model)
        for task in ("sums", "words")
        for model in ("openai/a", "openai/b")
        for _ in (0, 1)
    ]


def test_the_base_task_and_the_same_by_name_are_one_task() -> None:
    told = [
        cell("included", run_of("sums"), search__steps=1),
        cell("named", run_of("sums"), task="sums.yaml"),
        cell("never begun", None, task="sums.yaml", seed=3),
        cell("other", run_of("words"), task="words.yaml"),
    ]
    assert places(*told) == [
        ("sums", "steps 1"),
        ("sums", "base"),
        ("sums", "base"),
        ("words", "base"),
    ]


def test_without_an_axis_the_task_is_called_by_its_data() -> None:
    assert places(cell("a", run_of("sums"), seed=0)) == [("sums.jsonl", "base")]
    assert places(cell("a", None, seed=0)) == [("the base's task", "base")]


def test_another_meaning_of_several_right_answers_is_another_task() -> None:
    run = run_of("sums")
    told = [
        cell("any", with_task(run, golds="any"), task__golds="any"),
        cell("all", with_task(run, golds="all"), task__golds="all"),
    ]
    assert places(*told) == [("golds any", "base"), ("golds all", "base")]


def test_a_split_or_a_position_is_no_task_of_its_own() -> None:
    run = run_of("sums")
    told = [
        cell(
            "a",
            with_task(run, data={"train": "s", "split": {"seed": 0}}),
            task__data__split__seed=0,
        ),
        cell(
            "b",
            with_task(run, data={"train": "s", "split": {"seed": 1}}),
            task__data__split__seed=1,
        ),
        cell("c", with_task(run, data={"train": "s"}, qa_markers=False), task__qa_markers=False),
        cell("d", with_task(run, data={"train": "s"}, answer="exact"), task__answer="exact"),
    ]
    assert [place.task for place in locate_cells(told)] == ["s", "s", "s", "answer exact"]
    assert len({place.variant for place in locate_cells(told)}) == 4


def test_files_that_come_to_one_task_are_variants_of_it() -> None:
    run = run_of("sums")
    told = [
        cell("a", run, task="short.yaml"),
        cell("b", with_task(run, instruction_position="A_begin"), task="long.yaml"),
    ]
    assert places(*told) == [("short", "short"), ("short", "long")]


def test_names_that_are_the_same_are_told_in_full() -> None:
    told = [
        cell("a", run_of("x"), task="one/t.yaml"),
        cell("b", run_of("y"), task="two/t.yaml"),
    ]
    assert places(*told) == [('{"task": "one/t.yaml"}', "base"), ('{"task": "two/t.yaml"}', "base")]
    assert locate_cells([]) == []
    assert locate_cells(told)[0] == MatrixKey('{"task": "one/t.yaml"}', "base")
