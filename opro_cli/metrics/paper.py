"""Grade as the paper does, and replies to the second round's "So the final answer is"."""

from __future__ import annotations

import math
import re
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Literal

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.core.task.prompt import FINAL_ANSWER_CUE
from opro_cli.reading.paper import is_right, normalize_answer, read_boxed_answer, take_answer_line

if TYPE_CHECKING:
    from opro_cli.ports import Metric


@dataclass(frozen=True, slots=True)
class SecondRound:
    """A metric that reads the cue and the reply together, because they form one sentence."""

    metric: Metric

    def target(self, raw: str) -> str:
        """Return the target of the inner metric."""
        return self.metric.target(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Grade the whole sentence with the inner metric; an empty reply is unreadable."""
        if not reply.strip():
            return UNREADABLE
        beginning = f"{FINAL_ANSWER_CUE} "
        grade = self.metric.grade(beginning + reply, example, prompt)
        if grade.span is None:
            return grade
        start, end = (max(0, at - len(beginning)) for at in grade.span)
        return replace(grade, span=(start, end) if end else None)


PaperKind = Literal["number", "choice", "boolean", "text"]

PAPER_KINDS: dict[str, PaperKind] = {
    "number": "number", "choice": "choice", "boolean": "boolean", "exact": "text"
}  # fmt: skip
"""The paper's kind of answer for each value of `task.answer`."""

_NO_DECIMALS = re.compile(r"(?<=\d)\.0*\Z")


@dataclass(frozen=True, slots=True)
class PaperMetric:
    r"""The reading and scoring of the paper's reference; no reply is unreadable to it.

    Attributes:
        kind: "number" and "boolean" read the answer as such (treat_as_number, treat_as_bool in
            the reference); for "choice" the option text is right as well (is_multiple_choice).
        second_round: The reply answers "So the final answer is": its first line is taken before
            it is read, not after (extract_final_answer_by_prompting_again).
        boxed: Prefer the content of \boxed{…} (is_gpt_model).
        adaptive: Read a number exactly if the gold answer is digits (its MATH data set).
    """

    kind: PaperKind
    _: KW_ONLY
    second_round: bool = False
    boxed: bool = False
    adaptive: bool = False

    def target(self, raw: str) -> str:
        """Return the gold answer: the number after the last "####", or any text.

        "… #### 5,600" -> "5600", "39.0" -> "39" (the reference reads MultiArith's floats as
        integers). Raises ValueError if it is not a number, or empty.
        """
        if self.kind == "number":
            return _parse_number(raw)
        text = raw.strip()
        if not text:
            raise ValueError("expected an answer, found an empty text")
        return text

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Return 1.0 or 0.0, with the answer read; options come from `prompt` or the question."""
        as_number = example.target.isnumeric() if self.adaptive else self.kind == "number"
        if self.second_round:
            answer = self._read(take_answer_line(reply), as_number)
        else:
            answer = take_answer_line(self._read(reply, as_number))
        options_in = (prompt or example.input) if self.kind == "choice" else ""
        right = is_right(example.target, answer, options_in=options_in, inclusion=not as_number)
        return Grade(answer, float(right))

    def _read(self, text: str, as_number: bool) -> str:
        boxed = read_boxed_answer(text) if self.boxed else None
        if boxed is not None:
            return boxed
        return normalize_answer(text, as_number=as_number, as_boolean=self.kind == "boolean")


def _parse_number(raw: str) -> str:
    text = raw.rpartition("####")[2].replace(",", "").strip()
    try:
        finite = math.isfinite(float(text))
    except ValueError:
        finite = False
    if not finite:
        raise ValueError(f"expected a number, found {raw.strip()[-80:]!r}")
    return _NO_DECIMALS.sub("", text)
