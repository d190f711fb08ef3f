"""The finding of a gate: whether a prompt has become worse, and whether it keeps its thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from opro_cli.core.run.candidates import Candidate, Score
from opro_cli.core.run.gate import (
    Gate,
    count_further_rows,
    draw_test_order,
    get_sides,
    list_differences,
    read_gate,
)
from opro_cli.core.stats.intervals import Interval, wilson_interval
from opro_cli.core.stats.sequential import Differences, Look
from opro_cli.errors import Interrupted
from opro_cli.reports.formats import format_count, format_points, pluralize
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.thresholds import Check, Thresholds, Usage, measure_usage

Verdict = Literal["unchanged", "not_worse", "worse", "undecided", "unfinished"]
CODES: Mapping[Verdict, int] = {
    "unchanged": 0,
    "not_worse": 0,
    "worse": 4,
    "undecided": 5,
    "unfinished": 3,
}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two prompts.

    Attributes:
        label: Where it is from, "new.md" or "winner of sums".
        text: The prompt.
        form: Its parts beside the text, as the journal has them.
        score: On the questions that were asked; None for none.
        usage: What its answers took.
        spread: The 95 % interval of `unreadable`, as wide as that of the score.
    """

    label: str
    text: str
    form: str = ""
    score: Score | None = None
    usage: Usage = field(default_factory=Usage)
    spread: Interval | None = None

    @property
    def unreadable(self) -> float | None:
        """The share of its answers that could not be read."""
        return self.score.unreadable / self.score.n if self.score else None

    def to_json(self) -> dict[str, Any]:
        """Return the side as plain data."""
        score = self.score
        return {
            "label": self.label,
            "prompt": self.text,
            "mean": score.mean if score else None,
            "interval": [score.interval.low, score.interval.high] if score else None,
            "n": score.n if score else 0,
            "unreadable": score.unreadable if score else 0,
            "refused": score.refused if score else 0,
            "tokens_per_1000": self.usage.tokens_per_1000,
            "usd_per_1000": self.usage.usd_per_1000,
        }


@dataclass(frozen=True, slots=True)
class GateReport:
    """The finding of a gate.

    Attributes:
        name: Of the questions, "sums/test".
        model: That answered; "" where none was asked.
        run: The name of the gate's run, "" where nothing was asked.
        margin: The loss that would matter, as a share.
        rows: Questions that there are.
        answered: Those that have an answer under both prompts.
        gate: Its looks.
        pairs: The differences at the last of them.
        bounds: The differences that this look does not refute.
        calls: That were answered.
        most_calls: That all questions would have taken.
        checks: The thresholds.
        earlier: Earlier gates of the same prompts on the same questions.
        failure: What stopped it before its end, "" for nothing.
        notes: For people.
    """

    verdict: Verdict
    old: Side
    new: Side
    margin: float
    name: str = ""
    model: str = ""
    run: str = ""
    rows: int = 0
    answered: int = 0
    gate: Gate | None = None
    pairs: Differences | None = None
    bounds: Interval | None = None
    calls: int = 0
    most_calls: int = 0
    checks: tuple[Check, ...] = ()
    earlier: int = 0
    failure: str = ""
    notes: tuple[str, ...] = ()

    @property
    def asked(self) -> int:
        """The questions that the finding rests on; of no finding those that both answered."""
        if self.verdict == "unfinished":
            return self.answered
        return self.last.rows if self.last else 0

    @property
    def last(self) -> Look | None:
        """The last look."""
        return self.gate.looks[-1] if self.gate and self.gate.looks else None

    @property
    def difference(self) -> float | None:
        """The mean score of the new prompt minus that of the old one, at the last look."""
        return self.pairs.mean if self.pairs else None

    @property
    def further_rows(self) -> int | None:
        """Further questions that would decide what these did not; None for no number."""
        return count_further_rows(self.gate) if self.gate and self.verdict == "undecided" else None

    @property
    def exit_code(self) -> int:
        """That of the command."""
        code = CODES[self.verdict]
        if self.verdict == "unfinished":
            return code if self.failure else Interrupted.exit_code
        if self.verdict == "unchanged":
            return code
        passed = [check.passed for check in self.checks]
        if False in passed:
            return CODES["worse"]
        return CODES["undecided"] if code == 0 and None in passed else code

    @property
    def is_small_loss(self) -> bool:
        """Not worse by the margin, and yet certainly a little worse."""
        last = self.last
        return self.verdict == "not_worse" and last is not None and last.p_gain < last.level

    @property
    def sentence(self) -> str:
        """The meaning of the verdict, in one sentence."""
        points = format_points(self.margin).lstrip("+").removesuffix(".0")
        after = f"after {format_count(self.asked)} of {pluralize(self.rows, 'question')}"
        match self.verdict:
            case "unchanged":
                return "the prompt is the same, so nothing was asked"
            case "not_worse":
                return f"a loss of {points} points or more is ruled out {after}"
            case "worse":
                return f"the new prompt is worse, beyond noise, {after}"
            case "undecided":
                return (
                    f"{pluralize(self.rows, 'question')} rule out neither a loss of {points} "
                    f"points nor that nothing is lost; {self._say_what_would()}"
                )
        return f"stopped before it was decided, {after}"

    def _say_what_would(self) -> str:
        if self.further_rows is None:
            return "at the difference that was seen no number of them would"
        more = f"about {format_count(self.further_rows)} more would"
        return f"{more}, at the difference that was seen"

    def to_json(self) -> dict[str, Any]:
        """Return the report as `opro gate --json` prints it."""
        pairs, bounds = self.pairs, self.bounds
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "exit_code": self.exit_code,
            "margin": self.margin,
            "dataset": self.name or None,
            "model": self.model or None,
            "run": self.run or None,
            "old": self.old.to_json(),
            "new": self.new.to_json(),
            "rows": self.rows,
            "asked": self.asked,
            "difference": {
                "mean": self.difference,
                "bounds": [bounds.low, bounds.high] if bounds else None,
            },
            "gained": pairs.gained if pairs else 0,
            "lost": pairs.lost if pairs else 0,
            "left_out": pairs.left_out if pairs else 0,
            "left_out_once": pairs.one_sided if pairs else 0,
            "looks": [asdict(look) for look in self.gate.looks] if self.gate else [],
            "further_rows": self.further_rows,
            "calls": self.calls,
            "most_calls": self.most_calls,
            "checks": [check.to_json() for check in self.checks],
            "earlier": self.earlier,
            "failure": self.failure or None,
            "notes": list(self.notes),
        }


