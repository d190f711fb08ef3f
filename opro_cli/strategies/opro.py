"""OPRO's own way to ask for instructions (Yang et al. 2023, section 4.2 and appendix C.2).

The wording is the paper's for GPT models. Where the reference implementation tells the
optimizer something untrue or reads nonsense from its replies, this does not; `paper.py` is
the reference to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opro_cli.core.run.view import Ask, Draft, SearchView
from opro_cli.core.task.example import Message
from opro_cli.core.task.prompt import MetaPromptMaterial
from opro_cli.ports import Strategy
from opro_cli.strategies.wording import (
    GPT_EXEMPLARS,
    gpt_exemplar,
    gpt_request,
    gpt_task,
    scored_texts,
    wanted,
)


class MetaPromptStrategy(Strategy):
    """A search policy of one meta-prompt a step, as the paper's; its parts are in subclasses."""

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """Return the request to the optimizer."""
        raise NotImplementedError

    def read(self, reply: str, ask: Ask | None = None) -> tuple[str, ...]:
        """Return the instructions in one reply, in order; empty when there is none."""
        raise NotImplementedError

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:  # noqa: ARG002
        """Ask for all samples of the step with the same meta-prompt."""
        return (Ask(self.meta_prompt(view.material()), view.search.candidates_per_step),)


@dataclass(frozen=True)
class OproStrategy(MetaPromptStrategy):
    """The meta-prompt of the paper for GPT models; replies are read from their tag.

    exemplars_first: the problems come before the past instructions.
    """

    name = "opro"
    exemplars_first: bool = False

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """One user message: past instructions ascending by score, exemplars, the request.

        The range of scores is the true one; the reference says "0 to 100" whatever it shows.
        """
        words = wanted(material.format)
        buckets = material.score_buckets
        parts = [gpt_task(words, buckets or 1) + scored_texts(material.trajectory, buckets)]
        if material.exemplars:
            shown = (gpt_exemplar(example, material.format) for example in material.exemplars)
            parts.append(GPT_EXEMPLARS + "".join(shown))
        if self.exemplars_first:
            parts.reverse()
        return (Message("user", "\n\n".join([*parts, gpt_request(words)])),)

    def read(self, reply: str, ask: Ask | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """The text in the first complete tag; one instruction a reply.

        Taken as it stands but for surrounding whitespace. A reply with no closed tag, an
        empty one, or a tag inside the text gives nothing: the reference scores such remains
        as instructions, which pays for nonsense.
        """
        complete = [span for tag in ("INS", "Start") if (span := _first_tag(reply, tag))]
        if not complete:
            return ()
        start, end = min(complete)
        text = reply[start:end].strip()
        if not text or re.search(r"</?(INS|Start)>", text):
            return ()
        return (text,)


def _first_tag(reply: str, tag: str) -> tuple[int, int] | None:
    """Where the text in the first complete tag stands."""
    opening = reply.find(f"<{tag}>")
    start = opening + len(tag) + 2
    end = reply.find(f"</{tag}>", start)
    return (start, end) if opening >= 0 and end >= 0 else None
