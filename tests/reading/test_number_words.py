from __future__ import annotations

import pytest

from opro_cli.reading.number_words import find_spelled_numbers, replace_number_words


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
    assert [number.value for number in find_spelled_numbers(text)] == values


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("two thirds of it", "2/3 of it"),
        ("three quarters", "3/4"),
        ("a quarter", "1/4"),
        ("one half", "1/2"),
        ("half of them", "1/2 of them"),
        ("two and a half", "5/2"),
        ("one and a half", "3/2"),
        ("2 and a half", "5/2"),
        ("half a million", "0.5 million"),
        ("a dozen", "1 dozen"),
        ("two dozen", "2 dozen"),
        ("twenty-one point five", "21.5"),
        ("minus four", "minus 4"),
        ("There are none left.", "There are 0 left."),
        ("No apples are left.", "0 apples are left."),
        ("There is one apple left", "There is 1 apple left"),
        ("Three minus two is one.", "3 minus 2 is 1."),
        # a lone "one" is a pronoun, and words beside digits stay
        ("this one and that one are red", "this one and that one are red"),
        ("5 for the two of them", "5 for the two of them"),
        ("the third one", "the third one"),
        # other languages
        ("Achtzehn", "18"),
        ("fünfundzwanzig Räder", "25 Räder"),
        ("vingt et un jours", "21 jours"),
        ("quatre-vingt-dix-sept", "97"),
        ("treinta y cinco", "35"),
        ("vinte e três", "23"),
        ("ventuno", "21"),
        ("двадцать пять", "25"),
        ("二十五个", "25个"),
        ("两万五千", "25000"),
        ("一共", "一共"),
        ("un chat", "un chat"),
    ],
)
def test_in_digits(text: str, digits: str) -> None:
    assert replace_number_words(text) == digits
