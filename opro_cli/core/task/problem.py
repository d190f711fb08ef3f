"""Problems whose solutions have values that need no model, and how a run records one.

An instance is plain JSON data: it is the one example of such a run, so that a run's folder says
all about its problem and a resume never draws it again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from opro_cli.core.task.example import Example

Instance = Mapping[str, Any]
"""The data of a problem, as JSON holds it: points, coordinates, a seed."""

OPTIMUM = "optimum"
"""The name of the reference that no solution is better than."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A known solution, shown beside those that a search finds.

    Attributes:
        name: For tables: OPTIMUM, "true pair", "nearest neighbor".
        solution: Its text.
        value: On the problem's scale.
    """

    name: str
    solution: str
    value: float


@dataclass(frozen=True, slots=True)
class RecordedProblem:
    """A problem as a run records it.

    Attributes:
        name: As `task.problem` has it.
        instance: Its data.
        references: Known solutions.
    """

    name: str
    instance: Instance
    references: tuple[Reference, ...] = ()

    @property
    def optimum(self) -> Reference | None:
        """The reference that no solution is better than; None where nobody knows it."""
        return next((each for each in self.references if each.name == OPTIMUM), None)


def is_close(value: float, optimum: float) -> bool:
    """Return True for a value that is the optimum's up to rounding.

    A better one is not: what has it is no solution, or the optimum is none.
    """
    return math.isclose(value, optimum, rel_tol=1e-9)


def encode_problem(problem: RecordedProblem) -> Example:
    """Return the one example of a run on a problem."""
    return Example(json.dumps(asdict(problem)), "", problem.name)


def decode_problem(examples: Sequence[Example]) -> RecordedProblem:
    """Return the problem of a run from its train examples, of which it is the only one."""
    plain = json.loads(examples[0].input)
    references = tuple(Reference(**each) for each in plain["references"])
    return RecordedProblem(plain["name"], plain["instance"], references)
