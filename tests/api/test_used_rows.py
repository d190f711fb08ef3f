"""Runs one after the other on the same test rows, in whatever order or spelling these come."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opro_cli import Run, load_run, optimize
from opro_cli.app.ledger import find_next_use, list_sets
from opro_cli.core.run import events
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_examples

ROOT = Path(__file__).parents[2]
ROWS = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(1, 61)]
SPLIT = {"train": 10, "dev": 10, "test": 40}
DATA = {"train": ROWS, "input": "question", "target": "answer", "split": SPLIT}
SEARCH = {"steps": 1, "candidates_per_step": 1, "initial_instructions": ["Add."], "baselines": []}

Row = dict[str, str]


def scorer(chat: list[dict[str, str]], seed: int) -> str:
    """Right with "carefully", else right for every second question."""
    text = chat[-1]["content"].lower()
    number = int(text.split("+")[1].split("?")[0])
    good = "carefully" in text or number % 2
    return f"The answer is {2 * number + (not good)}."


def propose(text: str) -> Callable[..., str]:
    def optimizer(chat: list[dict[str, str]], temperature: float, seed: int) -> str:
        return f"<INS>{text}</INS>"

    return optimizer


def run(folder: Path, text: str = "Add carefully.", **options: Any) -> Run:
    data = {**DATA, **options.pop("data", {})}
    return optimize(
        task={"data": data, "answer": "number"},
        scorer=scorer,
        optimizer=propose(text),
        search={**SEARCH, **options.pop("search", {})},
        runs_dir=folder,
        **options,
    )


def use_of(run: Run) -> dict[str, Any]:
    use = run.result["test_use"]
    assert isinstance(use, dict)
    return use


def shuffled(rows: list[Row]) -> list[Row]:
    return random.Random(1).sample(rows, len(rows))


def recased(rows: list[Row]) -> list[Row]:
    return [{**row, "question": row["question"].upper().replace("?", " ?")} for row in rows]


def relabelled(rows: list[Row]) -> list[Row]:
    return [row if n % 10 else {**row, "answer": "1"} for n, row in enumerate(rows)]


def half(rows: list[Row]) -> list[Row]:
    return rows[:40]


OTHERS: dict[str, dict[str, Any]] = {
    "the same again": {},
    "other order": {"data": {"train": shuffled(ROWS)}},
    "other spelling": {"data": {"train": recased(ROWS)}},
    "gold answers that were corrected": {"data": {"train": relabelled(ROWS)}},
    "another seed of the split": {"data": {"split": {**SPLIT, "seed": 5}}},
    "another seed of the search": {"search": {"seed": 7}},
    "fewer questions": {"data": {"limit": 10}},
    "words around the question": {"data": {"input": "Question: {question}\nAnswer:"}},
    "another name": {"name": "other"},
    "some of the rows": {"data": {"train": half(ROWS), "split": {**SPLIT, "test": 20}}},
}


@pytest.mark.parametrize("how", OTHERS)
def test_a_second_verdict_on_the_rows_is_their_second_use(tmp_path: Path, how: str) -> None:
    first = run(tmp_path / "a", "Add quickly, and carefully.")
    assert (use_of(first)["number"], use_of(first)["threshold"]) == (1, 0.05)
    assert first.verdict == "improved"
    second = run(tmp_path / "b", "Add very carefully.", **OTHERS[how])
    assert use_of(second)["number"] == 2


def test_other_rows_are_a_first_use(tmp_path: Path) -> None:
    run(tmp_path)
    rows = [{"question": f"Sum: {n} + {n}?", "answer": str(2 * n)} for n in range(1, 61)]
    assert use_of(run(tmp_path, data={"train": rows}))["number"] == 1


def test_the_same_prompts_with_the_same_answers_are_no_further_use(tmp_path: Path) -> None:
    first, again = run(tmp_path), run(tmp_path)
    assert (use_of(again)["number"], use_of(again)["repeats"]) == (2, True)
    assert again.result["verdict_sentence"] == first.result["verdict_sentence"]
    moved = run(tmp_path, data={"train": shuffled(recased(ROWS))})
    (used,) = [each for each in list_sets().sets if len(each.uses) > 1]
    assert [use.repeats for use in used.uses][:2] == [False, True]
    assert use_of(moved)["number"] == 2  # neither of the two before counts twice


def test_a_run_says_the_same_wherever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "Add quickly, and carefully.")
    second = run(tmp_path, "Add very carefully.")
    monkeypatch.setenv("OPRO_STATE_DIR", str(tmp_path / "another machine"))
    assert load_run(second.folder).result["test_use"] == second.result["test_use"]
    assert not (tmp_path / "another machine").exists()


def test_a_named_ledger_is_remembered_by_its_run(tmp_path: Path) -> None:
    own = Path(os.environ["OPRO_STATE_DIR"])
    named = tmp_path / "repository" / "ledger.jsonl"
    first = run(tmp_path, ledger=named, budget={"calls": 15}, search={"racing": False})
    assert first.ending == "budget"
    done = first.resume(budget=["calls=none"])
    assert use_of(done)["number"] == 1
    assert named.is_file()
    assert not own.exists()
    other = run(tmp_path, "Add very carefully.", ledger=tmp_path / "other.jsonl")
    assert use_of(other)["number"] == 1
    assert use_of(run(tmp_path, "Add so carefully.", ledger=str(named)))["number"] == 2


def test_a_ledger_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = run(tmp_path, ledger=tmp_path / "folder")
    assert (done.status, done.verdict) == ("finished", "improved")
    assert use_of(done)["number"] == 1
    assert "Is a directory" in use_of(done)["note"]


def test_what_came_of_a_use_is_in_the_ledger(tmp_path: Path) -> None:
    done = run(tmp_path)
    (used,) = list_sets().sets
    (use,) = used.to_json()["uses"]
    assert (use["run"], use["number"], use["outcome"]) == (done.folder.name, 1, "improved")
    assert (use["start"], use["winner"]) == ("Add.", "Add carefully.")
    assert (used.rows, used.counted, used.next_threshold) == (40, 1, 0.05)


def test_a_start_prompt_that_nobody_beats_is_no_use(tmp_path: Path) -> None:
    done = run(tmp_path, "Add quickly.")
    assert done.best == "Add."
    assert done.result["test_use"] is None
    assert list_sets().sets == ()


def test_what_a_next_verdict_would_find(tmp_path: Path) -> None:
    done = run(tmp_path, "Add quickly, and carefully.")
    examples = read_examples(done.folder)
    found = find_next_use(examples, "question")
    assert found is not None
    # The improvement has passed its level on.
    assert (found.rows, found.earlier, found.threshold) == (40, 1, 0.05)
    assert find_next_use({**examples, "test": []}, "question") is None


KILLED = """
import os, signal, sys
from pathlib import Path
from opro_cli.core.run import events
from opro_cli.loop.runner import Runner
from tests.api.test_used_rows import run

