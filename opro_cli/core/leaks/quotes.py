"""Find quotes of known passages in a text, and measure their bits of surprise."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

# A combining accent belongs to its word. In scripts without spaces a character is a word.
_WORD = re.compile(
    r"\d+(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
    r"|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
    r"|(?:[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af][\u0300-\u036f]*)+"
)
_ARTICLES = frozenset({"a", "an", "the"})
_COUNTS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_NUMBERS = {word: str(number) for number, word in enumerate(_COUNTS.split())}

# Words common in instructions, sums and everyday stories, which carry little information.
_COMMON_WORDS = """
about above according across action actions add added adding addition after again ago alice all
along alphabetical alphabetically already also alternatively always am among amount and animal
animals anna another answer answers any apple apples apply are area around as ask asked asks assume
at average away back backward ball balls banana bananas based be because been before began begin
beginning begins being below ben between bill black blue bob book books both bought box boxes
brackets break brown bus but buy buys by calculate calculation calculations can candies candy
capital car careful carefully carry case cat category cats cents change changes charlie check
children chocolate choice choices choose choosing class clear clearly clockwise closed color colors
come common compare complete conclude conclusion consider contains context convert cookies correct
correctly cost costs could count counting counts cows cup cups dance date dates david day days
december decimal definition did difference different direction directions distance divide divided
division do does dog dogs dollar dollars done down draw each earn earned east eat eats egg eggs
either else emma empty end ended ends english entire equal equals equation equations error errors
evaluate evaluated even every everyone exact exactly example examples explain expression expressions
extra face facing fact facts false family far few fewer figure final finally find finish first
flowers follow followed following food for form format formula forward found fraction friend friends
from fruit fruits full game games gave get gets gift give given gives go goes going good got gram
grams greater green group groups had half hand has have having he height help helps her here him his
hold holding holds hour hours house how however if in include including information initial input
inside instead instruction instructions interest into invalid is it item items its james jane
january john just kate keep keeps kept key kilograms kilometers know known large larger largest last
later lead least leave leaves left length less let letter letters liar lie lies like likely line
lisa list listed lists logic logical logically long look lose lost lot lucy made make makes making
many marbles maria mark mary match math mathematical matter may me mean means measure meet meters
middle might mike miles minus minute minutes money month months more morning most move moved moves
much multiple multiplication multiply must my name named names need needed needs negation never new
next night no none north not note nothing now number numbers object objects of off often old on once
only operands operation operations operator operators opposite option options or orange oranges
order ordered original other others otherwise our out over own pack pages paid pair pairs paper
paragraph parentheses part parts party pay pays pen pencil pencils pens people per percent
percentage perform perimeter person persons peter phrase picture piece pieces pizza place plan play
player players playing please plus point points position positions possible precedence present price
problem problems proceed process product provide provided purple put question questions quickly rate
ratio read reading reads reason reasoning receive received rectangle red remain remaining remains
remember remove repeat reply represent result results return returns reverse right room round rule
rules said sale sam same sara sarah sarcastic saw say says scenario school score second seconds see
select sell sells sentence sentences separate separately sequence set several shape shared she shop
should show shows side sides simple simplify since single size small smaller so sold solution solve
solved solving some something sort sorted south speed spend spent start started starting starts
state statement statements stay step steps still stop store story string student students subject
subtract subtraction such sum susan swap swapped swaps table take taken takes task tell telling
tells term terms test text than that their them then there therefore these they thing things think
third this those through throughout thus tickets tim time times to today together told tom tomorrow
too took top total toys track trade trades trip true truth truthful try turn turns type under
understand unit units unknown until up us use used uses using usually valid value values variable
variables very want wants was water way we week weeks weight well went were west what when where
whether which while white who whole whom whose why will with within without word words work worked
working works would write writes written wrong year years yellow yes yesterday you your yourself
"""
_COMMON = frozenset(_COMMON_WORDS.split())


class Word(NamedTuple):
    """A normalized word, and its offsets in the text."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """Return the words and numbers of a text without articles; 1,200 is 1200, three is 3."""
    words = (Word(_normalize_word(match[0]), *match.span()) for match in _WORD.finditer(text))
    return [word for word in words if word.text not in _ARTICLES]


def _normalize_word(raw: str) -> str:
    if not raw.isascii():
        raw = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", raw).casefold())
    if raw[0].isdigit():
        whole, _, fraction = raw.replace(",", "").partition(".")
        fraction = fraction.rstrip("0")
        return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")
    raw = raw.lower()
    return _NUMBERS.get(raw, raw)


def is_number(word: str) -> bool:
    """Return True if a word from `split_words` is a number."""
    return word[:1].isdigit()


def measure_surprise(word: str, before: str = "") -> float:
    """Return the approximate bits of a word, given only the word before it."""
    if is_number(word):
        if _is_successor(before, word):
            return 1.0
        digits = sum(char.isdigit() for char in word)
        return min(3.3 * digits, 13.0)
    if word in _COMMON or len(word) == 1:
        return 5.0 if word.isascii() else 6.0
    return min(5.0 + len(word), 10.0)


def _is_successor(before: str, word: str) -> bool:
    short = len(before) < 5 and len(word) < 5
    return short and before.isdecimal() and word.isdecimal() and int(word) == int(before) + 1


GAP = ""
"""Separates parts of a passage; no word is empty, so no quote crosses it."""
_TASK_SHARE = 0.03
"""Word pairs in more than this share of the other passages are task language."""
_POSTINGS = 16
"""Occurrences followed for a beginning; with more of them it is extended by a word."""

Gram = tuple[str, ...]


class Quote(NamedTuple):
    """Words `start` to `end` of a text that match a passage from `position` on, and their bits."""

    passage: int
    position: int
    start: int
    end: int
    bits: float


class QuoteIndex:
    """An index of passages, each a sequence of words, for finding quotes in texts."""

    def __init__(self, passages: Sequence[Gram]) -> None:
        self._words: list[str] = [GAP]
        self._passage = [-1]
        self.begins: list[int] = []
        for number, words in enumerate(passages):
            self.begins.append(len(self._words))
            self._words += [*words, GAP]
            self._passage += [number] * (len(words) + 1)
        self._first, self._next = _measure_surprises(passages)
        self._positions: dict[Gram, list[int]] = defaultdict(list)
        for position in range(1, len(self._words)):
            for length in (1, 2, 3):
                gram = tuple(self._words[position : position + length])
                if GAP in gram:
                    break
                self._positions[gram].append(position)

    def find_quotes(self, text: Sequence[str]) -> list[Quote]:
        """Return the maximal runs of words that a passage has as well."""
        quotes = []
        reached: dict[int, int] = {}
        for start in range(len(text)):
            for position in self._find_rare(text, start):
                shift = position - start
                if reached.get(shift, 0) <= start:
                    quote = self._extend_quote(text, start, position)
                    reached[shift] = quote.end
                    quotes.append(quote)
        return quotes

    def _find_rare(self, text: Sequence[str], start: int) -> Sequence[int]:
        for length in (1, 2, 3):
            positions = self._positions.get(tuple(text[start : start + length]), ())
            if len(positions) <= _POSTINGS:
                return positions
        return ()

    def _extend_quote(self, text: Sequence[str], start: int, position: int) -> Quote:
        begin, end, shift, words = start, start + 1, position - start, self._words
        while begin and words[begin - 1 + shift] == text[begin - 1]:
            begin -= 1
        while end < len(text) and words[end + shift] == text[end]:
            end += 1
        passage, first = self._passage[position], begin + shift
        bits = self._first[first] + self._next[end - 1 + shift] - self._next[first]
        return Quote(passage, first - self.begins[passage], begin, end, bits)


def _measure_surprises(passages: Sequence[Gram]) -> tuple[list[float], list[float]]:
    """Return bits of each word at the start of a quote, and running sums of bits inside one."""
    singles: list[Counter[Gram]] = [
        Counter((word,) for word in words if word != GAP) for words in passages
    ]
    pairs: list[Counter[Gram]] = [Counter(pairwise(words)) for words in passages]
    all_singles, all_pairs = _add_up(singles), _add_up(pairs)
    passages_with = Counter(gram for counts in (*singles, *pairs) for gram in counts)
    total = all_singles.total()
    usual = max(1.0, _TASK_SHARE * len(passages))
    first, following = [0.0], [0.0]
    for words, own, own_pairs in zip(passages, singles, pairs, strict=True):
        elsewhere = total - own.total()
        before = GAP
        for word in words:
            alone, pair = (word,), (before, word)
            starts, goes_on = measure_surprise(word), measure_surprise(word, before)
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


def _add_up(counters: Iterable[Counter[Gram]]) -> Counter[Gram]:
    total: Counter[Gram] = Counter()
    for counter in counters:
        total.update(counter)
    return total
