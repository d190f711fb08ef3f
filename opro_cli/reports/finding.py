"""The finding of a probe: whether a search is worth it, as figures, sentences and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.stats.intervals import Interval
from opro_cli.core.task.example import Split
from opro_cli.reports.formats import format_percent

Outcome = Literal["go", "no", "cannot tell"]
HeadroomKind = Literal["format", "bias", "room", "wording", "knowledge", "none", "unknown"]


@dataclass(frozen=True, slots=True)
class Tried:
    """A prompt of the probe, for people.

    Attributes:
        name: What it tries; "" for a proposal of the optimizer.
        instruction: Its text.
        rows: That it was asked.
        score: On them.
        start_score: Of the start prompt on the same rows.
        unreadable: Share of its replies.
    """

    name: str
    instruction: str
    rows: int
    score: float
    start_score: float
    unreadable: float


@dataclass(frozen=True, slots=True)
class Headroom:
    """The finding of a probe.

    Attributes:
        outcome: go, no, or cannot tell.
        chance: That the search ends in "improved", as far as the probe can tell.
        gain: Expected of the search, in shares of right answers; `interval` is its 95 % one.
        kind: What there is to gain from: answers that cannot be read (format), one answer to
            everything (bias), replies cut at max_tokens (room), other words (wording), or nothing:
            what the model does not know (knowledge), or that all is right or all wrong (none).
        start: Score of the start prompt on the rows of the probe.
        rows: Of the probe.
        power: By split, the least gain that it tells from chance 4 times in 5.
        tried: The prompts, the best first.
        elsewhere: The name of a worked example or position that did better, "" for none.
        calls: That the probe made or found known.
        kept: Those of them that the search need not make: answers to its start prompts.
    """

    outcome: Outcome
    chance: float
    gain: float
    interval: Interval
    kind: HeadroomKind
    start: float
    rows: int
    power: Mapping[Split, float | None]
    tried: Sequence[Tried] = ()
    elsewhere: str = ""
    calls: int = 0
    reason: str = ""
    kept: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what `opro check --headroom --json` prints of it."""
        return {
            "outcome": self.outcome,
            "chance": self.chance,
            "gain": self.gain,
            "interval": [self.interval.low, self.interval.high],
            "kind": self.kind,
            "start": self.start,
            "rows": self.rows,
            "calls": self.calls,
            "kept": self.kept,
            "least_gain": dict(self.power),
            "sentence": self.write_sentence(),
            "advice": self.write_advice(),
            "tried": [
                {
                    "name": each.name or None,
                    "instruction": each.instruction,
                    "rows": each.rows,
                    "score": each.score,
                    "start_score": each.start_score,
                    "unreadable": each.unreadable,
                }
                for each in self.tried
            ],
        }

    def write_sentence(self) -> str:
        """Return the judgement with its figures."""
        if self.reason:
            return f"{self.outcome}: {self.reason}"
        low, high = 100 * self.interval.low, 100 * self.interval.high
        return (
            f"{self.outcome}: the start prompt gets {format_percent(self.start)} of {self.rows} "
            f"train rows right, and a search may gain some {100 * self.gain:.0f} points "
            f"({low:+.0f} to {high:+.0f})"
        )

    def write_advice(self) -> str:
        """Return what to do, in a sentence."""
        advice, least = _ADVICE[self.kind], self.power.get("test")
        if self.outcome == "no" and least is not None and 0.05 <= self.gain < least:
            advice = "these test rows could not tell such a gain from chance: give more of them"
        if self.elsewhere:
            advice += f"; try {self.elsewhere}, too, which no search does"
        return advice


_ADVICE: Mapping[HeadroomKind, str] = {
    "format": "replies cannot be read: say in the start prompt what an answer looks like, or let "
    "the search find it",
    "bias": "the scorer gives one answer to nearly everything: prompts that make it weigh the "
    "answers may move it; so may another order or other names of the labels",
    "room": "replies are cut at scorer.max_tokens: raise it, or ask for short replies, before "
    "anything else",
    "wording": "wording moves this scorer: search",
    "knowledge": "no wording moves the score by more than chance may: what is missing is knowledge "
    "or ability, so try another model, give it what it lacks, or check the gold answers",
    "none": "there is nothing to find: leave the prompt as it is, or ask harder questions",
    "unknown": "a larger probe would tell: allow it more calls, or search with a small budget",
}


def build_unasked(reason: str, power: Mapping[Split, float | None], calls: int = 0) -> Headroom:
    """Return the finding of a probe that could not ask enough."""
    nothing = Interval(-1.0, 1.0)
    return Headroom(
        "cannot tell", 0.5, 0.0, nothing, "unknown", 0.0, 0, power, calls=calls, reason=reason
    )
