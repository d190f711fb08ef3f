"""Which earlier uses of test rows count for the next one, and at what level it is tested."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import TestUsed as UsedEvent
from opro_cli.core.run.state import IllegalEvent
from opro_cli.core.run.uses import Use, plan_use, share_rows
from opro_cli.core.stats.spending import FAMILY, MOST
from tests.core.runs import new_state, proposed

ROWS = frozenset(map(str, range(20)))


def used(number: int, level: float, rows: frozenset[str] = ROWS, **more: Any) -> Use:
    given = {"id": f"u{number}", "group": f"u{number}", "start": "s", "winner": "w", **more}
    return Use(rows=rows, number=number, level=level, **given)


def plan(uses: list[Use], rows: frozenset[str] = ROWS, **more: Any) -> Any:
    planned = plan_use(uses, rows, **{"group": "new", **more})
    return planned.number, planned.level


def test_a_first_use_and_its_followers() -> None:
    assert plan([]) == (1, 0.025)
    first = used(1, 0.025)
    assert plan([first]) == (2, pytest.approx(0.05 / 6))
    assert plan([first, used(2, 0.05 / 6)]) == (3, pytest.approx(0.05 / 12))


def test_sets_that_share_a_tenth_of_the_smaller_are_different_and_more_are_not() -> None:
    ten = frozenset(map(str, range(10)))
    tenth = frozenset({"9", *(f"x{n}" for n in range(19))})
    more = frozenset({"8", "9", *(f"x{n}" for n in range(18))})
    assert not share_rows(ten, tenth)
    assert share_rows(ten, more)
    assert plan([used(1, 0.025, ten)], tenth) == (1, 0.025)
    assert plan([used(1, 0.025, ten)], more)[0] == 2
    # A few of the rows, for a quick try, are a use of them all.
    assert plan([used(1, 0.025)], frozenset({"3"}))[0] == 2


def test_an_improvement_passes_its_level_on_to_the_next_use_of_the_same_rows() -> None:
    first = used(1, 0.025, outcome="improved")
    assert plan([first]) == (2, MOST)
    # It has passed on once: the third use has its own level.
    assert plan([first, used(2, MOST, outcome="none")]) == (3, pytest.approx(0.05 / 12))
    for outcome in ("", "worse", "not_distinguishable"):
        assert plan([used(1, 0.025, outcome=outcome)])[1] == pytest.approx(0.05 / 6)


def test_nothing_passes_on_to_other_rows_or_past_another_use() -> None:
    first = used(1, 0.025, outcome="improved")
    fewer = frozenset(map(str, range(19)))
    assert plan([first], fewer) == (2, pytest.approx(0.05 / 6))
    assert plan([first, used(2, 0.05 / 6, fewer)]) == (3, pytest.approx(0.05 / 12))


def test_a_repeat_is_no_use() -> None:
    again = used(2, 0.05 / 6, repeats=True, outcome="improved", answers="same")
    assert plan([used(1, 0.025), again]) == (2, pytest.approx(0.05 / 6))


def test_earlier_uses_of_the_same_prompts_are_known_by_their_answers() -> None:
    uses = [
        used(1, 0.025, answers="a"),
        used(2, 0.01, answers="a"),
        used(3, 0.001, answers="b"),
        used(4, 0.0005),
        used(5, 0.0001, answers="c", winner="other"),
        used(6, 0.0001, frozenset({"1"}), answers="d"),
    ]
    planned = plan_use(uses, ROWS, group="new", start="s", winner="w")
    assert planned.known == {"a": 0.025, "b": 0.001}


def test_cells_of_a_sweep_are_one_use() -> None:
    cells = [used(2, 0.001, id=f"c{n}", group="grid", outcome="improved") for n in range(3)]
    others = [used(1, 0.025), cells[0], used(3, 0.01), cells[1], cells[2]]
    # Another cell has the number that the first one drew, whatever came in between.
    assert plan(others, group="grid", sharers=4) == (2, pytest.approx(0.05 / 6 / 4))
    # All cells together are one use before the next, and pass on what was theirs.
    assert plan([used(1, 0.025), *cells]) == (3, pytest.approx(0.05 / 12 + 0.003))


sets = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6).map(frozenset)
outcomes = st.sampled_from(["improved", "none", ""])


@given(st.lists(st.tuples(sets, outcomes), max_size=14))
def test_uses_that_share_rows_pair_by_pair_stay_below_the_family_level(
    asked: list[tuple[frozenset[str], str]],
) -> None:
    """The true improvements are those that pass a level on; all others may be false ones."""
    uses: list[Use] = []
    for number, (rows, outcome) in enumerate(asked):
        planned = plan_use(uses, rows, group=str(number))
        name = str(number)
        uses.append(
            Use(name, name, rows, planned.number, planned.level, "s", f"w{number}", outcome)
        )
    at_risk = [use for use in uses if use.outcome != "improved"]
    for size in range(1, min(5, len(at_risk) + 1)):
        for some in combinations(at_risk, size):
            if all(share_rows(a.rows, b.rows) for a, b in combinations(some, 2)):
                assert sum(use.level for use in some) <= FAMILY + 1e-12


START, WINNER = make_candidate_id("start"), make_candidate_id("count")


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "nobody"},
        {"winner": "nobody"},
        {"level": 0.0},
        {"level": 0.03},
        {"number": 0},
        {"sharers": 0},
    ],
)
def test_a_use_that_cannot_be_changes_nothing(wrong: dict[str, Any]) -> None:
    state = new_state("start", steps=1)
    state.apply(proposed(1, 0, "count"))
    facts = {"start": START, "winner": WINNER, "level": 0.025, "number": 1, **wrong}
    event = UsedEvent(1.0, use="u", set="s", rows=3, **facts)
    with pytest.raises(IllegalEvent):
        state.apply(event)
    assert state.test_use is None


def test_a_run_has_one_use() -> None:
    state = new_state("start", "count")
    event = UsedEvent(1.0, START, WINNER, "u", "s", 3, 2, 0.01, known={"a": 0.02})
    state.apply(event)
    assert state.test_use == event
    with pytest.raises(IllegalEvent, match="a second use"):
        state.apply(event)
