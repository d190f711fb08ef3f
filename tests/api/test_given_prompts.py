"""Prompts that a program has scored: which they may be, and which are returned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

import opro_cli
from opro_cli import UsageError, load_run

ROWS = [{"question": f"What is {n}?", "answer": str(n)} for n in range(20)]
TASK = {"data": ROWS, "input": "question", "target": "answer", "answer": "number"}


def scorer(chat: list[dict[str, str]]) -> str:
    """Right for a careful prompt."""
    text = chat[-1]["content"]
    return text.split("What is ")[1].split("?")[0] if "careful" in text else "-1"


def evaluate(prompts: Any, folder: Path) -> opro_cli.Run:
    named = {"model": scorer, "name": "mine"}
    return opro_cli.evaluate(prompts, task=TASK, scorer=named, runs_dir=folder)


def list_prompts(run: opro_cli.Run) -> list[str]:
    return [candidate["instruction"] for candidate in run.candidates]


def test_an_evaluation_has_the_prompts_that_were_asked_for_in_their_order(tmp_path: Path) -> None:
    evaluate(["Be quick."], tmp_path)
    first = evaluate(["Be exact.", "Be careful."], tmp_path)
    assert list_prompts(first) == ["Be exact.", "Be careful."]
    again = evaluate(["Be careful.", "Be quick."], tmp_path)
    assert list_prompts(again) == ["Be careful.", "Be quick."]
    means = [candidate["scores"]["test"]["mean"] for candidate in again.candidates]
    assert means == [1.0, 0.0]
    assert {answer.instruction for answer in again.answers()} == {"Be careful.", "Be quick."}
    assert again.folder == first.folder
    whole = load_run(again.folder)
    assert list_prompts(whole) == ["Be quick.", "Be exact.", "Be careful."]
    assert {answer.instruction for answer in whole.answers()} == {*list_prompts(whole)}


def test_an_evaluation_that_is_resumed_has_its_prompts_still(tmp_path: Path) -> None:
    evaluate(["Be quick."], tmp_path)
    named = {"model": scorer, "name": "mine"}
    budget = {"calls": 9}
    run = opro_cli.evaluate(
        ["Be exact."], task=TASK, scorer=named, budget=budget, runs_dir=tmp_path
    )
    assert run.ending == "budget"
    again = run.resume(budget=["calls=none"])  # with the objects that it has
    assert (list_prompts(again), again.ending) == (["Be exact."], "finished")


@pytest.mark.parametrize(
    ("prompts", "fault"),
    [
        ([], "no instruction to score"),
        ((), "no instruction to score"),
        ([None], "prompt 1: expected a text, found NoneType"),
        (["x", 3], "prompt 2: expected a text, found int"),
        (None, "prompt 1: expected a text, found NoneType"),
        (["half \ud83d"], "half a character"),
    ],
)
def test_what_is_no_prompt_is_refused_before_anything_is_made(
    tmp_path: Path, prompts: Any, fault: str
) -> None:
    with pytest.raises(UsageError, match=fault):
        evaluate(prompts, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_text_of_numpy_is_a_text(tmp_path: Path) -> None:
    run = evaluate(numpy.array(["Be quick.", "Be careful."]), tmp_path)
    assert list_prompts(run) == ["Be quick.", "Be careful."]
    found = opro_cli.optimize(
        task=TASK,
        scorer=scorer,
        optimizer=lambda chat: "<INS>x</INS>",
        search={"steps": 1, "initial_instructions": [numpy.str_("Be careful.")]},
        runs_dir=tmp_path,
    )
    assert found.best == "Be careful."


def test_scores_may_be_numbers_of_numpy(tmp_path: Path) -> None:
    class Halves(opro_cli.Evaluator):
        name = "halves"

        async def evaluate(self, candidate: Any, example: Any, call: Any) -> Any:
            if example.input == "What is 3?":
                return numpy.float32(0.5)
            return opro_cli.Evaluation(numpy.float32(0.5), "x", {"part": numpy.float32(0.25)})  # type: ignore[arg-type,dict-item]

    given: dict[str, Any] = {"task": TASK, "scorer": scorer, "runs_dir": tmp_path}
    run = opro_cli.evaluate("Be careful.", metric=lambda *_: numpy.float32(0.5), **given)  # type: ignore[arg-type]
    assert run.candidates[0]["scores"]["test"]["mean"] == 0.5
    search = {"steps": 1, "baselines": [], "noise_check": False}
    optimizer = lambda chat: "<INS>x</INS>"  # noqa: E731
    found = opro_cli.optimize(evaluator=Halves(), optimizer=optimizer, search=search, **given)
    assert found.candidates[0]["scores"]["train"]["mean"] == 0.5
