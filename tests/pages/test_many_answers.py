"""A grid of 400,000 answers: only what is seen is in the page."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.pages.canned import Canned, prompt, run_data
from tests.reports.html.browser import CHROMIUM, Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

QUESTIONS, PROMPTS = 1_000, 400
COUNT = "document.querySelectorAll({!r}).length"
NUMBERS = "[...document.querySelectorAll('.grid-body .question b')].map(e => Number(e.textContent))"
HEADS = "[...document.querySelectorAll('.grid-head .cell b')].map(e => e.textContent)"
SCROLL = "(async () => {{ const grid = document.querySelector('.grid'); {} }})()"


@pytest.fixture
def canned(canned: Canned) -> Canned:
    names = ["0.1", *(f"{step}.{number}" for step in range(1, 58) for number in range(1, 8))]
    prompts = [prompt(name, f"prompt {name}") for name in names][:PROMPTS]
    marks = {each["id"]: ("rw" * QUESTIONS)[:QUESTIONS] for each in prompts}
    marks[prompts[-1]["id"]] = "w" * QUESTIONS
    canned.answers["run"] = lambda _: run_data(prompts=prompts, splits={"test": QUESTIONS})
    canned.answers["grid"] = lambda _: {"size": QUESTIONS, "prompts": marks}
    return canned


async def scroll(tab: Browser, *places: str) -> list[int]:
    """Scroll to places one behind the other; the most nodes of the grid after any of them."""
    steps = " ".join(
        f"{place}; await new Promise(done => requestAnimationFrame(() => "
        "requestAnimationFrame(done))); counts.push(grid.querySelectorAll('*').length);"
        for place in places
    )
    told = await tab.call(
        "Runtime.evaluate",
        expression=SCROLL.format(f"const counts = []; {steps} return counts;"),
        awaitPromise=True,
        returnByValue=True,
    )
    counts: list[int] = told["result"]["value"]
    return counts


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
async def test_only_what_is_seen_is_in_the_page(
    tab: Browser, home: str, canned: Canned, size: tuple[int, int]
) -> None:
    await tab.open(f"{home}#/run/sums-1/answers?prompts=all", *size)
    await tab.until(COUNT.format(".grid-body .question > bdi"))
    grid = "document.querySelector('.grid')"
    assert await tab.evaluate(f"{grid}.ariaRowCount") == str(QUESTIONS + 1)
    assert await tab.evaluate(f"{grid}.ariaColCount") == str(PROMPTS + 1)
    places = [f"grid.scrollTop = {3_000 * n}" for n in range(10)]
    places += [f"grid.scrollLeft = {1_500 * n}" for n in range(8)]
    most = max(await scroll(tab, *places))
    # A window of 900 pixels shows 20 rows of 30 and 17 columns; six rows more on either side.
    assert most < 35 * 25 + 35 * 3
    await scroll(tab, "grid.scrollTop = 1e7", "grid.scrollLeft = 1e7")
    numbers, heads = await tab.evaluate(NUMBERS), await tab.evaluate(HEADS)
    assert numbers[-1] == QUESTIONS - 1
    assert all(below == above + 1 for above, below in pairwise(numbers))
    assert heads[-1] == "57.7"
    last = "[...document.querySelectorAll('.grid-body .grid-row')].at(-1).lastChild.textContent"
    assert await tab.evaluate(last) == "✗"
    await tab.until(COUNT.format(".grid-body .question > bdi") + f" === {len(numbers)}")
    asked = [path for path in canned.asked if "questions" in path]
    assert len(asked) < 20  # not every stretch that was scrolled past, and none twice
    assert len(asked) == len(set(asked))


async def test_keys_reach_the_far_corner_and_a_filter_leaves_few(tab: Browser, home: str) -> None:
    await tab.open(f"{home}#/run/sums-1/answers?prompts=all", 1280, 900)
    await tab.until(COUNT.format(".grid-body .question > bdi"))
    await tab.evaluate("document.querySelector('.grid').focus()")
    for key in ("End", "PageDown", "j", "k", "PageDown"):
        await tab.press(key)
    row: Any = await tab.evaluate(
        "document.getElementById('active-cell').closest('[data-place]').dataset.place"
    )
    assert int(row) > 30
    assert await tab.evaluate("document.getElementById('active-cell').ariaLabel") == "57.7: wrong"
    await tab.evaluate("location.hash = '#/run/sums-1/answers?prompts=all&only=right&under=x57_7'")
    await tab.until("document.body.innerText.includes('No question is left')")
    assert await tab.evaluate(COUNT.format(".grid-body .grid-row")) == 0
