"""Scores, money and counts as the page writes them, from the plain data of `result.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import baseline, winner
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.html.markup import Markup, element, join
from opro_cli.reports.formats import UNKNOWN, format_percent
from opro_cli.reports.recorded import History, RecordedRun
from opro_cli.reports.result import build_result, serialize_candidates

Score = Mapping[str, Any]
"""As `reports.result.score_data` makes it."""


def format_interval(score: Score) -> str:
    """Its 95 % interval in percent: "[70.1–90.4]"."""
    low, high = score["interval"]
    return f"[{100 * low:.1f}–{100 * high:.1f}]"


def format_correct(score: Score) -> str:
    """How many answers were right, of how many: "33/40"."""
    told = f"{score['correct']}/{score['n']}"
    return f"{told}, then stopped" if score.get("estimated", False) else told


def format_basis(score: Score) -> str:
    """What a score rests on: "[70.1–90.4] 33/40"."""
    return f"{format_interval(score)} {format_correct(score)}"


def format_score(score: Score) -> str:
    """ "82.5 % [70.1–90.4] 33/40"."""
    return f"{format_percent(score['mean'])} {format_basis(score)}"


def count(number: float | None) -> str:
    """12345 -> "12,345"; unknown is said, never 0."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def duration(seconds: float) -> str:
    """ "12 s", "2 min 05 s", "1 h 02 min"."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minute:02d} min"
    return f"{minute} min {second:02d} s" if minute else f"{second} s"


MOST_SHOWN = 20_000
"""Bytes of a text that is shown in full; the run's folder has what is beyond."""
_BUDGET, _LEAST = 2_000_000, 200


def limit_text(rows: int) -> int:
    """How many bytes of each of so many texts keep the page small enough to send."""
    return max(_LEAST, min(MOST_SHOWN, _BUDGET // max(1, rows)))


@dataclass(frozen=True, slots=True)
class Row:
    """An instruction. id: its anchor in the page. whole: has it all its train answers?"""

    id: str
    data: Mapping[str, Any]
    whole: bool
    is_start: bool
    is_best: bool

    @property
    def instruction(self) -> str:
        """Its text; "(empty)" for none at all."""
        return shown(self.data["instruction"])

    @property
    def step(self) -> int:
        """The step that proposed it, 0 for an initial one."""
        return int(self.data["step"])

    def score(self, split: Split) -> Score | None:
        """Its score on a split, None before the first answer."""
        score: Score | None = self.data["scores"].get(split)
        return score

    @property
    def stopped(self) -> bool:
        """Was it stopped early, with an estimate for its train score?"""
        return bool((self.score("train") or {}).get("estimated"))

    def missed(self, kind: str) -> int:
        """How many of its answers are "unreadable" or "refused", over all splits."""
        return sum((self.score(split) or {}).get(kind, 0) for split in SPLITS)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with all that its sections show. key: what its anchors begin with."""

    key: str
    run: RecordedRun
    result: Mapping[str, Any]
    rows: Sequence[Row]
    start: Candidate | None
    best: Candidate | None
    history: History

    @property
    def finished(self) -> bool:
        """Is there nothing left to do?"""
        return self.run.status == "finished"

    @property
    def best_name(self) -> str:
        """What the best instruction is called."""
        return "winner" if self.finished else "best so far"

    @property
    def splits(self) -> list[Split]:
        """Those that have any questions."""
        return [split for split in SPLITS if self.run.state.sizes[split]]


def build_view(run: RecordedRun, key: str, history: History) -> RunView:
    """Work out what the sections of a run need."""
    state = run.state
    start, best = baseline(state), winner(state)
    rows = [
        Row(
            id=f"{key}c{number}",
            data=data,
            whole=state.is_scored(candidate, "train"),
            is_start=candidate is start,
            is_best=candidate is best,
        )
        for number, (candidate, data) in enumerate(
            zip(state.candidates.values(), serialize_candidates(state), strict=True)
        )
    ]
    result = build_result(run, finished=run.status == "finished")
    return RunView(key, run, result, rows, start, best, history)


def shown(instruction: str) -> str:
    """What stands for an instruction."""
    return instruction or "(empty)"


def format_origin(step: int) -> str:
    """Where an instruction came from."""
    return f"step {step}" if step else "initial"


def section(view: RunView, name: str, title: str, *content: Markup | None) -> Markup:
    """A part of a run's report under a heading that can be linked to."""
    heading = element("h3", title, id=f"{view.key}-{name}-title")
    return element(
        "section",
        heading,
        *content,
        id=f"{view.key}-{name}",
        aria_labelledby=f"{view.key}-{name}-title",
    )


def note(*sentences: str) -> Markup:
    """How to read what stands beside it."""
    return element("p", " ".join(sentences), class_="note")


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Markup | str]]) -> Markup:
    """A plain table; the first cell of a row is its heading."""
    header = element("tr", *(element("th", name, scope="col") for name in head))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in rows
    ]
    plain = element(
        "table",
        element("caption", caption, class_="unseen"),
        element("thead", header),
        element("tbody", join(body)),
    )
    return scroll_box(caption, plain)


def scroll_box(label: str, content: Markup, kind: str = "wide") -> Markup:
    """Something wide or tall, in a box that is scrolled by touch or by keyboard."""
    return element("div", content, class_=kind, role="region", aria_label=label, tabindex=0)
