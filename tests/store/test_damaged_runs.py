"""Whole run folders with something wrong in them: always a sentence that says what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from opro_cli.errors import JournalError, OproError, RunFolderError
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result, serialize_candidates, summarize_run
from opro_cli.store.run_folder import read_run, write_result
from tests.store.conftest import Opro, copy_of, cut_off, unfinished_copy
from tests.store.journals import follow

NEEDED = ("run.json", "examples.jsonl", "events.jsonl")


@pytest.fixture(params=[1, 2])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A whole recorded run of an old opro."""
    return copy_of(request.param, tmp_path / "runs")


def open_and_report(folder: Path) -> OproError | None:
    """Do with a run what the commands do; the refusal, which must say what to do."""
    refusal: OproError
    try:
        run = read_run(folder)
    except OproError as error:
        refusal = error
    else:
        report(run)
        return None
    assert refusal.hint, refusal.message
    return refusal


def report(run: RecordedRun) -> None:
    build_result(run, finished=run.status == "finished")
    serialize_candidates(run.state)
    summarize_run(run)


def cuts(whole: bytes, step: int) -> Iterator[bytes]:
    for end in range(0, len(whole) - 1, step):
        yield whole[:end]


def with_changed_bytes(whole: bytes, step: int) -> Iterator[bytes]:
    for place in range(0, len(whole), step):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 7
        yield bytes(changed)


@pytest.mark.parametrize("name", ["run.json", "examples.jsonl"])
def test_a_file_cut_at_any_byte_is_refused_by_name(folder: Path, name: str) -> None:
    path = folder / name
    for cut in cuts(path.read_bytes(), step=1):
        path.write_bytes(cut)
        refusal = open_and_report(folder)
        assert isinstance(refusal, RunFolderError)
        assert str(path) in refusal.message


def test_a_finished_run_whose_journal_was_cut_is_refused(folder: Path) -> None:
    path = folder / "events.jsonl"
    for cut in cuts(path.read_bytes(), step=101):
        path.write_bytes(cut)
        refusal = open_and_report(folder)
        assert isinstance(refusal, RunFolderError)
        assert "events.jsonl: does not lead to the end of the run" in refusal.message
        assert "delete result.json" in str(refusal.hint)


def test_a_run_whose_journal_was_cut_by_a_crash_opens(folder: Path) -> None:
    (folder / "result.json").unlink()
    path = folder / "events.jsonl"
    for cut in cuts(path.read_bytes(), step=101):
        path.write_bytes(cut)
        assert open_and_report(folder) is None


@pytest.mark.parametrize(
    ("name", "step"), [("run.json", 2), ("examples.jsonl", 3), ("events.jsonl", 31)]
)
def test_a_changed_byte_ends_in_a_sentence_or_in_nothing(
    folder: Path, name: str, step: int
) -> None:
    path = folder / name
    for changed in with_changed_bytes(path.read_bytes(), step):
        path.write_bytes(changed)
        open_and_report(folder)


def test_changed_settings_in_the_identity_of_a_new_run_are_refused(folder: Path) -> None:
    path = folder / "run.json"
    identity = json.loads(path.read_bytes())
    from opro_cli.store.run_files import fingerprint_settings

    identity["config_fingerprint"] = fingerprint_settings(identity["settings"])
    path.write_text(json.dumps(identity))
    assert open_and_report(folder) is None
    identity["settings"]["search"]["steps"] = 3
    path.write_text(json.dumps(identity))
    refusal = open_and_report(folder)
    assert refusal is not None
    assert "run.json: not the settings that the run began with" in refusal.message


def test_a_line_that_is_there_twice_is_refused_by_number(folder: Path) -> None:
    path = folder / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        path.write_bytes(b"".join([*lines[:number], line, *lines[number:]]))
        refusal = open_and_report(folder)
        if b'"session_' in line:  # tells when processes worked, and decides nothing
            assert refusal is None
            continue
        assert isinstance(refusal, JournalError)
        assert f"events.jsonl:{number + 1}: cannot follow what is before it" in refusal.message
    (folder / "result.json").unlink()
    path.write_bytes(b"".join([*lines[:-1], lines[-2]]))
    refusal = open_and_report(folder)
    assert refusal is not None
    follow(refusal, folder)
    assert open_and_report(folder) is None


@pytest.mark.parametrize("damage", ["missing", "empty", "nuls", "garbage"])
@pytest.mark.parametrize("name", [*NEEDED, "config.yaml", "result.json", "best_prompt.txt"])
def test_every_command_says_what_to_do_about_a_damaged_file(
    folder: Path, opro: Opro, name: str, damage: str
) -> None:
    runs_dir = folder.parent
    damage_file(folder / name, damage)
    shown = opro("show", folder, "--runs-dir", runs_dir)
    listing = opro("runs", "--runs-dir", runs_dir)
    compared = opro("diff", folder, folder, "--runs-dir", runs_dir)
    assert listing.code == 0
    if name in NEEDED:
        assert shown.code == compared.code != 0
        assert name in shown.err
        assert "left out: " in listing.err
    else:
        assert shown.code == compared.code == 0
        assert folder.name in listing.out


