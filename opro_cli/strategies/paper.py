"""The reference's meta-prompts and its reading of replies, to the letter.

Source: google-deepmind/opro, opt_utils.gen_meta_prompt and run_evolution. Kept on purpose:
"0 to 100" whatever the buckets are, the line that announces problems when there are none, a
reply without its tag read whole, a missing or empty one as the empty instruction.
"""

from __future__ import annotations

from dataclasses import dataclass

from opro_cli.core.run.view import Ask
from opro_cli.core.task.example import Message
from opro_cli.core.task.prompt import MetaPromptMaterial
from opro_cli.core.text import join_halves
from opro_cli.strategies import opro
from opro_cli.strategies.opro import MetaPromptStrategy


@dataclass(frozen=True)
class PaperGpt(MetaPromptStrategy):
    """The meta-prompt for GPT models; `exemplars` if problems are shown at all."""

    name = "paper-gpt"
    keeps_placeholders = False

    exemplars: bool = True
    exemplars_first: bool = False
    answer_start: bool = False

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """Return one user message."""
        words = opro.choose_words(material.format)
        past = opro.gpt_task(words, 100)
        past += opro.scored_texts(material.trajectory, material.score_buckets)
        shown = (opro.gpt_exemplar(example, material.format) for example in material.exemplars)
        problems = opro.GPT_EXEMPLARS + "".join(shown)
        return _arrange(self, past, problems, opro.gpt_request(words))

    def read(self, reply: str, ask: Ask | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Return the text from the first opening tag to the first closing one.

        A missing tag is no bound. At A_begin only <Start> is looked for, elsewhere only <INS>.
        """
        tag = "Start" if self.answer_start else "INS"
        start = reply.find(f"<{tag}>")
        end = reply.find(f"</{tag}>")
        text = reply[0 if start < 0 else start + len(tag) + 2 : None if end < 0 else end]
        return (polish(text),)


@dataclass(frozen=True)
class PaperPalm(MetaPromptStrategy):
    """The meta-prompt for PaLM models (text-bison)."""

    name = "paper-palm"
    keeps_placeholders = False

    exemplars: bool = True
    exemplars_first: bool = False

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """Return one user message."""
        past = opro.PALM_TASK
        past += opro.scored_texts(material.trajectory, material.score_buckets)
        shown = (opro.palm_exemplar(example, material.format) for example in material.exemplars)
        problems = opro.PALM_EXEMPLARS + "".join(shown)
        return _arrange(self, past, problems, opro.PALM_REQUEST)

    def read(self, reply: str, ask: Ask | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Return the text in the first square brackets of a line; without any, "" alone."""
        for line in reply.split("\n"):
            start = line.find("[")
            end = line.find("]", start)
            if 0 <= start < end:
                return (polish(line[start + 1 : end]),)
        return ("",)


@dataclass(frozen=True)
class PaperInstructionsOnly(MetaPromptStrategy):
    """The meta-prompt without exemplars, for models that were not tuned on instructions.

    It needs a description of the task and knows no position before the question.
    """

    name = "paper-instructions-only"
    keeps_placeholders = False

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """Return one user message: a sentence to continue, then every past instruction in a tag."""
        position = opro.POSITIONS.get(material.format.position, "before the question")
        past = "".join(
            f"\n\nPrecision: {opro.shown_score(entry.score, material.score_buckets, 2)} "
            f"<TEXT>{entry.instruction}</TEXT>"
            for entry in material.trajectory
        )
        task = (
            f"Create a piece of text {position} to enhance the precision in solving diverse "
            f"{material.description.strip()} problems."
        )
        return (Message("user", task + past),)

    def read(self, reply: str, ask: Ask | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Return the first complete <TEXT>; nothing for a reply without one."""
        start = reply.find("<TEXT>")
        end = reply.find("</TEXT>", start + 6)
        return (polish(reply[start + 6 : end]),) if start >= 0 and end >= 0 else ()


def polish(text: str) -> str:
    """Return an instruction as the reference keeps it: stripped, no bold marks, capitalised.

    Source: eval_utils.polish_sentence.
    """
    plain = text.strip().replace("**", "")
    # Two halves of a character that "**" kept apart are one to the journal, so they are one here.
    plain = join_halves(plain)
    return plain[0].upper() + plain[1:] if len(plain) > 1 else plain


def _arrange(
    strategy: PaperGpt | PaperPalm, past: str, problems: str, request: str
) -> tuple[Message, ...]:
    """Return one user message of these paragraphs."""
    parts = [past, problems] if strategy.exemplars else [past]
    if strategy.exemplars_first:
        parts.reverse()
    return (Message("user", "\n\n".join([*parts, request])),)
