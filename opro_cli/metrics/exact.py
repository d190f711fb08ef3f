"""Answers that are a text, compared whole."""

from __future__ import annotations

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.reading.answer_text import collapsed, required_text, same_text
from opro_cli.metrics.reading.brackets import bracket_key, brackets_in
from opro_cli.metrics.reading.final_answer import (
    UNDECIDED,
    Mark,
    Undecided,
    decided,
    final_answer_in,
)
from opro_cli.metrics.reading.reply_text import READ_LIMIT, answering_texts, repeats
from opro_cli.metrics.reading.sentences import lines
from opro_cli.metrics.reading.stated_text import (
    announces,
    brief,
    concluded_text,
    is_choice,
    readings,
)
from opro_cli.metrics.reading.undecided import is_void, leaves_open
from opro_cli.metrics.reading.word_lists import is_word_list, list_at, same_words


class ExactMetric:
    """The final answer is the target, NFKC, casefolded, whitespace collapsed.

    The final answer is what follows the last marker on its line, or its first sentence; without
    a marker see `stated_text.concluded_text`. Articles, quotes, markdown and one stop around it
    are dropped, unless the target is punctuation only; of several words, what separates them
    does not count. Brackets are compared as brackets, spaces aside. A reply that gives no answer
    is unreadable.
    """

    def target(self, raw: str) -> str:
        """Any text, with whitespace collapsed; raises ValueError when it is empty."""
        return required_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the same text, 0.0 for another one."""
        brackets = bracket_key(example.target)
        for text in answering_texts(reply, example.input):
            if not text:
                continue
            if brackets and (given := brackets_in(text, example.input)):
                right = given == brackets
                return Grade(collapsed(example.target if right else " ".join(given)), float(right))
            if not brackets and (answer := _answer(text, example)):
                right = _same(answer, example.target)
                return Grade(answer if not right else collapsed(example.target), float(right))
        return UNREADABLE


def _answer(text: str, example: Example) -> str | None:
    """The answer of `text`: the target where it gives that, else what it gives, or None."""
    target, question = example.target, example.input[-READ_LIMIT:]
    if _same(text, target):
        return target
    final = final_answer_in(text)
    if final_answer_in(target).marked and any(_same(mark.line, target) for mark in final.marks):
        return target
    if leaves_open(text):
        return None
    answer = decided(final.marks, lambda mark: _beside(mark, target, question), same_text)
    if answer is None and not final.marked and not repeats(text, question):
        answer = _concluded(text, target, question)
    if answer is None or isinstance(answer, Undecided) or (answer != target and is_choice(answer)):
        return None
    return answer


def _beside(mark: Mark, target: str, question: str) -> str | Undecided | None:
    if mark.form == "letter":
        return None
    if mark.form == "correction":
        return _concluded(mark.rest, target, question)
    items = list_at(lines(mark.rest)) if mark.form in ("label", "sentence") else None
    found = _given(items or mark.line, target, question)
    if found == target:
        return target
    if is_void(mark.line):
        return UNDECIDED
    if mark.form == "label" and announces(mark.line):
        return _concluded(mark.rest, target, question)
    return found


def _concluded(text: str, target: str, question: str) -> str | None:
    line = concluded_text(text, question)
    return None if line is None else _given(line, target, question)


def _given(line: str, target: str, question: str) -> str:
    """The target where `line` gives it in any of its forms, else the answer that it gives."""
    # Quotes around a target of punctuation may be part of another answer.
    words = any(character.isalnum() for character in target)
    if not words:
        return line
    if any(_same(reading, target) for reading in readings(line, question)):
        return target
    return brief(line, question)


def _same(answer: str, target: str) -> bool:
    return same_text(answer, target) or (is_word_list(target) and same_words(answer, target))
