"""Which prompt of a run is meant: its best, its start, or a candidate of one of its steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from opro_cli.core.candidates import Candidate
from opro_cli.core.selection import baseline, winner
from opro_cli.core.trajectory import mean
from opro_cli.errors import UsageError
from opro_cli.reports.recorded import RecordedRun

_PLACE = re.compile(r"(?P<name>best|start)|(?P<step>[0-9]{1,9})(\.(?P<number>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a run a prompt stands.

    best: the winner so far. start: the initial instruction that the winner is measured against.
    step: the best of that step on train, or its candidate number `number`, counted from 1.
    """

    kind: Literal["best", "start", "step"]
    step: int = 0
    number: int | None = None

    def __str__(self) -> str:
        if self.kind != "step":
            return self.kind
        return str(self.step) if self.number is None else f"{self.step}.{self.number}"


BEST = Place("best")


def place_of(text: str) -> Place | None:
    """What stands behind the @ of RUN@3.2; None for what names no place."""
    match = _PLACE.fullmatch(text)
    if match is None:
        return None
    if match["name"]:
        return Place("best" if match["name"] == "best" else "start")
    return Place("step", int(match["step"]), int(match["number"]) if match["number"] else None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One prompt of a run; candidate: None where best or start is not known yet."""

    run: RecordedRun
    place: Place
    candidate: Candidate | None

    @property
    def name(self) -> str:
        """How a person names it: RUN for its best prompt, else RUN@PLACE."""
        return self.run.name if self.place == BEST else f"{self.run.name}@{self.place}"


def choose(run: RecordedRun, place: Place = BEST) -> Chosen:
    """The prompt at a place; UsageError when the run has no such step or candidate."""
    match place.kind:
        case "best":
            return Chosen(run, place, winner(run.state))
        case "start":
            return Chosen(run, place, baseline(run.state))
        case "step":
            return Chosen(run, place, _of_step(run, place))


def _of_step(run: RecordedRun, place: Place) -> Candidate:
    last = run.state.step
    if place.step > last:
        steps = f"steps 0-{last}" if last else "only step 0"
        raise UsageError(
            f"no step {place.step}: {run.name} has {steps}",
            "`opro show` lists its candidates with their steps",
        )
    joined = run.state.of_step(place.step)
    if not joined:
        raise UsageError(
            f"step {place.step} of {run.name} brought no new candidate", "name another step"
        )
    if place.number is not None:
        if not 1 <= place.number <= len(joined):
            raise UsageError(
                f"step {place.step} of {run.name} has no candidate {place.number}",
                f"it has {len(joined)}, counted from 1 in the order in which they joined",
            )
        return joined[place.number - 1]
    scored = [candidate for candidate in joined if run.state.is_done(candidate)]
    if not scored:
        raise UsageError(
            f"no candidate of step {place.step} of {run.name} has all its train answers yet",
            f"name one of its {len(joined)}: {run.name}@{place.step}.1",
        )
    return max(scored, key=lambda candidate: mean(candidate, "train"))  # ties: the earlier
