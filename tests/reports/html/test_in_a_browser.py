"""The page in a browser, wide and narrow: pointing, keys, sorting, texts that mean harm."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opro_cli.render.html.markup import make_visible
from opro_cli.render.html.page import render_report
from tests.core.runs import new_state, proposed, score_all
from tests.hostile.cases import CASES
from tests.reports.html.browser import CHROMIUM, Browser, browser
from tests.reports.html.pages import recorded, run_saying, small_run
from tests.reports.html.test_hostile import crowded

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

WIDE, NARROW = (1280, 900), (390, 844)
SORTED = "[...document.querySelectorAll('.candidates tbody tr')].map(row => row.id).join(' ')"
TIP = "document.getElementById('tip')"


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser that must have nothing to complain about."""
    async with browser(tmp_path / "profile") as tab:
        yield tab
        assert not tab.said


@pytest.fixture
def small(tmp_path: Path) -> Path:
    page = tmp_path / "small.html"
    page.write_text(render_report([small_run()]), "utf-8")
    return page


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_page_fits_its_window(
    tab: Browser, small: Path, size: tuple[int, int], scheme: str
) -> None:
    await tab.open(small, *size, scheme)
    root = "document.documentElement"
    assert await tab.evaluate(f"{root}.scrollWidth === {root}.clientWidth")
    background = await tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(246, 247, 249)" if scheme == "light" else "rgb(16, 19, 24)")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_columns_are_sorted_by_click_and_by_key(
    tab: Browser, small: Path, size: tuple[int, int]
) -> None:
    await tab.open(small, *size)
    assert await tab.evaluate(SORTED) == "r1c3 r1c2 r1c1 r1c4 r1c0"
    await tab.point_at("th.train button", click=True)
    assert await tab.evaluate(SORTED) == "r1c0 r1c1 r1c4 r1c2 r1c3"
    await tab.evaluate("document.querySelector('th.train button').focus()")
    await tab.press("Enter")
    assert await tab.evaluate(SORTED) == "r1c3 r1c2 r1c1 r1c4 r1c0"
    await tab.press("Tab")  # to the button behind it: test, which only two have
    await tab.press("Enter")
    assert await tab.evaluate(SORTED) == "r1c3 r1c0 r1c2 r1c1 r1c4"
    await tab.press("Enter")
    assert await tab.evaluate(SORTED) == "r1c0 r1c3 r1c2 r1c1 r1c4"
    sorts = "[...document.querySelectorAll('.candidates th')].map(th => th.ariaSort).join(' ')"
    assert await tab.evaluate(sorts) == "none none none ascending none none"
    await tab.point_at("th.instruction button", click=True)
    assert await tab.evaluate(SORTED) == "r1c1 r1c2 r1c3 r1c4 r1c0"
    assert await tab.evaluate("document.querySelector('[role=status]').textContent") == (
        "sorted by instruction, ascending"
    )


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_dot_tells_its_instruction(
    tab: Browser, small: Path, size: tuple[int, int]
) -> None:
    await tab.open(small, *size)
    await tab.point_at("a[href='#r1c2'] circle")
    told = f"{TIP}.hidden ? '' : {TIP}.innerText"
    assert await tab.evaluate(told) == "step 1: train 75.0 % [30.1–95.4] 3/4\nb"
    inside = f"(r => r.left >= 0 && r.right <= innerWidth)({TIP}.getBoundingClientRect())"
    assert await tab.evaluate(inside)
    await tab.point_at("h3")
    assert await tab.evaluate(told) == ""
    await tab.evaluate("document.querySelector('.curve a[tabindex=\"0\"]').focus()")
    assert (await tab.evaluate(told)).endswith("\nstart")
    for key, text in (("ArrowRight", "a"), ("End", "d"), ("ArrowLeft", "c"), ("Home", "start")):
        await tab.press(key)
        assert (await tab.evaluate(told)).endswith(f"\n{text}")
        assert await tab.evaluate("document.activeElement.getAttribute('aria-describedby')")
    await tab.press("Escape")
    assert await tab.evaluate(told) == ""
    await tab.press("Enter")
    assert await tab.evaluate("location.hash") == "#r1c0"
    assert await tab.evaluate("document.querySelectorAll('.curve a[tabindex=\"0\"]').length") == 1


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_long_table_unfolds_and_a_dot_leads_into_it(
    tab: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    page = tmp_path / "long.html"
    page.write_text(render_report([recorded(crowded("Think.", steps=5, per_step=8))]), "utf-8")
    await tab.open(page, *size)
    seen = "[...document.querySelectorAll('.candidates tbody tr')].filter(e => e.offsetParent)"
    # Twelve, and the start prompt, which stands further down.
    assert await tab.evaluate(f"{seen}.length") == 13
    assert await tab.evaluate("document.querySelector('.unfold').textContent") == "show all 41"
    await tab.evaluate("document.querySelector('.curve a[href=\"#r1c40\"]').focus()")
    await tab.press("Enter")
    assert await tab.evaluate(f"{seen}.length") == 41
    top = "document.getElementById('r1c40').getBoundingClientRect().top"
    await tab.until(f"{top} >= 0 && {top} < innerHeight")  # under no heading, once it is there
    assert await tab.evaluate("document.activeElement.id") == "r1c40"
    assert await tab.evaluate("document.querySelector('.unfold') === null")


async def test_a_diff_of_hebrew_reads_from_right_to_left(tab: Browser, tmp_path: Path) -> None:
    state = new_state("אחת שתים שלוש ארבע", steps=1, per_step=1, train=4, test=4)
    score_all(state, "אחת שתים שלוש ארבע", 1)
    state.apply(proposed(1, 0, "אחת חמש שלוש ארבע"))
    score_all(state, "אחת חמש שלוש ארבע", 4)
    page = tmp_path / "hebrew.html"
    page.write_text(render_report([recorded(state)]), "utf-8")
    await tab.open(page, *WIDE)
    lefts = await tab.evaluate(
        "[...document.querySelector('.changed .diff').children]"
        ".map(each => each.getBoundingClientRect().left)"
    )
    assert len(lefts) == 4
    assert lefts == sorted(lefts, reverse=True)


async def test_no_text_is_obeyed(tab: Browser, tmp_path: Path) -> None:
    run, history = run_saying([case.text for case in CASES])
    page = tmp_path / "hostile.html"
    page.write_text(render_report([run], [history]), "utf-8")
    await tab.open(page, *WIDE)
    assert (
        await tab.evaluate(
            "document.querySelectorAll('script:not([type]), img, iframe, link').length"
        )
        == 1
    )
    for number, case in enumerate(CASES, start=1):
        await tab.evaluate(f"document.querySelector('a[href=\"#r1c{number}\"]').focus()")
        said = await tab.evaluate(f"{TIP}.lastChild.textContent")
        told = make_visible(f"New: {case.text}".replace("\r\n", "\n"))
        assert said.replace("\n", "⏎") == told[:300] + "…" * (len(told) > 300)
        assert await tab.evaluate(f"{TIP}.lastChild.children.length") == 0
    await tab.point_at("th.instruction button", click=True)
    assert await tab.evaluate("document.title") == make_visible(CASES[0].text) + " · opro report"
