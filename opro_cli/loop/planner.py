"""The next work of a run, read off its state. A fresh start and a resume are the same call."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from opro_cli.core.draws import create_rng
from opro_cli.core.racing.race import Race
from opro_cli.core.run.candidates import Candidate, Estimate
from opro_cli.core.run.selection import (
    Memo,
    find_baseline,
    find_winner,
    select_compared,
    select_finalists,
    select_for_dev,
)
from opro_cli.core.run.state import RunState, is_again
from opro_cli.core.task.example import Split


@dataclass(frozen=True, slots=True)
class Question:
    """One question to put to the scorer under one candidate's instruction."""

    candidate: str
    split: Split
    index: int


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask the optimizer for each of `samples` of a step.

    together: in one call, as several choices; else in a call each. meanwhile: questions about the
    instructions of this step that have arrived.
    """

    step: int
    samples: tuple[int, ...]
    together: bool = False
    meanwhile: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Ask the scorer these questions, in this order as far as concurrency allows.

    Those of one candidate stand together, since providers keep the beginning of a prompt warm;
    but for those of prompts that are compared (`_list_side_by_side`).
    """

    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a candidate no more: it has lost its race."""

    candidate: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to ask."""


Work = Propose | Evaluate | Stop | Finish


@dataclass(slots=True)
class PlannerCache:
    """Values derived from a run's state that planning would otherwise work out at every call.

    For one run. Planning gives the same with a new one; it only takes longer.
    """

    race: tuple[int, Race] | None = None
    """A step, and the race of its candidates."""
    exemplars: Memo = field(default_factory=Memo)


def plan_next(state: RunState, cache: PlannerCache | None = None) -> Work:
    """The loop of OPRO (section 2, figure 2): score, propose, score …, then dev, then test.

    With `eval_interval` the new candidates of every so many steps are scored on dev at once, as
    the reference does; the optimizer never learns those scores. The test split is touched once,
    at the end, by the start prompt, the winner, and what they are compared with.
    """
    if not state.sizes["train"]:  # nothing to search: `opro eval` scores instructions as they are
        return _evaluate_all(state)
    cache = cache or PlannerCache()
    open_train: list[Question] = []
    for candidate in _list_unfinished(state):
        if (estimate := _find_estimate_if_lost(state, candidate, cache)) is not None:
            return Stop(candidate.id, estimate)
        questions = _list_next_block(state, candidate, cache)
        open_train += (Question(candidate.id, "train", index) for index in questions)
    if state.proposals.arrived:
        return _propose(state, tuple(open_train))
    if open_train:
        return Evaluate(tuple(open_train))
    open_dev = _list_open_questions(state, select_for_dev(state), "dev")
    if open_dev:
        return Evaluate(open_dev)
    if state.step < state.search.steps:
        return _propose(state, ())
    return _evaluate_unseen(state)


def _evaluate_all(state: RunState) -> Work:
    return _plan_test(state, list(state.candidates.values()))


def _plan_test(state: RunState, candidates: list[Candidate]) -> Work:
    """Ask prompts the test questions, to compare them."""
    ask = _list_side_by_side if state.interleaves else _list_one_by_one
    questions = ask(state, candidates)
    return Evaluate(questions) if questions else Finish()


def _list_one_by_one(state: RunState, candidates: list[Candidate]) -> tuple[Question, ...]:
    return _list_open_questions(state, candidates, "test")


