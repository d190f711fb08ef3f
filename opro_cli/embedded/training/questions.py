"""Generated questions with their whole working."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Question:
    """A question in the form of a BIG-Bench-Hard family, worked through to the end.

    Attributes:
        text: The question itself.
        lines: The working, a line for each step.
        answers: The answer after no step, after the first, and so on; the last is the gold answer.
        about: The person whom it asks about, or "".
    """

    text: str
    lines: tuple[str, ...]
    answers: tuple[str, ...]
    about: str = ""

    @property
    def target(self) -> str:
        """The gold answer."""
        return self.answers[-1]


Draw = Callable[[random.Random], Question]


def normalize_question(text: str) -> str:
    """Return `text` in lower case with single spaces, to compare questions."""
    return " ".join(text.lower().split())


@cache
def _lengths(texts: frozenset[str]) -> frozenset[int]:
    return frozenset(len(text.split()) for text in texts)


def draw_unseen(rng: random.Random, draw: Draw, excluded: frozenset[str]) -> Question:
    """Draw a question that neither is nor ends in one of the normalized `excluded`."""
    while True:
        question = draw(rng)
        words = normalize_question(question.text).split()
        ends = (" ".join(words[-length:]) for length in _lengths(excluded))
        if excluded.isdisjoint(ends):
            return question
