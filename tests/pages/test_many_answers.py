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


async def test_paper_has_what_no_screen_shows(tab: Browser, home: str, canned: Canned) -> None:
    canned.answers["run"] = lambda _: run_data(
        prompts=[prompt("0.1", "start"), prompt("2.1", "best")], splits={"test": 300}
    )
    canned.answers["grid"] = lambda _: {"size": 300, "prompts": {"x0_1": "r" * 300}}
    await tab.open(f"{home}#/run/sums-1/answers", 1280, 900)
    await tab.until(COUNT.format(".grid-body .question > bdi"))
    seen: int = await tab.evaluate(COUNT.format(".grid-body .grid-row"))
    assert seen < 60
    await tab.evaluate("window.asked = 0; window.print = () => { window.asked += 1; }; 0")
    await tab.evaluate(
        "dispatchEvent(new KeyboardEvent('keydown', {key: 'p', ctrlKey: true, cancelable: true}))"
    )
    await tab.until("window.asked === 1")
    await tab.call("Emulation.setEmulatedMedia", media="print")
    await tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await tab.evaluate(COUNT.format(".grid-body .question > bdi")) == 300
    told = "On paper: test, 300 of 300 questions under 2 of 2 prompts."
    assert await tab.evaluate("document.querySelector('.on-paper').textContent") == told
    title = "document.querySelector('.view-answers h1').getBoundingClientRect().width"
    assert await tab.evaluate(title) > 100  # else paper would not say whose they are
    places = "[...document.querySelectorAll('.grid-body .grid-row')].map(e => e.offsetTop)"
    tops: list[int] = await tab.evaluate(places)
    assert all(below == above + 30 for above, below in pairwise(tops))
    await tab.call("Emulation.setEmulatedMedia", media="")
    await tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert await tab.evaluate(COUNT.format(".grid-body .grid-row")) == seen


async def test_paper_says_how_much_of_a_large_grid_it_has(
    tab: Browser, home: str, canned: Canned
) -> None:
    await tab.open(f"{home}#/run/sums-1/answers?prompts=all", 1280, 900)
    await tab.until(COUNT.format(".grid-body .question > bdi"))
    await tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    told = await tab.evaluate("document.querySelector('.on-paper').textContent")
    assert told.startswith("On paper: test, 1,000 of 1,000 questions under 14 of 400 prompts; ")
    assert await tab.evaluate(COUNT.format(".grid-body .cell")) == 14_000


async def test_paper_says_what_has_not_come_yet_and_a_button_waits_for_it(
    tab: Browser, home: str
) -> None:
    """The menu of the browser does not wait."""
    await tab.open(f"{home}#/run/sums-1/answers?prompts=all", 1280, 900)
    await tab.until(COUNT.format(".grid-body .question > bdi"))
    there = await tab.evaluate(COUNT.format(".grid-body .question > bdi"))
    await tab.evaluate("window.load_ = fetch; window.fetch = () => new Promise(() => {}); 0")
    await tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown = await tab.evaluate(COUNT.format(".grid-body .question > bdi"))
    assert there <= shown < 1_000
    told = await tab.evaluate("document.querySelector('.on-paper').textContent")
    assert told.endswith(
        f"prompts; the texts of {1_000 - shown:,} questions had not come: "
        "“print” on the page waits for them."
    )
    await tab.evaluate("dispatchEvent(new Event('afterprint')); window.fetch = window.load_; 0")
    await tab.open("about:blank", 1280, 900)
    await tab.open(f"{home}#/run/sums-1/answers?prompts=all", 1280, 900)
    await tab.until(COUNT.format(".grid-body .question > bdi"))
    await tab.evaluate(
        "window.printed = ''; window.print = () => { dispatchEvent(new Event('beforeprint')); "
        "window.printed = document.querySelector('.on-paper').textContent; }; 0"
    )
    await tab.point_at(".row-note button.print", click=True)
    await tab.until("window.printed")
    assert (await tab.evaluate("window.printed")).endswith("questions under 14 of 400 prompts.")
    assert await tab.evaluate(COUNT.format(".grid-body .question > bdi")) == 1_000


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
async def test_headings_of_baselines_fit(
    tab: Browser, home: str, canned: Canned, size: tuple[int, int]
) -> None:
    names = ["0.1", "2.1", "10.8"]
    prompts = [prompt(name, name) for name in names]
    baseline = prompt("0.1", "b", is_start=False)
    prompts += [{**baseline, "name": f"baseline {n}", "id": f"b{n}"} for n in (1, 2)]
    canned.answers["run"] = lambda _: run_data(prompts=prompts, splits={"test": 3})
    canned.answers["grid"] = lambda _: {"size": 3, "prompts": {p["id"]: "rwr" for p in prompts}}
    await tab.open(f"{home}#/run/sums-1/answers?prompts=all", *size)
    await tab.until("document.querySelectorAll('.grid-head .cell b').length === 5")
    assert (await tab.evaluate(HEADS))[-1] == "base 2"
    last = "[...document.querySelectorAll('.grid-head .cell')].at(-1).ariaLabel"
    assert await tab.evaluate(last) == "prompt baseline 2, 50.0 %"
    fits = (
        "[...document.querySelectorAll('.grid-head b')].every(e => e.scrollWidth <= e.clientWidth)"
    )
    assert await tab.evaluate(fits)
    grid = "document.querySelector('.grid')"
    assert await tab.evaluate(f"{grid}.scrollWidth <= {grid}.clientWidth")


async def test_a_loss_is_no_percentage(tab: Browser, home: str, canned: Canned) -> None:
    """A mean loss between 0 and 1 looks like a share."""
    scale = {"minimise": True, "bounded": False}
    canned.answers["run"] = lambda _: run_data(
        prompts=[prompt("0.1", "start")], splits={"test": 3}, scale=scale
    )
    canned.answers["grid"] = lambda _: {"size": 3, "prompts": {"x0_1": "vvv"}}
    await tab.open(f"{home}#/run/sums-1/answers", 1280, 900)
    await tab.until("document.querySelectorAll('.grid-head .cell small').length")
    assert (
        await tab.evaluate("document.querySelector('.grid-head .cell small').textContent") == "0.5"
    )
