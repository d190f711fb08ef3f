"""Numbers written in digits, as people and models write them, and when two are the same.

Exact arithmetic throughout: a binary float would call 0.1 + 0.2 wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from opro_cli.metrics.reading.plain_numbers import readable
from opro_cli.metrics.reading.reply_text import SPACELESS

MAX_DIGITS = 100
"""A longer number is noise, and is not read."""

# What follows the digits, with or without a space.
_WORDS_OF_SCALE = {
    10**2: "hundred",
    10**3: "thousand tausend тысяч тыс",
    10**5: "lakh lakhs",
    10**6: "mn mio million millions millionen millones millón milhões milhão milioni milione млн",
    10**7: "crore crores",
    10**9: "bn billion billions mrd milliarden milliards млрд",
    10**12: "trillion trillions",
    12: "dozen dozens",
}
_LETTER_SCALES = {"k": 10**3, "m": 10**6}
_CJK_SCALES = dict(zip("百千천万萬만亿億억", (2, 3, 3, 4, 4, 4, 8, 8, 8), strict=True))
_SCALES = (
    {word: Fraction(size) for size, words in _WORDS_OF_SCALE.items() for word in words.split()}
    | {letter: Fraction(size) for letter, size in _LETTER_SCALES.items()}
    | {sign: Fraction(10**power) for sign, power in _CJK_SCALES.items()}
    | {"%": Fraction(1, 100)}
)
_ONE = Fraction(1)
_WORD_SCALES = "|".join(word for words in _WORDS_OF_SCALE.values() for word in words.split())
_CURRENCY = "$¢-¥֏؋৲৳฿₠-⃀﷼"

# A sign belongs to the number when nothing stands before it that it could be subtracted from.
# Letters directly before digits make a name ("H2O", "x_1"). Every repeat is bounded or cannot
# be given back, so a search takes time linear in the text. The first line passes over most text.
_NUMERAL = re.compile(
    rf"""
    (?=[-+.\d{_CURRENCY}nmмNMМ负負])
    (?P<sign>(?<![)\]}}%.])(?<![^\W{SPACELESS}])[-+]
      |(?<![^\W_])(?<!\d)(?<!\d[ ])(?i:negative|minus|moins|menos|meno|минус)\s|负|負)?
    (?:[{_CURRENCY}](?P<inner>-|\s)?)?
    (?<![^\W_{SPACELESS}])(?<![^\W\d_{SPACELESS}]_)
    (?:
        (?<![/.]) (?:(?P<units>\d{{1,3}})[ ])?
        (?P<numerator>\d{{1,9}})\s?/\s?(?P<denominator>\d{{1,9}})(?![\d/]|[.,]\d)
      |
        (?P<whole>
            \d{{1,3}}(?P<separator>[,'’\u00a0\u202f\u2009])\d{{3}}
              (?:(?P=separator)\d{{3}}){{0,32}}(?!\d)
          | \d{{1,2}}(?:,\d{{2}}){{1,6}},\d{{3}}(?!\d)
          | \d++
        )
        (?P<decimals>\.\d++)?(?P<exponent>[eE][+-]?\d{{1,3}}(?!\w))?
      |
        (?<!\.)(?P<bare>\.\d++)
    )
    (?:
        \s?(?P<percent>%|(?i:per\s?cent|prozent|pour\s?cent|por\s?ciento|процентов)(?![^\W_]))
      | [ ]?(?P<scale>(?i:{_WORD_SCALES})(?![^\W_])|[{"".join(_CJK_SCALES)}])
      | (?P<letter>[kKM])(?![^\W_]|[/²])
    )?
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text.

    text: without thousands separators, currency and unit; "-1234", "0.50", "3/4", "50%".
    value: the number as written, 50 for "50%"; scale: 1/100 for "%", 10**6 for "million", else 1.
    decimals: digits after the point that count; 0 for an integer, None for a fraction.
    start, end: where it stands in `readable(text)`.
    """

    text: str
    value: Fraction
    scale: Fraction
    decimals: int | None
    start: int
    end: int


def numerals(text: str, *, european: bool = False) -> list[Numeral]:
    """The numbers of `readable(text)` in their order; over-long ones and n/0 are left out."""
    return numerals_in(readable(text, european=european))


def numerals_in(plain: str) -> list[Numeral]:
    """The numbers of a text that is readable already."""
    found = (_numeral(match) for match in _NUMERAL.finditer(plain))
    return [numeral for numeral in found if numeral is not None]


def sole_numeral(text: str) -> Numeral | None:
    """The number that `text` is, give or take currency and spaces; None when it is more or less."""
    plain = readable(text).strip()
    found = numerals_in(plain)
    if len(found) == 1 and found[0].start == 0 and found[0].end == len(plain):
        return found[0]
    return None


def same_number(given: Numeral, target: Numeral) -> bool:
    """Whether `given` is `target` at the precision of `target`.

    An integer or terminating fraction must be met exactly, a decimal when rounded half up to
    its digits, a fraction like 1/3 when it rounds to a given decimal of two digits or more.
    "%" and "million" are units when only one side has one: 50% is both 50 and 0.5.
    """
    if given.scale == target.scale:
        if given.value == target.value:
            return True
        # A whole number is met exactly or not at all: for most answers no arithmetic is needed.
        return target.decimals != 0 and _equal(given, target, _ONE, _ONE)
    if given.scale != 1 and target.scale != 1:
        return given.value * given.scale == target.value * target.scale
    return any(
        _equal(given, target, left, right)
        for left in {_ONE, given.scale}
        for right in {_ONE, target.scale}
    )


def _equal(given: Numeral, target: Numeral, left: Fraction, right: Fraction) -> bool:
    value, wanted = given.value * left, target.value * right
    if value == wanted:
        return True
    if target.decimals:
        unit = right / 10**target.decimals
        return bool(_rounded(value / unit) == wanted / unit)
    if target.decimals is None and given.decimals and given.decimals >= 2:
        unit = left / 10**given.decimals
        return not _terminates(wanted) and _rounded(wanted / unit) == value / unit
    return False


def _rounded(value: Fraction) -> int:
    """Half up by magnitude, as taught in school."""
    size = int(abs(value) + Fraction(1, 2))
    return size if value >= 0 else -size


def _terminates(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _numeral(match: re.Match[str]) -> Numeral | None:
    if match.end() - match.start() > MAX_DIGITS:
        return None
    body = _fraction(match) if match["numerator"] else _decimal(match)
    if body is None:
        return None
    text, value, decimals = body
    negative = (match["sign"] or "+") != "+" or match["inner"] == "-"
    if negative and value:
        text, value = f"-{text}", -value
    unit = "%" if match["percent"] else (match["scale"] or match["letter"] or "").lower()
    if unit:
        text += {"m": "M"}.get(unit, unit) if unit in "%km" else f" {unit}"
    scale = _SCALES.get(unit, _ONE)
    return Numeral(text, value, scale, decimals, match.start(), match.end())


def _fraction(match: re.Match[str]) -> tuple[str, Fraction, int | None] | None:
    numerator, denominator = int(match["numerator"]), int(match["denominator"])
    if denominator == 0:
        return None
    numerator += int(match["units"] or 0) * denominator
    return f"{numerator}/{denominator}", Fraction(numerator, denominator), None


def _decimal(match: re.Match[str]) -> tuple[str, Fraction, int | None]:
    separator = match["separator"] or ","
    whole = int((match["whole"] or "0").replace(separator, ""))
    digits = (match["decimals"] or match["bare"] or ".")[1:]
    if not digits.strip("0"):
        digits = ""
    exponent = int((match["exponent"] or "e0")[1:])
    if not digits.isascii():
        digits = "".join(str(int(digit)) for digit in digits)
    text = f"{whole}.{digits}" if digits else str(whole)
    value = Fraction(int(f"{whole}{digits}"), 10 ** len(digits)) if digits else Fraction(whole)
    if exponent:
        value *= Fraction(10) ** exponent
        text += f"e{exponent}"
    return text, value, max(0, len(digits) - exponent)
