"""`opro report` in a browser: the same page, with the answers of a run inside one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from opro_cli.app.prompt import read_prompt
from opro_cli.app.report import report_on_runs
from tests.pages.canned import AXE
from tests.pages.test_views import find_faults
from tests.reports.html.browser import CHROMIUM, Browser
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
