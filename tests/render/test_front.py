"""The front of score against cost, on terminals and on the page."""

from __future__ import annotations

import io
from typing import Any

import pytest
from msgspec import structs
from rich.cells import cell_len

from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import ObjectivesSettings
from opro_cli.render.front import print_front
from opro_cli.render.html.front import build_front
from opro_cli.render.html.view import build_view
from opro_cli.render.tables import Page
from opro_cli.reports.recorded import History
from tests.core.runs import answered, new_state, proposed
from tests.render.test_safe import only_visible
from tests.reports.test_cheaper import TOKENS, answer_all, compared, pruned, result_of
from tests.reports.test_result import recorded


def shown(result: dict[str, Any], width: int = 80) -> list[str]:
    stream = io.StringIO()
    print_front(result, Page(stream, width))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_has_a_line_a_prompt_and_no_line_is_too_wide(width: int) -> None:
    lines = shown(result_of(compared(objectives=TOKENS)), width)
    assert all(cell_len(line) <= width for line in lines)
    blank, title, row = lines
    assert not blank
    assert title.startswith("score against cost")
    if width >= 80:
        assert row.split()[:5] == ["step", "1", "100.0", "%", "92.0k"]
    assert ("a cheap one" in row) == (width >= 80)


def test_dollars_are_shown_as_such() -> None:
    lines = shown(result_of(compared(objectives=ObjectivesSettings("usd_per_1000"))))
    row = next(line for line in lines if line.startswith("best (step 1)"))
    assert row.split()[3:6] == ["100.0", "%", "$1.00"]


def test_prompts_of_unknown_cost_are_counted() -> None:
    text = " ".join(shown(result_of(pruned(short=None))))
    assert "1 prompt left out: what some of the answers cost is unknown" in text
    assert "the cost of 50 of 50 answers on dev is unknown, since the scorer's server did" in text


FROM_CACHE = {"via": "cache", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}


@pytest.mark.parametrize("text", ["good", "a cheap one"])
def test_a_preference_that_cannot_be_followed_says_why(text: str) -> None:
    """An older opro has asked these before, and the cache does not know what they took."""
    state = new_state(
        "start", steps=1, per_step=2, train=100, dev=100, test=9, prefer="cheapest_not_worse"
    )
    answer_all(state, "start", "train", wrong=40)
    state.apply(proposed(1, 0, "good"))
    state.apply(proposed(1, 1, "a cheap one"))
    for each in ("good", "a cheap one"):
        answer_all(state, each, "train")
        for question in range(100):
            event = answered(each, question, float(question > 0 or each == "good"), "dev")
            state.apply(structs.replace(event, **FROM_CACHE) if each == text else event)
    answer_all(state, "start", "dev", wrong=40)
    told = " ".join(shown(result_of(state)))
    assert "the cost of 100 of 100 answers on dev is unknown, since an older opro has put" in told
    assert "(`--no-cache` asks anew)" in told
    missed = "2 finalists" if text == "good" else "1 finalist"  # all, or that one
    assert f"search.prefer: {missed} passed over for that" in told
    assert "--no-cache" in page_of(state)


def test_a_run_whose_costs_are_all_unknown_says_so() -> None:
    state = new_state("start", train=5, objectives=TOKENS)
    answer_all(state, "start", "train", prompt=None)
    told = shown(result_of(state))
    assert "the cost of 5 of 5 answers on train is unknown" in " ".join(told)
    assert "5 of 5 answers on train" in page_of(state)


def test_a_run_that_ignores_costs_shows_none() -> None:
    assert not shown(result_of(compared()))
    assert not page_of(compared())


def test_one_prompt_alone_has_no_chart() -> None:
    page = page_of(compared(objectives=TOKENS))
    assert "<circle" not in page
    assert "92.0k" in page
    assert "a cheap one" in page


def page_of(state: RunState) -> str:
    """The section of the page; "" for none."""
    return str(build_front(build_view(recorded(state), "r1", History())) or "")


def test_two_prompts_of_the_front_are_two_dots() -> None:
    state = two_on_the_front("good")
    page = page_of(state)
    assert page.count("<circle") == 2
    assert "best (step 1): 100.0 %, 302.0k" in page
    assert "start (initial): 60.0 %, 102.0k" in page


def two_on_the_front(text: str) -> RunState:
    state = new_state("start", steps=1, per_step=1, train=10, dev=10, objectives=TOKENS)
    answer_all(state, "start", "train", wrong=4)
    state.apply(proposed(1, 0, text))
    answer_all(state, text, "train", prompt=300)
    answer_all(state, "start", "dev", wrong=4)
    answer_all(state, text, "dev", prompt=300)
    return state


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", "<script>alert(1)</script>", "a\nb\u202ec"])
def test_a_hostile_prompt_is_text(text: str) -> None:
    state = two_on_the_front(text)
    lines = shown(result_of(state))
    assert only_visible("".join(lines))
    assert "<script>alert" not in page_of(state)
