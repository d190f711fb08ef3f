"""Read a gold answer that is to be one number: with a unit at most, or at a final-answer marker."""

from __future__ import annotations

import re

from opro_cli.reading.final_answer import find_final_answer
from opro_cli.reading.number import normalize_sentence
from opro_cli.reading.number_context import Standing, rate_standing
from opro_cli.reading.numerals import Numeral, find_numerals, find_numerals_in
from opro_cli.reading.reply_text import SPACELESS

# "about $", "USD ", "x = ", "Total: "
_LEAD = re.compile(
    r"""[\s("'“~≈$€£¥₹]*+
    (?:(?:about|approximately|approx\.?|around|exactly|roughly|only|just|circa|ca\.?|etwa|environ
        |[共約约]|us|usd|eur|chf|gbp|inr|rs\.?|[a-z]\s?[=≈]|[^\W\d_]{2,20}\s?:)[\s$€£¥₹]*+){0,3}\[?\s?\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_SHORT_UNITS = (
    "km cm mm nm ft in yd mi kg mg lb lbs oz ml cl dl st nd rd th am pm hz mb gb tb kb kw"
)
_NO_UNIT = "(?:or|and|to|plus|minus|times|over|oder|und|bis|mal|ou|et)(?![^\\W_])"
_UNIT = (
    rf"(?:[°€£$¥₹%‰]|(?:{'|'.join(_SHORT_UNITS.split())}|[mgshlWVJNCFK])(?![^\W_])"
    rf"|[{SPACELESS}]{{1,8}}|(?!{_NO_UNIT})[^\W\d_]{{3,25}}|(?<=\s)(?!{_NO_UNIT})[^\W\d_]{{2}}(?![^\W_]))"
    r"(?:['’][^\W\d_]{0,2})?[²³]?\.?"
)
# " apples", "km/h", " square metres (rounded)."
_REST = re.compile(
    rf"(?:[\s-]{{0,2}}{_UNIT}(?:\s?[/·]\s?[^\W\d_]{{1,15}}[²³]?)?){{0,5}}"
    r"(?:\s?\([^()\d]{1,60}\))?[\s.,;)\]\"'”]{0,6}\Z",
    re.IGNORECASE,
)
_UNIT_POWER = re.compile(r"(?<=[^\W\d_])\^\{?([23])\}?(?!\d)")
_RAISED = str.maketrans("23", "²³")
_NO_NUMBER = frozenset({"none", "nothing", "nobody", "no one", "null", "nil"})
_MATHEMATICAL = re.compile(
    r"[\\^π√!±∞≤≥<>{}∪]|\d[a-zA-Z]|[\[(][^\])]*,[^\])]*[\])]|[+*/=]|(?<![^\W_])(?:log|ln|sin|cos|tan)\s"
)


def read_gold_number(raw: str) -> Numeral:
    """Return the number of a gold answer.

    Raises:
        ValueError: It is not one number with at most a unit, nor has one at a marker.
    """
    raw = raw.strip()
    final = find_final_answer(raw)
    if final.marks and final.marks[0].form == "box":
        raw = final.text
    elif final.marks:
        numbers = find_numerals(final.text)
        plain = normalize_sentence(final.text)
        first = next(iter(find_numerals_in(plain)), None)
        if numbers and not (first and _is_operand(plain, first)):
            return numbers[0]
    plain = normalize_sentence(_UNIT_POWER.sub(lambda unit: unit[1].translate(_RAISED), raw))
    numbers = find_numerals_in(plain)
    if raw.strip(" .").casefold() in _NO_NUMBER:
        numbers = []
    if len(numbers) != 1:
        found = f"found {len(numbers) or 'none'} in {raw[-80:]!r}"
        raise ValueError(f"expected one number, {found}{_propose(raw)}")
    only = numbers[0]
    listed = "," in raw and any(bracket in raw for bracket in "[]{}")
    before, after = plain[: only.start], plain[only.end :]
    if listed or not (_LEAD.fullmatch(before) and _REST.fullmatch(after)):
        found = f"found {raw[-80:]!r}"
        raise ValueError(f"expected one number with at most a unit, {found}{_propose(raw)}")
    return only


def _is_operand(plain: str, number: Numeral) -> bool:
    return rate_standing(plain, number.start, number.end) is Standing.OPERAND


def _propose(raw: str) -> str:
    """Return the remedy for a gold answer that looks like mathematics."""
    return "; task.answer: math reads mathematics" if _MATHEMATICAL.search(raw) else ""