def _list_side_by_side(state: RunState, candidates: list[Candidate]) -> tuple[Question, ...]:
    """The open test questions, one after the other, each under all prompts in turn.

    A scorer that changes by itself then changes for all prompts alike: the order of the
    questions, and of the prompts on each, is drawn from the run's seed. Whoever is asked a second
    time gets each question a quarter of all questions after the first time, so that what the
    scorer itself changes meanwhile is seen.
    """
    compared = [each for each in candidates if not is_again(each)]
    repeated = [each for each in candidates if is_again(each)]
    total = state.sizes["test"]
    order = list(range(total))
    rng = create_rng(state.search.seed, "test order")
    rng.shuffle(order)
    later = -(-total // 4) if repeated else 0
    questions: list[Question] = []
    for turn in range(total + later):
        asked = [(each, order[turn]) for each in compared] if turn < total else []
        if turn >= later:
            asked += [(each, order[turn - later]) for each in repeated]
        rng.shuffle(asked)
        questions += [
            Question(candidate.id, "test", index)
            for candidate, index in asked
            if index not in candidate.answers["test"].by_question
        ]
    return tuple(questions)


def _list_unfinished(state: RunState) -> list[Candidate]:
    """Who has open train questions: of those that joined before, only the present step's."""
    last = state.of_step(state.step) if state.step else []
    everyone = [*state.of_step(0), *last, *state.pending.values()]
    return [candidate for candidate in everyone if not state.is_done(candidate)]


def _is_raced(state: RunState, candidate: Candidate) -> bool:
    return bool(state.search.racing) and candidate.step > 0


def _get_race(state: RunState, step: int, cache: PlannerCache) -> Race:
    """The race of a step, against all that joined before it: it does not change meanwhile."""
    if cache.race is None or cache.race[0] != step:
        earlier = [c.answers["train"] for c in state.candidates.values() if c.step < step]
        race = Race.start(earlier, state.sizes["train"], state.search.seed, step)
        cache.race = step, race
    return cache.race[1]


def _find_estimate_if_lost(
    state: RunState, candidate: Candidate, cache: PlannerCache
) -> Estimate | None:
    """Return the score a candidate would have had, where it is to be asked no more.

    Decided at the boundaries of its race alone, each a block of questions in their order, so
    that no order of arrival shows.
    """
    answers = candidate.answers["train"]
    n = len(answers.by_question)
    if n == 0 or not _is_raced(state, candidate):
        return None
    race = _get_race(state, candidate.step, cache)
    place = bisect_left(race.boundaries, n)
    at_boundary = race.boundaries[place : place + 1] == (n,) and all(
        map(answers.by_question.__contains__, race.order[:n])
    )
    return race.estimate(answers) if at_boundary and race.is_stopped(answers, n) else None


def _list_next_block(state: RunState, candidate: Candidate, cache: PlannerCache) -> list[int]:
    """The open questions up to the next decision; all of them where there is none."""
    if not _is_raced(state, candidate):
        return state.missing(candidate, "train")
    race = _get_race(state, candidate.step, cache)
    done = candidate.answers["train"].by_question
    # Blocks are asked in order: as a rule those that so many answers fill are done.
    place = bisect_right(race.boundaries, len(done))
    start = race.boundaries[place - 1] if place else 0
    if not all(map(done.__contains__, race.order[:start])):
        place = start = 0
    for boundary in race.boundaries[place:]:
        block = [question for question in race.order[start:boundary] if question not in done]
        if block:
            return block
    return []


def _propose(state: RunState, meanwhile: tuple[Question, ...]) -> Propose:
    samples = range(state.samples)
    return Propose(
        step=state.step + 1,
        samples=tuple(sample for sample in samples if sample not in state.proposals.arrived),
        together=_asks_for_several(state),
        meanwhile=meanwhile,
    )


def _asks_for_several(state: RunState) -> bool:
    """Return True if the optimizer gives several choices in one call, as far as is known.

    It is asked for them once; one that gave a single choice is asked once for each from then on.
    """
    if state.proposals.arrived:
        return any(proposal.via == "choice" for proposal in state.proposals.arrived.values())
    return state.step == 0 or state.proposals.gave_choices


def _evaluate_unseen(state: RunState) -> Work:
    open_dev = _list_open_questions(state, select_finalists(state), "dev")
    if open_dev:
        return Evaluate(open_dev)
    best, start = find_winner(state), find_baseline(state)
    if best is None or start is None:
        raise AssertionError("every candidate has its train answers here, so one is best")
    return _plan_test(state, select_compared(state, start, best))


def _list_open_questions(
    state: RunState, candidates: list[Candidate], split: Split
) -> tuple[Question, ...]:
    return tuple(
        Question(candidate.id, split, index)
        for candidate in candidates
        for index in state.missing(candidate, split)
    )
