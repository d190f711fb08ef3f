"""`opro sweep` in this process: what it shows, what it starts, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from opro_cli import wiring
from opro_cli.app.session import work_on
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.errors import RunFolderError
from opro_cli.store.journal import FileJournal
from opro_cli.store.sweep_folder import hold_sweep
from opro_cli.sweep.cells import Job, prepare_run, read_standing, require_ready
from opro_cli.sweep.file import SweepCell, load_sweep
from opro_cli.sweep.launch import cell_process, local
from opro_cli.sweep.launch.channel import CellProgress, Ended, FromCell
from opro_cli.sweep.limits import Limits
from tests.cli.conftest import Opro

SWEEP = "name: grid\nbase: c.yaml\nmatrix: {search.seed: 0..2}\n"

Word = dict[str, Any]


def going(calls: int) -> Word:
    spend = {"calls": calls, "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
    return {"phase": "initial", "expected": 60, "best": None, "spend": spend}


def over(status: str = "finished", stopped_by: str = "") -> Word:
    def scored(mean: float) -> Word:
        return {"scores": {"test": {"mean": mean, "n": 4}}}

    spend = going(50)["spend"]
    result = {"status": status, "spend": spend, "initial": scored(0.5), "best": scored(0.75)}
    return {"ended": status, "stopped_by": stopped_by, "result": result}


class ToldEngine:
    """Works on cells by saying of each what a test has for it."""

    def __init__(self) -> None:
        self.words: dict[str, list[Word]] = {}
        self.jobs: list[str] = []
        self.processes = 0
        self.is_stopped = 0
        self.drained = False
        self.at_work: Callable[[], None] = lambda: None

    def __call__(self, processes: int) -> ToldEngine:
        self.processes = processes
        return self

    async def run(
        self, jobs: Iterable[Job], limits: Limits, told: Callable[[str, Word], None]
    ) -> None:
        for job in jobs:
            if self.drained:
                return
            self.jobs.append(job.name)
            for word in self.words.get(job.name, [going(0), over()]):
                told(job.name, word)
                self.at_work()
                await asyncio.sleep(0.01)  # a signal is noticed on the loop

    def drain(self) -> None:
        self.drained = True

    def stop(self) -> None:
        self.is_stopped += 1

    def close(self) -> None:
        pass


@pytest.fixture
def engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ToldEngine:
    """In place of processes, and a sweep beside its base."""
    (folder / "grid.yaml").write_text(SWEEP)
    engine = ToldEngine()
    monkeypatch.setattr(local, "LocalEngine", engine)
    return engine


def cells_in(folder: Path) -> tuple[SweepCell, ...]:
    return require_ready(load_sweep(folder / "grid.yaml", wiring.NAMES))


def finish(folder: Path, cell: int) -> Path:
    """Run a cell to its end, as its process would."""
    read = cells_in(folder)[cell]
    plain = convert_to_plain(read.settings)
    place, settings = prepare_run(Job(read.name, str(folder / "runs" / "grid" / read.name), plain))
    work_on(place, settings, [], preflight=False)
    return place


def test_all_cells_are_worked_on_and_told(engine: ToldEngine, opro: Opro) -> None:
    said = opro("sweep", "grid.yaml")
    assert said.code == 0
    assert engine.jobs == ["seed0", "seed1", "seed2"]
    assert said.out.splitlines() == [
        "cell    status     calls    start     best   on test",
        *(f"seed{n}   finished      50   50.0 %   75.0 %     +25.0" for n in range(3)),
    ]
    times = [line[: len("[00:00] ")] for line in said.err.splitlines()[1:-1]]
    assert set(times) == {"[00:00] "}
    assert [line.removeprefix("[00:00] ") for line in said.err.splitlines()] == [
        "sweep grid: 0 of 3 cells finished, 3 waiting",
        *(
            line
            for n in range(3)
            for line in (
                f"seed{n}: running, about 60 calls",
                f"seed{n}: finished, 50.0 % → 75.0 % on test (+25.0), 50 calls",
            )
        ),
        "3 of 3 cells finished",
    ]


def test_the_folder_says_what_the_cells_are(engine: ToldEngine, opro: Opro, folder: Path) -> None:
    assert opro("sweep", "grid.yaml", "--shard", "2/3", "--processes", "7").code == 0
    assert engine.jobs == ["seed1"]
    assert engine.processes == 7
    told = json.loads((folder / "runs" / "grid" / "sweep.json").read_text())
    assert [cell["values"] for cell in told["cells"]] == [{"search.seed": n} for n in range(3)]


def test_programs_get_json(engine: ToldEngine, opro: Opro) -> None:
    engine.words["seed1"] = [{"error": "no\nsuch", "hint": "look"}]
    said = opro("sweep", "grid.yaml", "--json")
    rows = said.data
    assert [row["status"] for row in rows] == ["finished", "failed", "finished"]
    assert (rows[0]["calls"], rows[0]["result"]["status"]) == (50, "finished")
    assert (rows[1]["error"], rows[1]["hint"]) == ("no\nsuch", "look")


def test_a_cell_that_fails_does_not_stop_the_others(engine: ToldEngine, opro: Opro) -> None:
    engine.words["seed0"] = [going(3), {"error": "openai/a: \x1b[2J401", "hint": "set the key"}]
    engine.words["seed2"] = [{"error": "openai/a: \x1b[2J401", "hint": "set the key"}]
    said = opro("sweep", "grid.yaml", "--shard", "1/1", "--runs-dir", "my runs")
    assert said.code == 1
    assert engine.jobs == ["seed0", "seed1", "seed2"]
    assert "[00:00] seed0: failed: openai/a: \\x1b[2J401" in said.err
    assert said.err.splitlines()[-3:] == [
        "seed0 and 1 other failed: openai/a: \\x1b[2J401",
        "  hint: set the key",
        "1 of 3 cells finished, 2 failed; resume with: opro sweep grid.yaml --runs-dir 'my runs'",
    ]


def test_a_ceiling_ends_with_the_code_of_a_run(engine: ToldEngine, opro: Opro) -> None:
    engine.words["seed1"] = [over("budget", "budget.calls")]
    said = opro("sweep", "grid.yaml", "--shard", "2/3")
    assert said.code == 3
    assert "seed1: stopped by budget.calls after 50 calls" in said.err
    assert said.out.splitlines()[1].split() == [
        *("seed1", "stopped", "50", "50.0", "%", "of", "4", "75.0", "%", "of", "4", "–")
    ]  # of so many questions as yet
    assert said.err.endswith(
        "stopped by budget.calls\n"
        "0 of 1 cell finished, 1 stopped; "
        "raise the budget, and resume with: opro sweep grid.yaml --shard 2/3\n"
    )


def test_a_cell_that_another_process_is_at_work_on_is_left_to_it(
    engine: ToldEngine, opro: Opro
) -> None:
    engine.words["seed1"] = [{"ended": "elsewhere"}]
    said = opro("sweep", "grid.yaml")
    assert said.code == 3
    assert "seed1: left out: another process is at work on it" in said.err
    assert said.err.endswith(
        "2 of 3 cells finished, 1 at work elsewhere; resume with: opro sweep grid.yaml\n"
    )
    assert "seed1   elsewhere" in said.out


def test_a_cell_that_another_process_has_finished_meanwhile_is_finished(
    engine: ToldEngine, opro: Opro, folder: Path
) -> None:
    place, aside = finish(folder, 0), folder / "aside"
    place.rename(aside)
    engine.words["seed0"] = [going(1), {"ended": "elsewhere"}]

    def finish_elsewhere() -> None:
        if aside.exists():
            aside.rename(place)

    engine.at_work = finish_elsewhere
    said = opro("sweep", "grid.yaml", "--json")
    assert said.code == 0
    assert said.data[0]["status"] == "finished"
    assert said.data[0]["result"]["status"] == "finished"


def test_a_run_that_another_process_has_is_no_failure_of_the_cell(
    engine: ToldEngine, folder: Path
) -> None:
    cell = cells_in(folder)[0]
    job = Job(
        cell.name,
        str(folder / "runs" / "grid" / cell.name),
        convert_to_plain(cell.settings),
    )
    place, _ = prepare_run(job)
    with closing(FileJournal(place / "events.jsonl")):
        progress = cell_process.ProgressReports(lambda _: None)
        last = cell_process.work(job, progress, cell_process.AskedLimits(lambda _: None))
    assert last == Ended("elsewhere")


def test_ctrl_c_is_told_once_and_passed_on_each_time(engine: ToldEngine, opro: Opro) -> None:
    engine.words["seed0"] = [going(1), going(2), {"ended": "interrupted"}]
    interrupts = iter((True, True))

    def interrupt() -> None:
        if next(interrupts, False):
            os.kill(os.getpid(), signal.SIGINT)

    engine.at_work = interrupt
    said = opro("sweep", "grid.yaml", "--shard", "1/3")
    assert said.code == 130
    assert engine.is_stopped == 2
    assert said.err.count("stopping: waiting for calls of 1 cell") == 1
    assert "opro: stopped; nothing answered is lost" in said.err
    assert "resume with: opro sweep grid.yaml --shard 1/3" in said.err


def test_what_is_finished_is_not_begun_again(engine: ToldEngine, opro: Opro, folder: Path) -> None:
    place = finish(folder, 1)
    before = (place / "events.jsonl").read_bytes()
    said = opro("sweep", "grid.yaml")
    assert engine.jobs == ["seed0", "seed2"]
    assert "sweep grid: 1 of 3 cells finished, 2 waiting" in said.err
    assert said.err.endswith("3 of 3 cells finished\n")
    assert (place / "events.jsonl").read_bytes() == before


def test_where_a_cell_stands(engine: ToldEngine, folder: Path) -> None:
    cell = cells_in(folder)[0]
    runs = folder / "runs" / "grid"
    assert read_standing(cell, runs) == "new"
    plain = convert_to_plain(cell.settings)
    prepare_run(Job(cell.name, str(runs / cell.name), plain))
    assert read_standing(cell, runs) == "begun"
    finish(folder, 0)
    assert read_standing(cell, runs) == "finished"


def test_a_cell_whose_labels_were_read_off_the_data_is_known_again(
    engine: ToldEngine, folder: Path
) -> None:
    config = (folder / "c.yaml").read_text()
    (folder / "c.yaml").write_text(config.replace("answer: number", "answer: label"))
    cell = cells_in(folder)[0]
    assert (cell.settings.task.answer, cell.settings.task.labels) == ("label", None)
    runs = folder / "runs" / "grid"
    prepare_run(Job(cell.name, str(runs / cell.name), convert_to_plain(cell.settings)))
    assert read_standing(cell, runs) == "begun"


def test_a_cell_that_was_begun_otherwise_is_refused_with_what_differs(
    engine: ToldEngine, opro: Opro, folder: Path
) -> None:
    finish(folder, 1)
    (folder / "c.yaml").write_text(
        (folder / "c.yaml").read_text().replace("steps: 2", "steps: 3, leaks: drop")
    )
    said = opro("sweep", "grid.yaml")
    assert said.code == 2
    assert engine.jobs == []
    assert "grid/seed1: begun with other settings than the sweep has now" in said.err
    assert "\n  search.leaks: 'flag' → 'drop'\n  search.steps: 2 → 3\n" in said.err
    assert "hint: undo the change, give the sweep another name" in said.err


def test_what_only_makes_it_faster_may_change(engine: ToldEngine, opro: Opro, folder: Path) -> None:
    finish(folder, 1)
    (folder / "c.yaml").write_text(
        (folder / "c.yaml")
        .read_text()
        .replace("scripted/scorer}", "scripted/scorer, concurrency: 3}")
    )
    assert opro("sweep", "grid.yaml").code == 0
    assert engine.jobs == ["seed0", "seed2"]


@pytest.mark.parametrize(
    "shard",
    ["0/2", "3/2", "1", "1/", "/2", "a/b", "1/2/3", "-1/2", "1/0", "", "1/" + "9" * 5000],
    ids=lambda shard: shard[:9],
)
def test_a_shard_that_is_none_is_told(engine: ToldEngine, opro: Opro, shard: str) -> None:
    said = opro("sweep", "grid.yaml", f"--shard={shard}")
    assert said.code == 2
    assert "--shard: expected I/N with I from 1 to N, such as 2/5, found " in said.err
    assert repr(shard)[:99] in said.err
    assert engine.jobs == []


def test_a_cell_that_another_session_has_just_made_is_gone_on_with(
    engine: ToldEngine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several that look at once all see none, and one of them makes it."""
    cell = cells_in(folder)[0]
    place = folder / "runs" / "grid" / cell.name
    job = Job(cell.name, str(place), convert_to_plain(cell.settings))
    barrier = threading.Barrier(4)
    exists = Path.exists

    def all_look_at_once(path: Path) -> bool:
        there = exists(path)
        if path == place and not there:
            barrier.wait(60)
        return there

    monkeypatch.setattr(Path, "exists", all_look_at_once)
    with ThreadPoolExecutor(4) as pool:
        made = [each.result() for each in [pool.submit(prepare_run, job) for _ in range(4)]]
    assert {each for each, _ in made} == {place}
    assert [path.name for path in place.parent.glob("[!.]*")] == [cell.name]