@pytest.mark.parametrize("damage", ["missing", "empty", "nuls", "garbage"])
@pytest.mark.parametrize("name", [*NEEDED, "config.yaml"])
def test_nothing_is_asked_of_a_model_for_a_damaged_run(
    tmp_path: Path, opro: Opro, name: str, damage: str
) -> None:
    folder = unfinished_copy(tmp_path / "runs", events=20)
    if (name, damage) == ("events.jsonl", "empty"):
        return  # what a run looks like before its first event
    if (name, damage) == ("config.yaml", "missing"):
        return  # not needed, see below
    damage_file(folder / name, damage)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    said = opro("resume", folder, "--plain")
    assert said.code in (1, 2)
    assert name in said.err
    assert {path: path.read_bytes() for path in before} == before


def test_a_run_without_its_config_goes_on_as_it_began(tmp_path: Path, opro: Opro) -> None:
    folder = unfinished_copy(tmp_path / "runs", events=20)
    config = folder / "config.yaml"
    config.write_text("")
    said = opro("resume", folder, "--plain")
    assert f"delete {config} to go on as the run began" in said.err
    config.unlink()
    said = opro("resume", folder, "--plain")
    assert said.code == 0
    assert "config.yaml is missing from the run folder: going on as the run began" in said.err


@pytest.mark.parametrize("has_config", [True, False])
def test_a_run_of_before_each_role_had_its_model_is_shown_and_not_gone_on_with(
    tmp_path: Path, opro: Opro, has_config: bool
) -> None:
    folder = copy_of(2, tmp_path / "runs")
    cut_off(folder, 20)
    if not has_config:
        (folder / "config.yaml").unlink()
    for command in ("show", "watch", "report"):
        assert opro(command, folder).code == 0
    assert opro("diff", folder, f"{folder}@start").code == 0
    said = opro("resume", folder, "--plain")
    assert said.code == 2
    assert (
        "optimizer.model: expected embedded/tiny-optimizer, the embedded model that proposes "
        "instructions, found embedded/tiny-mistral"
    ) in said.err
    assert "start a new run" in said.err


def test_a_journal_of_fewer_calls_than_its_result_counts_is_refused(
    tmp_path: Path, opro: Opro
) -> None:
    folder = unfinished_copy(tmp_path / "runs", events=20)
    recorded = {"status": "stopped", "spend": {"calls": 20}}
    (folder / "result.json").write_text(json.dumps(recorded))
    said = opro("resume", folder, "--plain")
    assert "events.jsonl: has 19 calls, and result.json counts 20: a part of it" in said.err
    assert "copy the whole run folder again" in said.err
    recorded["spend"] = {"calls": 19}
    (folder / "result.json").write_text(json.dumps(recorded))
    assert opro("resume", folder, "--plain").code == 0


def damage_file(path: Path, damage: str) -> None:
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "nuls":
            path.write_bytes(b"\x00" * path.stat().st_size)
        case "garbage":
            path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xff\n")


def test_a_run_without_its_identity_is_not_passed_over(tmp_path: Path, opro: Opro) -> None:
    whole = copy_of(1, tmp_path / "runs")
    damaged = copy_of(2, tmp_path / "runs")
    (damaged / "run.json").unlink()
    (damaged / "result.json").unlink()
    said = opro("runs", "--runs-dir", tmp_path / "runs")
    assert whole.name in said.out
    assert damaged.name in said.err
    said = opro("resume", "--last", "--runs-dir", tmp_path / "runs")
    assert f"{damaged.name}/run.json: cannot be read: No such file" in said.err


def test_a_result_that_is_half_there_is_made_again(tmp_path: Path) -> None:
    folder = copy_of(1, tmp_path / "runs")
    whole = (folder / "result.json").read_bytes()
    (folder / "result.json").write_bytes(whole[:100])
    run = read_run(folder)
    assert run.status == "finished"
    write_result(folder, build_result(run, finished=True), "x")
    assert json.loads((folder / "result.json").read_bytes())["status"] == "finished"


@pytest.mark.parametrize("events", [1, 21, 60])  # 20 would part the choices of one call
def test_what_a_crash_left_is_gone_on_with_to_the_same_result(
    tmp_path: Path, opro_process: Opro, events: int
) -> None:
    whole = unfinished_copy(tmp_path / "whole", events=1)
    assert opro_process("resume", whole, "--plain").code == 0
    folder = shutil.copytree(whole, tmp_path / "runs" / whole.name)
    cut_off(folder, events)
    shutil.copytree(folder, tmp_path / "torn")
    with (folder / "events.jsonl").open("ab") as file:
        file.write('{"event":"answered","text":"grö'.encode()[:-1] + b"\x00" * 3000)
    said = opro_process("resume", folder, "--plain")
    assert said.code == 0, said.err
    result, expected = (
        json.loads((place / "result.json").read_bytes()) for place in (folder, whole)
    )
    for key in ("status", "initial", "best", "verdict"):
        assert json.dumps(strip(result[key])) == json.dumps(strip(expected[key]))
    assert opro_process("show", folder).code == 0


def strip(said: object) -> object:
    """Without what a later opro says more."""
    if isinstance(said, dict):
        more = ("refused", "leaks")
        return {key: strip(value) for key, value in said.items() if key not in more}
    return said
