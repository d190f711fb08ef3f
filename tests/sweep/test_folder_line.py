"""A run's folder lent to another machine: what comes back, and when the line breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.settings.differences import as_plain
from opro_cli.store.journal import FileJournal
from opro_cli.store.lock import is_locked
from opro_cli.sweep.cells import Job, prepared
from opro_cli.sweep.folder_line import LENT, BorrowedFolder, LentFolders
from opro_cli.sweep.server import Address, SweepServer, connect
from tests.sweep.sweeps import cells_at

LINE = b'{"event":"session_ended","at":1.0,"status":"interrupted","reason":""}\n'


class Home:
    """The sweep's end, with one cell to lend."""

    def __init__(self, folder: Path) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.folders = LentFolders(lambda name, what: self.said.append((name, what)))
        self.server = SweepServer({"folder": self.folders.serve})
        self.folder = folder / "runs" / "seed0"
        (cell,) = cells_at(folder, "http://127.0.0.1:1/v1", "matrix: {search.seed: [0]}")
        settings = replace(  # a server that is not asked, and not looked for
            cell.settings,
            scorer=replace(cell.settings.scorer, api_base="http://192.0.2.1/v1"),
            optimizer=replace(cell.settings.optimizer, api_base="http://192.0.2.1/v1"),
        )
        self.job = Job("seed0", str(self.folder), as_plain(settings), ())
        self.folders.jobs = {"seed0": self.job}

    @property
    def journal(self) -> Path:
        return self.folder / "events.jsonl"


class Away:
    """The other end."""

    def __init__(self, address: Address, folder: Path) -> None:
        self.address, self.folder = address, folder

    async def __aenter__(self) -> BorrowedFolder:
        self.folder.mkdir()
        self.reader, self.writer = await connect(self.address, "folder", "seed0")
        return BorrowedFolder(self.reader, self.writer, self.folder)

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    home = Home(tmp_path)
    yield home
    await home.server.stop()


async def until_free(home: Home) -> None:
    async with asyncio.timeout(30):
        while home.folders.is_lent("seed0"):
            await asyncio.sleep(0.001)


async def test_a_run_is_made_at_home_lent_whole_and_comes_back(home: Home, tmp_path: Path) -> None:
    address = await home.server.start()
    async with Away(address, tmp_path / "away") as borrowed:
        assert await borrowed.fetch()
        for name in LENT:
            assert (tmp_path / "away" / name).read_bytes() == (home.folder / name).read_bytes()
        assert is_locked(home.journal)
        with (tmp_path / "away" / "events.jsonl").open("ab") as journal:
            journal.write(LINE + b'{"event":"hal')
        borrowed.told({"phase": "step 1"})
        async with asyncio.timeout(30):
            while not home.said:
                await asyncio.sleep(0.001)
        assert home.journal.read_bytes() == LINE
        with (tmp_path / "away" / "events.jsonl").open("ab") as journal:
            journal.write(b'f"}\n')
        (tmp_path / "away" / "result.json").write_text("{}")
        (tmp_path / "away" / "notes.txt").write_text("not of a run")
        borrowed.give_back({"ended": "finished"})
        assert await borrowed.next_word() == "received"
    assert home.journal.read_bytes() == LINE + b'{"event":"half"}\n'
    assert (home.folder / "result.json").read_text() == "{}"
    assert not (home.folder / "notes.txt").exists()
    assert home.said == [("seed0", {"phase": "step 1"}), ("seed0", {"ended": "finished"})]
    assert not is_locked(home.journal)
    async with Away(address, tmp_path / "again") as borrowed:
        assert not await borrowed.fetch()  # it is over


async def test_where_the_line_breaks_the_next_machine_has_all_that_came(
    home: Home, tmp_path: Path
) -> None:
    address = await home.server.start()
    lost = Away(address, tmp_path / "lost")
    borrowed = await lost.__aenter__()
    assert await borrowed.fetch()
    with (tmp_path / "lost" / "events.jsonl").open("ab") as journal:
        journal.write(LINE)
    borrowed.told({"phase": "step 1"})
    await lost.writer.drain()
    lost.writer.write(b'["journal", 99999, 1000]\nhalf of i')
    await lost.__aexit__()
    await until_free(home)
    async with Away(address, tmp_path / "next") as borrowed:
        assert await borrowed.fetch()
        assert (tmp_path / "next" / "events.jsonl").read_bytes() == LINE


async def test_who_is_thought_lost_and_is_not_is_hung_up_on(home: Home, tmp_path: Path) -> None:
    address = await home.server.start()
    async with Away(address, tmp_path / "first") as first:
        assert await first.fetch()
        async with Away(address, tmp_path / "second") as second:
            assert await second.fetch()
            assert await first.next_word() == "gone"
            second.give_back({"ended": "interrupted"})
            assert await second.next_word() == "received"


@pytest.mark.parametrize(
    "message",
    [
        b'["file", "../../evil", 4]\nevil',
        b'["file", "events.jsonl", 4]\nevil',
        b'["file", "run.json", 4]\nevil',
        b'["journal", 7, 4]\nevil',  # not where this journal ends
        b'["rm", "/"]\n',
        b"\xff\n",
    ],
)
async def test_nothing_but_what_a_cell_brings_back_is_taken(
    home: Home, tmp_path: Path, message: bytes
) -> None:
    away = Away(await home.server.start(), tmp_path / "away")
    async with away as borrowed:
        assert await borrowed.fetch()
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        away.writer.write(message)
        assert await borrowed.next_word() == "gone"
        await until_free(home)
        after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        gone = (".pid", ".reserve")  # what a session has while it is at work
        before = {path: text for path, text in before.items() if path.name not in gone}
        assert after == before


async def test_a_stop_reaches_the_cell_and_one_that_comes_later_has_nothing_to_do(
    home: Home, tmp_path: Path
) -> None:
    address = await home.server.start()
    async with Away(address, tmp_path / "away") as borrowed:
        assert await borrowed.fetch()
        home.folders.stop()
        assert await borrowed.next_word() == "stop"
        borrowed.give_back({"ended": "interrupted"})
        assert await borrowed.next_word() == "received"
    home.folders.over.clear()
    async with Away(address, tmp_path / "late") as borrowed:
        assert not await borrowed.fetch()


async def test_a_run_that_another_process_has_is_left_to_it(home: Home, tmp_path: Path) -> None:
    folder, _ = prepared(home.job)
    with closing(FileJournal(folder / "events.jsonl")):
        async with Away(await home.server.start(), tmp_path / "away") as borrowed:
            assert not await borrowed.fetch()
    assert home.said == [("seed0", {"ended": "elsewhere"})]


async def test_a_run_that_cannot_be_made_is_told(home: Home, tmp_path: Path) -> None:
    settings = json.loads(json.dumps(home.job.settings))
    settings["task"]["data"]["train"] = str(tmp_path / "nowhere.jsonl")
    home.folders.jobs = {"seed0": replace(home.job, settings=settings)}
    async with Away(await home.server.start(), tmp_path / "away") as borrowed:
        assert not await borrowed.fetch()
    ((name, what),) = home.said
    assert name == "seed0"
    assert "nowhere.jsonl" in what["error"]