def test_a_sweep_that_is_refused_changes_nothing(
    engine: ToldEngine, opro: Opro, folder: Path
) -> None:
    assert opro("sweep", "grid.yaml").code == 0
    grid = folder / "runs" / "grid"
    before = (grid / "sweep.json").read_bytes()
    (folder / "grid.yaml").write_text(SWEEP.replace("0..2", "7..8"))
    with hold_sweep(grid, "1/1"):
        said = opro("sweep", "grid.yaml")
    assert said.code == 2
    assert "another opro is working on this sweep" in said.err
    assert (grid / "sweep.json").read_bytes() == before


def test_a_sweep_where_no_folder_can_be_is_refused(
    engine: ToldEngine, opro: Opro, folder: Path
) -> None:
    (folder / "file").touch()
    said = opro("sweep", "grid.yaml", "--runs-dir", "file/runs")
    assert said.code == 2
    assert "cannot make the folder of a sweep here: Not a directory" in said.err
    assert "name another place with --runs-dir" in said.err


def test_an_unreadable_record_is_refused(engine: ToldEngine, folder: Path) -> None:
    cell = cells_in(folder)[0]
    (folder / "runs" / "grid" / cell.name).mkdir(parents=True)
    with pytest.raises(RunFolderError):
        read_standing(cell, folder / "runs" / "grid")


