"""Asking the optimizer: the asks and drafts of a step, and the candidates in its replies."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from msgspec.structs import replace

from opro_cli.calls.attempts import TimedReply, describe_reply
from opro_cli.calls.budget import read_clock
from opro_cli.calls.checks import is_alive, is_unnamed
from opro_cli.calls.metered import Calls
from opro_cli.core.draws import derive_seed
from opro_cli.core.run.events import Proposed
from opro_cli.core.run.layout import count_planned_steps
from opro_cli.core.run.view import Ask, Draft, End, SearchView, check_proposal, judge_candidate
from opro_cli.core.task.example import CUT, ChatReply, ChatRequest, Choice
from opro_cli.core.task.prompt import Content, Prompt, encode_form
from opro_cli.errors import PINNED, EmptyReplyError, ModelError, OproError, RunError
from opro_cli.ports import Strategy, is_built_in

NO_SEVERAL = frozenset({400, 422, 501})
"""Statuses of servers that refuse to give several choices in one call. If a status meant something
else, the same request for one choice meets it again."""


MOST_UNNAMED = 20
"""So many meta-prompts in a row that are refused in words which nobody knows are no accident."""

FREE: dict[str, Any] = {
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "reasoning_tokens": None,
    "usd": 0.0,
    "seconds": 0.0,
}
"""The cost of a proposal that no call of its own was made for."""


NOTHING_SAID = TimedReply(ChatReply("", "stop", 0, 0, 0.0), 0.0, "local")
"""A reply of an optimizer that answers other calls, and to this one has nothing to say."""


REFUSED = TimedReply(ChatReply("", "content_filter", 0, 0, 0.0), 0.0, "local")
"""A reply of an optimizer that answers other requests, and this one never."""


class OptimizerCall(NamedTuple):
    """One call to the optimizer for samples of a step, counted from 0."""

    step: int
    ask: Ask
    samples: tuple[int, ...]


@dataclass(slots=True)
class Proposing:
    """Asks the optimizer what the strategy wants asked.

    Attributes:
        calls: What models are asked through.
        strategy: The search policy.
        view: The run as the strategy sees it.
        several_at_once: The optimizer has not refused to give several choices in one call.
        unnamed: Calls in a row that were refused in unknown words, the last ones.
    """

    calls: Calls
    strategy: Strategy
    view: SearchView
    several_at_once: bool = True
    unnamed: int = 0
    _takes_cut: bool = field(init=False)
    _shown: str = ""
    """What a request has in place of all that it should have; "" for all of it."""
    _plan: tuple[int, tuple[Ask | Draft, ...] | End] = field(default=(0, ()))
    """The last step that was planned, and its ask or draft for each sample."""

    def __post_init__(self) -> None:
        self._takes_cut = "cut" in inspect.signature(self.strategy.read).parameters

    def plan(self, step: int) -> tuple[Ask | Draft, ...] | End:
        """Return the ask or the draft of each sample of a step, or the end of the search.

        Planned once: what is scored meanwhile counts from the next step on.
        """
        if self._plan[0] != step:
            by_sample: list[Ask | Draft] = []
            with self._blame("propose"):
                proposals = self.strategy.propose(self.view, step)
                if isinstance(proposals, End):
                    self._plan = step, proposals
                    return proposals
                for proposal in proposals:
                    check_proposal(proposal)
                    samples = proposal.samples if isinstance(proposal, Ask) else 1
                    by_sample += [proposal] * samples
            self._plan = step, tuple(by_sample)
        return self._plan[1]

    def _find_proposal(self, step: int, sample: int) -> Ask | Draft:
        planned = self.plan(step)
        assert not isinstance(planned, End)  # which has no samples
        return planned[self.view.state.find_asked_sample(sample)]

    @contextmanager
    def _blame(self, method: str) -> Iterator[None]:
        """Turn what a strategy from outside opro raises into a RunError that names it.

        What opro's own ones raise is a defect of opro.
        """
        try:
            yield
        except OproError:
            raise
        except (Exception, SystemExit) as error:
            if is_built_in(self.strategy):
                raise
            raise RunError(
                f"search.strategy {self.strategy.name} failed in {method}: "
                f"{type(error).__name__}: {error}",
                PINNED,
            ) from error

    def drafts(self, step: int, samples: Sequence[int]) -> list[Proposed]:
        """Return the drafts among samples of a step, as they are recorded."""
        return [
            Proposed(
                read_clock(),
                step,
                sample,
                text="",
                finish_reason="draft",
                via="local",
                parents=draft.parents,
                note=self.calls.redact(draft.note),
                **FREE,
                **self._describe_candidates([draft.content]),
            )
            for sample in samples
            if isinstance(draft := self._find_proposal(step, sample), Draft)
        ]

    def calls_for(
        self, step: int, samples: Sequence[int], *, together: bool
    ) -> list[OptimizerCall]:
        """Return the calls for samples of a step: one for each ask, or for each sample."""
        proposals = ((sample, self._find_proposal(step, sample)) for sample in samples)
        asks = [(sample, ask) for sample, ask in proposals if isinstance(ask, Ask)]
        calls = []
        for _, group in groupby(asks, key=lambda pair: id(pair[1])):
            pairs = list(group)
            own, ask = tuple(sample for sample, _ in pairs), pairs[0][1]
            together = together and "n" not in self.calls.list_unsent("optimizer")
            parts = [own] if together and self.several_at_once else [(sample,) for sample in own]
            calls += [OptimizerCall(step, ask, part) for part in parts]
        return calls

    async def ask(self, call: OptimizerCall) -> None:
        """Make one call for samples of a step, and record what comes; it may be fewer."""
        settings, search = self.calls.settings.optimizer, self.calls.settings.search
        temperature = call.ask.temperature
        if temperature is None:
            temperature = settings.temperature_at(call.step, self._count_steps())
        seed = derive_seed(search.seed, call.ask.draw, call.step, call.samples[0])
        request = ChatRequest(
            call.ask.messages,
            temperature,
            settings.max_tokens,
            seed if settings.seed else None,
            len(call.samples),
            settings.stop or (),
            top_p=settings.top_p,
        )
        try:
            async with self.calls.answer("optimizer", request) as answered:
                self.calls.record(*self._proposals(call, answered))
                self.unnamed = 0
        except EmptyReplyError:
            if self.calls.stop.is_set() or not await is_alive(self.calls, "optimizer"):
                raise
            # its tries are paid for and recorded
            self.calls.record(*self._proposals(call, NOTHING_SAID))
        except ModelError as error:
            if error.too_long and self._shorten(call, error):
                return
            if error.unanswerable and not error.too_long:
                self._record_refusal(call, error)
                return
            if len(call.samples) > 1 and error.status in NO_SEVERAL:
                self.several_at_once = False
                return
            if not await self._is_about_the_request(error):
                raise
            self._record_refusal(call, error)

    def _count_steps(self) -> int:
        """Return the steps over which a schedule is spread: those that the budget is laid out for.

        A run that began before journal format 10 spreads it over all that the config asks for.
        """
        state = self.view.state
        return count_planned_steps(state) if state.began_with(10) else state.search.steps

    async def _is_about_the_request(self, error: ModelError) -> bool:
        """Return True if it is this meta-prompt that is refused, in unknown words, and no other."""
        has_proposed = self.calls.state.proposals.replies > 0
        if not (has_proposed and is_unnamed(error)) or self.unnamed >= MOST_UNNAMED:
            return False
        if self.calls.stop.is_set() or not await is_alive(self.calls, "optimizer"):
            return False
        self.unnamed += 1
        return True

    def _record_refusal(self, call: OptimizerCall, error: ModelError) -> None:
        """Record that nothing came of samples, and never will: a resume would ask the same again.

        An optimizer that refuses everything ends the search as one does that proposes nothing.
        """
        samples = (call._replace(samples=(sample,)) for sample in call.samples)
        self.calls.record(*(each for one in samples for each in self._proposals(one, REFUSED)))
        self.calls.activity.note = f"{error.message}: the search goes on without that proposal"

    def _shorten(self, call: OptimizerCall, error: ModelError) -> bool:
        """Plan a step anew whose request was too long; False where it cannot be shorter.

        A resume meets the refusal again, which costs nothing. The paper's rules know no shorter
        request.
        """
        before = self._plan
        step, planned = before
        if step != call.step or isinstance(planned, End) or call.ask not in planned:
            return True  # planned anew since this was sent
        if self.calls.settings.search.rules == "paper" or not (shown := self.view.shorten()):
            return False
        self._plan = 0, ()
        again = self.plan(step)
        if isinstance(again, End) or len(again) != len(planned):
            self._plan = before
            return False
        self._shown = shown
        self.calls.activity.note = f"{error.message}: asked again, from now on with {shown}"
        return True

    def _proposals(self, call: OptimizerCall, answered: TimedReply) -> list[Proposed]:
        """Return one event for each choice, written in one go: they are paid for together."""
        reply, recorded = answered.reply, answered.recorded
        first = Proposed(
            step=call.step,
            sample=call.samples[0],
            parents=call.ask.parents,
            note=self.calls.redact(call.ask.note),
            shown=self._shown,
            **self._read(reply, call.ask),
            **describe_reply(answered),
        )
        # a server may give too few, or more
        others = zip(call.samples[1:], reply.more, recorded.more, strict=False)
        return [
            first,
            *(
                replace(
                    first,
                    sample=sample,
                    text=as_recorded.text,
                    finish_reason=as_recorded.finish_reason,
                    via="choice",
                    **FREE,
                    **self._read(choice, call.ask),
                )
                for sample, choice, as_recorded in others
            ),
        ]

    def _read(self, reply: ChatReply | Choice, ask: Ask) -> dict[str, Any]:
        keywords = {"cut": reply.finish_reason in CUT} if self._takes_cut else {}
        with self._blame("read"):
            read = self.strategy.read(reply.text, ask, **keywords)
            if isinstance(read, str):
                raise TypeError("expected a sequence of candidates, found a text")
            candidates = list(read)
        return self._describe_candidates(candidates)

    def _describe_candidates(self, read: Sequence[Content | str]) -> dict[str, Any]:
        """Return candidates as fields of an event, without keys: they are sent to the scorer."""
        with self._blame("reject"):
            layout = self.view.start_layout
            contents = [
                Prompt(each, layout=layout) if isinstance(each, str) else each for each in read
            ]
            forms = tuple(map(encode_form, contents))
            rejected = tuple(map(self._reject, contents))
        return {
            "instructions": tuple(self.calls.redact(content.text) for content in contents),
            "forms": forms if any(forms) else (),
            "rejected": rejected if any(rejected) else (),
        }

    def _reject(self, candidate: Content) -> str:
        """Return why a candidate is not scored: the strategy's reason, else a lost placeholder.

        Whatever proposed it, an application with a hole cannot use a prompt without it. In a run
        that began before journal format 10 some strategies asked for no such thing.
        """
        reason = self.strategy.reject(candidate, self.view)
        # One from outside opro may know nothing of this.
        guarded = getattr(self.strategy, "keeps_placeholders", True)
        guarded = guarded and self.view.state.began_with(10)
        return reason or (judge_candidate(candidate, self.view) if guarded else "")
