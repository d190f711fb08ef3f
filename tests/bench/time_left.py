"""How far off the told time is: `python -m tests.bench.time_left RUN …`, folders of finished runs.

Replays each journal and compares, at 25, 50 and 75 % of the time that the run took, the estimate
with the time that was left; beside it what `opro` told before it learnt from the run, at most all
calls at the mean speed so far. Each run is replayed a second time as if its models were slow ones:
an answer every 0.25 s, a proposal every 3 s.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from opro_cli.core.run.events import Answered, Event, Proposed
from opro_cli.core.run.progress import count_calls, count_spared_calls, estimate_calls
from opro_cli.core.run.remaining import estimate_time_left
from opro_cli.core.run.state import RunState
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_run_start

SHARES = (0.25, 0.5, 0.75)
_LINE = "{:<24} {:>5} {:>8} {:>8} {:>8} {:>8} {:>6}"
ANSWER_S, PROPOSAL_S = 0.25, 3.0


@dataclass(frozen=True, slots=True)
class Told:
    """What is told at a moment: seconds left in truth, as estimated, at most, and as once told."""

    share: float
    truth: float
    likely: float | None
    at_most: float | None
    before: float


def slow_down(events: Sequence[Event]) -> Iterator[Event]:
    """Give the events the times of slow models; what comes between takes none."""
    at = events[0].at
    for event in events:
        if isinstance(event, Answered | Proposed) and event.via == "call":
            at += ANSWER_S if isinstance(event, Answered) else PROPOSAL_S
        yield replace(event, at=at)


def measure(state: RunState, events: Sequence[Event]) -> list[Told]:
    """Replay events, and note what is told at each of the moments."""
    began, ended = events[0].at, events[-1].at
    told: list[Told] = []
    for event in events:
        state.apply(event)
        if len(told) < len(SHARES) and event.at >= began + SHARES[len(told)] * (ended - began):
            left = estimate_time_left(state)
            done = count_calls(state)
            most = estimate_calls(state) - count_spared_calls(state) - done
            before = most * (event.at - began) / max(1, done)
            likely, at_most = (left.likely, left.at_most) if left else (None, None)
            truth = ended - event.at
            told.append(Told(SHARES[len(told)], truth, likely, at_most, before))
    return told


def main(folders: Sequence[str]) -> None:
    """Print the estimates for each run, as it was and slowed down."""
    print(_LINE.format("run", "at", "left", "told", "at most", "before", "off"))
    for folder in map(Path, folders):
        events = list(read_events(folder / "events.jsonl"))
        for name, timed in (("", events), (" (slow)", list(slow_down(events)))):
            for told in measure(read_run_start(folder).state, timed):
                seconds = (told.truth, told.likely, told.at_most, told.before)
                off = "-" if told.likely is None else f"{told.likely / told.truth - 1:+.0%}"
                known = ("-" if each is None else f"{each:.1f}" for each in seconds)
                print(_LINE.format(folder.name[:16] + name, f"{told.share:.0%}", *known, off))


if __name__ == "__main__":
    main(sys.argv[1:])
