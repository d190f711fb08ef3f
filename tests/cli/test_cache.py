"""`opro cache`, `cache:` and `--no-cache`, on models that answer by rule."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from opro_cli import wiring
from opro_cli.core.settings.differences import OPERATIONAL
from opro_cli.store import answer_cache
from opro_cli.store.answer_cache import open_caches
from opro_cli.store.answer_file import find_cache_path
from tests.cli.conftest import CONFIG, Opro, only_run
from tests.loop.runs import ShuffledModel


@pytest.fixture(autouse=True)
def path(cache_of_its_own: None) -> Path:
    return find_cache_path()


@pytest.fixture(autouse=True)
def test_is_asked(folder: Path) -> None:
    """A run whose start prompt wins asks its test questions, too."""
    text = (folder / "c.yaml").read_text("utf-8")
    (folder / "c.yaml").write_text(text.replace("steps: 2", "steps: 2, test_unbeaten_start: true"))


def scored(model: ShuffledModel) -> int:
    """Questions that the scorer was asked."""
    return sum("generate" not in text and "?" in text for text, _ in model.asked().elements())


def test_info_tells_what_is_kept(opro: Opro, folder: Path, path: Path) -> None:
    empty = opro("cache", "info", "--json").data
    assert empty == {
        "format_version": 1,
        "path": str(path),
        "answers": 0,
        "bytes": 0,
        "limit_bytes": 2**30,
        "oldest": None,
        "newest": None,
        "by_model": {},
    }
    result = opro("optimize", "c.yaml", "--json").data
    told = opro("cache", "info", "--json").data
    # All calls but the tiny one and six proposals.
    assert told["answers"] == result["spend"]["calls"] - 1 - 6
    assert told["by_model"] == {"scripted/scorer": told["answers"]}
    assert told["bytes"] >= path.stat().st_size > 0
    assert told["oldest"][:4] == told["newest"][:4] >= "2024"
    shown = opro("cache", "info").out
    assert f"answers  {told['answers']}" in shown
    assert "of at most 1,024.0 MB" in shown
    assert "scripted/scorer" in shown
    assert opro("cache").code == 0


def test_clear_removes_all_answers(
    opro: Opro, folder: Path, path: Path, model: ShuffledModel
) -> None:
    assert "removed 0 answers, 0.0 MB" in opro("cache", "clear").out
    opro("optimize", "c.yaml")
    answers = opro("cache", "info", "--json").data["answers"]
    model.requests.clear()
    opro("optimize", "c.yaml")
    assert scored(model) == 7  # the start prompt on test, which is never taken from the cache
    said = opro("cache", "clear")
    assert said.out.startswith(f"removed {answers} answers, 0.")
    assert opro("cache", "info", "--json").data["answers"] == 0
    model.requests.clear()
    opro("optimize", "c.yaml")
    assert scored(model) == answers


def test_a_damaged_file_is_told_and_removed(opro: Opro, folder: Path, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 5000)
    run = opro("optimize", "c.yaml")
    assert run.code == 0
    told = f"no answer cache: {path} is damaged; `opro cache clear` removes it"
    assert run.err.count(told) == 1
    assert opro("cache", "info").code == 2
    assert "removed an unusable file" in opro("cache", "clear").out
    assert not path.exists()


def test_a_file_that_fails_under_way_is_told_at_the_end(
    opro: Opro, folder: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(answer_cache, "shrink", refused)
    run = opro("optimize", "c.yaml")
    assert run.code == 0
    assert run.err.splitlines()[-1] == f"no answer cache: {path}: disk I/O error"


def test_a_bad_limit_is_told(opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPRO_CACHE_MB", "lots")
    for command in (("optimize", "c.yaml"), ("cache", "info")):
        said = opro(*command)
        assert said.code == 2
        assert "OPRO_CACHE_MB: expected a whole number of megabytes above 0" in said.err


@pytest.mark.parametrize("way", ["flag", "config"])
def test_a_run_can_do_without(
    opro: Opro, folder: Path, path: Path, model: ShuffledModel, way: str
) -> None:
    arguments = ["optimize", "c.yaml"]
    if way == "config":
        text = CONFIG.replace("scorer}", "scorer, cache: false}")
        (folder / "c.yaml").write_text(text.replace("optimizer}", "optimizer, cache: false}"))
    else:
        arguments.append("--no-cache")
    asked = []
    for _ in range(2):
        model.requests.clear()
        assert opro(*arguments).code == 0
        asked.append(scored(model))
    assert asked[0] == asked[1] > 50
    assert not path.exists()


SHORT = ("c.yaml", "--set", "search.racing=false")
"""A run that a ceiling of calls stops, in place of one that is laid out by it."""


def test_a_run_that_was_begun_without_goes_on_without(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    """A script that resumes it knows nothing of how it was begun."""
    opro("optimize", "c.yaml")
    (first,) = (folder / "runs").glob("sums-*")
    kept = opro("cache", "info", "--json").data["answers"]
    assert opro("optimize", *SHORT, "--budget", "calls=20", "--no-cache").code == 3
    (run,) = {*(folder / "runs").glob("sums-*")} - {first}
    assert json.loads((run / "run.json").read_text())["cached"] is False
    assert "cached" not in json.loads((first / "run.json").read_text())
    assert opro("resume", run.name, "--budget", "calls=none").code == 0
    events = (run / "events.jsonl").read_text().splitlines()
    assert {json.loads(line).get("via") for line in events} <= {None, "call"}
    assert opro("cache", "info", "--json").data["answers"] == kept


def test_a_session_without_the_cache_says_so_in_the_command_that_goes_on(
    opro: Opro, folder: Path
) -> None:
    for budget, flags in ((15, ()), (20, ("--no-cache",))):
        command = ("resume", "--last") if flags else ("optimize", *SHORT)
        said = opro(*command, "--budget", f"calls={budget}", *flags)
        assert said.code == 3
        assert ("--no-cache" in said.err) == bool(flags), said.err


def test_a_warmer_run_uses_the_cache_when_asked_to(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    warm = CONFIG.replace("scorer}", "scorer, temperature: 0.7}")
    for text, again in ((warm, True), (warm.replace("0.7", "0.7, cache: true"), False)):
        (folder / "c.yaml").write_text(text)
        opro("optimize", "c.yaml")
        model.requests.clear()
        opro("optimize", "c.yaml")
        assert (scored(model) > 5 * 7) == again


def test_eval_shares_the_answers(opro: Opro, folder: Path, model: ShuffledModel) -> None:
    opro("optimize", "c.yaml")
    model.requests.clear()
    start = ("eval", "c.yaml", "-p", "Let's solve the problem.", "--json")
    (first,) = opro(*start).data
    assert scored(model) == 0
    (second,) = opro(*start, "--no-cache", "--runs-dir", "other").data
    assert scored(model) == 7
    assert first.pop("asked") is None  # by another run, nobody knows when
    assert second.pop("asked")
    assert first == second


def test_prompts_that_are_compared_are_all_asked_anew(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    opro("optimize", "c.yaml")
    model.requests.clear()
    pair = ("eval", "c.yaml", "-p", "Let's solve the problem.", "-p", "Add.", "--json")
    first, second = opro(*pair).data
    assert scored(model) == 2 * 7
    assert (first["asked_with_first"], second["asked_with_first"]) == (None, True)
    assert first["asked"] == second["asked"]


def test_the_embedded_models_are_never_cached(opro: Opro, folder: Path, path: Path) -> None:
    text = CONFIG.replace("scripted/scorer", "embedded/tiny-mistral")
    (folder / "c.yaml").write_text(text.replace("optimizer}", "optimizer, cache: true}"))
    caches = open_caches(wiring.read_config(folder / "c.yaml"))
    assert caches.keys() == {"optimizer"}
    caches["optimizer"].close()
    text = text.replace("scripted/optimizer", "embedded/tiny-optimizer")
    (folder / "c.yaml").write_text(text)
    path.unlink()
    assert open_caches(wiring.read_config(folder / "c.yaml")) == {}
    assert not path.exists()


def test_the_cache_may_change_in_a_run(opro: Opro, folder: Path, model: ShuffledModel) -> None:
    assert {"scorer.cache", "optimizer.cache"} < set(OPERATIONAL)
    (folder / "c.yaml").write_text(CONFIG + "budget: {calls: 30}\n")
    assert opro("optimize", "c.yaml", "--set", "search.racing=false").code == 3
    config = only_run(folder) / "config.yaml"
    config.write_text(config.read_text().replace("cache: null", "cache: false"))
    assert opro("resume", "--last", "--budget", "calls=none", "--json").code == 0
    events = (only_run(folder) / "events.jsonl").read_text().splitlines()
    assert {json.loads(line).get("via") for line in events} <= {None, "call"}
