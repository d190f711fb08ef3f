"""What every TestLedger promises (`opro_cli.ports.TestLedger`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from opro_cli import ports
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.stats.spending import MOST
from opro_cli.store.use_ledger import FileTestLedger, UseOrigin
from opro_cli.sweep.cells import LentUse

START, WINNER = Candidate("a", "Add.", 0), Candidate("b", "Count.", 1)
ROWS = ["r1", "r2", "r3"]

Make = Callable[[Path], ports.TestLedger]


def in_a_file(folder: Path) -> ports.TestLedger:
    return FileTestLedger(folder / "ledger.jsonl", UseOrigin("id", "run", "rows.jsonl"))


def in_no_file(folder: Path) -> ports.TestLedger:
    """Where its file should be there is a folder."""
    return FileTestLedger(folder, UseOrigin("id", "run", "rows.jsonl"))


def lent(folder: Path) -> ports.TestLedger:
    return LentUse(asdict(in_a_file(folder).draw(START, WINNER, ROWS)))


@pytest.mark.parametrize("make", [in_a_file, in_no_file, lent])
def test_a_use_has_a_level_and_is_drawn_once(make: Make, tmp_path: Path) -> None:
    ledger = make(tmp_path)
    drawn = ledger.draw(START, WINNER, ROWS)
    assert 0 < drawn.level <= MOST
    assert drawn.number >= 1
    assert drawn.use
    again = ledger.draw(START, WINNER, ROWS)
    assert (again.use, again.number, again.level) == (drawn.use, drawn.number, drawn.level)


@pytest.mark.parametrize("make", [in_a_file, in_no_file, lent])
def test_a_use_is_closed_as_often_as_one_likes(make: Make, tmp_path: Path) -> None:
    ledger = make(tmp_path)
    use = ledger.draw(START, WINNER, ROWS).use
    for _ in range(2):
        note = ledger.close(use, "improved", "answers", repeats=False)
        assert bool(note) == (make is in_no_file)
    assert ledger.close("nobody", "worse", "", repeats=True) == "" or make is in_no_file
