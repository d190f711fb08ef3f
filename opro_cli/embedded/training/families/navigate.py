"""navigate: a walk of moves and turns; does it return to the start?"""

from __future__ import annotations

import random
from dataclasses import dataclass

from opro_cli.embedded.training.questions import Question

WALK = "If you follow these instructions, do you return to the starting point?"
FORWARD = "Always face forward."
OPTIONS = "\nOptions:\n- Yes\n- No"
HEADINGS = ("north", "east", "south", "west")
SIDES = ("forward", "right", "backward", "left")
OFFSETS = ((0, 1), (1, 0), (0, -1), (-1, 0))
TURNS = {"right": 1, "around": 2, "left": 3}
PHRASES = (f"{WALK} {FORWARD}", WALK, OPTIONS)


@dataclass(frozen=True, slots=True)
class Move:
    """One sentence of a walk: a turn ("left", "right", "around") or steps towards a side."""

    word: str
    steps: int

    def sentence(self, fixed: bool) -> str:
        """Return the sentence; `fixed` as in `ask_walk`."""
        if not self.steps:
            return f"Turn {self.word}."
        unit = "step" if self.steps == 1 else "steps"
        return f"Take {self.steps} {unit} {self.word}." if fixed else f"Take {self.steps} {unit}."


@dataclass(frozen=True, slots=True)
class State:
    """The state of a walk: heading (index into HEADINGS), steps east and north of the start."""

    heading: int
    at: tuple[int, int]


Moves = tuple[Move, ...]


def draw_navigate(rng: random.Random) -> Question:
    """Draw two to nine moves in one of the family's two varieties; half the walks come back."""
    fixed = rng.random() < 0.5
    wanted = rng.random() < 0.5
    count = rng.choice((2, 3, 3, 4, 4, 5, 5, 6, 7, 8)) if fixed else rng.randint(3, 9)
    while True:
        close = _draw_closed_fixed if fixed else _draw_closed
        moves = close(rng, count) if wanted else _draw_open(rng, count, fixed)
        if (positions(moves, fixed)[-1].at == (0, 0)) == wanted:
            return ask_walk(moves, fixed)


def ask_walk(moves: Moves, fixed: bool) -> Question:
    """Build the question about a walk; a `fixed` one always faces forward, so moves name a side.

    An answer half-way says whether the walk is at the start by then.
    """
    states = positions(moves, fixed)
    lead = PHRASES[0] if fixed else WALK
    text = " ".join([lead, *(move.sentence(fixed) for move in moves)]) + OPTIONS
    after_each = [State(0, (0, 0)), *states]
    return Question(
        text,
        tuple(_write_line(move, state, fixed) for move, state in zip(moves, states, strict=True)),
        tuple("Yes" if state.at == (0, 0) else "No" for state in after_each),
    )


def _write_line(move: Move, state: State, fixed: bool) -> str:
    moved = f"{move.steps or ''} {move.word}".strip()
    facing = "" if fixed else f" {HEADINGS[state.heading]}"
    return f"{moved}{facing} {state.at[0]} {state.at[1]}"


def positions(moves: Moves, fixed: bool) -> list[State]:
    """Return the state after each move; walks start at (0, 0) facing north."""
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


def _draw_open(rng: random.Random, count: int, fixed: bool) -> Moves:
    if fixed:
        return tuple(Move(rng.choice(SIDES), rng.randint(1, 10)) for _ in range(count))
    return tuple(
        Move("", rng.randint(1, 10)) if rng.random() < 0.6 else Move(rng.choice(list(TURNS)), 0)
        for _ in range(count)
    )


def _draw_closed_fixed(rng: random.Random, count: int) -> Moves:
    """Draw moves whose last two undo the others if two can, and shuffle them all."""
    moves = list(_draw_open(rng, count - 2, True))
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
        return _draw_open(rng, count, True)
    moves += back
    rng.shuffle(moves)
    return tuple(moves)


def _draw_closed(rng: random.Random, count: int) -> Moves:
    """Draw a walk with turns, with steps changed so that it ends at the start, if that works."""
    moves = list(_draw_open(rng, count, False))
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
