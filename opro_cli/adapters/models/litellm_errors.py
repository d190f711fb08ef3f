"""litellm's exceptions as ModelErrors.

What was on the wire decides: it is at the end of the chain of causes. litellm retells it by words
(any status becomes 429 when the text says "rate limit", and 400 when it says
"invalid_request_error") and invents a status (500, 408, 422) where the wire had none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx

from opro_cli.adapters.models.http_post import was_sent
from opro_cli.adapters.models.litellm_transport import AnswerTooLarge
from opro_cli.adapters.models.provider_errors import remedy, verdict
from opro_cli.adapters.models.provider_refusals import (
    Answer,
    Asked,
    answered,
    broke_off,
    refused_connection,
    timed_out,
    too_large,
    unanswered,
    unreadable,
)
from opro_cli.adapters.models.provider_words import PAGE, said_in, shortened
from opro_cli.errors import ModelError

# "litellm.RateLimitError: RateLimitError: OpenAIException - " before the provider's own words
PREFIXES = re.compile(r"(?:litellm\.\w+:\s+|\w+Error:\s+|Timeout Error:\s+|\w+Exception - )+")
TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\)")
# litellm explains its own settings, which are out of reach for a user of `opro`
ADVICE = re.compile(r"\.? *To drop (?:unsupported|these).*", re.DOTALL)


def refusal(error: Exception, asked: Asked, *, was_answered: bool = False) -> ModelError:
    """Why a model did not answer, what to do about it, and whether to ask again.

    was_answered: the server began an answer that is no refusal.
    """
    causes = tuple(causes_of(error))
    if any(isinstance(cause, AnswerTooLarge) for cause in causes):
        return too_large(asked)
    answer = answer_in(causes)
    if answer is not None:
        return answered(answer, asked)
    if any(is_timeout(cause) for cause in causes):
        return timed_out(asked)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return refused_connection(asked)
    if any(isinstance(cause, httpx.ReadError) for cause in causes):
        return broke_off(asked)
    text = text_of_no_answer(causes)
    if text is not None:
        return unreadable(text, asked)
    return unsent(error, causes, asked, was_answered)


def unsent(
    error: Exception, causes: tuple[BaseException, ...], asked: Asked, was_answered: bool
) -> ModelError:
    """A broken connection, or what litellm refuses to send or to read."""
    said = said_in(own_words(error, causes), asked.secrets)
    code: int | None = getattr(error, "status_code", None)
    lacks_a_package = any(isinstance(cause, ImportError) for cause in causes)
    return unanswered(
        said.words,
        asked,
        None if code is None else remedy(code, said.meaning, asked.name, asked.api_base),
        transient=verdict(code, said.meaning) == "transient" and not lacks_a_package,
        maybe_billed=was_answered or any(map(was_sent, causes)),
    )


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """`error`, what caused it, what caused that, and so on; not the refusal of an earlier call."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ModelError):
        yield cause
        cause = cause.__cause__ or cause.__context__


def answer_in(causes: tuple[BaseException, ...]) -> Answer | None:
    """What the server answered, if it answered with a refusal."""
    for cause in reversed(causes):
        if isinstance(cause, httpx.HTTPStatusError):
            return Answer(cause.response.status_code, cause.response.headers, cause.response.text)
    error = causes[0]
    code, headers = (getattr(error, x, None) for x in ("status_code", "litellm_response_headers"))
    if code is None or headers is None or code < 300:
        return None
    return Answer(code, headers, own_words(error, causes))


def text_of_no_answer(causes: tuple[BaseException, ...]) -> str | None:
    """What a server sent as its answer and nobody could read; None when that is not the trouble."""
    for cause in causes:
        if isinstance(cause, json.JSONDecodeError):
            return cause.doc
    text = str(causes[0])
    return text if PAGE.search(shortened(text)) else None


def is_timeout(cause: BaseException) -> bool:
    """By name too: the timeouts of openai and httpx are no TimeoutErrors."""
    return isinstance(cause, TimeoutError) or type(cause).__name__ in ("APITimeoutError", "Timeout")


def own_words(error: BaseException, causes: tuple[BaseException, ...]) -> str:
    """What the provider said; for a broken connection what the system said."""
    system = next((c for c in reversed(causes) if isinstance(c, OSError) and c.strerror), None)
    if system is not None:
        return system.strerror or ""
    text = ADVICE.sub("", TRACEBACK.split(shortened(str(error)))[0])
    prefixes = PREFIXES.match(text)
    return text[prefixes.end() :] if prefixes else text
