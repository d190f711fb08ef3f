"""How fast one model is asked: its own limits are queues here, never errors.

Concurrency adapts by additive increase and multiplicative decrease (Chiu and Jain, 1989; the rule
of TCP): a rate limit or an overloaded server halves it, once per volley; every answer gives a
little back, up to what the config allows. What a provider asks to wait is waited by all calls to
that endpoint, since they would be refused too.
"""

from __future__ import annotations


class Pace:
    """Places at one endpoint of a model. most: calls at a time at most. Times are of one clock."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.in_flight = 0
        self.held_until = 0.0
        self.held_why = ""
        self._eased_at = float("-inf")

    @property
    def has_room(self) -> bool:
        """Is there a place for one more call?"""
        return self.in_flight < int(self.limit)

    def answered(self) -> None:
        """A call was answered: there is room for a little more."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def congested(self, admitted: float, now: float, wait: float | None, why: str) -> None:
        """A call admitted at `admitted` met a limit of the provider's, or an overloaded server.

        wait: the seconds it asks everybody to wait, None where it did not say.
        """
        if admitted > self._eased_at:  # the others of the same volley tell nothing new
            self.limit = max(1.0, self.limit / 2)
            self._eased_at = now
        if wait is not None and now + wait > self.held_until:
            self.held_until, self.held_why = now + wait, why


class Turns:
    """The limits a minute of a model, over all of its endpoints; None for no limit.

    Calls are spaced evenly, without bursts, so that any sliding window of the provider's is kept.
    """

    def __init__(
        self, requests_per_minute: int | None = None, tokens_per_minute: int | None = None
    ) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next_request = self._next_token = 0.0

    def take(self, tokens: int, now: float) -> tuple[float, str]:
        """When the limits let this call go, and which of them; the next one's turn is after it."""
        request = max(self._next_request, now)
        token = max(self._next_token, now)
        self._next_request = request + self._per_request
        self._next_token = token + tokens * self._per_token
        if request >= token:
            return request, "requests_per_minute"
        return token, "tokens_per_minute"

    def correct(self, tokens: int, used: int) -> None:
        """A call of about `tokens` took `used` of them."""
        self._next_token += (used - tokens) * self._per_token
