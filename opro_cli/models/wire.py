"""Parts of a call over HTTP that need no client library: its limits, its answer, its time."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

BYTES_OF_AN_ENVELOPE = 65_536  # what a server sends around its answers
BYTES_OF_A_TOKEN = 32  # the longest common ones, with every character escaped in JSON
LONGEST_REFUSAL = 65_536
"""Bytes of a refusal that are read; its first few hundred say what is wrong."""
# No server can be sent these: an instruction with one in it would fail at every question.
UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
QUIET_TURNS = 16
"""Turns of the event loop without a new piece after which nothing that arrived is unread. A piece
takes two or three, from the socket to the task that waits for it."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """The part of a call that reading its answer, or explaining its failure, depends on.

    Attributes:
        timeout: Seconds for the whole call.
        max_tokens: Of each of its answers; every request has a limit.
        choices: Number of answers asked for.
    """

    name: str
    api_base: str | None
    timeout: float
    max_tokens: int
    choices: int = 1

    @property
    def most_bytes(self) -> int:
        """The longest body that an answer of this length can need."""
        return BYTES_OF_AN_ENVELOPE + BYTES_OF_A_TOKEN * self.max_tokens * self.choices


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer with its whole body as text."""

    status: int
    headers: Mapping[str, str]
    body: str


def parse_json(text: str) -> Any:
    """Decode JSON; None for anything else, and for data nested too deeply to decode."""
    from msgspec.json import decode

    try:
        return decode(text)
    except (ValueError, RecursionError):  # or half a character, which msgspec refuses
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def replace_unsendable(text: str) -> str:
    """Put U+FFFD in place of the characters that no server can be sent: NUL and half a pair."""
    if text.isascii() and "\x00" not in text:
        return text
    return UNSENDABLE.sub("\ufffd", text)


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
