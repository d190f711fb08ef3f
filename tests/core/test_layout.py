"""How a budget of calls is laid out, and what is said of it, in cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.events import FORMAT_VERSION, SessionStarted
from opro_cli.core.run.layout import lay_out
from opro_cli.core.task.example import Example, Split
from opro_cli.reports.layout import describe_layout
from tests.core.runs import new_state
from tests.loop.runs import settings

SIZES: tuple[tuple[Split, int], ...] = (("train", 30), ("dev", 20), ("test", 10))


def test_the_prompts_of_a_probe_are_laid_out_in_the_step_that_tries_them() -> None:
    state = new_state(steps=10, per_step=4, train=30, dev=20, test=0, finalists=3)
    state.most_calls = 100
    # 15 of 100 for dev. 0.65 of 85 less 3 for the start prompt, in steps of 4 + 4 * 3 calls
    assert (lay_out(state).steps, lay_out(state).own) == (3, 4 + 4 * 3)
    everything = state.count_everything()
    state.drafts = 4
    # less 3 for each prompt of the probe as well, which join the 4 of the first step alone
    assert (lay_out(state).steps, lay_out(state).own) == (3, 4 + 8 * 3)
    assert state.count_everything() - everything == 4 * 30


@pytest.mark.parametrize(
    ("calls", "first"),
    # 1.25 more for every tenfold of what is left beside dev, from 40 on: 3 + 0.4, 0.8, 1.4, 1.7
    [(40, 3), (100, 3), (200, 4), (600, 4), (1_000, 5)],
)
def test_the_more_candidates_there_are_the_longer_is_the_first_look(calls: int, first: int) -> None:
    state = new_state(steps=20, per_step=8, train=90, dev=60, test=0, finalists=3)
    state.most_calls = calls
    assert lay_out(state).first == first


def describe(calls: int, test: int | None = None, **search: Any) -> str:
    sizes = dict(SIZES) if test is None else {**dict(SIZES), "test": test}
    examples = {
        split: tuple(Example(f"{split} {n}?", str(n), f"{split}:{n}", n) for n in range(size))
        for split, size in sizes.items()
    }
    given = {"steps": 10, "candidates_per_step": 4, "racing": True, **search}
    return " ".join(describe_layout(settings(budget={"calls": calls}, **given), examples))


@pytest.mark.parametrize(
    ("search", "why"),
    [
        ({"racing": False}, "search.racing false"),
        ({"eval_interval": 1}, "search.eval_interval"),
        ({"rules": "paper", "racing": False}, "search.rules paper"),
        ({"strategy": "prune"}, "search.strategy prune"),
    ],
)
def test_a_budget_that_cannot_be_laid_out_may_end_without_a_verdict(
    search: dict[str, Any], why: str
) -> None:
    said = describe(200, **search)
    assert said.startswith("budget.calls 200 may end the search before its dev and test questions")
    assert f"a search with {why} is not laid out" in said
    assert not describe(9_999, **search)


def test_what_test_asks_beside_the_verdict_is_not_ruled_out() -> None:
    said = describe(100, baselines=("Think.",), noise_check=True)
    assert (
        "keeps 20 calls for the verdict on test; search.baselines and search.noise_check, which "
        "take 20 more, are asked only where the search leaves so many"
    ) in said
    assert "; search.noise_check, which take 10 more" in describe(
        100, baselines=(), noise_check=True
    )
    assert "verdict" not in describe(200, baselines=("Think.",), noise_check=True)


def test_the_steps_that_a_budget_buys_are_no_promise() -> None:
    said = describe(100)
    assert "it buys about 3 of 10 steps, more where proposals repeat what was tried" in said
    placed = describe(100, strategy="place")
    assert " of 10 steps, fewer where the strategy has nothing left to try" in placed


def test_a_smaller_test_split_is_named_only_where_it_tells_something() -> None:
    """Of a budget of 200 a quarter is 50 calls, for 25 questions under two prompts."""
    assert "task.data.split.test 25, which tells a gain of some 29 points" in describe(200, test=45)
    few = describe(40, test=45)
    assert "buys no verdict on test" in few
    assert "task.data.split" not in few


LISTED = tuple(f"Add {n}." for n in range(60))


def lists(calls: int, **search: Any) -> str:
    given = {"strategy": "list", "candidates": LISTED, "steps": 15, "candidates_per_step": 4}
    return describe(calls, **{**given, "test": 0, **search})


def test_a_budget_buys_a_list_as_many_first_looks_as_it_has_calls_for() -> None:
    """Of 100 calls dev keeps 15; .65 of 85, less 3 for the start prompt, are 53: 17 looks at 3."""
    assert "it buys 17 of 60 candidates, first looks at 3 of 30 train questions" in lists(100)
    assert "it buys 60 of 60 candidates" in lists(500)
    starts = tuple(f"Start {n}." for n in range(40))
    said = lists(100, initial_instructions=starts)
    assert "not buy first looks at 40 start prompts and another: give it 483 or more" in said
    assert said.endswith("or start with fewer")


def count(version: int = FORMAT_VERSION, **search: Any) -> int:
    given: dict[str, Any] = {"per_step": 4, "train": 30, "dev": 0, "test": 0, **search}
    state = new_state(**given)
    state.apply(SessionStarted(0.0, 1, "1.0", version))
    return state.count_everything()


def test_a_list_and_places_ask_no_optimizer_and_a_list_has_as_many_as_it_has() -> None:
    listed: dict[str, Any] = {"strategy": "list", "candidates": LISTED[:13], "steps": 4}
    assert count(**listed) == (1 + 13) * 30
    assert count(strategy="place", steps=3) == (1 + 12) * 30
    assert count(steps=3) == (1 + 12) * 30 + 3 * 4 + 1
    # A run that began with another count keeps it: it says whether a budget is raced by looks.
    assert count(9, strategy="place", steps=3) == (1 + 12) * 30 + 3 * 4 + 1
    listed = {"strategy": "list", "candidates": LISTED[:13], "steps": 1, "per_step": 13}
    assert count(9, **listed) == (1 + 13) * 30 + 14
