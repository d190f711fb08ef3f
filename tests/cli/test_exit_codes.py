"""2 for what is wrong before there is a run, 1 for a run that exists and failed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError
from tests.cli.conftest import CONFIG, Opro, only_run
from tests.loop.runs import ShuffledModel, say

DOWN = ModelError("down", transient=False)
GRADE = "def grade(reply, target, question):\n    {body}\n"


def grade_with(folder: Path, body: str) -> None:
    """Let a function of the user's grade the answers."""
    (folder / "mine.py").write_text(GRADE.format(body=body))
    text = CONFIG.replace("answer: number", "answer: python:mine:grade")
    (folder / "c.yaml").write_text(text)


def the_run_failed(opro: Opro, folder: Path, *, code: int, said: str) -> None:
    """Check what a failed run leaves: exit code 1, the command to go on with, the status."""
    assert code == 1
    assert f"opro resume {only_run(folder).name}" in said
    (row,) = opro("runs", "--json").data
    assert row["status"] == "failed"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no')", "raised ValueError: no"),
        ("return 7", "returned 7"),
        ("import os; os._exit(3)", "ended the process that grades"),
    ],
)
def test_a_metric_that_fails_fails_the_run(opro: Opro, folder: Path, body: str, words: str) -> None:
    grade_with(folder, body)
    said = opro("optimize", "c.yaml")
    assert words in said.err
    the_run_failed(opro, folder, code=said.code, said=said.err)
    again = opro("resume", "--last")
    assert (again.code, words in again.err) == (1, True)


def read(request: ChatRequest) -> str:
    text = request.messages[-1].content
    return "" if "Your task is to generate" in text else text


def answering(reply: Any) -> Any:
    """Return what a model says that gives one reply to all questions."""
    return lambda r: reply if r.messages[-1].content.startswith("Q: ") else say(r)


