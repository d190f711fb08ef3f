"""The Python API as programs use it: in a script, under pytest, in a loop that runs already."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy
import pytest

import opro_cli
from opro_cli import (
    Ask,
    Draft,
    Evaluator,
    OproError,
    Reply,
    Run,
    SearchView,
    Strategy,
    UsageError,
    load_run,
    optimize,
    wiring,
)
from opro_cli.app.session import Stopper
from opro_cli.errors import ConfigError

ROWS = [{"question": f"{n} + {n}?", "answer": str(2 * n)} for n in range(1, 61)]
TASK = {"data": ROWS, "input": "question", "target": "answer", "answer": "number"}
SEARCH = {"steps": 2, "candidates_per_step": 2, "initial_instructions": ["Add."], "baselines": []}


def scorer(chat: list[dict[str, str]], seed: int) -> str:
    """Right with "carefully", else right for every second question."""
    text = chat[-1]["content"]
    number = int(text.split("+")[1].split("?")[0])
    good = "carefully" in text or number % 2
    return f"The answer is {2 * number + (not good)}."


async def optimizer(chat: list[dict[str, str]], temperature: float, seed: int) -> Reply:
    text = "<INS>Add carefully.</INS>" if seed % 2 else "<INS>Add quickly.</INS>"
    return Reply(text, {"prompt_tokens": 100, "completion_tokens": 5})


def search(folder: Path, **options: Any) -> Run:
    given: dict[str, Any] = {"task": TASK, "scorer": scorer, "optimizer": optimizer}
    return optimize(**{**given, "search": SEARCH, **options}, runs_dir=folder)


def test_a_search_with_callables_is_a_run_like_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = search(tmp_path)
    assert (run.status, run.ending) == ("finished", "finished")
    assert run.best == "Add carefully."
    assert run.verdict == "improved"
    assert {c["instruction"] for c in run.candidates} >= {"Add.", "Add carefully."}
    assert capsys.readouterr() == ("", "")
    assert json.loads((run.folder / "result.json").read_text())["best"] == run.result["best"]
    config = (run.folder / "config.yaml").read_text()
    assert "memory://train" in config
    assert str(tmp_path) not in config
    assert load_run(run.folder.name, tmp_path).best == run.best


def test_rows_that_belong_together_are_compared_as_a_whole(tmp_path: Path) -> None:
    rows = [{**row, "page": {"number": index % 12}} for index, row in enumerate(ROWS)]
    run = search(tmp_path, task={**TASK, "data": rows, "group": "page.number"})
    known = [json.loads(line) for line in (run.folder / "examples.jsonl").read_text().splitlines()]
    pages = {s: {row["group"] for row in known if row["split"] == s} for s in ("train", "test")}
    assert all(pages.values())
    assert not pages["train"] & pages["test"]
    assert run.result["paired_test"]["groups"] == len(pages["test"])
    assert "by group" in run.result["verdict_sentence"]
    assert load_run(run.folder).result == run.result


def test_answers_are_records_and_a_table(tmp_path: Path) -> None:
    answers = search(tmp_path).answers()
    first = answers[0]
    assert (first.instruction, first.step, first.split) == ("Add.", 0, "train")
    assert first.reply.startswith("The answer is ")
    table = answers.to_pandas()
    assert len(table) == len(answers)
    right = table[table.instruction == "Add carefully."]
    assert (right.score == 1.0).all()


async def test_it_works_where_a_loop_runs_already(tmp_path: Path) -> None:
    assert search(tmp_path).best == "Add carefully."


def test_a_metric_may_be_a_function(tmp_path: Path) -> None:
    def ends_with(reply: str, target: str, question: str) -> bool:
        return reply.rstrip(".").endswith(f" {target}")

    run = search(tmp_path, metric=ends_with)
    assert run.best == "Add carefully."
    with pytest.raises(UsageError, match="function of the program"):
        load_run(run.folder).resume(scorer=scorer, optimizer=optimizer)
    again = load_run(run.folder).resume(scorer=scorer, optimizer=optimizer, metric=ends_with)
    assert again.result["best"] == run.result["best"]


def test_rows_may_be_a_hub_dataset(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    task = {**TASK, "data": datasets.Dataset.from_list(ROWS)}
    assert search(tmp_path, task=task).best == "Add carefully."


def test_dollars_cannot_be_capped_where_nobody_knows_the_price(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="price"):
        search(tmp_path, budget={"usd": 1})
    assert not list(tmp_path.iterdir())


def test_calls_can_be_capped_and_the_run_resumed(tmp_path: Path) -> None:
    unraced = {**SEARCH, "racing": False}  # with races the calls are laid out as a whole search
    run = search(tmp_path, budget={"calls": 30}, search=unraced)
    assert run.ending == "budget"
    whole = run.resume(scorer=scorer, optimizer=optimizer, budget=["calls=100000"])
    assert whole.status == "finished"
    assert whole.best == search(tmp_path).best


def test_a_few_calls_are_a_whole_search(tmp_path: Path) -> None:
    run = search(tmp_path, budget={"calls": 30})
    assert (run.status, run.ending) == ("finished", "finished")
    assert run.result["spend"]["calls"] <= 30


def test_what_a_callable_raises_ends_the_run_and_keeps_it(tmp_path: Path) -> None:
    answers = iter(["1", "2", "3"])

    def broken(chat: list[dict[str, str]]) -> str:
        for answer in answers:
            return answer
        raise ZeroDivisionError("no such answer")

    with pytest.raises(OproError, match="ZeroDivisionError: no such answer"):
        search(tmp_path, scorer=broken)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert load_run(folder).resume(scorer=scorer, optimizer=optimizer).best == "Add carefully."


KILLED = """
import os, sys
sys.path.insert(0, {root!r})
from tests.api.test_api import search, scorer
from pathlib import Path
calls = 0
def dies(chat, seed):
    global calls
    calls += 1
    if calls == 40:
        os._exit(9)
    return scorer(chat, seed)
