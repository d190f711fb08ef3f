"""A real server on a real port, and what a page asks of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from opro_cli.app.view import RunsViewer
from opro_cli.viewer.server import ViewServer
from tests.store.conftest import copy_of
from tests.store.conftest import opro as opro


@dataclass(frozen=True, slots=True)
class Got:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Page:
    """Somebody who has the address."""

    root: str
    session: aiohttp.ClientSession
    runs: Path

    async def ask(
        self, path: str, method: str = "GET", root: str | None = None, **headers: str
    ) -> Got:
        """Ask for a path below the secret folder, exactly as it is written."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address = URL((self.root if root is None else root) + path, encoded=True)
        async with self.session.request(method, address, headers=named) as reply:
            return Got(reply.status, reply.headers, await reply.read())

    async def get(self, path: str) -> Any:
        """The data below `api/`."""
        got = await self.ask(f"api/{path}")
        assert got.status == 200, got.body
        return got.data


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a run of each old opro."""
    for version in range(1, 10):
        copy_of(version, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
async def page(runs: Path) -> AsyncIterator[Page]:
    """A page of these runs."""
    server = ViewServer(RunsViewer(runs), "127.0.0.1", 0)
    stopped, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(server.run(stopped, ready.set))
    await asyncio.wait({serving, asyncio.create_task(ready.wait())}, return_when="FIRST_COMPLETED")
    async with aiohttp.ClientSession() as session:
        yield Page(server.address, session, runs)
    stopped.set()
    await serving
