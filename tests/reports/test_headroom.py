"""Judging a probe: each kind of headroom by hand, and what no answers can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.labels import ClosedSet, find_closed_set
from opro_cli.core.run.candidates import Candidate, Outcome
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.stats.intervals import find_least_gain
from opro_cli.core.task.example import Example, Split
from opro_cli.reports.finding import Headroom
from opro_cli.reports.headroom import Decider, PromptKind, judge_headroom

ROWS = 20
SIZES: Mapping[Split, int] = {"train": 50, "dev": 100, "test": 200}
Said = Sequence[tuple[str | None, float | None]]
RIGHT, WRONG, UNREAD = ("a", 1.0), ("b", 0.0), (None, None)


def state_of(start: Said, *others: Said, cut: bool = False) -> RunState:
    """A probe whose start prompt and further candidates were answered like this."""
    state = RunState(SearchSettings(initial_instructions=("s",)), {**SIZES, "train": ROWS})
    fill(state.of_step(0)[0], start, cut)
    for number, said in enumerate(others):
        candidate = Candidate(f"c{number}", f"prompt {number}", 1)
        fill(candidate, said, False)
        state.candidates[candidate.id] = candidate
    return state


def fill(candidate: Candidate, said: Said, cut: bool) -> None:
    for row, (answer, score) in enumerate(said):
        candidate.answers["train"].add(row, Outcome(answer, score), cut=cut and score is None)


def judge(
    state: RunState,
    kinds: Mapping[str, PromptKind] | None = None,
    labels: ClosedSet | None = None,
    sizes: Mapping[Split, int] = SIZES,
    decider: Decider | None = None,
) -> Headroom:
    return judge_headroom(state, ROWS, sizes, kinds or {}, labels=labels, calls=7, decider=decider)


def mixed(right: int, wrong: int, unread: int = 0) -> Said:
    return [RIGHT] * right + [WRONG] * wrong + [UNREAD] * unread


def test_everything_right_is_a_no() -> None:
    found = judge(state_of(mixed(20, 0)))
    assert (found.outcome, found.kind, found.start, found.rows) == ("no", "none", 1.0, 20)
    assert found.gain < 0.1
    assert found.calls == 7
    assert "nothing to find" in found.write_advice()


def test_everything_wrong_under_all_kinds_is_a_no() -> None:
    found = judge(state_of(mixed(0, 20), *[mixed(0, 10)] * 6))
    assert (found.outcome, found.kind) == ("no", "none")


def test_what_no_kind_moves_is_not_known() -> None:
    others = [mixed(3, 7)] * 6
    found = judge(state_of(mixed(14, 6), *others, mixed(7, 13), mixed(8, 12)))
    assert (found.outcome, found.kind) == ("no", "knowledge")
    assert "another model" in found.write_advice()


def test_a_start_prompt_that_is_little_better_than_all_kinds_is_no_no_yet() -> None:
    others = [mixed(4, 6)] * 6
    found = judge(state_of(mixed(13, 7), *others, mixed(10, 10), mixed(12, 8)))
    assert (found.outcome, found.kind) == ("cannot tell", "unknown")
    assert "a larger probe" in found.write_advice()


def test_readable_replies_are_a_go() -> None:
    worse, better = mixed(6, 3, 11), mixed(14, 6)
    found = judge(state_of(worse, better, better, mixed(7, 2, 1), mixed(3, 2, 5)))
    assert (found.outcome, found.kind) == ("go", "format")
    assert found.gain > 0.2
    assert found.interval.low > 0
    assert found.tried[0].score == 0.7
    assert found.tried[0].unreadable == 0.0
    assert found.tried[0].start_score == 0.3


def test_replies_that_are_cut_want_room() -> None:
    found = judge(state_of(mixed(6, 3, 11), mixed(14, 6), cut=True))
    assert found.kind == "room"
    assert "max_tokens" in found.write_advice()


def test_other_words_are_a_go() -> None:
    found = judge(state_of(mixed(6, 14), mixed(16, 4), mixed(15, 5), mixed(8, 2), mixed(7, 3)))
    assert (found.outcome, found.kind) == ("go", "wording")


def test_one_answer_to_everything_is_a_bias() -> None:
    golds = ["yes", "no"] * 10
    examples: dict[Split, list[Example]] = {
        "train": [Example(f"q{n}", gold, "t") for n, gold in enumerate(golds)],
        "dev": [],
        "test": [],
    }
    labels = find_closed_set("label", examples)
    always: Said = [("yes", float(gold == "yes")) for gold in golds]
    assert judge(state_of(always, mixed(5, 5)), labels=labels).kind == "bias"
    often: Said = [(gold, 1.0) for gold in golds]
    assert judge(state_of(often, mixed(5, 5)), labels=labels).kind != "bias"


def test_small_splits_prove_less() -> None:
    state = state_of(mixed(8, 12), mixed(12, 8), mixed(12, 8), mixed(6, 4))
    large, small = judge(state), judge(state, sizes={"train": 50, "dev": 10, "test": 20})
    assert small.chance < large.chance
    assert small.gain == large.gain
    assert (small.power["test"] or 0) > (large.power["test"] or 0)
    assert judge(state, sizes={"train": 50, "dev": 0, "test": 0}).power["test"] is None


def test_grouped_and_used_test_rows_prove_less() -> None:
    state = state_of(mixed(8, 12), mixed(12, 8), mixed(12, 8), mixed(6, 4))
    pairs = [row % 100 for row in range(200)]
    grouped = judge(state, decider=Decider({"test": pairs}))
    fewer = judge(state, sizes={**SIZES, "test": 100})
    assert grouped.chance == fewer.chance < judge(state).chance
    assert grouped.power["test"] == fewer.power["test"]
    worn = judge(state, decider=Decider(threshold=0.1 / 12))
    assert worn.chance < judge(state).chance
    assert worn.power["test"] == find_least_gain(200, alpha=0.1 / 12)
    assert worn.power["dev"] == judge(state).power["dev"]  # which no verdict uses


def test_kinds_of_one_group_are_taken_together() -> None:
    others = [mixed(4, 1), mixed(4, 1), mixed(4, 1)]
    state = state_of(mixed(10, 10), *others, mixed(2, 3), mixed(3, 2))
    group = {f"c{n}": PromptKind("works", ("work",)) for n in range(3)}
    assert judge(state, group).chance > judge(state).chance


def test_what_no_search_writes_is_a_hint_and_no_go() -> None:
    others = [mixed(2, 3)] * 5
    state = state_of(mixed(8, 12), mixed(9, 0), *others)
    assert judge(state).chance > judge(state_of(mixed(8, 12), *others)).chance
    shown = judge(state, {"c0": PromptKind("a worked example", wording=False)})
    assert shown.chance == judge(state_of(mixed(8, 12), *others)).chance
    start = state_of([*[WRONG] * 10, *[RIGHT] * 10], mixed(10, 0), *others)
    found = judge(start, {"c0": PromptKind("a worked example", wording=False)})
    assert found.elsewhere == "a worked example"
    assert "try a worked example" in found.write_advice()


def test_too_few_answers_tell_nothing() -> None:
    found = judge(state_of(mixed(2, 1)))
    assert (found.outcome, found.kind, found.reason) == (
        "cannot tell",
        "unknown",
        "too few answers came in",
    )
    assert found.write_sentence() == "cannot tell: too few answers came in"
    assert judge(state_of(mixed(10, 10))).outcome == "cannot tell"  # a ceiling came first


said = st.lists(st.sampled_from([RIGHT, WRONG, UNREAD, ("c", 0.5)]), max_size=ROWS)


@settings(max_examples=25, deadline=None)
@given(said, st.lists(said, max_size=4))
def test_any_answers_are_judged(start: Said, others: list[Said]) -> None:
    found = judge(state_of(start, *others))
    assert found == judge(state_of(start, *others))
    assert 0.0 <= found.chance <= 1.0
    assert -1.0 <= found.interval.low <= found.interval.high <= 1.0
    assert found.to_json()["advice"]
    assert len(found.tried) == (sum(map(bool, others)) if not found.reason else 0)


@pytest.mark.parametrize("outcome", ["go", "no", "cannot tell"])
def test_the_sentence_begins_with_the_outcome(outcome: str) -> None:
    states = {
        "go": state_of(mixed(2, 18), mixed(18, 2), mixed(17, 3)),
        "no": state_of(mixed(20, 0)),
        "cannot tell": state_of(mixed(10, 10)),
    }
    found = judge(states[outcome])
    assert found.outcome == outcome
    assert found.write_sentence().startswith(f"{outcome}: ")
