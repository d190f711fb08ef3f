"""What the scorer's weights are for, on real rows that they were not trained on."""

from __future__ import annotations

import pytest

from opro_cli.embedded.config import SCORER
from opro_cli.embedded.training.battery import battery
from opro_cli.embedded.training.corpus import bbh_rows
from opro_cli.embedded.training.evaluate import Player
from opro_cli.embedded.training.families import FAMILIES, Family

ROWS = 60


@pytest.fixture(scope="module")
def player() -> Player:
    return Player(SCORER)


@pytest.mark.parametrize("family", FAMILIES)
def test_wording_moves_the_accuracy_and_only_by_what_it_asks_for(
    player: Player, family: Family
) -> None:
    """Thirty points from the worst to the best; unseen wordings and pep talk as the card says."""
    rows = bbh_rows(family)[:ROWS]
    made = {probe.outline: probe.instruction.text for probe in battery(family)}

    def accuracy(outline: str) -> float:
        return 100 * player.accuracy(made[outline], rows)

    method, best = accuracy("method"), accuracy("method rule fine")
    assert best - accuracy("brief") >= 30
    assert best > method
    assert abs(accuracy("method? rule? fine?") - best) <= 5
    assert abs(accuracy("pep method") - method) <= 3
