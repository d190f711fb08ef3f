"""A sweep followed while another process works on it: on a clock that only sleeping moves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from opro_cli.app.watch_sweep import POLL, WatchedSweep
from opro_cli.core.run.events import SessionEnded
from opro_cli.core.sweep import Cell, CellRow, SweepTable
from opro_cli.store.sweep_folder import hold_sweep, write_sweep
from tests.store.conftest import unfinished_copy
from tests.store.journals import FOLDERS
from tests.watching.conftest import BEFORE
from tests.watching.test_follow import LATER, Process


class Spectator:
    """Notes what it is shown of each cell."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []
        self.ended = 0

    def begin(self, table: SweepTable) -> None:
        self.seen += [(row.name, row.status, row.calls) for row in table.rows.values()]

    def after(self, row: CellRow) -> None:
        self.seen.append((row.name, row.status, row.calls))

    def end(self) -> None:
        self.ended += 1


def make_sweep(folder: Path) -> tuple[WatchedSweep, Process]:
    """One cell is finished, one at work, one never began."""
    place = folder / "grid"
    place.mkdir()
    shutil.copytree(FOLDERS / "format-2", place / "done")
    unfinished_copy(place, BEFORE).rename(place / "going")
    write_sweep(place, "grid", [Cell(name, {"search.seed": 1}) for name in ("done", "going", "no")])
    process = Process(place / "going")
    return WatchedSweep(place), process


def do_in_turn(*deeds: Callable[[], object]) -> Callable[[float], Awaitable[None]]:
    left = list(deeds)

    async def sleep(seconds: float) -> None:
        if seconds == POLL and left:
            left.pop(0)()

    return sleep


async def test_cells_are_followed_to_their_end(tmp_path: Path) -> None:
    watched, process = make_sweep(tmp_path)
    spectator = Spectator()
    assert watched.at_work

    def end() -> None:
        process.ends()()
        result = json.loads((FOLDERS / "format-2" / "result.json").read_text())
        (watched.folder / "going" / "result.json").write_text(json.dumps(result))

    await watched.follow(spectator, do_in_turn(process.writes(*LATER[:10]), lambda: None, end))
    assert spectator.seen == [
        ("done", "finished", 80),
        ("going", "running", BEFORE - 1),
        ("no", "waiting", 0),
        ("going", "running", BEFORE + 9),  # and nothing where nothing is new
        ("going", "finished", 80),
    ]
    assert spectator.ended == 1
    assert not watched.at_work


async def test_a_cell_that_stopped_and_one_that_failed_are_told(tmp_path: Path) -> None:
    watched, process = make_sweep(tmp_path)
    spectator = Spectator()
    at = LATER[0].at
    stop = process.ends(SessionEnded(at, "interrupted"))
    await watched.follow(spectator, do_in_turn(stop))
    assert spectator.seen[-1] == ("going", "stopped", BEFORE - 1)

    process = Process(watched.folder / "going")
    watched = WatchedSweep(watched.folder)
    fail = process.ends(SessionEnded(at, "failed", "401: no such key"))
    await watched.follow(spectator, do_in_turn(fail))
    row = watched.table.rows["going"]
    assert (row.status, row.error) == ("failed", "401: no such key")


async def test_a_sweep_between_two_cells_is_at_work(tmp_path: Path) -> None:
    watched, process = make_sweep(tmp_path)
    process.ends()()
    with hold_sweep(watched.folder, "1/1"):
        assert WatchedSweep(watched.folder).at_work
    assert not WatchedSweep(watched.folder).at_work


async def test_a_damaged_cell_hides_no_other(tmp_path: Path) -> None:
    watched, process = make_sweep(tmp_path)
    process.ends()()
    journal = watched.folder / "going" / "events.jsonl"
    journal.write_bytes(journal.read_bytes() + b"\x00nonsense\n{}\n")
    spectator = Spectator()
    watched = WatchedSweep(watched.folder)
    await watched.follow(spectator)
    await watched.follow(spectator)
    assert watched.table.rows["going"].status == "failed"
    assert watched.table.rows["done"].status == "finished"
