"""The conformance vectors: inputs of the reference implementation and what it made of them.

They are kept outside the repository, as NAME.jsonl in the folder that OPRO_VECTORS names, else
in `shared/vectors` beside it; how they were made is told in the README there.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "OPRO_VECTORS"
BESIDE = Path(__file__).parents[3] / "shared" / "vectors"

Input = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One call of the reference.

    input: all its arguments and data.
    output: what it returned; None where it raised.
    raises, message: the exception's type and text; None and "" where it returned.
    gold: the gold answer it read from the row of a scorer prompt.
    endless: it went on for ever; output is what it had done when it was cut.
    """

    id: str
    input: Input
    output: Any
    raises: str | None
    message: str
    gold: Any = None
    endless: bool = False


def folder() -> Path | None:
    """Where the vectors are; None when they are not here and nobody said they were."""
    named = os.environ.get(VARIABLE)
    place = Path(named) if named else BESIDE
    if place.is_dir():
        return place
    if named:
        raise FileNotFoundError(f"{VARIABLE}={named}: expected a folder of vectors, found none")
    return None


def cases(name: str) -> list[Case]:
    """The cases of NAME.jsonl; none where there is no such file or no folder of vectors."""
    place = folder()
    if place is None or not (place / f"{name}.jsonl").is_file():
        return []
    with (place / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [_case(json.loads(line)) for line in lines]


def each_case(name: str) -> pytest.MarkDecorator:
    """The argument `case`: every vector of NAME.jsonl as a test of its own, under its id."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases(name)])


def _case(row: dict[str, Any]) -> Case:
    return Case(
        row["id"],
        row["input"],
        row.get("output"),
        row.get("raises"),
        row.get("message", ""),
        row.get("true_answer"),
        bool(row.get("endless")),
    )
