"""Verdicts on scores between right and wrong, and on questions that were left out."""

from __future__ import annotations

import pytest

from opro_cli.core.run.candidates import Candidate, Outcome
from opro_cli.core.stats.intervals import difference_interval
from opro_cli.reports.paired import compare_candidates


def scored(*scores: float | None) -> Candidate:
    """A candidate with these scores on test; None: left out."""
    candidate = Candidate("c", "c", 0)
    for question, score in enumerate(scores):
        outcome = Outcome("a", score) if score is not None else Outcome(None, None, True)
        candidate.answers["test"].by_question[question] = outcome
    return candidate


def test_right_or_wrong_by_hand() -> None:
    found = compare_candidates(scored(1, 0, 0, 0, 1, 0), scored(0, 1, 1, 1, 1, 0))
    assert found is not None
    assert (found.name, found.n, found.gained, found.lost) == ("McNemar mid-p", 6, 3, 1)
    # 2 (1 + 4) / 16 - 4 / 16
    assert found.p_value == pytest.approx(6 / 16)
    assert found.difference == pytest.approx(2 / 6)
    assert found.interval == difference_interval(3, 1, 6)


def test_scores_between_are_compared_by_gaffkes_test() -> None:
    found = compare_candidates(scored(0.5, 0.25, 0.0, 1.0), scored(1.0, 0.75, 0.5, 1.0))
    assert found is not None
    assert (found.name, found.gained, found.lost) == ("Gaffke p", 3, 0)
    # Three gains of 0.5 and an unseen loss of 1: 2 * 3/4 * (1 / 1.5) ** 3
    assert found.p_value == pytest.approx(2 * 0.75 / 1.5**3, rel=0.03)
    assert found.difference == pytest.approx(0.375)
    assert -1.0 < found.interval.low < 0.0 < 0.375 < found.interval.high < 1.0


def test_the_same_figures_come_out_every_time() -> None:
    first, second = scored(0.5, 0.25, 0.1, 1.0), scored(1.0, 0.75, 0.5, 0.9)
    assert compare_candidates(first, second) == compare_candidates(first, second)


def test_questions_left_out_by_either_do_not_count() -> None:
    found = compare_candidates(scored(1, 0, None, 0), scored(1, 1, 1, None))
    assert found is not None
    assert (found.n, found.gained, found.lost) == (2, 1, 0)
    assert compare_candidates(scored(None), scored(1)) is None
    assert compare_candidates(scored(), scored(1)) is None
