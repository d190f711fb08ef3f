"""Every command as a person uses it, on models that answer by rule."""

from __future__ import annotations

import io
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from opro_cli.core.task.example import ChatReply
from opro_cli.errors import ModelError
from opro_cli.store.journal import FileJournal
from tests.cli.conftest import CONFIG, Opro, only_run
from tests.loop.runs import ShuffledModel, say

FILES = {"config.yaml", "events.jsonl", "run.json", "result.json", "best_prompt.txt"}


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    left_out = ("run", "seconds", "started", "test_use")  # a second run uses the same test rows
    return {key: result[key] for key in result if key not in left_out}


def test_optimize_leaves_a_run_that_a_person_can_read(opro: Opro, folder: Path) -> None:
    said = opro("optimize", "c.yaml")
    assert said.code == 0
    assert "best prompt" in said.out
    assert "step 2/2 done" in said.err
    run = only_run(folder)
    assert {path.name for path in run.iterdir()} >= FILES
    assert run.name.startswith("sums-20")
    result = json.loads((run / "result.json").read_text())
    assert result["status"] == "finished"
    assert (run / "best_prompt.txt").read_bytes() == result["best"]["instruction"].encode()
    resolved = yaml.safe_load((run / "config.yaml").read_text())
    assert resolved["task"]["data"]["train"] == str(folder / "train.jsonl")
    assert resolved["search"]["history"] == 20


def test_json_goes_to_stdout_alone(opro: Opro, folder: Path) -> None:
    said = opro("optimize", "c.yaml", "--json")
    assert said.data == json.loads((only_run(folder) / "result.json").read_text())


def test_two_runs_of_one_config_are_equal(opro: Opro, folder: Path) -> None:
    one = opro("optimize", "c.yaml", "--json").data
    text = CONFIG.replace("scripted/scorer}", "scripted/scorer, concurrency: 1}")
    (folder / "c.yaml").write_text(text)
    other = opro("optimize", "c.yaml", "--json", "--no-cache").data
    assert without_times(one) == without_times(other)


