"""What a verdict says on test rows that others have used: only its threshold moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import TestUsed as UsedEvent
from opro_cli.core.stats.intervals import count_questions_needed
from opro_cli.reports.formats import format_test_use
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.reports.used_rows import read_test_use
from tests.core.runs import new_state, proposed
from tests.reports.runs import answer_all, recorded

LETTERS = "abcdefghijklmnopqrst"
BEFORE = "rrrrrrwwwwwwwwwwwwww"
AFTER_8 = "rrrrrrrrrrrrrrwwwwww"  # 8 gained, 0 lost: p = 1 / 256
AFTER_6 = "rrrrrrrrrrrrwwwwwwww"  # 6 gained, 0 lost: p = 1 / 64


def judged(after: str, level: float | None = None, **use: Any) -> RecordedRun:
    """A finished run of one step; `after`: what the winner makes of the test questions."""
    state = new_state("start", train=2, dev=2, test=len(BEFORE), steps=1, candidates_per_step=1)
    for split in ("train", "dev"):
        answer_all(state, "start", split, "ww")
    state.apply(proposed(1, 0, "better"))
    for split in ("train", "dev"):
        answer_all(state, "better", split, "rr")  # type: ignore[arg-type]
    start, winner = make_candidate_id("start"), make_candidate_id("better")
    if level is not None:
        facts = {"number": 2, **use}
        state.apply(UsedEvent(0.0, start, winner, "u", "s", 20, level=level, **facts))
    answer_all(state, "start", "test", BEFORE)
    answer_all(state, "better", "test", after)
    questions = {"train": "xy", "dev": "zw", "test": LETTERS}
    run = recorded("r", state, questions)  # type: ignore[arg-type]
    task = {**run.settings["task"], "data": {"input": "q"}}
    return replace(run, settings={**run.settings, "task": task})


def result_of(run: RecordedRun) -> dict[str, Any]:
    return build_result(run, finished=True)


def test_only_the_threshold_moves() -> None:
    alone = result_of(judged(AFTER_6))
    assert alone["paired_test"]["p_value"] == pytest.approx(1 / 64)
    assert (alone["verdict"], alone["test_use"]) == ("improved", None)
    first = result_of(judged(AFTER_6, 0.025, number=1))
    assert first["verdict_sentence"] == alone["verdict_sentence"]
    worn = result_of(judged(AFTER_6, 0.05 / 30, number=5))  # p below 0.0033
    assert worn["verdict"] == "not_distinguishable"
    for key in ("paired_test", "difference", "questions_needed", "baselines", "best"):
        assert worn[key] == alone[key]
    # 1/256 is just above 0.0033, and below the 0.0167 of a second use.
    assert result_of(judged(AFTER_8, 0.05 / 30, number=5))["verdict"] == "not_distinguishable"
    assert result_of(judged(AFTER_8, 0.05 / 6, number=2))["verdict"] == "improved"


def test_no_wear_hides_a_loss() -> None:
    lost = "wwwwww" + BEFORE[6:]
    assert result_of(judged(lost))["verdict"] == "worse"
    assert result_of(judged(lost, 0.05 / 30, number=5))["verdict"] == "worse"


def test_a_worn_set_says_how_many_fresh_rows_would_do() -> None:
    result = result_of(judged(AFTER_6, 0.05 / 30, number=5))
    fresh = count_questions_needed(0.3, 0.0)
    assert result["verdict_sentence"].endswith(
        "McNemar mid-p = 0.016); but verdicts have used these 20 test rows 4 times before, so that "
        "only p below 0.0033 counts; this test set is worn out, and some "
        f"{fresh} fresh test rows would tell such a difference"
    )
    assert result["test_use"] == {
        "set": "s",
        "rows": 20,
        "number": 5,
        "earlier": 4,
        "sharers": 1,
        "threshold": pytest.approx(0.1 / 30),
        "repeats": False,
        "note": None,
    }


def test_more_rows_beside_worn_ones_are_not_offered() -> None:
    after = "rrrrrrrr" + BEFORE[8:]  # 2 gained, 0 lost: p = 0.25
    alone, worn = result_of(judged(after)), result_of(judged(after, 0.001, number=7))
    assert "more test questions would tell" in alone["verdict_sentence"]
    assert "fresh test rows would tell such a difference" in worn["verdict_sentence"]
    assert "worn out" not in worn["verdict_sentence"]
    same = result_of(judged(BEFORE, 0.001, number=7))
    assert same["verdict_sentence"].endswith("; as many were lost as gained")


def test_cells_that_share_a_use_say_so() -> None:
    result = result_of(judged(AFTER_6, 0.025 / 4, number=1, sharers=4))
    assert (
        "; but 4 runs of this sweep share the use, so that only p below 0.013 counts; some "
        in (result["verdict_sentence"])
    )


def test_the_same_answers_are_judged_as_they_were_and_others_are_not() -> None:
    use = read_test_use(judged(AFTER_6, 0.05 / 30, number=5))
    assert use is not None
    known = {use.answers: 0.025}
    again = result_of(judged(AFTER_6, 0.05 / 30, number=5, known=known))
    assert (again["verdict"], again["test_use"]["repeats"]) == ("improved", True)
    assert again["test_use"]["threshold"] == 0.05
    other = result_of(judged(AFTER_8, 0.05 / 30, number=5, known=known))
    assert (other["verdict"], other["test_use"]["repeats"]) == ("not_distinguishable", False)


def test_answers_are_known_in_any_order_of_the_rows() -> None:
    run = judged(AFTER_6, 0.01)
    turned = judged(AFTER_6, 0.01)
    examples = {**turned.examples, "test": list(reversed(turned.examples["test"]))}
    for candidate in turned.state.candidates.values():
        answers = candidate.answers["test"].by_question
        outcomes = [answers[question] for question in range(20)]
        answers.update(enumerate(reversed(outcomes)))
    one, other = read_test_use(run), read_test_use(replace(turned, examples=examples))
    assert one is not None
    assert other is not None
    assert one.answers == other.answers != ""


def test_nothing_is_known_before_all_is_answered() -> None:
    use = read_test_use(judged(AFTER_6[:-1] + "-", 0.01))
    assert use is not None
    assert use.answers == ""


@pytest.mark.parametrize(
    ("use", "line"),
    [
        ({}, ""),
        ({"earlier": 1, "threshold": 0.05}, "20 test rows: verdicts have used them once before"),
        (
            {"earlier": 3, "threshold": 0.005},
            "20 test rows: verdicts have used them 3 times before; a gain needs p below 0.005",
        ),
        (
            {"sharers": 2, "threshold": 0.025},
            "20 test rows: 2 runs of the sweep share the use; a gain needs p below 0.025",
        ),
        (
            {"earlier": 1, "repeats": True},
            "20 test rows: these prompts had the same answers on these rows before: no further use",
        ),
        ({"note": "the disk refuses"}, "20 test rows: the disk refuses"),
    ],
)
def test_the_line_below_a_verdict(use: dict[str, Any], line: str) -> None:
    first = {"rows": 20, "earlier": 0, "sharers": 1, "threshold": 0.05, "repeats": False}
    assert format_test_use({**first, "note": None, **use}) == line
