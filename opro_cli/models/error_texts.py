"""A provider's refusal: one readable line, whether it is transient, and what to do about it."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from opro_cli.models.accounts import OWN_SERVER_KEY, find_key_variable, redact
from opro_cli.models.providers import find_provider, get_provider, suggest_model

LONGEST_WORDS = 300  # characters of a provider's own words in a message
LONGEST_READ = 20_000  # characters of an error that are read; the rest never says more

MESSAGE_KEYS = ("error", "message", "detail")
CODE_KEYS = ("code", "type", "status", "reason")
PAGE = re.compile(r"<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
# no [^<>] here may become "." or cross a "<": a body of nothing but "<" must stay cheap to read
TAGS = re.compile(r"<(script|style)\b[^<>]*>[^<]*</\1[^<>]*>|<[^<>]*>", re.IGNORECASE)


def parse_json(text: str) -> Any:
    """Decode JSON; None for anything else, and for data nested too deeply to decode."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class RefusalText:
    """The text of a refusal.

    Attributes:
        words: One printable line of at most LONGEST_WORDS characters, without keys.
        meaning: The whole message and the provider's codes; to be classified, never shown.
    """

    words: str
    meaning: str


def read_refusal(body: str) -> RefusalText:
    """Read the body of a refusal: the message in JSON, the title or first words of a web page."""
    data = parse_json(body)
    message = shorten(body if data is None else find_message(data) or body)
    codes = " ".join(find_codes(data))
    if PAGE.search(message):
        message = extract_page_text(message)
    return RefusalText(make_one_line(message), f"{message} {codes}")


def find_message(data: Any) -> str:
    """Find the message of {"error": {"message": …}}, {"error": …}, {"message": …}, {"detail": …}.

    Gemini sends such an object in a list, and pydantic one for each fault. A message may be JSON
    again (Ollama quotes llama.cpp), and OpenRouter's "Provider returned error" is followed by what
    the provider said.
    """
    raw = ""
    while not isinstance(data, str):
        data = data[0] if isinstance(data, list) and data else data
        if not isinstance(data, dict):
            return ""
        if isinstance(data.get("msg"), str) and isinstance(data.get("loc"), list):
            return f"{'.'.join(map(str, data['loc']))}: {data['msg']}"  # pydantic's
        metadata = data.get("metadata")
        raw = str(metadata.get("raw") or "") if isinstance(metadata, dict) else raw
        data = next((data[key] for key in MESSAGE_KEYS if data.get(key)), None)
    inner = parse_json(data) if data.startswith("{") else None
    message = find_message(inner) or data
    return f"{message}: {find_message(parse_json(raw)) or raw}" if raw else message


def find_codes(data: Any, depth: int = 0) -> Iterator[str]:
    """Yield every code, type, status and reason in a provider's JSON error, at any depth."""
    if isinstance(data, str) and data.startswith("{"):
        data = parse_json(data)
    items: Iterable[Any] = ()
    if isinstance(data, dict):
        yield from (data[key] for key in CODE_KEYS if isinstance(data.get(key), str))
        items = data.values()
    elif isinstance(data, list):
        items = data
    if depth < 5:  # error, innererror or details, metadata: deeper there is no code
        for item in items:
            yield from find_codes(item, depth + 1)


def shorten(text: str) -> str:
    """Return the first LONGEST_READ characters, less a last word that may be half a key."""
    beginning = text[:LONGEST_READ]
    if len(text) <= LONGEST_READ or beginning[-1].isspace():
        return beginning
    last = beginning.rsplit(maxsplit=1)[-1]
    return beginning.removesuffix(last) or beginning


def extract_page_text(page: str) -> str:
    """Return the title of a web page, or else its text without tags."""
    title = TITLE.search(page)
    text = title[1] if title and title[1].strip() else TAGS.sub(" ", page)
    return html.unescape(text).strip()


