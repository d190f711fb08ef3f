"""Answers that need only be mentioned."""

from __future__ import annotations

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.answer_text import collapsed, occurs, required_text, text_key
from opro_cli.metrics.final_answer import final_answer


class ContainsMetric:
    """The target occurs in the reply as whole words, NFKC, casefolded, whitespace collapsed.

    A letter or digit directly before or after the target makes it another word. A denial
    ("not Paris") still contains the target. Only the last READ_LIMIT characters are searched.
    An empty reply is unreadable.
    """

    def target(self, raw: str) -> str:
        """Any text, with whitespace collapsed; raises ValueError when it is empty."""
        return required_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 when the target occurs; otherwise 0.0 with the reply's final answer as answer."""
        final = final_answer(reply)
        if not final.text:
            return UNREADABLE
        if occurs(text_key(example.target), text_key(final.reply)):
            return Grade(collapsed(example.target), 1.0)
        return Grade(final.text, 0.0)
