"""What becomes of candidates that quote train questions: told, kept out of winning, or dropped."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.selection import find_winner, select_finalists
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import Example
from opro_cli.reports.proposals import count_skipped
from opro_cli.reports.result import serialize_candidates
from tests.core.runs import proposed, score_all

QUESTIONS = [
    "Claire has the blue ball and Gertrude the black ball. They swap. Which ball has Claire?",
    "Natalia sold clips to 48 of her friends in April and half as many in May. How many?",
    "Weng earns twelve dollars an hour for babysitting and did fifty minutes. How much?",
    "Betty saves for a wallet which costs a hundred dollars and has half of it. How much more?",
]
QUOTE = "Remember: Claire has the blue ball and Gertrude the black ball. They swap."
PLAIN = "Track who holds which ball."


def state_of(leaks: str, dev: int = 0) -> RunState:
    rows = [Example(text, "black", f"t:{row}", row) for row, text in enumerate(QUESTIONS)]
    search = SearchSettings(("start",), steps=1, candidates_per_step=2, exemplars=2, leaks=leaks)
    task = TaskSettings(DataSettings("t", "q", "a"), "exact")
    state = RunState.at_start(search, {"train": rows, "dev": rows[:dev], "test": ()}, task)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, QUOTE))
    state.apply(proposed(1, 1, PLAIN))
    return state


def scored(leaks: str, dev: int = 0) -> RunState:
    state = state_of(leaks, dev)
    for candidate in list(state.candidates.values()):
        if candidate.step:
            score_all(state, candidate.instruction, 4 if candidate.instruction == QUOTE else 3)
    return state


def flags(state: RunState) -> dict[str, Any]:
    return {each["instruction"]: each["leaks"] for each in serialize_candidates(state)}


def test_a_quote_is_told_with_its_question() -> None:
    told = flags(scored("flag"))
    assert told["start"] == told[PLAIN] == []
    (leak,) = told[QUOTE]
    assert (leak["kind"], leak["question"]) == ("question", 0)
    assert "Claire has the blue ball and Gertrude the black ball" in leak["quote"]


@pytest.mark.parametrize("dev", [0, 3])
def test_kept_out_of_winning_it_stays_in_the_search(dev: int) -> None:
    flagged, kept_out = scored("flag", dev), scored("keep_out", dev)
    assert [c.instruction for c in select_finalists(flagged)] == [QUOTE, PLAIN, "start"]
    assert QUOTE not in [c.instruction for c in select_finalists(kept_out)]
    assert QUOTE in {c.instruction for c in kept_out.candidates.values()}
    if not dev:
        best, second = find_winner(flagged), find_winner(kept_out)
        assert best is not None
        assert second is not None
        assert (best.instruction, second.instruction) == (QUOTE, PLAIN)


def test_dropped_it_is_never_scored() -> None:
    state = state_of("drop")
    assert {c.instruction for c in state.candidates.values()} == {"start", PLAIN}
    assert count_skipped(state) == {"leaks": 1}


def test_what_the_user_wrote_may_win() -> None:
    rows = [Example(text, "black", f"t:{row}", row) for row, text in enumerate(QUESTIONS)]
    search = SearchSettings((QUOTE,), steps=0, leaks="keep_out")
    task = TaskSettings(DataSettings("t", "q", "a"), "exact")
    state = RunState.at_start(search, {"train": rows, "dev": (), "test": ()}, task)
    score_all(state, QUOTE, 4)
    best = find_winner(state)
    assert best is not None
    assert best.instruction == QUOTE
