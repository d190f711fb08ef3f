"""Means over tasks, seeds and questions: worked by hand, and how often they hold the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.stats.hierarchical import (
    estimate_over_seeds,
    estimate_over_tasks,
    estimate_these_tasks,
    t_95,
)

GAINS = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("freedom", "expected"),
    # The printed tables of Student's t, two-sided 95 %.
    [(1, 12.706), (2, 4.303), (3, 3.182), (9, 2.262), (30, 2.042), (120, 1.980), (10_000, 1.960)],
)
def test_students_t_as_the_tables_print_it(freedom: float, expected: float) -> None:
    assert t_95(freedom) == pytest.approx(expected, abs=6e-4)


def test_tasks_that_differ_decide_how_wide_it_is() -> None:
    # Task means .1, .2, .3, .4, of questions that agree: variance 1/60, so the standard error is
    # sqrt(1/240) = .064550, and t with 3 degrees of freedom is 3.1824: .25 -+ .20542.
    found = estimate_over_tasks([[mean] * 8 for mean in (0.1, 0.2, 0.3, 0.4)], Random(0))
    assert found.mean == pytest.approx(0.25)
    assert found.interval.low == pytest.approx(0.25 - 0.20542, abs=1e-4)
    assert found.interval.high == pytest.approx(0.25 + 0.20542, abs=1e-4)


def test_tasks_that_happen_to_agree_are_as_unsure_as_their_questions() -> None:
    # Three tasks of mean .5: t over them says +-0. Each has 100 questions, half of them gained,
    # so a task's mean has variance .25 / 100, theirs .0025 / 3, and 1.96 times its root is .0566.
    found = estimate_over_tasks([[0.0, 1.0] * 50] * 3, Random(0))
    assert found.interval.low == pytest.approx(0.5 - 0.0566, abs=0.008)
    assert found.interval.high == pytest.approx(0.5 + 0.0566, abs=0.008)


def test_each_task_counts_as_much_as_another() -> None:
    found = estimate_over_tasks([[1.0] * 90, [0.0, 0.0]], Random(0))
    assert found.mean == pytest.approx(0.5)
    # Two tasks: t is 12.7 times a standard error of .5, more than all that is possible.
    assert (found.interval.low, found.interval.high) == (-1.0, 1.0)


def test_of_these_tasks_alone_only_the_questions_are_chance() -> None:
    # As above, with variance .25 * 100 / 99 of the questions of each: t of 297 is 1.968.
    found = estimate_these_tasks([[0.0, 1.0] * 50] * 3)
    assert found.interval.high == pytest.approx(0.5 + 1.968 * math.sqrt(0.25 / 99 / 3), abs=1e-4)
    # However far apart the tasks are: questions that agree leave no doubt about these ones.
    alone = estimate_these_tasks([[0.1] * 5, [0.9] * 5])
    assert (alone.interval.low, alone.interval.high) == pytest.approx((0.5, 0.5))


def test_seeds_that_found_the_same_make_nothing_surer() -> None:
    # Question means 1, 0, 1, 0: variance 1/3, a quarter of it for their mean, 3 degrees of
    # freedom: .5 -+ 3.1824 * .28868, whether two seeds say it or nine.
    for seeds in (2, 9):
        found = estimate_over_seeds([[1.0, 0.0, 1.0, 0.0]] * seeds)
        assert found.mean == 0.5
        assert found.interval.low == pytest.approx(0.5 - 3.1824 * 0.288675, abs=1e-4)
        assert found.interval.high == 1.0


def test_seeds_that_found_something_else_make_it_less_sure() -> None:
    # Seed means 0 and .2 on questions that agree: variance .02, half of it, 1 degree of freedom.
    found = estimate_over_seeds([[0.0] * 10, [0.2] * 10])
    # .1 -+ 12.7 * .1, more than all that is possible.
    assert (found.interval.low, found.interval.high) == (-1.0, 1.0)
    three = estimate_over_seeds([[0.0] * 10, [0.1] * 10, [0.2] * 10])
    # Variance .01, a third of it, 2 degrees of freedom: .1 -+ 4.3027 * .057735.
    assert three.interval.low == pytest.approx(0.1 - 4.3027 * 0.057735, abs=1e-4)


def test_one_question_says_nothing_of_others() -> None:
    found = estimate_over_seeds([[0.0], [1.0]])
    assert (found.mean, found.interval.low, found.interval.high) == (0.5, -1.0, 1.0)


@pytest.mark.parametrize("tasks", [[], [[1.0]], [[1.0], []]])
def test_no_mean_over_tasks_without_two(tasks: Sequence[Sequence[float]]) -> None:
    with pytest.raises(ValueError, match="two tasks"):
        estimate_over_tasks(tasks, Random(0))


@given(st.lists(st.lists(GAINS, min_size=1, max_size=6), min_size=2, max_size=5))
@settings(max_examples=30, deadline=None)
def test_the_mean_is_inside_and_the_same_each_time(tasks: list[list[float]]) -> None:
    found = estimate_over_tasks(tasks, Random(3))
    assert -1 <= found.interval.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.interval.high <= 1
    assert found == estimate_over_tasks(tasks, Random(3))


def coverage(tasks: int, questions: int, spread: float, times: int) -> float:
    """How often the interval holds the mean gain of the tasks that these were drawn from.

    A task's gain is .08 -+ spread; a question is gained, lost or neither, 3 of 10 differing.
    """
    random, held = Random(11), 0
    for _ in range(times):
        drawn = []
        for _ in range(tasks):
            # Uniform, so that the mean over all tasks is .08 and no chance leaves [0, 1].
            gain = random.uniform(0.08 - spread * 3**0.5, 0.08 + spread * 3**0.5)
            up, down = (0.3 + gain) / 2, (0.3 - gain) / 2
            drawn.append(random.choices([1.0, -1.0, 0.0], [up, down, 1 - up - down], k=questions))
        interval = estimate_over_tasks(drawn, random).interval
        held += interval.low <= 0.08 <= interval.high
    return held / times


@pytest.mark.parametrize(("tasks", "spread"), [(10, 0.1), (3, 0.1)])
def test_19_of_20_intervals_hold_the_truth(tasks: int, spread: float) -> None:
    # Of 100 intervals at 95 %, fewer than 89 hold it once in 100 times.
    assert coverage(tasks, 50, spread, times=100) >= 0.89


def test_seeds_and_questions_are_both_chance() -> None:
    """Three seeds of quality .5 -+ .05 on 40 questions; 120 answers taken for 120 hold it 80 %."""
    random, held = Random(7), 0
    for _ in range(200):
        prompts = [random.gauss(0, 0.05) for _ in range(3)]
        questions = [random.uniform(-0.4, 0.4) for _ in range(40)]
        rights = [[float(random.random() < 0.5 + p + q) for q in questions] for p in prompts]
        interval = estimate_over_seeds(rights).interval
        held += interval.low <= 0.5 <= interval.high
    assert 0.91 <= held / 200 <= 0.995
