"""Scoring as in the paper's experiments: the numbers of the reference implementation, exactly.

The rules are those of google-deepmind/opro, eval_utils.evaluate_single_instruction (which line
is read), metrics.get_normalized_prediction (how) and eval_utils._get_accuracy (what is right).
Its oddities are kept, since they are part of the paper's numbers:

1.  A text, letter or truth value need only occur in the answer: gold "A" is met by "i can't
    say", "valid" by "invalid", "no" by "unknown".
2.  Texts are equal when they are without punctuation: every string of brackets, and the empty
    answer, meets the gold answer "] )".
3.  Number words are replaced inside words: "eighteen" is 8, "twenty-five" 5, "often" 10.
4.  Numbers are rounded to integers, half to even: 17.6 meets 18, and so does 18.5.
5.  Beside an answer phrase the first token that is not all letters is the number, elsewhere the
    last: "12 of 20" is 20. Two blanks in a row have such a token between them, and it is empty.
6.  "The Answer Is: 7" has no answer phrase, for these are looked for as written, but is read
    after "is: "; in "Answer: 7" nothing is found, and the text before the colon is read.
7.  Of several brackets the first is the choice when only one holds a letter: "(note) … (b)".
8.  Options are cut at "A:" too: in a question that has one before its options, gold (B) is met
    by the text of (A). In a prompt that has nothing but a closing "A:", any answer meets (A).
9.  Gold "yes", "valid" and "true" are met by "true" and 1, not by each other.
10. A \\boxed{…} ends at its first "}": of \\boxed{\\text{12}} it takes "\\text{12".

Where the reference crashes this metric goes on: a gold letter beyond the listed options is
compared as a letter, and a reply with \\boxed but no braces is read like any other.
"""

from __future__ import annotations

import math
import re
from typing import Literal

from opro_cli.core.model import Example, Grade
from opro_cli.metrics.reading.paper_accuracy import is_right
from opro_cli.metrics.reading.paper_answer import answer_line, boxed_answer, normalized_answer

PaperKind = Literal["number", "choice", "boolean", "text"]

# How the paper grades what `task.answer` names.
PAPER_KINDS: dict[str, PaperKind] = {
    "number": "number",
    "choice": "choice",
    "boolean": "boolean",
    "exact": "text",
}

_NO_DECIMALS = re.compile(r"(?<=\d)\.0*\Z")


class PaperMetric:
    """The reference's reading and scoring; no reply is unreadable to it, "" is an answer too.

    number, boolean: the answer is read as one (treat_as_number, treat_as_bool there); choice:
    the gold letter's option text counts as well (is_multiple_choice); text: none of these.
    second_round: the reply is that to "So the final answer is", of which the first line is
    taken before it is read, not after (extract_final_answer_by_prompting_again).
    boxed: \\boxed{…} is the answer where there is one (is_gpt_model).
    adaptive: read as a number exactly where the gold answer is digits (its MATH data set).
    """

    def __init__(
        self,
        kind: PaperKind,
        *,
        second_round: bool = False,
        boxed: bool = False,
        adaptive: bool = False,
    ) -> None:
        self._kind = kind
        self._second_round = second_round
        self._boxed = boxed
        self._adaptive = adaptive

    def target(self, raw: str) -> str:
        """The gold answer: a number as it stands after the last "####", or any text.

        number: "… #### 5,600" -> "5600", "39.0" -> "39" (MultiArith's answers are floats there
        that are read as integers). Raises ValueError for what is no number, and for no text.
        """
        if self._kind == "number":
            return _number(raw)
        text = raw.strip()
        if not text:
            raise ValueError("expected an answer, found an empty text")
        return text

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 or 0.0, with the answer that was read.

        prompt: the text that the scorer was asked with, which lists the options of a choice;
        the question itself where it is empty.
        """
        as_number = example.target.isnumeric() if self._adaptive else self._kind == "number"
        answer = self._answer(reply, as_number)
        options_in = (prompt or example.input) if self._kind == "choice" else ""
        right = is_right(example.target, answer, options_in=options_in, inclusion=not as_number)
        return Grade(answer, float(right))

    def _answer(self, reply: str, as_number: bool) -> str:
        if self._second_round:
            return self._read(answer_line(reply), as_number)
        return answer_line(self._read(reply, as_number))

    def _read(self, text: str, as_number: bool) -> str:
        boxed = boxed_answer(text) if self._boxed else None
        if boxed is not None:
            return boxed
        return normalized_answer(text, as_number=as_number, as_boolean=self._kind == "boolean")


def _number(raw: str) -> str:
    text = raw.rpartition("####")[2].replace(",", "").strip()
    try:
        finite = math.isfinite(float(text))
    except ValueError:
        finite = False
    if not finite:
        raise ValueError(f"expected a number, found {raw.strip()[-80:]!r}")
    return _NO_DECIMALS.sub("", text)