def make_one_line(text: str) -> str:
    """Make one line of LONGEST_WORDS characters at most, without keys and control characters.

    Keys go first: half of one would not be recognised.
    """
    line = " ".join(redact(text).split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= LONGEST_WORDS else line[: LONGEST_WORDS - 1] + "…"


# transient: asking again may help. unanswerable: this request will never be answered, others may
# be. permanent: none will be until somebody acts.
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
    r"|reduce the length of the"  # Groq, OpenAI
    r"|context the overflows|context length of only"  # LM Studio
    r"|too many tokens: |exceed the total tokens limit",  # Cohere, watsonx
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
# for providers that send no header: Gemini, Groq ("1m26.4s"), Azure
WAIT = re.compile(
    r"(?:\"retryDelay\": *\"|(?:retry|try again) (?:in|after) )(?:(\d+)m)?(\d+(?:\.\d+)?) ?s",
    re.IGNORECASE,
)

# templates of Gemma and Mistral, o1-mini, Bedrock's Titan, Gemma at Gemini's API
NO_SYSTEM = re.compile(
    r"system (?:role|message|prompt|instruction)s?\b.{0,60}\bnot\b|roles must alternate"
    r"|(?:not|n't|un)[ -]?support\w* .{0,40}\bsystem\b|only user,? (?:and )?assistant"
    r"|(?:developer|system) instruction is not enabled"
    r"|(?:unexpected|invalid|unknown) role.{0,20}system"
    r"|role.{0,40}does not support .?system",
    re.IGNORECASE | re.DOTALL,
)
USE_ANOTHER_POSITION = (
    "this model takes no system message: set task.instruction_position to another position, such "
    "as Q_begin (in task.prompt: make it a user message)"
)
NO_SUCH_MODEL = re.compile(r"\bmodel\b.{0,200}\bnot found|no models? loaded", re.IGNORECASE)
LOADING = re.compile(r"loading model", re.IGNORECASE)  # llama.cpp


def classify(status: int | None, meaning: str = "", max_tokens: int | None = None) -> Verdict:
    """Decide whether a refusal concerns this moment, this request, or every request.

    Args:
        status: Of the HTTP answer, None where there was none.
        meaning: See `RefusalText`.
        max_tokens: Of the request; where that alone exceeds the context, no other text would fit.
    """
    if status == 413 or (status == 429 and ABOVE_THE_RATE.search(meaning)):
        return "unanswerable"
    if status in REFUSES_A_TEXT and TOO_LONG.search(meaning):
        return "permanent" if can_never_fit(meaning, max_tokens) else "unanswerable"
    if status in REFUSES_A_TEXT and FILTERED.search(meaning):
        return "unanswerable"
    # A 2xx that brought no readable answer counts as an accident of the wire.
    if status is None or status >= 500 or status < 300:
        return "transient"
    return "transient" if status in TRANSIENT_4XX and not is_account_empty(meaning) else "permanent"


def refuses_the_config(status: int, meaning: str) -> bool:
    """Whether a permanent refusal is about what is sent, rather than the key or the account."""
    about_the_account = status in (401, 402, 403) or is_account_empty(meaning)
    return not about_the_account and not BAD_KEY.search(meaning)


def is_too_long(status: int | None, meaning: str) -> bool:
    """Whether a refusal that concerns one request is about its length."""
    return status == 413 or bool(ABOVE_THE_RATE.search(meaning) or TOO_LONG.search(meaning))


def can_never_fit(meaning: str, max_tokens: int | None) -> bool:
    """Whether max_tokens exceeds the context length even without a prompt."""
    context = CONTEXT.search(meaning)
    if context is None or max_tokens is None:
        return False
    return max_tokens >= int(context[1] or context[2])


def is_account_empty(meaning: str) -> bool:
    """Whether an account has nothing left to spend."""
    return bool(EMPTY_ACCOUNT.search(meaning)) and not BUSY.search(meaning)


def read_retry_after(
    headers: Mapping[str, str] | None, now: datetime | None = None, body: str = ""
) -> float | None:
    """Return the seconds that a provider asks to wait, or None; never negative.

    Reads `retry-after-ms` (OpenAI) and `retry-after` as seconds or as an HTTP date
    (RFC 9110, section 10.2.3); without either, what the body says.
    """
    fields = {name.lower(): value.strip() for name, value in (headers or {}).items()}
    milliseconds = parse_seconds(fields.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = fields.get("retry-after", "")
    seconds = parse_seconds(value)
    if seconds is not None:
        return seconds
    if not value:
        wait = WAIT.search(body[:LONGEST_READ])
        return 60.0 * int(wait[1] or 0) + float(wait[2]) if wait else None
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def parse_seconds(value: str) -> float | None:
    """Parse a number of seconds, None for anything but a finite number."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def suggest_remedy(
    status: int, meaning: str, model_name: str, api_base: str | None, max_tokens: int | None = None
) -> str | None:
    """Say what to do about a refusal; None where the provider's words must do."""
    hint = None
    if status == 402 or is_account_empty(meaning):
        hint = f"the account at {get_provider(model_name)} needs credit"
    elif status in REFUSES_A_TEXT and FILTERED.search(meaning):
        hint = "change the words of the prompt, or ask another model"
    elif status in (401, 403) or (status == 400 and BAD_KEY.search(meaning)):
        hint = suggest_key(model_name, api_base)
    elif status == 404 or (status == 400 and NO_SUCH_MODEL.search(meaning)):
        hint = suggest_model(model_name, api_base)
    elif status == 503 and LOADING.search(meaning):
        hint = "wait until the server has loaded its model"
    elif TOO_MANY_ASKED.search(meaning) or can_never_fit(meaning, max_tokens):
        hint = "lower max_tokens"
    elif is_too_long(status, meaning):
        hint = "shorten the prompt, lower max_tokens, or ask a model with a longer context"
    return hint


def suggest_key(model_name: str, api_base: str | None) -> str:
    """Say which variable must hold another key."""
    where = f" for {api_base}" if api_base else ""
    variable = find_key_variable(model_name, api_base)
    if variable is None:
        return f"check the key and the access rights{where}"
    only = " (OPENAI_API_KEY goes to OpenAI only)" if variable == OWN_SERVER_KEY else ""
    return f"set {variable} to a key that is valid{where}{only}"


def suggest_address(model_name: str, api_base: str | None) -> str | None:
    """Say what to do when some other program than a model server answers."""
    if api_base is None:
        return None
    adds_v1 = find_provider(model_name).dialect == "ollama"
    ending = "" if adds_v1 or api_base.rstrip("/").endswith("/v1") else ": most end in /v1"
    return f"check api_base, {api_base}{ending}"
