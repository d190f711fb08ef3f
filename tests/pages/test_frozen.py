"""`opro report` in a browser: the same page, with the answers of a run inside one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from opro_cli.app.prompt import read_prompt
from opro_cli.app.report import report_on_runs
from opro_cli.render.html.page import render_report
from tests.pages.canned import AXE
from tests.pages.test_views import find_faults
from tests.render.test_front import two_on_the_front
from tests.reports.html.browser import CHROMIUM, Browser
from tests.reports.html.pages import recorded
from tests.reports.html.test_hostile import crowded
from tests.reports.test_labels import run_of
from tests.store.conftest import copy_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
SIZES = pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    for version in (8, 9):
        copy_of(version, tmp_path / "runs")
    return sorted((tmp_path / "runs").iterdir())


def write_pages(folder: Path, folders: Sequence[Path]) -> dict[str, Path]:
    """Write a report of each kind of run."""
    made = {
        "labels": render_report([run_of("nnnnnnnyyy", "ooooooooy?", "nnnnnnnnnn")]),
        "costs": render_report([recorded(two_on_the_front("good"))]),
        "many": render_report([recorded(crowded("Think.", steps=40, per_step=8))]),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    for each in folders:
        made[each.name] = ""
        report_on_runs([each], folder / f"{each.name}.html")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: make axe")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@SIZES
async def test_axe_finds_nothing_in_any_kind_of_report(
    tab: Browser, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    for version in (4, 6, 9):  # an early one, a problem, and worked examples
        copy_of(version, tmp_path / "runs")
    pages = write_pages(tmp_path, sorted((tmp_path / "runs").iterdir()))
    found = {}
    for name, page in pages.items():
        await tab.open(page, *size, scheme)
        opened = "document.querySelectorAll('details').forEach(each => (each.open = true))"
        await tab.evaluate(opened)
        found[name] = await find_faults(tab)
    assert {name: faults for name, faults in found.items() if faults} == {}


@SIZES
async def test_every_answer_is_a_click_away(
    tab: Browser, folders: list[Path], tmp_path: Path, size: tuple[int, int]
) -> None:
    page = report_on_runs(folders[-1:], tmp_path / "one.html")
    await tab.open(page, *size)
    assert await tab.evaluate("document.querySelectorAll('article').length") == 1
    await tab.point_at("article header a", click=True)
    await tab.until("document.querySelectorAll('.grid-body .question bdi').length")
    assert "This page holds all" in await tab.evaluate("document.body.innerText")
    await tab.point_at("[data-place='0'] [data-at='0']", click=True)
    await tab.until("document.querySelector('.answer .reply')")
    assert await tab.evaluate("document.querySelector('.answer .problem') === null")
    await tab.press("Escape")
    await tab.evaluate("location.hash = '#/'")
    await tab.until("document.querySelectorAll('article').length === 1")
    root = "document.documentElement"
    assert await tab.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    if AXE.is_file():
        assert await find_faults(tab) == []


async def test_a_flipped_question_leads_to_its_replies(
    tab: Browser, folders: list[Path], tmp_path: Path
) -> None:
    page = report_on_runs(folders[-1:], tmp_path / "one.html")
    await tab.open(page, 1280, 900)
    number = await tab.evaluate("document.querySelector('[data-flip]').dataset.flip")
    await tab.evaluate("document.querySelector('[data-flip] .links a').click()")
    await tab.until("document.querySelector('.answer .reply')")
    title = await tab.evaluate("document.querySelector('.answer h2').textContent")
    assert title.startswith(f"test question {number}, prompt ")
    assert "2 prompts" in await tab.evaluate("document.querySelector('.row-note').textContent")


async def test_several_runs_are_folded_and_opened_by_their_links(
    tab: Browser, folders: list[Path], tmp_path: Path
) -> None:
    page = report_on_runs(folders, tmp_path / "two.html")
    await tab.open(page, 1280, 900)
    shown = "[...document.querySelectorAll('article')].map(e => e.checkVisibility())"
    assert await tab.evaluate(shown) == [False, False]
    await tab.point_at(".comparison tbody a[href='#r2']", click=True)
    assert await tab.evaluate(shown) == [False, True]
    assert await tab.evaluate("location.hash") == "#r2"
    if AXE.is_file():
        assert await find_faults(tab) == []


async def test_a_prompt_is_copied_as_it_was_sent(
    tab: Browser, folders: list[Path], tmp_path: Path
) -> None:
    await tab.open(report_on_runs(folders[-1:], tmp_path / "one.html"), 1280, 900)
    await tab.evaluate(
        "window.copied = []; document.execCommand = () => "
        "{ window.copied.push(document.activeElement.value); return true; };"
        "Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true});"
    )
    for number in (0, 1, 3):
        buttons = "document.querySelector('.prompt.best').querySelectorAll('button.copy')"
        await tab.evaluate(f"{buttons}[{number}].click()")
    best = (folders[-1] / "best_prompt.txt").read_text("utf-8")
    copied = await tab.evaluate("window.copied")
    assert copied[0] == read_prompt(tmp_path / "runs", folders[-1].name).text
    assert best in copied[0]  # among worked examples
    assert copied[1] == best
    assert copied[2].startswith(f"opro prompt {folders[-1].name}@")
