"""Equal prompts are not told apart, whatever the server does meanwhile.

Seeds are fixed, so a row that passes always passes. An honest rate is 2.5 % on each side; the
bounds are what a rate of 3 % exceeds in one of a thousand draws. `python -m tests.simulations 5000`
measures the rates themselves.
"""

from __future__ import annotations

import pytest

from tests.simulations.groups import GROUPS
from tests.simulations.rows import DRIFT, OTHER, old_cache, step_between

FEW, FEW_AT_MOST = 40, 6
MANY, MANY_AT_MOST = 200, 14


@pytest.mark.parametrize("row", [step_between, old_cache])
def test_a_change_of_the_server_is_no_gain_and_no_loss(row: object) -> None:
    assert callable(row)
    verdicts = [row(seed) for seed in range(FEW)]
    assert verdicts.count("improved") <= FEW_AT_MOST
    assert verdicts.count("worse") <= FEW_AT_MOST
    assert len(verdicts) == FEW


@pytest.mark.slow
@pytest.mark.parametrize("name", [*DRIFT, *OTHER, *GROUPS])
def test_no_row_of_the_table_is_told_apart_more_often_than_chance_does(name: str) -> None:
    row = {**DRIFT, **OTHER, **GROUPS}[name]
    verdicts = [row(seed) for seed in range(MANY)]
    assert verdicts.count("improved") <= MANY_AT_MOST
    assert verdicts.count("worse") <= MANY_AT_MOST
