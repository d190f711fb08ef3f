"""What a run does next, read off its state. A fresh start and a resume are the same call."""

from __future__ import annotations

from dataclasses import dataclass

from opro_cli.core.model import Split
from opro_cli.core.selection import (
    baseline,
    choose_exemplars,
    compared_on_test,
    finalists,
    proposed_for_dev,
    winner,
)
from opro_cli.core.state import Candidate, RunState
from opro_cli.core.trajectory import trajectory


@dataclass(frozen=True, slots=True)
class Question:
    """One question to put to the scorer under one candidate's instruction."""

    candidate: str
    split: Split
    index: int


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask the optimizer: one call for each of `samples`, all with the same meta-prompt.

    shown: candidate ids for the meta-prompt, ascending by score. exemplars: train indices.
    """

    step: int
    samples: tuple[int, ...]
    shown: tuple[str, ...]
    exemplars: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Ask the scorer these questions, in this order as far as concurrency allows."""

    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to ask."""


Work = Propose | Evaluate | Finish


def next_work(state: RunState) -> Work:
    """The loop of OPRO (section 2, figure 2): score, propose, score …, then dev, then test.

    With `eval_interval` the new candidates of every so many steps are scored on dev at once, as
    the reference does; the optimizer never learns those scores. The test split is touched once,
    at the end, by the start prompt, the winner, and what they are compared with.
    """
    if not state.sizes["train"]:  # nothing to search: `opro eval` scores instructions as they are
        return _evaluate_all(state)
    open_train = _open_questions(state, list(state.candidates.values()), "train")
    if open_train:
        return Evaluate(open_train)
    open_dev = _open_questions(state, proposed_for_dev(state), "dev")
    if open_dev:
        return Evaluate(open_dev)
    if state.step < state.search.steps:
        return _propose(state)
    return _evaluate_unseen(state)


def _evaluate_all(state: RunState) -> Work:
    open_test = _open_questions(state, list(state.candidates.values()), "test")
    return Evaluate(open_test) if open_test else Finish()


def _propose(state: RunState) -> Propose:
    shown = trajectory(state)
    samples = range(state.search.candidates_per_step)
    return Propose(
        step=state.step + 1,
        samples=tuple(sample for sample in samples if sample not in state.proposals),
        shown=tuple(candidate.id for candidate in shown),
        exemplars=choose_exemplars(state, shown),
    )


def _evaluate_unseen(state: RunState) -> Work:
    open_dev = _open_questions(state, finalists(state), "dev")
    if open_dev:
        return Evaluate(open_dev)
    best, start = winner(state), baseline(state)
    if best is None or start is None:
        raise AssertionError("every candidate has its train answers here, so one is best")
    open_test = _open_questions(state, compared_on_test(state, start, best), "test")
    return Evaluate(open_test) if open_test else Finish()


def _open_questions(
    state: RunState, candidates: list[Candidate], split: Split
) -> tuple[Question, ...]:
    return tuple(
        Question(candidate.id, split, index)
        for candidate in candidates
        for index in state.missing(candidate, split)
    )
