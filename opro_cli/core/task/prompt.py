"""Build the exact text sent to the scorer, and collect the material of a meta-prompt.

Positions follow the reference (google-deepmind/opro, prompt_utils.gen_prompt), except `system`,
which sends the instruction as a system message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opro_cli.core.stats.intervals import Interval
from opro_cli.core.task.example import Example, Message, Position


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """The position of the instruction, and whether "Q:" and "A:" frame the question."""

    position: Position
    qa_markers: bool


@dataclass(frozen=True, slots=True)
class TrajectoryEntry:
    """A line of the meta-prompt: an instruction and its train score, 0 to 1.

    The score of an instruction that was stopped early is an estimate with a 95 % `interval`;
    `asked` is the number of questions that it was asked and that of all questions.
    """

    instruction: str
    score: float
    interval: Interval | None = None
    asked: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class MetaPromptMaterial:
    """The material of a meta-prompt.

    The trajectory ascends by score. Without `score_buckets` scores are decimals. `description`
    names the subject of the questions, "grade school math", or is "".
    """

    trajectory: tuple[TrajectoryEntry, ...]
    exemplars: tuple[Example, ...]
    format: PromptFormat
    score_buckets: int | None
    description: str = ""


def format_question(question: str, instruction: str, form: PromptFormat) -> str:
    """Return the text of the user message: the question, with the instruction in its position.

    An empty instruction adds no empty line. A_begin needs Q/A markers, as in the reference:
    settings refuse it without them, because there is no answer line.
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
    """Return the prompt that asks for the final answer to `prompt` after `reply`.

    A further question in the reply is omitted.
    """
    return f"{prompt} {reply.partition('Q:')[0].strip()} {FINAL_ANSWER_CUE}"


def build_second_round(messages: tuple[Message, ...], reply: str) -> tuple[Message, ...]:
    """Return the chat that asks for the final answer after `reply` to `messages`."""
    *before, asked = messages
    return (*before, Message(asked.role, format_second_round(asked.content, reply)))


def build_scorer_messages(
    question: str, instruction: str, form: PromptFormat
) -> tuple[Message, ...]:
    """Return the chat that asks one question under one instruction."""
    user = Message("user", format_question(question, instruction, form))
    if form.position == "system" and instruction:
        return (Message("system", instruction), user)
    return (user,)
