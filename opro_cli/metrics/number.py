"""Answers that are a number."""

from __future__ import annotations

import functools
import re

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decide, find_final_answer_in
from opro_cli.reading.number import (
    Expected,
    find_counted_words,
    is_open,
    normalize_sentence,
    read_concluding_number,
    read_stated_number,
)
from opro_cli.reading.number_context import Standing, rate_standing
from opro_cli.reading.numerals import (
    Numeral,
    find_numerals,
    find_numerals_in,
    has_point_groups,
    is_same_number,
)
from opro_cli.reading.reply_text import READ_LIMIT, select_answer_texts
from opro_cli.reading.sentences import is_left_open, is_void, split_sentences

# What may stand between a marker and an answer: "about", "x =", a unit of currency.
_LEAD = re.compile(
    r"""[\W_]{0,8}(?:(?:about|approximately|approx\.|exactly|roughly|around|only|just|simply|a\stotal
      |of|equal|to|the|number|that|usd|eur|chf|gbp|rs\.?|[a-z]\s?[=≈]|ca\.|etwa|environ|therefore)
      \s{0,3}){0,3}[\W_]{0,8}\Z""",
    re.IGNORECASE | re.VERBOSE,
)

_LIST_OF_NUMBERS = re.compile(r"(?:\s?(?:,|;|,?\sand|&)\s?[-+$€£]?\d[\d.]{0,20}){1,9}[\W_]{0,8}\Z")


class NumberMetric:
    """A number, compared at the precision of the target; see `numerals.same_number`.

    Read beside the last marker: the number that follows it, or that its sentence states, see
    `number_sentence`. Without a marker: what the reply comes to, see `number_text`. Thousands
    separators, the decimal comma, currency, units, LaTeX, fractions, scales ("5k", "two dozen")
    and number words are read. Ranges, alternatives, calculations without a result, and replies
    that are cut off before they come to anything are unreadable.
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
        texts = select_answer_texts(reply, example.input)
        given = next(filter(None, (_read(text, example.input) for text in texts)), None)
        if given is None:
            return UNREADABLE
        try:
            target = _target_numeral(example.target)
        except ValueError:
            return Grade(given.text, 0.0)
        return Grade(given.text, float(is_same_number(given, target)))


@functools.lru_cache(maxsize=4096)
def _target_numeral(raw: str) -> Numeral:
    final = find_final_answer_in(select_answer_texts(raw)[0])
    found = find_numerals(final.text)
    if final.marked and found:
        return found[0]
    found = find_numerals(final.reply) or find_numerals_in(normalize_sentence(final.text))
    if len(found) != 1:
        count = "none" if not found else f"{len(found)}"
        raise ValueError(f"expected one number, found {count} in {raw.strip()[-80:]!r}")
    return found[0]


def _read(text: str, question: str) -> Numeral | None:
    if is_left_open(text):
        return None
    final = find_final_answer_in(text)
    expected = Expected(has_point_groups(text), find_counted_words(question[-READ_LIMIT:]))
    number = decide(final.marks, lambda mark: _marked(mark, question, expected), _same)
    if number is None and not (final.marked and is_void(final.text)):
        number = read_concluding_number(text, question, expected)
    return None if number is UNDECIDED else number


def _marked(mark: Mark, question: str, expected: Expected) -> Numeral | Undecided | None:
    """The number beside a marker: the one that follows it, or that is stated there."""
    if mark.form == "letter":
        return None
    if mark.form == "correction":
        return read_concluding_number(mark.rest, question, expected)
    plain = normalize_sentence(mark.line, european=expected.european)
    found = find_numerals_in(plain)
    if found and mark.form != "behind" and _LEAD.fullmatch(plain, 0, found[0].start):
        if _LIST_OF_NUMBERS.match(plain, found[0].end) or is_open(plain, found, 0):
            return UNDECIDED
        if rate_standing(plain, found[0].start, found[0].end) is not Standing.OPERAND:
            return found[0]
    if mark.form == "label":
        return read_concluding_number(mark.rest, question, expected)
    for sentence in split_sentences(mark.line):
        statement = read_stated_number(sentence, expected)
        if statement is not None:
            return statement if isinstance(statement, Undecided) else statement.number
    return None


def _same(number: Numeral, other: Numeral) -> bool:
    return is_same_number(number, other) or is_same_number(other, number)
