"""The page about a sweep in a browser, wide and narrow: all of it is there, and names are whole."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from opro_cli.render.html.sweep_page import render_sweep_report
from opro_cli.reports.sweeps.report import build_sweep_report
from tests.pages.canned import AXE
from tests.pages.test_views import find_faults
from tests.reports.html.browser import CHROMIUM, browser
from tests.reports.html.test_sweep_page import report, two_seeds, two_tasks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

OUTSIDE = """
[...document.querySelectorAll('main *')].filter(node => {
  const box = node.getBoundingClientRect()
  return box.width && !node.closest('.unseen') && (box.right > innerWidth + 1 || box.left < -1)
}).map(node => node.outerHTML.slice(0, 120))
"""
BROKEN = """
[...document.querySelectorAll('.names bdi, .forest .who bdi')]
  .filter(name => name.getClientRects().length > 1).map(name => name.textContent)
"""
CUT = """
[...document.querySelectorAll('.forest b')]
  .filter(text => text.scrollWidth > text.clientWidth + 1).map(text => text.textContent)
"""
ZERO = """
(line => [line.top, line.bottom])(document.querySelector('.forest .zero').getBoundingClientRect())
"""
ROWS = (
    "[...document.querySelectorAll('.forest > div > div')].map(r => r.getBoundingClientRect().top)"
)
LABELS = """
[...document.querySelectorAll('.forest text')].map(text => text.getBoundingClientRect())
  .filter(box => box.width).map(box => [box.left, box.right, box.top])
"""


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
async def test_nothing_is_cut_off_and_no_name_is_broken(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    page = tmp_path / "sweep.html"
    page.write_text(render_sweep_report(build_sweep_report("grid", two_tasks())), "utf-8")
    async with browser(tmp_path / "profile") as tab:
        await tab.open(page, *size)
        root = "document.documentElement"
        assert await tab.evaluate(f"{root}.scrollWidth === {root}.clientWidth")
        if size[0] < 500:  # a wide matrix scrolls in a box of its own, a narrow page has none
            assert await tab.evaluate(OUTSIDE) == []
        assert await tab.evaluate(BROKEN) == []
        assert await tab.evaluate(CUT) == []
        top, bottom = await tab.evaluate(ZERO)
        rows = await tab.evaluate(ROWS)
        assert len(rows) == 4
        assert top <= rows[0] + 1
        assert bottom > rows[-1]
        boxes = await tab.evaluate(LABELS)
        assert all(box[2] >= bottom for box in boxes)
        assert all(one[1] < other[0] for one, other in pairwise(boxes))
        assert not tab.said


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: make axe")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
async def test_axe_finds_nothing(tmp_path: Path, size: tuple[int, int], scheme: str) -> None:
    told = two_tasks()
    pages = {
        "gains": render_sweep_report(build_sweep_report("grid", told)),
        "transfer and failures": render_sweep_report(report(["a", "b"])),
        "one cell": render_sweep_report(build_sweep_report("grid", told[:1])),
    }
    found = {}
    async with browser(tmp_path / "profile") as tab:
        for name, text in pages.items():
            page = tmp_path / f"{name}.html"
            page.write_text(text, "utf-8")
            await tab.open(page, *size, scheme)
            opened = "document.querySelectorAll('details').forEach(each => (each.open = true))"
            await tab.evaluate(opened)
            found[name] = await find_faults(tab)
    assert {name: faults for name, faults in found.items() if faults} == {}


HIDDEN = """
[...document.querySelectorAll('details > *, .winners .text')]
  .filter(each => !each.checkVisibility({contentVisibilityAuto: true})
    || !each.getBoundingClientRect().height || each.scrollHeight > each.clientHeight + 2)
  .filter(each => each.tagName !== "SUMMARY").map(each => each.textContent.slice(0, 60))
"""


async def test_paper_has_what_is_folded_on_a_screen(tmp_path: Path) -> None:
    """The page has no script that would unfold it."""
    page = tmp_path / "sweep.html"
    page.write_text(render_sweep_report(build_sweep_report("grid", two_tasks())), "utf-8")
    async with browser(tmp_path / "profile") as tab:
        await tab.open(page, 1280, 900)
        assert len(await tab.evaluate(HIDDEN)) > 3
        await tab.call("Emulation.setEmulatedMedia", media="print")
        assert await tab.evaluate(HIDDEN) == []


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
async def test_the_labels_of_an_axis_do_not_overlap(tmp_path: Path, size: tuple[int, int]) -> None:
    """From 0 to 100 there are six."""
    page = tmp_path / "sweep.html"
    page.write_text(render_sweep_report(build_sweep_report("grid", two_seeds()[:2])), "utf-8")
    async with browser(tmp_path / "profile") as tab:
        await tab.open(page, *size)
        boxes = await tab.evaluate(LABELS)
        assert len(boxes) == (6 if size[0] > 500 else 3)
        assert all(one[1] + 3 < other[0] for one, other in pairwise(boxes))
