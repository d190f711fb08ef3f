"""A part of the caller's that raises SystemExit ends the run like any other exception of it."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import opro_cli
from opro_cli import ModelError, OproError, RunError, load_run
from opro_cli.core.run.events import Refused, Retried
from opro_cli.store.journal import read_numbered_events

ROWS = [{"question": f"What is {n}?", "answer": str(n)} for n in range(60)]
TASK = {"data": ROWS, "input": "question", "target": "answer", "answer": "number"}
SEARCH = {"steps": 1, "baselines": [], "noise_check": False}


def search(folder: Path, scorer: Any, **given: Any) -> None:
    opro_cli.optimize(
        task=TASK,
        scorer={"model": scorer, "concurrency": 8},
        optimizer=lambda chat: "<INS>x</INS>",
        search=SEARCH,
        runs_dir=folder,
        **given,
    )


def find_run(folder: Path) -> opro_cli.Run:
    (run,) = folder.glob("[!.]*-*")
    return load_run(run)


def test_no_answer_is_lost_by_an_exit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock, asked, served = threading.Lock(), [0], [0]

    def scorer(chat: list[dict[str, str]]) -> str:
        with lock:
            asked[0] += 1
            number = asked[0]
        if number == 12:
            sys.exit(2)
        time.sleep(0.05)
        if "What is" in chat[-1]["content"]:
            with lock:
                served[0] += 1
        return "7"

    with pytest.raises(ModelError, match="callable/scorer raised SystemExit: 2"):
        search(tmp_path, scorer)
    assert len(find_run(tmp_path).answers()) == served[0]
    assert "never retrieved" not in capsys.readouterr().err


def list_events(folder: Path, kind: type[Any]) -> list[Any]:
    path = find_run(folder).folder / "events.jsonl"
    return [event for _, event in read_numbered_events(path) if isinstance(event, kind)]


async def leave(chat: list[dict[str, str]]) -> str:
    sys.exit("no")


class Leaves(opro_cli.Evaluator):
    name = "leaves"

    async def evaluate(self, candidate: Any, example: Any, call: Any) -> Any:
        sys.exit("no")


class Stops(opro_cli.Strategy):
    name = "stops"

    def propose(self, view: Any, step: int) -> Any:
        sys.exit("no")

    def read(self, reply: str, ask: Any) -> Any:
        return ()


@pytest.mark.parametrize(
    ("scorer", "given", "kind"),
    [
        (leave, {}, ModelError),
        (lambda chat: "7", {"evaluator": Leaves()}, RunError),
        (lambda chat: "7", {"strategy": Stops()}, RunError),
    ],
)
def test_an_exit_of_any_part_is_an_error_of_it(
    tmp_path: Path, scorer: Any, given: dict[str, Any], kind: type[OproError]
) -> None:
    with pytest.raises(kind, match="SystemExit: no"):
        search(tmp_path, scorer, **given)
    for kept in tmp_path.glob("[!.]*-*"):  # one that fails before any answer is not
        assert "SystemExit: no" in load_run(kept).result["failure"]["reason"]


def test_an_empty_text_of_a_function_is_no_matter_of_a_server(tmp_path: Path) -> None:
    with pytest.raises(OproError, match="answered with an empty text") as refused:
        search(tmp_path, lambda chat: "")
    assert refused.value.hint == "return a text with something in it; a blank one is no answer"


def test_a_function_that_raises_now_and_then_is_asked_again(tmp_path: Path) -> None:
    failures = iter(["hiccup", "hiccup"])

    def flaky(chat: list[dict[str, str]]) -> str:
        if "What is 41?" in chat[-1]["content"] and (words := next(failures, "")):
            raise RuntimeError(words)
        return "7"

    search(tmp_path, flaky, keep_going=True)
    assert find_run(tmp_path).status == "finished"
    assert len(list_events(tmp_path, Retried)) == 2
    assert not list_events(tmp_path, Refused)


def test_a_question_that_a_function_never_answers_is_refused(tmp_path: Path) -> None:
    def defective(chat: list[dict[str, str]]) -> str:
        if "What is 41?" in chat[-1]["content"]:
            raise KeyError("What is 41?")
        return "7"

    search(tmp_path, defective, keep_going=True)
    refused = list_events(tmp_path, Refused)
    assert find_run(tmp_path).status == "finished"
    assert {event.reason for event in refused} == {
        "callable/scorer raised KeyError: 'What is 41?' (tried 3 times)"
    }


def test_a_search_that_fails_says_where_it_is_and_how_it_goes_on(tmp_path: Path) -> None:
    asked = [0]

    def dies(chat: list[dict[str, str]]) -> str:
        asked[0] += 1
        if asked[0] > 9:
            raise RuntimeError("down")
        return "7"

    with pytest.raises(ModelError, match="raised RuntimeError: down") as caught:
        search(tmp_path, dies, keep_going=True)
    folder = find_run(tmp_path).folder
    assert caught.value.folder == str(folder)
    way_on = f'opro_cli.load_run("{folder}").resume(scorer=…, optimizer=…)'
    assert caught.value.hint == f"go on with {way_on}"
    assert (
        load_run(folder)
        .resume(scorer=lambda chat: "7", optimizer=lambda chat: "<INS>x</INS>")
        .ending
        == "finished"
    )


def raise_at_once(chat: list[dict[str, str]]) -> str:
    raise RuntimeError("no")


def test_a_function_that_fails_at_its_first_call_leaves_no_folder(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ModelError, match="callable/scorer raised RuntimeError: no") as caught:
        search(tmp_path, raise_at_once)
    assert caught.value.folder is None
    with pytest.raises(ModelError):
        opro_cli.evaluate("Add.", task=TASK, scorer=raise_at_once, runs_dir=tmp_path)
    assert not [*tmp_path.glob("[!.]*-*"), *tmp_path.glob("evals/[!.]*")]
    assert time.monotonic() - began < 20


def test_errors_name_arguments_in_place_of_options(tmp_path: Path) -> None:
    with pytest.raises(opro_cli.OproError) as caught:
        search(tmp_path, lambda chat: "I do not know")
    assert "`keep_going=True` goes on all the same, and so does `preflight=False`" in str(
        caught.value.hint
    )
    with pytest.raises(opro_cli.OproError) as caught:
        opro_cli.evaluate("Add.", task=TASK, scorer=lambda chat: "I do", runs_dir=tmp_path)
    assert "`preflight=False` goes on all the same" in str(caught.value.hint)
    scored = opro_cli.evaluate(
        "Add.", task=TASK, scorer=lambda chat: "I do", runs_dir=tmp_path, preflight=False
    )
    assert scored.status == "finished"
    with pytest.raises(opro_cli.OproError, match=r"^budget: expected"):
        scored.resume(budget=["calls"])
    with pytest.raises(opro_cli.OproError) as caught:
        load_run("nothing", tmp_path)
    assert caught.value.hint == "`opro runs` lists the runs; see runs_dir"
