"""A refusal of a run or its journal always says what to do."""

from __future__ import annotations

import ast
from pathlib import Path

import opro_cli

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
