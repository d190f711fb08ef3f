"""The next work of a run, read off its state. A fresh start and a resume are the same call."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from opro_cli.core.racing.race import Race
from opro_cli.core.run.candidates import AGAIN, Candidate, Estimate, is_again
from opro_cli.core.run.exemplars import Memo
from opro_cli.core.run.gate import draw_test_order, is_gate, read_gate
from opro_cli.core.run.layout import affords_test
from opro_cli.core.run.selection import (
    find_baseline,
    find_winner,
    is_untried,
    may_lead,
    select_compared,
    select_finalists,
    select_for_dev,
)
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE
from opro_cli.core.task.example import Split
from opro_cli.loop.looks import Look, decide_look, list_open


@dataclass(frozen=True, slots=True)
class Question:
    """One question to put to the scorer under one candidate's instruction."""

    candidate: str
    split: Split
    index: int


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask the optimizer for each of `samples` of a step.

    Attributes:
        together: In one call, as several choices; else in a call each.
        meanwhile: Questions about the instructions of this step that have arrived.
    """

    step: int
    samples: tuple[int, ...]
    together: bool = False
    meanwhile: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Ask the scorer these questions, in this order as far as concurrency allows.

    Those of one candidate stand together, since providers keep the beginning of a prompt warm,
    except those of prompts that are compared (`_list_side_by_side`).
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


Work = Propose | Evaluate | Stop | Look | Finish


@dataclass(slots=True)
class PlannerCache:
    """Values derived from one run's state that planning would otherwise compute at every call.

    With a new cache the plan is the same; it only takes longer.
    """

    race: tuple[int, Race] | None = None
    """A step, and the race of its candidates."""
    exemplars: Memo = field(default_factory=Memo)


def plan_next(state: RunState, cache: PlannerCache | None = None) -> Work:
    """Plan the loop of OPRO (section 2, figure 2): score, propose, score …, then dev, then test.

    With `eval_interval` the new candidates of every so many steps are scored on dev at once, as
    the reference does; the optimizer never learns those scores. The test split is touched once,
    at the end, by the start prompt, the winner, and what they are compared with. Neither split
    is asked for a search that has tried nothing.
    """
    if is_gate(state):
        return _plan_gate(state)
    if not state.sizes["train"]:  # nothing to search: `opro eval` scores instructions as they are
        return _plan_test(state, list(state.candidates.values()))
    return _plan_looks(state) if state.looks else _plan_search(state, cache or PlannerCache())


def _plan_search(state: RunState, cache: PlannerCache) -> Work:
    """Ask every candidate everything, but for those that lose the race of their step."""
    open_train: list[Question] = []
    for candidate in _list_unfinished(state):
        if (estimate := _find_estimate_if_lost(state, candidate, cache)) is not None:
            return Stop(candidate.id, estimate)
        questions = _list_next_block(state, candidate, cache)
        open_train += (Question(candidate.id, "train", index) for index in questions)
    if state.proposals.arrived:
        return propose_missing(state, tuple(open_train))
    if open_train:
        return Evaluate(tuple(open_train))
    open_dev = _list_open_questions(state, select_for_dev(state), "dev")
    if open_dev:
        return Evaluate(open_dev)
    if state.is_searching:
        return propose_missing(state, ())
    return Finish() if is_untried(state) else _evaluate_unseen(state)


def _plan_looks(state: RunState) -> Work:
    """Race in looks: answer the present one, then decide the next, or ask for proposals."""
    questions = tuple(Question(each.id, split, index) for each, split, index in list_open(state))
    if state.proposals.arrived:
        return propose_missing(state, questions)
    if questions:
        return Evaluate(questions)
    look = decide_look(state)
    if look is not None:
        return look
    if not state.race_is_over:
        return propose_missing(state, ())
    return Finish() if is_untried(state) else _evaluate_unseen(state)


def _plan_test(state: RunState, candidates: list[Candidate]) -> Work:
    """Ask prompts the test questions, to compare them."""
    if state.interleaves:
        questions = _list_side_by_side(state, candidates)
    else:
        questions = _list_open_questions(state, candidates, "test")
    return Evaluate(questions) if questions else Finish()


def _plan_gate(state: RunState) -> Work:
    """Ask two prompts the questions up to the next look; nothing once a look has decided."""
    due = {*read_gate(state).due}
    everyone = _list_side_by_side(state, list(state.candidates.values()))
    questions = tuple(question for question in everyone if question.index in due)
    return Evaluate(questions) if questions else Finish()


def _list_side_by_side(state: RunState, candidates: list[Candidate]) -> tuple[Question, ...]:
    """List the open test questions, one after the other, each under all prompts in turn.

    A scorer that changes by itself then changes for all prompts alike: the order of the
    questions, and of the prompts on each, is drawn from the run's seed. A prompt that is asked a
    second time gets each question a quarter of all questions after the first time, so that a
    change of the scorer meanwhile is seen.

    Its second time stands right behind its first one, with another question. So no prompt comes
    behind itself for the first time more often than others do: some servers answer a prompt that
    they have just seen in another way. A run that began before journal format 8 draws its place.
    """
    behind = state.began_with(8)
    compared = [candidate for candidate in candidates if not is_again(candidate)]
    repeated = [candidate for candidate in candidates if is_again(candidate)]
    total = state.sizes["test"]
    order, rng = draw_test_order(state)
    later = -(-total // 4) if repeated else 0
    questions: list[Question] = []
    for turn in range(total + later):
        asked = [(candidate, order[turn]) for candidate in compared] if turn < total else []
        again = [(each, order[turn - later]) for each in repeated] if turn >= later else []
        if not behind:
            asked += again
        rng.shuffle(asked)
        questions += [
            Question(candidate.id, "test", index)
            for candidate, index in (_put_behind(asked, again) if behind else asked)
            if index not in candidate.answers["test"].by_question
        ]
    return tuple(questions)


Turn = list[tuple[Candidate, int]]
"""Candidates with the question that each is asked."""


def _put_behind(asked: Turn, again: Turn) -> Turn:
    """Return a turn with each second time behind the first time of its prompt, or at the end."""
    second = {each.id.removeprefix(AGAIN): (each, index) for each, index in again}
    turn: Turn = []
    for candidate, index in asked:
        turn.append((candidate, index))
        if candidate.id in second:
            turn.append(second.pop(candidate.id))
    return [*turn, *second.values()]


def _list_unfinished(state: RunState) -> list[Candidate]:
    """List the candidates with open train questions; earlier steps than the present have none."""
    last = state.of_step(state.step) if state.step else []
    everyone = [*state.of_step(0), *last, *state.pending.values()]
    return [candidate for candidate in everyone if not state.is_done(candidate)]


def _is_raced(state: RunState, candidate: Candidate) -> bool:
    # A race estimates shares of right answers.
    return bool(state.search.racing) and candidate.step > 0 and state.scale == SHARE


def _get_race(state: RunState, step: int, cache: PlannerCache) -> Race:
    """Return the race of a step, against all that joined before it; it stays the same."""
    if cache.race is None or cache.race[0] != step:
        known = [c for c in state.candidates.values() if c.step < step and may_lead(state, c)]
        earlier = [candidate.answers["train"] for candidate in known]
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
    done = answers.by_question
    n = len(done)
    if n == 0 or not _is_raced(state, candidate):
        return None
    race = _get_race(state, candidate.step, cache)
    order = race.list_order(answers)
    at_boundary = n in race.boundaries and all(map(done.__contains__, order[:n]))
    return race.estimate(answers) if at_boundary and race.is_stopped(answers, n) else None


def _list_next_block(state: RunState, candidate: Candidate, cache: PlannerCache) -> list[int]:
    """List the open questions up to the next decision; all of them where there is none."""
    if not _is_raced(state, candidate):
        return state.missing(candidate, "train")
    race = _get_race(state, candidate.step, cache)
    done = candidate.answers["train"].by_question
    order = race.list_order(candidate.answers["train"])
    # Blocks are asked in order: as a rule those that so many answers fill are done.
    passed = bisect_right(race.boundaries, len(done))
    start = race.boundaries[passed - 1] if passed else 0
    if not all(map(done.__contains__, order[:start])):
        passed = start = 0
    for boundary in race.boundaries[passed:]:
        block = [question for question in order[start:boundary] if question not in done]
        if block:
            return block
    return []


def propose_missing(state: RunState, meanwhile: tuple[Question, ...]) -> Propose:
    """Plan the samples of the present step that have not arrived, and questions meanwhile."""
    arrived = state.proposals.arrived
    samples = tuple(sample for sample in range(state.samples) if sample not in arrived)
    return Propose(state.step + 1, samples, _asks_for_several(state), meanwhile)


def _asks_for_several(state: RunState) -> bool:
    """Return True if the optimizer gives several choices in one call, as far as is known.

    It is asked for them once; one that gave a single choice is asked once for each from then on.
    """
    if state.proposals.arrived:
        return any(proposal.via == "choice" for proposal in state.proposals.arrived.values())
    return state.step == 0 or state.proposals.gave_choices


def _evaluate_unseen(state: RunState) -> Work:
    open_dev = () if state.looks else _list_open_questions(state, select_finalists(state), "dev")
    if open_dev:
        return Evaluate(open_dev)
    best, start = find_winner(state), find_baseline(state)
    if best is None or start is None:
        raise AssertionError("every candidate has its train answers here, so one is best")
    compared = select_compared(state, start, best)
    if compared != [start] and not affords_test(state, everything=False):
        return Finish()
    return _plan_test(state, compared)


def _list_open_questions(
    state: RunState, candidates: list[Candidate], split: Split
) -> tuple[Question, ...]:
    return tuple(
        Question(candidate.id, split, index)
        for candidate in candidates
        for index in state.missing(candidate, split)
    )
