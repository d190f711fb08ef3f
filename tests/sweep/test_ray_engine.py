"""Cells on nodes of a Ray that is in this process: what comes back, and what a lost node costs.

Whatever needs Ray itself is in test_ray.py.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from opro_cli.calls.budget import Spent
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import OproError
from opro_cli.store.folders import is_locked
from opro_cli.store.journal import FileJournal
from opro_cli.sweep.cells import Job, prepare_run
from opro_cli.sweep.launch import ray
from opro_cli.sweep.launch.channel import Ask, CellProgress, Ended, FromCell, encode
from opro_cli.sweep.launch.local import Exit
from opro_cli.sweep.launch.ray import ATTEMPTS, LENT, News, RayEngine
from tests.fakes.ray_here import ActorDiedError, ActorUnavailableError, RayHere
from tests.sweep.sweeps import Said, cells_at, lasts, limits_of

LINE = b'{"event":"session_ended","at":1.0,"status":"interrupted","reason":""}\n'
PROGRESS = CellProgress("initial", 60, None, {"calls": 1})
FINISHED = Exit(0, None)


def news(*messages: FromCell, journal: bytes = b"", **more: Any) -> News:
    return News(b"".join(map(encode, messages)), journal, **more)


LAST = news(Ended("finished"), end=FINISHED)
Says = Callable[[int], Awaitable[News]]


class Node:
    """In place of `CellActor`: says what a test has for it, and keeps what it was given."""

    plans: list[list[News | Exception | Says]]
    files: list[dict[str, bytes]]
    sent: list[bytes]

    async def wait_for_node(self) -> None:
        pass

    async def start(self, job: Job, files: dict[str, bytes]) -> None:
        self.files.append(files)
        self._plan = iter(self.plans.pop(0))

    async def send(self, job: str, lines: bytes) -> None:
        self.sent.append(lines)

    async def wait_for_news(self, size: int, lines: bytes) -> News:
        self.sent.append(lines)
        step = next(self._plan)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, News) else await step(size)


class Home:
    """The sweep's end, with cells to lend to one node."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, cells: int = 1) -> None:
        self.ray = RayHere(1)
        monkeypatch.setitem(sys.modules, "ray", self.ray)
        Node.plans, Node.files, Node.sent = [], [], []
        monkeypatch.setattr(ray, "CellActor", Node)
        self.engine, self.limits = RayEngine("auto"), limits_of(BudgetSettings())
        self.reports: Said = []
        # A server that is not asked, and not looked for.
        made = cells_at(folder, "http://192.0.2.1/v1", f"matrix: {{search.seed: 0..{cells - 1}}}")
        self.jobs = [
            Job(c.name, str(folder / "runs" / c.name), convert_to_plain(c.settings)) for c in made
        ]
        self.folder = folder / "runs" / "seed0"

    @property
    def journal(self) -> Path:
        return self.folder / "events.jsonl"

    async def work(self, *plans: list[Any]) -> dict[str, dict[str, Any]]:
        """Work on the cells, with a plan for each start of one; the last report of each."""
        Node.plans.extend(plans)
        async with asyncio.timeout(60):
            await self.engine.run(self.jobs, self.limits, lambda *each: self.reports.append(each))
        return lasts(self.reports)


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    return Home(tmp_path, monkeypatch)


async def test_a_run_is_made_at_home_lent_whole_and_comes_back(home: Home) -> None:
    async def look(size: int) -> News:
        assert is_locked(home.journal)
        assert home.journal.read_bytes() == LINE
        assert size == len(LINE)
        return news(Ended("finished"), journal=LINE, end=FINISHED, files={"result.json": b"{}"})

    assert await home.work([news(PROGRESS, journal=LINE), look]) == {
        "seed0": {"ended": "finished", "stopped_by": "", "result": None}
    }
    assert home.reports[0][1]["phase"] == "initial"
    assert set(Node.files[0]) == set(LENT)
    assert Node.files[0]["run.json"] == (home.folder / "run.json").read_bytes()
    assert home.journal.read_bytes() == LINE + LINE
    assert (home.folder / "result.json").read_text() == "{}"
    assert not is_locked(home.journal)


