"""dyck_languages: close the brackets that a sequence leaves open."""

from __future__ import annotations

import random

from opro_cli.embedded.training.questions import Question

LEAD = "Complete the rest of the sequence, making sure that the parentheses are closed properly."
PHRASES = (f"{LEAD} Input:",)
CLOSING = {"[": "]", "{": "}", "(": ")", "<": ">"}
NOTHING = "-"
PAIRS = (0, 0, 0, 0, 1, 1, 2, 3, 4, 7, 12, 20)  # between brackets that are left open


def draw_dyck(rng: random.Random) -> Question:
    """Two to some ninety brackets, of which one to three are left open."""
    while True:
        symbols = _balanced(rng, rng.choice(PAIRS)) if rng.random() < 0.25 else []
        for _ in range(rng.choice((1, 2, 2, 3))):
            symbols += [rng.choice(list(CLOSING)), *_balanced(rng, rng.choice(PAIRS))]
        if 2 <= len(symbols) <= 90:
            return closed(symbols)


def closed(symbols: list[str]) -> Question:
    """The question about `symbols`; a line holds a bracket and what is open after it.

    Who stops half-way closes what is open there and then.
    """
    opened: list[str] = []
    lines, answers = [], [NOTHING]
    for symbol in symbols:
        if symbol in CLOSING:
            opened.append(symbol)
        else:
            opened.pop()
        lines.append(f"{symbol} : {' '.join(opened) or NOTHING}")
        answers.append(" ".join(CLOSING[each] for each in reversed(opened)) or NOTHING)
    return Question(f"{PHRASES[0]} {' '.join(symbols)}", tuple(lines), tuple(answers))


def _balanced(rng: random.Random, pairs: int) -> list[str]:
    """A random sequence of `pairs` pairs that leaves nothing open."""
    if not pairs:
        return []
    inside = pairs - 1 if rng.random() < 0.4 else rng.randint(0, pairs - 1)
    opening = rng.choice(list(CLOSING))
    rest = _balanced(rng, pairs - 1 - inside)
    return [opening, *_balanced(rng, inside), CLOSING[opening], *rest]
