"""Numbers in a reply: the one that a sentence states, and the one that the reply comes to."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from opro_cli.reading.final_answer import UNDECIDED, Undecided
from opro_cli.reading.number_context import Standing, drop_names, drop_two_units, rate_standing
from opro_cli.reading.number_words import replace_number_words
from opro_cli.reading.numerals import Numeral, find_numerals_in, is_same_number, normalize_numbers
from opro_cli.reading.reply_text import is_repetition
from opro_cli.reading.sentences import (
    drop_closing,
    drop_denied,
    has_conclusion,
    has_retraction,
    is_cut_off,
    is_refusal,
    is_unfinished,
    split_lines,
    split_sentences,
)

MAX_SENTENCE = 1000
"""Characters of a sentence that are read, from its end."""

# What follows is what the sentence comes to.
_CUE = re.compile(
    r"""(?:^|[\s,;:—–(⇒→])(?:so(?!\sthat|\sas)|(?<=,\s)then|therefore|thus|hence|consequently
    |altogether|in\stotal|in\sall|which\s(?:is|means|gives|makes|leaves|rounds|simplifies|equals|comes|amounts)
    |that\s(?:is|means|makes|leaves|gives)|i\.e\.|meaning|giving|making|leaving|totall?ing|or\sabout
    |also|somit|daher|insgesamt|donc|por\s(?:lo\s)?tanto|quindi|portanto|entonces|значит)
    (?![^\W_])|⇒|→|所以|因此|よって|따라서""",
    re.IGNORECASE | re.VERBOSE,
)
_REASON = re.compile(
    r"(?<![^\W_])(?:because|since|given\sthat|assuming|due\sto|if|when|weil|denn|wenn|parce\sque"
    r"|of\swhich|including|which\sw(?:ould|ill)|of\s(?:those|these|them)|in\sorder\sto"
    r"|so\s(?:that|as\sto)|such\sas|compared\s(?:to|with)|rather\sthan"
    r"|car|puisque|si|porque|pues|pois|ya\sque|perché|poiché|se|так\sкак|потому\sчто)(?![^\W_])"
    r"|,\sas(?=\s)|因为|由于",
    re.IGNORECASE,
)
_REASON_END = re.compile(r",(?!\d)|;|\s(?:so|then)\s|，")
_PARENTHESIS = re.compile(r"(?<=\s)\([^()\n]{1,120}\)")
_BOLD = re.compile(r"\*\*([^*\n]{1,60})(?<!:)\*\*(?!:)")
_RANGE = re.compile(
    r"\s?(?:[^\W\d_]{1,12}\s)?(?:(?P<to>to)\s|(?P<and>and|und|et|y|e)\s|(?:or|bis|oder|ou|o)\s"
    r"(?:(?:maybe|perhaps|possibly|even)\s)?(?:[a-z]\s?=\s?)?)",
    re.IGNORECASE,
)
_CHANCE = re.compile(
    r"(?<![^\W_])(?:probability|chances?|odds|likelihood)(?![^\W_])", re.IGNORECASE
)
_ONE_IN = re.compile(
    r"(?<![\d.,/])(\d{1,9})\s(?:in|out\sof)\s(\d{1,9})(?![\d.,/]\d)", re.IGNORECASE
)
# "It takes 3 workers 18 days": the second is what it takes.
_INDIRECT = re.compile(r"\s[^\W\d_]{2,15}\s")
_EQUALS = re.compile("=")
_BLANK = re.compile(r"(?<![^\s*$(])_{2,40}(?!\w)")
# "How many more cups of flour does she need?"
_HOW_MANY = re.compile(
    r"how\smany\s(?:more\s|other\s|total\s|full\s)?((?!do|is|are|was|will|can)[^\W\d_]+"
    r"(?:\s(?!do|is|are|was|were|will|can|could|would|have|has|had|must|should|in|than|left|per|a|the"
    r"|of|fit|get|need|it|they|he|she)[^\W\d_]+){0,2})",
    re.IGNORECASE,
)
_BEHIND = re.compile(r"(?:\s[^\W\d_]{1,20}){1,4}")
_BETWEEN = re.compile(r"(?<![^\W_])(?:between|zwischen|entre|tra|fra)\s\Z", re.IGNORECASE)
_FROM = re.compile(r"(?<![^\W_])from\s\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known about the number before a sentence is read.

    european: "1.200" is twelve hundred; counted: the words of the question for what it counts.
    """

    european: bool = False
    counted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Statement:
    """The number of a sentence; firm: not only in a reason or in brackets."""

    number: Numeral
    firm: bool


@functools.lru_cache(maxsize=4096)  # a run asks few questions many times
def find_counted_words(question: str) -> frozenset[str]:
    """The words for what `question` counts: "How many bad carrots did they have?"."""
    found = list(_HOW_MANY.finditer(question))
    return frozenset(map(_stem_word, found[-1][1].split())) if found else frozenset()


def read_stated_number(sentence: str, expected: Expected) -> Statement | Undecided | None:
    """The number that `sentence` states; None without a number.

    UNDECIDED where it declines, has a blank to fill in, gives a choice or a range, one quantity
    in two units, or only a calculation without result.
    """
    sentence = sentence[-MAX_SENTENCE:]
    if is_refusal(sentence) or _BLANK.search(sentence):
        return UNDECIDED
    if "**" in sentence and "=" not in sentence[sentence.rfind("**") :]:
        bold = _BOLD.findall(sentence)
        statement = _read_statement(bold[-1], expected) if bold else None
        if statement is not None:
            return statement
    return _read_statement(sentence, expected)


def normalize_sentence(sentence: str, *, european: bool = False) -> str:
    """`sentence` with its numbers in digits and without digits that are no quantity."""
    plain = normalize_numbers(replace_number_words(drop_denied(sentence)), european=european)
    if _CHANCE.search(plain):
        plain = _ONE_IN.sub(r"\1/\2", plain)
    return drop_names(plain)


def is_open(plain: str, found: list[Numeral], place: int) -> bool:
    """Whether the number at `place` is an end of a range or one of two that are left open."""
    for first in (place - 1, place):
        if first < 0 or first + 1 >= len(found):
            continue
        left, right = found[first], found[first + 1]
        joint = _RANGE.fullmatch(plain, left.end, right.start)
        if joint is None or is_same_number(left, right) or is_same_number(right, left):
            continue
        before = plain[max(0, left.start - 12) : left.start]
        if joint["and"] and not _BETWEEN.search(before):
            continue
        if joint["to"] and (_FROM.search(before) or left.value >= right.value):
            continue
        return True
    return False


def _read_statement(sentence: str, expected: Expected) -> Statement | Undecided | None:
    plain = normalize_sentence(sentence, european=expected.european)
    in_one_unit = drop_two_units(plain)
    found = find_numerals_in(in_one_unit)
    if not found:
        return None if in_one_unit == plain else UNDECIDED
    standings = _rate_all(in_one_unit, found)
    if max(standings) == Standing.OPERAND:
        return UNDECIDED
    place = _find_best(in_one_unit, found, standings, expected.counted)
    if is_open(in_one_unit, found, place):
        return UNDECIDED
    return Statement(found[place], standings[place] >= Standing.ASIDE)


def _rate_all(plain: str, found: list[Numeral]) -> list[Standing]:
    asides = [(match.start(), match.end()) for match in _PARENTHESIS.finditer(plain)]
    for reason in _REASON.finditer(plain):
        stop = _REASON_END.search(plain, reason.end())
        asides.append((reason.start(), stop.start() if stop else len(plain)))
    # What stands before the last "=" that a number follows is what is calculated.
    signs = [sign.start() for sign in _EQUALS.finditer(plain, 0, found[-1].start)]
    outside = [sign for sign in signs if not _is_within(sign, asides)]
    standings: list[Standing] = []
    for number in found:
        given = rate_standing(plain, number.start, number.end)
        if _is_within(number.start, asides) or (outside and number.end <= outside[-1]):
            given = min(given, Standing.EXPLAINED)
        standings.append(given)
    for place in range(len(found) - 1):
        end, after = found[place].end, found[place + 1].start
        if _INDIRECT.fullmatch(plain, end, after):
            standings[place] = min(standings[place], Standing.MENTIONED)
        elif plain[end:after] == " ":
            # "9 4-dollar toys"
            standings[place + 1] = min(standings[place + 1], Standing.EXPLAINED)
    return standings


def _is_within(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _find_best(
    plain: str, found: list[Numeral], standings: list[Standing], counted: frozenset[str]
) -> int:
    """The place of the number that stands best in the last clause that comes to any.

    A result first, then what counts what the question counts; the last of equals.
    """
    places = range(len(found))
    starts = [0, *(cue.end() for cue in _CUE.finditer(plain))]
    clauses = ([at for at in places if found[at].start >= start] for start in reversed(starts))
    firm = (one for one in clauses if any(standings[at] > Standing.ASIDE for at in one))

    def rank(place: int) -> tuple[bool, bool, int, Standing, int]:
        given = standings[place]
        counts = _count_matches(plain, found[place].end, counted) if given >= Standing.ASIDE else 0
        return given == Standing.RESULT, given > Standing.ASIDE, counts, given, place

    return max(next(firm, places), key=rank)


def _count_matches(plain: str, end: int, counted: frozenset[str]) -> int:
    """How many of the words `counted` stand directly behind a number."""
    if not counted:
        return 0
    behind = _BEHIND.match(plain, end)
    return len(counted & set(map(_stem_word, behind[0].split()))) if behind else 0


def _stem_word(word: str) -> str:
    return word.lower()[:5].rstrip("s")


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


def read_concluding_number(
    text: str, question: str, expected: Expected
) -> Numeral | Undecided | None:
    """The number of the first sentence if that is a bare answer ("96 pencils."), else of the last
    sentence that states any.

    Checks and explanations after the conclusion are passed over; so are questions, and where
    others state one, sentences that only repeat numbers of `question` or give a reason. A text
    that is cut off before its end comes to nothing.
    """
    if is_repetition(text, question):
        return None
    body = drop_closing(_drop_list_numbers(text))
    said = [sentence for line in split_lines(body) for sentence in split_sentences(line)]
    if not said:
        return None
    if (first := _read_bare_answer(said, body)) is not None:
        return first
    if is_cut_off(body) or _is_stopped_short(said[-1], body):
        return None
    return _read_last_statement(body, said, question, expected)


def read_bare_number(sentence: str) -> Numeral | None:
    """The number that `sentence` is, give or take a unit of three words: "96 pencils."."""
    if not _DIGIT.search(sentence[:40]):
        return None
    plain = normalize_sentence(sentence)
    found = find_numerals_in(plain)
    if len(found) != 1 or not _BARE_BEFORE.fullmatch(plain, 0, found[0].start):
        return None
    return found[0] if _BARE_AFTER.match(plain, found[0].end) else None


def _read_bare_answer(said: list[str], body: str) -> Numeral | None:
    if len(said) < 2 or (first := read_bare_number(said[0])) is None or read_bare_number(said[1]):
        return None
    rest = body[len(said[0]) :]
    return None if has_conclusion(rest) or has_retraction(body) else first


def _is_stopped_short(last: str, body: str) -> bool:
    """Whether the last sentence has no stop where others have, and no result or conclusion."""
    working = "=" in last or has_conclusion(last) or _ITEM.search(body[: -len(last)][-8:])
    return not working and is_unfinished(last, body)


def _read_last_statement(
    body: str, said: list[str], question: str, expected: Expected
) -> Numeral | Undecided | None:
    words_only = not _DIGIT.search(body)
    fallback: Numeral | None = None
    for sentence in islice(reversed(said), MAX_SENTENCES):
        if sentence.endswith("?"):
            continue
        if is_refusal(sentence):
            return fallback or UNDECIDED
        if not words_only and not _DIGIT.search(sentence) and not has_conclusion(sentence):
            continue
        statement = read_stated_number(sentence, expected)
        if statement is UNDECIDED:
            return fallback or UNDECIDED
        if isinstance(statement, Statement):
            if statement.firm and not _is_recap(sentence, question):
                return statement.number
            fallback = fallback or statement.number
    return fallback


def _is_recap(sentence: str, question: str) -> bool:
    """Whether `sentence` has several numbers, all of the question, and concludes nothing."""
    found = set(_find_quantities(sentence))
    if len(found) < 2 or "=" in sentence or _COMES_TO.search(sentence):
        return False
    return found <= set(_find_quantities(question))


def _find_quantities(text: str) -> Iterator[str]:
    return (number[0].rstrip(".,") for number in _QUANTITY.finditer(text))


def _drop_list_numbers(text: str) -> str:
    numbers = [int(item[1]) for item in _LIST_ITEM.finditer(text)]
    if any(after == before + 1 for before, after in pairwise(numbers)):
        return _LIST_ITEM.sub("", text)
    return text
