"""What a provider's refusal means: transient or not, how long to wait, what to do about it.

Shared by every adapter that talks to a provider over HTTP; knows no client library.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from opro_cli.adapters.models.provider_keys import OWN_SERVER_KEY, key_variable, provider_of
from opro_cli.adapters.models.provider_words import LONGEST_READ
from opro_cli.adapters.models.server_commands import get_hint

# transient: asking again may help. unanswerable: this request will never be answered, others may
# be. permanent: no request will be before somebody does something.
Verdict = Literal["transient", "unanswerable", "permanent"]

# 409: the openai client retries lock conflicts too; 425: too early
TRANSIENT_4XX = frozenset({408, 409, 425, 429})
# a refusal of the text itself comes with these; llama.cpp said 500 for a long time
REFUSES_A_TEXT = frozenset({400, 403, 413, 422, 500})

TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size_error|request_too_large"  # OpenAI, llama.cpp
    r"|maximum context length|context length is only|longer than the (?:maximum )?model"  # vLLM
    r"|prompt is too long|exceed context limit"  # Anthropic
    r"|exceeds the (?:available |maximum |model's )?context|greater than the context"  # Ollama
    r"|input token count|maximum number of tokens allowed"  # Gemini
    r"|too large for model with|maximum prompt length|current length is \d+ while"  # Mistral, xAI
    r"|input is too long|`inputs` tokens|maximum input length|range of input length"  # Bedrock, TGI
    r"|reduce the length of the",  # Groq, OpenAI
    re.IGNORECASE,
)
FILTERED = re.compile(
    r"content_filter|responsibleaipolicyviolation|content management policy"  # Azure
    r"|content_policy_violation|invalid_prompt|flagged as potentially|safety system"  # OpenAI
    r"|content filtering policy|prohibited_content|input was flagged"  # Anthropic, OpenRouter
    r"|data_inspection_failed|content exists risk",  # DashScope, DeepSeek
    re.IGNORECASE,
)
# one request above a whole minute's tokens: OpenAI says 429, Groq 413, and waiting never helps
ABOVE_THE_RATE = re.compile(r"request too large for", re.IGNORECASE)
CONTEXT = re.compile(
    r"context length (?:is|of) (?:only )?(\d+)|context limit: \d+ \+ \d+ > (\d+)", re.IGNORECASE
)
TOO_MANY_ASKED = re.compile(
    r"max_(?:completion_)?tokens\W.{0,200}(?:large|maximum|at most|range)", re.IGNORECASE
)
# OpenAI answers 429 to an empty account as well, and no waiting fills one
EMPTY_ACCOUNT = re.compile(
    r"insufficient_quota|exceeded your current quota|insufficient balance|credit balance is too",
    re.IGNORECASE,
)
# Gemini says "exceeded your current quota" to anyone who asks too often
BUSY = re.compile(r"resource_exhausted", re.IGNORECASE)
BAD_KEY = re.compile(
    r"api_key_invalid|api key not valid|(?:incorrect|invalid) api key", re.IGNORECASE
)
# for those who send no header: Gemini, Groq ("1m26.4s"), Azure
WAIT = re.compile(
    r"(?:\"retryDelay\": *\"|(?:retry|try again) (?:in|after) )(?:(\d+)m)?(\d+(?:\.\d+)?) ?s",
    re.IGNORECASE,
)

NO_SUCH_MODEL = re.compile(r"\bmodel\b.{0,200}\bnot found|no models? loaded", re.IGNORECASE)
LOADING = re.compile(r"loading model", re.IGNORECASE)  # llama.cpp

FILTER_HINT = "change the words of the prompt, or ask another model"
LOADING_HINT = "wait until the server has loaded its model"


def verdict(status: int | None, meaning: str = "", max_tokens: int | None = None) -> Verdict:
    """What a refusal means for this request and for all others.

    status: of the HTTP answer, None where there was none.
    meaning: the provider's words and codes.
    max_tokens: of the request. Where that alone is more than the model can hold, the request is
        as long as its neighbours and nothing is wrong with its text.
    """
    if status == 413 or (status == 429 and ABOVE_THE_RATE.search(meaning)):
        return "unanswerable"
    if status in REFUSES_A_TEXT and TOO_LONG.search(meaning):
        return "permanent" if never_fits(meaning, max_tokens) else "unanswerable"
    if status in REFUSES_A_TEXT and FILTERED.search(meaning):
        return "unanswerable"
    # A 2xx that brought no readable answer counts as an accident of the wire.
    if status is None or status >= 500 or status < 300:
        return "transient"
    return "transient" if status in TRANSIENT_4XX and not is_empty(meaning) else "permanent"


def never_fits(meaning: str, max_tokens: int | None) -> bool:
    """Whether the answer that was asked for exceeds the context length even without a prompt."""
    context = CONTEXT.search(meaning)
    if context is None or max_tokens is None:
        return False
    return max_tokens >= int(context[1] or context[2])


def is_empty(meaning: str) -> bool:
    """Whether an account has nothing left to spend."""
    return bool(EMPTY_ACCOUNT.search(meaning)) and not BUSY.search(meaning)


def retry_after(
    headers: Mapping[str, str] | None, now: datetime | None = None, body: str = ""
) -> float | None:
    """Seconds that a provider asked to wait, or None; never negative.

    Reads `retry-after-ms` (OpenAI) and `retry-after` as seconds or as an HTTP date
    (RFC 9110, section 10.2.3); without either, what the body says.
    """
    fields = {name.lower(): value.strip() for name, value in (headers or {}).items()}
    milliseconds = seconds_in(fields.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = fields.get("retry-after", "")
    seconds = seconds_in(value)
    if seconds is not None:
        return seconds
    if not value:
        told = WAIT.search(body[:LONGEST_READ])
        return 60.0 * int(told[1] or 0) + float(told[2]) if told else None
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


def remedy(
    status: int, meaning: str, model_name: str, api_base: str | None, max_tokens: int | None = None
) -> str | None:
    """What to do about a refusal; None where the provider's words must do."""
    if status == 402 or is_empty(meaning):
        return f"the account at {provider_of(model_name)} needs credit"
    if status in REFUSES_A_TEXT and FILTERED.search(meaning):
        return FILTER_HINT
    if status in (401, 403) or (status == 400 and BAD_KEY.search(meaning)):
        return key_hint(model_name, api_base)
    if status == 404 or (status == 400 and NO_SUCH_MODEL.search(meaning)):
        return get_hint(model_name, api_base)
    if status == 503 and LOADING.search(meaning):
        return LOADING_HINT
    if TOO_MANY_ASKED.search(meaning) or never_fits(meaning, max_tokens):
        return "lower max_tokens"
    if status == 413 or ABOVE_THE_RATE.search(meaning) or TOO_LONG.search(meaning):
        return "shorten the prompt, lower max_tokens, or ask a model with a longer context"
    return None


def key_hint(model_name: str, api_base: str | None) -> str:
    """Which variable must hold another key."""
    where = f" for {api_base}" if api_base else ""
    variable = key_variable(model_name, api_base)
    if variable is None:
        return f"check the key and the access rights{where}"
    only = " (OPENAI_API_KEY goes to OpenAI only)" if variable == OWN_SERVER_KEY else ""
    return f"set {variable} to a key that is valid{where}{only}"


def address_hint(model_name: str, api_base: str | None) -> str | None:
    """What to do when something answers that is no model server."""
    if api_base is None:
        return None
    speaks_openai = not provider_of(model_name).startswith("ollama")
    return f"check api_base, {api_base}" + (
        ": most end in /v1" if speaks_openai and not api_base.rstrip("/").endswith("/v1") else ""
    )
