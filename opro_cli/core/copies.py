"""Rows that belong together: of one source, or with nearly the same text.

A copy tells nothing new. Where one stands in train and one in test, test is not unseen; where
several stand in test, they are one question. Two rows are copies where

- their texts are equal up to case, blanks, marks of punctuation and the form of characters,
- or equal but for a number or label in front ("12.", "Q3:"), with the same gold answers,
- or long and nearly equal: at least `LONG` words, the same gold answers, the same numbers in the
  same order, and a Jaccard similarity of their word triples of `SIMILAR` or more (A. Broder, "On
  the resemblance and containment of documents", 1997).

Tasks are often one sentence with other names in it. So triples that stand in many rows do not
count, and signs other than punctuation (brackets, operators) are words of their own.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.task.example import Example

LONG = 20
"""Words of a text that may be a copy of one that is not equal."""
SIMILAR = 0.9
FEWEST = 18
"""Triples, those of templates apart, of a text that may be nearly equal to another."""
MOST_TRIPLES = 4_000_000
"""More words are sampled, which bounds time and memory."""
TEMPLATE_SHARE, TEMPLATE_ROWS = 20, 12
"""A triple in more than one row of 20, and in more than 12 rows, is part of a template."""

# Punctuation is left out, but for that inside of numbers. A sign of any other kind is a word.
_WORD = re.compile(
    r"\d+(?:[.,]\d+)*|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
    r"|(?:[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af][\u0300-\u036f]*)+"
    r"|[^\w\s.,;:!?'\"`´‘’“”„«»¿¡。、「」『』·]"
)
_LABEL = re.compile(
    r"\W{0,3}(?:(?:q|question|problem|item|example|exercise|task|no|nr)\W{0,2})?\d{1,6}[.):\]]+\s+"
    r"(?=.{8})",
    re.IGNORECASE | re.DOTALL,
)


def split_words(text: str) -> tuple[str, ...]:
    """Return the words, numbers and signs of a text, the same where only its form differs."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


class Groups:
    """Rows put together, by union and find; each begins as a group of its own."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, row: int) -> int:
        """Return the first row of the group of a row."""
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    def join(self, one: int, other: int) -> None:
        """Make one group of two."""
        first, second = sorted((self.find(one), self.find(other)))
        self._parent[second] = first

    def join_equal(self, keys: Iterable[Hashable | None]) -> None:
        """Make one group of all rows with the same key; None is no key."""
        first: dict[Hashable, int] = {}
        for row, key in enumerate(keys):
            if key is not None:
                self.join(first.setdefault(key, row), row)

    def list_members(self) -> dict[int, list[int]]:
        """Return the rows of each group by its first row, groups of one included."""
        members: dict[int, list[int]] = {}
        for row in range(len(self._parent)):
            members.setdefault(self.find(row), []).append(row)
        return members


@dataclass(frozen=True, slots=True)
class Grouped:
    """The groups of some rows.

    Attributes:
        group: Of each row, the index of the first row of its group.
        copies: Rows with a text that another row has as well, or nearly.
    """

    group: tuple[int, ...]
    copies: tuple[int, ...]


def group_rows(examples: Sequence[Example]) -> Grouped:
    """Put rows together that have the same `group`, or are copies of each other."""
    groups = find_copies(examples)
    copies = [rows for rows in groups.list_members().values() if len(rows) > 1]
    groups.join_equal(example.group or None for example in examples)
    return Grouped(
        tuple(map(groups.find, range(len(examples)))),
        tuple(sorted(row for rows in copies for row in rows)),
    )


def find_copies(examples: Sequence[Example]) -> Groups:
    """Put copies together."""
    groups = Groups(len(examples))
    words = [split_words(example.shown) for example in examples]
    golds = [(example.target, example.golds) for example in examples]
    groups.join_equal(each or None for each in words)
    labels = (_LABEL.match(example.shown) for example in examples)
    groups.join_equal(
        (split_words(label.string[label.end() :]) if label else each, gold) if each else None
        for label, each, gold in zip(labels, words, golds, strict=True)
    )
    _join_similar(groups, words, golds)
    return groups


def _join_similar(
    groups: Groups, words: Sequence[Sequence[str]], golds: Sequence[Hashable]
) -> None:
    buckets: dict[Hashable, list[int]] = defaultdict(list)
    for row, (each, gold) in enumerate(zip(words, golds, strict=True)):
        if len(each) >= LONG and groups.find(row) == row:
            buckets[gold, tuple(word for word in each if word[0].isdecimal())].append(row)
    shared = [rows for rows in buckets.values() if len(rows) > 1]
    triples = _list_triples({row: words[row] for rows in shared for row in rows})
    spread = Counter(triple for each in triples.values() for triple in each)
    most = max(TEMPLATE_ROWS, len(words) // TEMPLATE_SHARE)
    rare = {
        row: sorted(t for t in each if spread[t] <= most)  # of one order in all rows
        for row, each in triples.items()
    }
    for kept in rare.values():
        kept.sort(key=spread.__getitem__)  # stable: the rarest first, equals in their order
    for rows in shared:
        enough = [row for row in rows if len(rare[row]) >= FEWEST]
        for one, other in _list_pairs(enough, rare):
            if groups.find(one) != groups.find(other) and _are_similar(rare[one], rare[other]):
                groups.join(one, other)


def _list_triples(texts: Mapping[int, Sequence[str]]) -> dict[int, set[int]]:
    """Return the word triples of each text as numbers; of very many, one in so many."""
    numbers: dict[str, int] = {}
    for words in texts.values():
        for word in words:
            numbers.setdefault(word, len(numbers))
    base = len(numbers) + 1
    step = 1 + sum(map(len, texts.values())) // MOST_TRIPLES
    triples = {}
    for row, words in texts.items():
        ids = [numbers[word] for word in words]
        codes = {(a * base + b) * base + c for a, b, c in zip(ids, ids[1:], ids[2:], strict=False)}
        triples[row] = codes if step == 1 else {code for code in codes if code % step == 0}
    return triples


def _list_pairs(
    rows: Sequence[int], sets: Mapping[int, Sequence[int]]
) -> Iterator[tuple[int, int]]:
    """Yield each pair that may be similar; for that, its rarest triples suffice.

    Two sets of a Jaccard similarity s share one of the first n - ceil(s n) + 1 elements, where all
    are in one order (S. Chaudhuri and others, "A primitive operator for similarity joins", 2006).
    """
    seen: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        size = len(sets[row])
        prefix = sets[row][: size - math.ceil(SIMILAR * size) + 1]
        yield from ((other, row) for other in dict.fromkeys(o for t in prefix for o in seen[t]))
        for triple in prefix:
            seen[triple].append(row)


def _are_similar(one: Sequence[int], other: Sequence[int]) -> bool:
    if min(len(one), len(other)) < SIMILAR * max(len(one), len(other)):
        return False
    both = len({*one} & {*other})
    return both >= SIMILAR * (len(one) + len(other) - both)
