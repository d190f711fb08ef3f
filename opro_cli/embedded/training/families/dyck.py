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
    """Draw two to ninety brackets, of which one to three are left open."""
    while True:
        symbols = _draw_balanced(rng, rng.choice(PAIRS)) if rng.random() < 0.25 else []
        for _ in range(rng.choice((1, 2, 2, 3))):
            symbols += [rng.choice(list(CLOSING)), *_draw_balanced(rng, rng.choice(PAIRS))]
        if 2 <= len(symbols) <= 90:
            return ask_brackets(symbols)


def ask_brackets(symbols: list[str]) -> Question:
    """Build the question about `symbols`; a line has a bracket and the open ones after it.

    An answer half-way closes the brackets that are open by then.
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


def _draw_balanced(rng: random.Random, pairs: int) -> list[str]:
    """Draw a sequence of `pairs` pairs that leaves nothing open."""
    if not pairs:
        return []
    inside = pairs - 1 if rng.random() < 0.4 else rng.randint(0, pairs - 1)
    opening = rng.choice(list(CLOSING))
    rest = _draw_balanced(rng, pairs - 1 - inside)
    return [opening, *_draw_balanced(rng, inside), CLOSING[opening], *rest]
