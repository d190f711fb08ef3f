"""Every vector of the paper's travelling salesman but its whole runs, one test each.

A case in which the reference fails must be one of DIFFERENCES, where it is said what is done here
instead; any other one fails.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.regression import Row, each_row
from tests.conformance.tour import DIFFERENCES, conforms
from tests.conformance.vectors import BESIDE, VARIABLE, folder

needs_vectors = pytest.mark.skipif(
    folder() is None, reason=f"no conformance vectors: {VARIABLE} is not set, {BESIDE} is absent"
)
TRIANGLE = {"x": [0, 3, 3], "y": [0, 0, 4], "coordinate_type": "int", "num_decimals": 0}


@needs_vectors
@each_row("tsp_meta_prompt")
def test_meta_prompt(row: Row) -> None:
    conforms("tsp_meta_prompt", row)


@needs_vectors
@each_row("tsp_parse")
def test_parse(row: Row) -> None:
    conforms("tsp_parse", row)


@needs_vectors
@each_row("tsp_length")
def test_length(row: Row) -> None:
    conforms("tsp_length", row)


@needs_vectors
@each_row("tsp_start")
def test_start(row: Row) -> None:
    conforms("tsp_start", row)


@needs_vectors
@each_row("tsp_oracle")
def test_oracle(row: Row) -> None:
    conforms("tsp_oracle", row)


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("tsp_oracle", {"raises": "KeyError"}, "unknown failure of the reference in tsp_oracle"),
        ("tsp_oracle", {"endless": True, "reason": "waits"}, "unknown endless case.*: waits"),
    ],
)
def test_an_unknown_failure_fails(name: str, row: Row, message: str) -> None:
    given = {"id": "by hand", "input": {**TRIANGLE, "algorithm": "dp"}, **row}
    with pytest.raises(AssertionError, match=message):
        conforms(name, given)


@pytest.mark.parametrize(("output", "passes"), [(12, True), (12.0, False), (13, False)])
def test_what_differs_is_seen(output: Any, passes: bool) -> None:
    row = {"id": "by hand", "input": {**TRIANGLE, "trace": [0, 1, 2]}, "output": output}
    if passes:
        conforms("tsp_length", row)
    else:
        with pytest.raises(AssertionError):
            conforms("tsp_length", row)


def test_one_of_several_outputs_is_enough() -> None:
    row = {"id": "by hand", "input": {**TRIANGLE, "trace": [0, 1, 2]}, "output_one_of": [11, 12]}
    conforms("tsp_length", row)
    with pytest.raises(AssertionError):
        conforms("tsp_length", {**row, "output_one_of": [11, 13]})


def test_each_difference_is_told() -> None:
    assert all(each.situation and each.ours for each in DIFFERENCES)
