"""Find quotes of training questions in an instruction.

Such an instruction tells the scorer about one question, not about the task: the paper's result
for tracking_shuffled_objects, "Claire has the blue ball, Gertrude has the black ball ..."
(arXiv 2309.03409, appendix), is word for word the gold answers of three questions.

The measure is compression: a quote saves as many bits as its words surprise a reader who knows
the task (the other questions) but not this question, less the bits that locate it. A quote that
chance could have written saves nothing, however long the instruction or the training set.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Literal

from opro_cli.core.leaks.quotes import GAP, Quote, QuoteIndex, is_number, split_words
from opro_cli.core.task.example import Example

_ENOUGH = 8.0
"""Bits saved by a leak, at least: chance saves as many once in 2**8."""
_TAIL = 6
"""Words before an answer that make a statement of it: "... At the end, Claire has the"."""
_LABEL = 4
"""Words of the longest answer that may be a label: "billing", "bank transfer"."""
_WHOLE = 12
"""Words of the shortest question that is a leak when quoted whole, even in task language."""

Kind = Literal["question", "numbers", "answer"]


@dataclass(frozen=True, slots=True)
class Leak:
    """A quote of a training question in an instruction.

    `kind` is the part quoted, `quote` its wording in the instruction, `question` the index of the
    training question.
    """

    kind: Kind
    quote: str
    question: int


@dataclass(frozen=True, slots=True)
class _Passage:
    """A question, then its answer with the words that lead to it.

    `stated` is where the statement of the answer begins, `final` where the answer does.
    """

    question: int
    words: tuple[str, ...]
    stated: int
    final: int

    @property
    def numeric(self) -> bool:
        """The answer is a number of several digits, which chance rarely repeats."""
        answer = self.words[self.final :]
        return len(answer) == 1 and is_number(answer[0]) and len(answer[0]) > 1

    @property
    def label(self) -> bool:
        """The answer may be a label, which an instruction may have to list."""
        return not self.numeric and len(self.words) - self.final <= _LABEL


@dataclass(frozen=True, slots=True)
class _Finding:
    kind: Kind
    passage: int
    saved: float
    start: int
    end: int


@dataclass
class LeakFinder:
    """Finds leaks of a run's training questions; each instruction is searched once.

    The index of the questions, which takes a second to build, is built at the first search.
    `known` has the leaks of earlier searches by instruction.
    """

    examples: tuple[Example, ...]
    known: dict[str, tuple[Leak, ...]] = field(default_factory=dict)

    def find(self, instruction: str) -> tuple[Leak, ...]:
        """Return the leaks in an instruction, the clearest first."""
        if instruction not in self.known:
            self.known[instruction] = self._index.find(instruction)
        return self.known[instruction]

    @cached_property
    def _index(self) -> LeakIndex:
        return LeakIndex(self.examples)


class LeakIndex:
    """An index of training questions, to search for in many instructions."""

    def __init__(self, examples: Sequence[Example]) -> None:
        distinct: dict[tuple[str, ...], _Passage] = {}
        for question, example in enumerate(examples):
            passage = _build_passage(question, example)
            distinct.setdefault(passage.words, passage)
        self._passages = list(distinct.values())
        self._words = QuoteIndex([passage.words for passage in self._passages])
        self._runs = [_find_passage_numbers(passage) for passage in self._passages]
        self._numbers = QuoteIndex(self._runs)
        self._to_name_one = math.log2(max(1, len(self._passages)))
        """Bits to identify a question."""
        self._beginnings: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for number, passage in enumerate(self._passages):
            if passage.stated > _WHOLE:
                self._beginnings[passage.words[:_WHOLE]].append(number)

    def find(self, instruction: str) -> tuple[Leak, ...]:
        """Return the leaks in an instruction, the clearest first, without overlaps."""
        words = split_words(instruction)
        numbers = [word for word in words if is_number(word.text)]
        texts = tuple(word.text for word in words)
        quotes = self._words.find_quotes(texts)
        in_words = chain(
            self._find_whole_questions(texts),
            self._find_questions(quotes, len(words)),
            self._find_answers(quotes, len(words)),
        )
        findings = [(words, finding) for finding in in_words]
        in_numbers = self._find_numbers([number.text for number in numbers])
        findings += [(numbers, finding) for finding in in_numbers]
        leaks: dict[tuple[int, int], Leak] = {}
        for origin, finding in sorted(findings, key=lambda pair: -pair[1].saved):
            start, end = origin[finding.start].start, origin[finding.end - 1].end
            if all(end <= begin or finish <= start for begin, finish in leaks):
                question = self._passages[finding.passage].question
                leaks[start, end] = Leak(finding.kind, instruction[start:end], question)
        return tuple(leaks.values())

    def _find_whole_questions(self, texts: tuple[str, ...]) -> Iterator[_Finding]:
        """Yield questions quoted from end to end, even if they are all task language."""
        for start in range(len(texts) - _WHOLE + 1):
            for number in self._beginnings.get(texts[start : start + _WHOLE], ()):
                length = self._passages[number].stated - 1
                if texts[start : start + length] == self._passages[number].words[:length]:
                    yield _Finding("question", number, _ENOUGH, start, start + length)

    def _find_questions(self, quotes: Iterable[Quote], length: int) -> Iterator[_Finding]:
        """Yield questions of which enough is quoted, anywhere in the instruction."""
        parts: dict[int, list[tuple[float, Quote]]] = defaultdict(list)
        for quote in quotes:
            passage = self._passages[quote.passage]
            saved = quote.bits - math.log2(length * len(passage.words))
            if quote.position >= passage.final and passage.label:
                continue
            if passage.numeric and self._is_answer(quote):
                # There is one answer, so its position needs no bits.
                saved = quote.bits - math.log2(length)
            if saved > 0:
                parts[quote.passage].append((saved, quote))
        for number, candidates in parts.items():
            if sum(saved for saved, _ in candidates) - self._to_name_one < _ENOUGH:
                continue
            kept = _select_apart(candidates)
            saved = sum(saved for saved, _ in kept) - self._to_name_one
            if saved >= _ENOUGH:
                best = kept[0][1]
                in_answer = best.position >= self._passages[number].stated
                kind: Kind = "answer" if in_answer else "question"
                yield _Finding(kind, number, saved, best.start, best.end)

    def _find_answers(self, quotes: Iterable[Quote], length: int) -> list[_Finding]:
        """Return the answers of several questions, each stated as its question asks for it."""
        stated = [
            (quote.bits - self._to_name_one, quote)
            for quote in quotes
            if quote.bits > self._to_name_one
            and self._is_answer(quote)
            and quote.position < self._passages[quote.passage].final
        ]
        kept = _select_apart(stated, across=True)
        total = sum(saved for saved, _ in kept)
        if len(kept) < 2 or total < _ENOUGH + math.log2(length):
            return []
        return [_Finding("answer", q.passage, total, q.start, q.end) for _, q in kept]

    def _find_numbers(self, numbers: list[str]) -> Iterator[_Finding]:
        for quote in self._numbers.find_quotes(numbers):
            positions = len(numbers) * len(self._runs[quote.passage])
            saved = quote.bits - math.log2(positions) - self._to_name_one
            if saved >= _ENOUGH:
                yield _Finding("numbers", quote.passage, saved, quote.start, quote.end)

    def _is_answer(self, quote: Quote) -> bool:
        """Return True if the quote is a whole answer, with or without the words before it."""
        passage = self._passages[quote.passage]
        ends = quote.position + quote.end - quote.start
        return passage.stated <= quote.position <= passage.final and ends == len(passage.words)


def _select_apart(
    parts: list[tuple[float, Quote]], *, across: bool = False
) -> list[tuple[float, Quote]]:
    """Return the parts that save most, without overlaps in the instruction or in a passage."""
    kept: list[tuple[float, Quote]] = []
    for saved, quote in sorted(parts, key=lambda part: -part[0]):
        length = quote.end - quote.start
        if all(
            (quote.end <= other.start or other.end <= quote.start)
            and (
                (across and quote.passage != other.passage)
                or quote.position + length <= other.position
                or other.position + other.end - other.start <= quote.position
            )
            for _, other in kept
        ):
            kept.append((saved, quote))
    return kept


def _build_passage(question: int, example: Example) -> _Passage:
    asked = _split_texts(example.shown)
    stem, answer = example.input, example.split_golds()[0].target
    letter = re.fullmatch(r"\(?([A-Z])\)?", answer)
    option = letter and re.search(rf"\({letter[1]}\)\s*(.+)", stem)
    if option:
        answer = option[1]
        stem = re.split(r"(?:Options:\s*)?\(A\)", stem)[0]
    answered = _split_texts(answer)
    words = (*asked, GAP, *_split_texts(stem)[-_TAIL:], *answered)
    return _Passage(question, words, len(asked) + 1, len(words) - len(answered))


def _split_texts(text: str) -> tuple[str, ...]:
    return tuple(word.text for word in split_words(text))


def _find_passage_numbers(passage: _Passage) -> tuple[str, ...]:
    asked = passage.words[: passage.stated - 1]
    return tuple(word for word in (*asked, *passage.words[passage.final :]) if is_number(word))
