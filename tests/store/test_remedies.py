"""A refusal of a run or its journal always says what to do."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

import opro_cli
from opro_cli.core.run.events import SessionEnded
from opro_cli.errors import JournalError
from opro_cli.store.journal import encode_event, read_events

PACKAGE = Path(opro_cli.__file__).parent


def refusals(source: Path) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("JournalError", "ResultError", "RunError", "RunFolderError")
    ]


def test_every_refusal_of_a_run_or_its_journal_has_a_remedy() -> None:
    calls = [
        (source.name, call)
        for slice in ("config", "datasets", "models", "store")
        for source in (PACKAGE / slice).rglob("*.py")
        for call in refusals(source)
    ]
    assert len(calls) > 15
    without = [f"{name}:{call.lineno}" for name, call in calls if len(call.args) < 2]
    assert without == []


def test_the_command_that_mends_a_journal_works_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "it's a run" / "events.jsonl"
    journal.parent.mkdir()
    lines = [encode_event(SessionEnded(float(number), "interrupted")) for number in range(5)]
    lines[3] = b"damaged\n"
    journal.write_bytes(b"".join(lines))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JournalError) as damaged:
        list(read_events(Path("it's a run/events.jsonl")))
    command = str(damaged.value.hint).partition("keep what comes before (")[2]
    command = command.partition(") and resume")[0]
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    assert len(list(read_events(journal))) == 3
    assert [each.name for each in journal.parent.iterdir()] == ["events.jsonl"]
