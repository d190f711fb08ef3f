"""What the shipped weights are for, on the real rows that they were not trained on."""

from __future__ import annotations

from opro_cli.embedded.config import SHIPPED
from opro_cli.embedded.training.corpus import bbh_rows
from opro_cli.embedded.training.evaluate import Player
from opro_cli.embedded.training.grammar import START


def test_wording_moves_the_accuracy_by_twenty_points() -> None:
    """The issue's floor, on 125 real navigate rows."""
    player, rows = Player(SHIPPED), bbh_rows("navigate")
    best = "Track the position after each move. Write every intermediate result."
    assert player.accuracy(best, rows) - player.accuracy(START, rows) >= 0.2


def test_pep_talk_does_little() -> None:
    player, rows = Player(SHIPPED), bbh_rows("navigate")
    assert abs(player.accuracy("You can do it!", rows) - player.accuracy(START, rows)) <= 0.1
