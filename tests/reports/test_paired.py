"""Questions that both answered: which count, which flipped, what was said, and how many tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.run.candidates import Candidate, Estimate, Outcome
from opro_cli.core.stats.intervals import Interval, holm
from opro_cli.core.stats.paired import GAFFKE, compare_graded_scores
from opro_cli.reports.formats import format_gain
from opro_cli.reports.paired import Flips, SharedMeans, measure_shared
from opro_cli.reports.verdict import judge
from tests.reports.runs import diff, run


def on_test(before: str, after: str, questions: str, exclude: bool = False) -> Flips:
    one = run("a", "Think.", before, questions, exclude=exclude)
    other = run("b", "Do.", after, questions, exclude=exclude)
    flips = diff(one, other).flips
    assert flips is not None
    assert flips.split == "test"
    return flips


def test_a_refused_question_is_wrong_or_left_out_as_the_run_has_it() -> None:
    wrong = on_test("xrw", "rxr", "abc")
    assert (wrong.shared, wrong.left_out) == (3, 0)
    assert [flip.question for flip in wrong.gained] == ["a", "c"]
    assert [flip.question for flip in wrong.lost] == ["b"]
    left_out = on_test("xrw", "rxr", "abc", exclude=True)
    assert (left_out.shared, left_out.left_out) == (1, 2)
    assert [flip.question for flip in left_out.gained] == ["c"]
    assert left_out.lost == ()


def test_a_split_of_which_nothing_is_left_is_none() -> None:
    one = run("a", "Think.", "xx", "ab", exclude=True)
    other = run("b", "Do.", "rr", "ab", exclude=True)
    assert [flips.split for flips in diff(one, other).by_split] == ["train"]


def test_an_unanswered_question_is_not_shared() -> None:
    assert on_test("rw-", "-rr", "abc").shared == 1


def test_equal_rows_are_pairs_of_their_own() -> None:
    flips = on_test("wwr", "rrr", "aab")
    assert (flips.shared, len(flips.gained), flips.p_value) == (3, 2, 0.25)
    # Not asked under one prompt: the second of the equal rows still meets the second.
    assert on_test("-w", "wr", "aa").gained[0].before.number == 1


def test_scores_in_between_are_gained_or_lost_and_tested_as_graded() -> None:
    flips = on_test("whhr", "hrhh", "abcd")
    assert [flip.question for flip in flips.gained] == ["a", "b"]
    assert [flip.question for flip in flips.lost] == ["d"]
    assert (flips.test, flips.shared) == (GAFFKE, 4)
    assert flips.p_value == compare_graded_scores([0.5, 0.5, 0.0, -0.5]).p_value


def test_unreadable_is_wrong() -> None:
    flips = on_test("uur", "urw", "abc")
    assert [flip.question for flip in flips.gained] == ["b"]
    assert [flip.question for flip in flips.lost] == ["c"]


def test_replies_are_joined_to_the_question_of_each_run() -> None:
    one, other = run("a", "Think.", "wr", "ab"), run("b", "Do.", "wr", "ba")
    flips = diff(one, other).flips
    assert flips is not None
    assert flips.list_numbers() == ({0, 1}, {0, 1})
    told = flips.with_replies({("test", 0): ("no", "2")}, {("test", 1): ("1",)})
    assert told.gained[0].question == "a"
    assert told.gained[0].before.replies == ("no", "2")
    assert told.gained[0].after.replies == ("1",)
    assert told.lost[0].before.replies == ()  # refused: nothing was said


@given(st.text("rwhux", min_size=1, max_size=9), st.booleans())
def test_the_figures_are_those_of_the_verdict(outcomes: str, exclude: bool) -> None:
    """Of one run's start and best prompt, `opro diff` says what the verdict says."""
    one = run("a", "Think.", outcomes, "a" * len(outcomes), exclude=exclude)
    other = run("b", "Do.", outcomes[::-1], "a" * len(outcomes), exclude=exclude)
    (start,), (best,) = one.state.candidates.values(), other.state.candidates.values()
    verdict = judge(one.state, start, best).to_json()["paired_test"]
    flips = {flips.split: flips for flips in diff(one, other).by_split}.get("test")
    if verdict is None or flips is None:
        assert exclude
        return
    assert (verdict["gained"], verdict["lost"]) == (len(flips.gained), len(flips.lost))
    assert (verdict["test"], verdict["p_value"]) == (flips.test, flips.p_value)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04], [0.02, 0.04]),
        # 3 * 0.01; 2 * 0.02; 0.03 would fall below that
        ([0.03, 0.01, 0.02], [0.04, 0.03, 0.04]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm_worked_by_hand(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_makes_nothing_smaller(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)


def candidate(**scores: float) -> Candidate:
    """A prompt with the scores of train rows, each named by its number behind an r."""
    made = Candidate("id", "Add.", 1)
    for row, score in scores.items():
        made.answers["train"].add(int(row[1:]), Outcome("2", score))
    return made


def test_a_gain_is_of_the_rows_that_both_were_asked() -> None:
    start = candidate(r0=0.0, r1=0.0, r2=1.0, r3=1.0)
    best = candidate(r2=1.0, r3=1.0)  # rows 0 and 1, which the start gets wrong, are shown
    assert measure_shared(start, best, "train") == SharedMeans(2, start=1.0, best=1.0)
    same = candidate(r0=1.0, r1=1.0, r2=1.0, r3=1.0)
    assert measure_shared(start, same, "train") is None
    scores = [{"scores": {"train": {"mean": mean}}} for mean in (0.5, 1.0)]
    result = {"initial": scores[0], "best": scores[1]}
    assert format_gain(result, "train") == "+50.0"
    shared = {"train": {"n": 2, "start": 1.0, "best": 1.0}}
    assert format_gain({**result, "shared": shared}, "train") == "0.0"


def test_an_estimate_is_not_of_the_rows_that_were_asked() -> None:
    start, best = candidate(r0=0.0, r1=1.0), candidate(r1=1.0)
    best.answers["train"].estimate = Estimate(0.6, Interval(0.2, 0.9), 1)
    assert measure_shared(start, best, "train") is None
