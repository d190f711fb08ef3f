"""Grade answers that are mathematics: expressions, sets, intervals, matrices, numbers, words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics.number import NumberMetric
from opro_cli.metrics.text import ExactMetric
from opro_cli.reading.answer_text import collapse_spaces, require_text
from opro_cli.reading.final_answer import find_final_answer
from opro_cli.reading.latex_tokens import make_key
from opro_cli.reading.math import is_formula, is_plain_number, is_same_math, read_words
from opro_cli.reading.math_answer import read_box, read_math
from opro_cli.reading.prose import is_left_open
from opro_cli.reading.reply_text import Part, select_parts

LONGEST_GOLD = 400
"""Characters of a gold answer; a longer text is a solution."""


class MathMetric:
    r"""Whether the reply gives the same expression, as `math.is_same_math` compares them.

    What the last `\boxed{}` holds counts, else the answer at the last marker, else the last
    formula. Without a box a gold number is read as by `number`, and a gold word as by `exact`.
    """

    def target(self, raw: str) -> str:
        r"""Return the answer: what the last `\boxed{}` holds, or stands behind "####".

        An answer that has a marker of its own is read again, so that a target read is itself.

        Raises:
            ValueError: There is none, or it is a whole solution.
        """
        text = self._read_target(raw)
        while (again := self._read_target(text)) != text:
            text = again
        return text

    def _read_target(self, raw: str) -> str:
        text = read_box(raw)
        if text is None:
            final = find_final_answer(raw)
            text = final.text if final.marks else raw
        text = require_text(text.strip().strip("$")).strip()
        if len(text) > LONGEST_GOLD:
            raise ValueError(
                f"expected an expression, found a text of {len(text)} characters, "
                "and no \\boxed{}"
            )
        if not make_key(text):
            raise ValueError(f"expected an expression, found {text!r}")
        return collapse_spaces(text)

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return 1.0 for the same expression, 0.0 for another one."""
        parts = select_parts(reply, example.input, prompt, cut=cut)
        whole = (part.text for part in parts if not is_left_open(part.text))
        boxed = next(filter(None, map(read_box, whole)), None)
        if boxed is not None:
            return Grade(collapse_spaces(boxed), float(is_same_math(boxed, example.target)))
        formula = self._grade_formula(parts, example)
        if is_plain_number(example.target):
            # "so x = (1 + √5)/2" does not say 2
            if formula.answer is not None and is_formula(formula.answer):
                return formula
            return NumberMetric().grade(reply, example, prompt, cut=cut)
        words = read_words(example.target)
        if words is None or formula.score == 1.0:
            return formula
        return ExactMetric().grade(reply, replace(example, target=words), prompt, cut=cut)

    def _grade_formula(self, parts: Sequence[Part], example: Example) -> Grade:
        for part in parts:
            given = read_math(part.text, example.input, cut=part.cut)
            if given is not None:
                return Grade(collapse_spaces(given), float(is_same_math(given, example.target)))
        return UNREADABLE
