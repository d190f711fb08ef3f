"""Answers that are one of lettered options."""

from __future__ import annotations

import re

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.reading.answer_text import collapsed, same_text
from opro_cli.metrics.reading.choice_letters import lone_letter
from opro_cli.metrics.reading.choice_options import options_in, text_letter
from opro_cli.metrics.reading.choice_reading import letter_in
from opro_cli.metrics.reading.final_answer import final_answer_in
from opro_cli.metrics.reading.reply_text import answering_texts

_LETTER_AND_TEXT = re.compile(r"\(([A-Za-z])\)\s.*", re.DOTALL)


class ChoiceMetric:
    """One lettered option of the question, "(A)" to "(Z)".

    Options are the lines "(A) text", "A) text" or "A. text" of `example.input`, or "(A) text
    (B) text" on one line; a question that lists none allows every letter. The reply may give
    the letter or the text of exactly one option. Two letters of which none stands where an
    answer would, and a letter that the question does not list, are unreadable.
    """

    def target(self, raw: str) -> str:
        """Give "(B)" for "B", "b)", "(B)" and "(B) text"; keep any other text.

        A kept text is taken for the text of an option when grading, where the question is
        known. Raises ValueError when `raw` is empty.
        """
        text = collapsed(raw)
        if not text:
            raise ValueError("expected an option letter or the text of an option, found neither")
        lettered = _LETTER_AND_TEXT.fullmatch(text)
        letter = lettered[1] if lettered else lone_letter(text)
        return f"({letter.upper()})" if letter else text

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the target's option, 0.0 for another one.

        A target that is the text of no listed option is met by that text alone.
        """
        options = options_in(example.input)
        gold = _gold_letter(example.target, options)
        for text in answering_texts(reply, example.input):
            if gold is None and same_text(final_answer_in(text).text, example.target):
                return Grade(collapsed(example.target), 1.0)
            letter = letter_in(text, example.input, options)
            if letter is not None:
                return Grade(f"({letter})", float(letter == gold))
        return UNREADABLE


def _gold_letter(target: str, options: dict[str, str]) -> str | None:
    # Options may themselves be letters: "(A) C"; the canonical "(C)" is then still a letter.
    canonical = re.fullmatch(r"\(([A-Z])\)", target)
    if canonical:
        return canonical[1]
    return text_letter(target, options, whole=True) or lone_letter(target)
