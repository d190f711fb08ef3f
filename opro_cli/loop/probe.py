"""The next work of the probe before a search, read off its state as the planner's is.

The start prompts are asked all rows. The others are asked a few, and only the better ones more
(successive halving: K. Jamieson and A. Talwalkar, AISTATS 2016). Their rows come in an order in
which rows that the start prompt got right and wrong alternate in proportion, so that each beginning
of it is like the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.state import RunState
from opro_cli.loop.planner import (
    Evaluate,
    Finish,
    PlannerCache,
    Question,
    Work,
    propose_missing,
)

LEAST_ROWS = 4
"""Rows without which a probe says nothing."""
NEAR_ALL = 0.97
"""Share of right answers of the start prompt from which nothing is left to be found."""


@dataclass(frozen=True, slots=True)
class ProbeShape:
    """How many of what a probe asks.

    Attributes:
        rows: Train rows that everything is tried on.
        kinds: Wordings of different kinds.
        aside: Worked examples and positions, which are asked the first round alone.
        proposals: Proposals of the optimizer.
        rounds: Rows that a candidate has been asked after each round, and how many go on.
    """

    rows: int
    kinds: int
    aside: int
    proposals: int
    rounds: tuple[tuple[int, int], ...]

    def count_calls(self, starts: int, calls_a_question: int = 1) -> int:
        """Count the calls at most, with a tiny call to each model.

        Args:
            starts: The start prompts, which are asked one row more: the worked example.
            calls_a_question: Two where each question is asked in two rounds.
        """
        questions, before = starts * (self.rows + 1) + self.aside * self.rounds[0][0], 0
        going_on = self.kinds + self.proposals
        for until, then in self.rounds:
            questions += going_on * (until - before)
            before, going_on = until, then
        return questions * calls_a_question + self.proposals + 2


SHAPES = (
    ProbeShape(34, 4, 2, 3, ((6, 3), (14, 2), (30, 0))),
    ProbeShape(20, 4, 1, 3, ((4, 3), (8, 1), (20, 0))),
    ProbeShape(14, 3, 1, 2, ((4, 2), (10, 0))),
    ProbeShape(10, 2, 0, 2, ((4, 1), (10, 0))),
)
"""From the largest to the smallest."""


def choose_shape(
    calls: int, train: int, starts: int = 1, calls_a_question: int = 1
) -> ProbeShape | None:
    """Return the largest probe of at most so many calls; None where they are too few for any.

    Args:
        calls: That it may make.
        train: Train rows that there are.
        starts: Start prompts.
        calls_a_question: Two where each question is asked in two rounds.
    """
    if train < LEAST_ROWS:
        return None
    for shape in SHAPES:
        rows = min(shape.rows, train)
        rounds = tuple((min(until, rows), then) for until, then in shape.rounds)
        fitted = replace(shape, rows=rows, rounds=rounds)
        if fitted.count_calls(starts, calls_a_question) <= calls:
            return fitted
    return None


def plan_probe(
    state: RunState,
    cache: PlannerCache | None = None,  # noqa: ARG001 - as `plan_next`
    *,
    shape: ProbeShape,
    aside: Collection[str] = (),
) -> Work:
    """Plan the probe: start prompts, then all others, in rounds of which the better ones go on.

    Args:
        state: Of the probe.
        cache: Not needed.
        shape: How much is asked.
        aside: Ids of the candidates that are asked the first round alone.
    """
    initial = state.of_step(0)
    whole = range(state.sizes["train"])
    at_start = [_ask(each, row) for each in initial for row in whole if _is_open(each, row)]
    if at_start:
        return Evaluate(tuple(at_start))
    start = find_reference(state, shape.rows)
    if mean_on(start, range(shape.rows)) >= NEAR_ALL:
        return Finish()
    order = order_rows(start, shape.rows)
    tried = [*state.of_step(1), *state.pending.values()]
    first, _ = shape.rounds[0]
    if state.is_searching:
        return propose_missing(state, list_open(tried, order, first))
    for until, then in shape.rounds:
        if open_rows := list_open(tried, order, until):
            return Evaluate(open_rows)
        tried = [each for each in tried if each.id not in aside]
        gains = {each.id: measure_gain(each, start, order, until) for each in tried}
        tried = sorted(tried, key=lambda each: -gains[each.id])[:then]
    return Finish()


def find_reference(state: RunState, rows: int) -> Candidate:
    """Return the best start prompt on the rows of the probe; the first of equals."""
    return max(state.of_step(0), key=lambda each: mean_on(each, range(rows)))


def order_rows(start: Candidate, rows: int) -> list[int]:
    """Return the rows of the probe, those that the start prompt got right and wrong in turn."""
    outcomes = start.answers["train"].by_question
    right = [row for row in range(rows) if (outcomes[row].score or 0.0) >= 0.5]
    wrong = [row for row in range(rows) if row not in {*right}]
    spots = [
        ((at + 0.5) / len(group), row) for group in (right, wrong) for at, row in enumerate(group)
    ]
    return [row for _, row in sorted(spots)]


def mean_on(candidate: Candidate, rows: Iterable[int]) -> float:
    """Return a candidate's mean score on rows that it has been asked; 0 for none."""
    outcomes = candidate.answers["train"].by_question
    scores = [outcomes[row].score or 0.0 for row in rows if row in outcomes]
    return sum(scores) / len(scores) if scores else 0.0


def measure_gain(candidate: Candidate, start: Candidate, order: Sequence[int], until: int) -> float:
    """Return a candidate's gain over the start prompt on its first `until` rows.

    Later rows do not count, so that nothing that arrives meanwhile changes who goes on.
    """
    rows = list_rows(candidate, order, until)
    return mean_on(candidate, rows) - mean_on(start, rows)


def list_rows(candidate: Candidate, order: Sequence[int], until: int) -> list[int]:
    """Return the first `until` rows that a candidate is asked.

    Each begins at a place of its own in the order, which goes round: together the candidates see
    all rows, so that what one row is like matters little.
    """
    begins = int(candidate.id[:4], 16) % len(order)
    rows = [order[(begins + at) % len(order)] for at in range(min(until, len(order)))]
    return [row for row in rows if row not in candidate.excluded_rows]


def list_open(
    candidates: Iterable[Candidate], order: Sequence[int], until: int
) -> tuple[Question, ...]:
    """List the open questions among the first `until` rows that each candidate is asked."""
    return tuple(
        _ask(candidate, row)
        for candidate in candidates
        for row in list_rows(candidate, order, until)
        if _is_open(candidate, row)
    )


def _is_open(candidate: Candidate, row: int) -> bool:
    return row not in candidate.answers["train"].by_question


def _ask(candidate: Candidate, row: int) -> Question:
    return Question(candidate.id, "train", row)
