"""What the calls of one model have cost."""

from __future__ import annotations

from dataclasses import dataclass

from opro_cli.core.events import Answered, Checked, Proposed, Reasoned


@dataclass(slots=True)
class RoleSpend:
    """What one model has cost. A call of unknown tokens or price makes the sum unknown.

    pico_usd: whole 1e-12 dollars, so that the order of arrival cannot show in the sum.
    """

    calls: int = 0
    cached: int = 0
    """Replies that came from the answer cache, so that no call was made for them."""
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    pico_usd: int | None = 0

    @property
    def usd(self) -> float | None:
        """Dollars, None when unknown."""
        return None if self.pico_usd is None else self.pico_usd / 1e12

    def add(self, event: Checked | Proposed | Reasoned | Answered) -> None:
        """Count one reply, and what its call has cost if it had one."""
        via = "call" if isinstance(event, Checked) else event.via
        if via != "call":
            self.cached += via == "cache"
            return
        self.calls += 1
        prompt, completion, usd = event.prompt_tokens, event.completion_tokens, event.usd
        if self.prompt_tokens is not None:
            self.prompt_tokens = None if prompt is None else self.prompt_tokens + prompt
        if self.completion_tokens is not None:
            completion_tokens = self.completion_tokens
            self.completion_tokens = None if completion is None else completion_tokens + completion
        if self.pico_usd is not None:
            self.pico_usd = None if usd is None else self.pico_usd + round(usd * 1e12)
