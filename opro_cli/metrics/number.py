"""Grade answers that are a number."""

from __future__ import annotations

import functools

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.reading.evidence import find_span
from opro_cli.reading.gold_number import read_gold_number
from opro_cli.reading.number import read_number
from opro_cli.reading.numerals import Numeral, is_same_number
from opro_cli.reading.reply_text import Part, select_parts


class NumberMetric:
    """A number, compared at the precision of the target; see `numerals.is_same_number`.

    Thousands separators, the decimal comma, currency, units, LaTeX, fractions, scales ("5k", "two
    dozen") and number words are read. Ranges, alternatives, calculations without a result, and
    replies cut off before a result are unreadable.
    """

    def target(self, raw: str) -> str:
        """Return the number without separators, currency, unit and all-zero decimals.

        "1,234" -> "1234", "39.0" -> "39", "3.50" -> "3.50", "$12" -> "12", "3/4" -> "3/4",
        "50%" -> "50%", "… #### 72" -> "72". Raises ValueError unless it is one number with at
        most a unit, or has one at the final-answer marker.
        """
        return _parse_target(raw).text

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return 1.0 for the same number, 0.0 for another or if the target is not a number."""
        for part in select_parts(reply, example.input, prompt, cut=cut):
            if given := read_number(part.text, example.input, cut=part.cut):
                break
        else:
            return UNREADABLE
        span = find_span(part, given.text, functools.partial(_read_digits, question=example.input))
        try:
            target = _parse_target(example.target)
        except ValueError:
            return Grade(given.text, 0.0, span)
        return Grade(given.text, float(is_same_number(given, target)), span)


def _read_digits(part: Part, question: str) -> str | None:
    number = read_number(part.text, question, cut=part.cut)
    return number.text if number else None


@functools.lru_cache(maxsize=4096)
def _parse_target(raw: str) -> Numeral:
    return read_gold_number(raw)
