"""The report of a run with more candidates than are drawn at once, at a real server."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from opro_cli.app.report import report_on_runs
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Event, SessionStarted
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import Example, Split
from opro_cli.render.html.rows import MOST_ROWS
from opro_cli.store.journal import FileJournal
from tests.bench.long_search import new_run
from tests.core.runs import answered, proposed
from tests.reports.html.browser import CHROMIUM, Browser
from tests.viewer.conftest import Page
from tests.viewer.conftest import page as page

STEPS, PER_STEP = 40, 8
TOTAL = STEPS * PER_STEP + 1
ROWS = "document.querySelectorAll('.candidates tbody tr').length"
SHOWN = "[...document.querySelectorAll('.candidates tbody tr')].filter(e => !e.hidden).length"
LEFT_OUT = "document.querySelector('.left-out')"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a run whose later prompts are the worse ones, the last of all the worst."""
    rows = [Example(f"What is {n}?", str(n), f"t:{n}", n) for n in range(4)]
    examples: dict[Split, list[Example]] = {"train": rows, "dev": [], "test": []}
    search = SearchSettings(initial_instructions=("start",), steps=STEPS)
    (tmp_path / "runs").mkdir()
    folder = new_run(tmp_path / "runs", examples, search)
    events: list[Event] = [SessionStarted(1.0, 4711, "0.1.0")]
    events += [answered("start", n, 0.0) for n in range(4)]
    for step in range(1, STEPS + 1):
        names = [f"{step}.{sample + 1}" for sample in range(PER_STEP)]
        events += [proposed(step, sample, name) for sample, name in enumerate(names)]
        right = 3 if step < 25 else 1
        events += [answered(name, n, float(n < right)) for name in names for n in range(4)]
    journal = FileJournal(folder / "events.jsonl")
    for event in events:
        journal.append(event)
    journal.close()
    return tmp_path / "runs"


async def test_the_first_answer_is_small_and_all_rows_are_an_answer_of_their_own(
    page: Page,
) -> None:
    (folder,) = page.runs.iterdir()
    shown = await page.get(f"run?name={folder.name}")
    rows = await page.get(f"rows?name={folder.name}")
    ids = re.compile(r'<tr id="(runc\d+)"')
    assert len(ids.findall(shown["html"])) == MOST_ROWS + 1
    assert sorted(ids.findall(rows["html"])) == sorted(f"runc{n}" for n in range(TOTAL))
    assert len(shown["prompts"]) == TOTAL


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
class TestInABrowser:
    """What a reader does with such a report."""

    async def open(self, tab: Browser, page: Page, asked: str = "") -> str:
        (folder,) = page.runs.iterdir()
        tab.home = page.root
        await tab.open(f"{page.root}#/run/{folder.name}{asked}", 1280, 900)
        await tab.until("document.querySelectorAll('article').length")
        return folder.name

    async def test_all_are_a_click_away(self, tab: Browser, page: Page) -> None:
        name = await self.open(tab, page)
        assert await tab.evaluate(ROWS) == MOST_ROWS + 1
        said = await tab.evaluate(f"{LEFT_OUT}.textContent")
        assert said.startswith(f"Drawn here are {MOST_ROWS + 1} of 321: the best on train")
        assert "opro view" not in said
        assert await tab.evaluate("document.querySelector('.unfold').textContent") == "show all 321"
        await tab.point_at(".unfold", click=True)
        await tab.until(f"{SHOWN} === {TOTAL}")
        assert await tab.evaluate(f"{LEFT_OUT} === null")
        assert await tab.evaluate("document.querySelector('.unfold') === null")
        # Each has its links, also those that came later.
        last = f"document.getElementById('runc{TOTAL - 1}')"
        link = await tab.evaluate(f"{last}.querySelector('.links a').getAttribute('href')")
        assert link == f"#/run/{name}/answers?prompts={make_candidate_id('40.8')}"
        await tab.evaluate("copy = (text) => (document.title = text)")
        await tab.evaluate(f"{last}.querySelector('.links button').click()")
        assert await tab.evaluate("document.title") == "40.8"

    async def test_all_are_sorted_and_not_only_those_that_are_drawn(
        self, tab: Browser, page: Page
    ) -> None:
        await self.open(tab, page)
        await tab.point_at("th.train button", click=True)
        first = "document.querySelector('.candidates tbody tr').id"
        await tab.until(f"{ROWS} === {TOTAL} && {first} === 'runc0'")
        second = "document.querySelectorAll('.candidates tbody tr')[1].id"
        assert await tab.evaluate(second) == "runc193"  # the first of step 25
        assert await tab.evaluate(SHOWN) == 12 + 1  # with the winner, which is always there
        await tab.point_at(".unfold", click=True)
        await tab.until(f"{SHOWN} === {TOTAL}")
        assert await tab.evaluate(second) == "runc193"

    async def test_all_are_printed_by_the_key(self, tab: Browser, page: Page) -> None:
        await self.open(tab, page)
        await tab.evaluate("window.printed = 0; window.print = () => (window.printed += 1); 0")
        key = "{key: 'p', ctrlKey: true, cancelable: true}"
        await tab.evaluate(f"dispatchEvent(new KeyboardEvent('keydown', {key}))")
        await tab.until("window.printed === 1")
        await tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert await tab.evaluate(SHOWN) == TOTAL

    async def test_an_address_leads_to_a_row_that_was_not_drawn(
        self, tab: Browser, page: Page
    ) -> None:
        await self.open(tab, page, f"?at=runc{TOTAL - 1}")
        await tab.until(f"document.activeElement.id === 'runc{TOTAL - 1}'")

    async def test_a_page_to_send_on_says_what_it_leaves_out(
        self, tab: Browser, page: Page, tmp_path: Path
    ) -> None:
        file = await asyncio.to_thread(
            report_on_runs, list(page.runs.iterdir()), tmp_path / "one.html"
        )
        await tab.open(file, 1280, 900)
        assert await tab.evaluate(ROWS) == MOST_ROWS + 1
        assert (await tab.evaluate(f"{LEFT_OUT}.textContent")).endswith("`opro view` shows all.")
        words = await tab.evaluate("document.querySelector('.unfold').textContent")
        assert words == f"show these {MOST_ROWS + 1}"
        await tab.point_at(".unfold", click=True)
        assert await tab.evaluate(SHOWN) == MOST_ROWS + 1
        assert not json.loads(await tab.evaluate(f"JSON.stringify({LEFT_OUT} === null)"))
