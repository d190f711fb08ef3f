"""Generated questions in the form of two BIG-Bench-Hard families, with their gold answers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Family = Literal["boolean", "navigate"]
FAMILIES: tuple[Family, ...] = ("boolean", "navigate")

WALK = "If you follow these instructions, do you return to the starting point?"
OPTIONS = "\nOptions:\n- Yes\n- No"
HEADINGS = ("north", "east", "south", "west")
SIDES = ("forward", "right", "backward", "left")
OFFSETS = ((0, 1), (1, 0), (0, -1), (-1, 0))
TRUTH = ("False", "True")
TURNS = {"right": 1, "around": 2, "left": 3}


@dataclass(frozen=True, slots=True)
class Move:
    """One sentence of a walk: a turn ("left", "right", "around") or steps towards a side."""

    word: str
    steps: int

    def sentence(self, fixed: bool) -> str:
        if not self.steps:
            return f"Turn {self.word}."
        unit = "step" if self.steps == 1 else "steps"
        return f"Take {self.steps} {unit} {self.word}." if fixed else f"Take {self.steps} {unit}."


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its gold answer, and what it was made of (tokens of the formula, or moves).

    fixed: a walk that always faces forward, so that its moves name their side.
    """

    family: Family
    text: str
    target: str
    formula: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    fixed: bool = False


def normalised(text: str) -> str:
    """Text for comparing questions: lower case, single spaces."""
    return " ".join(text.lower().split())


def draw_question(
    rng: random.Random, family: Family, excluded: frozenset[str] = frozenset()
) -> Question:
    """A question of `family` that neither is nor ends in one of the normalised `excluded`."""
    while True:
        question = draw_boolean(rng) if family == "boolean" else draw_walk(rng)
        words = normalised(question.text).split()
        if not any(" ".join(words[start:]) in excluded for start in range(len(words))):
            return question


def draw_boolean(rng: random.Random) -> Question:
    """A formula of mostly eight tokens, the length of the real family."""
    size = rng.choices((8, 5, 6, 7, 9, 10), (0.8, 0.03, 0.04, 0.05, 0.05, 0.03))[0]
    formula: list[str] = []
    while len(formula) != size:
        formula = _formula(rng, rng.choice((1, 2, 2, 3, 3, 3, 4, 4)))
    value = reductions(tuple(formula))[-1][0]
    return Question("boolean", " ".join([*formula, "is"]), value, formula=tuple(formula))


def reductions(formula: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The formula and each shorter one on the way to its value, one operator or bracket a step.

    Innermost brackets first; in them `not` (the one beside its operand), then `and`, then `or`.
    """
    lines = [formula]
    while len(lines[-1]) > 1:
        lines.append(_reduced(lines[-1]))
    return lines


def _reduced(formula: tuple[str, ...]) -> tuple[str, ...]:
    start, end = 0, len(formula)
    if ")" in formula:
        end = formula.index(")")
        start = max(i for i in range(end) if formula[i] == "(") + 1
    part = formula[start:end]
    if len(part) == 1:
        return (*formula[: start - 1], part[0], *formula[end + 1 :])
    if "not" in part:
        at = next(i for i, word in enumerate(part) if word == "not" and part[i + 1] in TRUTH)
        value = TRUTH[1 - TRUTH.index(part[at + 1])]
        return (*formula[: start + at], value, *formula[start + at + 2 :])
    middle = "and" if "and" in part else "or"
    at = part.index(middle) - 1
    absorbing = "False" if middle == "and" else "True"
    value = absorbing if absorbing in (part[at], part[at + 2]) else part[at]
    return (*formula[: start + at], value, *formula[start + at + 3 :])


def _formula(rng: random.Random, leaves: int) -> list[str]:
    if leaves == 1:
        part = [rng.choice(("True", "False"))]
    else:
        cut = rng.randint(1, leaves - 1)
        middle = rng.choice(("and", "or"))
        part = [*_formula(rng, cut), middle, *_formula(rng, leaves - cut)]
    if rng.random() < 0.22:
        part = ["(", *part, ")"]
        if rng.random() < 0.4:
            part = ["not", *part]
    elif leaves == 1:
        while rng.random() < 0.45:
            part = ["not", *part]
    return part


def draw_walk(rng: random.Random) -> Question:
    """Two to nine moves, in one of the family's two varieties; about half of them come back."""
    fixed = rng.random() < 0.5
    wanted = rng.random() < 0.5
    count = rng.choice((2, 3, 3, 4, 4, 5, 5, 6, 7, 8)) if fixed else rng.randint(3, 9)
    while True:
        close = _closed_fixed if fixed else _closed
        moves = close(rng, count) if wanted else _open(rng, count, fixed)
        if (positions(moves, fixed)[-1].at == (0, 0)) == wanted:
            break
    lead = f"{WALK} Always face forward." if fixed else WALK
    text = " ".join([lead, *(move.sentence(fixed) for move in moves)]) + OPTIONS
    return Question("navigate", text, "Yes" if wanted else "No", moves=moves, fixed=fixed)


def _open(rng: random.Random, count: int, fixed: bool) -> tuple[Move, ...]:
    if fixed:
        return tuple(Move(rng.choice(SIDES), rng.randint(1, 10)) for _ in range(count))
    return tuple(
        Move("", rng.randint(1, 10)) if rng.random() < 0.6 else Move(rng.choice(list(TURNS)), 0)
        for _ in range(count)
    )


def _closed_fixed(rng: random.Random, count: int) -> tuple[Move, ...]:
    """Two last moves undo what the others did where one or two moves can; then all are shuffled."""
    moves = list(_open(rng, count - 2, True))
    east, north = positions(tuple(moves), True)[-1].at if moves else (0, 0)
    back = [Move("left" if east > 0 else "right", abs(east))] if east else []
    back += [Move("backward" if north > 0 else "forward", abs(north))] if north else []
    if not back:
        steps, side = rng.randint(1, 10), rng.choice((0, 1))
        back = [Move(SIDES[side], steps), Move(SIDES[side + 2], steps)]
    elif len(back) == 1 and back[0].steps > 1:
        total = back[0].steps
        part = rng.randint(1, total - 1)
        back = [Move(back[0].word, part), Move(back[0].word, total - part)]
    if len(back) == 1 or max(move.steps for move in back) > 10:
        return _open(rng, count, True)
    moves += back
    rng.shuffle(moves)
    return tuple(moves)


def _closed(rng: random.Random, count: int) -> tuple[Move, ...]:
    """A walk with turns; steps are changed, where that can be done, to end at the start."""
    moves = list(_open(rng, count, False))
    for index in rng.sample(range(count), count):
        move = moves[index]
        if not move.steps:
            continue
        for steps in range(1, 11):
            moves[index] = Move(move.word, steps)
            if positions(tuple(moves), False)[-1].at == (0, 0):
                return tuple(moves)
        moves[index] = move
    return tuple(moves)


@dataclass(frozen=True, slots=True)
class State:
    """Where a walker stands: heading (index into HEADINGS), steps east and north of the start."""

    heading: int
    at: tuple[int, int]


def positions(moves: tuple[Move, ...], fixed: bool) -> list[State]:
    """The state after each move; walks start at (0, 0) facing north."""
    state = State(0, (0, 0))
    states = []
    for move in moves:
        if not move.steps:
            state = State((state.heading + TURNS[move.word]) % 4, state.at)
        else:
            towards = SIDES.index(move.word) if fixed else state.heading
            east, north = OFFSETS[towards]
            at = (state.at[0] + east * move.steps, state.at[1] + north * move.steps)
            state = State(state.heading, at)
        states.append(state)
    return states
