"""Read and judge answers as the paper's reference implementation does, oddities included."""

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

# In lower case. The answer precedes a question that the model appends.
_QUESTION = (
    "প্রশ্ন:", "frage:", "question:", "pregunta:", "question :", "問題：", "задача:", "swali:",
    "ప్రశ్న:", "โจทย์:", "问题：", "q:",
)  # fmt: skip
_RATIONALE = (
    "ধাপে ধাপে উত্তর: ", "schritt-für-schritt-antwort: ", "step-by-step answer: ",
    "respuesta paso a paso: ", "réponse étape par étape : ", "ステップごとの答え：",
    "пошаговое решение: ", "jibu la hatua kwa hatua: ", "దశలవారీగా సమాధానం: ",
    "คำตอบทีละขั้นตอน: ", "逐步解答：",
)  # fmt: skip
_ANSWER_IS = ("answer is ", "answer: ", "answer is: ")
_IS = ("is: ", "are: ")
_IS_THE_ANSWER = (
    " is the correct answer", " is the right answer", " is the final answer", " is the answer",
)  # fmt: skip
_SOLUTION = "this is the solution:"

# Replaced in this order, also inside other words: "fourteen" has become "4teen" before its turn.
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

    marked: whether it was beside an answer phrase ("the answer is …", "… is the answer").
    """

    text: str
    marked: bool


def normalize_answer(
    reply: str, *, as_number: bool, as_boolean: bool = False, decimals: int = 0
) -> str:
    """Return the answer of `reply` to compare with a gold answer: text up to the first full stop.

    Args:
        reply: The whole reply.
        as_number: Return a number in digits, rounded half to even ("17.6" -> "18").
        as_boolean: Return "false" for 0 and "true" for 1; takes precedence over `as_number`.
        decimals: Decimal places of a number.
    """
    passage = _find_passage(reply)
    if as_boolean:
        return _read_boolean(passage, decimals)
    return _read_number(passage, decimals) if as_number else passage.text.partition(".")[0]


def read_boxed_answer(reply: str) -> str | None:
    r"""Return the content of the first \boxed{…} within a line, up to its first "}", or None."""
    return _find_enclosed(reply, r"\boxed{", "}")


def take_answer_line(text: str) -> str:
    """Return the first line of `text`, without leading colons, up to the next "Q:"."""
    return text.strip(":").strip().partition("\n")[0].partition("Q:")[0]


def drop_punctuation(text: str) -> str:
    """Return `text` without ASCII punctuation and surrounding whitespace."""
    return text.translate(_PUNCTUATION).strip()


def _find_passage(reply: str) -> _Passage:
    # Case matters here: "The Answer Is: 18" lacks the phrase and is read at "is: ".
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
    """Return the first brackets of `text` if only one of "(a)" … "(z)" occurs, else `text`."""
    if len(set(_LETTER_IN_BRACKETS.findall(text))) != 1:
        return text
    return f"({_find_enclosed(text, '(', ')')})"


def _find_enclosed(text: str, left: str, right: str) -> str | None:
    # By line: a regular expression would scan the rest of the line for every `left`.
    for line in text.split("\n"):
        inside, closed, _ = line.partition(left)[2].partition(right)
        if closed:
            return inside
    return None


def _read_boolean(passage: _Passage, decimals: int) -> str:
    sentence = passage.text.partition(".")[0]
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
    """Return the first token, or the last, that is not all letters; "" counts as a token."""
    ordered = tokens if first else tokens[::-1]
    return next((token for token in ordered if not token.isalpha()), ordered[0])


def _drop_unit(token: str) -> str:
    """Return "156" for "156kgs", "823" for "823-yard"."""
    end = len(token)
    while end and token[end - 1].isalpha():
        end -= 1
    return token[:end].removesuffix("-")


def _find_last_integer(token: str) -> str:
    """Return the last integer of the first line that has one, else `token` itself."""
    for line in token.split("\n"):
        if integers := _INTEGER.findall(line):
            return str(integers[-1])
    return token


_LETTERS = string.ascii_lowercase
_BRACKETED = re.compile(r"\(([a-z])\)")
# "A:" is the answer line at the end of a prompt, but cuts everywhere.
_OPTION_MARK = re.compile(r"\([A-Z]\)|A:")


def is_right(gold: str, answer: str, *, options_in: str = "", inclusion: bool) -> bool:
    """Return whether `answer` is the gold answer, ignoring case.

    Args:
        gold: The gold answer; for multiple choice a letter, else nothing is right.
        answer: The answer read from a reply.
        options_in: The text that lists the options of multiple choice, "(A) west (B) east", or "".
        inclusion: Whether an answer that contains the gold answer is right.
    """
    gold, answer = gold.lower(), answer.lower()
    right = inclusion and gold in answer
    if not options_in:
        gold, answer = _drop_brackets(gold), _drop_brackets(answer)
        return right or _is_same(gold, answer) or _is_same_truth(gold, answer)
    letter, answer = _drop_brackets(gold), _normalize_choice(answer)
    if len(letter) != 1 or letter not in _LETTERS:
        return False
    right = right or _is_same(letter, answer)
    return right or _is_gold_option(answer, options_in, _LETTERS.index(letter))


def _drop_brackets(text: str) -> str:
    bracketed = _BRACKETED.fullmatch(text)
    return bracketed[1] if bracketed else text


def _normalize_choice(answer: str) -> str:
    # The reference takes a part of the alphabet, "ab" or "", for a letter and adds brackets.
    if len(answer) != 1 and answer in _LETTERS:
        return f"({answer})"
    return _drop_brackets(answer)


def _is_same(gold: str, answer: str) -> bool:
    return gold == answer or drop_punctuation(gold) == drop_punctuation(answer)


def _is_same_truth(gold: str, answer: str) -> bool:
    truth = TRUTH_OF_WORD.get(gold)
    return truth is not None and TRUTH_OF_DIGIT.get(answer, answer).strip() == truth


def _is_gold_option(answer: str, text: str, index: int) -> bool:
    """Return whether `answer` is the option at `index` in `text`, or mentions only that one.

    Options end with their line or at the next mark; the others are "(A)" and its successors
    without a gap.
    """
    pieces = _OPTION_MARK.split(text, maxsplit=len(_LETTERS) + 1)[1 : len(_LETTERS) + 1]
    if index >= len(pieces):
        return False
    options = [piece.strip().lower().partition("\n")[0] for piece in pieces]
    gold = options[index]
    # With a full stop, "!" or "?" an answer is not the text: the reference keeps these.
    plain = drop_punctuation(answer) if not set("!?.") & set(answer) else answer
    if gold in (answer, plain):
        return True
    marks = (f"({letter.upper()})" for letter in _LETTERS)
    listed = len(list(itertools.takewhile(text.__contains__, marks)))
    others = options[: min(index, listed)] + options[index + 1 : listed]
    rest = answer if any(gold in other for other in others) else answer.replace(gold, "")
    return gold in answer and not any(other in rest for other in others)
