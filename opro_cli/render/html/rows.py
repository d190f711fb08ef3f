"""The candidates of a run as rows of its page: their names and forebears, and which are drawn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.safe import display_prompt

Score = Mapping[str, Any]
"""A score as `reports.result.score_data` builds it."""

MOST_ROWS = 200
"""Rows of the table that are drawn for their score: a search of 1,600 prompts took seconds."""
MOST_FOREBEARS = 40
"""Prompts shown of the line that led to the winner."""


@dataclass(frozen=True, slots=True)
class Row:
    """A candidate: its anchor, its entry in the result, and whether all train answers are in."""

    id: str
    data: Mapping[str, Any]
    whole: bool
    is_start: bool
    is_best: bool

    @property
    def instruction(self) -> str:
        """The text, behind what else the prompt has; "(empty)" for none."""
        return display_prompt(self.data)

    @property
    def step(self) -> int:
        """The step that proposed it, 0 for an initial one."""
        return int(self.data["step"])

    @property
    def kind(self) -> str | None:
        """Its CSS class: "best", "start" or none."""
        return "best" if self.is_best else "start" if self.is_start else None

    def score(self, split: Split) -> Score | None:
        """Return its score on a split, None before the first answer."""
        score: Score | None = self.data["scores"].get(split)
        return score

    @property
    def stopped(self) -> bool:
        """Whether it was stopped early, so that its train score is an estimate."""
        return bool((self.score("train") or {}).get("estimated"))

    def count_missed(self, kind: str) -> int:
        """Return how many of its answers are "unreadable" or "refused", over all splits."""
        return sum((self.score(split) or {}).get(kind, 0) for split in SPLITS)


def rank_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows, the best on train first."""
    return sorted(rows, key=lambda row: -(row.score("train") or {"mean": -math.inf})["mean"])


def choose_rows(rows: Sequence[Row]) -> frozenset[str]:
    """Return the anchors of the rows that a page draws.

    They are the best on train, the initial prompts, and the winner with those it came from.
    """
    initial = [row for row in rows if row.step == 0]
    chosen = [*rank_rows(rows)[:MOST_ROWS], *rank_rows(initial)[:MOST_ROWS]]
    chosen += [row for row in rows if row.kind]
    names = name_rows(rows)
    chosen += [names[name] for name in pick_ends(trace_back(names))]
    return frozenset(row.id for row in chosen)


def name_rows(rows: Sequence[Row]) -> Mapping[str, Row]:
    """Return the rows by their names: "2.1" is the first of step 2."""
    counts: Counter[int] = Counter()
    names = {}
    for row in rows:
        counts[row.step] += 1
        names[f"{row.step}.{counts[row.step]}"] = row
    return names


def find_parents(data: Mapping[str, Any], names: Mapping[str, Row]) -> list[str]:
    """Return the names of those that a candidate was made from, as far as they are known."""
    return [name for name in data.get("parents", ()) if name in names]


def trace_back(names: Mapping[str, Row]) -> list[str]:
    """Return the names of the winner and of the line of first parents before it, oldest first."""
    best = next((name for name, row in names.items() if row.is_best), None)
    chain = [] if best is None else [best]
    # A prompt comes after those that it was made from, so that this ends.
    while chain and (parents := find_parents(names[chain[-1]].data, names)):
        chain.append(parents[0])
    return chain[::-1]


def pick_ends(line: Sequence[str]) -> list[str]:
    """Return what is shown of a line of forebears: of a long one the first, and the last of it."""
    left = max(0, len(line) - MOST_FOREBEARS)
    return [*line[:1], *line[left + 1 :]]
