"""litellm's HTTP answers and exceptions: size limits, arrival times, and ModelErrors."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

import httpx

from opro_cli.errors import ModelError
from opro_cli.models import call_errors
from opro_cli.models.completions import find_error, read_completion
from opro_cli.models.error_texts import PAGE, classify, read_refusal, shorten, suggest_remedy
from opro_cli.models.http import can_have_arrived, explain_contact
from opro_cli.models.wire import LONGEST_REFUSAL, Deadline, HttpAnswer, ModelCall

Handle = Callable[[Any, httpx.Request], Awaitable[httpx.Response]]

PACKED = ("gzip", "deflate")
MOST_AT_ONCE = 65_536  # bytes that are unpacked at a time


class AnswerTooLargeError(Exception):
    """An answer is longer than the call allows."""


@dataclass(slots=True)
class BoundedCall:
    """A call of this task and its time limit.

    Attributes:
        call: What is asked.
        deadline: Its time limit.
        status: Of the latest answer, None before one.
        headers: Of the latest answer.
        body: Of the latest answer, as far as it was read; nothing of a refusal.
    """

    call: ModelCall
    deadline: Deadline
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    @property
    def is_answered(self) -> bool:
        """Whether the server began an answer that is no refusal."""
        return self.status is not None and self.status < 300

    @property
    def answer(self) -> HttpAnswer:
        """The latest answer, decoded anew at each look."""
        return HttpAnswer(self.status or 0, self.headers, self.body.decode("utf-8", "replace"))

    def take_answer(self) -> HttpAnswer:
        """Return the latest answer, and keep its bytes no longer: it may be megabytes."""
        answer, self.body = self.answer, bytearray()
        return answer


_current: ContextVar[BoundedCall | None] = ContextVar("call", default=None)


@contextmanager
def apply_bounds(call: BoundedCall) -> Iterator[None]:
    """Bound the answers to requests of this task."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


def bound_answers(*transports: type[Any]) -> None:
    """Make these httpx transports count what they read; doing it twice changes nothing."""
    for transport in transports:
        handle = transport.handle_async_request
        if not hasattr(handle, "is_bounded"):
            transport.handle_async_request = _bound(handle)


def _bound(handle: Handle) -> Handle:
    async def handle_async_request(transport: Any, request: httpx.Request) -> httpx.Response:
        call = _current.get()
        if call is None:
            return await handle(transport, request)
        request.headers["accept-encoding"] = ", ".join(PACKED)
        response = await handle(transport, request)
        call.deadline.count_piece()
        call.status, call.headers, call.body = response.status_code, response.headers, bytearray()
        encoding = response.headers.pop("content-encoding", "").strip().lower()
        stream = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _Body(stream, encoding in PACKED, call)
        return response

    handle_async_request.is_bounded = True  # type: ignore[attr-defined]
    return handle_async_request


class _Body(httpx.AsyncByteStream):
    """The body of an answer, unpacked and counted as it is read; only the beginning of a refusal.

    Raises AnswerTooLargeError within an answer that is too long.
    """

    def __init__(self, body: httpx.AsyncByteStream, is_packed: bool, call: BoundedCall) -> None:
        self._body, self._call, self._is_packed = body, call, is_packed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        is_answer = self._call.is_answered
        call = self._call
        left = call.call.most_bytes_of(call.headers) if is_answer else LONGEST_REFUSAL
        async for piece in self._pieces():
            if is_answer:
                call.body += piece[:left]
            yield piece[:left]
            left -= len(piece)
            if left < 0:
                if is_answer:
                    raise AnswerTooLargeError
                return
        if is_answer:
            self._call.deadline.complete()

    async def aclose(self) -> None:
        """Close the body of the answer."""
        await self._body.aclose()

    async def _pieces(self) -> AsyncIterator[bytes]:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # whichever of the two it is
        async for piece in self._body:
            self._call.deadline.count_piece()
            if not self._is_packed:
                yield piece
                continue
            packed = piece
            try:
                while packed:
                    yield unpacker.decompress(packed, MOST_AT_ONCE)
                    packed = unpacker.unconsumed_tail
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error


# "litellm.RateLimitError: RateLimitError: OpenAIException - " before the provider's own words
PREFIXES = re.compile(r"(?:litellm\.\w+:\s+|\w+Error:\s+|Timeout Error:\s+|\w+Exception - )+")
TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\)")
# litellm explains its own settings, which are out of reach for a user of `opro`
ADVICE = re.compile(r"\.? *To drop (?:unsupported|these).*", re.DOTALL)


