"""What a provider's refusal means: transient or not, how long to wait, in which words, what to do.

Shared by every adapter that talks to a provider over HTTP; knows no client library.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from opro_cli.adapters.models.provider_keys import KEYS_OF, provider_of, redact

LONGEST_WORDS = 300  # characters of a provider's own words in a message

# 409: the openai client retries lock conflicts too; 425: too early
TRANSIENT_4XX = frozenset({408, 409, 425, 429})
# OpenAI answers 429 to an empty account as well, and no waiting fills one
EMPTY_ACCOUNT = re.compile(r"insufficient_quota|exceeded your current quota", re.IGNORECASE)

HOW_TO_START: Mapping[str, str] = {
    "ollama": "start it with `ollama serve`",
    "ollama_chat": "start it with `ollama serve`",
    "hosted_vllm": "start it with `vllm serve {model}`",
    "lm_studio": "start it with `lms server start`",
    "llamafile": "start the llamafile with `--server`",
}


def is_transient(status: int | None, words: str = "") -> bool:
    """Whether asking again may help; None stands for no HTTP answer at all.

    A 2xx that brought no readable answer counts as an accident of the wire.
    """
    if status is None or status >= 500 or status < 300:
        return True
    return status in TRANSIENT_4XX and not EMPTY_ACCOUNT.search(words)


def retry_after(headers: Mapping[str, str] | None, now: datetime | None = None) -> float | None:
    """Seconds that a provider asked to wait, or None; never negative.

    Reads `retry-after-ms` (OpenAI) and `retry-after` as seconds or as an HTTP date
    (RFC 9110, section 10.2.3).
    """
    fields = {name.lower(): value.strip() for name, value in (headers or {}).items()}
    milliseconds = seconds_in(fields.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = fields.get("retry-after", "")
    seconds = seconds_in(value)
    if seconds is not None or not value:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def seconds_in(value: str) -> float | None:
    """A number of seconds, None for anything that is no finite number."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def provider_words(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The words of a provider as one printable line of at most LONGEST_WORDS characters.

    Of a JSON error only its message is kept; keys are redacted before anything is cut.
    """
    line = " ".join(redact(message_in(text), secrets).split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= LONGEST_WORDS else line[: LONGEST_WORDS - 1] + "…"


def message_in(text: str) -> str:
    """The message of {"error": {"message": …}}, {"error": …}, {"message": …}, {"detail": …}."""
    try:
        data = json.loads(text)
    except ValueError:
        return text
    while isinstance(data, dict):
        inner = next((data[key] for key in ("error", "message", "detail") if data.get(key)), None)
        if inner is None:
            return text
        data = inner
    return data if isinstance(data, str) else text


def status_hint(status: int, model_name: str, api_base: str | None) -> str | None:
    """What to do about an HTTP status; None where the provider's words must do."""
    provider, model = provider_of(model_name), model_name.partition("/")[2] or model_name
    if status in (401, 403):
        variables = KEYS_OF.get(provider)
        where = f" for {api_base}" if api_base else ""
        if variables is None:
            return f"check the key and the access rights{where}"
        return f"set {variables[0]} to a key that is valid{where}"
    if status == 402:
        return f"the account at {provider} needs credit"
    if status == 404:
        if provider in ("ollama", "ollama_chat"):
            return f"`ollama pull {model}`, or check the model's name"
        return "check the model's name" + (f" and api_base, {api_base}" if api_base else "")
    return None


def start_hint(model_name: str, api_base: str | None) -> str:
    """What to do when nobody answers at the address of a model."""
    provider, model = provider_of(model_name), model_name.partition("/")[2] or model_name
    if provider in HOW_TO_START:
        return HOW_TO_START[provider].format(model=model)
    return f"is the server at {api_base} running?" if api_base else "check the network connection"
