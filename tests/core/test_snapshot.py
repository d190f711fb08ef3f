"""A state as plain records and back: the same in every attribute, and in what follows it."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.run.candidates import Answers, Candidate, Estimate, Outcome
from opro_cli.core.run.events import Event, Looked
from opro_cli.core.run.snapshot import (
    GIVEN,
    KEPT,
    LINKED,
    MADE,
    KeptAnswers,
    KeptCandidate,
    Outcomes,
    Snapshot,
    restore,
    take_snapshot,
)
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.stats.intervals import Interval
from tests.core.histories import BASELINE, START, happenings, legal
from tests.core.runs import answered, new_state

SNAPSHOT_FIELDS = {field.name for field in dataclasses.fields(Snapshot)}


def empty(rounds: int = 1, *, racing: bool = False) -> RunState:
    sizes = {"train": 3, "dev": 3, "test": 3}
    return new_state(START, baselines=(BASELINE,), rounds=rounds, racing=racing, **sizes)


def attributes(state: RunState) -> dict[str, Any]:
    """All that a state is made of, and the leaks that it finds when it is asked."""
    known = {name: vars(state)[name] for name in {*GIVEN, *KEPT, *MADE} - {"leaks"}}
    return known | {"leaks": {p.text: state.leaks_of(p.text) for p in state.proposals.texts}}


def test_every_attribute_of_a_state_has_its_place_in_a_snapshot() -> None:
    state = empty()
    unknown = set(vars(state)) ^ {*GIVEN, *KEPT, *MADE}
    assert not unknown, (
        f"say in core/run/snapshot.py what becomes of {unknown}, and raise its version"
    )
    assert len(GIVEN) + len(KEPT) + len(MADE) == len({*GIVEN, *KEPT, *MADE})
    containers = {"candidates", "pending", "baselines", "again", "history"}
    assert {*KEPT, *containers, "leaks"} == SNAPSHOT_FIELDS


@pytest.mark.parametrize(("cls", "kept"), [(Answers, KeptAnswers), (Candidate, KeptCandidate)])
def test_every_field_below_a_state_has_its_place_too(cls: type[Any], kept: type[Any]) -> None:
    names = [
        [field.name for field in dataclasses.fields(each) if field.name not in GIVEN | LINKED]
        for each in (cls, kept)
    ]
    assert names[0] == names[1]


@given(happenings, happenings, st.sampled_from([1, 2]), st.booleans())
def test_a_restored_state_is_the_same_and_goes_on_the_same(
    before: list[Event], after: list[Event], rounds: int, racing: bool
) -> None:
    begin = partial(empty, rounds, racing=racing)
    state = begin()
    past = legal(state, before)
    assert attributes(restore(begin(), take_snapshot(state))) == attributes(state)
    # `taken` shares what it holds with its state, so the one to compare with is made anew.
    replayed = replay(begin(), past)
    restored = restore(begin(), take_snapshot(state))
    assert legal(restored, after) == legal(replayed, after)
    assert attributes(restored) == attributes(replayed)


def test_an_estimate_on_questions_that_were_never_asked_is_kept() -> None:
    """Without it another prompt would win for every reader than the one that was tested."""
    state = empty(racing=True)
    (start,) = state.candidates
    state.apply(Looked(1.0, 0, dev={start: (0.7, 0.4, 0.9)}))
    (restored,) = restore(empty(racing=True), take_snapshot(state)).candidates.values()
    assert restored.answers["dev"].estimate == Estimate(0.7, Interval(0.4, 0.9), 3)


def test_a_candidate_that_enters_again_is_one_and_the_same() -> None:
    state = new_state("start", rules="paper")
    state.history.append((1, state.history[0][1]))
    state.apply(answered("start", 0))
    restored = restore(new_state("start", rules="paper"), take_snapshot(state))
    assert [step for step, _ in restored.history] == [0, 1]
    (candidate,) = restored.candidates.values()
    assert all(entered is candidate for _, entered in restored.history)


def test_outcomes_are_unpacked_once_and_only_when_they_are_looked_at() -> None:
    unpacked = []

    def unpack() -> dict[int, Outcome]:
        unpacked.append(True)
        return {2: Outcome("9", 1.0), 0: Outcome(None, None)}

    outcomes = Outcomes(2, unpack)
    assert len(outcomes) == 2
    assert not unpacked
    assert list(outcomes) == [2, 0]
    outcomes[1] = Outcome("8", 0.0)
    del outcomes[2]
    assert (len(outcomes), dict(outcomes)) == (2, {0: Outcome(None, None), 1: Outcome("8", 0.0)})
    assert len(unpacked) == 1


def test_a_snapshot_of_no_run_changes_nothing() -> None:
    other = empty()
    other.apply(answered(START, 0))
    snapshot = dataclasses.replace(take_snapshot(other), history=[(1, "nobody")])
    state = empty()
    with pytest.raises(KeyError):
        restore(state, snapshot)
    assert attributes(state) == attributes(empty())