def build_refusal(error: Exception, bounded: BoundedCall) -> ModelError:
    """Explain why a model did not answer, what to do about it, and whether to ask again."""
    causes, call = tuple(walk_causes(error)), bounded.call
    if any(isinstance(cause, AnswerTooLargeError) for cause in causes):
        refusal = call_errors.build_too_large_error(call)
    elif bounded.is_answered and (fault := _find_fault(bounded.answer)) is not None:
        # before the status and the words that litellm makes up for it
        refusal = call_errors.build_error_in_answer(fault, bounded.answer, call)
    elif (answer := find_answer(causes)) is not None:
        refusal = call_errors.build_status_error(answer, call)
    elif any(map(is_timeout, causes)):
        refusal = call_errors.build_timeout_error(call)
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        refusal = call_errors.build_connection_error(call)
    elif (refused := explain_contact(causes, call)) is not None:
        refusal = refused
    elif any(isinstance(cause, httpx.ReadError) for cause in causes):
        refusal = call_errors.build_broken_off_error(call)
    elif (text := find_unreadable_text(causes)) is not None:
        refusal = call_errors.build_unreadable_error(text, call)
    else:
        refusal = build_unsent_error(error, causes, bounded)
    return refusal


def _find_fault(answer: HttpAnswer) -> Any:
    """Return the error that an answer says in place of a completion; None for none."""
    data = read_completion(answer.body)
    return find_error(data) if isinstance(data, dict) else None


def build_unsent_error(
    error: Exception, causes: tuple[BaseException, ...], bounded: BoundedCall
) -> ModelError:
    """Explain a broken connection, or something that litellm refuses to send or to read."""
    call = bounded.call
    refusal = read_refusal(extract_words(error, causes))
    status = getattr(error, "status_code", None)
    code = status if isinstance(status, int) else None  # litellm takes it from a body as it is
    lacks_a_package = any(isinstance(cause, ImportError) for cause in causes)
    failure = call_errors.build_no_answer_error(
        refusal.words,
        call,
        None if code is None else suggest_remedy(code, refusal.meaning, call.name, call.api_base),
        transient=classify(code, refusal.meaning) == "transient" and not lacks_a_package,
        maybe_billed=bounded.is_answered or any(map(can_have_arrived, causes)),
    )
    return call_errors.name_refused(
        failure, code or 0, "", refusal.meaning, call
    )  # litellm knows some


def walk_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error`, its cause, the cause of that, and so on, up to an earlier call's refusal."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ModelError):
        yield cause
        cause = cause.__cause__ or cause.__context__


def find_answer(causes: tuple[BaseException, ...]) -> HttpAnswer | None:
    """Return the refusal that the server sent, None where it sent none."""
    for cause in reversed(causes):
        if isinstance(cause, httpx.HTTPStatusError):
            return HttpAnswer(
                cause.response.status_code, cause.response.headers, cause.response.text
            )
    error = causes[0]
    code, headers = (getattr(error, x, None) for x in ("status_code", "litellm_response_headers"))
    if not isinstance(code, int) or headers is None or code < 300:
        return None
    return HttpAnswer(code, headers, extract_words(error, causes))


def find_unreadable_text(causes: tuple[BaseException, ...]) -> str | None:
    """Return an answer that could not be read, None where that is not the trouble."""
    for cause in causes:
        if isinstance(cause, json.JSONDecodeError):
            return cause.doc
    text = str(causes[0])
    return text if PAGE.search(shorten(text)) else None


def is_timeout(cause: BaseException) -> bool:
    """Whether an error is a timeout; by name too, since openai's and httpx's derive from others."""
    return isinstance(cause, TimeoutError) or type(cause).__name__ in ("APITimeoutError", "Timeout")


def extract_words(error: BaseException, causes: tuple[BaseException, ...]) -> str:
    """Return the provider's own words; for a broken connection those of the system."""
    system = next((c for c in reversed(causes) if isinstance(c, OSError) and c.strerror), None)
    if system is not None:
        return system.strerror or ""
    text = ADVICE.sub("", TRACEBACK.split(shorten(str(error)))[0])
    prefixes = PREFIXES.match(text)
    return text[prefixes.end() :] if prefixes else text
