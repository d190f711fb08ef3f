"""What a server says in OpenAI's format of chat completions; knows no client library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from opro_cli.core.task.example import Choice
from opro_cli.errors import ModelError
from opro_cli.models.error_texts import address_hint, parsed, said_in, sendable
from opro_cli.models.prices import Usage
from opro_cli.models.refusals import (
    Answer,
    Asked,
    answered,
    redirected,
    unanswered,
    unreadable,
    without_choices,
)

# a server without a reasoning parser leaves the thoughts before the answer
TAG = "(?:think|thinking|budget:thinking)>"
THOUGHTS = re.compile(f"<{TAG}.*?</{TAG}", re.DOTALL)
THOUGHTS_ELSEWHERE = ("reasoning_content", "reasoning")  # fields of a message


MOST_TOKENS = 10**8
"""Of one call: the longest context windows have a tenth of it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reply that was read.

    text: can be sent on.
    usage: None where the server sent no counts.
    tier: the service tier, "" where none is named.
    more: the choices behind the first.
    """

    text: str
    finish_reason: str
    usage: Usage | None
    tier: str
    more: tuple[Choice, ...] = ()


def reading_of(answer: Answer, asked: Asked) -> Reading:
    """The reply in an answer; raises ModelError when there is none."""
    if answer.status >= 300:
        raise refusal_in(answer, asked)
    data = parsed(answer.body)
    if isinstance(data, dict) and data.get("error") and not data.get("choices"):
        raise error_in_an_answer(data["error"], answer, asked)
    choices: Any = data.get("choices") if isinstance(data, dict) else None
    if choices == []:
        raise without_choices(asked)
    try:
        first, *more = map(choice_in, choices)
    except (TypeError, KeyError, AttributeError):
        raise unreadable(answer.body, asked) from None
    tier = data.get("service_tier")
    return Reading(
        text=first.text,
        finish_reason=first.finish_reason,
        usage=usage_in(data.get("usage")),
        tier=tier if isinstance(tier, str) else "",
        more=tuple(more),
    )


def choice_in(choice: dict[str, Any]) -> Choice:
    """One answer; raises TypeError, KeyError or AttributeError when it is none."""
    text, finish_reason = text_of(choice["message"]), choice.get("finish_reason")
    reason = finish_reason if isinstance(finish_reason, str) else "unknown"
    return Choice(sendable(text), reason)


def refusal_in(answer: Answer, asked: Asked) -> ModelError:
    """Why a status of 300 and above is no reply."""
    place = next((v for name, v in answer.headers.items() if name.lower() == "location"), None)
    if place is not None and answer.status < 400:
        return redirected(answer, place, asked)
    return answered(answer, asked)


def error_in_an_answer(error: Any, answer: Answer, asked: Asked) -> ModelError:
    """OpenRouter and LM Studio refuse with a 200; some put the status they mean inside."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return answered(Answer(code, answer.headers, answer.body), asked)
    words = said_in(answer.body, asked.secrets).words
    return unanswered(words, asked, address_hint(asked.name, asked.api_base))


def text_of(message: dict[str, Any]) -> str:
    """The answer in a message, without the thoughts before it; raises TypeError without a text."""
    content = message.get("content")
    if content is None:
        return ""
    if not isinstance(content, str):
        raise TypeError(type(content))
    if any(field in message for field in THOUGHTS_ELSEWHERE):
        return content
    thoughts = THOUGHTS.match(content)
    return content[thoughts.end() :] if thoughts else content


def usage_in(usage: Any) -> Usage | None:
    """The token counts of an answer, None where they are missing or make no sense."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    if not prompt or completion is None:
        return None
    details = usage.get("prompt_tokens_details")
    cached = count(details, "cached_tokens") or 0
    written = count(details, "cache_write_tokens") or count(details, "cache_creation_tokens") or 0
    return Usage(prompt, completion, min(cached, prompt), min(written, prompt))


def count(counts: Any, key: str) -> int | None:
    """A number of tokens, None for anything else, and for more than any model can take."""
    value = counts.get(key) if isinstance(counts, dict) else None
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
