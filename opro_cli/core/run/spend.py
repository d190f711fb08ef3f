"""The cost of a call before it is sent, by which limits let it go or hold it back."""

from __future__ import annotations

from dataclasses import dataclass, field

from opro_cli.core.run.events import (
    Answered,
    Checked,
    FirstReply,
    InFlight,
    LimitExceeded,
    Probed,
    Proposed,
    Uncounted,
)
from opro_cli.core.task.example import CUT


@dataclass(frozen=True, slots=True)
class Cost:
    """Upper bounds of one call.

    Attributes:
        tokens: Of prompt and reply.
        pico_usd: Dollars in whole 1e-12.
        expected_tokens: A likely number of tokens, for limits a minute.
    """

    tokens: int
    pico_usd: int
    expected_tokens: int = 0


@dataclass(slots=True)
class Bounds:
    """Unmetered calls at their upper bounds.

    Attributes:
        answered: Calls that brought an answer; they are among `RoleSpend.calls`.
        unanswered: Calls that did not.
        tokens: Of prompts and completions.
        pico_usd: Whole 1e-12 dollars of the calls whose price was known.
        unpriced_tokens: Tokens of the other calls.
        unpriced_answers: Answers of the other calls.
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
        """Add calls whose upper bounds add up to this much."""
        self.answered += answered
        self.unanswered += unanswered
        self.tokens += tokens
        if usd is None:
            self.unpriced_tokens += tokens
            self.unpriced_answers += answered
        else:
            self.pico_usd += round(usd * 1e12)

    def add_all(self, other: Bounds) -> None:
        """Add the calls of another sum."""
        self.answered += other.answered
        self.unanswered += other.unanswered
        self.tokens += other.tokens
        self.pico_usd += other.pico_usd
        self.unpriced_tokens += other.unpriced_tokens
        self.unpriced_answers += other.unpriced_answers


def _is_read(event: Proposed | FirstReply | Answered) -> bool:
    """Return True for a reply in which something was found, or is still looked for."""
    match event:
        case Proposed():
            return bool(event.instructions)
        case Answered():
            return event.answer is not None
        case _:
            return True


@dataclass(slots=True)
class RoleSpend:
    """The spend on one model.

    Attributes:
        calls: Answered calls.
        cached: Replies from the answer cache, or of the probe, for which no call was made.
        taken: Of these, the answers of the probe before the run.
        counted_prompt: Tokens by the provider's own figures, as of `counted_completion`.
        counted_pico_usd: In whole 1e-12, so that the order of arrival cannot show in the sum.
        uncounted_answers: Answers without token counts.
        unpriced_answers: Answers without a price; `unpriced_prompt` and `unpriced_completion`
            are the tokens of those that were metered.
        uncounted: The unmetered calls.
        in_flight: The upper bound of the calls in flight, as last recorded.
        prompt_overhead: The largest excess seen over the bytes of a prompt; 0 for none.
        longest_reply: The longest reply beyond max_tokens; 0 for none.
        counted_reasoning: Of counted_completion, the tokens that were reported as thoughts.
        reasoning_answers: Answers that reported them.
        replies: Replies of all kinds, cached ones and further choices of a call included.
        cut: Of these, those with a text that ended at the limit of tokens, and in which nothing
            was found.
        cut_empty: Those that ended there without any text.
    """

    calls: int = 0
    cached: int = 0
    taken: int = 0
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
    counted_reasoning: int = 0
    reasoning_answers: int = 0
    replies: int = 0
    cut: int = 0
    cut_empty: int = 0

    @property
    def reasoning_tokens(self) -> int | None:
        """Tokens that were reported as thoughts; None where no answer reported any."""
        return self.counted_reasoning if self.reasoning_answers else None

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of all answers; None when one of them came without token counts."""
        return None if self.uncounted_answers else self.counted_prompt

    @property
    def completion_tokens(self) -> int | None:
        """Tokens of all answers; None when one of them came without token counts."""
        return None if self.uncounted_answers else self.counted_completion

    @property
    def usd(self) -> float | None:
        """Dollars for all answers; None when the price of one of them is unknown."""
        return None if self.unpriced_answers else self.counted_pico_usd / 1e12

    @property
    def known_tokens(self) -> tuple[int | None, int | None]:
        """Prompt and completion tokens of the metered answers.

        None, None when an unmetered answer has no bound either, as in journals before format 5.
        """
        if self.uncounted_answers > self.uncounted.answered:
            return None, None
        return self.counted_prompt, self.counted_completion

    @property
    def known_usd(self) -> float | None:
        """Dollars for the priced answers; None when another has no upper bound either."""
        bounded = self.uncounted.answered - self.uncounted.unpriced_answers
        return None if self.unpriced_answers > bounded else self.counted_pico_usd / 1e12

    def add(self, event: Checked | Proposed | FirstReply | Answered) -> None:
        """Add one reply, and the cost of its call if there was one."""
        via = "call" if isinstance(event, Checked) else event.via
        if not isinstance(event, Checked) and via != "local":
            self.replies += 1
            if event.finish_reason in CUT:
                is_empty = not event.text.strip()
                self.cut_empty += is_empty
                self.cut += not is_empty and not _is_read(event)
        if via != "call":
            self.cached += via == "cache"
            self.taken += isinstance(event, Answered) and event.is_taken_over
            return
        self.calls += 1
        prompt, completion, usd = event.prompt_tokens, event.completion_tokens, event.usd
        counted = prompt is not None and completion is not None
        self.uncounted_answers += not counted
        self.counted_prompt += prompt or 0
        self.counted_completion += completion or 0
        if event.reasoning_tokens is not None:
            self.counted_reasoning += event.reasoning_tokens
            self.reasoning_answers += 1
        if usd is not None:
            self.counted_pico_usd += round(usd * 1e12)
            return
        self.unpriced_answers += 1
        if counted:
            self.unpriced_prompt += prompt or 0
            self.unpriced_completion += completion or 0

    def add_uncounted(self, event: Uncounted) -> None:
        """Add one unmetered call."""
        self.uncounted.add(
            event.tokens, event.usd, answered=event.answered, unanswered=not event.answered
        )

    def add_probe(self, event: Probed) -> None:
        """Add the calls of the probe before the run."""
        self.calls += event.calls
        self.counted_prompt += event.prompt_tokens
        self.counted_completion += event.completion_tokens
        self.counted_pico_usd += round(event.usd * 1e12)
        self.unpriced_answers += event.unpriced
        if event.unpriced:
            self.unpriced_prompt += event.prompt_tokens
            self.unpriced_completion += event.completion_tokens
        self.uncounted.add(event.lost_tokens, event.lost_usd, unanswered=event.lost_calls)

    def set_in_flight(self, event: InFlight) -> None:
        """Replace the upper bound of the calls in flight."""
        self.in_flight = Bounds()
        self.in_flight.add(event.tokens, event.usd, unanswered=event.calls)

    def lose_in_flight(self) -> None:
        """Charge the calls in flight of a process that was killed."""
        self.uncounted.add_all(self.in_flight)
        self.in_flight = Bounds()

    def learn(self, event: LimitExceeded) -> None:
        """Remember that the provider exceeded a limit."""
        self.prompt_overhead = max(self.prompt_overhead, event.prompt_overhead)
        self.longest_reply = max(self.longest_reply, event.longest_reply)
