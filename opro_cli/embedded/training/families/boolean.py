"""boolean_expressions: `not ( True and False ) or True is`, resolved one operator at a time."""

from __future__ import annotations

import random

from opro_cli.embedded.training.questions import Question

TRUTH = ("False", "True")
Formula = tuple[str, ...]


def draw_boolean(rng: random.Random) -> Question:
    """Draw a formula of mostly eight tokens, the length of the real family."""
    size = rng.choices((8, 5, 6, 7, 9, 10), (0.8, 0.03, 0.04, 0.05, 0.05, 0.03))[0]
    formula: list[str] = []
    while len(formula) != size:
        formula = _draw_formula(rng, rng.choice((1, 2, 2, 3, 3, 3, 4, 4)))
    return ask_formula(tuple(formula))


def ask_formula(formula: Formula) -> Question:
    """Build the question about `formula`: lines for what is resolved and what is left, in turn.

    An answer half-way is the value resolved last, or the first that is left.
    """
    lines, answers = [], [_find_first_value(formula)]
    left = formula
    while len(left) > 1:
        start, end, value = _find_next(left)
        lines.append(f"{' '.join(left[start:end])} = {value}")
        left = (*left[:start], value, *left[end:])
        lines.append(" ".join(left))
        answers += [value, _find_first_value(left)]
    return Question(" ".join([*formula, "is"]), tuple(lines), tuple(answers))


def _find_first_value(formula: Formula) -> str:
    return next(word for word in formula if word in TRUTH)


def _find_next(formula: Formula) -> tuple[int, int, str]:
    """Return the start and end of the part to resolve next, and its value.

    Innermost brackets come first; in them `not` (the one beside its operand), then `and`, `or`.
    """
    start, end = 0, len(formula)
    if ")" in formula:
        end = formula.index(")")
        start = max(i for i in range(end) if formula[i] == "(") + 1
    part = formula[start:end]
    if len(part) == 1:
        return start - 1, end + 1, part[0]
    if "not" in part:
        at = next(i for i, word in enumerate(part) if word == "not" and part[i + 1] in TRUTH)
        return start + at, start + at + 2, TRUTH[1 - TRUTH.index(part[at + 1])]
    middle = "and" if "and" in part else "or"
    at = part.index(middle) - 1
    absorbing = "False" if middle == "and" else "True"
    value = absorbing if absorbing in (part[at], part[at + 2]) else part[at]
    return start + at, start + at + 3, value


def _draw_formula(rng: random.Random, leaves: int) -> list[str]:
    if leaves == 1:
        part = [rng.choice(TRUTH)]
    else:
        cut = rng.randint(1, leaves - 1)
        middle = rng.choice(("and", "or"))
        part = [*_draw_formula(rng, cut), middle, *_draw_formula(rng, leaves - cut)]
    if rng.random() < 0.22:
        part = ["(", *part, ")"]
        if rng.random() < 0.4:
            part = ["not", *part]
    elif leaves == 1:
        while rng.random() < 0.45:
            part = ["not", *part]
    return part
