"""Answers that need only be mentioned."""

from __future__ import annotations

import re

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.reading.answer_text import collapsed, occurrences, required_text, text_key
from opro_cli.metrics.reading.final_answer import final_answer_in
from opro_cli.metrics.reading.reply_text import answering_texts

# "not Paris", "isn't in Paris", "neither Paris"
_DENIED = re.compile(
    r"(?:(?<![^\W_])(?:not|never|neither|nor|without|rather than|instead of)|n['’]t)"
    r"(?: (?:the|an?|in|at|of|called|really|actually))?[\s\W]{1,3}\Z"
)


class ContainsMetric:
    """The target occurs in the reply as whole words, NFKC, casefolded, whitespace collapsed.

    A letter or digit directly before or after the target makes it another word, and a denial
    directly before it ("not Paris") makes it no mention. Only the last READ_LIMIT characters are
    searched, thoughts and a next question aside. An empty reply is unreadable.
    """

    def target(self, raw: str) -> str:
        """Any text, with whitespace collapsed; raises ValueError when it is empty."""
        return required_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 when the target occurs; otherwise 0.0 with the reply's final answer as answer."""
        text = answering_texts(reply, example.input)[0]
        final = final_answer_in(text)
        if not final.text:
            return UNREADABLE
        if _mentions(text_key(text), text_key(example.target)):
            return Grade(collapsed(example.target), 1.0)
        return Grade(final.text, 0.0)


def _mentions(text: str, target: str) -> bool:
    return any(
        not _DENIED.search(text[max(0, start - 30) : start]) for start in occurrences(target, text)
    )
