"""The numbers that the best prompt missed by most."""

from __future__ import annotations

import math
from typing import NamedTuple

from opro_cli.core.task.example import SPLITS, Example
from opro_cli.render.html.candidates import fold_rows, fold_text
from opro_cli.render.html.markup import Markup, bdi
from opro_cli.render.html.view import RunView, limit_text, note, section
from opro_cli.reports.formats import format_number

_MOST = 40
"""Misses of the table."""
_ANSWER = 300
"""Bytes of an answer in a table."""


class _Miss(NamedTuple):
    off: float
    example: Example
    answer: str
    gold: float
    read: float


def build_misses(view: RunView) -> Markup | None:
    """Return the section; None where answers are no numbers, and where none was missed."""
    kind = str((view.run.settings.get("task") or {}).get("answer") or "")
    if view.best is None or kind.partition(":")[0] not in ("number", "paper", "math"):
        return None
    for split in reversed(SPLITS):
        if outcomes := view.best.answers[split].by_question:
            break
    else:
        return None
    misses = []
    for question, outcome in outcomes.items():
        example = view.run.examples[split][question]
        gold, read = _read(example.target), _read(outcome.answer)
        if outcome.score == 0.0 and outcome.answer and None not in (gold, read):
            misses.append(_rate(example, outcome.answer, gold or 0.0, read or 0.0))
    if not misses:
        return None
    misses.sort(key=lambda miss: -miss.off)
    shown = misses[:_MOST]
    limit = limit_text(2 * len(shown))
    rows: list[list[Markup | str]] = [
        [
            fold_text(miss.example.input, limit),
            bdi(miss.example.target, _ANSWER),
            bdi(miss.answer, _ANSWER),
            format_number(miss.read - miss.gold),
        ]
        for miss in shown
    ]
    titles = ["question", "expected", f"{view.best_name} said", "off by"]
    left = f"; the {_MOST} furthest off of {len(misses):,}" if len(misses) > _MOST else ""
    return section(
        view,
        "misses",
        "Furthest off",
        note(f"Wrong numbers of the {view.best_name} on {split}, by their ratio{left}."),
        *fold_rows("Wrong numbers", titles, rows, kind="stacked"),
    )


def _read(text: str | None) -> float | None:
    try:
        value = float((text or "").replace(",", "").replace("$", "").strip())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _rate(example: Example, answer: str, gold: float, read: float) -> _Miss:
    """Return a miss with how far off it is: the size of the difference beside the gold number."""
    return _Miss(abs(read - gold) / max(abs(gold), 1.0), example, answer, gold, read)
