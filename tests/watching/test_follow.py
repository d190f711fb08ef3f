"""A run followed while it goes: on a clock that only sleeping moves."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
from rich.console import Console

from opro_cli.app.resume import check_resumable
from opro_cli.app.session import work_on
from opro_cli.app.watch import BATCH, Replay, follow
from opro_cli.core.run.events import Event, Retried, SessionEnded, SessionStarted
from opro_cli.core.run.progress import Progress, RunHeader, count_calls
from opro_cli.core.run.state import RunState
from opro_cli.errors import JournalError, RunFolderError
from opro_cli.render.live import LiveView
from opro_cli.render.plain import PlainLog
from opro_cli.store.journal import FileJournal, read_events
from opro_cli.store.run_folder import read_run
from tests.store.conftest import unfinished_copy
from tests.store.journals import FOLDERS
from tests.watching.conftest import BEFORE, Time, Watcher

WHOLE = list(read_events(FOLDERS / "format-2" / "events.jsonl"))
START, LATER = WHOLE[0].at, WHOLE[BEFORE:]


class Process:
    """Who works on the run: takes its lock, writes, gives it back."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.jsonl"
        self._journal = FileJournal(self._path)

    def writes(self, *events: Event) -> Callable[[], None]:
        def write() -> None:
            for event in events:
                self._journal.append(event)

        return write

    def ends(self, *events: Event) -> Callable[[], None]:
        def end() -> None:
            self.writes(*events)()
            self._journal.close()

        return end

    def starts(self, *events: Event) -> Callable[[], None]:
        def start() -> None:
            self._journal = FileJournal(self._path)
            self.writes(*events)()

        return start


async def test_a_run_at_work_is_followed_to_its_end(folder: Path) -> None:
    process = Process(folder)
    chunks = [LATER[i : i + 7] for i in range(0, len(LATER), 7)]
    time = Time(START, [*(process.writes(*chunk) for chunk in chunks), process.ends()])
    viewing = Replay(folder)
    watcher, stream = Watcher(viewing.now), io.StringIO()
    assert viewing.at_work
    run = await follow(viewing, [watcher, PlainLog(stream)], time.clock, time.sleep)
    assert watcher.events == WHOLE
    assert watcher.ended == 1
    assert watcher.activity.in_flight == {}
    assert watcher.activity.started == START
    assert watcher.calls[-1] == count_calls(run.state) == 80
    assert run.status == "finished"
    assert run.state.spend == read_run(FOLDERS / "format-2").state.spend
    assert stream.getvalue() == plain_log_of(folder)
    assert time.looks == len(chunks) + 1


def plain_log_of(folder: Path) -> str:
    """What the process itself says of the same events."""
    viewing, stream = Replay(folder), io.StringIO()
    log = PlainLog(stream)
    viewing.begin([log])
    for line, event in enumerate(WHOLE, start=1):
        viewing.take(line, event)
    return stream.getvalue()


async def test_a_process_that_is_gone_ends_it_and_the_time_stands_still(folder: Path) -> None:
    process = Process(folder)
    time = Time(START + 1e6, [process.writes(LATER[0]), process.ends()])
    viewing = Replay(folder)
    watcher = Watcher(viewing.now)
    run = await follow(viewing, [watcher], time.clock, time.sleep)
    assert run.status == "killed"
    assert watcher.events == WHOLE[: BEFORE + 1]
    assert watcher.times[-1] == START + 1e6 + 0.25
    assert viewing.now() == LATER[0].at
    assert not viewing.at_work


async def test_a_run_that_is_not_at_work_is_shown_as_it_stands(folder: Path) -> None:
    viewing, time = Replay(folder), Time(START + 1e6)
    watcher = Watcher(viewing.now)
    assert not viewing.at_work
    run = await follow(viewing, [watcher], time.clock, time.sleep)
    assert (run.status, len(watcher.events)) == ("killed", BEFORE)
    assert watcher.times == [event.at for event in WHOLE[:BEFORE]]
    assert time.looks == 1


async def test_a_whole_last_event_without_its_end_counts(folder: Path) -> None:
    path = folder / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    viewing, time = Replay(folder), Time(START)
    watcher = Watcher(viewing.now)
    await follow(viewing, [watcher], time.clock, time.sleep)
    assert watcher.events == WHOLE[:BEFORE]


