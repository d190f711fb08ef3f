"""Corrected p-values by hand, and the marks that they make."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.stats.intervals import holm
from opro_cli.reports.matrix import MatrixColumn, build_column, list_rows
from opro_cli.reports.recorded import RecordedRun
from tests.core.runs import answered, new_state


def of_scores(*right: int, questions: int = 20) -> MatrixColumn:
    """Prompts "p0", "p1" … that answer so many of the questions rightly, from the first on."""
    prompts = tuple(f"p{place}" for place in range(len(right)))
    state = new_state(*prompts, steps=0, train=0, test=questions)
    for prompt, count in zip(prompts, right, strict=True):
        for question in range(questions):
            state.apply(answered(prompt, question, float(question < count), "test"))
    run = RecordedRun("r", "r", {"scorer": {"model": "m"}}, {}, {}, state, "finished")
    return build_column("d", run, prompts)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.04], [0.04]),
        # Holm: the smallest times 3, the next times 2, the last as it is, never falling.
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.9], [1.0, 1.0]),
    ],
)
def test_holm_by_hand(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_between_each_alone_and_bonferroni(p_values: list[float]) -> None:
    for alone, adjusted in zip(p_values, holm(p_values), strict=True):
        assert alone <= adjusted <= min(1.0, len(p_values) * alone) + 1e-12


def test_only_what_is_told_apart_has_a_mark() -> None:
    found = of_scores(10, 18, 13, 2)
    assert [entry.mark for entry in found.entries] == ["", "better", "", "worse"]
    first, better = found.entries[:2]
    assert (first.against_first, first.adjusted) == (None, None)
    # 8 gained, none lost: mid-p 1 / 2**8, the smallest or next to it of three.
    assert better.against_first is not None
    assert better.against_first.p_value == pytest.approx(1 / 256)
    assert better.adjusted == pytest.approx(3 / 256)


def test_a_prompt_without_a_score_has_the_same_keys_as_the_others() -> None:
    found = of_scores(2, 1, questions=2)
    unscored = replace(found, entries=(replace(found.entries[0], score=None), found.entries[1]))
    first, second = list_rows(("p0", "p1"), [unscored])
    assert list(first) == list(second)
    assert (first["mean"], second["n"]) == (None, 2)


def test_one_gain_among_many_tries_is_no_gain() -> None:
    # 5 gained: mid-p 1/32, alone a difference; among eleven it is not.
    alone, many = of_scores(5, 10), of_scores(5, 10, *[5] * 10)
    assert alone.entries[1].mark == "better"
    assert many.entries[1].mark == ""
