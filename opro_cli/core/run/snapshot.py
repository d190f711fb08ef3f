"""The state of a run as plain records, and back: a reader need not replay a long journal.

A restored state is the replayed one in every attribute; only the single answers of a candidate
are unpacked when they are looked at. `GIVEN`, `KEPT` and `MADE` together name every attribute of
RunState, which a test ensures for new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any

from msgspec import convert
from msgspec.structs import asdict

from opro_cli.core.leaks.leaks import Leak, LeakFinder
from opro_cli.core.run.answer_costs import AnswerCosts
from opro_cli.core.run.candidates import Answers, Candidate, Estimate, Outcome
from opro_cli.core.run.events import (
    Looked,
    ParameterRefused,
    PromptsCut,
    SessionEnded,
    SessionStarted,
    TestUsed,
)
from opro_cli.core.run.pace import Paces
from opro_cli.core.run.proposals import Proposals
from opro_cli.core.run.spend import RoleSpend
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Groups, Split

GIVEN = frozenset(
    {
        "search",
        "sizes",
        "train_rows",
        "rounds",
        "repeats",
        "exclude_refused",
        "leaks",
        "scale",
        "groups",
        "labels",
        "most_calls",
        "drafts",
    }
)
"""Attributes of a state that follow from its settings and questions."""
KEPT = frozenset(
    {
        "checked",
        "proposals",
        "planned",
        "search_ended",
        "step",
        "spend",
        "sessions",
        "ended",
        "last_at",
        "working_seconds",
        "paces",
        "refused_parameters",
        "prompts_cut",
        "test_use",
        "probed",
        "look",
    }
)
"""Attributes that are kept under the same name; events without the name that the journal gives
them.
"""
LINKED = frozenset({"peers", "shown"})
"""Fields below a state that follow from the others, and are set again."""
MADE = frozenset({"candidates", "pending", "baselines", "again", "history"})
"""Attributes that are put together again."""


class Outcomes(MutableMapping[int, Outcome]):
    """A candidate's outcomes by question, unpacked when they are looked at.

    Args:
        count: Their number.
        unpack: Returns them in the order in which they came; called once at most.
    """

    def __init__(self, count: int, unpack: Callable[[], dict[int, Outcome]]) -> None:
        self._count = count
        self._unpack = unpack
        self._unpacked: dict[int, Outcome] | None = None

    def _all(self) -> dict[int, Outcome]:
        if self._unpacked is None:
            self._unpacked = self._unpack()
        return self._unpacked

    def __len__(self) -> int:
        return self._count if self._unpacked is None else len(self._unpacked)

    def __iter__(self) -> Iterator[int]:
        return iter(self._all())

    def __getitem__(self, question: int) -> Outcome:
        return self._all()[question]

    def __setitem__(self, question: int, outcome: Outcome) -> None:
        self._all()[question] = outcome

    def __delitem__(self, question: int) -> None:
        del self._all()[question]


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """`Answers` as a snapshot has them."""

    by_question: Outcomes
    first_replies: dict[int, str]
    second_replies: dict[int, str]
    keyed_replies: dict[int, dict[str, str]]
    cut_replies: dict[int, list[str]]
    correct: int
    unreadable: int
    refused: int
    excluded: int
    estimate: Estimate | None
    partial: bool
    cut: int
    cut_empty: int
    costs: AnswerCosts


_BESIDE_OUTCOMES = tuple(field.name for field in fields(KeptAnswers)[1:])


@dataclass(frozen=True, slots=True)
class KeptCandidate:
    """A `Candidate` as a snapshot has it; splits about which nothing is known are left out."""

    id: str
    instruction: str
    step: int
    answers: dict[Split, KeptAnswers]
    form: str
    parents: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state, but for the attributes that are GIVEN. `history` has steps and ids of candidates."""

    candidates: list[KeptCandidate]
    pending: list[KeptCandidate]
    baselines: list[KeptCandidate]
    again: list[KeptCandidate]
    history: list[tuple[int, str]]
    checked: set[str]
    proposals: Proposals
    planned: int | None
    step: int
    spend: dict[str, RoleSpend]
    sessions: list[dict[str, Any]]
    ended: dict[str, Any] | None
    last_at: int | float | None  # a whole number stays one
    working_seconds: int | float
    paces: Paces
    leaks: dict[str, tuple[Leak, ...]]
    refused_parameters: list[dict[str, Any]]
    prompts_cut: dict[str, dict[str, Any]]
    search_ended: str = ""
    test_use: dict[str, Any] | None = None
    probed: dict[str, int] = field(default_factory=dict)
    look: dict[str, Any] | None = None


