"""The exact text sent to the scorer, and what the optimizer's meta-prompt is made of.

Follows the reference (google-deepmind/opro, prompt_utils.gen_prompt) where it defines a
position; `system` is ours: the instruction as a system message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opro_cli.core.stats.intervals import Interval
from opro_cli.core.task.example import Example, Message, Position


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """Where the instruction goes and whether "Q:" and "A:" frame the question."""

    position: Position
    qa_markers: bool


@dataclass(frozen=True, slots=True)
class TrajectoryEntry:
    """A line of the meta-prompt: an instruction and its train score, 0 to 1.

    interval, asked: of one that was stopped early, whose score is an estimate: its 95 % interval,
    and how many of how many questions it was asked.
    """

    instruction: str
    score: float
    interval: Interval | None = None
    asked: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class MetaPromptMaterial:
    """All that a meta-prompt is made of.

    trajectory: ascending by score. score_buckets: None for scores as decimals. description:
    what the questions are about, "grade school math", "" where nobody said.
    """

    trajectory: tuple[TrajectoryEntry, ...]
    exemplars: tuple[Example, ...]
    format: PromptFormat
    score_buckets: int | None
    description: str = ""


def format_question(question: str, instruction: str, form: PromptFormat) -> str:
    """The question with the instruction in its place, as one user message.

    An empty instruction leaves no empty line behind. A_begin needs Q/A markers: without them
    there is no answer line to begin (settings refuse it, as the reference does).
    """
    begin = f"{instruction}\n" if instruction else ""
    end = f"\n{instruction}" if instruction else ""
    q, a = ("Q: ", "\n\nA:") if form.qa_markers else ("", "")
    match form.position:
        case "before_Q":
            return f"{begin}{q}{question}{a}"
        case "Q_begin":
            return f"{q}{begin}{question}{a}"
        case "Q_end":
            return f"{q}{question}{end}{a}"
        case "A_begin":
            return f"{q}{question}{a}" + (f" {instruction}" if instruction else "")
        case "system":
            return f"{q}{question}{a}"


def with_demos(question: str, demos: Iterable[tuple[str, str]], form: PromptFormat) -> str:
    """Return a question behind worked examples, each a question and its answer.

    Its own first marker is left to `format_question`.
    """
    q, a = ("Q: ", "\n\nA: ") if form.qa_markers else ("", "\n")
    shown = [f"{q}{asked}{a}{answer}\n\n" for asked, answer in demos]
    return "".join((*shown, q, question)).removeprefix(q)


FINAL_ANSWER_CUE = "So the final answer is"


def format_second_round(prompt: str, reply: str) -> str:
    """The prompt that asks for the final answer to `prompt`, which was answered by `reply`.

    A question that the reply goes on with is left out.
    """
    return f"{prompt} {reply.partition('Q:')[0].strip()} {FINAL_ANSWER_CUE}"


def build_second_round(messages: tuple[Message, ...], reply: str) -> tuple[Message, ...]:
    """The chat that asks for the final answer after `reply` to `messages`."""
    *before, asked = messages
    return (*before, Message(asked.role, format_second_round(asked.content, reply)))


def build_scorer_messages(
    question: str, instruction: str, form: PromptFormat
) -> tuple[Message, ...]:
    """The chat that asks one question under one instruction."""
    user = Message("user", format_question(question, instruction, form))
    if form.position == "system" and instruction:
        return (Message("system", instruction), user)
    return (user,)
