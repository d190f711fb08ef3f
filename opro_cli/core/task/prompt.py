"""Candidates, a prompt or another solution, and the messages that a prompt becomes.

In the journal a content is a text, as in every format, and beside it a form: "" for a bare
instruction, else a JSON object with all that the text does not say. Positions of the instruction
follow the reference (google-deepmind/opro, prompt_utils.gen_prompt), except `system`, which sends
it as a system message.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from opro_cli.core.stats.intervals import Interval
from opro_cli.core.task.chat import (
    DEMOS,
    INSTRUCTION,
    POSITIONS,
    QUESTION,
    ChatTemplate,
    RawChat,
    Turn,
    find_asked,
)
from opro_cli.core.task.example import Example, Message, Position

GOLD = "gold"


@dataclass(frozen=True, slots=True)
class Demo:
    """A worked example that a prompt shows before the question.

    Attributes:
        row: The index of a training example.
        shown: Its answer: GOLD for the gold answer, or the id of a candidate for the reply that
            the scorer gave under that candidate.
    """

    row: int
    shown: str = GOLD


@dataclass(frozen=True, slots=True)
class Layout:
    """The position of the instruction, and what frames the question and worked examples.

    None leaves a choice to the config.

    Attributes:
        position: Of the instruction.
        qa_markers: Whether "Q:" and "A:" frame the question.
        demo_turns: Whether worked examples are turns of a chat, each a question of the user and an
            answer of the assistant; None and False put them before the question, as text.
    """

    position: Position | None = None
    qa_markers: bool | None = None
    demo_turns: bool | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """An instruction, worked examples in their order, and where they stand."""

    instruction: str
    demos: tuple[Demo, ...] = ()
    layout: Layout = Layout()
    chat: RawChat = ()
    """A chat of its own, in place of the one of the config; () for none."""

    @property
    def text(self) -> str:
        """The instruction."""
        return self.instruction


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution that is not a prompt: a pair of numbers, a tour, a program."""

    text: str


Content = Prompt | Solution


SOLUTION = '{"solution":true}'
"""The form of all solutions."""


def encode_form(content: Content) -> str:
    """Return the parts of a content beside its text, as canonical JSON; "" for none."""
    if isinstance(content, Solution):
        return SOLUTION
    if content == Prompt(content.instruction):
        return ""
    form: dict[str, Any] = {
        "demos": [[demo.row, demo.shown] for demo in content.demos],
        "layout": asdict(content.layout),
    }
    if content.layout.demo_turns is None:  # else the form is as before there were any
        del form["layout"]["demo_turns"]
    if content.chat:  # else the form is as before there was any
        form["chat"] = content.chat
    return json.dumps(form, separators=(",", ":"), sort_keys=True)


def decode_content(text: str, form: str) -> Content:
    """Return the content with this text and form.

    Raises:
        ValueError: The form is not one that `encode_form` writes.
    """
    if not form:
        return Prompt(text)
    plain: Any = json.loads(form)
    try:
        if plain.get("solution"):
            return Solution(text)
        demos = tuple(Demo(int(row), str(shown)) for row, shown in plain["demos"])
        chat = tuple((role, str(frozen)) for role, frozen in plain.get("chat", ()))
        content = Prompt(text, demos, Layout(**plain["layout"]), chat)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not the form of a candidate: {form:.60}") from error
    return content


def as_content(candidate: Content | str) -> Content:
    """Return a content; a string is an instruction."""
    return Prompt(candidate) if isinstance(candidate, str) else candidate


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """The position of the instruction, and whether "Q:" and "A:" frame the question.

    Attributes:
        chat: A chat of the user's own, in place of the one of a position.
        demo_turns: Worked examples are turns of the chat, where it is not the user's own.
    """

    position: Position
    qa_markers: bool
    chat: ChatTemplate | None = None
    demo_turns: bool = False

    @property
    def template(self) -> ChatTemplate:
        """The chat that every candidate is put into."""
        return self.chat or POSITIONS[self.position, self.qa_markers]

    @property
    def starts_answer(self) -> bool:
        """The instruction begins the answer instead of telling what to do."""
        return self.chat.starts_answer if self.chat else self.position == "A_begin"

    def place(self, layout: Layout) -> PromptFormat:
        """Return the format with what a layout says in place of its own; not of a user's chat."""
        return replace(
            self,
            position=self.position if layout.position is None else layout.position,
            qa_markers=self.qa_markers if layout.qa_markers is None else layout.qa_markers,
            demo_turns=bool(layout.demo_turns),
        )


@dataclass(frozen=True, slots=True)
class TrajectoryEntry:
    """A line of the meta-prompt: an instruction and its train score, 0 to 1.

    The score of an instruction that was stopped early is an estimate with a 95 % `interval`;
    `asked` is the number of questions that it was asked and that of all questions, `unreadable`
    the share of replies in which no answer could be read.
    """

    instruction: str
    score: float
    interval: Interval | None = None
    asked: tuple[int, int] = (0, 0)
    unreadable: float = 0.0


