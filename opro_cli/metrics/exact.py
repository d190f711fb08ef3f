"""Answers that are a text, compared whole."""

from __future__ import annotations

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.answer_text import collapsed, required_text, same_text
from opro_cli.metrics.final_answer import final_answer, first_sentence


class ExactMetric:
    """The final answer is the target, NFKC, casefolded, whitespace collapsed.

    The final answer is what follows the last marker on its line (or the first sentence of it),
    else the last line, or the whole reply when it has several. Quotes, markdown and one full
    stop around it are dropped, unless the target is punctuation only. An empty reply is
    unreadable.
    """

    def target(self, raw: str) -> str:
        """Any text, with whitespace collapsed; raises ValueError when it is empty."""
        return required_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the same text, 0.0 for another one."""
        final = final_answer(reply)
        if not final.text:
            return UNREADABLE
        other = first_sentence(final.text) if final.marked else final.reply
        for reading in (final.text, other):
            if same_text(reading, example.target):
                return Grade(collapsed(example.target), 1.0)
        return Grade(final.text, 0.0)
