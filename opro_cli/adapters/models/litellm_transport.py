"""How long the answers that litellm reads may be, and when one is here.

litellm reads whatever a server sends, and unpacks it before anybody can look. Both of its ways out,
its own over aiohttp and httpx's, hand over an answer before its body is read; there the body is
counted and unpacked here, piece by piece.

Imports httpx: to be imported with litellm.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx

from opro_cli.adapters.deadline import Deadline
from opro_cli.adapters.models.provider_refusals import LONGEST_REFUSAL, Asked

Handle = Callable[[Any, httpx.Request], Awaitable[httpx.Response]]

PACKED = ("gzip", "deflate")
MOST_AT_ONCE = 65_536  # bytes that are unpacked at a time


class AnswerTooLarge(Exception):
    """An answer is longer than what was asked for can be."""


@dataclass(slots=True)
class Call:
    """A request of this task and its time limit; status: of the latest answer, None before one."""

    asked: Asked
    deadline: Deadline
    status: int | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the server began an answer that is no refusal."""
        return self.status is not None and self.status < 300


_current: ContextVar[Call | None] = ContextVar("call", default=None)


@contextmanager
def apply_bounds(call: Call) -> Iterator[None]:
    """Bound the answers to requests of this task."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


def bound_answers(*transports: type[Any]) -> None:
    """Have these httpx transports count what they read; doing it twice changes nothing."""
    for transport in transports:
        handle = transport.handle_async_request
        if not hasattr(handle, "is_bounded"):
            transport.handle_async_request = _bounding(handle)


def _bounding(handle: Handle) -> Handle:
    async def handle_async_request(transport: Any, request: httpx.Request) -> httpx.Response:
        call = _current.get()
        if call is None:
            return await handle(transport, request)
        request.headers["accept-encoding"] = ", ".join(PACKED)
        response = await handle(transport, request)
        call.deadline.count_piece()
        call.status = response.status_code
        encoding = response.headers.pop("content-encoding", "").strip().lower()
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, encoding in PACKED, call)
        return response

    handle_async_request.is_bounded = True  # type: ignore[attr-defined]
    return handle_async_request


class _Body(httpx.AsyncByteStream):
    """The body of an answer, unpacked and counted as it is read.

    Raises AnswerTooLarge; of a refusal the beginning is enough.
    """

    def __init__(self, body: httpx.AsyncByteStream, is_packed: bool, call: Call) -> None:
        self._body, self._call, self._is_packed = body, call, is_packed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        is_answer = self._call.is_answered
        left = self._call.asked.most_bytes if is_answer else LONGEST_REFUSAL
        async for piece in self._pieces():
            yield piece[:left]
            left -= len(piece)
            if left < 0:
                if is_answer:
                    raise AnswerTooLarge
                return
        if is_answer:
            self._call.deadline.complete()

    async def aclose(self) -> None:
        await self._body.aclose()

    async def _pieces(self) -> AsyncIterator[bytes]:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # whichever of the two it is
        async for piece in self._body:
            self._call.deadline.count_piece()
            if not self._is_packed:
                yield piece
                continue
            try:
                while piece:
                    yield unpacker.decompress(piece, MOST_AT_ONCE)
                    piece = unpacker.unconsumed_tail
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error