@dataclass(frozen=True, slots=True)
class MetaPromptMaterial:
    """The material of a meta-prompt.

    The trajectory ascends by score. Without `score_buckets` scores are decimals. `description`
    names the subject of the questions, "grade school math", or is "". `kept` are the texts whose
    placeholders have to stay.
    """

    trajectory: tuple[TrajectoryEntry, ...]
    exemplars: tuple[Example, ...]
    format: PromptFormat
    score_buckets: int | None
    description: str = ""
    kept: tuple[str, ...] = ()


def format_question(question: str, instruction: str, form: PromptFormat) -> str:
    """Return the text of the user message: the question, with the instruction in its position.

    An empty instruction adds no empty line. A_begin needs Q/A markers, as in the reference:
    settings refuse it without them, because there is no answer line.
    """
    return find_asked(build_scorer_messages(question, instruction, form)).content


def with_demos(question: str, demos: Iterable[tuple[str, str]], form: PromptFormat) -> str:
    """Return a question behind worked examples, each a question and its answer.

    Its own first marker is left to the chat of the form.
    """
    q, a = ("Q: ", "\n\nA: ") if form.qa_markers else ("", "\n")
    shown = [f"{q}{asked}{a}{answer}\n\n" for asked, answer in demos]
    return "".join((*shown, q, question)).removeprefix(q)


FINAL_ANSWER_CUE = "So the final answer is"


def format_second_round(prompt: str, reply: str) -> str:
    """Return the prompt that asks for the final answer to `prompt` after `reply`.

    A further question in the reply is omitted.
    """
    return f"{prompt} {reply.partition('Q:')[0].strip()} {FINAL_ANSWER_CUE}"


def build_second_round(messages: tuple[Message, ...], reply: str) -> tuple[Message, ...]:
    """Return the chat that asks for the final answer after `reply` to `messages`."""
    *before, asked = messages
    return (*before, Message(asked.role, format_second_round(asked.content, reply)))


def build_scorer_messages(
    question: str,
    instruction: str,
    form: PromptFormat,
    demos: Sequence[tuple[str, str]] = (),
    fields: Mapping[str, str] | None = None,
) -> tuple[Message, ...]:
    """Return the chat that asks one question under one instruction.

    Args:
        question: As `task.data.input` builds it.
        instruction: The text under test.
        form: Where everything stands.
        demos: Worked examples, each a question and its answer. They stand before the question
            where the chat has no hole for them.
        fields: Of the row, by the names of their holes.

    Raises:
        KeyError: A hole has no field.
    """
    template = form.template
    values = {INSTRUCTION: instruction, **(fields or {})}
    if demos and form.demo_turns and form.chat is None:
        return _build_turns(question, values, form, demos)
    if DEMOS in template.names:
        blocks = (f"Q: {asked}\n\nA: {answer}" for asked, answer in demos)
        values[DEMOS] = "\n\n".join(blocks)
    elif demos:
        question = with_demos(question, demos, form)
        question = f"Q: {question}" if form.chat else question
    values |= dict.fromkeys(QUESTION, question)
    return template.render(values.__getitem__)


def _build_turns(
    question: str, values: Mapping[str, str], form: PromptFormat, demos: Sequence[tuple[str, str]]
) -> tuple[Message, ...]:
    """Return a chat whose earlier turns are worked examples.

    The user says what the text of one message would say, up to each answer: what stands before the
    question stands before the first example, and what stands behind it stands there alone.
    """
    q, a = ("Q: ", "\n\nA:") if form.qa_markers else ("", "")
    *before, asking = form.template.turns
    at = next(at for at, part in enumerate(asking.parts) if str(part) == "{{question}}")
    begin = ChatTemplate((*before, Turn("user", (*asking.parts[: at + 1], a))))
    end = ChatTemplate((Turn("user", (q, *asking.parts[at:])),))
    (first, answer), *others = demos
    turns = [*begin.render({**values, "question": first}.__getitem__)]
    for asked, following in others:
        turns += [Message("assistant", answer), Message("user", f"{q}{asked}{a}")]
        answer = following
    turns.append(Message("assistant", answer))
    return (*turns, *end.render({**values, "question": question}.__getitem__))


def build_messages(
    candidate: Content,
    example: Example,
    form: PromptFormat,
    show: Callable[[Demo], tuple[str, str]] | None = None,
) -> tuple[Message, ...]:
    """Return the chat that asks an example's question under a candidate.

    Args:
        candidate: What is tried.
        example: The question, with the fields that the chat has holes for.
        form: Where everything stands.
        show: Returns question and answer of a worked example; None for candidates without any.
    """
    worked = candidate.demos if isinstance(candidate, Prompt) and show else ()
    demos = [show(demo) for demo in worked] if show else []
    return build_scorer_messages(example.input, candidate.text, form, demos, example.fields)
