"""The finds of a run on a problem, beside what is known of the problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.selection import find_winner
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Example, Split
from opro_cli.core.task.problem import RecordedProblem, decode_problem, is_close
from opro_cli.reports.formats import compute_gap


class Found(NamedTuple):
    """An evaluated solution.

    Attributes:
        step: That proposed it, 0 for those at the start.
        solution: Its text.
        value: On the problem's scale.
    """

    step: int
    solution: str
    value: float


def read_problem(
    settings: Mapping[str, Any], examples: Mapping[Split, Sequence[Example]]
) -> RecordedProblem | None:
    """Return the problem of a run, None for a search for prompts."""
    return decode_problem(examples["train"]) if settings.get("task", {}).get("problem") else None


def list_found(state: RunState) -> list[Found]:
    """Return the evaluated solutions, in the order in which they joined."""
    return [
        Found(each.step, each.instruction, state.scale.orient(measure_mean(each, "train")))
        for each in state.candidates.values()
        if state.is_scored(each, "train")
    ]


def describe_problem(problem: RecordedProblem, state: RunState) -> dict[str, Any]:
    """Return the key `problem` of `result.json`.

    Its `found` has the step that found the optimum and the different solutions that were proposed
    until the end of that step, null while it is not found or not known.
    """
    best, optimum = find_winner(state), problem.optimum
    value = None if best is None else state.scale.orient(measure_mean(best, "train"))
    known = None if optimum is None else optimum.value
    minimise = state.scale.minimise

    def find_gap(value: float | None) -> float | None:
        if value is None or known is None:
            return None
        return compute_gap(value, known, minimise=minimise)

    return {
        "name": problem.name,
        "value": value,
        "gap": find_gap(value),
        "found": None if known is None else _find_first(state, known),
        "references": [
            {**asdict(each), "gap": find_gap(each.value)} for each in problem.references
        ],
        "ended": state.search_ended or None,
    }


def _find_first(state: RunState, optimum: float) -> dict[str, int] | None:
    """Return when the optimum was found first."""
    found = list_found(state)
    steps = [each.step for each in found if is_close(each.value, optimum)]
    if not steps:
        return None
    first = min(steps)
    return {"step": first, "solutions": sum(1 <= each.step <= first for each in found)}