record = Runner._record
def killed(self, *happened):
    if any(isinstance(each, events.TestUsed) for each in happened):
        if sys.argv[2] == "after":
            record(self, *happened)
        os.kill(os.getpid(), signal.SIGKILL)
    record(self, *happened)
Runner._record = killed
run(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_the_record_of_its_use_a_run_has_one_use(tmp_path: Path, moment: str) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), moment]
    assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
    (folder,) = tmp_path.glob("[!.]*")
    begun = load_run(folder)
    recorded = [e for e in read_events(folder / "events.jsonl") if isinstance(e, events.TestUsed)]
    assert len(recorded) == (moment == "after")
    run(tmp_path, "Add very carefully.")  # somebody else comes in between
    done = begun.resume(scorer=scorer, optimizer=propose("Add carefully."))
    assert (done.status, use_of(done)["number"]) == ("finished", 1)
    (used,) = list_sets().sets
    assert [use.began.number for use in used.uses] == [1, 2]
    assert [use.outcome for use in used.uses] == ["improved", "improved"]


def test_run_json_has_what_the_ledger_knows_it_by(tmp_path: Path) -> None:
    about = json.loads((run(tmp_path).folder / "run.json").read_text())
    (used,) = list_sets().sets
    assert used.uses[0].began.use == about["test_use"]["id"]
