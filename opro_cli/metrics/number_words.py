"""Numbers written in English words: "eighteen", "twenty-five", "one hundred and five"."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
