"""Asking the optimizer: the meta-prompt of a step, one call or several, what is read from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opro_cli.calls.answers import TimedReply, said
from opro_cli.calls.metered import Calls
from opro_cli.core.draws import seed_for
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Proposed
from opro_cli.core.run.selection import mean
from opro_cli.core.task.example import ChatRequest, Example, Message, Split
from opro_cli.core.task.prompt import MetaPromptMaterial, PromptFormat, TrajectoryEntry
from opro_cli.errors import ModelError
from opro_cli.loop.planner import Propose
from opro_cli.ports import Strategy

Samples = tuple[int, ...]
"""Of one step, from 0: those that one call is to bring."""

NO_SEVERAL = frozenset({400, 422, 501})
"""What servers answer that give one choice a call and say so; if it was meant otherwise, the
same request for one choice says it again."""


@dataclass(slots=True)
class Proposing:
    """Asks the optimizer. several_at_once: it has not refused to give several choices."""

    calls: Calls
    examples: Mapping[Split, Sequence[Example]]
    strategy: Strategy
    format: PromptFormat
    several_at_once: bool = True
    _written: tuple[int, tuple[Message, ...]] = (0, ())
    """The last step asked for, and its meta-prompt."""

    async def ask(self, work: Propose, samples: Samples) -> None:
        """Make one call for samples of a step, and record what comes; it may be fewer."""
        settings, search = self.calls.settings.optimizer, self.calls.settings.search
        temperature = settings.temperature_at(work.step, search.steps)
        seed = seed_for(search.seed, "propose", work.step, samples[0])
        messages = self._meta_prompt(work)
        request = ChatRequest(
            messages, temperature, settings.max_tokens, seed, len(samples), settings.stop or ()
        )
        try:
            async with self.calls.answer("optimizer", request) as answered:
                self.calls.record(*self._proposals(work.step, samples, answered))
        except ModelError as error:
            if len(samples) == 1 or error.status not in NO_SEVERAL:
                raise
            self.several_at_once = False

    def _proposals(self, step: int, samples: Samples, answered: TimedReply) -> list[Proposed]:
        """One for each choice, in one go for the journal: they are paid for together."""
        reply, recorded = answered.reply, answered.recorded
        first = Proposed(
            step=step,
            sample=samples[0],
            instructions=self._read(reply.text),
            **said(answered),
        )
        # a server may give too few, or more
        others = zip(samples[1:], reply.more, recorded.more, strict=False)
        return [
            first,
            *(
                replace(
                    first,
                    sample=sample,
                    text=as_recorded.text,
                    instructions=self._read(choice.text),
                    finish_reason=as_recorded.finish_reason,
                    prompt_tokens=0,
                    completion_tokens=0,
                    usd=0.0,
                    seconds=0.0,
                    via="choice",
                )
                for sample, choice, as_recorded in others
            ),
        ]

    def _read(self, text: str) -> tuple[str, ...]:
        """The instructions in a reply, without keys: they are sent on to the scorer."""
        return tuple(map(self.calls.redact, self.strategy.read(text)))

    def _meta_prompt(self, work: Propose) -> tuple[Message, ...]:
        """Written once a step: what is scored meanwhile is not in it before the next."""
        if self._written[0] != work.step:
            self._written = work.step, self.strategy.meta_prompt(self._material(work))
        return self._written[1]

    def _material(self, work: Propose) -> MetaPromptMaterial:
        state = self.calls.state
        shown = [state.candidates[candidate] for candidate in work.shown]
        return MetaPromptMaterial(
            trajectory=tuple(self._entry(candidate) for candidate in shown),
            exemplars=tuple(self.examples["train"][index] for index in work.exemplars),
            format=self.format,
            score_buckets=self.calls.settings.search.score_buckets,
            description=self.calls.settings.task.description or "",
        )

    def _entry(self, candidate: Candidate) -> TrajectoryEntry:
        answers = candidate.answers["train"]
        if answers.estimate is None:
            return TrajectoryEntry(candidate.instruction, mean(candidate, "train"))
        asked = (len(answers.by_question), self.calls.state.sizes["train"])
        score, interval = answers.estimate
        return TrajectoryEntry(candidate.instruction, score, interval, asked)
