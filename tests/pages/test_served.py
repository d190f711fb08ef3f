"""The page at the real server: every view of runs of every journal format."""

from __future__ import annotations

import pytest

from tests.reports.html.browser import CHROMIUM, Browser
from tests.viewer.conftest import Page
from tests.viewer.conftest import page as page
from tests.viewer.conftest import runs as runs

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


async def test_every_run_and_every_answer_is_there(tab: Browser, page: Page) -> None:
    tab.home = page.root
    await tab.open(page.root, 1280, 900)
    await tab.until("document.querySelectorAll('.runs tbody tr').length")
    names = await tab.evaluate(
        "[...document.querySelectorAll('.runs a.open')].map(a => a.textContent)"
    )
    assert len(names) == 9
    for name in names:
        await tab.open(f"{page.root}#/run/{name}", 1280, 900)
        await tab.until("document.querySelectorAll('article').length")
        await tab.open(f"{page.root}#/run/{name}/answers", 1280, 900)
        await tab.until(
            "document.querySelectorAll('.grid-body .question bdi').length"
            " || document.body.innerText.includes('No question')"
        )
        cell = "document.querySelector('.grid-body .cell:not(.n)')"
        if await tab.evaluate(f"{cell} !== null"):
            await tab.point_at(".grid-body .cell:not(.n)", click=True)
            await tab.until("document.querySelector('.answer .reply, .answer .none')")
        await tab.open(f"{page.root}#/compare?prompts={name}@start,{name}@best", 1280, 900)
        await tab.until("document.querySelector('.compared .diff, .problem')")
    tab.said = [said for said in tab.said if "favicon" not in said]
