"""The table of all instructions, to be sorted by any column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli.reports.formats import about, plural
from opro_cli.reports.html.figures import Score, interval, right_of
from opro_cli.reports.html.markup import Markup, bdi, beginning, element, join, paragraphs
from opro_cli.reports.html.view import (
    MOST_SHOWN,
    Row,
    RunView,
    note,
    scrolling,
    section,
    text_limit,
)

_QUOTES = 2
"""That are shown of an instruction with more."""
_FOLDED = 180
"""Characters that are seen of a long instruction before it is opened."""


def candidate_table(view: RunView) -> Markup:
    """The section with the table, the best on train first."""
    rows = sorted(view.rows, key=lambda row: -(row.score("train") or {"mean": -1.0})["mean"])
    flagged = any(row.data.get("leaks") for row in rows)
    limit = text_limit(len(rows))
    titles = ["step", "instruction", *view.splits, "unreadable", "refused"]
    titles += ["flags"] if flagged else []
    body = [_row(view, row, limit, flagged) for row in rows]
    table = element(
        "table",
        element("caption", "All instructions", class_="unseen"),
        element("thead", element("tr", *(_heading(title) for title in titles))),
        element("tbody", join(body)),
        class_="candidates",
    )
    return section(
        view,
        "candidates",
        "All instructions",
        note(
            f"{plural(len(rows), 'instruction')}. A heading sorts by its column, a second time the",
            "other way round. Scores are with their 95 % interval and the right answers.",
        ),
        element("p", "", role="status", class_="unseen"),
        scrolling("All instructions", table, "tall"),
    )


def _heading(title: str) -> Markup:
    sort = "descending" if title == "train" else "none"
    button = element("button", title, type="button")
    return element("th", button, scope="col", aria_sort=sort, class_=title)


def _row(view: RunView, row: Row, limit: int, flagged: bool) -> Markup:
    marks = [("★ ", view.best_name)] if row.is_best else []
    marks += [("■ ", "start prompt")] if row.is_start else []
    badges = [element("span", sign + name, class_="badge") for sign, name in marks]
    kind = "best" if row.is_best else "start" if row.is_start else None
    # What a person came for is shown in full.
    text = folded(row.instruction, MOST_SHOWN if row.is_best or row.is_start else limit)
    return element(
        "tr",
        _number("step", row.step, "start" if row.step == 0 else str(row.step)),
        element("td", *badges, text, class_="instruction"),
        *(_score(split, row.score(split)) for split in view.splits),
        *(_missed(kind, row.missed(kind)) for kind in ("unreadable", "refused")),
        _flags(row.data.get("leaks", ())) if flagged else None,
        id=row.id,
        class_=kind,
        tabindex=-1,
    )


def folded(text: str, limit: int) -> Markup:
    """A text with its line ends; of a long one the beginning, and all of it behind that."""
    whole = paragraphs(text, limit)
    if len(text) <= _FOLDED:
        return element("div", whole, class_="text")
    head = text[:_FOLDED]
    words = head[: head.rfind(" ")] if " " in head[_FOLDED // 2 :] else head
    begin = element("bdi", beginning(words, 3 * _FOLDED), "…")
    return element("details", element("summary", begin), element("div", whole, class_="text"))


def _number(kind: str, value: float, told: str) -> Markup:
    return element("td", told, class_=kind, data_value=value)


def _score(split: str, score: Score | None) -> Markup:
    if score is None:
        return element("td", "–", class_=f"{split} none")
    return element(
        "td",
        *(element("b", about(score["mean"], estimated=score.get("estimated", False))), " "),
        *(element("small", right_of(score)), " ", element("small", interval(score))),
        class_=split,
        data_value=round(score["mean"], 9),
    )


def _missed(kind: str, missed: int) -> Markup:
    return element("td", str(missed), class_=kind if missed else f"{kind} none", data_value=missed)


def _flags(leaks: Sequence[Mapping[str, Any]]) -> Markup:
    """What an instruction quotes of the train questions; the first quotes are shown."""
    if not leaks:
        return element("td", "", class_="flags none", data_value=0)
    quotes = [join([" “", bdi(leak["quote"], 80), "”"]) for leak in leaks[:_QUOTES]]
    more = f" and {len(leaks) - _QUOTES} more" if len(leaks) > _QUOTES else ""
    told = join([f"⚠ quotes {plural(len(leaks), 'train question')}:", *quotes, more])
    return element("td", told, class_="flags", data_value=len(leaks))
