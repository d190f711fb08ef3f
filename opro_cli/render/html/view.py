"""The figures of a run as its page shows them, and the parts that its sections share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import find_baseline, find_winner
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.html.markup import Markup, element, join
from opro_cli.render.html.rows import Row, Score, choose_rows
from opro_cli.reports.formats import are_shares, format_bounds
from opro_cli.reports.recorded import History, RecordedRun
from opro_cli.reports.result import build_result, serialize_candidates


def format_correct(score: Score) -> str:
    """Return how many answers were right, of how many: "33/40"."""
    correct = f"{score['correct']}/{score['n']}"
    if not score["n"]:
        return "not asked, estimated"
    return f"{correct}, then stopped" if score.get("estimated", False) else correct


def format_basis(score: Score, scale: Scale) -> str:
    """Return interval and counts behind a score, "[70.1–90.4] 33/40", or "n=40" of a loss."""
    if not are_shares(scale):
        return f"n={score['n']}"
    return f"{format_bounds(*score['interval'])} {format_correct(score)}"


MOST_SHOWN = 20_000
"""Bytes shown of a single text; the run folder holds all of it."""
_BUDGET, _LEAST = 2_000_000, 200


def limit_text(rows: int) -> int:
    """Return how many bytes each of `rows` texts may take, so that the page can be mailed."""
    return max(_LEAST, min(MOST_SHOWN, _BUDGET // max(1, rows)))


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with all that its sections show.

    Attributes:
        key: With which the anchors of its parts begin.
        drawn: The anchors of the rows that the page draws, of more than it draws at once.
    """

    key: str
    run: RecordedRun
    result: Mapping[str, Any]
    rows: Sequence[Row]
    drawn: frozenset[str]
    start: Candidate | None
    best: Candidate | None
    history: History

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.run.status == "finished"

    @property
    def best_name(self) -> str:
        """The name of the best instruction."""
        return "winner" if self.finished else "best so far"

    @property
    def is_problem(self) -> bool:
        """Whether solutions are searched for, and not prompts."""
        return "problem" in self.result

    @property
    def start_name(self) -> str:
        """The name of the best one that the search began with."""
        return "start" if self.is_problem else "start prompt"

    @property
    def noun(self) -> str:
        """The kind of a candidate."""
        return "solution" if self.is_problem else "instruction"

    @property
    def scale(self) -> Scale:
        """How the scores are read."""
        return self.run.state.scale

    @property
    def splits(self) -> list[Split]:
        """The splits that have questions."""
        return [split for split in SPLITS if self.run.state.sizes[split]]


def build_view(run: RecordedRun, key: str, history: History) -> RunView:
    """Gather the figures that the sections of a run show."""
    state = run.state
    start, best = find_baseline(state), find_winner(state)
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
    return RunView(key, run, result, rows, choose_rows(rows), start, best, history)


def place(share: float) -> str:
    """Return a share of a plot's width as a length: 0.125 -> "12.5%"."""
    return f"{round(100 * share, 2):g}%"


def section(view: RunView, name: str, title: str, *content: Markup | None) -> Markup:
    """Return a part of a run's report under a heading that can be linked to."""
    label = f"{view.key}-{name}-title"
    return element(
        "section",
        element("h3", title, id=label),
        *content,
        id=f"{view.key}-{name}",
        aria_labelledby=label,
    )


def note(*sentences: str) -> Markup:
    """Return an explanation of what follows."""
    return element("p", " ".join(sentences), class_="note")


def table(
    caption: str,
    titles: Sequence[str],
    rows: Sequence[Sequence[Markup | str]],
    *,
    kind: str | None = None,
) -> Markup:
    """Return a plain table; the first cell of a row is its heading.

    One of the kind "stacked" has its cells below each other where the page is narrow.
    """
    labels = titles if kind == "stacked" else [None] * len(titles)
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(
                element("td", cell, data_label=label)
                for cell, label in zip(row[1:], labels[1:], strict=True)
            ),
        )
        for row in rows
    ]
    head = [element("th", title, scope="col") for title in titles]
    return table_box(caption, head, body, kind=kind)


def table_box(
    caption: str,
    head: Sequence[Markup],
    body: Sequence[Markup],
    foot: Markup | None = None,
    *,
    kind: str | None = None,
) -> Markup:
    """Return a table in a box that scrolls sideways by touch and by keyboard.

    `kind` is the CSS class of the table.
    """
    content = element(
        "table",
        element("caption", caption, class_="unseen"),
        element("thead", element("tr", *head)),
        element("tbody", join(body)),
        element("tfoot", foot) if foot is not None else None,
        class_=kind,
    )
    return element("div", content, class_="wide", role="region", aria_label=caption, tabindex=0)


_CAP = 5


def plot_interval(
    name: Markup,
    worth: Markup,
    ends: tuple[str, str],
    *,
    label: str,
    height: int,
    below: Sequence[Markup],
    above: Sequence[Markup] = (),
    kind: str = "row",
) -> Markup:
    """Return a line of a chart: a name, an interval as a whisker, and its figures.

    `ends` are lengths in percent of the width, `height` is in pixels; the shapes `below` and
    `above` stand under and over the whisker; `label` tells a screen reader what is drawn.
    """
    low, high = ends
    middle = height / 2
    top, bottom = middle - _CAP, middle + _CAP
    plot = element(
        "svg",
        *below,
        element("line", x1=low, x2=high, y1=middle, y2=middle, class_="span"),
        element("line", x1=low, x2=low, y1=top, y2=bottom, class_="span"),
        element("line", x1=high, x2=high, y1=top, y2=bottom, class_="span"),
        *above,
        width="100%",
        height=height,
        role="img",
        aria_label=label,
    )
    return element("div", element("span", name, class_="who"), plot, worth, class_=kind)
