"""Who is stopped early, when, and what score is kept of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.racing.abilities import Ability, Difficulties, estimate_best, estimate_prior
from opro_cli.core.racing.race import ALPHA, BLOCK, LEAST, Race, _compute_crossing
from opro_cli.core.run.candidates import Answers, Outcome

QUESTIONS = 40
Scores = Sequence[float | None]


def answered(scores: Scores, questions: Sequence[int] | None = None) -> Answers:
    """Answers with these scores, to all questions or to the first of those given."""
    answers = Answers()
    for question, score in zip(questions or range(len(scores)), scores, strict=False):
        answers.add(question, Outcome("x", score))
    return answers


def drawn(ability: float, random: Random, questions: int = QUESTIONS) -> Answers:
    """A candidate of the model: question q has the ease (q % 5) - 2."""
    chances = [1 / (1 + math.exp(2 - q % 5 - ability)) for q in range(questions)]
    return answered([float(random.random() < chance) for chance in chances])


def a_field(seed: int = 0, count: int = 17, questions: int = QUESTIONS) -> list[Answers]:
    """Earlier candidates of different abilities."""
    random = Random(seed)
    return [drawn(random.gauss(0.5, 0.5), random, questions) for _ in range(count)]


def stopped_at(race: Race, scores: Scores) -> int | None:
    """After how many questions a candidate with these scores, by question, is stopped."""
    for n in race.boundaries:
        asked = race.order[:n]
        if race.is_stopped(answered([scores[q] for q in asked], asked), n):
            return n
    return None


def test_decisions_fall_after_every_block_and_the_last_is_all() -> None:
    assert Race.start(a_field(questions=25), 25, 0, 1).boundaries == (10, 20, 25)
    assert Race.start(a_field(questions=20), 20, 0, 1).boundaries == (10, 20)


def test_where_nobody_can_be_stopped_there_is_nothing_to_wait_for() -> None:
    assert Race.start(a_field(count=LEAST - 1, questions=25), 25, 0, 1).boundaries == (25,)
    assert Race.start(a_field(questions=4), 4, 0, 1).boundaries == (4,)


@pytest.mark.parametrize("known", range(LEAST))
def test_nobody_is_stopped_while_too_few_are_known(known: int) -> None:
    race = Race.start(a_field(count=known), QUESTIONS, 0, 1)
    nothing_right = answered([0.0] * QUESTIONS)
    assert not any(race.is_stopped(nothing_right, n) for n in range(1, QUESTIONS + 1))


def test_whoever_has_nothing_right_is_stopped_after_the_first_block() -> None:
    race = Race.start(a_field(), QUESTIONS, 0, 3)
    assert stopped_at(race, [0.0] * QUESTIONS) == BLOCK
    assert stopped_at(race, [None] * QUESTIONS) == BLOCK


def test_nobody_is_stopped_after_the_last_question() -> None:
    race = Race.start(a_field(), QUESTIONS, 0, 3)
    assert not race.is_stopped(answered([0.0] * QUESTIONS), QUESTIONS)


def test_the_order_is_all_questions_the_telling_ones_first() -> None:
    # Everyone so far has the even ones right; of the odd ones every other candidate has each.
    field = [
        answered([1.0 if q % 2 == 0 else float((c + q // 2) % 2) for q in range(QUESTIONS)])
        for c in range(8)
    ]
    order = Race.start(field, QUESTIONS, 0, 2).order
    assert sorted(order) == list(range(QUESTIONS))
    assert all(q % 2 for q in order[: QUESTIONS // 2])


def test_equal_questions_are_shuffled_anew_each_step() -> None:
    first, second = (Race.start([], QUESTIONS, 0, step).order for step in (1, 2))
    assert first != second
    assert first == Race.start([], QUESTIONS, 0, 1).order != Race.start([], 40, 1, 1).order


def test_a_late_start_is_the_same_race() -> None:
    """Decisions depend on what was answered, not on when it arrived."""
    field = a_field()
    random = Random(1)
    mixed = []
    for answers in field:
        questions = list(answers.by_question)
        random.shuffle(questions)
        mixed.append(answered([answers.by_question[q].score for q in questions], questions))
    one, other = (Race.start(each, QUESTIONS, 7, 3) for each in (field, mixed))
    assert one.order == other.order
    asked = one.order[:20]
    scores = [float(q % 3 == 0) for q in asked]
    in_turn, reversed_turn = answered(scores, asked), answered(scores[::-1], asked[::-1])
    assert one.estimate(in_turn) == other.estimate(reversed_turn)
    assert one.is_stopped(in_turn, 20) == other.is_stopped(reversed_turn, 20)
    for _ in range(30):  # not one digit: sums of floats depend on their order
        arrived = random.sample(asked, 20)
        mixed_turn = answered([float(q % 3 == 0) for q in arrived], arrived)
        assert one.estimate(mixed_turn) == one.estimate(in_turn)


def test_one_as_able_as_the_best_is_seldom_stopped() -> None:
    """About ALPHA by the model; a best that is overrated a little makes it a few more."""
    stopped = 0
    for seed in range(150):
        random = Random(seed)
        field = [drawn(0.9, random, 60) for _ in range(4)] + a_field(seed + 1000, 20, 60)
        race = Race.start(field, 60, seed, 3)
        candidate = drawn(1.6, random, 60)
        stopped += stopped_at(race, [candidate.by_question[q].score for q in range(60)]) is not None
    assert stopped / 150 <= 2 * ALPHA


def test_poor_candidates_are_stopped_in_the_end() -> None:
    stops = 0
    for seed in range(30):
        race = Race.start(a_field(seed, 20, 100), 100, seed, 3)
        candidate = drawn(-1.5, Random(seed), 100)
        stops += stopped_at(race, [candidate.by_question[q].score for q in range(100)]) is not None
    assert stops >= 28


def test_a_partial_score_is_put_on_the_scale_of_full_ones() -> None:
    """The first questions are the telling, harder ones; a mean of those alone would be low."""
    random = Random(5)
    # Half of the questions everyone has right.
    field = [
        answered([1.0 if q < 50 else float(random.random() < 0.5) for q in range(100)])
        for _ in range(20)
    ]
    race = Race.start(field, 100, 0, 3)
    asked = race.order[:30]
    assert min(asked) >= 50
    estimate = race.estimate(answered([float(place % 3 == 0) for place in range(30)], asked))
    assert 0.6 < estimate.mean < 0.8  # 10 of 30 right, yet some 70 of 100 to be expected
    assert estimate.interval.low < estimate.mean < estimate.interval.high


def test_intervals_hold_the_full_score_of_those_stopped() -> None:
    held = count = 0
    for seed in range(25):
        race = Race.start(a_field(seed, 25, 100), 100, seed, 4)
        random = Random(seed + 500)
        for _ in range(8):
            full = drawn(random.gauss(0.0, 0.5), random, 100)
            scores = [full.by_question[q].score or 0.0 for q in range(100)]
            n = stopped_at(race, scores)
            if n is not None:
                interval = race.estimate(
                    answered([scores[q] for q in race.order[:n]], race.order[:n])
                ).interval
                count += 1
                held += interval.low <= sum(scores) / 100 <= interval.high
    assert count > 50
    assert held / count > 0.88


def test_a_prompt_with_nothing_right_is_not_estimated_near_the_others() -> None:
    """Candidates that are much alike say little of one whose replies cannot be read."""
    for seed in range(6):
        random = Random(seed)
        race = Race.start([drawn(0.9, random) for _ in range(4 + seed)], QUESTIONS, seed, 2)
        few, many = (
            race.estimate(answered([1.0] * right + [0.0] * (10 - right), race.order[:10]))
            for right in (0, 7)
        )
        assert few.mean < 0.4
        assert few.mean < many.mean - 0.3
        assert 0.6 < many.mean < 0.8  # where nothing contradicts them, they still count


def test_a_line_is_crossed_as_often_as_theory_says() -> None:
    # Reflection: without slope, twice the chance to be beyond at the end: 2 (1 - Phi(1.96)).
    assert _compute_crossing(1.959963984540054 * 3, 0.0, 9.0) == pytest.approx(0.05)
    # For ever, exp(-2 a b).
    assert _compute_crossing(1.0, 1.0, 1e6) == pytest.approx(math.exp(-2))


def test_the_spread_of_the_eases_is_found() -> None:
    random = Random(3)
    eases = [random.gauss(0, 2) for _ in range(400)]
    field = []
    for _ in range(40):
        ability = random.gauss(1, 0.3)
        chances = [1 / (1 + math.exp(-ability - ease)) for ease in eases]
        field.append(answered([float(random.random() < chance) for chance in chances]))
    difficulties = Difficulties(field, 400)
    assert difficulties.spread == pytest.approx(2, abs=0.3)
    assert difficulties.centre == pytest.approx(1, abs=0.3)
    seen = sum(a.correct for a in field) / (40 * 400)
    chances = difficulties.predict(difficulties.centre).chances
    assert sum(chances) / 400 == pytest.approx(seen, abs=0.01)


def test_luck_is_not_taken_for_ability() -> None:
    random = Random(2)
    equals = [Ability(random.gauss(1.0, 0.3), 0.09) for _ in range(60)]
    assert max(each.ability for each in equals) > 1.5
    assert estimate_best(equals) < 1.25
    assert estimate_prior(equals).mean == pytest.approx(sum(each.ability for each in equals) / 60)
    assert estimate_prior(equals).variance < 0.045
    # One that is truly better stays so.
    assert estimate_best([*equals, Ability(3.0, 0.09)]) > 2.5


anything = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 1.0]), st.just("excluded"))
odd_fields = st.lists(st.lists(anything, min_size=24, max_size=24), min_size=4, max_size=9)


def odd(outcomes: Sequence[float | str | None], questions: Sequence[int]) -> Answers:
    answers = Answers()
    for question in questions:
        outcome = outcomes[question]
        if isinstance(outcome, str):
            answers.refuse(question, exclude=True)
        else:
            answers.add(question, Outcome(None, outcome))
    return answers


@given(odd_fields, st.lists(anything, min_size=24, max_size=24), st.integers(1, 24))
@settings(max_examples=60, deadline=None)
def test_odd_answers_never_raise(
    field: list[list[float | str | None]], own: list[float | str | None], stop: int
) -> None:
    earlier = [odd(each, range(24)) for each in field]
    earlier.append(odd(field[0], range(stop)))
    race = Race.start(earlier, 24, 0, 2)
    assert sorted(race.order) == list(range(24))
    for n in race.boundaries:
        answers = odd(own, race.order[:n])
        race.is_stopped(answers, n)
        if answers.score() is not None:
            estimate = race.estimate(answers)
            assert 0 <= estimate.interval.low <= estimate.mean <= estimate.interval.high <= 1


marks = st.lists(st.sampled_from([0.0, 1.0]), min_size=30, max_size=30)


@given(st.lists(marks, min_size=4, max_size=9), marks)
@settings(max_examples=60, deadline=None)
def test_as_good_as_the_best_on_every_question_is_never_stopped(
    field: list[list[float]], more: list[float]
) -> None:
    race = Race.start([answered(each) for each in field], 30, 0, 2)
    best = [max(column) for column in zip(*field, strict=True)]
    assert stopped_at(race, best) is None
    assert stopped_at(race, [max(pair) for pair in zip(best, more, strict=True)]) is None
    leader = max(field, key=sum)
    assert stopped_at(race, leader) is None


@given(st.integers(0, 500), marks, st.integers(0, 29))
@settings(max_examples=60, deadline=None)
def test_a_right_answer_made_wrong_never_saves(seed: int, own: list[float], place: int) -> None:
    race = Race.start(a_field(seed, 12, 30), 30, seed, 2)
    worse = [*own[:place], 0.0, *own[place + 1 :]]
    before, after = stopped_at(race, own), stopped_at(race, worse)
    assert before is None or (after is not None and after <= before)


def test_everyone_perfect_and_everyone_wrong() -> None:
    for score in (0.0, 1.0):
        race = Race.start([answered([score] * 30) for _ in range(9)], 30, 0, 2)
        assert stopped_at(race, [score] * 30) is None
        estimate = race.estimate(answered([score] * 10, race.order[:10]))
        assert estimate.mean == pytest.approx(score, abs=0.05)


def test_too_little_known_estimates_as_any_score() -> None:
    race = Race.start([], 30, 0, 1)
    estimate = race.estimate(answered([1.0, 0.0], race.order[:2]))
    assert estimate.mean == 0.5
    with pytest.raises(ValueError, match="at least one answer"):
        race.estimate(Answers())
