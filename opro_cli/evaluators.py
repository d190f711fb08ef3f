"""Evaluators: a model whose replies a metric grades, and what comes from outside opro."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from opro_cli.core.run.progress import Role
from opro_cli.core.scale import SHARE, Scale, read_value
from opro_cli.core.task.chat import find_asked, parse_chat
from opro_cli.core.task.example import UNREADABLE, Evaluation, Example, Grade, Message, Split
from opro_cli.core.task.prompt import (
    GOLD,
    Content,
    Demo,
    Layout,
    Prompt,
    PromptFormat,
    build_messages,
    build_second_round,
)
from opro_cli.errors import PINNED, OproError, RunError, Stopped, UsageError
from opro_cli.ports import Grader, MeteredCall, Metric
from opro_cli.reading.thoughts import drop_open_thoughts

SECOND_ROUND_TOKENS = 50
"""The most tokens for the final answer alone (google-deepmind/opro, eval_utils.py)."""


@functools.cache
def takes_cut(metric: type[Any]) -> bool:
    """Return whether the metrics of a type can be told that a reply was cut."""
    return "cut" in inspect.signature(metric.grade).parameters


@dataclass(frozen=True, slots=True)
class InlineGrader:
    """Grades in this very process, on the event loop: for metrics that take no time."""

    metric: Metric
    is_immediate = True

    async def grade(
        self, reply: str, example: Example, prompt: str = "", *, cut: bool = False
    ) -> Grade:
        """Grade at once, as the metric does; it is told of a cut if it can be."""
        return self.grade_now(reply, example, prompt, cut=cut)

    def grade_now(
        self, reply: str, example: Example, prompt: str = "", *, cut: bool = False
    ) -> Grade:
        """Grade without an event loop."""
        if cut and takes_cut(type(self.metric)):
            metric: Any = self.metric
            grade: Grade = metric.grade(reply, example, prompt, cut=True)
            return grade
        return self.metric.grade(reply, example, prompt)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to give back."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often a question is asked, and what its score is: `scorer.repeats`, `.repeat_score`."""

    count: int = 1
    score: str = "mean"

    def combine(self, grades: Sequence[Evaluation]) -> Evaluation:
        """Return the evaluation of a question from those of its replies.

        An unreadable reply is a wrong one, and a question without a readable reply unreadable. The
        answer is the commonest one that was read, of several the first.
        """
        answers = [grade.answer for grade in grades if grade.answer is not None]
        if not answers:
            return Evaluation(None, None)
        values = [grade.value or 0.0 for grade in grades]
        if self.score == "all":
            value = float(all(each == 1.0 for each in values))
        else:
            value = math.fsum(values) / len(values)
        return Evaluation(value, max(answers, key=answers.count))


ONCE = Repeats()


@dataclass(slots=True)
class ModelEvaluator:
    """Asks the scorer in one round or two, once or several times, and grades what it says.

    Attributes:
        grader: The metric at work.
        format: Where an instruction stands unless a candidate's own layout says otherwise.
        second_round: Ask once more for the final answer alone.
        examples: Those of train, which demonstrations are taken from.
        replies: The scorer's train replies, for demonstrations that show one.
        repeats: How often each question is asked.
    """

    grader: Grader
    format: PromptFormat
    second_round: bool = False
    examples: Sequence[Example] = ()
    replies: Mapping[tuple[str, Split, int], str] = field(default_factory=dict)
    repeats: Repeats = ONCE
    name: str = "model"
    roles: Sequence[Role] = ("scorer",)
    scale: Scale = SHARE
    splits: bool = True

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        """Ask one question under a candidate and grade what is said."""
        messages = self.write_messages(candidate, example)
        count = self.repeats.count
        if count == 1:
            return await self._ask(messages, example, call, (1, 2))
        grades = []
        for number in range(1, count + 1):
            keys = f"repeat {number}", f"repeat {number}, round 2"
            grades.append(await self._ask(messages, example, call, keys, number))
        return self.repeats.combine(grades)

    async def _ask(
        self,
        messages: tuple[Message, ...],
        example: Example,
        call: MeteredCall,
        keys: tuple[str | int, str | int],
        repeat: int = 1,
    ) -> Evaluation:
        """Ask a question once and grade the reply; `keys` are those of the rounds.

        Thoughts without an end are no answer, whatever metric there is: the user's own included.
        """
        prompt = find_asked(messages).content
        reply = await call("scorer", messages, keys[0], repeat=repeat)
        if self.second_round:
            messages = build_second_round(messages, reply.recorded)
            limit = SECOND_ROUND_TOKENS
            reply = await call("scorer", messages, keys[1], max_tokens=limit, repeat=repeat)
        text = drop_open_thoughts(reply.text)
        if reply.text.strip() and not text:  # of a reply that is nothing but thoughts without end
            return Evaluation(None, None)
        grading = self._grade(text, example, prompt, cut=reply.cut and text == reply.text)
        grade = await (grading if self.grader.is_immediate else call.unless_stopped(grading))
        return Evaluation(grade.score, grade.answer)

    def write_messages(self, candidate: Content, example: Example) -> tuple[Message, ...]:
        """Return the chat that asks a question under a candidate.

        Raises:
            RunError: A demonstration shows a row or a reply that there is not.
        """
        show = functools.partial(show_demo, examples=self.examples, replies=self.replies)
        return build_messages(candidate, example, choose_form(candidate, self.format), show)

    async def _grade(self, text: str, example: Example, prompt: str, *, cut: bool) -> Grade:
        """Grade a reply against each right answer, and return the best grade."""
        best = UNREADABLE
        for one in example.split_golds():
            grade = await self.grader.grade(text, one, prompt, cut=cut)
            if best.score is None or (grade.score is not None and grade.score > best.score):
                best = grade
            if best.score == 1.0:
                break
        return best


