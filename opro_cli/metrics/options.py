"""Answers that are one of a few: yes or no, true or false, or a lettered option."""

from __future__ import annotations

import re
from itertools import islice

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.reading.answer_text import collapsed, same_text
from opro_cli.reading.boolean import (
    FAMILY_OF,
    OTHER,
    Family,
    bit_verdict,
    foreign_verdict,
    judged,
    restated,
    says_both,
    verdicts,
)
from opro_cli.reading.choice import letter_in
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decided, final_answer_in
from opro_cli.reading.options import lone_letter, options_in, text_letter
from opro_cli.reading.reply_text import answering_texts, repeats
from opro_cli.reading.sentences import (
    concludes,
    cut_off,
    declines,
    is_void,
    leaves_open,
    lines,
    sentences,
    takes_back,
    trails_off,
    without_closing,
    without_denied,
)

MAX_SENTENCES = 3
"""Sentences that are read for a verdict, from the end of a reply."""

_LED_BY = re.compile(r"[\W_]{0,8}(?:(?:so|well|therefore|thus|hence)[\s,]{1,2})?[\W_]{0,4}\Z", re.I)
_STOPPED = re.compile(r"[\s*_\"'”’)]{0,6}(?:[.,;:!—–-]|\Z|\n)")
Word = str | Undecided | None


class BooleanMetric:
    """One of two words, read by the family of the target only; "not true" is "false".

    Beside the last marker the first word of the family wins, else the word that the reply begins
    with ("Yes, …") unless it is taken back, else what the last sentence asserts. Words that are
    weighed ("whether it is valid") or come in pairs ("yes or no") assert nothing. For yes/no a
    reply may answer with true/false, and the other way round, for all with 1/0 alone, with the
    words of other languages, and with the adjective that the question asks about.
    """

    def target(self, raw: str) -> str:
        """One of yes, no, true, false, valid, invalid in lower case.

        Raises ValueError for anything else.
        """
        word = raw.strip().strip("\"'.()*- ").strip().lower()
        if word not in FAMILY_OF:
            raise ValueError(f"expected {', '.join(FAMILY_OF)}; found {raw.strip()[:80]!r}")
        return word

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the target's word, 0.0 for its opposite; another target is never read."""
        family = FAMILY_OF.get(example.target)
        if family is None:
            return UNREADABLE
        texts = answering_texts(reply, example.input)
        words = (_word(text, family, example.input) for text in texts)
        answer = next(filter(None, words), None)
        return UNREADABLE if answer is None else Grade(answer, float(answer == example.target))


def _word(text: str, family: Family, question: str) -> str | None:
    """The word of `family` that `text` answers with, or None."""
    if leaves_open(text):
        return None
    final = final_answer_in(text)
    word = decided(final.marks, lambda mark: _beside(mark, family, question))
    if word is None and not (final.marked and is_void(final.text)):
        word = _concluded(text, family, question)
    return None if isinstance(word, Undecided) else word


def _beside(mark: Mark, family: Family, question: str) -> Word:
    if mark.form == "correction":
        return _concluded(mark.rest, family, question)
    line = without_denied(mark.line)
    if says_both(line, family):
        return UNDECIDED
    word = _asserted(line, family, last=False) or foreign_verdict(line, family)
    word = word or bit_verdict(line, family)
    if word is None and mark.form == "label" and mark.rest != mark.line:
        return _concluded(mark.rest, family, question)
    return word


def _concluded(text: str, family: Family, question: str) -> Word:
    """What a text without a marker comes to."""
    if repeats(text, question):
        return None
    body = without_denied(without_closing(text))
    said = [sentence for line in lines(body) for sentence in sentences(line)]
    if not said:
        return None
    if says_both(said[0], family):
        return UNDECIDED
    if len(said) == 1 and (word := bit_verdict(body, family)):
        return word
    leading = _leading(said[0], family)
    if leading and not takes_back(body):
        return leading
    if cut_off(body) or trails_off(said[-1], body):
        return None
    for place, sentence in enumerate(islice(reversed(said), MAX_SENTENCES)):
        if declines(sentence) or says_both(sentence, family):
            return UNDECIDED
        word = _asserted(sentence, family, last=True) or foreign_verdict(sentence, family)
        word = word or judged(sentence, family)
        if word is None and (place == 0 or concludes(sentence)):
            word = _as_asked(sentence, family, question)
        if word is not None:
            return word
    return None


def _leading(sentence: str, family: Family) -> str | None:
    """The word that `sentence` begins with, set off from the rest: "No, they cannot."."""
    for one in (family, OTHER.get(family)):
        found = verdicts(sentence, one) if one else []
        if not (one and found and _LED_BY.fullmatch(sentence, 0, found[0].start)):
            continue
        if _STOPPED.match(sentence, found[0].end):
            return family[found[0].word == one[1]]
    return foreign_verdict(sentence, family)


def _asserted(text: str, family: Family, *, last: bool) -> str | None:
    """The first or last word of `family` in `text`, else of the family that serves as well."""
    for one in (family, OTHER.get(family)):
        if one and (found := verdicts(text, one)):
            return family[found[-1 if last else 0].word == one[1]]
    return None


def _as_asked(sentence: str, family: Family, question: str) -> str | None:
    """The word of `family` for a sentence that restates or denies what a yes/no question asks."""
    affirmed = restated(sentence, question) if family in OTHER else None
    return None if affirmed is None else family[not affirmed]


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
