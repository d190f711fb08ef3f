"""Answers that are a number."""

from __future__ import annotations

import re

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.final_answer import FinalAnswer, final_answer
from opro_cli.metrics.number_words import SpelledNumber, spelled_numbers
from opro_cli.metrics.numerals import Numeral, numerals, readable, same_number

# "5 + 13 = 18", "5 apples * 3 = 15": the answer is what the working comes to.
_WORKING = re.compile(
    r"\s?(?:[^\W\d_]{1,15}\s)?(?:[+*/×÷x]|-(?=\s?[$\d])|\\times|\\cdot)[^=\n;]{1,80}="
)
# What may stand between a marker and an answer in words.
_LEAD = re.compile(r"[\W_]{0,8}(?:(?:about|exactly|only|just|negative|minus|a)\s{1,3}){0,2}", re.I)


class NumberMetric:
    """A number, compared at the precision of the target; see `numerals.same_number`.

    Read from the line after the last marker: its first number in digits, or what follows the
    "=" of a calculation there, or number words that it begins with. Else the last number in
    digits of the reply; else, in a reply without digits, its last number words, where a lone
    "one" is a pronoun. Thousands separators, currency, units, LaTeX and mixed fractions are read.
    """

    def target(self, raw: str) -> str:
        """The number without separators, currency and unit; all-zero decimals are dropped.

        "1,234" -> "1234", "39.0" -> "39", "3.50" -> "3.50", "$12" -> "12", "3/4" -> "3/4",
        "50%" -> "50%", "… #### 72" -> "72". Raises ValueError unless there is exactly one
        number, or one at the final-answer marker.
        """
        return _target_numeral(raw).text

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the same number, 0.0 for another; a target that is no number is never met."""
        given = _read(final_answer(reply))
        if given is None:
            return UNREADABLE
        try:
            target = _target_numeral(example.target)
        except ValueError:
            return Grade(given.text, 0.0)
        return Grade(given.text, float(same_number(given, target)))


def _target_numeral(raw: str) -> Numeral:
    final = final_answer(raw)
    found = numerals(final.text if final.marked else final.reply)
    if final.marked and found:
        return found[0]
    if not found:
        found = [_as_numeral(spelled) for spelled in spelled_numbers(final.text)]
    if len(found) != 1:
        count = "none" if not found else f"{len(found)}"
        raise ValueError(f"expected one number, found {count} in {raw.strip()[-80:]!r}")
    return found[0]


def _read(final: FinalAnswer) -> Numeral | None:
    if final.marked and (marked := _first_in_line(final.text)):
        return marked
    in_digits = numerals(final.reply)
    if in_digits:
        return in_digits[-1]
    spelled = spelled_numbers(final.reply)
    if not spelled:
        return None
    last = spelled[-1]
    alone = final.reply[last.start : last.end].lower() == "one"
    whole = not re.search(r"\w", final.reply[: last.start] + final.reply[last.end :])
    return _as_numeral(last) if not alone or whole else None


def _first_in_line(line: str) -> Numeral | None:
    plain = readable(line)
    found = numerals(line)
    result: Numeral | None = None
    for numeral in found:
        if result is not None:
            working = _WORKING.match(plain, result.end)
            if working is None:
                break
            if numeral.start < working.end():
                continue
        result = numeral
    if result is not None:
        return result
    lead = _LEAD.match(line)
    spelled = spelled_numbers(line)
    if spelled and lead and spelled[0].start <= lead.end():
        return _as_numeral(spelled[0])
    return None


def _as_numeral(spelled: SpelledNumber) -> Numeral:
    return numerals(str(spelled.value))[0]
