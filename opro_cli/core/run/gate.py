"""The comparison of a gate, read off the state of its run: what its looks say, and what is next.

A gate is a run without a search, of two prompts: the old one and the new one, in this order. The
questions are asked in an order drawn from the seed, each under both prompts side by side. A look
has its number of them from the beginning of that order and nothing else, whatever has been answered
by then, so that no order of arrival, concurrency or resume shows in what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opro_cli.core.draws import Random, create_rng
from opro_cli.core.run.candidates import Candidate, Outcome
from opro_cli.core.run.state import RunState
from opro_cli.core.stats.sequential import (
    Decision,
    Differences,
    Look,
    count_rows_needed,
    look_at,
    make_design,
)


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate as far as it has come.

    Attributes:
        looks: Those that have all their questions, up to the one that decides.
        due: The questions that the next look needs, in order; none when it is over.
    """

    looks: tuple[Look, ...]
    due: tuple[int, ...]

    @property
    def decision(self) -> Decision:
        """The decision; "" for none yet, or at all."""
        return self.looks[-1].decision if self.looks else ""

    @property
    def is_over(self) -> bool:
        """Nothing more is asked."""
        return not self.due


def draw_test_order(state: RunState) -> tuple[list[int], Random]:
    """Return the test questions in the order in which compared prompts are asked them.

    The generator goes on behind it with the order of the prompts on each question.
    """
    order = list(range(state.sizes["test"]))
    rng = create_rng(state.search.seed, "test order")
    rng.shuffle(order)
    return order, rng


def is_gate(state: RunState) -> bool:
    """Return True if a run compares two prompts under a margin, and does nothing else."""
    two = len(state.candidates) == 2 and not state.sizes["train"]
    return two and state.search.gate_margin is not None


def read_gate(state: RunState) -> Gate:
    """Return how far the gate of a run has come.

    Raises:
        ValueError: The run is no gate.
    """
    margin = state.search.gate_margin
    if margin is None or not is_gate(state):
        raise ValueError("this run compares no two prompts under a margin")
    order, _ = draw_test_order(state)
    sides = get_sides(state)
    answered = [each.answers["test"].by_question for each in sides]
    design = make_design(len(order)) if order else None
    looks: list[Look] = []
    for rows, level in zip(design.looks, design.levels, strict=True) if design else ():
        due = [row for row in order[:rows] if not all(row in known for known in answered)]
        if due:
            return Gate(tuple(looks), tuple(due))
        pairs = list_differences(sides, order[:rows], state.groups.get("test", ()))
        look = look_at(pairs, margin=margin, rows=rows, level=level)
        looks.append(look)
        if look.decision:
            break
    return Gate(tuple(looks), ())


def get_sides(state: RunState) -> tuple[Candidate, Candidate]:
    """Return the old prompt and the new one of a gate."""
    old, new = state.candidates.values()
    return old, new


def list_differences(
    sides: Sequence[Candidate], rows: Iterable[int], groups: Sequence[int] = ()
) -> Differences:
    """Return the differences of two prompts on these questions, which both have answered.

    Args:
        sides: The old prompt and the new one.
        rows: The questions, by their index.
        groups: What each question of the split belongs to; empty where each is alone.
    """
    old, new = (side.answers["test"].by_question for side in sides)
    cautious: list[float] = []
    lenient: list[float] = []
    named: list[int] = []
    left_out = one_sided = 0
    graded = False
    for row in rows:
        before, after = old[row], new[row]
        if before.excluded and after.excluded:
            left_out += 1
            continue
        one_sided += before.excluded or after.excluded
        graded = graded or any(_count(each) not in (0.0, 1.0) for each in (before, after))
        cautious.append(_count(after) - (1.0 if before.excluded else _count(before)))
        lenient.append((1.0 if after.excluded else _count(after)) - _count(before))
        if groups:
            named.append(groups[row])
    return Differences(tuple(cautious), tuple(lenient), graded, tuple(named), left_out, one_sided)


def _count(outcome: Outcome) -> float:
    """Return a score; 0 for what is unreadable or refused."""
    return outcome.score or 0.0


def count_further_rows(gate: Gate) -> int | None:
    """Return how many further rows would decide, with a power of 80 %, what these did not.

    Returns:
        None where no number would, at the difference that was seen.
    """
    needed = count_rows_needed(gate.looks[-1]) if gate.looks else None
    return None if needed is None else needed - gate.looks[-1].rows