def test_a_failed_run_resumes_to_the_same_result(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    whole = opro("optimize", "c.yaml", "--json", "--no-cache", "--runs-dir", "whole").data

    def failing(request: Any) -> Any:
        if len(model.requests) > 60:
            return ModelError("401: bad key", "set a good key", transient=False)
        return say(request)

    model._say = failing
    model.requests.clear()
    failed = opro("optimize", "c.yaml")
    assert failed.code == 1
    assert "opro: 401: bad key" in failed.err
    assert f"opro resume {only_run(folder).name}" in failed.err
    stopped = json.loads((only_run(folder) / "result.json").read_text())
    assert (stopped["status"], stopped["verdict"]) == ("stopped", None)
    assert opro("runs", "--json").data[0]["status"] == "failed"
    answered = sum(
        json.loads(line)["event"] in ("checked", "answered", "proposed")
        for line in (only_run(folder) / "events.jsonl").read_text().splitlines()
    )
    model._say = say
    model.requests.clear()
    resumed = opro("resume", "--last", "--json")
    assert resumed.code == 0
    assert without_times(resumed.data) == without_times(whole)
    assert len(model.requests) == whole["spend"]["calls"] - answered


def test_resuming_a_finished_run_asks_nothing(opro: Opro, model: ShuffledModel) -> None:
    opro("optimize", "c.yaml")
    model.requests.clear()
    said = opro("resume", "sums")
    assert (said.code, model.requests) == (0, [])
    assert "is finished; nothing to resume" in said.err
    assert "best prompt" in said.out


def test_a_damaged_result_is_made_again_without_asking(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    said = opro("optimize", "c.yaml", "--json").data
    (only_run(folder) / "result.json").write_text("{")
    model.requests.clear()
    again = opro("resume", "--last", "--json").data
    assert model.requests == []
    assert without_times(again) == without_times(said)


@pytest.fixture
def stopped(opro: Opro, folder: Path, model: ShuffledModel) -> Path:
    """A run that failed half-way."""
    down = ModelError("down", transient=False)
    model._say = lambda request: say(request) if len(model.requests) < 20 else down
    opro("optimize", "c.yaml")
    model._say = say
    return only_run(folder)


def test_resume_with_an_edited_config_is_refused_by_key(opro: Opro, stopped: Path) -> None:
    config = stopped / "config.yaml"
    edited = config.read_text().replace("steps: 2", "steps: 9")
    config.write_text(edited.replace("scripted/scorer", "scripted/other"))
    said = opro("resume", "--last")
    assert said.code == 2
    assert "search.steps: 2 → 9" in said.err
    assert "scorer.model: 'scripted/scorer' → 'scripted/other'" in said.err


def test_resume_with_other_data_is_refused_by_file(opro: Opro, stopped: Path, folder: Path) -> None:
    with (folder / "train.jsonl").open("a") as file:
        file.write('{"question": "new?", "answer": "1"}\n')
    said = opro("resume", "--last")
    assert said.code == 2
    assert f"{folder / 'train.jsonl'}: changed since the run began" in said.err


def test_resume_with_edited_questions_is_refused(opro: Opro, stopped: Path) -> None:
    path = stopped / "examples.jsonl"
    path.write_text(path.read_text().replace("plus", "minus", 1))
    assert "not the questions that the run began with" in opro("resume", "--last").err


def test_stop_strings_are_sent_recorded_and_kept(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    text = CONFIG.replace("scripted/scorer", 'scripted/scorer, stop: "\\nQ:"')
    (folder / "c.yaml").write_text(
        text.replace("scripted/optimizer", "scripted/optimizer, stop: [a, '#']").replace(
            "exemplars: 2", "exemplars: 2, racing: false"
        )
        + "budget: {calls: 12}\n"
    )
    assert opro("optimize", "c.yaml").code == 3
    run = only_run(folder)
    recorded = yaml.safe_load((run / "config.yaml").read_text())
    assert recorded["scorer"]["stop"] == ["\nQ:"]
    assert recorded["optimizer"]["stop"] == ["a", "#"]
    assert opro("resume", run.name, "--budget", "calls=none").code == 0
    assert {request.stop for request in model.requests} == {("\nQ:",), ("a", "#")}
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("- '#'", "- '##'"))
    (run / "result.json").unlink()
    said = opro("resume", run.name)
    assert "optimizer.stop: ['a', '#'] → ['a', '##']" in said.err


def test_speed_settings_may_change_between_sessions(opro: Opro, stopped: Path) -> None:
    config = stopped / "config.yaml"
    config.write_text(config.read_text().replace("concurrency: 32", "concurrency: 2"))
    assert opro("resume", "--last").code == 0


def test_a_resume_tells_when_the_original_config_was_edited(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    model._say = lambda r: say(r) if len(model.requests) < 9 else ModelError("x", transient=False)
    opro("optimize", "c.yaml")
    model._say = say
    (folder / "c.yaml").write_text(CONFIG.replace("steps: 2", "steps: 5"))
    said = opro("resume", "--last")
    assert said.code == 0
    assert "was edited since (search.steps); this run keeps its own copy" in said.err


def test_labels_read_off_the_data_are_no_edit_and_others_are(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    rows = [{"question": f"Film {n}?", "answer": "yes" if n % 2 else "no"} for n in range(40)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = CONFIG.replace("answer: number", "answer: label")
    (folder / "c.yaml").write_text(config)
    model._say = lambda _: "yes" if len(model.requests) < 9 else ModelError("x", transient=False)
    assert opro("optimize", "c.yaml").code == 1
    assert "was edited since" not in opro("resume", "--last", "--keep-going").err
    given = config.replace("answer: label", 'answer: label\n  labels: ["yes", "no", "maybe"]')
    (folder / "c.yaml").write_text(given)
    said = opro("resume", "--last", "--keep-going")
    assert "was edited since (task.labels.maybe); this run keeps its own copy" in said.err


def test_runs_lists_and_shows_what_is_there(opro: Opro) -> None:
    empty = opro("runs")
    assert (empty.code, empty.out) == (0, "")
    assert "no runs in runs" in empty.err
    opro("optimize", "c.yaml")
    listed = opro("runs", "--json").data
    assert [run["status"] for run in listed] == ["finished"]
    assert listed[0]["steps_done"] == listed[0]["steps"] == 2
    assert "no gain" in opro("runs").out
    shown = opro("show", "sums", "--json").data
    assert shown["candidates"][0]["step"] == 0
    assert shown["candidates"][-1]["step"] == 2
    keys = {"instruction", "step", "leaks", "scores", "costs"}
    assert keys == set(shown["candidates"][0])
    assert "start (initial)" in opro("show", "sums").out


def test_the_newest_run_is_last_by_name_wherever_a_run_is_asked(opro: Opro, folder: Path) -> None:
    assert "no runs in runs" in opro("show", "@last").err
    opro("optimize", "c.yaml", "--name", "first")
    opro("optimize", "c.yaml", "--name", "second")
    assert opro("show", "@last", "--json").data["run"].startswith("second-")
    assert opro("show", "@last@start", "--answers", "--json").data["prompt"].endswith("@start")
    assert opro("diff", "first", "@last@start", "--json").data["after"]["run"].startswith("second-")
    assert opro("resume", "@last").code == 0
    assert opro("report", "@last").out.startswith("runs/second-")
    assert opro("tag", "@last", "kept").out.startswith("second-")
    assert opro("rm", "@last", "--yes").out.startswith("removed runs/second-")
    assert opro("show", "@last", "--json").data["run"].startswith("first-")


def test_a_tag_is_a_name_of_the_run_and_of_the_newest_of_several(opro: Opro) -> None:
    opro("optimize", "c.yaml", "--name", "first")
    opro("optimize", "c.yaml", "--name", "second")
    assert opro("tag", "first", "good", "v1.2").out.endswith(": good, v1.2\n")
    assert opro("show", "good", "--json").data["run"].startswith("first-")
    opro("tag", "second", "good")
    both = opro("show", "good", "--json")
    assert both.data["run"].startswith("second-")
    assert '"good" fits 2 runs; taking the newest' in both.err
    assert [row["tags"] for row in opro("runs", "--json").data] == [["good", "v1.2"], ["good"]]
    assert {"(good,", "v1.2)"} <= {*opro("runs").out.split()}
    assert len(opro("runs", "--tag", "v1.2", "--json").data) == 1
    assert opro("tag", "first", "--remove", "good").out.endswith(": v1.2\n")
    assert opro("show", "good", "--json").data["run"].startswith("second-")
    assert "has no tag 'good'" in opro("tag", "first", "--remove", "good").err
    assert "not a tag: '../x'" in opro("tag", "first", "../x").err


def test_runs_are_removed_once_somebody_says_yes_and_never_at_work(
    opro: Opro, folder: Path
) -> None:
    opro("optimize", "c.yaml")
    (run,) = (folder / "runs").glob("sums-*")
    asked = opro("rm", "sums")
    assert asked.code == 2
    assert "say --yes to go ahead" in asked.err
    with closing(FileJournal(run / "events.jsonl")):
        assert "another opro is working on this run" in opro("rm", "sums", "--yes").err
    assert run.is_dir()
    assert opro("rm", "sums", "sums", "--yes").out.count("removed") == 1
    assert not list((folder / "runs").glob("[!.]*"))
    assert not list((folder / "runs").glob(".making-*"))


@pytest.mark.parametrize("command", [["rm", "sums"], ["cache", "clear"]], ids=str)
def test_a_no_on_a_terminal_removes_nothing_and_is_no_failure(
    command: list[str], opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opro("optimize", "c.yaml")
    stdin = io.StringIO("n\n")
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    said = opro(*command)
    assert said.code == 0
    assert said.err.endswith("nothing was removed\n")
    assert only_run(folder).is_dir()


def test_runs_are_listed_in_an_order_and_by_outcome(opro: Opro) -> None:
    for steps in (0, 2, 1):
        opro("optimize", "c.yaml", "--name", f"s{steps}", "--steps", str(steps))

    def names(*options: str) -> list[str]:
        return [row["run"][:2] for row in opro("runs", *options, "--json").data]

    assert names() == ["s0", "s2", "s1"]
    assert names("--sort", "name") == ["s0", "s1", "s2"]
    assert names("-n", "1") == ["s1"]
    assert names("--status", "failed") == []
    assert "no such runs in runs" in opro("runs", "--status", "failed").err
    refused = opro("runs", "--status", "interrupted")
    assert (refused.code, "expected one of running, finished, stopped" in refused.err) == (2, True)
    rows = opro("runs", "--sort", "gain", "--json").data
    gains = [row["difference"]["mean"] for row in rows if row["difference"]]
    assert gains == sorted(gains)


def test_runs_can_live_elsewhere(opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPRO_RUNS_DIR", str(folder / "elsewhere"))
    opro("optimize", "c.yaml")
    assert len(list((folder / "elsewhere").glob("[!.]*"))) == 1
    assert opro("show", "sums").code == 0
    assert not (folder / "runs").exists()


def test_a_run_is_named_by_any_unambiguous_part(opro: Opro, folder: Path) -> None:
    opro("optimize", "c.yaml")
    opro("optimize", "c.yaml")
    ambiguous = opro("show", "sum")
    assert ambiguous.code == 2
    assert '"sum" fits 2 runs' in ambiguous.err
    run = sorted((folder / "runs").glob("[!.]*"))[0]
    for name in (
        run.name,
        run.name[-8:],
        run.name[-8:-1],
        run.name[-15:],
        str(run),
        f"runs/{run.name}/",
    ):
        assert opro("show", name, "--json").data["run"] == run.name
    assert 'no run called "nothing"' in opro("show", "nothing").err


def test_diff_shows_words_scores_flips_and_settings(opro: Opro, folder: Path) -> None:
    opro("optimize", "c.yaml")
    (folder / "c.yaml").write_text(CONFIG.replace("exemplars: 2}", "exemplars: 2, seed: 3}"))
    opro("optimize", "c.yaml")
    one, other = sorted((folder / "runs").glob("[!.]*"), key=lambda path: path.stat().st_ctime)
    said = opro("diff", one.name, other.name)
    assert said.code == 0
    assert "search.seed: 0 → 3" in said.out
    assert "shared questions" in said.out
    data = opro("diff", one.name, other.name, "--json").data
    assert data["settings"] == [{"path": "search.seed", "before": 0, "after": 3}]
    removed = [piece["text"] for piece in data["prompt"] if piece["kind"] == "removed"]
    for text in removed:
        assert f"[-{text}-]" in said.out


def test_check_asks_nothing_and_shows_the_first_prompts(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    said = opro("check", "c.yaml")
    assert (said.code, model.requests) == (0, [])
    assert "Q: Let's solve the problem." in said.out
    assert "Your task is to generate the instruction <INS>" in said.out
    facts = opro("check", "c.yaml", "--json").data
    assert facts["sizes"] == {"train": 6, "dev": 5, "test": 7}
    assert facts["calls_at_most"] == 1 + 2 * 3 + 7 * 6 + 6 * 5 + (2 + 3 + 1) * 7
    assert not (folder / "runs").exists()


def test_a_forecast_stays_within_the_budget(opro: Opro) -> None:
    facts = opro("check", "c.yaml", "--set", "budget.calls=50", "--json").data
    assert (facts["calls_expected"], facts["calls_at_most"]) == (50, 50)
    said = opro("check", "c.yaml", "--set", "budget.calls=50").out
    assert "at most 50, by budget.calls" in said
    assert "by budget" not in opro("check", "c.yaml", "--set", "budget.calls=5000").out
    costs = opro("optimize", "c.yaml", "--dry-run", "--budget", "calls=50", "--json").data
    assert [costs["total"][kind]["calls"] for kind in ("expected", "at_most")] == [50, 50]
    assert all(role["at_most"]["calls"] <= 50 for role in costs["roles"].values())
    assert "50 calls at most in all, by budget.calls" in costs["assumptions"]


def test_minutes_are_told_at_the_pace_of_an_earlier_run(opro: Opro, folder: Path) -> None:
    for command in (("check", "c.yaml"), ("optimize", "c.yaml", "--dry-run")):
        said = opro(*command)
        assert "told after the first answers" in " ".join(said.out.split())
        assert opro(*command, "--json").data["time"] is None
    opro("optimize", "c.yaml", "--plain")
    (run,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps({**result, "seconds": 42.0}))
    rate = result["spend"]["calls"] / 42
    facts = opro("check", "c.yaml", "--json").data
    assert facts["time"] == {
        "expected": round(facts["calls_expected"] / rate, 1),
        "at_most": round(facts["calls_at_most"] / rate, 1),
        "calls_per_second": round(rate, 3),
        "learnt_from": run.name,
    }
    costs = opro("optimize", "c.yaml", "--dry-run", "--json").data
    assert costs["time"] == facts["time"]
    assert facts["calls_expected"] == costs["total"]["expected"]["calls"]
    for command in (("check", "c.yaml"), ("optimize", "c.yaml", "--dry-run")):
        words = " ".join(opro(*command).out.split())
        assert f"at the {rate:.1f} calls/s of {run.name}" in words


def test_a_missing_key_is_named_before_anything_is_made(opro: Opro, folder: Path) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("scripted/scorer", "openai/gpt-4o-mini"))
    for command in ("optimize", "check"):
        said = opro(command, "c.yaml")
        assert said.code == 2
        assert "OPENAI_API_KEY is not set" in said.err
    assert not (folder / "runs").exists()


def test_bad_data_is_named_before_anything_is_made(opro: Opro, folder: Path) -> None:
    with (folder / "train.jsonl").open("a") as file:
        file.write('{"question": "no answer?"}\n')
    said = opro("optimize", "c.yaml")
    assert said.code == 2
    assert "train.jsonl:31" in said.err
    assert "answer" in said.err
    assert not (folder / "runs").exists()


def test_init_writes_a_config_that_checks(opro: Opro, folder: Path) -> None:
    said = opro("init")
    assert said.code == 0
    assert (folder / "data" / "bbh_navigate.jsonl").is_file()
    assert opro("check", "opro.yaml", "--json").data["name"] == "quickstart"
    assert opro("init").code == 0
    (folder / "opro.yaml").write_text("mine")
    refused = opro("init")
    assert refused.code == 2
    assert "is there already" in refused.err
    assert (folder / "opro.yaml").read_text() == "mine"


def test_init_knows_its_templates(opro: Opro) -> None:
    assert opro("init", "own.yaml", "--template", "own-data").code == 0
    said = opro("init", "x.yaml", "--template", "own-dta")
    assert said.code == 2
    assert "did you mean own-data?" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["optimise"], "No such command"),
        (["optimize"], "Missing argument"),
        (["optimize", "c.yaml", "--plian"], "No such option"),
        (["optimize", "none.yaml"], "cannot be read"),
        (["resume"], "name one run to resume, or say --last"),
        (["resume", "x", "--last"], "name one run"),
        (["resume", "--last"], "no runs in runs"),
        (["show", "runs"], "no run called"),
    ],
)
def test_a_wrong_command_is_a_sentence_and_exit_code_2(
    opro: Opro, arguments: list[str], words: str
) -> None:
    said = opro(*arguments)
    assert said.code == 2
    assert words in said.err
    assert said.err.startswith("opro: ")


def test_an_answer_of_python_code_runs_only_when_asked_for(opro: Opro, folder: Path) -> None:
    (folder / "mine.py").write_text(
        "def near(reply, target, question):\n    return 1.0 if target in reply else None\n"
    )
    (folder / "c.yaml").write_text(CONFIG.replace("answer: number", "answer: python:mine:near"))
    result = opro("optimize", "c.yaml", "--json").data
    assert result["best"]["scores"]["train"]["unreadable"] > 0
    (folder / "c.yaml").write_text(CONFIG.replace("answer: number", "answer: python:mine:far"))
    assert "has no far" in opro("optimize", "c.yaml").err


def test_no_steps_scores_the_start_prompt_alone(opro: Opro, folder: Path) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("steps: 2", "steps: 0"))
    result = opro("optimize", "c.yaml", "--json").data
    # On test the start prompt twice, and the three baselines.
    assert result["spend"]["calls"] == 6 + 5 + (2 + 3) * 7
    assert result["best"] == result["initial"]
    assert result["steps_done"] == 0
    shown = opro("show", "sums").out
    assert "\nno search was asked for (search.steps: 0)\n" in shown


def test_splits_of_nothing_are_left_out(opro: Opro, folder: Path) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("dev: 5, test: 7", "dev: 0, test: 0"))
    result = opro("optimize", "c.yaml", "--json").data
    assert result["best"]["scores"]["dev"] is None
    assert result["verdict"] is None
    assert result["chosen_by"] == "train"


def test_an_optimizer_that_proposes_nothing_is_told(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    def silent(request: Any) -> Any:
        text = request.messages[-1].content
        return "I cannot help." if "Your task is to generate" in text else say(request)

    model._say = silent
    said = opro("optimize", "c.yaml")
    assert said.code == 1
    assert said.out.splitlines()[0] == "no candidate was tried: 6 declined"
    assert 'the optimizer said: "I cannot help."' in said.out
    assert "hint: name another optimizer.model in the config" in said.err
    shown = opro("show", "sums", "--json").data
    assert shown["proposals"]["reasons"] == {"declined": 6}
    assert (shown["verdict"], shown["headline"]) == (None, "no candidate was tried")
    assert shown["best"]["scores"]["dev"] is None
    assert opro("show", "sums").out.count("no candidate was tried: 6 declined") == 1
    assert opro("report", "sums").code == 0
    page = (only_run(folder) / "report.html").read_text()
    assert "No candidate was tried: 6 declined" in page
    assert opro("runs", "--json").data[0]["status"] == "failed"
    assert opro("resume", "sums").code == 1


def test_a_search_that_tried_nothing_goes_on_with_more_tokens_and_steps(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    def thinking(request: Any) -> Any:
        is_cut = "Your task is to generate" in request.messages[-1].content
        return ChatReply("", "length", 5, 512, None) if is_cut else say(request)

    model._say = thinking
    said = opro("optimize", "c.yaml", "--json")
    assert said.code == 1
    assert said.data["verdict_sentence"] == (
        "no candidate was tried: 6 cut at optimizer.max_tokens (512)"
    )
    run = only_run(folder)
    assert "raise optimizer.max_tokens and search.steps" in said.err
    assert f"in runs/{run.name}/config.yaml, then resume with: opro resume {run.name}" in said.err
    model._say = say
    config = (run / "config.yaml").read_text()
    changed = config.replace("max_tokens: 512", "max_tokens: 4000").replace("steps: 2", "steps: 3")
    (run / "config.yaml").write_text(changed.replace("seed: 0", "seed: 1"))
    assert opro("resume", "sums").code == 2  # the seed is another matter
    (run / "config.yaml").write_text(config.replace("steps: 2", "steps: 1"))
    assert opro("resume", "sums").code == 2  # and so are fewer steps
    (run / "config.yaml").write_text(changed)
    model.requests.clear()
    resumed = opro("resume", "sums", "--json")
    assert (resumed.code, resumed.data["proposals"]["reasons"]["cut"]) == (0, 6)
    assert resumed.data["steps_done"] == 3
    asked = [r for r in model.requests if "Your task is to generate" in r.messages[-1].content]
    assert {request.max_tokens for request in asked} == {4000}
    assert opro("resume", "sums").err.startswith(f"{run.name} is finished")
    assert opro("show", "sums").code == 0


def test_a_search_that_tried_nothing_goes_on_without_a_limit_of_tokens(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    def thinking(request: Any) -> Any:
        is_cut = "Your task is to generate" in request.messages[-1].content
        return ChatReply("", "length", 5, 512, None) if is_cut else say(request)

    model._say = thinking
    assert opro("optimize", "c.yaml").code == 1
    config = only_run(folder) / "config.yaml"
    config.write_text(
        config.read_text()
        .replace("max_tokens: 512", "max_tokens: null")
        .replace("steps: 2", "steps: 3")
    )
    model._say = say
    model.requests.clear()
    assert opro("resume", "sums", "--json").code == 0
    asked = [r for r in model.requests if "Your task is to generate" in r.messages[-1].content]
    assert {request.max_tokens for request in asked} == {None}
