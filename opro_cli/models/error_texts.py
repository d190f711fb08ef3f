"""A provider's refusal: one readable line, whether it is transient, and what to do about it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.models.accounts import OWN_SERVER_KEY, find_key_variable
from opro_cli.models.providers import (
    find_provider,
    get_provider,
    has_own_server,
    parse_host,
    suggest_model,
)
from opro_cli.models.redaction import redact

LONGEST_WORDS = 300  # characters of a provider's own words in a message
LONGEST_VERDICT = 1000  # characters of an error that says that an account is empty
LONGEST_READ = 20_000  # characters of an error that are read; the rest never says more

MESSAGE_KEYS = (
    "error",
    "message",
    "detail",
    "errors",
    "base_resp",
    "status_msg",
    "error_msg",
    "msg",
)
CODE_KEYS = ("code", "type", "status", "reason", "error_type", "error_code", "quotaId")
PAGE = re.compile(r"<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
# no [^<>] here may become "." or cross a "<": a body of nothing but "<" must stay cheap to read
TAGS = re.compile(r"<(script|style)\b[^<>]*>[^<]*</\1[^<>]*>|<[^<>]*>", re.IGNORECASE)


def parse_json(text: str) -> Any:
    """Decode JSON; None for anything else, and for data nested too deeply to decode.

    A byte order mark before it, which some gateways send, is none of it.
    """
    try:
        return json.loads(text.removeprefix("\ufeff"))
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

    Gemini sends such an object in a list, pydantic one for each fault, and Cloudflare, MiniMax and
    Qianfan have keys of their own. A message may be JSON again (Ollama quotes llama.cpp), and
    OpenRouter's "Provider returned error" is followed by what the provider said.
    """
    raw = ""
    while not isinstance(data, str):
        if isinstance(data, list) and data:
            data = data[0]
            continue
        if not isinstance(data, dict):
            return ""
        if isinstance(data.get("msg"), str) and isinstance(data.get("loc"), list):
            return f"{'.'.join(map(str, data['loc']))}: {data['msg']}"  # pydantic's
        metadata = data.get("metadata")
        raw = str(metadata.get("raw") or "") if isinstance(metadata, dict) else raw
        said = (data[key] for key in MESSAGE_KEYS if data.get(key))
        data = next((each for each in said if isinstance(each, str | list | dict)), None)
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
    r"|context the overflows|context length of only|n_keep"  # LM Studio
    r"|context size has been exceeded"
    r"|too many tokens: |exceed the total tokens limit"  # Cohere, watsonx
    r"|`inputs` must have less than|(?:input|tokens) exceeds? maximum length"  # TGI, Bedrock
    r"|prompt token count|max_prompt_tokens_exceeded"  # Copilot, Databricks
    r"|exceeded model token limit|context window exceeds"  # Moonshot, MiniMax
    r"|prompt too long|max context length|prompt exceeds max|maximum allowed token",  # Ollama, GLM
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
# Said with 429 or even 500 as well, and no waiting fills an account
EMPTY_ACCOUNT = re.compile(
    r"insufficient[ _](?:\w+[ _])?(?:quota|balance|credits?|funds)|balance is insufficient"
    r"|credit balance is too|exceeded[ _](?:your[ _])?current[ _]quota"
    r"|billing[ _](?:not[ _]active|hard[ _]limit)"
    r"|account\b.{0,80}\b(?:not active(?! yet)|suspended)"
    r"|overdue (?:account|payment)|arrearage|in good standing"  # DashScope
    r"|all available credits|have any credits|requires more credits|monthly included credits"  # xAI
    r"|spending limit|key limit exceeded|specified api usage limits"  # OpenRouter, Anthropic
    r"|budget has been exceeded|budget_exceeded|exceeded ?budget|crossed budget"  # LiteLLM's proxy
    r"|余额不足|额度不足|额度已用尽|欠费",  # Zhipu, one-api
    re.IGNORECASE,
)
# What a refusal quotes: llama.cpp says "at pos 0:", Ollama "raw="
QUOTED = re.compile(
    r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|“[^”]*”|`[^`]*`|\bpos \d+: .*|\braw=.*", re.DOTALL
)
FIRST_WORDS = 30  # characters before the words that tell, where the whole refusal is about them
# a limit that no backoff outlasts; it ends by itself, which an empty account does not
LASTING = re.compile(
    r"per[-_ ]?day\b|perday|byday\b|\bdaily\b|per 86400 ?s|\((?:tpd|rpd)\)"
    r"|\b(?:hourly|session|weekly|monthly) (?:usage )?(?:limit|quota)",
    re.IGNORECASE,
)
# said beside it where the limit of a minute is what was met: a free plan may name both
OF_A_MINUTE = re.compile(r"per[-_ ]?(?:minute|second)|\((?:tpm|rpm)\)", re.IGNORECASE)
# Gemini says "exceeded your current quota" to anyone who asks too often
BUSY = re.compile(r"resource_exhausted", re.IGNORECASE)
BAD_KEY = re.compile(
    r"api_key_invalid|api key not valid|(?:incorrect|invalid) api key", re.IGNORECASE
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
NO_SUCH_MODEL = re.compile(
    r"\bmodel\b.{0,200}\bnot found|no models? loaded|invalid model name|not a valid model id"
    r"|model_not_found|no available channel for model|模型.{0,100}无可用渠道",  # new-api, one-api
    re.IGNORECASE,
)
# LiteLLM's proxy, of a key that is good for others
NOT_FOR_THIS_KEY = re.compile(r"not allowed to access model|key_model_access_denied", re.IGNORECASE)
# OpenRouter, of a model that it has
EXCLUDED = re.compile(r"no endpoints \w+ .{0,60}\b(?:policy|guardrail)", re.IGNORECASE)
TAKES_LESS = re.compile(r"no endpoints \w+ .{0,40}requested parameters", re.IGNORECASE)
LOADING = re.compile(r"loading model|currently loading", re.IGNORECASE)  # llama.cpp, Hugging Face
# LM Studio says 400 where its model goes down, or makes room for another one
LOST_MODEL = re.compile(
    r"model (?:is |was |has )?(?:unloaded|crashed)|operation cancell?ed"
    r"|runner process has terminated"  # Ollama
    r"|could not load model|unable to start process|state is failed",  # LocalAI, llama-swap
    re.IGNORECASE,
)
# Ollama says 500, and LM Studio that it has stopped loading
NO_MEMORY = re.compile(
    r"model requires more (?:\w+ )?memory|insufficient system resources"
    r"|not enough resources to load",
    re.IGNORECASE,
)
# Groq, of a text that is no JSON where `response_format` wants some: another try may bring it
NO_JSON = re.compile(r"json_validate_failed", re.IGNORECASE)
# Gemini, OpenAI
WRONG_PLACE = re.compile(
    r"location is not supported|unsupported_country|territory not", re.IGNORECASE
)
NOT_VERIFIED = re.compile(r"organization must be verified", re.IGNORECASE)  # OpenAI
RATE_LIMIT = re.compile(r"rate[ _]?limit|too many requests", re.IGNORECASE)
OVERLOADED = re.compile(r"overloaded|at capacity|capacity (?:temporarily )?exceeded", re.IGNORECASE)


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
    if status is None or status < 300:
        return "transient"
    if is_account_empty(status, meaning) or has_no_memory(meaning):
        return "permanent"
    if status >= 500:
        return "transient"
    if (status not in (401, 403) and LOST_MODEL.search(meaning)) or (
        status == 400 and NO_JSON.search(meaning)
    ):
        return "transient"
    return "transient" if status in TRANSIENT_4XX else "permanent"


def infer_status(meaning: str) -> int | None:
    """Return the status that an error sent with 200 should have had; None where no word tells."""
    if TOO_LONG.search(meaning) or FILTERED.search(meaning):
        return 400
    if is_account_empty(None, meaning):
        return 402
    if BAD_KEY.search(meaning):
        return 401
    if RATE_LIMIT.search(meaning):
        return 429
    return 503 if OVERLOADED.search(meaning) else None


def refuses_the_config(status: int, meaning: str) -> bool:
    """Whether a permanent refusal is about what is sent, rather than the key or the account."""
    about_the_account = status in (401, 402, 403) or is_account_empty(status, meaning)
    return not about_the_account and not BAD_KEY.search(meaning)


def is_too_long(status: int | None, meaning: str) -> bool:
    """Whether a refusal that concerns one request is about its length."""
    return status == 413 or bool(ABOVE_THE_RATE.search(meaning) or TOO_LONG.search(meaning))


def can_never_fit(meaning: str, max_tokens: int | None) -> bool:
    """Whether max_tokens exceeds the context length even without a prompt."""
    context = CONTEXT.search(meaning)
    if context is None or max_tokens is None:
        return False
    return max_tokens >= float(context[1] or context[2])  # int() refuses thousands of digits


def is_account_empty(status: int | None, meaning: str) -> bool:
    """Whether an account has nothing left to spend.

    A refusal may quote the prompt or a reply, and these may be about money. So quotations are left
    out. With 402 and 429, which are said of limits, the words may stand anywhere; with other
    refusals near the beginning; with a failure of the server, or 200 (None), at the beginning.
    """
    found = EMPTY_ACCOUNT.search(QUOTED.sub(" ", meaning[:LONGEST_VERDICT]))
    if found is None or BUSY.search(meaning):
        return False
    if status in (402, 429):
        return True
    fails = status is None or status >= 500
    return found.start() <= (FIRST_WORDS if fails else LONGEST_WORDS)


def has_no_memory(meaning: str) -> bool:
    """Whether a server says that its model needs more memory than there is."""
    return bool(NO_MEMORY.search(QUOTED.sub(" ", meaning[:LONGEST_VERDICT])))


def suggest_remedy(
    status: int, meaning: str, model_name: str, api_base: str | None, max_tokens: int | None = None
) -> str | None:
    """Say what to do about a refusal; None where the provider's words must do."""
    if status == 402 or is_account_empty(status, meaning):
        return suggest_credit(model_name, api_base, meaning)
    if status in REFUSES_A_TEXT and FILTERED.search(meaning):
        return "change the words of the prompt, or ask another model"
    hint = next((hint for words, hint in _REMEDIES.items() if words.search(meaning)), None)
    if hint is None and (status in (401, 403) or (status == 400 and BAD_KEY.search(meaning))):
        hint = suggest_key(model_name, api_base, meaning)
    if hint is None and (status == 404 or NO_SUCH_MODEL.search(meaning)):
        hint = suggest_model(model_name, api_base)
    if hint is None and (TOO_MANY_ASKED.search(meaning) or can_never_fit(meaning, max_tokens)):
        hint = "lower max_tokens"
    if hint is None and is_too_long(status, meaning):
        hint = "shorten the prompt, lower max_tokens, or ask a model with a longer context"
    return hint


_REMEDIES = {
    EXCLUDED: "change that setting of the account, or ask another model",
    TAKES_LESS: "set temperature, seed or reasoning to null, or ask less of extra.body.provider",
    WRONG_PLACE: "ask from a country where it is offered, or ask the model at another provider",
    NOT_VERIFIED: "verify the organization, or ask another model",
    NO_JSON: "does the prompt ask for JSON, and is max_tokens enough for it?",
    LOADING: "wait until the server has loaded its model",
    NO_MEMORY: "ask a smaller model, give it a shorter context, or free memory where it runs",
    LOST_MODEL: "the server's log says why; a lower concurrency or a shorter context may help",
}


def suggest_credit(model_name: str, api_base: str | None, meaning: str) -> str:
    """Say whose account has nothing left to spend."""
    host = parse_host(api_base or "") if has_own_server(model_name, api_base) else ""
    lower = ", or max_tokens to be lower" if "fewer max_tokens" in meaning else ""
    where = host or get_provider(model_name)
    return f"the account at {where} needs credit or a higher spending limit{lower}"


def suggest_key(model_name: str, api_base: str | None, meaning: str = "") -> str:
    """Say which variable must hold another key, or that this one may not ask the model."""
    if NOT_FOR_THIS_KEY.search(meaning):
        return f"{suggest_model(model_name, api_base)}, or use a key that may ask it"
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
