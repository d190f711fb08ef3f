"""A tab at a canned server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.pages.canned import Canned, serve, usual
from tests.reports.html.browser import Browser, browser


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser that must have nothing to complain about."""
    async with browser(tmp_path / "profile") as tab:
        yield tab
        assert not tab.said


@pytest.fixture
def canned() -> Canned:
    return usual()


@pytest.fixture
async def home(tab: Browser, canned: Canned) -> AsyncIterator[str]:
    """The address of the page, served by the canned server."""
    async with serve(canned) as address:
        tab.home = address.removesuffix("token/")
        yield address