async def test_a_run_that_is_resumed_meanwhile_is_followed_on(folder: Path) -> None:
    process = Process(folder)
    stopped = SessionEnded(LATER[0].at, "interrupted")
    again = SessionStarted(stopped.at + 50, 2, "0.1.0")
    deeds = [
        process.ends(stopped),
        process.starts(again, LATER[0]),
        process.writes(*LATER[1:]),
        process.ends(),
    ]
    time = Time(START, deeds)
    viewing = Replay(folder)
    watcher, stream = Watcher(viewing.now), io.StringIO()
    run = await follow(viewing, [watcher, PlainLog(stream)], time.clock, time.sleep)
    assert run.status == "finished"
    assert watcher.events == [*WHOLE[:BEFORE], stopped, again, *LATER]
    at = watcher.events.index(again)
    assert watcher.calls[at - 1 : at + 2] == [BEFORE - 1, 0, 1]
    assert watcher.activity.started == again.at
    assert "[00:00] started, step 1/2" in stream.getvalue().split("interrupted")[1]


async def test_of_earlier_sessions_only_the_state_is_shown(folder: Path) -> None:
    process = Process(folder)
    again = SessionStarted(START + 1000, 2, "0.1.0")
    process.writes(again, LATER[0])()
    time = Time(START, [process.ends()])
    viewing = Replay(folder)
    watcher = Watcher(viewing.now)
    run = await follow(viewing, [watcher], time.clock, time.sleep)
    assert watcher.events == [again, LATER[0]]
    assert watcher.briefing.resumed == BEFORE - 1
    assert watcher.calls == [0, 1]
    assert count_calls(run.state) == BEFORE


async def test_a_run_without_a_first_event_is_waited_for(folder: Path) -> None:
    (folder / "events.jsonl").write_bytes(b"")
    process = Process(folder)
    waits = [lambda: None] * 20
    time = Time(START, [*waits, process.writes(*WHOLE), process.ends()])
    viewing = Replay(folder)
    watcher = Watcher(viewing.now)
    run = await follow(viewing, [watcher], time.clock, time.sleep)
    assert (run.status, watcher.events) == ("finished", WHOLE)


async def test_a_burst_lets_the_view_draw(folder: Path) -> None:
    process = Process(folder)
    burst = [Retried(WHOLE[BEFORE - 1].at, "scorer", 1, 0.5, "429")] * 10_000
    time = Time(START, [process.writes(*burst), process.ends()])
    viewing = Replay(folder)
    watcher = Watcher(viewing.now)
    await follow(viewing, [watcher], time.clock, time.sleep)
    assert len(watcher.events) == BEFORE + 10_000
    assert time.yields >= 10_000 // BATCH


async def test_a_journal_cut_under_it_is_told_and_the_view_ends(folder: Path) -> None:
    process = Process(folder)
    path = folder / "events.jsonl"
    time = Time(START, [lambda: path.write_bytes(b"")])
    viewing = Replay(folder)
    watcher = Watcher(viewing.now)
    with pytest.raises(JournalError, match="are not there any more"):
        await follow(viewing, [watcher], time.clock, time.sleep)
    assert watcher.ended == 1
    process.ends()()


async def test_what_cannot_follow_is_told_with_its_line(folder: Path) -> None:
    process = Process(folder)
    time = Time(START, [process.writes(WHOLE[BEFORE - 1])])
    viewing = Replay(folder)
    with pytest.raises(JournalError, match=f"events.jsonl:{BEFORE + 1}: cannot follow"):
        await follow(viewing, [Watcher(viewing.now)], time.clock, time.sleep)
    process.ends()()


async def test_a_finished_run_whose_journal_is_cut_is_refused(folder: Path) -> None:
    (folder / "result.json").write_text('{"status": "finished"}')
    viewing, time = Replay(folder), Time(START)
    with pytest.raises(RunFolderError, match="does not lead to the end of the run"):
        await follow(viewing, [Watcher(viewing.now)], time.clock, time.sleep)


async def test_the_frame_leaves_out_what_is_in_flight(folder: Path) -> None:
    process = Process(folder)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=24, color_system=None)
    viewing = Replay(folder)
    time = Time(WHOLE[BEFORE - 1].at + 2, [process.ends()])
    await follow(viewing, [LiveView(console, viewing.now)], time.clock, time.sleep)
    last = stream.getvalue()
    assert last.splitlines()[-2].startswith(f"calls {BEFORE - 1} · cost ")  # two lines are left
    assert "cost" in last
    assert "in flight" not in last


def test_the_first_frame_of_a_session_says_that_no_time_has_passed(tmp_path: Path) -> None:
    """The clock of a session begins with it, not with the machine."""
    folder = unfinished_copy(tmp_path / "runs", BEFORE)
    elapsed: list[float] = []

    class First(Watcher):
        def begin(self, briefing: RunHeader, state: RunState, activity: Progress) -> None:
            elapsed.append(monotonic() - activity.started)
            super().begin(briefing, state, activity)

    work_on(folder, check_resumable(folder, ["calls=30"]), [First(monotonic)])
    assert len(elapsed) == 1
    assert 0 <= elapsed[0] < 1
