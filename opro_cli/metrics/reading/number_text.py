"""The number that a reply without a final-answer marker comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, pairwise

from opro_cli.metrics.reading.final_answer import UNDECIDED, Undecided
from opro_cli.metrics.reading.number_sentence import (
    Expected,
    Statement,
    plain_sentence,
    stated_number,
)
from opro_cli.metrics.reading.numerals import Numeral, numerals_in
from opro_cli.metrics.reading.reply_text import repeats
from opro_cli.metrics.reading.sentences import concludes, lines, sentences, without_closing
from opro_cli.metrics.reading.undecided import cut_off, declines, takes_back, trails_off

MAX_SENTENCES = 30
"""Sentences without a number that are passed over, from the end of a reply."""

_LIST_ITEM = re.compile(r"^[ \t>*#-]{0,8}(\d{1,2})[.)](?=[ \t])", re.MULTILINE)
_DIGIT = re.compile(r"\d")
_QUANTITY = re.compile(r"\d[\d.,]{0,30}")
_COMES_TO = re.compile(
    r"(?<![^\W_])(?:so|therefore|thus|hence|then|now|means?|leaves?|makes?|gives?|total|altogether"
    r"|can|could|able|since|because|if)(?![^\W_])",
    re.IGNORECASE,
)
_ITEM = re.compile(r"(?:\A|\n)[ \t]{0,4}(?:[-*•|+]|\d{1,2}[.)])[ \t]{0,3}\Z")
_BARE_AFTER = re.compile(r"(?:\s?[^\W\d_]{1,15}){0,3}[^\w=+]{0,8}\Z")
_BARE_BEFORE = re.compile(
    r"[\W_]{0,8}(?:(?:about|exactly|only|just)\s)?[\W_]{0,4}\Z", re.IGNORECASE
)


def concluding_number(text: str, question: str, expected: Expected) -> Numeral | Undecided | None:
    """The number of the first sentence if that is a bare answer ("96 pencils."), else of the last
    sentence that states any.

    Checks and explanations after the conclusion are passed over; so are questions, and where
    others state one, sentences that only repeat numbers of `question` or give a reason. A text
    that is cut off before its end comes to nothing.
    """
    if repeats(text, question):
        return None
    body = without_closing(_without_list_numbers(text))
    said = [sentence for line in lines(body) for sentence in sentences(line)]
    if not said:
        return None
    if (first := _bare_answer(said, body)) is not None:
        return first
    if cut_off(body) or _stops_short(said[-1], body):
        return None
    return _last_stated(body, said, question, expected)


def bare_number(sentence: str) -> Numeral | None:
    """The number that `sentence` is, give or take a unit of three words: "96 pencils."."""
    if not _DIGIT.search(sentence[:40]):
        return None
    plain = plain_sentence(sentence)
    found = numerals_in(plain)
    if len(found) != 1 or not _BARE_BEFORE.fullmatch(plain, 0, found[0].start):
        return None
    return found[0] if _BARE_AFTER.match(plain, found[0].end) else None


def _bare_answer(said: list[str], body: str) -> Numeral | None:
    if len(said) < 2 or (first := bare_number(said[0])) is None or bare_number(said[1]):
        return None
    rest = body[len(said[0]) :]
    return None if concludes(rest) or takes_back(body) else first


def _stops_short(last: str, body: str) -> bool:
    """Whether the last sentence has no stop where others have, and no result or conclusion."""
    working = "=" in last or concludes(last) or _ITEM.search(body[: -len(last)][-8:])
    return not working and trails_off(last, body)


def _last_stated(
    body: str, said: list[str], question: str, expected: Expected
) -> Numeral | Undecided | None:
    words_only = not _DIGIT.search(body)
    fallback: Numeral | None = None
    for sentence in islice(reversed(said), MAX_SENTENCES):
        if sentence.endswith("?"):
            continue
        if declines(sentence):
            return fallback or UNDECIDED
        if not words_only and not _DIGIT.search(sentence) and not concludes(sentence):
            continue
        statement = stated_number(sentence, expected)
        if statement is UNDECIDED:
            return fallback or UNDECIDED
        if isinstance(statement, Statement):
            if statement.firm and not _repeats_numbers(sentence, question):
                return statement.number
            fallback = fallback or statement.number
    return fallback


def _repeats_numbers(sentence: str, question: str) -> bool:
    """Whether `sentence` has several numbers, all of the question, and concludes nothing."""
    found = set(_quantities(sentence))
    if len(found) < 2 or "=" in sentence or _COMES_TO.search(sentence):
        return False
    return found <= set(_quantities(question))


def _quantities(text: str) -> Iterator[str]:
    return (number[0].rstrip(".,") for number in _QUANTITY.finditer(text))


def _without_list_numbers(text: str) -> str:
    numbers = [int(item[1]) for item in _LIST_ITEM.finditer(text)]
    if any(after == before + 1 for before, after in pairwise(numbers)):
        return _LIST_ITEM.sub("", text)
    return text
