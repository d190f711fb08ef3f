"""Cells of one sweep on the same data share one use of its test rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from opro_cli.app.ledger import open_test_ledger
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.uses import Use
from opro_cli.store.ledger_file import read_ledger
from opro_cli.store.run_folder import read_run
from opro_cli.store.use_ledger import FileTestLedger, UseOrigin, find_ledger_path
from opro_cli.sweep.cells import LentUse, lend_use, plan_uses, settle_use
from opro_cli.sweep.file import SweepCell
from tests.store.conftest import copy_of
from tests.sweep.sweeps import cells_at

START, WINNER = Candidate("a", "Add.", 0), Candidate("b", "Count.", 1)
ROWS = ["r1", "r2", "r3"]


def test_cells_are_counted_by_their_data(tmp_path: Path) -> None:
    cells = cells_at(tmp_path, "http://127.0.0.1:9", "name: grid\nmatrix: {search.seed: 0..1}\n")
    one, other = plan_uses(cells, "id").values()
    assert one == other == {"group": one["group"], "sharers": 2}
    task = cells[1].settings.task
    moved = replace(task, data=replace(task.data, test="other.jsonl"))
    apart = SweepCell(cells[1].cell, replace(cells[1].settings, task=moved))
    first, second = plan_uses((cells[0], apart), "id").values()
    assert first["sharers"] == second["sharers"] == 1
    assert first["group"] != second["group"]
    # With more cells than before it is another use, and so it is in another folder.
    assert plan_uses(cells[:1], "id")[cells[0].name]["group"] != one["group"]
    assert plan_uses(cells, "other")[cells[0].name]["group"] != one["group"]
    named = plan_uses(cells, "id", tmp_path / "l.jsonl")
    assert named[cells[0].name]["ledger"] == str(tmp_path / "l.jsonl")


def test_they_draw_one_number_and_a_part_of_its_level_each() -> None:
    path = find_ledger_path()
    FileTestLedger(path, UseOrigin("before", "before", "d")).draw(START, WINNER, ROWS)
    drawn = []
    for name in ("c1", "c2"):
        ledger = FileTestLedger(path, UseOrigin(name, name, "d", "grid-0-2", 2))
        drawn.append(ledger.draw(START, WINNER, ROWS))
        FileTestLedger(path, UseOrigin(f"by {name}", "", "d")).draw(START, WINNER, ROWS)
    assert [(each.number, each.sharers) for each in drawn] == [(2, 2), (2, 2)]
    assert [each.level for each in drawn] == [0.05 / 6 / 2] * 2


def test_a_cell_that_is_away_has_the_use_that_was_drawn_for_it(tmp_path: Path) -> None:
    folder = copy_of(8, tmp_path)
    journal = folder / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    (at,) = [n for n, line in enumerate(lines) if b'"test_used"' in line]
    (folder / "result.json").unlink()
    (folder / "snapshot.msgpack").unlink(missing_ok=True)
    journal.write_bytes(b"".join(lines[:at]))
    lent = lend_use(folder)
    assert (lent["number"], lent["level"]) == (1, 0.025)
    assert lend_use(folder) == lent  # lent again after a kill
    assert LentUse(json.loads(json.dumps(lent))).draw(START, WINNER, ROWS).use == lent["use"]
    settle_use(folder, lent)  # it stopped before its test, and may go on
    ledger = open_test_ledger(read_run(folder))
    assert [use.outcome for use in read_uses(ledger)] == [""]
    journal.write_bytes(b"".join(lines))
    settle_use(folder, lent)
    assert [use.outcome for use in read_uses(ledger)] == ["not_distinguishable"]
    assert lend_use(folder) == {}


def read_uses(ledger: FileTestLedger) -> list[Use]:
    return read_ledger(ledger.path).list_uses()
