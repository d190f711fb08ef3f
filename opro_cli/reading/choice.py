"""The option that a reply chooses, by its letter or by its text."""

from __future__ import annotations

import re
import string

from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decided, final_answer_in
from opro_cli.reading.options import (
    approves,
    chosen_letters,
    ending_letter,
    lone_letter,
    ordinal_letters,
    position_letters,
    strong_letters,
    text_letter,
    weighs,
    with_latin_letters,
)
from opro_cli.reading.reply_text import repeats
from opro_cli.reading.sentences import (
    concludes,
    cut_off,
    declines,
    is_void,
    leaves_open,
    lines,
    sentences,
    trails_off,
    without_closing,
    without_denied,
)

_NO_OPTION = re.compile(r"(?<![^\W_])(?:none|neither|not\s(?:listed|given|among))(?![^\W_])", re.I)
_CUE = re.compile(r"(?<![^\W_])(?:so|but|therefore|thus|hence)(?![^\W_])", re.IGNORECASE)
Letter = str | Undecided | None


def letter_in(text: str, question: str, options: dict[str, str]) -> str | None:
    """The option that `text` chooses, or None; never a letter that is not in `options`.

    Beside a marker: the letter in answer position, else the only one in brackets on that line,
    else the only option whose text is mentioned there. Without one: what `_concluded` says.
    """
    if leaves_open(text):
        return None
    text = with_latin_letters(text)
    final = final_answer_in(text)
    letter = decided(final.marks, lambda mark: _beside(mark, question, options))
    if letter is None and not (final.marked and is_void(final.text)):
        letter = _concluded(text, question, options)
    return None if isinstance(letter, Undecided) else letter


def _beside(mark: Mark, question: str, options: dict[str, str]) -> Letter:
    """The option beside one marker."""
    if mark.form == "correction":
        return _concluded(mark.rest, question, options)
    line = without_denied(mark.line)
    letter = _whole(line, options)
    if letter is None:
        letter = _one(position_letters(line, eager=True), options)
    if letter is None:
        letter = _one(strong_letters(line, _allowed(options)), options)
    if letter is None:
        letter = text_letter(line, options, whole=False)
    if letter is None and _NO_OPTION.search(line):
        return UNDECIDED
    if letter is None and mark.form == "label" and mark.rest != mark.line:
        return _concluded(mark.rest, question, options)
    return letter


def _concluded(text: str, question: str, options: dict[str, str]) -> Letter:
    """The option that a text without a marker comes to.

    The last line if it is one; what the last sentence chooses ("I pick C"); the letter that the
    text begins with, unless it comes to a conclusion later; the only letter that it chooses, or
    approves of, or begins its last line with; the only one in brackets in the text, or in its
    last sentence; the only option that its last sentence names, or all of it. Of a text that is
    cut off only what it begins with.
    """
    if repeats(text, question):
        return None
    whole = without_closing(text)
    body = without_denied(whole)
    said = lines(body)
    if not said:
        return None
    last = sentences(said[-1])[-1]
    leading = _leading(said, options)
    if cut_off(whole) or trails_off(last, body):
        return leading
    letter = _whole(said[-1], options) or _one(_chosen_last(last, options), options)
    if letter is None and not concludes(body[len(said[0]) :]):
        letter = leading
    if letter is None and _NO_OPTION.search(last) and not text_letter(last, options, whole=False):
        return UNDECIDED
    for candidates in (
        chosen_letters(body),
        _approved(said, options),
        _closing_letters(said, options),
    ):
        letter = letter or _one(candidates, options)
    if letter is None:
        letter = _strong(body, last, options)
    if letter is None and not declines(last):
        letter = ending_letter(last, options)
        if letter is None and not weighs(last):
            letter = text_letter(last, options, whole=False)
        letter = letter or text_letter(body, options, whole=False)
    return letter


def _chosen_last(sentence: str, options: dict[str, str]) -> set[str]:
    """The letters that the last clause of `sentence` with a choice chooses."""
    for clause in reversed(_CUE.split(sentence)):
        if letters := chosen_letters(clause) | ordinal_letters(clause, options):
            return letters
    return set()


def _whole(line: str, options: dict[str, str]) -> Letter:
    """The option that `line` is, by text or by letter."""
    letter = lone_letter(line)
    # "C++" and "I. Newton" begin with a letter and are not one.
    if letter not in _allowed(options):
        named = text_letter(line, options, whole=True)
        if named:
            return named
    return _one({letter} if letter else set(), options)


def _leading(said: list[str], options: dict[str, str]) -> Letter:
    """The letter that the text begins with, unless it goes through the options."""
    if lone := lone_letter(said[0]):
        return _one({lone}, options)
    letters = position_letters(said[0], eager=False)
    others = [position_letters(line, eager=False) for line in said[1:]]
    if len(letters) != 1 or not letters <= _allowed(options) or any(others):
        return None
    return _one(letters | strong_letters(said[0], _allowed(options)), options)


def _approved(said: list[str], options: dict[str, str]) -> set[str]:
    """Of lines that go through the options, the letters of those that approve of theirs.

    "A) robin: no.", "B) jay: yes!". Empty unless several lines begin with a letter.
    """
    letters = [(position_letters(line, eager=False), line) for line in said]
    several = {letter for found, _ in letters for letter in found}
    if len(several & _allowed(options)) < 2:
        return set()
    return {letter for found, line in letters if approves(line) for letter in found}


def _closing_letters(said: list[str], options: dict[str, str]) -> set[str]:
    """The letter that the last line begins with, unless the text goes through the options."""
    line = said[-1]
    letters = position_letters(line, eager=False)
    if any(position_letters(other, eager=False) - letters for other in said[:-1]):
        return set()
    # "X is 5" is about something called X.
    if len(letters) == 1 and not letters <= _allowed(options):
        return set()
    return letters if len(strong_letters(line, _allowed(options)) | letters) == 1 else set()


def _strong(body: str, last: str, options: dict[str, str]) -> Letter:
    letter = _one(strong_letters(body, _allowed(options)), options)
    if letter is UNDECIDED:
        return _one(strong_letters(last, _allowed(options)), options)
    return letter


def _one(letters: set[str], options: dict[str, str]) -> Letter:
    """The only one of `letters`; UNDECIDED for several and for one that is no option."""
    if not letters:
        return None
    if len(letters) > 1 or not letters <= _allowed(options):
        return UNDECIDED
    return next(iter(letters))


def _allowed(options: dict[str, str]) -> set[str]:
    return set(options) or set(string.ascii_uppercase)
