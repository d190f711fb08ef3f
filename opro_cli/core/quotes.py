"""What a text quotes from known passages, and how many bits of surprise are in each quote.

The surprise of a word is that to a reader who knows the other passages: what they often say
in its place is the language of the task.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from opro_cli.core.words import surprise

GAP = ""
"""Stands between two parts of a passage; no word is empty, so no quote goes across."""
_TASK_SHARE = 0.03
"""Two words in a row that more than this share of the other passages have are of the task."""
_POSTINGS = 16
"""Places looked up for a beginning; one with more is looked up by more of its words."""

Gram = tuple[str, ...]


class Quote(NamedTuple):
    """Words `start` to `end` of a text, which are words from `place` on of a passage.

    bits: their surprise.
    """

    passage: int
    place: int
    start: int
    end: int
    bits: float


class QuoteIndex:
    """Passages, each a sequence of words, ready to be searched for what a text quotes."""

    def __init__(self, passages: Sequence[Gram]) -> None:
        self._words: list[str] = [GAP]
        self._passage = [-1]
        self.begins: list[int] = []
        for number, words in enumerate(passages):
            self.begins.append(len(self._words))
            self._words += [*words, GAP]
            self._passage += [number] * (len(words) + 1)
        self._first, self._next = _surprises(passages)
        self._places: dict[Gram, list[int]] = defaultdict(list)
        for place in range(1, len(self._words)):
            for length in (1, 2, 3):
                gram = tuple(self._words[place : place + length])
                if GAP in gram:
                    break
                self._places[gram].append(place)

    def quotes(self, text: Sequence[str]) -> list[Quote]:
        """Every longest run of words that a passage has as well."""
        found = []
        reached: dict[int, int] = {}
        for start in range(len(text)):
            for place in self._rare_places(text, start):
                shift = place - start
                if reached.get(shift, 0) <= start:
                    quote = self._longest(text, start, place)
                    reached[shift] = quote.end
                    found.append(quote)
        return found

    def _rare_places(self, text: Sequence[str], start: int) -> Sequence[int]:
        places: Sequence[int] = ()
        for length in (1, 2, 3):
            places = self._places.get(tuple(text[start : start + length]), ())
            if len(places) <= _POSTINGS:
                return places
        return ()

    def _longest(self, text: Sequence[str], start: int, place: int) -> Quote:
        begin, end, shift, words = start, start + 1, place - start, self._words
        while begin and words[begin - 1 + shift] == text[begin - 1]:
            begin -= 1
        while end < len(text) and words[end + shift] == text[end]:
            end += 1
        passage = self._passage[place]
        at = begin + shift
        bits = self._first[at] + self._next[end - 1 + shift] - self._next[at]
        return Quote(passage, at - self.begins[passage], begin, end, bits)


def _surprises(passages: Sequence[Gram]) -> tuple[list[float], list[float]]:
    """Bits of each word where a quote begins with it; running sums of bits where one goes on."""
    singles = [_counts((word,) for word in words if word != GAP) for words in passages]
    pairs = [_counts(pairwise(words)) for words in passages]
    all_singles, all_pairs = _totals(singles), _totals(pairs)
    passages_with = Counter(gram for counts in (*singles, *pairs) for gram in counts)
    total = all_singles.total()
    usual = max(1.0, _TASK_SHARE * len(passages))
    first, following = [0.0], [0.0]
    for words, own, own_pairs in zip(passages, singles, pairs, strict=True):
        elsewhere = total - own.total()
        before = GAP
        for word in words:
            alone, pair = (word,), (before, word)
            starts, goes_on = surprise(word), surprise(word, before)
            if passages_with[alone] - 1 >= usual:
                expected = (all_singles[alone] - own[alone]) / (elsewhere + 1)
                starts = min(starts, -math.log2(expected))
            if passages_with[pair] - 1 >= usual:
                known = all_singles[(before,)] - own[(before,)]
                expected = (all_pairs[pair] - own_pairs[pair]) / (known + 1)
                goes_on = min(goes_on, -math.log2(expected))
            first.append(starts)
            following.append(following[-1] + goes_on)
            before = word
        first.append(0.0)
        following.append(following[-1])
    return first, following


def _counts(grams: Iterable[Gram]) -> Counter[Gram]:
    return Counter(grams)


def _totals(counts: Iterable[Counter[Gram]]) -> Counter[Gram]:
    total: Counter[Gram] = Counter()
    for each in counts:
        total.update(each)
    return total