def test_a_preflight_that_fails_fails_the_run(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    model._say = answering("I would rather not say.")
    said = opro("optimize", "c.yaml")
    assert "none of its first 6 answers could be read" in said.err
    assert "`--keep-going`" in said.err
    the_run_failed(opro, folder, code=said.code, said=said.err)


def test_an_evaluation_is_told_only_of_options_that_it_has(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    model._say = answering("I would rather not say.")
    said = opro("eval", "c.yaml", "-p", "Add.")
    assert said.code == 1
    assert "`--no-preflight` goes on all the same" in said.err
    assert "--keep-going" not in said.err


@pytest.mark.parametrize(
    ("reply", "words", "hint"),
    [
        (
            ModelError("400: filtered", transient=False, unanswerable=True),
            "refused the first 3",
            "`--no-preflight` goes on all the same; then start again: opro optimize c.yaml",
        ),
        (
            ModelError("401: bad key", "is it a good key?", transient=False),
            "401: bad key",
            "hint: is it a good key?; then start again: opro optimize c.yaml",
        ),
        (
            ModelError("404: no model", transient=False, about="config"),
            "404: no model",
            "hint: correct it in c.yaml and start again: opro optimize c.yaml",
        ),
        (
            ChatReply(" ", "stop", 1, 1, 0.0),
            "answered with an empty text",
            "; then start again: opro optimize c.yaml",
        ),
    ],
)
def test_a_run_that_fails_before_any_answer_leaves_nothing(
    opro: Opro, folder: Path, model: ShuffledModel, reply: Any, words: str, hint: str
) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("steps: 2", "steps: 0"))
    model._say = answering(reply) if isinstance(reply, ModelError) else lambda _: reply
    said = opro("optimize", "c.yaml")
    assert said.code == 1
    assert words in said.err
    assert hint in said.err
    assert "nothing was answered, so that no run is kept" in said.err
    assert "opro resume" not in said.err
    assert [path.name for path in (folder / "runs").iterdir()] == [".gitignore"]
    assert opro("runs", "--json").data == []


def no_such_model() -> ModelError:
    return ModelError("404: no model", "check the name", transient=False, about="config")


def test_a_model_that_has_answered_was_configured_rightly_and_a_resume_is_offered(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    """As it was found: a redirect after 32 answers, and the hint was to start anew."""
    model._say = lambda request: no_such_model() if len(model.requests) > 20 else say(request)
    said = opro("optimize", "c.yaml")
    resume = f"hint: check the name; then resume with: opro resume {only_run(folder).name}"
    assert resume in said.err
    assert "start again" not in said.err
    again = opro("resume", "--last")
    assert (again.code, resume in again.err) == (1, True)
    model._say = say
    assert opro("resume", "--last").code == 0


def test_a_run_with_answers_is_kept_and_a_refusal_of_the_config_offers_no_resume(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    """It is the other model that answers."""
    model._say = lambda request: say(request) if "Q: " in read(request) else no_such_model()
    hint = "hint: check the name; then correct it in {} and start again: opro optimize {}"
    said = opro("optimize", "c.yaml")
    assert hint.format("c.yaml", "c.yaml") in said.err
    assert only_run(folder).is_dir()
    again = opro("resume", "--last")
    source = folder / "c.yaml"
    assert hint.format(source, source) in again.err
    assert "opro resume" not in again.err


def test_a_run_that_was_stopped_before_any_answer_is_kept(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    (folder / "c.yaml").write_text(CONFIG + "budget: {calls: 1}\n")
    model._say = lambda _: ModelError("down", transient=True, maybe_billed=True)
    said = opro("optimize", "c.yaml")
    assert said.code == 3
    assert only_run(folder).is_dir()


def test_programs_learn_which_run_has_failed(opro: Opro, folder: Path) -> None:
    grade_with(folder, "raise ValueError('no')")
    said = opro("optimize", "c.yaml", "--json")
    error = json.loads(said.err.splitlines()[-1])["error"]
    run = only_run(folder)
    assert (said.out, error["exit_code"], error["where"]) == ("", 1, f"runs/{run.name}")
    assert f"opro resume {run.name}" in error["hint"]


def test_an_evaluation_whose_metric_fails_has_failed(opro: Opro, folder: Path) -> None:
    grade_with(folder, "raise ValueError('no')")
    assert opro("eval", "c.yaml", "-p", "Count.").code == 1


def test_a_result_that_cannot_be_written_is_no_wrong_usage(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    model._say = lambda request: say(request) if len(model.requests) < 20 else DOWN
    assert opro("optimize", "c.yaml").code == 1
    model._say = say
    result = only_run(folder) / "result.json"
    result.unlink()
    result.mkdir()
    said = opro("resume", "--last")
    assert said.code == 1
    assert "cannot write the result" in said.err
    result.rmdir()
    assert opro("resume", "--last").code == 0


@pytest.mark.parametrize("command", [("optimize", "c.yaml"), ("eval", "c.yaml", "-p", "x")])
def test_what_is_wrong_before_a_run_exists_leaves_none(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OPRO_CACHE_MB", "lots")
    said = opro(*command)
    assert (said.code, "OPRO_CACHE_MB" in said.err) == (2, True)
    assert not (folder / "runs").exists()
    assert opro(*command, "--no-cache").code == 0


def test_a_metric_that_is_gone_refuses_the_resume_before_it_begins(
    opro: Opro, folder: Path, model: ShuffledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    grade_with(folder, "return float(target in reply)")
    model._say = lambda request: say(request) if len(model.requests) < 20 else DOWN
    assert opro("optimize", "c.yaml").code == 1
    journal = only_run(folder) / "events.jsonl"
    before = journal.read_bytes()
    (folder / "mine.py").unlink()
    (folder / "other").mkdir()
    run = only_run(folder)
    monkeypatch.chdir(folder / "other")  # what was imported from here is remembered by folder
    said = opro("resume", str(run))
    assert (said.code, "importing mine failed" in said.err) == (2, True)
    assert journal.read_bytes() == before


def run_in_shell(command: str) -> subprocess.CompletedProcess[str]:
    opro = f"{shlex.quote(sys.executable)} -m opro_cli"
    line = command.replace("opro", opro, 1)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["opro runs --json", "opro schema", "opro docs config"])
def test_a_full_disk_behind_stdout_is_no_defect(command: str, folder: Path) -> None:
    del folder  # the current one
    ran = run_in_shell(f"{command} > /dev/full")
    assert ran.returncode == 1
    assert "the output cannot be written: No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "defect" not in ran.stderr


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_defect(streams: str, folder: Path) -> None:
    ran = run_in_shell(f"opro runs --runs-dir {folder} {streams}")
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr


def test_show_report_and_watch_say_why_a_run_failed(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    def failing(request: Any) -> Any:
        if len(model.requests) > 20:
            return ModelError("401: bad key", "is it a good key?", transient=False)
        return say(request)

    model._say = failing
    assert opro("optimize", "c.yaml").code == 1
    run = only_run(folder)
    shown = opro("show", run.name).out
    assert "no verdict: 401: bad key" in shown
    assert "hint: is it a good key?" in shown
    failure = {"reason": "401: bad key", "hint": "is it a good key?"}
    assert opro("show", run.name, "--json").data["failure"] == failure
    watched = opro("watch", run.name, "--plain").err
    assert "failed: 401: bad key; nothing answered is lost" in watched
    assert "hint: is it a good key?" in watched
    assert opro("report", run.name).code == 0
    page = (run / "report.html").read_text()
    assert "The run failed: 401: bad key." in page
    assert "Remedy: is it a good key?<" in page
    model._say = say
    assert opro("resume", "--last").code == 0
    assert "failure" not in opro("show", run.name, "--json").data


def test_ctrl_c_while_a_command_starts_says_a_line(
    opro: Opro, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("opro_cli.app.session.work_on", interrupt)
    said = opro("optimize", "c.yaml")
    assert said.code == 130
    assert "stopped; nothing answered is lost. resume with: opro resume sums-" in said.err
    monkeypatch.setattr("opro_cli.wiring.read_partly", interrupt)
    said = opro("check", "c.yaml")
    assert (said.code, said.err) == (130, "interrupted\n")
