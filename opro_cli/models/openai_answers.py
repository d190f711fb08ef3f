"""What a server says in OpenAI's format of chat completions; knows no client library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from opro_cli.core.task.example import Choice
from opro_cli.errors import ModelError
from opro_cli.models.error_texts import (
    parse_json,
    read_refusal,
    replace_unsendable,
    suggest_address,
)
from opro_cli.models.prices import Usage
from opro_cli.models.refusals import (
    HttpAnswer,
    ModelCall,
    build_no_answer_error,
    build_no_choices_error,
    build_redirect_error,
    build_status_error,
    build_unreadable_error,
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


def read_reply(answer: HttpAnswer, asked: ModelCall) -> Reading:
    """The reply in an answer; raises ModelError when there is none."""
    if answer.status >= 300:
        raise build_refusal(answer, asked)
    data = parse_json(answer.body)
    if isinstance(data, dict) and data.get("error") and not data.get("choices"):
        raise build_error_in_answer(data["error"], answer, asked)
    choices: Any = data.get("choices") if isinstance(data, dict) else None
    if choices == []:
        raise build_no_choices_error(asked)
    try:
        first, *more = map(read_choice, choices)
    except (TypeError, KeyError, AttributeError):
        raise build_unreadable_error(answer.body, asked) from None
    tier = data.get("service_tier")
    return Reading(
        text=first.text,
        finish_reason=first.finish_reason,
        usage=read_usage(data.get("usage")),
        tier=tier if isinstance(tier, str) else "",
        more=tuple(more),
    )


def read_choice(choice: dict[str, Any]) -> Choice:
    """One answer; raises TypeError, KeyError or AttributeError when it is none."""
    text, finish_reason = read_text(choice["message"]), choice.get("finish_reason")
    reason = finish_reason if isinstance(finish_reason, str) else "unknown"
    return Choice(replace_unsendable(text), reason)


def build_refusal(answer: HttpAnswer, asked: ModelCall) -> ModelError:
    """Why a status of 300 and above is no reply."""
    place = next((v for name, v in answer.headers.items() if name.lower() == "location"), None)
    if place is not None and answer.status < 400:
        return build_redirect_error(answer, place, asked)
    return build_status_error(answer, asked)


def build_error_in_answer(error: Any, answer: HttpAnswer, asked: ModelCall) -> ModelError:
    """OpenRouter and LM Studio refuse with a 200; some put the status they mean inside."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return build_status_error(HttpAnswer(code, answer.headers, answer.body), asked)
    words = read_refusal(answer.body, asked.secrets).words
    return build_no_answer_error(words, asked, suggest_address(asked.name, asked.api_base))


def read_text(message: dict[str, Any]) -> str:
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


def read_usage(usage: Any) -> Usage | None:
    """The token counts of an answer, None where they are missing or make no sense."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = read_count(usage, "prompt_tokens"), read_count(usage, "completion_tokens")
    if not prompt or completion is None:
        return None
    details = usage.get("prompt_tokens_details")
    cached = read_count(details, "cached_tokens") or 0
    written = (
        read_count(details, "cache_write_tokens")
        or read_count(details, "cache_creation_tokens")
        or 0
    )
    return Usage(prompt, completion, min(cached, prompt), min(written, prompt))


def read_count(counts: Any, key: str) -> int | None:
    """A number of tokens, None for anything else, and for more than any model can take."""
    value = counts.get(key) if isinstance(counts, dict) else None
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
