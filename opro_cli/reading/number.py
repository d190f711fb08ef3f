"""Read the number that a sentence states, and the number that a reply concludes with."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, pairwise

from opro_cli.reading import prose
from opro_cli.reading.answer_text import WORD, is_near_copy, normalize_text
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, read_answer
from opro_cli.reading.number_context import Standing, drop_names, drop_two_units, rate_standing
from opro_cli.reading.number_words import replace_number_words
from opro_cli.reading.numerals import (
    Numeral,
    find_numerals_in,
    has_point_groups,
    is_same_number,
    normalize_numbers,
)
from opro_cli.reading.reply_text import READ_LIMIT, is_repetition

MAX_SENTENCE = 1000
"""Characters of a sentence that are read, from its end."""

# Words before the result of a sentence.
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
    """Knowledge about the number before a sentence is read.

    Attributes:
        european: Whether "1.200" is twelve hundred.
        question: The question that the text answers.
        counted: Stems of the words in the question for what it counts.
    """

    european: bool
    question: str
    counted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Statement:
    """The number of a sentence; `firm` unless it is only in a reason or in brackets."""

    number: Numeral
    firm: bool


@functools.lru_cache(maxsize=4096)  # a run asks few questions many times
def find_counted_words(question: str) -> frozenset[str]:
    """Return stems of the words counted in `question`: "How many bad carrots did they have?"."""
    asked = list(_HOW_MANY.finditer(question))
    return frozenset(map(_stem_word, asked[-1][1].split())) if asked else frozenset()


def read_stated_number(sentence: str, expected: Expected) -> Statement | Undecided | None:
    """Return the number that `sentence` states; None without a number.

    The result is UNDECIDED if it declines, has a blank to fill in, gives a choice, a range, one
    quantity in two units, or a calculation without a result.
    """
    sentence = sentence[-MAX_SENTENCE:]
    if prose.is_refusal(sentence) or _BLANK.search(sentence):
        return UNDECIDED
    if "**" in sentence and "=" not in sentence[sentence.rfind("**") :]:
        bold = _BOLD.findall(sentence)
        statement = _read_statement(bold[-1], expected) if bold else None
        if statement is not None:
            return statement
    return _read_statement(sentence, expected)


def normalize_sentence(sentence: str, *, european: bool = False) -> str:
    """Return `sentence` with its numbers in digits and without digits that are not quantities."""
    plain = normalize_numbers(replace_number_words(prose.drop_denied(sentence)), european=european)
    if _CHANCE.search(plain):
        plain = _ONE_IN.sub(r"\1/\2", plain)
    return drop_names(plain)


def is_open(plain: str, numbers: list[Numeral], index: int) -> bool:
    """Return whether the number at `index` is an end of a range or one of two alternatives."""
    for first in (index - 1, index):
        if first < 0 or first + 1 >= len(numbers):
            continue
        left, right = numbers[first], numbers[first + 1]
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
    numbers = find_numerals_in(in_one_unit)
    if not numbers:
        return None if in_one_unit == plain else UNDECIDED
    standings = _rate_all(in_one_unit, numbers)
    if max(standings) == Standing.OPERAND:
        return UNDECIDED
    index = _find_best(in_one_unit, numbers, standings, expected.counted)
    if is_open(in_one_unit, numbers, index):
        return UNDECIDED
    return Statement(numbers[index], standings[index] >= Standing.ASIDE)


def _rate_all(plain: str, numbers: list[Numeral]) -> list[Standing]:
    asides = [(match.start(), match.end()) for match in _PARENTHESIS.finditer(plain)]
    for reason in _REASON.finditer(plain):
        stop = _REASON_END.search(plain, reason.end())
        asides.append((reason.start(), stop.start() if stop else len(plain)))

    def is_aside(position: int) -> bool:
        return any(start <= position < end for start, end in asides)

    # Numbers before the last "=" that precedes a number are operands.
    equals = plain.rfind("=", 0, numbers[-1].start)
    while equals >= 0 and is_aside(equals):
        equals = plain.rfind("=", 0, equals)
    standings: list[Standing] = []
    for number in numbers:
        standing = rate_standing(plain, number.start, number.end)
        if is_aside(number.start) or number.end <= equals:
            standing = min(standing, Standing.EXPLAINED)
        standings.append(standing)
    for index in range(len(numbers) - 1):
        end, after = numbers[index].end, numbers[index + 1].start
        if _INDIRECT.fullmatch(plain, end, after):
            standings[index] = min(standings[index], Standing.MENTIONED)
        elif plain[end:after] == " ":
            # "9 4-dollar toys"
            standings[index + 1] = min(standings[index + 1], Standing.EXPLAINED)
    return standings


def _find_best(
    plain: str, numbers: list[Numeral], standings: list[Standing], counted: frozenset[str]
) -> int:
    """Return the index of the best number in the last clause with one that is not an aside.

    A result is best, then a number of what the question counts; the last of equals.
    """
    indexes = range(len(numbers))
    starts = [0, *(cue.end() for cue in _CUE.finditer(plain))]
    clauses = ([i for i in indexes if numbers[i].start >= start] for start in reversed(starts))
    firm = (clause for clause in clauses if any(standings[i] > Standing.ASIDE for i in clause))

    def rank(index: int) -> tuple[bool, bool, int, Standing, int]:
        standing, end = standings[index], numbers[index].end
        counts = _count_matches(plain, end, counted) if standing >= Standing.ASIDE else 0
        return standing == Standing.RESULT, standing > Standing.ASIDE, counts, standing, index

    return max(next(firm, indexes), key=rank)


def _count_matches(plain: str, end: int, counted: frozenset[str]) -> int:
    """Return how many of the words `counted` follow the number that ends at `end`."""
    following = _BEHIND.match(plain, end) if counted else None
    return len(counted & set(map(_stem_word, following[0].split()))) if following else 0


def _stem_word(word: str) -> str:
    return word.lower()[:5].rstrip("s")


MAX_SENTENCES = 30
"""Sentences in which a number is sought, from the end of a reply."""

_LIST_ITEM = re.compile(r"^[ \t>*#-]{0,8}(\d{1,2})[.)](?=[ \t])", re.MULTILINE)
_OPTION = re.compile(r"\(?[A-Z][.)]\s")
_CONCLUDES = re.compile(
    r"\W{0,4}(?:so|therefore|thus|hence|altogether|finally|in\s(?:total|all|conclusion))(?![^\W_])",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"\W{0,4}(?:now|next|then|to|let|we|first|second|finally)(?![^\W_])", re.I)
_ANSWER_LINE = re.compile(r"^A:[ \t]*(\S[^\n]*)$", re.MULTILINE)
_BECAUSE = re.compile(r",?\s+because(?![^\W_])", re.IGNORECASE)
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


def read_concluding_number(text: str, expected: Expected) -> Numeral | Undecided | None:
    """Return the number of a bare first sentence ("96 pencils."), else of the last that states one.

    Checks and explanations after the conclusion and questions are skipped. Sentences that only
    repeat numbers of the question or give a reason count if no other states a number. The result
    for a text that is cut off is None.
    """
    if is_repetition(text, expected.question) or _is_shortened(text, expected.question):
        return None
    body = prose.drop_closing(_drop_list_numbers(text))
    sentences = prose.split_text(body)
    if not sentences:
        return None
    if len(sentences) > 1 and not read_bare_number(sentences[1]):
        first = read_bare_number(sentences[0])
        explained = prose.has_conclusion(body[len(sentences[0]) :]) or prose.has_retraction(body)
        if first is not None and not explained:
            return first
    if prose.is_cut_off(body) or _is_stopped_short(sentences[-1], body):
        return None
    return _read_last_statement(body, sentences, expected)


def _is_shortened(text: str, question: str) -> bool:
    """Return whether a text is a statement of the question, less some of its words."""
    copied = any(is_near_copy(text, each) for each in prose.split_text(question))
    return copied and set(WORD.findall(normalize_text(text))) <= set(
        WORD.findall(normalize_text(question))
    )


def read_finished_number(text: str, expected: Expected) -> Numeral | Undecided | None:
    """Return the number that a reply had given before it was cut off, or None.

    That is a bare first sentence ("96 pencils.") that is no item of a list, or a conclusion that
    is the last finished sentence; every other number may be one of unfinished working.
    """
    if is_repetition(text, expected.question):
        return None
    every = prose.split_text(text)
    finished = [each for each in every if prose.is_terminated(each)]
    sentences = prose.split_text(prose.drop_unfinished(text))
    if not sentences:
        return None
    framed = [read_bare_number(each[1]) for each in _ANSWER_LINE.finditer(text)]
    if framed and all(each and framed[0] and is_same_number(each, framed[0]) for each in framed):
        return framed[0]
    first = None if _LIST_ITEM.match(text) or _OPTION.match(text) else sentences[0]
    number = read_bare_number(_BECAUSE.split(first)[0].rstrip(",;:")) if first else None
    listed = len(sentences) > 1 and read_bare_number(sentences[1])
    if number is not None and not listed and not prose.has_conclusion(text[len(sentences[0]) :]):
        return number
    if counted := _read_count(every[0], expected):
        return counted
    if not finished or _GOES_ON.match(every[-1]):
        return None
    ended = finished[-1] == every[-1]
    if _CONCLUDES.match(finished[-1]) or (
        ended and (prose.has_conclusion(finished[-1]) or _gives_result(every, expected))
    ):
        statement = read_stated_number(finished[-1], expected)
        return statement.number if isinstance(statement, Statement) else statement
    return None


def _gives_result(sentences: list[str], expected: Expected) -> bool:
    """Return whether the last sentence says what a calculation before it came to.

    "86 * 7 = 602", "The store used 602 shelves." where the question asks how many shelves.
    """
    plain = normalize_sentence(sentences[-1], european=expected.european)
    numbers = find_numerals_in(plain)
    if len(sentences) < 2 or len(numbers) != 1:
        return False
    before = normalize_sentence(sentences[-2], european=expected.european).rstrip(" .")
    result = re.search(r"=\s?[$€£]?(\d[\d.,]*)\Z", before)
    if result is None or result[1] != numbers[0].text:
        return False
    return bool(_count_matches(plain, numbers[0].end, expected.counted))


def _read_count(sentence: str, expected: Expected) -> Numeral | None:
    """Return the number of what was asked for where a list follows: "There are 11 objects: …"."""
    head, colon, _ = sentence.partition(":")
    plain = normalize_sentence(head, european=expected.european)
    numbers = find_numerals_in(plain)
    if not colon or len(numbers) != 1 or numbers[0].text in _find_quantities(expected.question):
        return None
    return numbers[0] if _count_matches(plain, numbers[0].end, expected.counted) else None


def read_bare_number(sentence: str) -> Numeral | None:
    """Return the number if `sentence` is one, with a unit of at most three words."""
    if not _DIGIT.search(sentence[:40]):
        return None
    plain = normalize_sentence(sentence)
    numbers = find_numerals_in(plain)
    if len(numbers) != 1 or not _BARE_BEFORE.fullmatch(plain, 0, numbers[0].start):
        return None
    return numbers[0] if _BARE_AFTER.match(plain, numbers[0].end) else None


def _is_stopped_short(last: str, body: str) -> bool:
    """Return whether the last sentence lacks a stop that others have, a result and a conclusion."""
    working = "=" in last or prose.has_conclusion(last) or _ITEM.search(body[: -len(last)][-8:])
    return not working and prose.is_unfinished(last, body)


def _read_last_statement(
    body: str, sentences: list[str], expected: Expected
) -> Numeral | Undecided | None:
    words_only = not _DIGIT.search(body)
    fallback: Numeral | None = None
    for sentence in islice(reversed(sentences), MAX_SENTENCES):
        if sentence.endswith("?"):
            continue
        if prose.is_refusal(sentence):
            return fallback or UNDECIDED
        if not words_only and not _DIGIT.search(sentence) and not prose.has_conclusion(sentence):
            continue
        statement = read_stated_number(sentence, expected)
        if statement is UNDECIDED:
            return fallback or UNDECIDED
        if isinstance(statement, Statement):
            if _repeats_quantity(sentence, statement.number, expected):
                continue
            if statement.firm and not _is_recap(sentence, expected.question):
                return statement.number
            fallback = fallback or statement.number
    return fallback


def _is_recap(sentence: str, question: str) -> bool:
    """Return whether `sentence` only repeats several numbers of the question."""
    quantities = _find_quantities(sentence)
    if len(quantities) < 2 or "=" in sentence or _COMES_TO.search(sentence):
        return False
    return quantities <= _find_quantities(question)


def _repeats_quantity(sentence: str, number: Numeral, expected: Expected) -> bool:
    """Return whether `sentence` has its number from the question, with another noun than asked for.

    "This includes four chairs" where the question has four chairs, and asks how many objects.
    """
    concludes = "=" in sentence or _COMES_TO.search(sentence) or prose.has_conclusion(sentence)
    if concludes or not expected.counted or read_bare_number(sentence):
        return False
    given, asked = (normalize_sentence(each).lower() for each in (sentence, expected.question))
    quantity = rf"(?<![\w.,]){re.escape(number.text)}\s[^\W\d_]+"
    found = list(re.finditer(quantity, given))
    return bool(found) and not any(
        _count_matches(given, each.start() + len(number.text), expected.counted)
        or not re.search(rf"(?<![\w.,]){each[0]}(?!\w)", asked)
        for each in found
    )


def _find_quantities(text: str) -> set[str]:
    return {number[0].rstrip(".,") for number in _QUANTITY.finditer(text)}


def _drop_list_numbers(text: str) -> str:
    numbers = [int(item[1]) for item in _LIST_ITEM.finditer(text)]
    if any(after == before + 1 for before, after in pairwise(numbers)):
        return _LIST_ITEM.sub("", text)
    return text


# Words between a marker and its answer: "about", "x =", a currency.
_LEAD = re.compile(
    r"""[\W_]{0,8}(?:(?:about|approximately|approx\.|exactly|roughly|around|only|just|simply|a\stotal
      |of|equal|to|the|number|that|usd|eur|chf|gbp|rs\.?|[a-z]\s?[=≈]|ca\.|etwa|environ|therefore)
      \s{0,3}){0,3}[\W_]{0,8}\Z""",
    re.IGNORECASE | re.VERBOSE,
)

_Conclude = Callable[[str, Expected], Numeral | Undecided | None]

_LIST_OF_NUMBERS = re.compile(r"(?:\s?(?:,|;|,?\sand|&)\s?[-+$€£]?\d[\d.]{0,20}){1,9}[\W_]{0,8}\Z")


def read_number(text: str, question: str, *, cut: bool = False) -> Numeral | None:
    """Return the number that `text` answers `question` with, or None.

    It is the number after the last marker, else the one stated on its line. Without a marker see
    `read_concluding_number`, or `read_finished_number` where the reply ended at its limit.
    """
    expected = Expected(
        has_point_groups(text), question, find_counted_words(question[-READ_LIMIT:])
    )
    conclude = read_finished_number if cut else read_concluding_number
    text = prose.drop_half_word(text) if cut else text
    return read_answer(
        text,
        lambda mark: _read_mark(mark, expected, conclude),
        lambda text: conclude(text, expected),
        lambda one, other: is_same_number(one, other) or is_same_number(other, one),
    )


def _read_mark(mark: Mark, expected: Expected, conclude: _Conclude) -> Numeral | Undecided | None:
    """Return the number after a marker, else the number that its line states."""
    if mark.form == "letter":
        return None
    if mark.form in ("label", "sentence", "box"):
        plain = normalize_sentence(mark.line, european=expected.european)
        numbers = find_numerals_in(plain)
        if numbers and _LEAD.fullmatch(plain, 0, numbers[0].start):
            if _LIST_OF_NUMBERS.match(plain, numbers[0].end) or is_open(plain, numbers, 0):
                return UNDECIDED
            if rate_standing(plain, numbers[0].start, numbers[0].end) is not Standing.OPERAND:
                return numbers[0]
    if mark.form in ("label", "correction"):
        return conclude(mark.rest, expected)
    for sentence in prose.split_sentences(mark.line):
        if statement := read_stated_number(sentence, expected):
            return statement.number if isinstance(statement, Statement) else statement
    return None
