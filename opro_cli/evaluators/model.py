"""The built-in evaluator: the scorer answers the question, and a metric grades its reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from opro_cli.core.run.answers import SHARE, Scale
from opro_cli.core.run.progress import Role
from opro_cli.core.task.candidate import GOLD, Content, Demo, Prompt
from opro_cli.core.task.example import Evaluation, Example, Grade
from opro_cli.core.task.prompt import (
    PromptFormat,
    build_scorer_messages,
    build_second_round,
    format_question,
    with_demos,
)
from opro_cli.ports import Grader, MeteredCall, Metric

SECOND_ROUND_TOKENS = 50
"""The most tokens for the final answer alone (google-deepmind/opro, eval_utils.py)."""


@dataclass(frozen=True, slots=True)
class InlineGrader:
    """Grades in this very process, on the event loop: for metrics that take no time."""

    metric: Metric
    is_immediate = True

    async def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Grade at once, as the metric does."""
        return self.metric.grade(reply, example, prompt)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to give back."""


@dataclass(slots=True)
class ModelEvaluator:
    """Asks the scorer in one round or two, and grades what it says.

    Attributes:
        grader: The metric at work.
        format: Where an instruction stands unless a candidate's own layout says otherwise.
        second_round: Ask once more for the final answer alone.
        demo: Gives the question and the answer that a demonstration shows.
    """

    grader: Grader
    format: PromptFormat
    second_round: bool = False
    demo: Callable[[Demo], tuple[str, str]] | None = None
    name: str = "model"
    roles: Sequence[Role] = ("scorer",)
    scale: Scale = SHARE
    splits: bool = True

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        """Ask one question under a candidate and grade the reply."""
        form, question = self._form(candidate), example.input
        if isinstance(candidate, Prompt) and candidate.demos and self.demo:
            question = with_demos(question, map(self.demo, candidate.demos), form)
        messages = build_scorer_messages(question, candidate.text, form)
        reply = await call("scorer", messages, 1)
        if self.second_round:
            messages = build_second_round(messages, reply.recorded)
            reply = await call("scorer", messages, 2, max_tokens=SECOND_ROUND_TOKENS)
        prompt = format_question(question, candidate.text, form)
        grading = self.grader.grade(reply.text, example, prompt)
        grade = await (grading if self.grader.is_immediate else call.unless_stopped(grading))
        return Evaluation(grade.score, grade.answer)

    def _form(self, candidate: Content) -> PromptFormat:
        """Return the format of a candidate's prompt: its own layout over the config's."""
        if not isinstance(candidate, Prompt):
            return self.format
        own = candidate.layout
        form = self.format if own.position is None else replace(self.format, position=own.position)
        return form if own.qa_markers is None else replace(form, qa_markers=own.qa_markers)


def gold_demo(examples: Sequence[Example]) -> Callable[[Demo], tuple[str, str]]:
    """Return what shows demonstrations by their gold answers."""

    def show(demo: Demo) -> tuple[str, str]:
        if demo.shown != GOLD:
            raise AssertionError("a reply is shown where the strategy needs demos")
        return examples[demo.row].input, examples[demo.row].target

    return show
