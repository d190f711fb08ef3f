"""Twenty runs on one test set claim a false improvement in at most 5 % of families.

Seeds are fixed, so that what passes always passes; `python -m tests.bench.ledger` has the figures.
"""

from __future__ import annotations

import pytest

from opro_cli.core.stats.intervals import wilson_interval
from tests.bench import ledger
from tests.bench.ledger import FAMILY_ROWS, count_false, count_found

FEW = 60


@pytest.mark.slow
@pytest.mark.parametrize("row", list(FAMILY_ROWS)[:4])
def test_false_improvements_stay_rare_with_the_ledger(row: str) -> None:
    with_ledger, alone = count_false(FAMILY_ROWS[row], 99, 4 * FEW)
    assert wilson_interval(with_ledger / (4 * FEW), 4 * FEW).low <= 0.05
    assert with_ledger < alone


def test_a_family_without_a_ledger_is_misled_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "RUNS", 8)
    with_ledger, alone = count_false(FAMILY_ROWS["same start prompt, other winners"], 99, FEW)
    assert with_ledger < alone


def test_a_first_use_loses_no_power() -> None:
    found, alone = count_found(99, FEW, 1)
    assert found == alone > FEW / 2