search(Path({folder!r}), scorer=dies)
"""


def test_a_killed_program_resumes_in_a_new_process(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    code = KILLED.format(root=root, folder=str(tmp_path / "runs"))
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 9
    (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
    asked = 0

    def counting(chat: list[dict[str, str]], seed: int) -> str:
        nonlocal asked
        asked += 1
        return scorer(chat, seed)

    run = load_run(folder).resume(scorer=counting, optimizer=optimizer)
    whole = search(tmp_path / "other")
    assert run.result["best"] == whole.result["best"]
    assert asked < len(whole.answers())


def test_prompts_are_evaluated_and_their_answers_kept(tmp_path: Path) -> None:
    def never(chat: list[dict[str, str]], seed: int) -> str:
        raise AssertionError("it was answered before")

    named = {"model": scorer, "name": "mine"}
    prompts = ["Add.", "Add carefully."]
    first = opro_cli.evaluate(prompts, task=TASK, scorer=named, runs_dir=tmp_path)
    scores = {c["instruction"]: c["scores"]["test"]["mean"] for c in first.candidates}
    assert scores["Add carefully."] == 1.0 > scores["Add."]
    named = {"model": never, "name": "mine"}
    again = opro_cli.evaluate("Add.", task=TASK, scorer=named, runs_dir=tmp_path)
    assert again.folder == first.folder


def test_a_function_without_a_name_never_has_the_answers_of_another(tmp_path: Path) -> None:
    def wrong(chat: list[dict[str, str]]) -> str:
        return "-1"

    first = opro_cli.evaluate("Add carefully.", task=TASK, scorer=scorer, runs_dir=tmp_path)
    other = opro_cli.evaluate("Add carefully.", task=TASK, scorer=wrong, runs_dir=tmp_path)
    strict = opro_cli.evaluate(
        "Add carefully.", task=TASK, scorer=scorer, metric=lambda *_: 0.25, runs_dir=tmp_path
    )
    runs = (first, other, strict)
    assert [run.candidates[0]["scores"]["test"]["mean"] for run in runs] == [1.0, 0.0, 0.25]
    assert len({run.folder for run in runs}) == 3


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda chat: next(iter(())), "raised RuntimeError: the function raised StopIteration"),
        (lambda chat: None, "returned NoneType, not a text or a Reply"),
        (lambda chat: Reply(None), "returned a Reply whose text is None"),  # type: ignore[arg-type]
        (lambda chat: Reply("4", {"prompt_tokens": -1}), "whose usage has -1 prompt_tokens"),
        (lambda chat: Reply("4", {"input": 3}), "whose usage has 'input', not prompt_tokens"),
        (lambda chat: Reply("4", {}, "done"), "whose finish_reason is 'done'"),
    ],
)
def test_what_a_function_may_not_do_is_a_model_error(
    tmp_path: Path, function: Callable[[Any], Any], words: str
) -> None:
    with pytest.raises(opro_cli.ModelError) as caught:
        opro_cli.evaluate("Add.", task=TASK, scorer=function, runs_dir=tmp_path)
    assert words in caught.value.message


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"task": [1]}, "task: expected a section: a mapping of its keys, found [1]"),
    ({"scorer": 5}, "scorer: expected a model's name, its section, or a function of the chat, f"),
    ({"scorer": {"model": 5}}, "scorer: expected a function of the chat, found 5"),
    ({"budget": "x"}, "budget: expected a section: a mapping of its keys, found 'x'"),
    ({"search": []}, "search: expected a section: a mapping of its keys, found []"),
    ({"roles": {"judge": 5}}, "roles: expected a mapping of roles to models, found {'judge': 5}"),
    ({"metric": 5}, "metric: expected a function of reply, target and question, or a metric, f"),
    (
        {"strategy": opro_cli.Strategy},
        "strategy: expected a strategy: an object with propose and read, f",
    ),
    ({"evaluator": "x"}, "evaluator: expected an evaluator: an object with evaluate, found 'x'"),
    ({"config": [1]}, "config: expected a config file, or its content as a mapping, found [1]"),
    ({"name": 5}, "name: expected a text, found 5"),
    ({"runs_dir": None}, "runs_dir: expected a path, found nothing"),
    ({"ledger": 5}, "ledger: expected a path, found 5"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=lambda each: str(each)[:20])
def test_an_argument_of_a_wrong_type_is_refused_by_its_name(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    usual = {"task": TASK, "scorer": scorer, "optimizer": optimizer, "runs_dir": tmp_path}
    with pytest.raises(UsageError) as caught:
        opro_cli.optimize(**{**usual, **given})
    assert caught.value.message.startswith(message)
    assert not [*tmp_path.iterdir()]


def test_arguments_may_be_what_stands_for_their_type(tmp_path: Path) -> None:
    limit: Any = numpy.int64(2)
    folder: Any = PurePath(tmp_path)
    run = opro_cli.evaluate("Add.", task=TASK, scorer=scorer, limit=limit, runs_dir=folder)
    assert len([*run.answers()]) == 2
    changes: Any = {"calls=+5"}
    assert run.resume(budget=changes).status == "finished"


def test_arguments_of_evaluate_resume_and_load_run_are_looked_at_as_well(tmp_path: Path) -> None:
    given: dict[str, Any] = {"task": TASK, "scorer": scorer, "runs_dir": tmp_path}
    for wrong, name in (
        ({"limit": "x"}, "limit"),
        ({"limit": 0}, "limit"),
        ({"split": 5}, "split"),
        ({"task": 5}, "task"),
        ({"metric": 5}, "metric"),
    ):
        with pytest.raises(UsageError, match=f"^{name}: expected"):
            opro_cli.evaluate("Add.", **{**given, **wrong})
    with pytest.raises(UsageError, match="prompt 1: expected a text, found NoneType"):
        opro_cli.evaluate(None, **given)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="run: expected the folder or the name of a run, found 5"):
        load_run(5)  # type: ignore[arg-type]
    run = opro_cli.evaluate("Add.", limit=1, preflight=False, **given)
    with pytest.raises(UsageError, match=r'budget: expected a list of changes, such as \["calls'):
        run.resume(budget="calls=+5")
    with pytest.raises(TypeError, match=r"optimize\(\) got an unexpected keyword argument 'scorr'"):
        opro_cli.optimize(scorr=5)  # type: ignore[call-arg]


def test_the_caller_keeps_its_sections_and_a_relative_file_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(json.dumps(row) + "\n" for row in ROWS)
    Path("rows.jsonl").write_text(rows)
    search = {"steps": 1, "racing": False}
    run = opro_cli.optimize(
        task={**TASK, "data": "rows.jsonl"},
        scorer=scorer,
        search=search,
        strategy=Adverbs(),
        budget={"calls": 3},
    )
    assert (search, run.ending) == ({"steps": 1, "racing": False}, "budget")
    assert len(repr(run)) < 500
    again = run.resume(budget=["calls=+2"])  # with the objects that it has
    assert again.ending == "budget"
    loaded = opro_cli.load_run(run.folder)
    assert loaded.resume(scorer=scorer, strategy=Adverbs(), budget=["calls=none"]).ending


def test_ctrl_c_within_a_running_loop_stops_the_search_cleanly(tmp_path: Path) -> None:
    asked = threading.Event()  # the signal goes to a thread that is not the caller's: it sleeps on

    def slow(chat: list[dict[str, str]], seed: int) -> str:
        if asked.is_set():
            time.sleep(0.02)
        else:
            asked.set()
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return scorer(chat, seed)

    async def notebook() -> opro_cli.Run:
        return opro_cli.optimize(
            task=TASK, scorer=slow, optimizer=optimizer, search={"steps": 50}, runs_dir=tmp_path
        )

    run = asyncio.run(notebook())
    assert (run.ending, run.status) == ("interrupted", "stopped")


def test_ctrl_c_before_the_first_question_stops_the_search_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assemble, stop, stopped = wiring.assemble, Stopper.__call__, threading.Event()

    def note_stop(stopper: Stopper) -> None:
        stop(stopper)
        stopped.set()

    def assemble_under_ctrl_c(*parts: Any, **options: Any) -> wiring.Parts:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped.wait(30)
        return assemble(*parts, **options)

    monkeypatch.setattr(Stopper, "__call__", note_stop)
    monkeypatch.setattr(wiring, "assemble", assemble_under_ctrl_c)

    async def notebook() -> Run:
        return search(tmp_path)

    run = asyncio.run(notebook())
    assert (run.ending, run.status) == ("interrupted", "stopped")
    assert list(run.answers()) == []


@pytest.mark.parametrize("wrong", [{"split": "val"}, {"limit": 0}], ids=str)
def test_questions_that_are_none_are_a_usage_error(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(opro_cli.UsageError, match=next(iter(wrong))):
        opro_cli.evaluate("Add.", task=TASK, scorer=scorer, runs_dir=tmp_path, **wrong)


def test_every_public_name_is_there() -> None:
    for name in opro_cli.__all__:
        assert getattr(opro_cli, name) is not None
    with pytest.raises(AttributeError, match="optimise"):
        _ = opro_cli.optimise


@dataclass(frozen=True)
class Words:
    """Options of `Adverbs`."""

    adverb: str = "quickly"


class Adverbs(Strategy):
    """Proposes to add in some manner."""

    name = "adverbs"
    Options = Words

    def propose(self, view: SearchView, step: int) -> list[Draft]:
        return [Draft(f"Add {view.options.adverb}.")]

    def read(self, reply: str, ask: Ask) -> list[str]:
        return [reply]


def test_a_strategy_that_is_handed_over_gets_its_options_or_refuses_them(tmp_path: Path) -> None:
    wrong = {**SEARCH, "options": {"adverbs": "carefully"}}
    with pytest.raises(ConfigError, match=r"search\.options\.adverbs: no such key; did you mean"):
        search(tmp_path / "wrong", strategy=Adverbs(), search=wrong)
    assert not (tmp_path / "wrong").exists()
    right = {**SEARCH, "options": {"adverb": "carefully"}}
    assert search(tmp_path, strategy=Adverbs(), search=right).best == "Add carefully."


class Judged(Evaluator):
    name = "judged"
    roles = ("judge",)

    async def evaluate(self, candidate: Any, example: Any, call: Any) -> Any:
        raise ValueError("no")


def test_an_evaluator_that_asks_nobody_or_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="asks a judge, and the config has none"):
        search(tmp_path, evaluator=Judged())
    assert not list(tmp_path.iterdir())
    with pytest.raises(OproError, match=r"task.evaluator judged failed on .*: ValueError: no"):
        search(tmp_path, evaluator=Judged(), roles={"judge": scorer})


def test_a_resume_without_the_object_says_what_it_needs(tmp_path: Path) -> None:
    run = search(tmp_path, strategy=Adverbs(), budget={"calls": 3})
    with pytest.raises(UsageError, match="the strategy of this run is an object") as caught:
        load_run(run.folder).resume(scorer=scorer, optimizer=optimizer)
    assert "resume(strategy=…)" in str(caught.value.hint)
