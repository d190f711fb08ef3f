"""Answers read and judged as the paper's reference does, oddities included."""

from __future__ import annotations

import itertools
import re
import string
from dataclasses import dataclass

TRUTH_OF_WORD = {
    "false": "false", "no": "false", "invalid": "false",
    "true": "true", "yes": "true", "valid": "true",
}  # fmt: skip
TRUTH_OF_DIGIT = {"0": "false", "1": "true"}

# Everything is sought in lower case. A model that goes on with a question of its own has
# answered before it.
_QUESTION = (
    "প্রশ্ন:",
    "frage:",
    "question:",
    "pregunta:",
    "question :",
    "問題：",
    "задача:",
    "swali:",
    "ప్రశ్న:",
    "โจทย์:",
    "问题：",
    "q:",
)
_RATIONALE = (
    "ধাপে ধাপে উত্তর: ",
    "schritt-für-schritt-antwort: ",
    "step-by-step answer: ",
    "respuesta paso a paso: ",
    "réponse étape par étape : ",
    "ステップごとの答え：",
    "пошаговое решение: ",
    "jibu la hatua kwa hatua: ",
    "దశలవారీగా సమాధానం: ",
    "คำตอบทีละขั้นตอน: ",
    "逐步解答：",
)
_ANSWER_IS = ("answer is ", "answer: ", "answer is: ")
_IS = ("is: ", "are: ")
_IS_THE_ANSWER = (
    " is the correct answer",
    " is the right answer",
    " is the final answer",
    " is the answer",
)
_SOLUTION = "this is the solution:"

# Replaced in this order, also inside other words: "fourteen" is "4teen" before its turn would
# come, so it and its like are not listed.
_DIGITS_OF = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
    "thirteen": "13", "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40",
    "fifty": "50",
}  # fmt: skip
_SEPARATORS = str.maketrans("", "", "$,%€£")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_INTEGER = re.compile(r"\d+")
_LETTER_IN_BRACKETS = re.compile(r"\([a-z]\)")


@dataclass(frozen=True, slots=True)
class _Passage:
    """The part of a reply that holds its answer, in lower case.

    marked: it stood beside an answer phrase ("the answer is …", "… is the answer").
    """

    text: str
    marked: bool


def normalize_answer(
    reply: str, *, as_number: bool, as_boolean: bool = False, decimals: int = 0
) -> str:
    """The answer of `reply` as text to compare with a gold answer; "" where nothing is left.

    as_number: a number in digits, rounded half to even to `decimals` places ("17.6" -> "18").
    as_boolean: 0 and 1 are "false" and "true"; goes before `as_number`.
    Otherwise a text up to its first full stop.
    """
    passage = _find_passage(reply)
    if as_boolean:
        return _read_boolean(passage, decimals)
    return _read_number(passage, decimals) if as_number else _take_sentence(passage.text)


def read_boxed_answer(reply: str) -> str | None:
    r"""What stands in the first \boxed{…} of one line, up to its first "}"; None without one."""
    return _find_enclosed(reply, r"\boxed{", "}")


def take_answer_line(text: str) -> str:
    """The first line of `text`, less colons before it, up to the next "Q:"."""
    return text.strip(":").strip().partition("\n")[0].partition("Q:")[0]


def drop_punctuation(text: str) -> str:
    """`text` without ASCII punctuation and surrounding whitespace."""
    return text.translate(_PUNCTUATION).strip()


def _find_passage(reply: str) -> _Passage:
    # As written: "The Answer Is: 18" does not have the phrase, and is read at its "is: ".
    closing = _ANSWER_IS if any(phrase in reply for phrase in _ANSWER_IS) else _IS
    text, marked = reply.lower().strip(), False
    for question in _QUESTION:
        text = text.partition(question)[0]
    for phrase in (*_RATIONALE, "#### ", *closing):
        if phrase in text:
            text, marked = text.rpartition(phrase)[2], True
    for phrase in _IS_THE_ANSWER:
        if phrase in text:
            text, marked = text.partition(phrase)[0], True
    text = text.strip().partition(_SOLUTION)[0].rstrip(".").rstrip("'")
    return _Passage(_take_sole_choice(text), marked)


