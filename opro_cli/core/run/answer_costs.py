"""The tokens and dollars that a candidate's answers took, so that candidates can be compared by it.

An answer from the answer cache has the figures of when it was asked, and so has one that is taken
over from the probe before a run. One that a provider did not meter, or that an older opro has put
into the cache, has none: it is counted apart, and a mean is known only where every answer has some.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from opro_cli.core.run.events import Answered, FirstReply

PICO = 1e12
"""Dollars are summed in whole 1e-12, so that the order of arrival cannot show in the sum."""


@dataclass(slots=True)
class ReplyCost:
    """The cost of the replies to one question; None for what is unknown."""

    prompt: int | None = 0
    completion: int | None = 0
    pico_usd: int | None = 0


@dataclass(slots=True)
class AnswerCosts:
    """The sums over a candidate's answers on a split.

    Attributes:
        answers: Answers to which a scorer's reply led, `scorer.repeats` for each question; refused
            questions are none.
        metered: Those with token counts, whose sums are `prompt` and `completion`.
        priced: Those with a price, whose sum is `pico_usd`.
        open: Replies to questions that are not graded yet, by question.
    """

    answers: int = 0
    metered: int = 0
    prompt: int = 0
    completion: int = 0
    priced: int = 0
    pico_usd: int = 0
    open: dict[int, ReplyCost] = field(default_factory=dict)

    def add_reply(self, event: FirstReply) -> None:
        """Add a reply that is not graded yet; a judge's is no part of what an answer costs."""
        if event.role == "scorer":
            self.open[event.question] = add_reply_cost(event, self.open.get(event.question))

    def add_answer(self, event: Answered, times: int = 1) -> None:
        """Add the answers to a question with all their replies: one for each time it was asked."""
        before = self.open.pop(event.question, None)
        if event.via == "local" and before is None:  # no model was asked
            self.answers += times
            return
        cost = sum_costs(event, before)
        self.answers += times
        if cost.prompt is not None and cost.completion is not None:
            self.metered += times
            self.prompt += cost.prompt
            self.completion += cost.completion
        if cost.pico_usd is not None:
            self.priced += times
            self.pico_usd += cost.pico_usd

    def drop(self, question: int) -> None:
        """Forget the replies to a question that will never be answered."""
        self.open.pop(question, None)

    @property
    def tokens(self) -> tuple[float, float] | None:
        """The mean tokens of prompt and reply an answer; None unless all are metered."""
        if not self.answers or self.metered < self.answers:
            return None
        return self.prompt / self.metered, self.completion / self.metered

    @property
    def usd(self) -> float | None:
        """The mean dollars an answer as they were billed; None unless all are priced."""
        if not self.answers or self.priced < self.answers:
            return None
        return self.pico_usd / PICO / self.priced


RECALLED = "recalled"
"""The reason to finish of a reply that was recorded, and counted, before its grade."""


def add_reply_cost(event: FirstReply, before: ReplyCost | None) -> ReplyCost:
    """Return the cost of a question's replies with one more that is not graded yet."""
    return _add(before or ReplyCost(), _read_cost(event))


def sum_costs(event: Answered, before: ReplyCost | None) -> ReplyCost:
    """Return the cost of an answer with that of the replies to its question before it."""
    cost = before or ReplyCost()
    if event.via == "local" or event.finish_reason == RECALLED:
        return cost
    return _add(cost, _read_cost(event))


def _read_cost(event: FirstReply | Answered) -> ReplyCost:
    """Return the cost of one reply; what came from the cache was billed when it was asked."""
    prompt, completion, usd = event.prompt_tokens, event.completion_tokens, event.usd
    if event.via == "cache" and not prompt:
        prompt, completion, usd = event.took or (None, None, None)
    return ReplyCost(prompt, completion, None if usd is None else round(usd * PICO))


def _add(first: ReplyCost, second: ReplyCost) -> ReplyCost:
    return ReplyCost(
        _add_known(first.prompt, second.prompt),
        _add_known(first.completion, second.completion),
        _add_known(first.pico_usd, second.pico_usd),
    )


def _add_known(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second
