"""What a sweep file stands for: its cells, worked by hand, and that their names tell them apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.settings.readers import run_name
from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.sweep import Cell, SweepSettings, build_config, expand_cells


def sweep(**raw: Any) -> tuple[tuple[Cell, ...], list[Problem]]:
    problems: list[Problem] = []
    read = read_section(SweepSettings, {"base": "b.yaml", **raw}, (), problems)
    if read is None:
        return (), problems
    cells, more = expand_cells(read)
    return cells, [*problems, *more]


def good(**raw: Any) -> tuple[Cell, ...]:
    cells, problems = sweep(**raw)
    assert problems == []
    return cells


def told(**raw: Any) -> str:
    cells, problems = sweep(**raw)
    assert cells == ()
    return "; ".join(f"{each.dotted}: {each.message}" for each in problems)


def test_every_combination_is_a_cell_the_last_key_runs_first() -> None:
    cells = good(matrix={"task": ["a/navigate.yaml", "bbh/snarks"], "search.seed": "0..1"})
    assert [cell.name for cell in cells] == [
        "navigate_seed0",
        "navigate_seed1",
        "snarks_seed0",
        "snarks_seed1",
    ]
    assert cells[1].values == {"task": "a/navigate.yaml", "search.seed": 1}


def test_what_is_excluded_is_none_and_what_is_included_comes_last() -> None:
    cells = good(
        matrix={"scorer.model": ["openai/a", "openai/b"], "search.seed": [0, 1]},
        exclude=[{"scorer.model": "openai/a", "search.seed": 1}, {"scorer.model": "openai/b"}],
        include=[{"search.steps": 40}],
    )
    assert [cell.name for cell in cells] == ["a_seed0", "steps40"]


def test_a_list_without_a_matrix() -> None:
    cells = good(include=[{"search.seed": 3}, {"search.racing": False}])
    assert [cell.name for cell in cells] == ["seed3", "racingFalse"]


def test_sections_are_laid_over_the_base_and_a_task_takes_its_place() -> None:
    base = {
        "task": {"answer": "boolean", "data": {"train": "x"}},
        "scorer": {"model": "openai/a", "max_tokens": 9},
    }
    (cell,) = good(
        include=[
            {
                "scorer.temperature": 1,
                "scorer": {"model": "openai/b", "temperature": 0},
                "task": {"preset": "gsm8k"},
                "search.seed": 2,
            }
        ]
    )
    assert build_config(base, cell) == {
        "name": cell.name,
        "task": {"preset": "gsm8k"},
        "scorer": {"model": "openai/b", "max_tokens": 9, "temperature": 1},
        "search": {"seed": 2},
    }
    assert base["task"] == {"answer": "boolean", "data": {"train": "x"}}


def test_cells_whose_names_would_be_the_same_are_told_apart() -> None:
    first, second = good(matrix={"scorer.model": ["openai/a", "azure/A"]})
    assert first.name[:2] == "a-"
    assert second.name[:2] == "A-"
    assert first.name.lower() != second.name.lower()


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ({}, "no cell"),
        ({"matrix": {"search.seed": 3}}, "expected a list of values"),
        ({"matrix": {"search.seed": "4..1"}}, "expected a list of values"),
        ({"matrix": {"search.seed": []}}, "expected a list of values"),
        ({"matrix": {"search.seed": [1, 1]}}, "two cells are the same"),
        ({"matrix": {"a": "0..99", "b": "0..999"}}, "100,000 combinations"),
        ({"matrix": {"search.seed": [1]}, "exclude": [{"search.seed": 2}]}, "exclude.0"),
        ({"matrix": {"search.seed": [1]}, "exclude": [{"search.sed": 1}]}, "exclude.0"),
        ({"matrix": {"search.seed": [1]}, "exclude": [{"search.seed": 1}]}, "no cell"),
        ({"include": {"search.seed": 1}}, "expected a list of cells"),
        ({"matrx": {}}, 'did you mean "matrix"'),
        ({"include": [{"search.seed": 1}], "name": "a/b"}, "name: expected a name of letters"),
    ],
)
def test_what_is_wrong_is_told(raw: dict[str, Any], what: str) -> None:
    assert what in told(**raw)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.floats(0, 1) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
KEYS = st.sampled_from(["task", "scorer.model", "search.seed", "optimizer", "x.y.z"])


@given(st.dictionaries(KEYS, st.lists(VALUES, min_size=1, max_size=4), min_size=1))
def test_names_are_those_of_folders_and_differ_by_more_than_case(matrix: dict[str, Any]) -> None:
    cells, _ = sweep(matrix=matrix)
    assert all(run_name(cell.name) == cell.name for cell in cells)
    assert len({cell.name.lower() for cell in cells}) == len(cells)
