"""Answers under an instruction: how much of the working is written.

The effect of wording on accuracy comes entirely from here. Each clause of an instruction raises or
lowers a level, the level sets how many steps are worked through, and the answer is the result after
the last of them: right if the question has no more steps, else by luck.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from opro_cli.embedded.training.families import FAMILIES, Family
from opro_cli.embedded.training.grammar import KINDS, Kind
from opro_cli.embedded.training.questions import Question

TOP = 7
NEUTRAL = 1
"""The level of an instruction without useful advice."""
ALL = 99

BUDGETS: dict[Family, tuple[int, ...]] = {
    "boolean": (0, 3, 4, 5, 6, 7, 8, ALL),
    "navigate": (0, 2, 3, 4, 5, 6, 7, ALL),
    "counting": (1, 2, 3, 4, 5, 7, 8, ALL),
    "tracking": (0, 1, 2, 3, 4, 5, 6, ALL),
    "dyck": (0, 4, 6, 8, 10, 13, 16, 20),
}
"""The number of steps that are worked through at each level, 0 to TOP."""

# The levels that each family's own method and rule and the general advice add; other kinds add
# none. No two clauses together reach the top, and the best ones differ by family.
EFFECTS: dict[Family, dict[str, int]] = {
    "boolean": {"method": 3, "rule": 2, "fine": 1, "check": 1, "steps": 1, "order": -1},
    "navigate": {"method": 2, "rule": 2, "fine": 2, "steps": 1, "order": 1, "plan": -1},
    "counting": {"method": 3, "order": 2, "rule": 1, "fine": 1, "steps": 1, "check": -1},
    "tracking": {"fine": 3, "method": 2, "rule": 1, "order": 1, "steps": 1, "check": 1},
    "dyck": {"method": 3, "rule": 2, "check": 1, "order": 1, "steps": 1, "plan": -1},
}
BRIEF = -2
FOREIGN = -1


@cache
def effects(family: Family) -> dict[Kind, int]:
    """Return the levels that a clause of each kind adds on questions of `family`."""
    worth: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    worth |= {"brief": BRIEF, "foreign": FOREIGN}
    for each in FAMILIES:
        worth |= dict.fromkeys((f"{each}_method", f"{each}_rule"), FOREIGN)  # type: ignore[arg-type]
    for name, value in EFFECTS[family].items():
        kind = f"{family}_{name}" if name in ("method", "rule") else name
        worth[kind] = value  # type: ignore[index]
    return worth


def level(kinds: Iterable[Kind], family: Family) -> int:
    """Return the level, 0 to TOP, that clauses of these kinds ask for on `family`."""
    worth = effects(family)
    return min(TOP, max(0, NEUTRAL + sum(worth[kind] for kind in kinds)))


def answer(question: Question, steps: int) -> str:
    """Return the reply after `steps` steps: it starts with a space and ends "The answer is X.".

    Before the answer it names the person whom the question is about. Without the name, networks
    got the whole working right and still guessed the answer.
    """
    count = "All" if steps == ALL else steps
    lines = [f" {at} {line};" for at, line in enumerate(question.lines[:steps], 1)]
    about = f" {question.about}:" if question.about else ""
    result = question.answers[min(steps, len(question.lines))]
    return f" {count} steps:{''.join(lines)}{about} The answer is {result}."
