"""What the calls of one model have cost, and what they may have cost where nobody said.

What a provider counted is kept apart from what nobody counted: an answer without token counts, a
call that timed out, a call in flight when the process was killed. The latter are at their upper
bound, never at 0, so that the sum of both is the most that the provider can have billed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from opro_cli.core.events import (
    Answered,
    Checked,
    InFlight,
    LimitExceeded,
    Proposed,
    Reasoned,
    Uncounted,
)


@dataclass(slots=True)
class Bounds:
    """Calls that nobody counted, at their upper bound.

    answered, unanswered: how many brought an answer, and are among `RoleSpend.calls`, and how
    many did not. tokens: prompt and completion. pico_usd: whole 1e-12 dollars of those whose
    price was known; unpriced_tokens, unpriced_answers: the tokens and answers of the others.
    """

    answered: int = 0
    unanswered: int = 0
    tokens: int = 0
    pico_usd: int = 0
    unpriced_tokens: int = 0
    unpriced_answers: int = 0

    def add(
        self, tokens: int, usd: float | None, *, answered: int = 0, unanswered: int = 0
    ) -> None:
        """Count calls that may have taken so much together."""
        self.answered += answered
        self.unanswered += unanswered
        self.tokens += tokens
        if usd is None:
            self.unpriced_tokens += tokens
            self.unpriced_answers += answered
        else:
            self.pico_usd += round(usd * 1e12)

    def add_all(self, other: Bounds) -> None:
        """Count what others are."""
        self.answered += other.answered
        self.unanswered += other.unanswered
        self.tokens += other.tokens
        self.pico_usd += other.pico_usd
        self.unpriced_tokens += other.unpriced_tokens
        self.unpriced_answers += other.unpriced_answers


@dataclass(slots=True)
class RoleSpend:
    """What one model has cost.

    calls: answered ones; cached: replies from the answer cache, for which no call was made.
    counted_prompt, counted_completion, counted_pico_usd: as providers said, in whole 1e-12
    dollars, so that the order of arrival cannot show in a sum. uncounted_answers: those whose
    tokens nobody counted; unpriced_answers: those whose price is unknown, with the tokens of
    those that were counted. uncounted: see `Bounds`. in_flight: what the calls under way may
    take, as the process at work last said. prompt_overhead, longest_reply: the largest that a
    provider went beyond the bytes of a prompt, and beyond max_tokens (0 where it never did).
    """

    calls: int = 0
    cached: int = 0
    counted_prompt: int = 0
    counted_completion: int = 0
    counted_pico_usd: int = 0
    uncounted_answers: int = 0
    unpriced_answers: int = 0
    unpriced_prompt: int = 0
    unpriced_completion: int = 0
    uncounted: Bounds = field(default_factory=Bounds)
    in_flight: Bounds = field(default_factory=Bounds)
    prompt_overhead: int = 0
    longest_reply: int = 0

    @property
    def prompt_tokens(self) -> int | None:
        """Of all answers; None when a provider did not count one of them."""
        return None if self.uncounted_answers else self.counted_prompt

    @property
    def completion_tokens(self) -> int | None:
        """Of all answers; None when a provider did not count one of them."""
        return None if self.uncounted_answers else self.counted_completion

    @property
    def usd(self) -> float | None:
        """Dollars for all answers, None when the price of one of them is unknown."""
        return None if self.unpriced_answers else self.counted_pico_usd / 1e12

    @property
    def known_tokens(self) -> tuple[int | None, int | None]:
        """Of prompts and of replies, for the answers that were counted.

        None, None when one was neither counted nor has a bound, as before there were bounds.
        """
        if self.uncounted_answers > self.uncounted.answered:
            return None, None
        return self.counted_prompt, self.counted_completion

    @property
    def known_usd(self) -> float | None:
        """Dollars for the answers that have a price; None when one has neither that nor a bound."""
        bounded = self.uncounted.answered - self.uncounted.unpriced_answers
        return None if self.unpriced_answers > bounded else self.counted_pico_usd / 1e12

    def add(self, event: Checked | Proposed | Reasoned | Answered) -> None:
        """Count one reply, and what its call has cost if it had one."""
        via = "call" if isinstance(event, Checked) else event.via
        if via != "call":
            self.cached += via == "cache"
            return
        self.calls += 1
        prompt, completion, usd = event.prompt_tokens, event.completion_tokens, event.usd
        counted = prompt is not None and completion is not None
        self.uncounted_answers += not counted
        self.counted_prompt += prompt or 0
        self.counted_completion += completion or 0
        if usd is not None:
            self.counted_pico_usd += round(usd * 1e12)
            return
        self.unpriced_answers += 1
        if counted:
            self.unpriced_prompt += prompt or 0
            self.unpriced_completion += completion or 0

    def add_uncounted(self, event: Uncounted) -> None:
        """Count one call at its upper bound."""
        self.uncounted.add(
            event.tokens, event.usd, answered=event.answered, unanswered=not event.answered
        )

    def say_in_flight(self, event: InFlight) -> None:
        """Calls under way may take so much from here on."""
        self.in_flight = Bounds()
        self.in_flight.add(event.tokens, event.usd, unanswered=event.calls)

    def lose_in_flight(self) -> None:
        """The process is gone: whatever was under way counts at its most."""
        self.uncounted.add_all(self.in_flight)
        self.in_flight = Bounds()

    def learn(self, event: LimitExceeded) -> None:
        """A provider took more than it was given: from here on it may do so again."""
        self.prompt_overhead = max(self.prompt_overhead, event.prompt_overhead)
        self.longest_reply = max(self.longest_reply, event.longest_reply)