def build_report(
    run: RecordedRun,
    labels: tuple[str, str],
    thresholds: Thresholds,
    *,
    name: str,
    earlier: int = 0,
    failure: str = "",
    notes: Sequence[str] = (),
) -> GateReport:
    """Return the finding of a gate's run as it stands.

    Args:
        run: Of the gate.
        labels: Of the old prompt and the new one.
        thresholds: That the new prompt has to keep.
        name: Of the questions.
        earlier: As in `GateReport`.
        failure: As in `GateReport`.
        notes: As in `GateReport`.
    """
    state = run.state
    gate = read_gate(state)
    sides = get_sides(state)
    old, new = (
        _build_side(candidate, label) for candidate, label in zip(sides, labels, strict=True)
    )
    last = gate.looks[-1] if gate.looks else None
    seen = draw_test_order(state)[0][: last.rows] if last else []
    pairs = list_differences(sides, seen, state.groups.get("test", ())) if last else None
    verdict: Verdict = gate.decision or ("undecided" if gate.is_over else "unfinished")
    margin, rows = state.search.gate_margin or 0.0, state.sizes["test"]
    return GateReport(
        verdict=verdict,
        old=old,
        new=new,
        margin=margin,
        name=name,
        model=run.settings["scorer"]["model"],
        run=run.name,
        rows=rows,
        answered=len(set.intersection(*({*c.answers["test"].by_question} for c in sides))),
        gate=gate,
        pairs=pairs,
        bounds=pairs.find_bounds(last.level) if pairs and last else None,
        calls=sum(spend.calls for spend in state.spend.values()),
        most_calls=2 * rows * max(1, state.calls_per_question),
        checks=tuple(_list_checks(new, thresholds)),
        earlier=earlier,
        failure=failure,
        notes=(*notes, *_note_doubts(pairs)),
    )


def _build_side(candidate: Candidate, label: str) -> Side:
    score = candidate.score("test")
    spread = None
    if score is not None:
        independent = candidate.count_independent("test")
        spread = wilson_interval(score.unreadable / score.n, independent)
    text, form = candidate.instruction, candidate.form
    return Side(label, text, form, score, measure_usage(candidate), spread)


def _list_checks(side: Side, limits: Thresholds) -> Iterable[Check]:
    score, unreadable = side.score, side.unreadable
    if limits.min_score is not None:
        mean, interval = (score.mean, score.interval) if score else (None, None)
        yield Check("min_score", limits.min_score, mean, interval)
    if limits.max_unreadable is not None:
        yield Check("max_unreadable", limits.max_unreadable, unreadable, side.spread)
    if limits.max_tokens is not None:
        yield Check("max_tokens", limits.max_tokens, side.usage.tokens_per_1000)
    if limits.max_usd is not None:
        yield Check("max_usd", limits.max_usd, side.usage.usd_per_1000)


def _note_doubts(pairs: Differences | None) -> Iterable[str]:
    if pairs and pairs.one_sided:
        yield (
            f"{pluralize(pairs.one_sided, 'question')} refused under one prompt only: counted "
            "against whatever is said"
        )
