"""Texts that mean harm, through every view: they are shown as text, and nothing obeys them."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.render.html.markup import make_visible
from tests.hostile.cases import CASES
from tests.hostile.conftest import obeyed_in
from tests.pages.canned import (
    LIVE,
    Canned,
    Query,
    answer,
    article,
    compare,
    prompt,
    questions,
    row,
    run_data,
)
from tests.reports.html.browser import CHROMIUM, Browser
from tests.reports.html.pages import run_saying

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

TEXTS = [case.text for case in CASES]
LONG = "ab<b>cd</b> \u202e" * 8_000 + "the end"
EVIL = "document.querySelectorAll('main :is(script, img, iframe, link, b b, object)').length"
WORDS = "document.body.innerText"


def answer_badly(query: Query) -> dict[str, Any]:
    """An answer with harm in all of its texts; question 0 has a reply of 100 KB and more."""
    number = int(query["question"][0])
    text = LONG if number == 0 else TEXTS[number - 1]
    return {
        **answer(query),
        "input": text,
        "target": text,
        "answer": text,
        "replies": [text, text],
        "read_from": [len(text) - 3, len(text)],
        "messages": [{"role": text[:20], "content": text}],
        "finish_reason": text[:50],
        "feedback": text,
    }


@pytest.fixture
def canned(canned: Canned) -> Canned:
    run, history = run_saying(TEXTS[:30])
    size = len(TEXTS) + 1
    prompts = [
        prompt("0.1", TEXTS[0], note=TEXTS[1]),
        *(prompt(f"1.{n}", text) for n, text in enumerate(TEXTS, start=1)),
        prompt("2.1", TEXTS[2]),
    ]
    data = run_data(
        row=row(TEXTS[0]),
        prompts=prompts,
        splits={"test": size},
        html=article(run, history),
        live={**LIVE, "newest": TEXTS, "phase": TEXTS[3]},
    )
    changes = {"config": TEXTS[2], "tags": TEXTS, "scorer": TEXTS[3], "verdict": TEXTS[4]}
    runs = [row(text, **changes) for text in TEXTS if "\0" not in text]
    runs += [row(f"{TEXTS[0]}/x", sweep=TEXTS[1], status=TEXTS[2], created=TEXTS[3])]
    canned.answers |= {
        "runs": lambda _: {"runs": runs, "sweeps": [], "unread": TEXTS},
        "run": lambda _: data,
        "grid": lambda _: {
            "size": size,
            "prompts": {each["id"]: "r" * size for each in prompts},
        },
        "questions": lambda query: {
            "questions": [
                {**each, "input": ([LONG, *TEXTS])[each["question"]]}
                for each in questions(query)["questions"]
                if each["question"] < size
            ]
        },
        "answer": answer_badly,
        "compare": lambda query: {
            **compare(query),
            "prompts": [prompt("0.1", "".join(TEXTS)), prompt("2.1", TEXTS[3])],
            "diff": [["removed", text] for text in TEXTS] + [["added", text] for text in TEXTS],
            "text": TEXTS[5],
            "caveats": TEXTS,
        },
        "trend": lambda _: {
            "points": [
                {"run": text, "created": text, "score": 0.5, "verdict": text} for text in TEXTS
            ]
        },
    }
    return canned


def told(text: str) -> str:
    """How a text is shown, its white space aside."""
    return "".join(make_visible(text.replace("\r\n", "\n")).replace("⏎", "").split())


async def read_page(tab: Browser) -> str:
    """All that is shown, its white space aside; nothing in it may be obeyed or hidden."""
    assert await tab.evaluate(EVIL) == 0
    words: str = await tab.evaluate(WORDS)
    assert not obeyed_in(words.replace("\n", "").replace("\t", ""))
    return "".join(words.replace("⏎", "").split())


async def test_every_view_shows_text(tab: Browser, home: str) -> None:
    await tab.open(home, 1280, 900)
    await tab.until("document.querySelectorAll('.runs tbody tr').length")
    words = await read_page(tab)
    for text in TEXTS:
        assert told(text)[:20] in words
    await tab.open(f"{home}#/?config=x&pick=a", 1280, 900)
    await tab.until("document.querySelectorAll('.trend circle').length")
    await read_page(tab)
    await tab.open(f"{home}#/run/sums-1", 1280, 900)
    await tab.until("document.querySelectorAll('article').length")
    words = await read_page(tab)
    for text in TEXTS:
        assert told(text)[:100] in words
    await tab.open(f"{home}#/compare?prompts=a@start,b@best", 1280, 900)
    await tab.until("document.querySelectorAll('.diff ins').length")
    words = await read_page(tab)
    for text in TEXTS:
        assert told(text) in words


async def test_every_answer_shows_text(tab: Browser, home: str) -> None:
    await tab.open(f"{home}#/run/sums-1/answers?prompts=0.1&open=x0_1,1", 1280, 900)
    for number, text in enumerate(TEXTS, start=1):
        await tab.until(
            f"document.querySelector('.answer h2').textContent.includes('question {number},')"
            " && document.querySelector('.answer-content:not([aria-busy]) mark')"
        )
        words = await read_page(tab)
        assert words.count(told(text)) >= 3, text
        marked = await tab.evaluate("document.querySelector('.answer mark').textContent")
        assert told(marked) == told("".join(make_visible(sign) for sign in text[-3:]))
        await tab.press("j")


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
async def test_a_reply_of_100_kb_is_shown_around_its_mark_and_whole_on_demand(
    tab: Browser, home: str, size: tuple[int, int]
) -> None:
    await tab.open(f"{home}#/run/sums-1/answers?prompts=0.1&open=x0_1,0", *size)
    await tab.until("document.querySelector('.answer mark')")
    assert await tab.evaluate("document.querySelector('.answer mark').textContent") == "end"
    reply = "document.querySelectorAll('.exchange .reply .text')[1]"
    assert len(LONG) > 100_000
    assert len(await tab.evaluate(f"{reply}.textContent")) < 60_000  # \u202e takes six
    assert "characters …" in await tab.evaluate(f"{reply}.textContent")
    await tab.evaluate(f"{reply}.nextSibling.click()")
    assert await tab.evaluate(f"{reply}.textContent") == make_visible(LONG)
    root = "document.documentElement"
    assert await tab.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    await read_page(tab)
