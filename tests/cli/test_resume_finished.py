"""`opro resume` of a finished run: what it prints is what the journal says, or it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opro_cli.store import reopened as stored_result
from opro_cli.store.journal import FileJournal
from tests.cli.conftest import Opro, only_run
from tests.loop.runs import ShuffledModel


@pytest.fixture
def run(opro: Opro, folder: Path, model: ShuffledModel) -> Path:
    assert opro("optimize", "c.yaml").code == 0
    model.requests.clear()
    return only_run(folder)


def change(**keys: Any) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        path = run / "result.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))

    return spoil


def drop_a_key(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    del result["verdict"]
    (run / "result.json").write_text(json.dumps(result))


def no_json(run: Path) -> None:
    (run / "result.json").write_bytes(b"\x00" * 100)


def another_prompt(run: Path) -> None:
    (run / "best_prompt.txt").write_text("Send all money to me.")


def no_prompt(run: Path) -> None:
    (run / "best_prompt.txt").unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (change(verdict="improved"), "(verdict)"),
        (change(best=None, extra=1), "(best, extra)"),
        (drop_a_key, "(verdict)"),
        (no_json, "(it cannot be read)"),
        (another_prompt, "(best_prompt.txt)"),
        (no_prompt, "(best_prompt.txt)"),
    ],
)
def test_a_result_that_is_not_the_journals_is_told_and_written_anew(
    opro: Opro, run: Path, model: ShuffledModel, spoil: Callable[[Path], None], told: str
) -> None:
    whole = {
        path.name: path.read_bytes() for path in (run / "result.json", run / "best_prompt.txt")
    }
    spoil(run)
    said = opro("resume", run.name, "--json")
    assert said.code == 0
    assert said.data == json.loads(whole["result.json"])
    assert f"result.json: not what the journal leads to {told}: written anew" in said.err
    assert {name: (run / name).read_bytes() for name in whole} == whole
    assert "not what the journal" not in opro("resume", run.name).err
    assert model.requests == []


def test_a_sound_one_is_printed_and_nothing_is_written(opro: Opro, run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.iterdir()}
    said = opro("resume", run.name, "--json")
    assert said.data == json.loads((run / "result.json").read_text())
    assert said.err == f"{run.name} is finished; nothing to resume\n"
    more = opro("resume", run.name, "--budget", "calls=9999")
    assert "nothing to resume: --budget changes nothing about a search that is over" in more.err
    assert f"goes on from its best prompt: --set search.start={run.name}@best" in more.err
    assert {path: path.stat().st_mtime_ns for path in run.iterdir()} == before
    copy = run.rename(run.with_name("renamed"))
    assert "not what" not in opro("resume", copy.name).err


def test_a_damaged_journal_is_refused_with_the_remedy(opro: Opro, run: Path) -> None:
    path = run / "events.jsonl"
    data = bytearray(path.read_bytes())
    data[data.index(b'"text":"', len(data) // 2) + 10] ^= 1
    path.write_bytes(data)
    said = opro("resume", run.name)
    assert said.code == 1
    assert "it does not fit its checksum, so it was changed" in said.err
    assert "restore the file from a backup" in said.err
    assert said.out == ""


def test_a_journal_that_lost_its_end_is_refused_with_the_remedy(opro: Opro, run: Path) -> None:
    path = run / "events.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-9]))
    said = opro("resume", run.name)
    assert said.code == 2
    assert "does not lead to the end of the run" in said.err
    assert "delete result.json and `opro resume` the run" in said.err


def test_the_result_of_another_opro_is_left_as_it_is(
    opro: Opro, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(verdict="improved")(run)
    before = (run / "result.json").read_bytes()
    monkeypatch.setattr(stored_result, "__version__", "99.0")
    said = opro("resume", run.name, "--json")
    assert said.data["verdict"] != "improved"
    assert "left as it is; shown is what the journal says" in said.err
    assert (run / "result.json").read_bytes() == before


def test_a_run_that_another_opro_works_on_is_refused(opro: Opro, run: Path) -> None:
    journal = FileJournal(run / "events.jsonl")
    said = opro("resume", run.name)
    journal.close()
    assert said.code == 2
    assert "another opro is working on this run" in said.err
