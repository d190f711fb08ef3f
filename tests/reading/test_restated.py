from __future__ import annotations

import pytest

from opro_cli.reading.boolean import read_restatement

TRUTH = "Ann lies. Tess says Ann lies. Does Tess tell the truth?"
START = "If you follow these steps, do you return to the starting point? Take 5 steps."
COIN = "A coin is heads up. Is the coin still heads up? Note that it is a coin."
PLAUSIBLE = 'Is the following sentence plausible? "He scored."'
ORDER = "Can you order an Alfa Romeo at Starbucks?"


@pytest.mark.parametrize(
    ("question", "sentence", "affirmed"),
    [
        (TRUTH, "Tess tells the truth.", True),
        (TRUTH, "So Tess does not tell the truth.", False),
        (TRUTH, "Tess lies.", False),
        (TRUTH, "Ann says Tess tells the truth.", None),
        (TRUTH, "If Tess tells the truth, Ann lies.", None),
        (START, "You do return to the starting point.", True),
        (START, "We don't return to the starting point.", False),
        (COIN, "The coin is still heads up.", True),
        (COIN, "The coin is no longer heads up.", False),
        (COIN, "The coin is tails up.", None),
        (COIN, "Is the coin still heads up?", None),
        (PLAUSIBLE, "The sentence is plausible.", True),
        (PLAUSIBLE, "It is not plausible.", False),
        (PLAUSIBLE, "That sounds implausible.", False),
        (ORDER, "You cannot order an Alfa Romeo at Starbucks.", False),
        (ORDER, "It is unlikely that you can order an Alfa Romeo at Starbucks.", False),
        (ORDER, "You can buy coffee.", None),
        ("Name it.", "It is named.", None),
    ],
)
def test_restated(question: str, sentence: str, affirmed: bool | None) -> None:
    assert read_restatement(sentence, question) is affirmed
