"""A run shown again, on a clock that only sleeping moves."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

import pytest

from opro_cli.app.watch import Replay, replay
from opro_cli.core.run.events import SessionEnded, SessionStarted
from opro_cli.render.frame_head import measure_time
from opro_cli.reports.result import build_result
from opro_cli.store.journal import FileJournal, read_events
from tests.store.journals import FOLDERS
from tests.watching.conftest import BEFORE, Time, Watcher

FORMAT_2 = FOLDERS / "format-2"
WHOLE = list(read_events(FORMAT_2 / "events.jsonl"))
SECONDS = WHOLE[-1].at - WHOLE[0].at
"""No pause in it is long."""


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0])
async def test_it_takes_as_long_as_its_speed_says(speed: float) -> None:
    viewing, time = Replay(FORMAT_2), Time(500.0)
    watcher = Watcher(viewing.now)
    run = await replay(viewing, [watcher], speed, time.clock, time.sleep)
    assert run.status == "finished"
    assert watcher.events == WHOLE
    assert watcher.ended == 1
    assert time.now - 500.0 == pytest.approx(SECONDS / speed)
    # The view's clock is the run's own, to what a float of such seconds can tell.
    assert watcher.times == pytest.approx([event.at for event in WHOLE], rel=0, abs=1e-3)


async def test_at_once_nothing_is_waited_for() -> None:
    viewing, time = Replay(FORMAT_2), Time(500.0)
    watcher = Watcher(viewing.now)
    await replay(viewing, [watcher], math.inf, time.clock, time.sleep)
    assert (watcher.events, time.now) == (WHOLE, 500.0)


async def test_a_late_sleeper_catches_up() -> None:
    """The schedule is one of times, not of pauses: no sleep's lateness adds up."""
    viewing, time = Replay(FORMAT_2), Time(500.0)

    async def late(seconds: float) -> None:
        await time.sleep(seconds + 0.05)

    await replay(viewing, [Watcher(viewing.now)], 1.0, time.clock, late)
    assert time.now - 500.0 == pytest.approx(SECONDS, abs=0.2)


async def test_all_sessions_are_shown_from_the_first(folder: Path) -> None:
    viewing, time = Replay(folder), Time(0.0)
    watcher = Watcher(viewing.now)
    run = await replay(viewing, [watcher], 1.0, time.clock, time.sleep)
    assert (run.status, watcher.briefing.resumed) == ("killed", 0)
    assert watcher.events == WHOLE[:BEFORE]
    assert viewing.now() == WHOLE[BEFORE - 1].at


async def test_the_time_is_that_of_all_sessions_without_the_time_between_them(folder: Path) -> None:
    worked = WHOLE[BEFORE - 1].at - WHOLE[0].at
    resumed = WHOLE[BEFORE - 1].at + 3600
    with closing(FileJournal(folder / "events.jsonl")) as journal:
        journal.append(SessionStarted(resumed, 1, "0.1.0"))
        journal.append(SessionEnded(resumed + 2, "interrupted"))
    viewing, time = Replay(folder), Time(0.0)
    watcher = Watcher(viewing.now)
    run = await replay(viewing, [watcher], math.inf, time.clock, time.sleep)
    assert measure_time(watcher.activity, viewing.now()) == pytest.approx(worked + 2)
    seconds = build_result(run, finished=False)["seconds"]
    assert seconds == pytest.approx(worked + 2, abs=0.1)


async def test_of_a_run_at_work_it_shows_what_there_is(folder: Path) -> None:
    journal = FileJournal(folder / "events.jsonl")
    viewing, time = Replay(folder), Time(0.0)
    watcher = Watcher(viewing.now)
    run = await replay(viewing, [watcher], math.inf, time.clock, time.sleep)
    assert (run.status, len(watcher.events)) == ("running", BEFORE)
    journal.close()
