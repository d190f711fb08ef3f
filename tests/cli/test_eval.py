"""`opro eval`: any instruction on any data with any model, asked once."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from opro_cli.app.asked import compute_digest
from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import Example
from opro_cli.errors import ModelError
from opro_cli.reports.recorded import RecordedRun
from opro_cli.store import reopened as growing_runs
from opro_cli.store import run_folder
from opro_cli.store.atomic_folders import PARTIAL_PREFIX
from tests.cli.conftest import CONFIG, Opro
from tests.loop.runs import ShuffledModel, say

PROMPTS = ("-p", "Count.", "-p", "", "-p", "Add and check.")


def by_prompt(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["prompt"]: row for row in rows}


def test_every_prompt_meets_every_question_of_the_split_once(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    said = opro("eval", "c.yaml", *PROMPTS, "--json")
    assert said.code == 0
    assert [row["prompt"] for row in said.data] == ["Count.", "", "Add and check."]
    assert all((row["n"], row["dataset"]) == (7, "sums/test") for row in said.data)
    assert len(model.requests) == 3 * 7
    model.requests.clear()
    again = opro("eval", "c.yaml", *PROMPTS, "--json")
    assert (again.data, model.requests) == (said.data, [])


def test_questions_that_are_asked_several_times_are_forecast_asked_and_shown_so(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    once = opro("eval", "c.yaml", *PROMPTS, "--json").data
    text = CONFIG.replace("scripted/scorer}", "scripted/scorer, repeats: 3, temperature: 1}")
    (folder / "c.yaml").write_text(text)
    planned = opro("eval", "c.yaml", *PROMPTS, "--dry-run", "--json").data
    model.requests.clear()
    rows = opro("eval", "c.yaml", *PROMPTS, "--json").data
    assert sum(row["calls"] for row in planned) == len(model.requests) == 3 * 3 * 7
    assert [row["n"] for row in rows] == [row["n"] for row in once] == [7, 7, 7]
    assert len(list((folder / "runs" / "evals").iterdir())) == 2
    checked = opro("check", "c.yaml", "--json").data
    assert opro("optimize", "c.yaml", "--json").code == 0
    shown = opro("show", "sums@start", "--answers", "--json").data["answers"]
    assert {len(each["replies"]) for each in shown} == {3}
    assert {len(each["read_each"]) for each in shown if each["answer"]} == {3}
    assert "\neach      " in opro("show", "sums@start", "--answers").out
    (folder / "c.yaml").write_text(CONFIG)
    assert checked["calls_at_most"] > 2.5 * opro("check", "c.yaml", "--json").data["calls_at_most"]


def test_another_prompt_asks_only_what_is_new(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    first = by_prompt(opro("eval", "c.yaml", *PROMPTS, "--json").data)
    model.requests.clear()
    rows = by_prompt(opro("eval", "c.yaml", "-p", "Sum.", "-p", "Count.", "--json").data)
    assert list(rows) == ["Sum.", "Count."]
    assert rows["Count."]["mean"] == first["Count."]["mean"]
    assert len(model.requests) == 7
    assert all("Sum." in request.messages[-1].content for request in model.requests)
    model.requests.clear()
    everything = opro("eval", "c.yaml", *PROMPTS, "-p", "Sum.", "--json").data
    assert (len(everything), model.requests) == (4, [])
    (run,) = (folder / "runs" / "evals").iterdir()
    assert opro("show", str(run), "--json").data["run_status"] == "finished"
    assert opro("resume", str(run)).code == 0
    assert opro("runs", "--json").data == []


def test_the_scores_are_those_of_a_run_on_the_same_questions(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    text = (folder / "c.yaml").read_text("utf-8")
    (folder / "c.yaml").write_text(text.replace("steps: 2", "steps: 2, test_unbeaten_start: true"))
    run = opro("optimize", "c.yaml", "--json").data
    best, start = run["best"]["instruction"], run["initial"]["instruction"]
    model.requests.clear()
    rows = by_prompt(opro("eval", "sums", "-p", start, "--best-of", "sums", "--json").data)
    assert rows[start]["mean"] == run["initial"]["scores"]["test"]["mean"]
    assert rows[best]["mean"] == run["best"]["scores"]["test"]["mean"]
    if best != start:
        assert rows[best]["p_value"] == run["paired_test"]["p_value"]
    from_config = opro("eval", "c.yaml", "-p", start, "-p", best, "--json").data
    assert by_prompt(from_config)[best]["mean"] == rows[best]["mean"]


def test_the_best_of_a_run_are_those_that_train_and_dev_ranked(
    opro: Opro, model: ShuffledModel
) -> None:
    opro("optimize", "c.yaml")
    shown = opro("show", "sums", "--json").data
    on_dev = [each for each in shown["candidates"] if each["scores"]["dev"]]

    def rank(each: dict[str, Any]) -> float:
        scores = each["scores"]
        return -float(sum(scores[split]["mean"] * scores[split]["n"] for split in ("train", "dev")))

    on_dev.sort(key=rank)
    rows = opro("eval", "sums", "--best-of", "sums", "--top", "3", "--split", "dev", "--json").data
    assert [row["mean"] for row in rows] == [c["scores"]["dev"]["mean"] for c in on_dev[:3]]


def test_the_log_names_the_split_that_is_asked(opro: Opro, folder: Path) -> None:
    said = opro("eval", "c.yaml", *PROMPTS, "--split", "train", "--plain").err
    assert "] started, train\n" in said
    assert re.search(r"questions: train \d+, dev 0, test 0;", said)
    assert "] train: " in said
    assert "] test: " not in said
    (run,) = (folder / "runs" / "evals").iterdir()
    assert "] started, train\n" in opro("watch", str(run), "--replay", "--plain").err


def test_models_and_datasets_make_a_matrix(opro: Opro, folder: Path, model: ShuffledModel) -> None:
    (folder / "d.yaml").write_text(CONFIG.replace("name: sums", "name: other"))
    models = ("-m", "scripted/scorer", "-m", "scripted/other")
    arguments = ("eval", "c.yaml", "d.yaml", *PROMPTS, *models, "--split", "dev", "--limit", "4")
    rows = opro(*arguments, "--json").data
    cells = [(row["dataset"], row["model"]) for row in rows]
    assert list(dict.fromkeys(cells)) == [
        (f"{name}/dev", f"scripted/{each}")
        for name in ("sums", "other")
        for each in ("scorer", "other")
    ]
    assert all(row["n"] == 4 for row in rows)
    # Both configs ask the same questions of the same models: asked once.
    assert len(model.requests) == 2 * 3 * 4
    table = opro(*arguments).out
    assert all(text in table for text in ("Count.", "(empty)", "sums/dev", "scripted/other"))
    read = list(csv.DictReader(io.StringIO(opro(*arguments, "--csv").out)))
    assert [(row["prompt"], row["mean"]) for row in read] == [
        (row["prompt"], str(row["mean"])) for row in rows
    ]


def test_a_spreadsheet_gets_no_formula(opro: Opro) -> None:
    said = opro("eval", "c.yaml", "-p", "=1+1", "--limit", "1", "--csv")
    (row,) = csv.DictReader(io.StringIO(said.out))
    assert row["prompt"] == "'=1+1"


def test_a_failed_evaluation_goes_on_where_it_stopped(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    def failing(request: Any) -> Any:
        return (
            ModelError("401: bad key", transient=False) if len(model.requests) > 9 else say(request)
        )

    model._say = failing
    assert opro("eval", "c.yaml", *PROMPTS).code == 1
    kept = sum("answered" in line for line in journal(folder))
    assert kept >= 6
    model._say = say
    model.requests.clear()
    assert opro("eval", "c.yaml", *PROMPTS).code == 0
    assert len(model.requests) == 3 * 7 - kept


def journal(folder: Path) -> list[str]:
    (run,) = (folder / "runs" / "evals").iterdir()
    lines = (run / "events.jsonl").read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_a_ceiling_stops_and_the_same_command_with_another_goes_on(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    stopped = opro("eval", "c.yaml", *PROMPTS, "--budget", "calls=5")
    assert stopped.code == 3
    assert "budget.calls 5 reached" in stopped.err
    assert len(model.requests) == 5
    assert opro("eval", "c.yaml", *PROMPTS).code == 0
    assert len(model.requests) == 3 * 7


def test_a_prompt_comes_from_a_file_whole(opro: Opro, folder: Path) -> None:
    (folder / "p.txt").write_text("Two\nlines.\n")
    rows = opro("eval", "c.yaml", "-f", "p.txt", "--json").data
    assert [row["prompt"] for row in rows] == ["Two\nlines."]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["c.yaml"], "no instruction to score"),
        (["c.yaml", "-p", "a \udcff"], "an instruction with half a character in it"),
        (["c.yaml", "-f", "gone.txt"], "gone.txt: cannot be read"),
        (["gone.yaml", "-p", "x"], "gone.yaml: cannot be read"),
        (["nothing", "-p", "x"], "no run"),
        (["c.yaml", "-p", "x", "--budget", "euro=3"], "expected usd|calls|tokens|minutes"),
        (["c.yaml", "-p", "x", "-m", "openai/gpt-4o"], "OPENAI_API_KEY is not set"),
        (["c.yaml", "-p", "x", "--budget", "usd=3"], "the price of scorer scripted/scorer"),
        (
            ["c.yaml", "-p", "x", "-m", "embedded/tiny-optimizer"],
            "scorer.model: expected embedded/",
        ),
        (["c.yaml", "-p", "x", "-m", "embedded/none"], "scorer.model: expected embedded/tiny-m"),
        (["d.yaml", "-p", "x", "--split", "dev"], "its dev split is empty"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_asked(
    opro: Opro, folder: Path, model: ShuffledModel, arguments: list[str], problem: str
) -> None:
    (folder / "d.yaml").write_text(CONFIG.replace("dev: 5", "dev: 0"))
    said = opro("eval", *arguments)
    assert said.code == 2
    assert problem in said.err
    assert model.requests == []


@pytest.mark.parametrize("step", ["write_atomically", "rewrite_config"])
def test_killed_while_a_prompt_is_added_the_same_command_goes_on(
    opro: Opro, folder: Path, model: ShuffledModel, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    opro("eval", "c.yaml", *PROMPTS)
    model.requests.clear()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(growing_runs, step, killed)
        assert opro("eval", "c.yaml", *PROMPTS, "-p", "Sum.").code == 130
    assert model.requests == []
    rows = opro("eval", "c.yaml", *PROMPTS, "-p", "Sum.", "--json").data
    assert [row["n"] for row in rows] == [7] * 4
    assert len(model.requests) == 7
    (run,) = (folder / "runs" / "evals").iterdir()
    assert opro("resume", str(run)).code == 0


def test_what_a_killed_eval_left_half_made_is_not_taken_for_the_run(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    """Also what an older opro left, whose hidden folders had the run's own name."""
    evals = folder / "runs" / "evals"
    assert opro("eval", "c.yaml", *PROMPTS).code == 0
    (run,) = evals.iterdir()
    for name in (f".{run.name}", f"{PARTIAL_PREFIX}0123456789abcdef"):
        (evals / name).mkdir()
        (evals / name / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    shutil.rmtree(run)
    for _ in range(2):
        assert opro("eval", "c.yaml", *PROMPTS).code == 0
    assert {path.name for path in evals.iterdir()} == {run.name, f".{run.name}"}
    assert opro("show", str(run), "--json").data["run_status"] == "finished"
    for command in ("show", "report", "resume"):
        assert opro(command, str(evals / f"{PARTIAL_PREFIX}0123456789abcdef")).code == 2


def test_killed_as_its_config_is_written_anew_the_run_can_be_resumed(
    opro: Opro, folder: Path, model: ShuffledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    opro("eval", "c.yaml", *PROMPTS)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(growing_runs, "rewrite_config", killed)
        assert opro("eval", "c.yaml", *PROMPTS, "-p", "Sum.").code == 130
    (run,) = (folder / "runs" / "evals").iterdir()
    resumed = opro("resume", str(run), "--json")
    assert resumed.code == 0
    assert resumed.data["candidates"] == 4


def test_a_run_that_grows_while_it_is_read_is_read_again(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opro("eval", "c.yaml", *PROMPTS)
    (run,) = (folder / "runs" / "evals").iterdir()
    read = run_folder.read_run_start
    grown: list[Path] = []

    def read_and_then_it_grows(place: Path) -> RecordedRun:
        recorded = read(place)
        if not grown:
            grown.append(place)
            assert opro("eval", "c.yaml", *PROMPTS, "-p", "Sum.").code == 0
        return recorded

    monkeypatch.setattr(run_folder, "read_run_start", read_and_then_it_grows)
    assert len(run_folder.read_run(run).state.candidates) == 4


def test_a_model_at_several_endpoints_is_asked_there(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    assert opro("eval", "c.yaml", *PROMPTS).code == 0
    alone = {path.name for path in (folder / "runs" / "evals").iterdir()}
    places = "endpoints: [{api_base: http://a}, {api_base: http://b}]"
    (folder / "c.yaml").write_text(CONFIG.replace("scripted/scorer", f"scripted/scorer, {places}"))
    before = len(model.requests)
    assert opro("eval", "c.yaml", *PROMPTS, "--no-cache").code == 0
    assert len(model.requests) > before
    (other,) = {path.name for path in (folder / "runs" / "evals").iterdir()} - alone
    plain = json.loads((folder / "runs" / "evals" / other / "run.json").read_text())["settings"]
    # The optimizer is never asked, and must not want a key that the scorer can do without.
    assert plain["optimizer"]["endpoints"] == plain["scorer"]["endpoints"]


def test_the_time_for_a_grade_is_no_other_question(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    """A cell keeps its name, which is that of before there was such a key."""
    first = opro("eval", "c.yaml", *PROMPTS, "--json").data
    model.requests.clear()
    (folder / "c.yaml").write_text(
        CONFIG.replace("answer: number", "answer: number\n  answer_timeout: 77")
    )
    assert opro("eval", "c.yaml", *PROMPTS, "--json").data == first
    assert model.requests == []


def test_the_name_of_a_cell_says_what_is_asked_and_stays() -> None:
    task = TaskSettings(DataSettings("t", "q", "a"), "number")
    model = "scripted/m"
    settings = Settings(task, ScorerSettings(model), OptimizerSettings(model))
    examples = {"train": (), "dev": (), "test": (Example("q", "1", "t:1"),)}
    assert compute_digest(settings, examples, ()) == "c6b3ccb54de2"  # type: ignore[arg-type]


def test_a_prompt_of_another_session_has_its_date_and_no_mark_until_all_are_asked_afresh(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    first, second = "Let's solve the problem.", "Count."
    arguments = ("eval", "c.yaml", "-p", first, "-p", second)
    model._say = lambda request: "1" if "Count." in request.messages[-1].content else "0"
    opro("eval", "c.yaml", "-p", second)
    rows = opro(*arguments, "--json").data
    assert [row["asked_with_first"] for row in rows] == [None, False]
    assert all(row["asked"].endswith(" UTC") for row in rows)
    said = opro(*arguments)
    assert "no mark for" in said.out
    assert "`--fresh` asks them all in one session" in " ".join(said.out.split())
    asked = len(model.requests)
    assert opro(*arguments, "--fresh", "--dry-run").code == 0
    assert len(model.requests) == asked
    rows = opro(*arguments, "--fresh", "--json").data
    assert len(model.requests) == asked + 2 * 7 + 0
    assert [row["asked_with_first"] for row in rows] == [None, True]
    # From then on the fresh ones are those that are known.
    assert opro(*arguments, "--json").data == rows
    assert "no mark for" not in opro(*arguments).out
    assert len(model.requests) == asked + 2 * 7


def test_an_evaluation_has_the_ceilings_of_its_config_and_more_may_be_added(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    (folder / "c.yaml").write_text(CONFIG + "budget: {calls: 3}\n")
    evaluate = ("eval", "c.yaml", "-p", "one", "-p", "two", "--no-preflight")
    said = opro(*evaluate)
    assert said.code == 3
    assert "the same command with --budget calls=+AMOUNT goes on" in said.err
    assert len(model.requests) == 3
    for more in (4, 2):
        before = len(model.requests)
        assert opro(*evaluate, "--budget", f"calls=+{more}").code == 3
        assert len(model.requests) == before + more
    assert opro(*evaluate, "--budget", "calls=none").code == 0
    assert len(model.requests) == 2 * 7


def test_an_evaluation_in_dollars_needs_the_price_of_its_scorer_alone(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    priced = CONFIG.replace("scorer}", "scorer, price: {input: 1, output: 2}}")
    (folder / "c.yaml").write_text(priced)
    said = opro("eval", "c.yaml", "-p", "one", "--budget", "usd=5", "--json")
    assert said.code == 0, said.err
    assert len(model.requests) == 7


def test_a_run_of_an_evaluation_says_what_was_scored(opro: Opro, folder: Path) -> None:
    assert opro("eval", "c.yaml", *PROMPTS).code == 0
    (made,) = (folder / "runs" / "evals").glob("[!.]*")
    run = str(made.relative_to(folder))
    told = "3 prompts were scored on test, without a search, so there is no winner to judge"
    assert f"no verdict: {told}" in " ".join(opro("show", run).out.split())
    assert opro("show", run, "--json").data["verdict_sentence"] == told
    assert opro("report", run).code == 0
    assert f"{told}." in (made / "report.html").read_text("utf-8")
    for names in ((run, f"{run}@start"), (f"{run}@0.1", run)):
        refused = opro("diff", *names)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == (
            f"opro: {made.name} is an evaluation of given prompts: none is its start prompt, none "
            f"its best\nhint: name one by number, such as {run}@0.1; `opro show {run}` lists them\n"
        )
    assert opro("diff", f"{run}@0.1", f"{run}@0.2").code == 0
