"""Runs and sweeps on a model file that opro serves itself, by a fake of llama.cpp's server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.run.progress import Progress
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.task import TaskSettings
from opro_cli.models import describe_loading, gguf_plan, gguf_process
from opro_cli.render.frame_head import draw_notice
from tests.cli.conftest import Opro, only_run
from tests.gguf.made import LLAMA, write_gguf

CONFIG = """\
name: home
task:
  data:
    train: train.jsonl
    input: question
    target: answer
    split: {train: 3, dev: 3, test: 3}
  answer: contains
scorer: {model: gguf/m.gguf, concurrency: 2}
optimizer: {model: gguf/m.gguf, concurrency: 2}
search: {steps: 1, candidates_per_step: 2, exemplars: 1}
"""


@pytest.fixture(autouse=True)
def fake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake server, a config, and an xllamacpp that is found and must not be imported here."""
    monkeypatch.setattr(gguf_process, "MODULE", "tests.fakes.gguf_server")
    monkeypatch.setattr(gguf_plan, "is_installed", lambda: True)
    (folder / "found" / "xllamacpp").mkdir(parents=True)
    (folder / "found" / "xllamacpp" / "__init__.py").write_text("raise ImportError('imported')")
    monkeypatch.setenv("PYTHONPATH", str(folder / "found"))
    write_gguf(folder / "m.gguf")
    (folder / "home.yaml").write_text(CONFIG)


def replies(run: Path) -> Iterator[dict[str, Any]]:
    """What the fake said in a run, and the event's kind."""
    for line in (run / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        text = event.get("text") or ""
        if text.startswith('{"pid"'):
            facts = json.loads(text.partition("\n<INS>")[0])
            yield {**facts, "event": event["event"], "usd": event["usd"]}


def test_check_tells_the_file(opro: Opro, folder: Path) -> None:
    checked = opro("check", "home.yaml")
    assert checked.code == 0, checked.err
    words = "".join(checked.out.split())  # a long path is broken anywhere
    assert f"filegguf/{folder / 'm.gguf'},1MB,mostlyQ4_0,withachattemplate" in words
    (file,) = opro("check", "home.yaml", "--json").data["files"]
    assert (file["file"], file["problem"]) == (str(folder / "m.gguf"), None)


@pytest.mark.parametrize("command", ["check", "optimize"])
def test_a_file_that_cannot_be_served_is_told_before_anything_starts(
    command: str, opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (folder / "m.gguf").read_bytes()
    (folder / "m.gguf").write_bytes(whole[:-9])
    told = opro(command, "home.yaml")
    assert told.code == 2
    assert "m.gguf is cut" in told.err
    (folder / "m.gguf").unlink()
    assert "no such file" in opro(command, "home.yaml").err
    write_gguf(folder / "m.gguf")
    monkeypatch.setattr(gguf_plan, "is_installed", lambda: False)
    told = opro(command, "home.yaml")
    assert "hint: pip install 'opro-cli[gguf]'" in told.err
    assert not (folder / "runs").exists()


def test_both_roles_share_a_process_and_a_search_ends(opro: Opro, folder: Path) -> None:
    ran = opro("optimize", "home.yaml", "--plain")
    assert ran.code == 0, ran.err
    assert "m.gguf (1 MB, mostly Q4_0) is loaded at the first call" in ran.err
    said = list(replies(only_run(folder)))
    assert {each["event"] for each in said} >= {"answered", "proposed"}
    assert len({each["pid"] for each in said}) == 1
    assert {each["usd"] for each in said} == {0.0}
    again = opro("optimize", "home.yaml", "--plain", "--json")
    assert again.data["spend"]["cached_calls"] > 0  # answers are kept for other runs


def test_answers_are_kept_by_file_and_not_by_name(opro: Opro, folder: Path) -> None:
    opro("optimize", "home.yaml", "--plain")
    write_gguf(folder / "m.gguf", metadata={**LLAMA, "llama.context_length": 1024})
    again = opro("optimize", "home.yaml", "--plain", "--json")
    assert again.code == 0
    first, second = sorted((folder / "runs").glob("[!.]*"), key=lambda path: path.stat().st_mtime)
    assert not {r["pid"] for r in replies(first)} & {r["pid"] for r in replies(second)}


def test_a_run_resumes_only_with_the_file_that_it_began_with(opro: Opro, folder: Path) -> None:
    config = CONFIG + "budget: {calls: 3}\n"
    (folder / "home.yaml").write_text(config)
    assert opro("optimize", "home.yaml", "--plain").code == 3
    write_gguf(folder / "m.gguf", metadata={**LLAMA, "llama.context_length": 1024})
    refused = opro("resume", "--last", "--plain", "--budget", "calls=none")
    assert refused.code == 2
    assert "was begun with another file than gguf/" in refused.err
    write_gguf(folder / "m.gguf")
    assert opro("resume", "--last", "--plain", "--budget", "calls=none").code == 0


def test_an_evaluation_is_served_too(opro: Opro, folder: Path) -> None:
    asked = opro("eval", "home.yaml", "--prompt", "Be brief.", "--plain")
    assert asked.code == 0, asked.err


def test_the_cells_of_a_sweep_share_the_process_of_their_sweep(opro: Opro, folder: Path) -> None:
    (folder / "grid.yaml").write_text(
        "name: grid\nbase: home.yaml\nmatrix: {search.seed: [0, 1]}\n"
    )
    ran = opro("sweep", "grid.yaml", "--plain")
    assert ran.code == 0, ran.err
    assert "loading gguf/" in ran.err
    cells = [list(replies(folder / "runs" / "grid" / name)) for name in ("seed0", "seed1")]
    assert all(cells)
    assert len({each["pid"] for cell in cells for each in cell}) == 1


def test_a_cluster_is_refused(opro: Opro, folder: Path) -> None:
    (folder / "grid.yaml").write_text(
        "name: grid\nbase: home.yaml\nmatrix: {search.seed: [0, 1]}\n"
    )
    refused = opro("sweep", "grid.yaml", "--engine", "ray")
    assert refused.code == 2
    assert "is served on the sweep's own machine" in refused.err


def test_a_file_that_llama_cpp_refuses_ends_the_run_and_says_why(opro: Opro, folder: Path) -> None:
    write_gguf(folder / "broken.gguf")
    (folder / "home.yaml").write_text(CONFIG.replace("m.gguf", "broken.gguf"))
    refused = opro("optimize", "home.yaml", "--plain")
    assert refused.code == 1
    assert "error loading model: missing tensor" in refused.err


def test_the_view_tells_what_is_loaded() -> None:
    class Loading:
        name = "gguf/m.gguf"
        loading = "loading m.gguf (4.4 GB): 3 s"

    models: Any = {"scorer": [object()], "optimizer": [Loading()]}
    activity = Progress(loading=partial(describe_loading, models))
    state = RunState.at_start(
        SearchSettings(), {"train": (), "dev": (), "test": ()}, TaskSettings()
    )
    assert "loading m.gguf (4.4 GB): 3 s" in str(draw_notice(state, activity, 0.0, 80, {}))
    assert str(draw_notice(state, Progress(), 0.0, 80, {})) == ""