def take_snapshot(state: RunState) -> Snapshot:
    """Return a snapshot, which shares mutable objects with the state."""
    kept = {name: getattr(state, name) for name in KEPT}
    kept["sessions"] = [asdict(session) for session in state.sessions]
    kept["ended"] = asdict(state.ended) if state.ended else None
    kept["look"] = asdict(state.look) if state.look else None
    kept["test_use"] = asdict(state.test_use) if state.test_use else None
    kept["refused_parameters"] = [asdict(each) for each in state.refused_parameters]
    kept["prompts_cut"] = {role: asdict(each) for role, each in state.prompts_cut.items()}
    return Snapshot(
        candidates=_keep_candidates(state.candidates),
        pending=_keep_candidates(state.pending),
        baselines=_keep_candidates(state.baselines),
        again=_keep_candidates(state.again),
        history=[(step, candidate.id) for step, candidate in state.history],
        leaks=state.leaks.known,
        **kept,
    )


def restore(start: RunState, snapshot: Snapshot) -> RunState:
    """Return the state that the snapshot was taken of.

    start: the run's state before its first event. Raises KeyError when the snapshot is not one
    of a run.
    """
    state = copy(start)
    groups = start.groups
    state.candidates = _restore_candidates(snapshot.candidates, groups)
    state.history = [(step, state.candidates[id]) for step, id in snapshot.history]
    state.pending = _restore_candidates(snapshot.pending, groups)
    state.baselines = _restore_candidates(snapshot.baselines, groups)
    state.again = _restore_candidates(snapshot.again, groups)
    state.leaks = LeakFinder(start.leaks.examples, snapshot.leaks)
    for name in KEPT:
        setattr(state, name, getattr(snapshot, name))
    state.sessions = convert(snapshot.sessions, list[SessionStarted])
    state.ended = convert(snapshot.ended, SessionEnded | None)
    state.look = convert(snapshot.look, Looked | None)
    state.test_use = convert(snapshot.test_use, TestUsed | None)
    state.refused_parameters = convert(snapshot.refused_parameters, list[ParameterRefused])
    state.prompts_cut = convert(snapshot.prompts_cut, dict[str, PromptsCut])
    for candidate in (*state.candidates.values(), *state.pending.values()):
        candidate.peers = state.candidates
        state.exclude_shown(candidate)
    return state


def _keep_candidates(candidates: Mapping[str, Candidate]) -> list[KeptCandidate]:
    return [
        KeptCandidate(
            each.id,
            each.instruction,
            each.step,
            {
                split: _keep_answers(answers)
                for split, answers in each.answers.items()
                if answers.by_question or _list_counts(answers) != _NOTHING
            },
            each.form,
            each.parents,
            each.note,
        )
        for each in candidates.values()
    ]


def _keep_answers(answers: Answers) -> KeptAnswers:
    known = dict(answers.by_question)
    return KeptAnswers(Outcomes(len(known), lambda: known), **_list_counts(answers))


def _list_counts(answers: Answers | KeptAnswers) -> dict[str, Any]:
    return {name: getattr(answers, name) for name in _BESIDE_OUTCOMES}


_NOTHING = _list_counts(Answers())
"""Of a split that was never asked. One without answers may have an estimate (loop/looks)."""


def _restore_candidates(kept: Sequence[KeptCandidate], groups: Groups) -> dict[str, Candidate]:
    candidates: dict[str, Candidate] = {}
    for each in kept:
        candidates[each.id] = candidate = Candidate(
            each.id,
            each.instruction,
            each.step,
            form=each.form,
            parents=each.parents,
            note=each.note,
            groups=groups,
        )
        for split, answers in each.answers.items():
            candidate.answers[split] = Answers(answers.by_question, **_list_counts(answers))
    return candidates
