from __future__ import annotations

import pytest

from opro_cli.metrics.reading.number_words import spelled_numbers


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("eighteen", [18]),
        ("twenty-five", [25]),
        ("Twenty Five", [25]),
        ("one hundred", [100]),
        ("a hundred", [100]),
        ("one hundred and twenty-three", [123]),
        ("twelve hundred", [1200]),
        ("three hundred thousand and five", [300_005]),
        ("two million three thousand four hundred", [2_003_400]),
        ("negative five", [-5]),
        ("one two three", [1, 2, 3]),
        ("five twenty", [5, 20]),
        ("twenty eleven", [20, 11]),
        ("two and three", [2, 3]),
        ("twenty and five", [20, 5]),
        ("someone often tenfold", []),
        ("", []),
    ],
)
def test_values(text: str, values: list[int]) -> None:
    assert [number.value for number in spelled_numbers(text)] == values
