"""litellm's exceptions as ModelErrors.

Judged by `status_code`, not by class: a body that says invalid_request_error turns any status into
BadRequestError, and litellm invents a status (500, 408, 422) where the wire had none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from opro_cli.adapters.models.provider_errors import (
    is_transient,
    provider_words,
    retry_after,
    start_hint,
    status_hint,
)
from opro_cli.errors import ModelError

# "litellm.RateLimitError: RateLimitError: OpenAIException - " before the provider's own words
PREFIXES = re.compile(r"(?:litellm\.\w+:\s+|\w+Error:\s+|Timeout Error:\s+|\w+Exception - )+")
TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\)")
# litellm explains its own settings, which are out of reach for a user of `opro`
ADVICE = re.compile(r"\.? *To drop (?:unsupported|these).*", re.DOTALL)


def refusal(
    error: Exception, name: str, api_base: str | None, timeout: float, secrets: tuple[str, ...] = ()
) -> ModelError:
    """Why model `name` did not answer, what to do about it, and whether to ask again.

    timeout: the seconds that one call was given, for the message.
    secrets: what must not be repeated, beside the keys in the environment.
    """
    code: int | None = getattr(error, "status_code", None)
    headers = getattr(error, "litellm_response_headers", None)
    status = code if headers is not None else None
    causes = tuple(causes_of(error))
    if status is None and any(is_timeout(cause) for cause in causes):
        return ModelError(
            f"{name} gave no answer within {timeout:g} s",
            "raise the timeout, or lower the concurrency",
            transient=True,
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        where = f" at {api_base}" if api_base else ""
        hint = start_hint(name, api_base)
        return ModelError(f"{name} refused the connection{where}", hint, transient=True)
    words = provider_words(own_words(error, causes), secrets)
    said = f"answered {status}" if status is not None and status >= 300 else "did not answer"
    return ModelError(
        f"{name} {said}: {words}" if words else f"{name} {said}",
        None if code is None else status_hint(code, name, api_base),
        transient=is_transient(code, words)
        and not any(isinstance(cause, ImportError) for cause in causes),
        status=status,
        retry_after=retry_after(headers),
    )


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """`error`, what caused it, what caused that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def is_timeout(cause: BaseException) -> bool:
    """By name too: the timeouts of openai and httpx are no TimeoutErrors."""
    return isinstance(cause, TimeoutError) or type(cause).__name__ in ("APITimeoutError", "Timeout")


def own_words(error: Exception, causes: tuple[BaseException, ...]) -> str:
    """What the provider said; for a broken connection what the system said."""
    system = next((c for c in reversed(causes) if isinstance(c, OSError) and c.strerror), None)
    if system is not None:
        return system.strerror or ""
    text = ADVICE.sub("", TRACEBACK.split(str(error))[0])
    prefixes = PREFIXES.match(text)
    return text[prefixes.end() :] if prefixes else text