def choose_form(candidate: Content, form: PromptFormat) -> PromptFormat:
    """Return the format of a candidate's prompt: its own layout over the config's.

    Raises:
        RunError: The config says where everything stands, and the candidate says otherwise.
    """
    if not isinstance(candidate, Prompt):
        return form
    if candidate.chat:
        return replace(form, chat=parse_chat(candidate.chat))
    if form.chat is None:
        return form.place(candidate.layout)
    if candidate.layout != Layout():
        raise RunError(
            "a candidate has a layout of its own, and task.prompt says where everything stands",
            "start a new run without task.prompt, or with another search.strategy",
        )
    if candidate.demos and not form.template.shows_demos:
        raise RunError(
            "a candidate has worked examples, and task.prompt has no place for them",
            "write {{demos}} there, and start a new run",
        )
    return form


def show_demo(
    demo: Demo, examples: Sequence[Example], replies: Mapping[tuple[str, Split, int], str]
) -> tuple[str, str]:
    """Return the question and the answer of a demonstration.

    Args:
        demo: Which one.
        examples: Those of train.
        replies: The scorer's replies, by candidate, split and question.

    Raises:
        RunError: There is no such row, or no reply to it under that candidate.
    """
    if not 0 <= demo.row < len(examples):
        raise RunError(
            f"a demonstration shows train row {demo.row}, and there are {len(examples)}",
            "correct the strategy, which chose it, and start a new run",
        )
    example = examples[demo.row]
    if demo.shown == GOLD:
        return example.input, example.split_golds()[0].target
    reply = replies.get((demo.shown, "train", demo.row))
    if reply is None:
        raise RunError(
            f"a demonstration shows the reply to train row {demo.row} under candidate "
            f"{demo.shown}, and there is none",
            'a strategy that shows replies says so with needs = frozenset({"demos"})',
        )
    return example.input, reply.strip()


class OutsideEvaluator:
    """Adapts the user's object to `ports.Evaluator`.

    It needs an async method `evaluate(candidate, example, call)` that returns an Evaluation or a
    number; `roles`, `scale` and `splits` have defaults.

    Args:
        spec: As the config names it.
        part: The object, or its class.
        pinned: A resume takes the same part only.
    """

    def __init__(self, spec: str, part: Any, *, pinned: bool = True) -> None:
        self.name = spec
        self._hint = PINNED if pinned else None
        self._part = part() if isinstance(part, type) else part
        if not callable(getattr(self._part, "evaluate", None)):
            raise UsageError(f"task.evaluator: {spec} has no method evaluate")
        self.roles: Sequence[Role] = getattr(self._part, "roles", ())
        self.scale: Scale = getattr(self._part, "scale", SHARE)
        self.splits: bool = getattr(self._part, "splits", True)

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        """Evaluate as the user's object does; its errors become a RunError.

        What its calls raise is not of its making, and passes.
        """
        try:
            value = await self._part.evaluate(candidate, example, call)
            if isinstance(value, Evaluation):
                value = _read_numbers(value)
            elif (number := read_value(value)) is not None:
                value = Evaluation(number, f"{number:g}")
        except (OproError, Stopped):
            raise
        except (Exception, SystemExit) as error:
            raise RunError(
                f"task.evaluator {self.name} failed on {example.source}: "
                f"{type(error).__name__}: {error}",
                self._hint,
            ) from error
        if not isinstance(value, Evaluation):
            raise RunError(
                f"task.evaluator {self.name}: expected an Evaluation or a number, "
                f"found {type(value).__name__}"
            )
        return value


def _read_numbers(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation that can be recorded: a journal knows no numbers of numpy.

    Raises:
        ValueError: Its value is no number.
    """
    value, parts = evaluation.value, evaluation.parts
    if value is not None:
        value = read_value(value)
        if value is None:
            raise ValueError(f"expected a number as value, found {evaluation.value!r:.60}")
    return replace(evaluation, value=value, parts={n: _read_part(p) for n, p in parts.items()})


def _read_part(part: Any) -> Any:
    """Return a sub-score as it is, unless it is a number that JSON does not know."""
    number = None if isinstance(part, int | float) else read_value(part)
    return part if number is None else number
