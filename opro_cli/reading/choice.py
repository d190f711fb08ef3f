"""Read the option that a reply chooses, by its letter or by its text."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

from opro_cli.reading import prose
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, read_answer
from opro_cli.reading.options import (
    find_chosen_letters,
    find_ending_letter,
    find_leading_letters,
    find_letter_by_copy,
    find_letter_by_text,
    find_ordinal_letters,
    find_strong_letters,
    read_lone_letter,
    replace_lookalikes,
)
from opro_cli.reading.reply_text import is_repetition

_NO_OPTION = re.compile(r"(?<![^\W_])(?:none|neither|not\s(?:listed|given|among))(?![^\W_])", re.I)
_CUE = re.compile(r"(?<![^\W_])(?:so|but|therefore|thus|hence)(?![^\W_])", re.IGNORECASE)
# "It could also be an owl" only adds a possibility.
_SETTLING = re.compile(
    r"(?<![^\W_])(?:must\sbe|has\sto\sbe|would\sbe|leaves|answer|best|most|only|correct|right|so)"
    r"(?![^\W_])",
    re.IGNORECASE,
)
_WEIGHING = re.compile(
    r"(?<![^\W_])(?:also|another|other|could|might|may|possible|possibly|if|example)(?![^\W_])",
    re.IGNORECASE,
)
_APPROVAL = re.compile(
    r"(?<![^\W_])(?:yes|correct|right|true|fits)(?![^\W_])|[✓✔✅]", re.IGNORECASE
)
_DISAPPROVAL = re.compile(
    r"(?<![^\W_])(?:no|not|incorrect|wrong|false|but|neither)(?![^\W_])|n['’]t(?![^\W_])|[✗✘❌]",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"(?<![^\W_])\(?(?P<letter>[A-Z])[).:][ \t]*(?P<text>[^\n]{0,200})")
_SEVERAL = re.compile(r"\W*[A-Z](?:[\s,()*]+[A-Z](?![^\W_]))+\W*")
BEGUN_WORDS = 2
"""Words of the shortest beginning of an option that tells it from the others."""
MIN_PREFIX = 3
"""Characters of the shortest option recognised as the subject of a sentence."""
Letter = str | Undecided | None


def read_letter(
    text: str, question: str, options: dict[str, str], *, cut: bool = False
) -> str | None:
    """Return the option that `text` chooses, or None; always one of `options`.

    Beside a marker: the letter in answer position, else the only one in brackets on that line,
    else the only option whose text is mentioned there. Without a marker see `_read_conclusion`;
    a reply that was `cut` counts only for its beginning.
    """

    def conclude(text: str) -> Letter:
        return _read_conclusion(text, question, options, cut=cut)

    return read_answer(
        replace_lookalikes(text), lambda mark: _read_mark(mark, options, conclude), conclude
    )


def find_letter_beside(text: str, letter: str, options: dict[str, str]) -> str | None:
    """Return the option whose text stands where `text` last gives `letter`: "(B) jay"."""
    given = [each["text"] for each in _LETTERED.finditer(text) if each["letter"] == letter]
    if not given:
        return None
    return find_letter_by_text(given[-1], options, whole=True) or _find_begun(given[-1], options)


def _find_begun(text: str, options: dict[str, str]) -> str | None:
    """Return the only option that begins with `text`, of some words."""
    plain = text.strip().casefold()
    begun = [letter for letter, each in options.items() if each.casefold().startswith(plain)]
    return begun[0] if len(begun) == 1 and len(plain.split()) >= BEGUN_WORDS else None


def _read_mark(mark: Mark, options: dict[str, str], conclude: Callable[[str], Letter]) -> Letter:
    """Return the option beside one marker."""
    if mark.form == "correction":
        return conclude(mark.rest)
    line = prose.drop_denied(mark.line)
    if _SEVERAL.fullmatch(line):
        return UNDECIDED
    letter = (
        _read_whole_line(line, options)
        or _pick_only(find_leading_letters(line, eager=True), options)
        or _pick_only(find_strong_letters(line, _get_allowed(options)), options)
        or find_letter_by_text(line, options, whole=False)
    )
    if letter is None and _NO_OPTION.search(line):
        return UNDECIDED
    if letter is None and mark.form == "label" and mark.rest != mark.line:
        return conclude(mark.rest)
    return letter


def _read_conclusion(text: str, question: str, options: dict[str, str], *, cut: bool) -> Letter:
    """Return the option that a text without a marker chooses.

    In this order: the last line if it is an option; the choice of the last sentence ("I pick
    C"); the letter at the beginning, unless a conclusion follows; the only letter that is chosen,
    approved of, or at the start of the last line; the only one in brackets in the text, or in its
    last sentence; the only option named in the last sentence, or in the text. A text that is cut
    off counts only for its beginning.
    """
    if is_repetition(text, question) and not _repeats_one_option(text, options, cut=cut):
        return None
    whole = prose.drop_closing(text)
    body = prose.drop_denied(whole)
    lines = prose.split_lines(body)
    if not lines or _lists_letters(lines):
        return UNDECIDED if lines else None
    last = prose.split_sentences(lines[-1])[-1]
    leading = _read_beginning(lines, options)
    listed = [find_leading_letters(line, eager=False) & set(options) for line in lines]
    if cut or prose.is_cut_off(whole) or prose.is_unfinished(last, body):
        first = prose.split_sentences(lines[0])[0]
        named = find_letter_by_text(first, options, whole=True)
        if named == "A" and len(set().union(*listed[1:])) > 1:  # the list without its first letter
            return UNDECIDED
        return leading or named or _read_prefix(first, options) or _read_whole(first, options)
    several = len(set().union(*listed)) > 1 and all(listed)
    if several and not _find_approved(lines, options):
        return UNDECIDED
    letter = _read_whole_line(lines[-1], options)
    letter = letter or _pick_only(_find_last_choice(last, options), options)
    if letter is None and not prose.has_conclusion(body[len(lines[0]) :]):
        letter = leading
    named = find_letter_by_text(last, options, whole=False)
    if letter is None and named is None and _NO_OPTION.search(last):
        return UNDECIDED
    letter = (
        letter
        or _pick_only(find_chosen_letters(body), options)
        or _pick_only(_find_approved(lines, options), options)
        or _pick_only(_find_closing(lines, options), options)
        or _read_strong(body, last, options)
    )
    if letter or prose.is_refusal(last):
        return letter
    if _WEIGHING.search(last) and not _SETTLING.search(last):
        named = None
    ending = find_ending_letter(last, options)
    return (
        ending
        or named
        or find_letter_by_text(body, options, whole=False)
        or find_letter_by_copy(body, options)
    )


def _lists_letters(lines: list[str]) -> bool:
    """Return whether different letters are all that the lines have: "(A)", "(B)", or "A (D)"."""
    lone = {read_lone_letter(line) for line in lines}
    differing = len(set(lines)) > 1 and all(map(_SEVERAL.fullmatch, lines))
    return differing or (len(lone) > 1 and None not in lone)


def _repeats_one_option(text: str, options: dict[str, str], *, cut: bool) -> bool:
    """Return whether `text` is one option of the question, and not the begin of their list."""
    letters = [each["letter"] for each in _LETTERED.finditer(text)]
    return len(letters) == 1 and letters[0] in options and not (cut and letters == ["A"])


def _read_prefix(sentence: str, options: dict[str, str]) -> str | None:
    """Return the option with whose text `sentence` begins: "09/08/2003 is the date …".

    A sentence that goes on otherwise ("Iron is a metal that …") has to be whole.
    """
    plain = sentence.casefold()
    verbs = ("is ", "are ") if prose.is_terminated(sentence) else ("is the ",)
    found = [
        letter
        for letter, option in options.items()
        if len(option) >= MIN_PREFIX
        and plain.startswith(tuple(f"{option.casefold()} {verb}" for verb in verbs))
    ]
    return found[0] if len(found) == 1 else None


def _read_whole(sentence: str, options: dict[str, str]) -> str | None:
    """Return the option that a whole sentence ends with, or of which it has letter and text."""
    if not prose.is_terminated(sentence):
        return None
    lettered = _pick_only(find_strong_letters(sentence, set(options)), options)
    named = find_letter_by_text(sentence, options, whole=False)
    if lettered is None:
        return find_ending_letter(sentence, options)
    return named if named == lettered else None


def _find_last_choice(sentence: str, options: dict[str, str]) -> set[str]:
    """Return the letters chosen in the last clause of `sentence` that chooses any."""
    for clause in reversed(_CUE.split(sentence)):
        if letters := find_chosen_letters(clause) | find_ordinal_letters(clause, options):
            return letters
    return set()


def _read_whole_line(line: str, options: dict[str, str]) -> Letter:
    """Return the option that `line` is, by text or by letter."""
    letter = read_lone_letter(line)
    if letter in _get_allowed(options):
        return letter
    # "C++" and "I. Newton" begin with a letter and are not one.
    named = find_letter_by_text(line, options, whole=True)
    return named or (UNDECIDED if letter else None)


def _read_beginning(lines: list[str], options: dict[str, str]) -> Letter:
    """Return the letter that the text begins with, unless it discusses each option."""
    if lone := read_lone_letter(lines[0]):
        return _pick_only({lone}, options)
    letters = find_leading_letters(lines[0], eager=False)
    others = [find_leading_letters(line, eager=False) for line in lines[1:]]
    if len(letters) != 1 or not letters <= _get_allowed(options) or any(others):
        return None
    return _pick_only(letters | find_strong_letters(lines[0], _get_allowed(options)), options)


def _find_approved(lines: list[str], options: dict[str, str]) -> set[str]:
    """Return the letters of approved options in a text that discusses each option on a line.

    "A) robin: no.", "B) jay: yes!". Empty unless several lines begin with a letter.
    """
    leading = [(find_leading_letters(line, eager=False), line) for line in lines]
    if len(set().union(*(letters for letters, _ in leading)) & _get_allowed(options)) < 2:
        return set()
    return {
        letter
        for letters, line in leading
        if _APPROVAL.search(line) and not _DISAPPROVAL.search(line)
        for letter in letters
    }


def _find_closing(lines: list[str], options: dict[str, str]) -> set[str]:
    """Return the letter that the last line begins with, unless the text discusses each option."""
    line = lines[-1]
    letters = find_leading_letters(line, eager=False)
    if any(find_leading_letters(other, eager=False) - letters for other in lines[:-1]):
        return set()
    allowed = _get_allowed(options)
    # "X is 5" is about something called X.
    if len(letters) == 1 and not letters <= allowed:
        return set()
    return letters if len(find_strong_letters(line, allowed) | letters) == 1 else set()


def _read_strong(body: str, last: str, options: dict[str, str]) -> Letter:
    letter = _pick_only(find_strong_letters(body, _get_allowed(options)), options)
    if letter is UNDECIDED:
        return _pick_only(find_strong_letters(last, _get_allowed(options)), options)
    return letter


def _pick_only(letters: set[str], options: dict[str, str]) -> Letter:
    """Return the only one of `letters`; UNDECIDED for several, and for a letter without option."""
    if not letters:
        return None
    if len(letters) > 1 or not letters <= _get_allowed(options):
        return UNDECIDED
    return next(iter(letters))


def _get_allowed(options: dict[str, str]) -> set[str]:
    return set(options) or set(string.ascii_uppercase)
