"""Does an instruction quote the training questions that the optimizer saw?

Such an instruction tells the scorer about one question, not about the task: what the paper
found for tracking_shuffled_objects, "Claire has the blue ball, Gertrude has the black ball ..."
(arXiv 2309.03409, appendix), is word for word the gold answers of three questions.

The measure is one of compression: a quote counts as many bits as its words are surprising to a
reader who knows the task (the other questions) but not this question, less the bits that it
takes to say where it stands. What chance could have written saves nothing, however long the
instruction or the training set.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from opro_cli.core.leaks.quotes import GAP, Quote, QuoteIndex, Word, is_number, split_words
from opro_cli.core.task.example import Example

_ENOUGH = 8.0
"""Bits that must be saved before it counts as a leak: chance does that once in 2**8."""
_TAIL = 6
"""Words before an answer that make a statement of it: "... At the end, Claire has the"."""
_LABEL = 4
"""An answer of no more words than this, "billing" or "bank transfer", may be a label."""
_WHOLE = 12
"""From so many words on, a question quoted whole is told though it is all task language."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A quote of a training question in an instruction.

    kind: what was quoted: the words of a question, its numbers, or its answer.
    quote: as it stands in the instruction. question: index of the training question.
    """

    kind: Literal["question", "numbers", "answer"]
    quote: str
    question: int


@dataclass(frozen=True, slots=True)
class _Passage:
    """A question, then its answer with the words that lead to it.

    stated: where the statement of the answer begins; final: where the answer itself does.
    """

    question: int
    words: tuple[str, ...]
    stated: int
    final: int

    @property
    def numeric(self) -> bool:
        """Is the answer a number that a text does not contain by chance, more than "5"?"""
        answer = self.words[self.final :]
        return len(answer) == 1 and is_number(answer[0]) and len(answer[0]) > 1

    @property
    def label(self) -> bool:
        """Is the answer one that an instruction may have to list among others?"""
        return not self.numeric and len(self.words) - self.final <= _LABEL


@dataclass(frozen=True, slots=True)
class _Finding:
    kind: Literal["question", "numbers", "answer"]
    passage: int
    saved: float
    start: int
    end: int


@dataclass
class LeakFinder:
    """Finds leaks of a run's training questions; each instruction is searched once.

    The index of the questions is built at the first search: it takes a second, and a run without
    proposals needs none. known: leaks by instruction, from an earlier search.
    """

    examples: tuple[Example, ...]
    known: dict[str, tuple[Leak, ...]] = field(default_factory=dict)

    def find(self, instruction: str) -> tuple[Leak, ...]:
        """Return the leaks in an instruction, the clearest first."""
        leaks = self.known.get(instruction)
        if leaks is None:
            leaks = self.known[instruction] = self._index.leaks(instruction)
        return leaks

    @cached_property
    def _index(self) -> LeakIndex:
        return LeakIndex(self.examples)


class LeakIndex:
    """The training questions of a run, built once, to look for in many instructions."""

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
        """Bits to say which question it is."""
        self._beginnings: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for number, passage in enumerate(self._passages):
            if passage.stated > _WHOLE:
                self._beginnings[passage.words[:_WHOLE]].append(number)

    def leaks(self, instruction: str) -> tuple[Leak, ...]:
        """What an instruction quotes, the clearest first, each part of it told once."""
        words = split_words(instruction)
        numbers = [word for word in words if is_number(word.text)]
        texts = tuple(word.text for word in words)
        quotes = self._words.find_quotes(texts)
        found = [
            *((words, each) for each in self._find_whole_questions(texts)),
            *((words, each) for each in self._find_questions(quotes, len(words))),
            *((words, each) for each in self._answers(quotes, len(words))),
            *((numbers, each) for each in self._find_numbers([n.text for n in numbers])),
        ]
        return self._select(instruction, found)

    def _select(
        self, instruction: str, found: list[tuple[list[Word], _Finding]]
    ) -> tuple[Leak, ...]:
        leaks = []
        told: list[tuple[int, int]] = []
        for words, each in sorted(found, key=lambda one: -one[1].saved):
            start, end = words[each.start].start, words[each.end - 1].end
            if all(end <= begin or finish <= start for begin, finish in told):
                told.append((start, end))
                question = self._passages[each.passage].question
                leaks.append(Leak(each.kind, instruction[start:end], question))
        return tuple(leaks)

    def _find_whole_questions(self, texts: tuple[str, ...]) -> Iterator[_Finding]:
        """Questions quoted from end to end, be they all task language."""
        for start in range(len(texts) - _WHOLE + 1):
            for number in self._beginnings.get(texts[start : start + _WHOLE], ()):
                length = self._passages[number].stated - 1
                if texts[start : start + length] == self._passages[number].words[:length]:
                    yield _Finding("question", number, _ENOUGH, start, start + length)

    def _find_questions(self, quotes: Iterable[Quote], length: int) -> list[_Finding]:
        """Questions of which enough is quoted, wherever in the instruction the parts stand."""
        parts: dict[int, list[tuple[float, Quote]]] = defaultdict(list)
        found = []
        for quote in quotes:
            passage = self._passages[quote.passage]
            saved = quote.bits - math.log2(length * len(passage.words))
            if quote.place >= passage.final and passage.label:
                continue
            if passage.numeric and self._is_answer(quote):
                # There is one answer, so its place is known.
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
                in_answer = best.place >= self._passages[number].stated
                kind: Literal["answer", "question"] = "answer" if in_answer else "question"
                found.append(_Finding(kind, number, saved, best.start, best.end))
        return found

    def _answers(self, quotes: Iterable[Quote], length: int) -> list[_Finding]:
        """Answers stated as their questions ask for them, those of several questions together."""
        stated = [
            (quote.bits - self._to_name_one, quote)
            for quote in quotes
            if quote.bits > self._to_name_one
            and self._is_answer(quote)
            and quote.place < self._passages[quote.passage].final
        ]
        kept = _select_apart(stated, across=True)
        total = sum(saved for saved, _ in kept)
        if len(kept) < 2 or total < _ENOUGH + math.log2(length):
            return []
        return [_Finding("answer", q.passage, total, q.start, q.end) for _, q in kept]

    def _find_numbers(self, numbers: list[str]) -> list[_Finding]:
        found = []
        for quote in self._numbers.find_quotes(numbers):
            places = len(numbers) * len(self._runs[quote.passage])
            saved = quote.bits - math.log2(places) - self._to_name_one
            if saved >= _ENOUGH:
                found.append(_Finding("numbers", quote.passage, saved, quote.start, quote.end))
        return found

    def _is_answer(self, quote: Quote) -> bool:
        """Has it the whole answer, perhaps with words that lead to it?"""
        passage = self._passages[quote.passage]
        ends = quote.place + quote.end - quote.start
        return passage.stated <= quote.place <= passage.final and ends == len(passage.words)


def _select_apart(
    parts: list[tuple[float, Quote]], *, across: bool = False
) -> list[tuple[float, Quote]]:
    """The parts that save most, no word counted twice, neither as quoted nor as quote."""
    kept: list[tuple[float, Quote]] = []
    for saved, quote in sorted(parts, key=lambda part: -part[0]):
        length = quote.end - quote.start
        if all(
            (quote.end <= other.start or other.end <= quote.start)
            and (
                (across and quote.passage != other.passage)
                or quote.place + length <= other.place
                or other.place + other.end - other.start <= quote.place
            )
            for _, other in kept
        ):
            kept.append((saved, quote))
    return kept


def _build_passage(question: int, example: Example) -> _Passage:
    asked = _split_texts(example.input)
    stem, answer = example.input, example.target
    letter = re.fullmatch(r"\(?([A-Z])\)?", answer)
    option = letter and re.search(rf"\({letter[1]}\)\s*(.+)", stem)
    if option:
        answer = option[1]
        stem = re.split(r"(?:Options:\s*)?\(A\)", stem)[0]
    said = _split_texts(answer)
    words = (*asked, GAP, *_split_texts(stem)[-_TAIL:], *said)
    return _Passage(question, words, len(asked) + 1, len(words) - len(said))


def _split_texts(text: str) -> tuple[str, ...]:
    return tuple(word.text for word in split_words(text))


def _find_passage_numbers(passage: _Passage) -> tuple[str, ...]:
    asked = passage.words[: passage.stated - 1]
    return tuple(word for word in (*asked, *passage.words[passage.final :]) if is_number(word))
