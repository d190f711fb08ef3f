"""Replies of the second round: they go on from "So the final answer is"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.core.task.prompt import FINAL_ANSWER_CUE
from opro_cli.ports import Metric
from opro_cli.reading.paper import is_right, normalize_answer, read_boxed_answer, take_answer_line


@dataclass(frozen=True, slots=True)
class SecondRound:
    """A metric that reads the cue and the reply together, as the one sentence they are."""

    metric: Metric

    def target(self, raw: str) -> str:
        """As the metric reads it."""
        return self.metric.target(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """As the metric grades the whole sentence; the cue alone answers nothing."""
        if not reply.strip():
            return UNREADABLE
        return self.metric.grade(f"{FINAL_ANSWER_CUE} {reply}", example, prompt)


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
            return self._read(take_answer_line(reply), as_number)
        return take_answer_line(self._read(reply, as_number))

    def _read(self, text: str, as_number: bool) -> str:
        boxed = read_boxed_answer(text) if self._boxed else None
        if boxed is not None:
            return boxed
        return normalize_answer(text, as_number=as_number, as_boolean=self._kind == "boolean")


def _number(raw: str) -> str:
    text = raw.rpartition("####")[2].replace(",", "").strip()
    try:
        finite = math.isfinite(float(text))
    except ValueError:
        finite = False
    if not finite:
        raise ValueError(f"expected a number, found {raw.strip()[-80:]!r}")
    return _NO_DECIMALS.sub("", text)
