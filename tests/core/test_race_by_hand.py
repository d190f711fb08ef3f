"""Races worked by hand: who counts in them, where the line lies, what a partial score is."""

from __future__ import annotations

import math
from random import Random

import pytest

from opro_cli.core.racing.race import (
    BLOCK,
    LEAST,
    OVERSHOOT,
    RECENT,
    REFERENCE,
    Race,
    _fit_line,
    _RaceQuestion,
    _select_reference,
)
from opro_cli.core.run.candidates import Answers, Estimate, Outcome
from opro_cli.core.stats.intervals import Z_95, Interval
from tests.core.test_racing import QUESTIONS, a_field, answered, drawn, stopped_at

NOTHING_RIGHT = [0.0] * QUESTIONS


def excluding(scores: list[float], excluded: range) -> Answers:
    """All questions answered, but for those that are left out."""
    answers = Answers()
    for question, score in enumerate(scores):
        if question in excluded:
            answers.refuse(question, exclude=True)
        else:
            answers.add(question, Outcome("x", score))
    return answers


def test_as_many_as_are_needed_are_enough() -> None:
    race = Race.start(a_field(count=LEAST), QUESTIONS, 0, 1)
    assert stopped_at(race, NOTHING_RIGHT) is not None


def test_with_one_block_of_questions_nobody_is_stopped() -> None:
    race = Race.start(a_field(questions=BLOCK), BLOCK, 0, 2)
    assert race.boundaries == (BLOCK,)
    assert stopped_at(race, [0.0] * BLOCK) is None


def test_whoever_was_refused_everything_is_no_rival() -> None:
    refused = excluding(NOTHING_RIGHT, range(QUESTIONS))
    race = Race.start([refused, *a_field(count=LEAST - 1)], QUESTIONS, 0, 2)
    assert stopped_at(race, NOTHING_RIGHT) is None


def leads(race: Race) -> list[float]:
    """What the leader scored, by question."""
    assert race._test is not None
    return [question.lead for question in sorted(race._test.questions)]


def test_the_leader_is_the_best_of_those_that_answered_everything() -> None:
    random = Random(0)
    poor = [answered([float(random.random() < 0.1) for _ in range(QUESTIONS)]) for _ in range(5)]
    stopped = answered([1.0] * 30)
    best = answered([float(q % 5 < 2) for q in range(QUESTIONS)])
    race = Race.start([*poor, stopped, best], QUESTIONS, 0, 2)
    assert leads(race) == [float(q % 5 < 2) for q in range(QUESTIONS)]


def test_the_best_is_so_by_its_share_of_what_counts() -> None:
    """19 of 20 beats 25 of 40."""
    share = [float(0 < q < 20) for q in range(QUESTIONS)]
    many = [float(q % 8 < 5) for q in range(QUESTIONS)]
    field = [excluding(share, range(20, QUESTIONS)), *[answered(many) for _ in range(LEAST)]]
    assert leads(Race.start(field, QUESTIONS, 0, 2)) == share


def test_a_leader_of_long_ago_is_still_the_one_to_beat() -> None:
    random = Random(4)
    strong = drawn(3.0, random)
    weak = [drawn(-1.0, random) for _ in range(RECENT + 5)]
    middling = [float(q % 5 >= 3) for q in range(QUESTIONS)]
    alone, with_leader = (Race.start(f, QUESTIONS, 0, 9) for f in (weak, [strong, *weak]))
    assert stopped_at(alone, middling) is None
    assert stopped_at(with_leader, middling) is not None


def test_an_ordinary_one_is_stopped_where_the_best_is_far_ahead() -> None:
    stops = 0
    for seed in range(20):
        random = Random(seed)
        field = [drawn(2.5, random, 100), *[drawn(0.0, random, 100) for _ in range(20)]]
        race = Race.start(field, 100, seed, 3)
        ordinary = drawn(0.0, random, 100)
        stops += stopped_at(race, [ordinary.by_question[q].score for q in range(100)]) is not None
    assert stops >= 18


def test_those_who_have_everything_right_or_wrong_tell_nothing_of_the_questions() -> None:
    # Each its own: the number of the candidate in binary, one more right and the rest wrong.
    bits = [[float(c >> bit & 1) for bit in range(6)] for c in range(60)]
    telling = [answered([*each, 1.0, *[0.0] * 5]) for each in bits]
    silent = [answered([score] * 12) for score in (0.0, 1.0)]
    assert _select_reference([silent[0], *telling[:2], silent[1]], 12) == telling[:2]
    assert _select_reference([silent[0], telling[0], silent[1]], 12) == [
        silent[0],
        telling[0],
        silent[1],
    ]
    # Of more than enough: the first third, then the latest.
    assert REFERENCE == 48
    assert _select_reference(telling, 12) == [*telling[:16], *telling[28:]]


def test_questions_that_are_left_out_stop_nobody() -> None:
    race = Race.start(a_field(), QUESTIONS, 0, 3)
    assert stopped_at(race, NOTHING_RIGHT) == BLOCK
    answers = Answers()
    for question in race.order[:BLOCK]:
        answers.refuse(question, exclude=True)
    assert not race.is_stopped(answers, BLOCK)


def line_of(information: float, boundaries: tuple[int, ...], slope: float) -> float:
    """Where the line starts for questions that all tell the same."""
    asked = [_RaceQuestion(q, 0.5, 1.0, information, 1.0) for q in range(boundaries[-1])]
    return _fit_line(asked, boundaries, slope).start


def test_a_level_line_is_crossed_before_the_last_boundary_with_chance_alpha() -> None:
    # Two looks count, after 10 and 20 questions of information 0.2: at the end of them the
    # surplus has the variance 4. Reflection: level 2 · 1.96 is met with chance 0.05. Looks in
    # blocks of variance 2 meet it more seldom: the line is nearer by 0.583 √2.
    expected = 2 * Z_95 - OVERSHOOT * math.sqrt(2)
    assert line_of(0.2, (10, 20, 25), 0.0) == pytest.approx(expected, abs=1e-4)
    assert line_of(0.2, (10, 20, 25), -1.0) == pytest.approx(expected, abs=1e-4)
    assert line_of(0.2, (10, 20, 25), 0.5) < expected


def test_the_score_of_one_that_answered_everything_is_what_it_is() -> None:
    race = Race.start(a_field(), QUESTIONS, 0, 3)
    answers = excluding([float(q < 15) for q in range(QUESTIONS)], range(20, QUESTIONS))
    assert race.estimate(answers) == Estimate(0.75, Interval(0.75, 0.75))


def test_a_partial_score_leaves_no_more_open_than_is() -> None:
    """39 of 40 answered, 30 right: it will be 30 or 31."""
    random = Random(1)
    likes = [[float(random.random() < 0.75) for _ in range(QUESTIONS)] for _ in range(12)]
    race = Race.start(list(map(answered, likes)), QUESTIONS, 0, 3)
    asked = race.order[:39]
    estimate = race.estimate(answered([1.0] * 30 + [0.0] * 9, asked))
    assert estimate.interval == Interval(30 / 40, 31 / 40)
    assert 30 / 40 < estimate.mean < 31 / 40
