"""Grade answers that are one of a few: yes or no, true or false, or a lettered option."""

from __future__ import annotations

import re

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.reading.answer_text import collapse_spaces, is_same_text
from opro_cli.reading.boolean import find_question, read_truth
from opro_cli.reading.choice import find_letter_beside, read_letter
from opro_cli.reading.evidence import find_span
from opro_cli.reading.final_answer import find_final_answer_in
from opro_cli.reading.options import find_letter_by_text, find_options, read_lone_letter
from opro_cli.reading.reply_text import Part, select_parts
from opro_cli.reading.truth_words import FAMILY_OF, read_gold_truth


class BooleanMetric:
    """One of two words: yes or no, true or false, valid or invalid; see `boolean.read_truth`.

    Only words of the target's family count, or of yes/no for true/false and the other way round.
    """

    def target(self, raw: str) -> str:
        """Return yes, no, true, false, valid or invalid, also for "nein", "да", "T", "0".

        Raises:
            ValueError: It is none of them in a language that is read.
        """
        word = read_gold_truth(raw)
        if word is None:
            raise ValueError(f"expected {', '.join(FAMILY_OF)}; found {raw.strip()[:80]!r}")
        return word

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return 1.0 for the target's word, 0.0 for its opposite; unreadable for other targets."""
        if family := FAMILY_OF.get(example.target):
            asked = find_question(prompt, example.input)

            def read(part: Part) -> str | None:
                return read_truth(part.text, family, example.input, asked, cut=part.cut)

            for part in select_parts(reply, example.input, prompt, cut=cut):
                if word := read(part):
                    return Grade(word, float(word == example.target), find_span(part, word, read))
        return UNREADABLE


_LETTER_AND_TEXT = re.compile(r"\(([A-Za-z])\)\s.*", re.DOTALL)


class ChoiceMetric:
    """One lettered option of the question, "(A)" to "(Z)".

    Options are the lines "(A) text", "A) text" or "A. text" of `example.input`, or "(A) text
    (B) text" on one line; a question without options allows every letter. The reply may give
    the letter or the text of exactly one option. Several letters of which none is in answer
    position, and a letter that the question does not list, are unreadable.
    """

    def target(self, raw: str) -> str:
        """Return "(B)" for "B", "b)", "(B)" and "(B) text"; keep any other text.

        `grade`, which knows the question, takes it for the text of an option. Raises ValueError
        if `raw` is empty.
        """
        text = collapse_spaces(raw)
        if not text:
            raise ValueError("expected an option letter or the text of an option, found neither")
        lettered = _LETTER_AND_TEXT.fullmatch(text)
        letter = lettered[1] if lettered else read_lone_letter(text)
        return f"({letter.upper()})" if letter else text

    def find_doubt(self, example: Example) -> str:
        """Return why no reply could have the target's option; "" where one can.

        It is then none of those that the question lists.
        """
        options = find_options(example.input)
        if not options or _find_gold_letter(example.target, options) in options:
            return ""
        letters = sorted(options)
        return f"{example.target!r} is none of the options ({letters[0]}) to ({letters[-1]})"

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return 1.0 for the target's option, 0.0 for another one.

        A target that is not the text of a listed option must be given literally.
        """
        options = find_options(example.input)
        gold = _find_gold_letter(example.target, options)

        def read(part: Part) -> str | None:
            return read_letter(part.text, example.input, options, cut=part.cut)

        for part in select_parts(reply, example.input, prompt, cut=cut):
            final = find_final_answer_in(part.text).text
            if gold is None and is_same_text(final, example.target):
                start = part.text.rfind(final)
                span = part.locate(start, start + len(final))
                return Grade(collapse_spaces(example.target), 1.0, span)
            letter = read(part)
            if letter is not None:
                named = find_letter_beside(part.text, letter, options) or letter
                if named != letter and gold in (named, letter):  # right or wrong: who can say?
                    return UNREADABLE
                span = find_span(part, letter, read)
                return Grade(f"({letter})", float(letter == gold), span)
        return UNREADABLE


def _find_gold_letter(target: str, options: dict[str, str]) -> str | None:
    # "(C)" is always a letter, even if an option is "(A) C".
    if canonical := re.fullmatch(r"\(([A-Z])\)", target):
        return canonical[1]
    return find_letter_by_text(target, options, whole=True) or read_lone_letter(target)
