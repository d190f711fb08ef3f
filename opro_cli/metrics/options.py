"""Answers that are one of a few: yes or no, true or false, or a lettered option."""

from __future__ import annotations

import re
from itertools import islice

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.reading.answer_text import collapse_spaces, is_same_text
from opro_cli.reading.boolean import (
    FAMILY_OF,
    OTHER,
    Family,
    find_verdicts,
    has_both_words,
    read_bit,
    read_foreign_verdict,
    read_judgement,
    read_restatement,
)
from opro_cli.reading.choice import read_letter
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decide, find_final_answer_in
from opro_cli.reading.options import find_letter_by_text, find_options, read_lone_letter
from opro_cli.reading.reply_text import is_repetition, select_answer_texts
from opro_cli.reading.sentences import (
    drop_closing,
    drop_denied,
    has_conclusion,
    has_retraction,
    is_cut_off,
    is_left_open,
    is_refusal,
    is_unfinished,
    is_void,
    split_lines,
    split_sentences,
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
        texts = select_answer_texts(reply, example.input)
        words = (_word(text, family, example.input) for text in texts)
        answer = next(filter(None, words), None)
        return UNREADABLE if answer is None else Grade(answer, float(answer == example.target))


def _word(text: str, family: Family, question: str) -> str | None:
    """The word of `family` that `text` answers with, or None."""
    if is_left_open(text):
        return None
    final = find_final_answer_in(text)
    word = decide(final.marks, lambda mark: _beside(mark, family, question))
    if word is None and not (final.marked and is_void(final.text)):
        word = _concluded(text, family, question)
    return None if isinstance(word, Undecided) else word


def _beside(mark: Mark, family: Family, question: str) -> Word:
    if mark.form == "correction":
        return _concluded(mark.rest, family, question)
    line = drop_denied(mark.line)
    if has_both_words(line, family):
        return UNDECIDED
    word = _asserted(line, family, last=False) or read_foreign_verdict(line, family)
    word = word or read_bit(line, family)
    if word is None and mark.form == "label" and mark.rest != mark.line:
        return _concluded(mark.rest, family, question)
    return word


def _concluded(text: str, family: Family, question: str) -> Word:
    """What a text without a marker comes to."""
    if is_repetition(text, question):
        return None
    body = drop_denied(drop_closing(text))
    said = [sentence for line in split_lines(body) for sentence in split_sentences(line)]
    if not said:
        return None
    if has_both_words(said[0], family):
        return UNDECIDED
    if len(said) == 1 and (word := read_bit(body, family)):
        return word
    leading = _leading(said[0], family)
    if leading and not has_retraction(body):
        return leading
    if is_cut_off(body) or is_unfinished(said[-1], body):
        return None
    for place, sentence in enumerate(islice(reversed(said), MAX_SENTENCES)):
        if is_refusal(sentence) or has_both_words(sentence, family):
            return UNDECIDED
        word = _asserted(sentence, family, last=True) or read_foreign_verdict(sentence, family)
        word = word or read_judgement(sentence, family)
        if word is None and (place == 0 or has_conclusion(sentence)):
            word = _as_asked(sentence, family, question)
        if word is not None:
            return word
    return None


def _leading(sentence: str, family: Family) -> str | None:
    """The word that `sentence` begins with, set off from the rest: "No, they cannot."."""
    for one in (family, OTHER.get(family)):
        found = find_verdicts(sentence, one) if one else []
        if not (one and found and _LED_BY.fullmatch(sentence, 0, found[0].start)):
            continue
        if _STOPPED.match(sentence, found[0].end):
            return family[found[0].word == one[1]]
    return read_foreign_verdict(sentence, family)


def _asserted(text: str, family: Family, *, last: bool) -> str | None:
    """The first or last word of `family` in `text`, else of the family that serves as well."""
    for one in (family, OTHER.get(family)):
        if one and (found := find_verdicts(text, one)):
            return family[found[-1 if last else 0].word == one[1]]
    return None


def _as_asked(sentence: str, family: Family, question: str) -> str | None:
    """The word of `family` for a sentence that restates or denies what a yes/no question asks."""
    affirmed = read_restatement(sentence, question) if family in OTHER else None
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
        text = collapse_spaces(raw)
        if not text:
            raise ValueError("expected an option letter or the text of an option, found neither")
        lettered = _LETTER_AND_TEXT.fullmatch(text)
        letter = lettered[1] if lettered else read_lone_letter(text)
        return f"({letter.upper()})" if letter else text

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the target's option, 0.0 for another one.

        A target that is the text of no listed option is met by that text alone.
        """
        options = find_options(example.input)
        gold = _gold_letter(example.target, options)
        for text in select_answer_texts(reply, example.input):
            if gold is None and is_same_text(find_final_answer_in(text).text, example.target):
                return Grade(collapse_spaces(example.target), 1.0)
            letter = read_letter(text, example.input, options)
            if letter is not None:
                return Grade(f"({letter})", float(letter == gold))
        return UNREADABLE


def _gold_letter(target: str, options: dict[str, str]) -> str | None:
    # Options may themselves be letters: "(A) C"; the canonical "(C)" is then still a letter.
    canonical = re.fullmatch(r"\(([A-Z])\)", target)
    if canonical:
        return canonical[1]
    return find_letter_by_text(target, options, whole=True) or read_lone_letter(target)