def test_what_a_cell_says_is_what_the_table_believes(
    engine: ToldEngine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All messages of a whole run but the last, and what the session returns."""
    cell = cells_in(folder)[0]
    plain = convert_to_plain(cell.settings)
    monkeypatch.setattr(cell_process, "EVERY", 0.0)
    messages: list[FromCell] = []
    place, settings = prepare_run(Job(cell.name, str(folder / "runs" / "grid" / cell.name), plain))
    outcome = work_on(
        place, settings, [cell_process.ProgressReports(messages.append)], preflight=False
    )
    table = SweepTable("grid", {cell.name: CellRow(cell.name)})
    progress = [message for message in messages if isinstance(message, CellProgress)]
    assert len(progress) == len(messages)
    rows = [copy(table.update(cell.name, asdict(each))) for each in progress]
    assert (rows[0].status, rows[0].calls, rows[0].best) == ("running", 0, None)
    assert [row.calls for row in rows] == sorted(row.calls for row in rows)
    assert {row.phase for row in rows} >= {"initial", "step 2/2", "dev", "test"}
    scores = [outcome.result["best"]["scores"][split] for split in ("train", "dev")]
    best = sum(each["mean"] * each["n"] for each in scores) / sum(each["n"] for each in scores)
    shown = rows[-1].best
    assert shown is not None
    assert shown[0] == "train+dev"
    assert shown[1] == pytest.approx(best)
    last = table.update(cell.name, {"ended": outcome.ending, "result": outcome.result})
    assert (last.status, last.calls) == ("finished", rows[-1].calls)
    assert all(row.expected >= last.calls for row in rows)


def test_cells_ask_the_start_prompt_on_test_and_older_cells_go_on(
    engine: ToldEngine, folder: Path
) -> None:
    """A cell without a test score would drop out of the means, which so would lose no-gains."""
    cell = cells_in(folder)[0]
    assert cell.settings.search.test_unbeaten_start
    runs = folder / "runs" / "grid"
    older = replace(cell.settings, search=replace(cell.settings.search, test_unbeaten_start=False))
    prepare_run(Job(cell.name, str(runs / cell.name), convert_to_plain(older)))
    assert read_standing(cell, runs) == "begun"
