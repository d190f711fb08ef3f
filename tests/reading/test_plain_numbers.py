from __future__ import annotations

import pytest

from opro_cli.reading.numerals import has_point_groups, normalize_numbers


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        # LaTeX
        (r"\frac34", "3/4 "),
        (r"\dfrac{1}{2}", "1/2 "),
        (r"2\tfrac12", "2 1/2 "),
        (r"-\frac{3}{4}", "-3/4 "),
        (r"\frac{x}{2}", "(x)/(2)"),
        ("1{,}200", "1,200"),
        (r"1\,200", "1\u202f200"),
        (r"3 \times 4 \div 2", "3 × 4 ÷ 2"),
        (r"\$5 \text{ each}", "$5   each "),
        (r"90^\circ", "90°"),
        # signs, powers, emphasis
        ("−5", "-5"),
        ("10²", "100"),
        ("2^{10}", "1024"),
        ("2**10", "1024"),
        ("1.2 × 10^3", "1.2e3"),
        ("9^999", "9^999"),
        ("s² m²", "s² m²"),
        ("2½", "2 1/2"),
        ("**5** `6` __7__ *8*", "5 6 7 8"),
        ("3 * 8", "3 * 8"),
        ("<<3*8=24>>24", "24"),
        # separators
        ("3,5", "3.5"),
        ("25,00 €", "25.00 €"),
        ("0,333", "0.333"),
        ("1.234,56", "1234.56"),
        ("1.234.567", "1234567"),
        ("10 000", "10000"),
        ("1,200", "1,200"),
        ("12,34,567", "12,34,567"),
        ("1,2,3", "1,2,3"),
        ("(3,5)", "(3,5)"),
        ("1.200", "1.200"),
        ("3 200", "3200"),
        ("1 234 567 of 2 towns", "1234567 of 2 towns"),
        ("100 200 300 and 4", "100 200 300 and 4"),
        ("12 500-gram bags", "12 500-gram bags"),
        ("2 200", "2200"),
        ("2 bags of 3 200", "2 bags of 3 200"),
        ("5 dollars and 5 cents", "5.05"),
    ],
)
def test_readable(text: str, plain: str) -> None:
    assert normalize_numbers(text) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [("1.200", "1200"), ("1 200", "1200"), ("0.125", "0.125"), ("250 mil", "250 thousand")],
)
def test_readable_where_the_point_groups(text: str, plain: str) -> None:
    assert normalize_numbers(text, european=True) == plain


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("Das sind 1.200 Räder.", True),
        ("Il y a 1 200 places dans la salle.", True),
        ("Hay 1.200 personas en la sala.", True),
        ("0,5 von 1.200", True),
        ("The price of it is 1.200.", False),
        ("1.200", False),
        ("Das ist alles.", False),
    ],
)
def test_writes_point_groups(text: str, groups: bool) -> None:
    assert has_point_groups(text) is groups