@pytest.mark.parametrize("lost", [ActorDiedError("died"), ActorUnavailableError("who knows")])
async def test_the_next_node_has_all_that_came_and_calls_in_flight_are_lost(
    home: Home, lost: Exception
) -> None:
    ask = news(Ask(1, "m", 60, 5, 60), journal=LINE)

    async def granted(size: int) -> News:
        while not any(Node.sent):
            await asyncio.sleep(0.001)
        raise lost

    assert (await home.work([ask, granted], [LAST]))["seed0"]["ended"] == "finished"
    assert Node.files[1]["events.jsonl"] == LINE
    assert home.limits.budget.spent_by_all == Spent(1, 60, 5)
    assert len(home.ray.actors) == 2


async def test_a_cell_that_takes_every_node_with_it_is_given_up(home: Home) -> None:
    plans = [[ActorDiedError("the actor died\nout of memory")]] * ATTEMPTS
    assert await home.work(*plans) == {
        "seed0": {"error": "Ray gave it up: the actor died", "hint": "out of memory"}
    }
    assert len(Node.files) == ATTEMPTS


async def test_cells_take_their_turn_on_one_node_and_no_actor_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, monkeypatch, cells=3)
    assert set(await home.work([LAST], [LAST], [LAST])) == {"seed0", "seed1", "seed2"}
    assert home.ray.calls.count("wait_for_node") == 1
    assert len(home.ray.actors) == 3  # two of which got no node
    assert all(actor._dead.done() for actor in home.ray.actors)


@pytest.mark.parametrize("name", ["../../evil", "events.jsonl", "run.json"])
async def test_nothing_but_the_files_of_a_result_is_taken(home: Home, name: str) -> None:
    before: list[dict[Path, bytes]] = []

    def files() -> dict[Path, bytes]:
        paths = [path for path in home.folder.parents[1].rglob("[!.]*") if path.is_file()]
        return {path: path.read_bytes() for path in paths if path.name != ".pid"}

    async def evil(size: int) -> News:
        before.append(files())
        return news(Ended("finished"), end=FINISHED, files={name: b"evil"})

    await home.work([evil])
    assert files() == before[0]


@pytest.mark.parametrize(
    "step", [News(b"nonsense\n", LINE), OproError("found 99 bytes", "run it again")]
)
async def test_a_cell_that_sends_no_message_fails_and_its_journal_is_kept(
    home: Home, step: Any
) -> None:
    last = await home.work([news(journal=LINE), step])
    assert "found " in last["seed0"]["error"]
    assert "again" in last["seed0"]["hint"]
    assert home.journal.read_bytes().startswith(LINE)
    assert all(actor._dead.done() for actor in home.ray.actors)


async def test_a_stop_reaches_the_cell_each_time_and_no_other_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, monkeypatch, cells=2)

    async def stopped(size: int) -> News:
        home.engine.stop()
        home.engine.stop()
        while b"".join(Node.sent).count(b"stop") < 2:
            await asyncio.sleep(0.001)
        return news(Ended("interrupted"), end=FINISHED)

    last = await home.work([stopped])
    assert {name: report["ended"] for name, report in last.items()} == {"seed0": "interrupted"}


async def test_a_node_that_is_lost_while_stopping_is_not_waited_for(home: Home) -> None:
    async def lost(size: int) -> News:
        home.engine.stop()
        raise ActorDiedError("died")

    assert (await home.work([lost]))["seed0"]["ended"] == "interrupted"


async def test_a_stop_that_comes_as_the_run_is_made_reaches_the_cell(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(job: Job) -> tuple[Path, Any]:
        loop.call_soon_threadsafe(home.engine.stop)
        return prepare_run(job)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(ray, "prepare_run", prepare)

    async def stopped(size: int) -> News:
        while not any(Node.sent):
            await asyncio.sleep(0.001)
        return news(Ended("interrupted"), end=FINISHED)

    await home.work([stopped])
    assert list(filter(None, Node.sent)) == [b'{"type":"stop"}\n']


async def test_a_run_that_another_process_has_is_left_to_it(home: Home) -> None:
    folder, _ = prepare_run(home.jobs[0])
    with closing(FileJournal(folder / "events.jsonl")):
        assert (await home.work())["seed0"]["ended"] == "elsewhere"
    assert Node.files == []


async def test_a_run_that_cannot_be_kept_fails_with_its_reason(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(ray, "write_atomically", full)
    last = await home.work([news(end=FINISHED, files={"result.json": b"{}"})])
    assert "No space left on device" in last["seed0"]["error"]
    assert "run `opro sweep` again" in last["seed0"]["hint"]