def _take_sole_choice(text: str) -> str:
    """The first brackets of `text` where exactly one of "(a)" … "(z)" occurs, else `text`."""
    if len(set(_LETTER_IN_BRACKETS.findall(text))) != 1:
        return text
    return f"({_find_enclosed(text, '(', ')')})"


def _find_enclosed(text: str, left: str, right: str) -> str | None:
    # Line by line, where an expression would go over the rest of a line for every `left`.
    for line in text.split("\n"):
        inside, closed, _ = line.partition(left)[2].partition(right)
        if closed:
            return inside
    return None


def _take_sentence(text: str) -> str:
    return text.partition(".")[0]


def _read_boolean(passage: _Passage, decimals: int) -> str:
    sentence = _take_sentence(passage.text)
    if sentence in TRUTH_OF_WORD:
        return sentence
    number = _read_number(passage, decimals)
    digit = TRUTH_OF_DIGIT.get(sentence) or TRUTH_OF_DIGIT.get(number)
    return digit or drop_punctuation(passage.text)


def _read_number(passage: _Passage, decimals: int) -> str:
    text = passage.text.rpartition("=")[2].translate(_SEPARATORS).partition(":")[0].strip()
    for word, digits in _DIGITS_OF.items():
        text = text.replace(word, digits)
    token = _drop_unit(_pick_numeric_token(text.split(" "), first=passage.marked))
    try:
        return f"{float(token):.{decimals}f}"
    except ValueError:
        return _find_last_integer(token)


def _pick_numeric_token(tokens: list[str], *, first: bool) -> str:
    """The first token, or the last, that is not all letters; "" between two blanks is one."""
    ordered = tokens if first else tokens[::-1]
    return next((token for token in ordered if not token.isalpha()), ordered[0])


def _drop_unit(token: str) -> str:
    """ "156kgs" -> "156", "823-yard" -> "823-" -> "823"."""
    end = len(token)
    while end and token[end - 1].isalpha():
        end -= 1
    return token[:end].removesuffix("-")


def _find_last_integer(token: str) -> str:
    """The last integer of the first line that has one, else `token` itself."""
    for line in token.split("\n"):
        if integers := _INTEGER.findall(line):
            return str(integers[-1])
    return token


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
        gold, answer = _drop_brackets(gold), _drop_brackets(answer)
        return right or _is_same(gold, answer) or _is_same_truth(gold, answer)
    letter, answer = _drop_brackets(gold), _normalize_choice(answer)
    if len(letter) != 1 or letter not in _LETTERS:
        return False
    options = _find_options(options_in, _LETTERS.index(letter))
    right = right or _is_same(letter, answer)
    return right or (options is not None and _is_gold_option(answer, options))


def _drop_brackets(text: str) -> str:
    bracketed = _BRACKETED.fullmatch(text)
    return bracketed[1] if bracketed else text


def _normalize_choice(answer: str) -> str:
    # A stretch of the alphabet, "ab" or "", passes for a letter there and is put in brackets.
    if len(answer) != 1 and answer in _LETTERS:
        return f"({answer})"
    return _drop_brackets(answer)


def _is_same(gold: str, answer: str) -> bool:
    return gold == answer or drop_punctuation(gold) == drop_punctuation(answer)


def _is_same_truth(gold: str, answer: str) -> bool:
    truth = TRUTH_OF_WORD.get(gold)
    return truth is not None and TRUTH_OF_DIGIT.get(answer, answer).strip() == truth


def _find_options(text: str, place: int) -> _Options | None:
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


def _is_gold_option(answer: str, options: _Options) -> bool:
    """Whether `answer` is the text of the right option, or mentions it and no other one."""
    # Full stops, "!" and "?" are no punctuation here: they keep an answer from being the text.
    plain = drop_punctuation(answer) if not set("!?.") & set(answer) else answer
    if options.gold in (answer, plain):
        return True
    inside_another = any(options.gold in other for other in options.others)
    rest = answer if inside_another else answer.replace(options.gold, "")
    return options.gold in answer and not any(other in rest for other in options.others)
