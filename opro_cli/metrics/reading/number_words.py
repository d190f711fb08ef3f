"""Numbers written in words: "eighteen", "one hundred and five", "two and a half", "two dozen"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opro_cli.metrics.reading.number_words_abroad import foreign_numbers

_SIZE = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13,
    "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SIZE |= _TENS
_POWER = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9}

_WORD = re.compile(r"(?<![^\W_])[a-z]{1,12}(?![^\W_])", re.IGNORECASE)
_JOINT = re.compile(r"\s?-\s?|\s{1,3}|\s{1,3}and\s{1,3}", re.IGNORECASE)
_MINUS = re.compile(r"\b(?:minus|negative)\s{1,3}\Z", re.IGNORECASE)


_PARTS = {"half": 2, "third": 3, "quarter": 4} | {
    word: size
    for size, word in enumerate(
        ("fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"), start=4
    )
}
_PART = rf"(?P<part>{'|'.join(_PARTS)}|halve)s?(?![^\W_])"
# "a third" and "two thirds" are parts, "the third" is a place.
_PART_OF = re.compile(
    rf"(?<![^\W_])(?:(?:(?P<whole>\d{{1,9}})\sand\s)?(?:(?P<count>\d{{1,3}})[\s-]|an?\s)|(?=half)){_PART}",
    re.IGNORECASE,
)
_HALF_A = re.compile(
    r"(?<![^\W_])half\san?\s(dozen|hundred|thousand|million|billion)", re.IGNORECASE
)
_A_DOZEN = re.compile(r"(?<![^\W_])a\sdozen(?![^\W_])", re.IGNORECASE)
_POINT = re.compile(r"(\d)\spoint\s(\d(?:\s\d){0,9})(?!\d)", re.IGNORECASE)
# A lone "one" is a pronoun, unless it is counted with or is all that is said.
_ONE_AFTER = re.compile(
    r"(?:[\s-]|\sand\san?\s)(?:half|third|quarter|fourth|fifth|dozen|point)(?![^\W_])",
    re.IGNORECASE,
)
_ONE_BEFORE = re.compile(
    r"(?:(?:point|there\s(?:is|was|remains)|only|exactly|just)\s)\Z", re.IGNORECASE
)
_ONE_LAST = re.compile(r"(?:(?:is|equals|makes|leaves|minus|negative|point)\s)\Z", re.IGNORECASE)
_NONE = re.compile(
    r"\A\W{0,4}none(?=\W{0,4}\Z)|(?<![^\W_])none(?=\s(?:is|are|was|were)?\s?(?:left|remain))"
    r"|(?<![^\W_])no(?=\s[^\W\d_]{2,15}\s(?:(?:is|are|was|were)\s)?(?:left|remain))",
    re.IGNORECASE,
)
_MIXED = re.compile(r"dozen|(?:half|halves|quarters?|thirds?)(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SpelledNumber:
    """value: the integer; start, end: where its words stand in the text."""

    value: int
    start: int
    end: int


class _Builder:
    """Adds up the words of one number; a word that does not go on the number is refused."""

    def __init__(self, start: int) -> None:
        self.start, self.end = start, start
        self._total, self._part = 0, 0
        self._last = ""
        self._smallest_power = 10**12

    def takes(self, word: str, joint: str) -> bool:
        after_power = self._last in _POWER
        if self._last and "and" in joint.lower() and not after_power:
            return False
        if word in _SIZE:
            return self._take_size(_SIZE[word])
        return self._take_power(_POWER[word])

    def _take_size(self, size: int) -> bool:
        fits = self._last in ("", *_POWER) or (self._last in _TENS and 0 < size < 10)
        if fits:
            self._part += size
        return fits

    def _take_power(self, power: int) -> bool:
        if power == 100:
            fits = self._part < 100 and self._last != "hundred"
            self._part = (self._part or 1) * 100 if fits else self._part
            return fits
        fits = power < self._smallest_power and self._last not in ("thousand", "million")
        if fits:
            self._total += (self._part or 1) * power
            self._part, self._smallest_power = 0, power
        return fits

    def extend(self, word: str, end: int) -> None:
        self._last, self.end = word, end

    def number(self, text: str) -> SpelledNumber:
        value = self._total + self._part
        before = text[max(0, self.start - 12) : self.start]
        return SpelledNumber(-value if _MINUS.search(before) else value, self.start, self.end)


def spelled_numbers(text: str) -> list[SpelledNumber]:
    """The numbers in words in `text`, in their order; "one two" is two numbers."""
    found: list[SpelledNumber] = []
    current: _Builder | None = None
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if word not in _SIZE and word not in _POWER:
            continue
        joint = _JOINT.fullmatch(text, current.end, match.start()) if current else None
        if current is None or joint is None or not current.takes(word, joint[0]):
            if current is not None:
                found.append(current.number(text))
            current = _Builder(match.start())
            current.takes(word, "")
        current.extend(word, match.end())
    if current is not None:
        found.append(current.number(text))
    return found


def in_digits(text: str) -> str:
    """`text` with its numbers in words as digits, "two thirds" as "2/3".

    Where `text` has digits, only what goes with them is: "2 and a half", "half a million".
    """
    spelled_out = not any(map(str.isdecimal, text))
    text = _NONE.sub("0", text)
    if _MIXED.search(text):
        text = _A_DOZEN.sub("1 dozen", _HALF_A.sub(r"0.5 \1", text))
    elif not spelled_out:
        return text
    if spelled_out:
        found = [number for number in spelled_numbers(text) if _counts(text, number)]
        text = _replaced(text, found) if found else foreign_numbers(text)
        text = _POINT.sub(lambda number: f"{number[1]}.{number[2].replace(' ', '')}", text)
        return _PART_OF.sub(_fraction, text)
    return _PART_OF.sub(lambda part: _fraction(part) if part["whole"] else part[0], text)


def _replaced(text: str, found: list[SpelledNumber]) -> str:
    pieces: list[str] = []
    end = 0
    for number in found:
        pieces += [text[end : number.start], str(abs(number.value))]
        end = number.end
    return "".join([*pieces, text[end:]])


def _fraction(part: re.Match[str]) -> str:
    word = part["part"].lower()
    size = 2 if word == "halve" else _PARTS[word]
    count = int(part["count"] or 1) + int(part["whole"] or 0) * size
    return f"{count}/{size}"


def _counts(text: str, number: SpelledNumber) -> bool:
    if text[number.start : number.end].lower() != "one":
        # The scale of a number in digits stays a word: "0.5 million".
        return not text[max(0, number.start - 3) : number.start].rstrip()[-1:].isdecimal()
    if _ONE_AFTER.match(text, number.end):
        return True
    before = text[max(0, number.start - 24) : number.start]
    last = not re.search(r"\w", text[number.end :])
    if before.strip():
        return bool(_ONE_BEFORE.search(before) or (last and _ONE_LAST.search(before)))
    return last
