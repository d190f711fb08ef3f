"""A generated question together with its whole working, and how to tell questions apart."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Question:
    """A question in the form of a BIG-Bench-Hard family, worked through to the end.

    lines: the working, a line for each step. answers: what one would answer after no step, after
    the first, and so on; the last of them is the gold answer. about: whom it is asked about, ""
    for nobody.
    """

    text: str
    lines: tuple[str, ...]
    answers: tuple[str, ...]
    about: str = ""

    @property
    def target(self) -> str:
        return self.answers[-1]


Draw = Callable[[random.Random], Question]


def normalised(text: str) -> str:
    """Text for comparing questions: lower case, single spaces."""
    return " ".join(text.lower().split())


@cache
def _lengths(texts: frozenset[str]) -> frozenset[int]:
    return frozenset(len(text.split()) for text in texts)


def draw_unseen(rng: random.Random, draw: Draw, excluded: frozenset[str]) -> Question:
    """A question that neither is nor ends in one of the normalised `excluded`."""
    while True:
        question = draw(rng)
        words = normalised(question.text).split()
        ends = (" ".join(words[-length:]) for length in _lengths(excluded))
        if excluded.isdisjoint(ends):
            return question
