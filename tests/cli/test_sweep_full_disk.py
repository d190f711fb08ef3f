"""A disk that fills up in the middle of a sweep, and of an evaluation: told, and nothing is lost.

Where this machine does not let the test make such a disk, the test skips and says so.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_kills import cells, evaluate, finish, prepared, scores, sweep
from tests.cli.test_process import PATIENCE_S, new_server
from tests.store.test_disks import fill, mount

pytestmark = pytest.mark.slow

NO_SPACE = b"No space left on device"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working folder whose runs are on a disk of 3 MB."""
    runs = tmp_path / "small" / "runs"
    runs.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=3m", "tmpfs", runs)
    yield tmp_path / "small"
    subprocess.run(["umount", "--lazy", runs], check=True)


async def refused(process: asyncio.subprocess.Process) -> bytes:
    """What a command says that the disk does not let end."""
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode in (1, 2), err.decode()
    assert b"Traceback" not in err
    assert NO_SPACE in err
    return err


@pytest.mark.parametrize("pages", [0, 3, 9, 20])
async def test_a_sweep_goes_on_once_there_is_room(folder: Path, pages: int) -> None:
    """Pages of 4 KiB are left: none for a folder, or some for a part of a run."""
    async with new_server() as server:
        whole = prepared(folder.parent / "whole", server)
        await finish(await sweep(whole))
        at = prepared(folder, server)
        filler = fill(folder / "runs", leave=pages)
        said = await refused(await sweep(at))
        assert b"room" in said or b"free some space" in said
        filler.unlink()
        await finish(await sweep(at))
        assert cells(at) == cells(whole)


@pytest.mark.parametrize("pages", [0, 3, 5])
async def test_an_evaluation_goes_on_once_there_is_room(folder: Path, pages: int) -> None:
    async with new_server() as server:
        whole = prepared(folder.parent / "whole", server)
        expected = await scores(await evaluate(whole))
        at = prepared(folder, server)
        filler = fill(folder / "runs", leave=pages)
        said = await refused(await evaluate(at))
        assert b"room" in said or b"free some space" in said
        filler.unlink()
        assert await scores(await evaluate(at)) == expected
