"""Whether an answer that was read is right, as the reference judges it.

Same results as google-deepmind/opro, eval_utils._get_accuracy and _get_answer_text;
`opro_cli.metrics.paper` lists what is odd about them. Where those crash, on a gold letter
beyond the listed options, the letter alone is compared.
"""

from __future__ import annotations

import itertools
import re
import string
from dataclasses import dataclass

from opro_cli.metrics.reading.paper_answer import TRUTH_OF_DIGIT, TRUTH_OF_WORD, without_punctuation

_LETTERS = string.ascii_lowercase
_BRACKETED = re.compile(r"\(([a-z])\)")
# "A:" is meant for the answer line that closes a prompt, and cuts wherever it stands.
_OPTION_MARK = re.compile(r"\([A-Z]\)|A:")


@dataclass(frozen=True, slots=True)
class _Options:
    """gold: the text of the right option, in lower case; others: those of the other ones."""

    gold: str
    others: tuple[str, ...]


def is_right(gold: str, answer: str, *, options_in: str = "", inclusion: bool) -> bool:
    """Whether `answer` is the gold answer; case never matters.

    options_in: the text that lists the options, "(A) west (B) east", of a multiple choice
    question; there a gold answer that is no letter is never met. "" for any other question.
    inclusion: an answer that contains the gold answer is right as well.
    """
    gold, answer = gold.lower(), answer.lower()
    right = inclusion and gold in answer
    if not options_in:
        gold, answer = _unbracketed(gold), _unbracketed(answer)
        return right or _same(gold, answer) or _same_truth(gold, answer)
    letter, answer = _unbracketed(gold), _option_given(answer)
    if len(letter) != 1 or letter not in _LETTERS:
        return False
    options = _options(options_in, _LETTERS.index(letter))
    right = right or _same(letter, answer)
    return right or (options is not None and _names_gold(answer, options))


def _unbracketed(text: str) -> str:
    bracketed = _BRACKETED.fullmatch(text)
    return bracketed[1] if bracketed else text


def _option_given(answer: str) -> str:
    # A stretch of the alphabet, "ab" or "", passes for a letter there and is put in brackets.
    if len(answer) != 1 and answer in _LETTERS:
        return f"({answer})"
    return _unbracketed(answer)


def _same(gold: str, answer: str) -> bool:
    return gold == answer or without_punctuation(gold) == without_punctuation(answer)


def _same_truth(gold: str, answer: str) -> bool:
    truth = TRUTH_OF_WORD.get(gold)
    return truth is not None and TRUTH_OF_DIGIT.get(answer, answer).strip() == truth


def _options(text: str, place: int) -> _Options | None:
    """The options that `text` lists, the one at `place` as gold; None when it lists fewer.

    Texts end with their line or at the next mark. Only options from "(A)" on without a gap
    count as other ones.
    """
    pieces = _OPTION_MARK.split(text, maxsplit=len(_LETTERS) + 1)[1 : len(_LETTERS) + 1]
    if place >= len(pieces):
        return None
    texts = [piece.strip().lower().partition("\n")[0] for piece in pieces]
    marks = (f"({letter.upper()})" for letter in _LETTERS)
    listed = len(list(itertools.takewhile(text.__contains__, marks)))
    others = (other for index, other in enumerate(texts[:listed]) if index != place)
    return _Options(texts[place], tuple(others))


def _names_gold(answer: str, options: _Options) -> bool:
    """Whether `answer` is the text of the right option, or mentions it and no other one."""
    # Full stops, "!" and "?" are no punctuation here: they keep an answer from being the text.
    plain = without_punctuation(answer) if not set("!?.") & set(answer) else answer
    if options.gold in (answer, plain):
        return True
    inside_another = any(options.gold in other for other in options.others)
    rest = answer if inside_another else answer.replace(options.gold, "")
    return options.gold in answer and not any(other in rest for other in options.others)
