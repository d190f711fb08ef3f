"""The four views by mouse and by keys, wide and narrow, light and dark."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.pages.canned import AXE, LIVE, Canned, article, compare, prompt, row, run_data
from tests.reports.html.browser import CHROMIUM, Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

WIDE, NARROW = (1280, 900), (390, 844)
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
VIEWS = {
    "runs": "#/",
    "trend": "#/?config=sums&pick=sums-1",
    "run": "#/run/sums-1",
    "answers": "#/run/sums-1/answers",
    "answer": "#/run/sums-1/answers?open=x2_1,3",
    "compare": "#/compare?prompts=sums-1@start,sums-1@best",
}
READY = {
    "runs": "document.querySelectorAll('.runs tbody tr').length",
    "trend": "document.querySelectorAll('.trend circle').length",
    "run": "document.querySelectorAll('article').length",
    "answers": "document.querySelectorAll('.grid-body .question bdi').length",
    "answer": "document.querySelectorAll('.answer mark').length",
    "compare": "document.querySelectorAll('.diff ins').length",
}
RUNS = "[...document.querySelectorAll('.runs tbody th')].map(e => e.textContent).join('|')"
ROWS = "[...document.querySelectorAll('.grid-body .question b')].map(e => e.textContent).join(' ')"
HASH = "decodeURIComponent(location.hash)"


async def show(
    tab: Browser, home: str, view: str, size: tuple[int, int] = WIDE, scheme: str = "light"
) -> None:
    """Open a view, and wait until it is there."""
    await tab.open(f"{home}{VIEWS.get(view, view)}", *size, scheme)
    await tab.until(READY.get(view, "document.querySelector('main').childElementCount"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@SIZES
async def test_every_view_fits_its_window(
    tab: Browser, home: str, size: tuple[int, int], scheme: str
) -> None:
    root = "document.documentElement"
    for view in VIEWS:
        await show(tab, home, view, size, scheme)
        assert await tab.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), view
        background = await tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(246, 247, 249)" if scheme == "light" else "rgb(16, 19, 24)")


async def find_faults(tab: Browser) -> Any:
    """What axe-core has against the page, light and dark."""
    await tab.evaluate(f"{AXE.read_text('utf-8')};0")
    found = await tab.call(
        "Runtime.evaluate",
        expression="axe.run(document, {resultTypes: ['violations']}).then(told => "
        "told.violations.map(v => [v.id, ...v.nodes.map(n => n.target.join(' '))].join(' ; ')))",
        returnByValue=True,
        awaitPromise=True,
    )
    return found["result"]["value"]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: make axe")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@SIZES
async def test_axe_finds_nothing(
    tab: Browser, home: str, canned: Canned, size: tuple[int, int], scheme: str
) -> None:
    found = {}
    for view in VIEWS:
        await show(tab, home, view, size, scheme)
        found[view] = await find_faults(tab)
    await tab.press("?")
    found["keys"] = await find_faults(tab)
    canned.answers["run"] = lambda _: run_data(live=LIVE)
    await show(tab, home, "run", size, scheme)
    found["live"] = await find_faults(tab)
    assert {view: faults for view, faults in found.items() if faults} == {}


@SIZES
async def test_runs_are_sorted_filtered_and_searched(
    tab: Browser, home: str, size: tuple[int, int]
) -> None:
    await show(tab, home, "runs", size)
    rows = await tab.evaluate(RUNS)
    assert [name.partition(" sweep")[0] for name in rows.split("|")] == [
        "sums-2",
        "sums-1",
        "busy",
        "▸ grid",
        "navigate-1paper",
    ]
    assert "2 of 3 cells finished · mean gain +30.0" in rows
    await tab.point_at("th.c-gain button", click=True)
    assert (await tab.evaluate(RUNS)).startswith("▸ grid")
    assert await tab.evaluate("document.querySelector('th.c-gain').ariaSort") == "descending"
    await tab.press("Enter")  # the heading has kept the focus
    assert (await tab.evaluate(RUNS)).startswith("navigate-1")
    assert await tab.evaluate(HASH) == "#/?sort=gain&dir=up"
    await tab.press("/")
    await tab.write("sums open")
    await tab.until(f"{RUNS} === 'sums-1|sums-2'")
    assert await tab.evaluate("document.querySelector('.note[role=status]').textContent") == (
        "2 of 6 runs"
    )
    await tab.press("Escape")
    address = await tab.evaluate("location.href")
    await tab.open("about:blank", *size)
    await tab.open(address, *size)  # the address is all that it takes
    await tab.until(f"{RUNS} === 'sums-1|sums-2'")
    assert await tab.evaluate("document.querySelector('input[type=search]').value") == "sums open"


async def test_a_sweep_is_opened_and_its_cell_is_a_run(tab: Browser, home: str) -> None:
    await show(tab, home, "runs")
    await tab.point_at("button.group", click=True)
    assert await tab.evaluate("document.querySelectorAll('tr.swept').length") == 2
    assert await tab.evaluate("document.activeElement.ariaExpanded") == "true"
    await tab.point_at("tr.swept a", click=True)
    await tab.until(READY["run"])
    assert await tab.evaluate("location.hash") == "#/run/grid%2Fa"
    await tab.open(f"{home}#/run/grid/a/answers", *WIDE)
    await tab.until(READY["answers"])
    assert "grid/a" in await tab.evaluate("document.title")


async def test_a_trend_joins_scores_of_one_split_only(
    tab: Browser, home: str, canned: Canned
) -> None:
    points = [
        {"run": f"sums-{n}", "created": f"2026-11-2{n}T10:00:00+00:00", "score": n / 4,
         "interval": [0.1, 0.9], "split": split, "gain": None, "verdict": None}
        for n, split in enumerate(("test", "train", "test", "train"))
    ]  # fmt: skip
    canned.answers["trend"] = lambda _: {"points": points}
    await show(tab, home, "trend")
    path = await tab.evaluate("document.querySelector('.trend > path').getAttribute('d')")
    assert "".join(sign for sign in path if sign in "ML") == "MLML"
    box = await tab.evaluate("document.querySelector('.trend-box').textContent")
    assert "winner's score on test, 95 % intervals; hollow: on train" in box
    label = "document.querySelector('.trend .seen').getAttribute('aria-label')"
    assert "25.0 % on train" in await tab.evaluate(label)


@SIZES
async def test_runs_are_chosen_and_compared(
    tab: Browser, home: str, canned: Canned, size: tuple[int, int]
) -> None:
    await show(tab, home, "runs", size)
    for key in ("j", "x", "j", "x"):
        await tab.press(key)
    assert await tab.evaluate("document.querySelectorAll('.runs input:checked').length") == 2
    assert "2 runs chosen" in await tab.evaluate("document.querySelector('.chosen').textContent")
    await tab.point_at(".chosen a", click=True)
    await tab.until(READY["compare"])
    assert await tab.evaluate(HASH) == "#/compare?prompts=sums-2@best,sums-1@best"
    assert canned.asked[-1].endswith("compare?prompts=sums-2%40best&prompts=sums-1%40best")
    await tab.evaluate("history.back()")
    await tab.until(READY["runs"])
    assert await tab.evaluate("document.querySelectorAll('.runs input:checked').length") == 2


async def test_answers_begin_with_a_split_that_has_some(
    tab: Browser, home: str, canned: Canned
) -> None:
    names = ("0.1", "2.1")
    score = {"mean": 0.5, "interval": [0.3, 0.7], "n": 7}
    for known, split in (((["train"], ["train"])), "train"), ((["dev", "test"], ["dev"]), "dev"):
        scores = [dict.fromkeys(own, score) for own in known]
        prompts = [prompt(n, "x", scores=own) for n, own in zip(names, scores, strict=True)]
        sizes = {"train": 7, "dev": 7, "test": 7}
        data = run_data(prompts=prompts, splits=sizes)
        canned.answers["run"] = lambda _, data=data: data  # type: ignore[misc]
        await tab.open("about:blank", *WIDE)
        await show(tab, home, "answers")
        assert await tab.evaluate("document.querySelector('.tools select').value") == split


async def test_a_config_over_time(tab: Browser, home: str) -> None:
    await show(tab, home, "trend")
    labels = "[...document.querySelectorAll('.trend a')].map(a => a.getAttribute('aria-label'))"
    first, second = await tab.evaluate(labels)
    assert "sums-1" in first
    assert "25.0 % on test, ▲ improved" in first
    assert "50.0 % on test, ▼ worse" in second


async def test_a_run_at_work_is_followed(tab: Browser, home: str, canned: Canned) -> None:
    canned.answers["run"] = lambda _: run_data(live=LIVE)
    await show(tab, home, "run")
    panel = await tab.evaluate("document.querySelector('.live-panel').innerText")
    for words in (
        "step 2 of 8: scoring",
        "about 1 min 15 s left, at most 2 min 10 s",
        "40 of 160",
        "$0.25 of $1.00",
        "Think of a number.",
    ):
        assert words in panel
    before = len(canned.fresh)
    await tab.until(f"performance.now() > {2.5 * 1000}")
    assert len(canned.fresh) == before  # asked again, and nothing has changed
    newer = article().replace("sums-1", "sums-1, newer")
    canned.answers["run"] = lambda _: run_data(live={**LIVE, "phase": "step 3"}, html=newer)
    await tab.until("document.querySelector('h2').textContent.includes('step 3')")
    assert "sums-1, newer" in await tab.evaluate("document.querySelector('article').textContent")
    # Nobody who reads with the keyboard loses the place.
    await tab.evaluate("document.querySelector('th.train button').focus()")
    canned.answers["run"] = lambda _: run_data(html=article())
    await tab.until("!document.querySelector('.newer').hidden")
    assert "newer" in await tab.evaluate("document.querySelector('article').textContent")
    await tab.point_at(".newer", click=True)
    assert "newer" not in await tab.evaluate("document.querySelector('article').textContent")
    assert await tab.evaluate("document.querySelector('.live-panel') === null")


async def test_a_dot_leads_to_its_row_and_a_row_to_its_answers(tab: Browser, home: str) -> None:
    await show(tab, home, "run")
    still = {"name": "prefers-reduced-motion", "value": "reduce"}  # else the row is on its way yet
    await tab.call("Emulation.setEmulatedMedia", features=[still])
    await tab.point_at("a[href='#runc2'] circle", click=True)
    assert await tab.evaluate("document.activeElement.id") == "runc2"
    assert await tab.evaluate("location.hash") == "#/run/sums-1?at=runc2"
    await tab.point_at("#runc3 .links a", click=True)
    await tab.until(READY["answers"])
    assert await tab.evaluate("location.hash") == "#/run/sums-1/answers?prompts=x2_1"


@SIZES
async def test_an_answer_is_opened_by_mouse_and_by_key(
    tab: Browser, home: str, size: tuple[int, int]
) -> None:
    await show(tab, home, "answers", size)
    signs = (
        "[...document.querySelectorAll('.grid-body .grid-row')].map(row => "
        "[...row.querySelectorAll('.cell')].map(e => e.textContent).join('')).join(' ')"
    )
    # Start and best first, then the others by score; what has no letter was not asked.
    assert await tab.evaluate(signs) == "✓✓✓·· ✗✓✓·· ✗✓✗·· ✓✓✓·· ?✓≈·· ·●··· ⊘✓✗··"
    cut = "[...document.querySelectorAll('.grid-body .cut')].map(e => e.ariaLabel).join('|')"
    assert await tab.evaluate(cut) == "2.1: right, cut|1.1: wrong, cut"
    await tab.point_at("[data-place='3'] [data-at='1']", click=True)
    title = "document.querySelector('.answer h2').textContent"
    await tab.until("document.querySelector('.answer mark')")
    assert await tab.evaluate(title) == "test question 3, prompt 2.1"
    assert await tab.evaluate("document.querySelector('.answer mark').textContent") == "3"
    assert await tab.evaluate("location.hash") == "#/run/sums-1/answers?open=x2_1,3"
    text = await tab.evaluate("document.querySelector('.answer').innerText")
    for words in ("✓ right", "question 3?", "Q: question 3?", "12 tokens in", "0.25 s"):
        assert words in text
    await tab.press("j")
    await tab.until("document.querySelector('.answer mark')?.textContent === '4'")
    await tab.press("k")
    await tab.press("k")
    await tab.press("h")
    await tab.until(f"{title} === 'test question 2, prompt 0.1'")
    await tab.press("Escape")
    assert await tab.evaluate("document.querySelector('.answer').hidden")
    assert await tab.evaluate("document.activeElement.getAttribute('role')") == "grid"
    await tab.press("ArrowDown")
    await tab.press("ArrowRight")
    active = "document.getElementById('active-cell').ariaLabel"
    assert await tab.evaluate(active) == "2.1: right"
    await tab.press("Enter")
    await tab.until(f"{title} === 'test question 3, prompt 2.1'")
    await tab.until("document.querySelector('.answer mark')")
    panel = "document.querySelector('.answer').getBoundingClientRect()"
    assert await tab.evaluate(f"(r => r.left >= 0 && r.right <= innerWidth)({panel})")


FILTERED = {
    "": "0 1 2 3 4 5 6",
    "?only=wrong&under=x0_1": "1 2",
    "?only=unreadable": "4",
    "?only=cut": "4 6",
    "?only=refused": "6",
    "?only=right&under=x1_1": "0 1 3",
    "?flip=x0_1,x2_1": "1 2 4 6",
    "?flip=x0_1,x2_1&text=two": "2",
    "?text=two": "2 5",
    "?order=hard&prompts=x0_1,x1_1": "2 4 6 1 5 0 3",
    "?text=nothing": "",
}


async def test_answers_are_filtered_by_their_address(tab: Browser, home: str) -> None:
    for asked, rows in FILTERED.items():
        await show(tab, home, f"#/run/sums-1/answers{asked}")
        await tab.until("document.querySelector('.row-note [role=status]')?.textContent")
        await tab.until(f"{ROWS} === {json.dumps(rows)}")
    assert "No question is left" in await tab.evaluate("document.body.innerText")


async def test_filters_are_set_by_hand_and_what_is_shown_can_be_taken_along(
    tab: Browser, home: str
) -> None:
    await show(tab, home, "answers")
    await tab.press("/")
    await tab.write("two")
    await tab.until(f"{ROWS} === '2 5'")
    links = "[...document.querySelectorAll('.exports a')].map(a => a.getAttribute('href'))"
    csv, jsonl = await tab.evaluate(links)
    assert csv == (
        "api/export?run=sums-1&split=test&prompts=x0_1%2Cx2_1%2Cx1_1%2Cx1_2%2Cx2_2"
        "&questions=2%2C5&format=csv"
    )
    assert jsonl == csv.replace("csv", "jsonl")
    choose = (
        "(e => { e.value = 'flipped'; e.dispatchEvent(new Event('change')); })"
        "([...document.querySelectorAll('select')].find(e => e.textContent.includes('flipped')))"
    )
    await tab.evaluate(choose)
    await tab.until(f"{ROWS} === '2'")
    assert await tab.evaluate(HASH) == "#/run/sums-1/answers?text=two&only=&flip=x0_1,x2_1".replace(
        "&only=", ""
    )


async def test_prompts_are_compared(tab: Browser, home: str) -> None:
    await show(tab, home, "compare")
    text = await tab.evaluate("document.querySelector('main').innerText")
    for words in (
        "sums-1@start against sums-1@best: 2 gained, 1 lost",
        "⚠ they were scored on different questions",
        "▲ 2 gained",
        "▼ 1 lost",
        "per answer on test: 30 tokens in, 10 out, $0.0010",
    ):
        assert words in text
    cells = "[...document.querySelectorAll('.compared td')].map(e => e.textContent).join(' ')"
    # The last column has no answer in it, and is left out.
    assert await tab.evaluate(cells) == "3 ✓ 1 · · 2 ✓ 1"
    await tab.point_at(".numbers a", click=True)
    await tab.until(READY["answer"])
    assert await tab.evaluate("location.hash") == (
        "#/run/sums-1/answers?split=test&prompts=x0_1,x2_1&open=x2_1,1"
    )


async def test_compared_prompts_show_what_they_have_beside_their_text(
    tab: Browser, home: str, canned: Canned
) -> None:
    def compare_forms(query: Any) -> dict[str, Any]:
        shown = [["2 + 2?", "4"], ["3 + 3?", "6"]]
        own = {"examples": shown, "form_words": "2 examples, at Q_end", "whole": "2 + 2? 4. c"}
        other = {"examples": shown[:1], "form_words": "1 example", "whole": "c"}
        both = [prompt("0.1", "c", **other), prompt("2.1", "c", **own)]
        return {**compare(query), "prompts": both, "diff": [["same", "c"]]}

    canned.answers["compare"] = compare_forms
    await tab.open(f"{home}{VIEWS['compare']}", *WIDE)
    await tab.until("document.querySelectorAll('.examples ins').length")
    text = await tab.evaluate("document.querySelector('main').textContent")
    assert "Beside their texts: 1 example / 2 examples, at Q_end." in text
    assert "= 2 + 2? → 4+ 3 + 3? → 6" in text
    assert await tab.evaluate("document.querySelectorAll('figure ol.examples li').length") == 3
    await tab.evaluate("copied = []; copy = (text) => copied.push(text); 0")
    buttons = "[...document.querySelectorAll('figure.best .copy')]"
    names = ["copy whole prompt", "copy instruction", "copy command"]
    assert await tab.evaluate(f"{buttons}.map(each => each.textContent)") == names
    await tab.evaluate(f"{buttons}.slice(0, 2).forEach(each => each.click())")
    assert await tab.evaluate("copied") == ["2 + 2? 4. c", "c"]


async def test_nothing_else_stands_below_an_error(tab: Browser, home: str, canned: Canned) -> None:
    await show(tab, home, "compare")
    there = canned.answers.pop("compare")
    await tab.evaluate("location.hash = '#/compare?prompts=sums-1@nope,sums-1@best'")
    await tab.until("document.querySelector('.problem')")
    assert await tab.evaluate("document.querySelector('main').textContent") == ""
    canned.answers["compare"] = there
    await tab.evaluate("history.back()")
    await tab.until(READY["compare"])
    assert await tab.evaluate("document.querySelector('.problem') === null")
    tab.said.clear()  # the browser notes each 404


async def test_controls_follow_the_address(tab: Browser, home: str) -> None:
    values = "[...document.querySelectorAll('.tools :is(input, select)')].map(e => e.value).join()"
    for view, asked, expected in (
        ("runs", "?text=sums&status=finished&verdict=worse", "sums,,finished,worse"),
        ("answers", "?only=wrong&order=hard&text=two", "test,top,wrong,,hard,two"),
    ):
        await show(tab, home, view)
        before = await tab.evaluate(values)
        await tab.evaluate(f"location.hash = '{VIEWS[view]}{asked}'")
        await tab.until(f"{values} === '{expected}'")
        await tab.evaluate("history.back()")
        await tab.until(f"{values} === '{before}'")


async def test_runs_that_did_not_finish_are_told_apart(
    tab: Browser, home: str, canned: Canned
) -> None:
    runs = [row(s, status=s, verdict=None, gain=None) for s in ("failed", "killed", "stopped")]
    canned.answers["runs"] = lambda _: {"runs": runs, "sweeps": [], "unread": []}
    await show(tab, home, "runs")
    marks = "[...document.querySelectorAll('.verdict-mark')].map(e => e.textContent).sort().join()"
    assert await tab.evaluate(marks) == "‖ stopped,† killed,✗ failed"
    best = await tab.evaluate("document.querySelector('td.c-best').textContent")
    assert best == "80.0 % test [70.0–90.0]"


async def test_what_goes_wrong_is_said_and_passes(tab: Browser, home: str, canned: Canned) -> None:
    listed = canned.answers.pop("runs")
    await tab.open(home, *WIDE)
    await tab.until("document.querySelector('.problem')")
    words = await tab.evaluate("document.querySelector('.problem').innerText")
    assert words.split("\n\n") == ["not there", "ask for something else"]
    canned.answers["runs"] = listed
    await tab.until(READY["runs"])
    assert await tab.evaluate("document.querySelector('.problem') === null")
    tab.said.clear()  # the browser notes each 404


async def test_keys_are_listed(tab: Browser, home: str) -> None:
    await show(tab, home, "runs")
    await tab.press("?")
    assert await tab.evaluate("document.getElementById('help').open")
    await tab.press("Escape")
    assert not await tab.evaluate("document.getElementById('help').open")
    await tab.point_at("#keys", click=True)
    assert "next and previous" in await tab.evaluate("document.getElementById('help').innerText")


async def test_paper_and_those_who_want_no_motion(tab: Browser, home: str, canned: Canned) -> None:
    canned.answers["run"] = lambda _: run_data(live=LIVE)
    await show(tab, home, "run")
    pulse = "getComputedStyle(document.querySelector('.pulse')).animationName"
    await tab.call(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-reduced-motion", "value": "reduce"}],
    )
    assert await tab.evaluate(pulse) == "none"
    await tab.call("Emulation.setEmulatedMedia", media="print")
    hidden = "[...document.querySelectorAll('.tabs, .top, .copy')].every(e => !e.offsetParent)"
    assert await tab.evaluate(hidden)


async def test_a_click_copies_the_winner_and_the_command_to_get_it(
    tab: Browser, home: str, canned: Canned
) -> None:
    best = prompt("2.1", "Think.\nTwice \u202e.", id="c1", is_best=True)
    html = article().replace('data-prompt="', 'data-prompt="c1" data-was="', 1)
    canned.answers["run"] = lambda _: run_data(prompts=[best], html=html)
    await show(tab, home, "run")
    await tab.evaluate(
        "window.copied = []; Object.defineProperty(navigator, 'clipboard', {value: "
        "{writeText: async (text) => { window.copied.push(text); }}, configurable: true});"
    )
    buttons = "document.querySelector('[data-prompt=c1]').querySelectorAll('button.copy')"
    for number in (0, 2):
        await tab.evaluate(f"{buttons}[{number}].click()")
    # As it was sent, not as it is shown.
    assert await tab.evaluate("window.copied") == [
        "Think.\nTwice \u202e.",
        "opro prompt sums-1@2.1",
    ]
    await tab.until(f"{buttons}[0].textContent === '✓ copied'")
    assert await tab.evaluate("document.getElementById('said').textContent") == "✓ copied"


async def test_a_prompt_with_more_than_a_text_is_copied_whole_or_in_part(
    tab: Browser, home: str, canned: Canned
) -> None:
    whole = "2 + 2? 4.\n\n{{question}}\nThink."
    best = prompt("2.1", "Think.", id="c1", is_best=True, form={"demos": [{}]}, whole=whole)
    html = article().replace('data-prompt="', 'data-prompt="c1" data-was="', 1)
    canned.answers["run"] = lambda _: run_data(prompts=[best], html=html)
    await show(tab, home, "run")
    await tab.evaluate("copied = []; copy = (text) => copied.push(text); 0")
    await tab.evaluate("download = (name, text) => copied.push(text)")
    buttons = "[...document.querySelectorAll('[data-prompt=c1] button.copy')]"
    names = ["copy whole prompt", "copy instruction", "download", "copy command"]
    assert await tab.evaluate(f"{buttons}.map(each => each.textContent)") == names
    await tab.evaluate(f"{buttons}.slice(0, 3).forEach(each => each.click())")
    assert await tab.evaluate("copied") == [whole, "Think.", whole]
    in_row = "document.querySelector('#runc0 .links button').textContent"
    assert await tab.evaluate(in_row) == "copy instruction"


@SIZES
async def test_a_row_of_the_list_hides_nothing(
    tab: Browser, home: str, canned: Canned, size: tuple[int, int]
) -> None:
    runs = [row("sums-1", best={"split": "test", "mean": 1.0, "interval": [0.9, 1.0]}), row("b")]
    canned.answers["runs"] = lambda _: {"runs": runs, "sweeps": [], "unread": []}
    await show(tab, home, "runs", size)
    cells = "[...document.querySelectorAll('[data-run=\"sums-1\"] > *')]"
    hidden = f"{cells}.filter(e => !e.checkVisibility()).map(e => e.className)"
    assert await tab.evaluate(hidden) == []
    # Two lines of text at most, the score and its interval.
    tall = "document.querySelector('td.c-best').getBoundingClientRect().height"
    assert await tab.evaluate(tall) < 60
    if size == NARROW:  # where no heading stands above a figure
        names = {"gain": "gain", "best": "best", "usd": "cost"}
        for key, name in names.items():
            style = f"getComputedStyle(document.querySelector('td.c-{key}'), '::before').content"
            assert name in await tab.evaluate(style)


async def test_a_cell_does_not_repeat_the_name_of_its_sweep(tab: Browser, home: str) -> None:
    await show(tab, home, "#/?open=grid")
    await tab.until("document.querySelector('tr.swept a')")
    links = "[...document.querySelectorAll('tr.swept a.open')]"
    assert await tab.evaluate(f"{links}.map(e => [e.textContent, e.title])") == [
        ["a", "grid/a"],
        ["b", "grid/b"],
    ]
    assert await tab.evaluate(f"{links}[0].getAttribute('href')") == "#/run/grid%2Fa"


@SIZES
async def test_what_closes_an_answer_stands_beside_its_name(
    tab: Browser, home: str, size: tuple[int, int]
) -> None:
    await show(tab, home, "answer", size)
    tops = (
        "['.answer h2', '.answer .close']"
        ".map(e => document.querySelector(e).getBoundingClientRect().top)"
    )
    title, close = await tab.evaluate(tops)
    assert abs(title - close) < 12
