"""What is folded out of a journal for the report: spend over time, unreadable replies."""

from __future__ import annotations

from pathlib import Path

import pytest

from opro_cli.core.run.events import Event, Probed, SessionStarted
from opro_cli.core.run.state import RunState, replay
from opro_cli.reports.recorded import MAX_POINTS, MAX_REPLIES, SpendPoint, build_history
from opro_cli.reports.spend import serialize_spend
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_run
from tests.core.runs import answered, checked, new_state, proposed
from tests.reports.html.pages import recorded

RECORDED = Path(__file__).parents[1] / "run_folders"


def a_run(train: int = 2) -> RunState:
    return new_state(steps=1, per_step=1, train=train)


def test_spend_grows_with_the_time_at_work() -> None:
    events: list[Event] = [
        SessionStarted(100.0, 1, "0.1.0"),
        checked(at=101.0),  # 11 tokens, $0.001
        answered("start", 0, at=103.0),  # 12 tokens, $0.001
        SessionStarted(900.0, 2, "0.1.0"),  # a night between
        answered("start", 1, at=904.0, usd=None),  # of unknown price
        proposed(1, 0, "better", at=905.0),  # 120 tokens
    ]
    run = recorded(replay(a_run(), events))
    assert build_history(run, events).spend == (
        SpendPoint(0.0, 0, 0, 0.0),
        SpendPoint(0.0, 0, 0, 0.0),
        SpendPoint(1.0, 1, 11, 0.001),
        SpendPoint(3.0, 2, 23, 0.002),
        SpendPoint(3.0, 2, 23, 0.002),
        SpendPoint(7.0, 3, 35, None),
        SpendPoint(8.0, 4, 155, None),
        SpendPoint(8.0, 4, 155, None),
    )


def test_the_probe_before_a_run_counts_as_in_its_state() -> None:
    events: list[Event] = [
        SessionStarted(100.0, 1, "0.1.0"),
        Probed(100.0, "scorer", 40, 400, 40, 0.5, lost_calls=1, lost_tokens=7, seconds=30.0),
        Probed(100.0, "optimizer", 3, 60, 9, 0.25),
        answered("start", 0, at=103.0),  # 12 tokens, $0.001
    ]
    run = recorded(replay(a_run(), events))
    last = build_history(run, events).spend[-1]
    assert last == SpendPoint(33.0, 44, 400 + 40 + 60 + 9 + 12, 0.751)
    assert (last.seconds, last.calls) == (
        run.state.working_seconds,
        serialize_spend(run.state)["calls"],
    )


def test_a_long_run_keeps_few_points_and_its_end() -> None:
    events = [answered("start", n, at=float(n)) for n in range(5_000)]
    run = recorded(replay(a_run(5_000), events))
    spend = build_history(run, events).spend
    assert MAX_POINTS / 2 < len(spend) <= 2 * MAX_POINTS + 2
    assert spend[0].calls == 0
    assert spend[-1].calls == serialize_spend(run.state)["calls"] == 5_000
    assert [p.calls for p in spend] == sorted(p.calls for p in spend)


@pytest.mark.parametrize("folder", sorted(RECORDED.iterdir()), ids=lambda folder: folder.name)
def test_it_ends_where_the_state_does(folder: Path) -> None:
    run = read_run(folder)
    last = build_history(run, read_events(folder / "events.jsonl")).spend[-1]
    spend = serialize_spend(run.state)
    counted = spend["counted"]
    tokens = counted["prompt_tokens"] + counted["completion_tokens"]
    assert last == SpendPoint(run.state.working_seconds, spend["calls"], tokens, counted["usd"])


def test_the_first_unreadable_replies_are_kept() -> None:
    events = [answered("start", n, None if n % 2 else 1.0) for n in range(500)]
    run = recorded(replay(a_run(500), events))
    unreadable = build_history(run, events).unreadable
    assert len(unreadable) == MAX_REPLIES
    assert [reply.question for reply in unreadable[:3]] == [1, 3, 5]
    assert (unreadable[0].instruction, unreadable[0].text) == ("start", "…")
