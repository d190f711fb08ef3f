"""The option that a reply chooses, by its letter or by its text."""

from __future__ import annotations

import re
import string

from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decide, find_final_answer_in
from opro_cli.reading.options import (
    find_chosen_letters,
    find_ending_letter,
    find_leading_letters,
    find_letter_by_text,
    find_ordinal_letters,
    find_strong_letters,
    is_approval,
    is_weighing,
    read_lone_letter,
    replace_lookalikes,
)
from opro_cli.reading.reply_text import is_repetition
from opro_cli.reading.sentences import (
    drop_closing,
    drop_denied,
    has_conclusion,
    is_cut_off,
    is_left_open,
    is_refusal,
    is_unfinished,
    is_void,
    split_lines,
    split_sentences,
)

_NO_OPTION = re.compile(r"(?<![^\W_])(?:none|neither|not\s(?:listed|given|among))(?![^\W_])", re.I)
_CUE = re.compile(r"(?<![^\W_])(?:so|but|therefore|thus|hence)(?![^\W_])", re.IGNORECASE)
Letter = str | Undecided | None


def read_letter(text: str, question: str, options: dict[str, str]) -> str | None:
    """The option that `text` chooses, or None; never a letter that is not in `options`.

    Beside a marker: the letter in answer position, else the only one in brackets on that line,
    else the only option whose text is mentioned there. Without one: what `_read_conclusion` says.
    """
    if is_left_open(text):
        return None
    text = replace_lookalikes(text)
    final = find_final_answer_in(text)
    letter = decide(final.marks, lambda mark: _read_mark(mark, question, options))
    if letter is None and not (final.marked and is_void(final.text)):
        letter = _read_conclusion(text, question, options)
    return None if isinstance(letter, Undecided) else letter


def _read_mark(mark: Mark, question: str, options: dict[str, str]) -> Letter:
    """The option beside one marker."""
    if mark.form == "correction":
        return _read_conclusion(mark.rest, question, options)
    line = drop_denied(mark.line)
    letter = _read_whole_line(line, options)
    if letter is None:
        letter = _pick_only(find_leading_letters(line, eager=True), options)
    if letter is None:
        letter = _pick_only(find_strong_letters(line, _get_allowed(options)), options)
    if letter is None:
        letter = find_letter_by_text(line, options, whole=False)
    if letter is None and _NO_OPTION.search(line):
        return UNDECIDED
    if letter is None and mark.form == "label" and mark.rest != mark.line:
        return _read_conclusion(mark.rest, question, options)
    return letter


def _read_conclusion(text: str, question: str, options: dict[str, str]) -> Letter:
    """The option that a text without a marker comes to.

    The last line if it is one; what the last sentence chooses ("I pick C"); the letter that the
    text begins with, unless it comes to a conclusion later; the only letter that it chooses, or
    approves of, or begins its last line with; the only one in brackets in the text, or in its
    last sentence; the only option that its last sentence names, or all of it. Of a text that is
    cut off only what it begins with.
    """
    if is_repetition(text, question):
        return None
    whole = drop_closing(text)
    body = drop_denied(whole)
    said = split_lines(body)
    if not said:
        return None
    last = split_sentences(said[-1])[-1]
    leading = _read_beginning(said, options)
    if is_cut_off(whole) or is_unfinished(last, body):
        return leading
    letter = _read_whole_line(said[-1], options) or _pick_only(
        _find_last_choice(last, options), options
    )
    if letter is None and not has_conclusion(body[len(said[0]) :]):
        letter = leading
    if (
        letter is None
        and _NO_OPTION.search(last)
        and not find_letter_by_text(last, options, whole=False)
    ):
        return UNDECIDED
    for candidates in (
        find_chosen_letters(body),
        _find_approved(said, options),
        _find_closing(said, options),
    ):
        letter = letter or _pick_only(candidates, options)
    if letter is None:
        letter = _read_strong(body, last, options)
    if letter is None and not is_refusal(last):
        letter = find_ending_letter(last, options)
        if letter is None and not is_weighing(last):
            letter = find_letter_by_text(last, options, whole=False)
        letter = letter or find_letter_by_text(body, options, whole=False)
    return letter


def _find_last_choice(sentence: str, options: dict[str, str]) -> set[str]:
    """The letters that the last clause of `sentence` with a choice chooses."""
    for clause in reversed(_CUE.split(sentence)):
        if letters := find_chosen_letters(clause) | find_ordinal_letters(clause, options):
            return letters
    return set()


def _read_whole_line(line: str, options: dict[str, str]) -> Letter:
    """The option that `line` is, by text or by letter."""
    letter = read_lone_letter(line)
    # "C++" and "I. Newton" begin with a letter and are not one.
    if letter not in _get_allowed(options):
        named = find_letter_by_text(line, options, whole=True)
        if named:
            return named
    return _pick_only({letter} if letter else set(), options)


def _read_beginning(said: list[str], options: dict[str, str]) -> Letter:
    """The letter that the text begins with, unless it goes through the options."""
    if lone := read_lone_letter(said[0]):
        return _pick_only({lone}, options)
    letters = find_leading_letters(said[0], eager=False)
    others = [find_leading_letters(line, eager=False) for line in said[1:]]
    if len(letters) != 1 or not letters <= _get_allowed(options) or any(others):
        return None
    return _pick_only(letters | find_strong_letters(said[0], _get_allowed(options)), options)


def _find_approved(said: list[str], options: dict[str, str]) -> set[str]:
    """Of lines that go through the options, the letters of those that approve of theirs.

    "A) robin: no.", "B) jay: yes!". Empty unless several lines begin with a letter.
    """
    letters = [(find_leading_letters(line, eager=False), line) for line in said]
    several = {letter for found, _ in letters for letter in found}
    if len(several & _get_allowed(options)) < 2:
        return set()
    return {letter for found, line in letters if is_approval(line) for letter in found}


def _find_closing(said: list[str], options: dict[str, str]) -> set[str]:
    """The letter that the last line begins with, unless the text goes through the options."""
    line = said[-1]
    letters = find_leading_letters(line, eager=False)
    if any(find_leading_letters(other, eager=False) - letters for other in said[:-1]):
        return set()
    # "X is 5" is about something called X.
    if len(letters) == 1 and not letters <= _get_allowed(options):
        return set()
    return (
        letters if len(find_strong_letters(line, _get_allowed(options)) | letters) == 1 else set()
    )


def _read_strong(body: str, last: str, options: dict[str, str]) -> Letter:
    letter = _pick_only(find_strong_letters(body, _get_allowed(options)), options)
    if letter is UNDECIDED:
        return _pick_only(find_strong_letters(last, _get_allowed(options)), options)
    return letter


def _pick_only(letters: set[str], options: dict[str, str]) -> Letter:
    """The only one of `letters`; UNDECIDED for several and for one that is no option."""
    if not letters:
        return None
    if len(letters) > 1 or not letters <= _get_allowed(options):
        return UNDECIDED
    return next(iter(letters))


def _get_allowed(options: dict[str, str]) -> set[str]:
    return set(options) or set(string.ascii_uppercase)
