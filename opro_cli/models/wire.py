"""A call over HTTP without a client library: its limits, its answer, and its time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from opro_cli.core.task.example import ChatRequest

BYTES_OF_AN_ENVELOPE = 65_536  # what a server sends around its answers
BYTES_OF_A_TOKEN = 32  # the longest common ones, with every character escaped in JSON
BYTES_OF_A_CHUNK = 1024  # what a server sends around each token of a stream
STREAMS = ("text/event-stream", "application/x-ndjson", "application/jsonl")
LONGEST_UNLIMITED = 262_144
"""Tokens of an answer without a limit: more than any model writes at once."""
LONGEST_STREAM = 32_768  # tokens of a stream that nobody asked for, where there is no limit
LONGEST_REFUSAL = 65_536
"""Bytes of a refusal that are read; its first few hundred say what is wrong."""
QUIET_TURNS = 16
"""Turns of the event loop without a new piece after which nothing that arrived is unread. A piece
takes two or three, from the socket to the task that waits for it."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """The part of a call that reading its answer, or explaining its failure, depends on.

    Attributes:
        timeout: Seconds for the whole call.
        max_tokens: Of each of its answers; None where no limit was sent.
        choices: Number of answers asked for.
        sent: The optional parameters of the request.
        system: It has a system message.
    """

    name: str
    api_base: str | None
    timeout: float
    max_tokens: int | None
    choices: int = 1
    sent: Mapping[str, Any] = field(default_factory=dict)
    system: bool = False

    @classmethod
    def of(
        cls,
        request: ChatRequest,
        name: str,
        api_base: str | None,
        timeout: float,
        sent: Mapping[str, Any],
    ) -> Self:
        """Build the call that asks a model for the answers to a request."""
        system = any(message.role == "system" for message in request.messages)
        limits = (request.max_tokens, request.choices)
        return cls(name, api_base, timeout, *limits, sent, system)

    @property
    def most_bytes(self) -> int:
        """The longest body that an answer of this length can need."""
        most = self.max_tokens or LONGEST_UNLIMITED
        return BYTES_OF_AN_ENVELOPE + BYTES_OF_A_TOKEN * most * self.choices

    def most_bytes_of(self, headers: Mapping[str, str]) -> int:
        """Return the longest body that an answer with these headers can need."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        chunks = BYTES_OF_A_CHUNK * (self.max_tokens or LONGEST_STREAM) * self.choices
        return self.most_bytes + (chunks if kind in STREAMS else 0)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer with its whole body as text."""

    status: int
    headers: Mapping[str, str]
    body: str


class Deadline:
    """An async context manager that ends as `asyncio.timeout` does, but never ahead of the answer.

    An event loop that was busy (a slow disk, a large journal) wakes late, and finds the answer in
    the socket together with the end of its time. `asyncio.timeout` would throw the answer away,
    which may be paid for; this one first lets the loop read what has arrived, and ends once a few
    turns of the loop bring nothing new. A call never takes more than twice its time.

    Args:
        seconds: The time limit, from entering the context.

    Raises:
        TimeoutError: On leaving, when the time is over and the answer is not here.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._pieces = 0

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._latest = self._loop.time() + 2 * self._seconds
        self._next: asyncio.Handle = self._loop.call_later(
            self._seconds, self._expire_when_quiet, QUIET_TURNS, -1
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._next.cancel()
        await self._timeout.__aexit__(kind, error, traceback)

    def count_piece(self) -> None:
        """Note that a piece of the answer was read."""
        self._pieces += 1

    def complete(self) -> None:
        """Note that the answer is here: reading it has no time limit."""
        self._next.cancel()
        if not self._timeout.expired():
            self._timeout.reschedule(None)

    def _expire_when_quiet(self, turns: int, pieces: int) -> None:
        if self._pieces != pieces and self._loop.time() < self._latest:
            turns = QUIET_TURNS
        if turns:
            self._next = self._loop.call_soon(self._expire_when_quiet, turns - 1, self._pieces)
        else:
            self._timeout.reschedule(self._loop.time())
