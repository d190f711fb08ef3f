"""Servers that speak OpenAI's chat completions, asked without litellm.

litellm takes seconds to import and five milliseconds of CPU time a call; this takes a tenth of
both. Everything but plain chat completions is left to litellm, see `can_serve`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opro_cli.core.task.example import (
    LIMITS,
    REFUSAL,
    THOUGHTS_ONLY,
    ChatReply,
    ChatRequest,
    Choice,
    cut_at_stop,
)
from opro_cli.core.text import replace_unsendable
from opro_cli.errors import ModelError
from opro_cli.models import call_errors
from opro_cli.models.accounts import choose_client_key, find_key_variable, require_key
from opro_cli.models.completions import (
    calls_tool,
    find_error,
    find_refusal,
    join_text,
    name_reason,
    read_completion,
    read_cost,
)
from opro_cli.models.error_texts import parse_json
from opro_cli.models.parameters import (
    NEEDED,
    NO_EXTRAS,
    Extras,
    choose_limit,
)
from opro_cli.models.prices import CallPrices, Usage, find_listing
from opro_cli.models.providers import (
    find_base,
    find_provider,
    get_provider,
    is_llama_cpp,
    is_openai_reasoning,
    strip_provider,
)
from opro_cli.models.wire import Deadline, HttpAnswer, ModelCall

if TYPE_CHECKING:
    from opro_cli.models.http import HttpPost

ROUTE = "/chat/completions"
TEXT_ROUTE = "/completions"
"""Of models that continue a text, and know no chat."""
# other routes, other parameters or other prices than those of a chat about text
NO_PLAIN_CHAT = re.compile(r"^responses/|audio|realtime|search|instruct$")
LITELLM_ONLY = ("USE_LITELLM_PROXY", "SSL_VERIFY")  # variables that mean something to litellm alone
ACCOUNT_HEADERS = {
    "OpenAI-Organization": ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID"),
    "OpenAI-Project": ("OPENAI_PROJECT_ID",),
}


def can_serve(name: str) -> bool:
    """Whether a model of a provider without litellm is asked here as litellm would ask it."""
    if any(os.environ.get(variable) for variable in LITELLM_ONLY):
        return False
    if get_provider(name) != "openai":
        return True
    is_chat = find_listing(name).get("mode", "chat") == "chat"
    return is_chat and not NO_PLAIN_CHAT.search(strip_provider(name))


class OpenAICompatibleModel:
    """A ChatModel over the route /chat/completions.

    Everything in a request is sent as it is; a refusal by the model is an error in its own words.

    Args:
        name: As the config and litellm name it, "openai/gpt-4o-mini", "ollama_chat/mistral".
        api_base: None for the address in the environment or the usual one. Ollama's is its root.
        timeout: Seconds for the whole of one call, from request to last byte, see `Deadline`.
        joined: Send the texts of a chat joined by blank lines, to be continued: the model has no
            chat template.
        extras: What the config adds to every request.
    """

    def __init__(
        self,
        name: str,
        api_base: str | None = None,
        timeout: float = 60.0,
        *,
        joined: bool = False,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        self._name = name
        self._api_base = api_base
        self._timeout = timeout
        self._joined = joined
        self._extras = extras
        self._model = strip_provider(name)
        self._limit_key = LIMITS[is_openai_reasoning(name)]
        self._is_llama_cpp = is_llama_cpp(name)
        self._http: HttpPost | None = None

    @property
    def name(self) -> str:
        """The model as the config names it."""
        return self._name

    @cached_property
    def _prices(self) -> CallPrices:
        return CallPrices(self._name, self._api_base)

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request; usd is the list price of the model named, see `CallPrices`.

        An answer is read in full, since a metric reads its end; one far longer than max_tokens
        allows is refused.

        Raises:
            ModelError: Transient when asking again may help, unanswerable when this request is
                refused for its content.
        """
        body = self._build_body(request)
        sent = {name: value for name, value in body.items() if name not in NEEDED}
        call = ModelCall.of(request, self._name, self._api_base, self._timeout, sent)
        http = self._http = self._http or self._connect()
        try:
            async with Deadline(self._timeout) as deadline:
                answer = await http.post(encode_body(body, request), call, deadline)
        except TimeoutError as error:
            raise call_errors.build_timeout_error(call) from error
        self._is_llama_cpp = self._is_llama_cpp or _is_from_llama_cpp(answer)
        reply = read_reply(answer, call, self._prices)
        return cut_unsent_stop(reply, request)

    async def aclose(self) -> None:
        """Close the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def _connect(self) -> HttpPost:
        """Open connections with the current key; raises ModelError without key or address."""
        require_key(self._name, self._api_base)
        base = find_base(self._name, self._api_base)
        if base is None:
            variable = f"{get_provider(self._name).upper()}_API_BASE"
            raise ModelError(
                f"{self._name} has no address", f"set api_base or {variable}", transient=False
            )
        from opro_cli.models.http import HttpPost

        url = build_url(self._name, base, TEXT_ROUTE if self._joined else ROUTE)
        headers = build_headers(self._name, self._api_base)
        own = self._extras.fill_headers()
        names = {name.lower() for name in own}
        kept = {name: value for name, value in headers.items() if name.lower() not in names}
        return HttpPost(url, {**kept, **own})

    def _build_body(self, request: ChatRequest) -> dict[str, Any]:
        """Build the body of a request, without what the server has refused before."""
        body: dict[str, Any] = {"model": self._model, "messages": request.messages}
        if self._joined:
            del body["messages"]
            body["prompt"] = replace_unsendable("\n\n".join(m.content for m in request.messages))
        limit = choose_limit(self._limit_key, request.without)
        optional = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            limit: request.max_tokens if limit else None,
            "seed": request.seed,
            "n": request.choices if request.choices > 1 else None,
            "stop": request.stop or None,
            # others refuse what they do not know
            "cache_prompt": False if request.fresh and self._is_llama_cpp else None,
            **self._extras.reasoning,
            **self._extras.body,
        }
        for name, value in optional.items():
            is_given = value is not None or name in self._extras.body
            if is_given and name not in request.without:
                body[name] = value
        return body


def encode_body(body: dict[str, Any], request: ChatRequest) -> bytes:
    """Return a body as JSON."""
    from msgspec.json import encode  # here, since not every run has a model over HTTP

    try:
        return encode(body)
    except UnicodeEncodeError:  # half a character, which the json module escapes
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        return json.dumps({**body, "messages": messages}).encode()


def cut_unsent_stop(reply: ChatReply, request: ChatRequest) -> ChatReply:
    """Return the reply up to the texts that end one, where the server took none of them."""
    if "stop" not in request.without or not request.stop:
        return reply

    def cut(each: Choice) -> Choice:
        return replace(each, text=cut_at_stop(each.text, request.stop))

    text = cut_at_stop(reply.text, request.stop)
    return replace(reply, text=text, more=tuple(map(cut, reply.more)))


def _is_from_llama_cpp(answer: HttpAnswer) -> bool:
    """Whether an answer has the `timings` that llama.cpp's server alone adds to a completion."""
    if '"timings"' not in answer.body:
        return False
    data = parse_json(answer.body)
    timings = data.get("timings") if isinstance(data, dict) else None
    return isinstance(timings, dict) and "predicted_per_second" in timings


def build_url(name: str, base: str, route: str = ROUTE) -> str:
    """Return the address of a route of the server at `base`."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/").removesuffix(ROUTE)
    if find_provider(name).dialect == "ollama" and not path.endswith("/v1"):
        path += "/v1"
    return parts._replace(path=path + route).geturl()


def build_headers(name: str, api_base: str | None) -> dict[str, str]:
    """Return the headers of every request, with the key that is in the environment now."""
    headers = {"Content-Type": "application/json", "User-Agent": "opro"}
    given = choose_client_key(name, api_base)
    key = given or os.environ.get(find_key_variable(name, api_base) or "", "")
    if key:
        headers["Authorization"] = f"Bearer {key.strip()}"
    if given is None and get_provider(name) == "openai":
        for header, variables in ACCOUNT_HEADERS.items():
            value = next(filter(None, map(os.environ.get, variables)), None)
            headers |= {header: value} if value else {}
    return headers


# a server without a reasoning parser leaves the thoughts before the answer
TAG = "(?:think|thinking|budget:thinking)>"
THOUGHTS = re.compile(f"<{TAG}.*?</{TAG}", re.DOTALL)
THOUGHTS_ELSEWHERE = ("reasoning_content", "reasoning")  # fields of a message
MOST_TOKENS = 10**8
"""Of one call: the longest context windows have a tenth of it."""


def read_reply(answer: HttpAnswer, call: ModelCall, prices: CallPrices) -> ChatReply:
    """Read a chat completion; raises ModelError for any other answer."""
    if answer.status >= 300:
        raise call_errors.build_refusal(answer, call)
    data = read_completion(answer.body)
    if isinstance(data, dict) and (error := find_error(data)):
        raise call_errors.build_error_in_answer(error, answer, call)
    choices: Any = data.get("choices") if isinstance(data, dict) else None
    if choices == []:
        raise call_errors.build_no_choices_error(call)
    try:
        first, *more = read_choices(choices, answer, call)
    # ValueError: {} or ""; RecursionError: blocks within blocks, hundreds deep
    except (TypeError, KeyError, AttributeError, ValueError, RecursionError):
        raise call_errors.build_unreadable_error(answer.body, call) from None
    usage, tier = read_usage(data.get("usage")), data.get("service_tier")
    listed = prices.compute_usd(usage, tier if isinstance(tier, str) else "")
    # a gateway knows what it charges; its 0 is no price where there is a list price
    usd = read_cost(data.get("usage"), answer.headers)
    return build_reply(first, more, usage, usd or (usd if listed is None else listed))


def read_choices(
    choices: Iterable[dict[str, Any]], answer: HttpAnswer, call: ModelCall
) -> list[Choice]:
    """Read the answers in a completion, without those that broke off.

    Raises:
        ModelError: All did.
        TypeError, KeyError, AttributeError: When they are not in OpenAI's format.
    """
    errors = [find_error(choice) for choice in choices]
    whole = [choice for choice, error in zip(choices, errors, strict=True) if error is None]
    if errors and not whole:
        raise call_errors.build_error_in_answer(errors[0], answer, call, begun=True)
    return list(map(read_choice, whole))


def build_reply(
    first: Choice, more: Iterable[Choice], usage: Usage | None, usd: float | None
) -> ChatReply:
    """Build the reply of one or several answers to a request."""
    prompt, completion = (None, None) if usage is None else (usage.prompt, usage.completion)
    reasoning = None if usage is None else usage.reasoning
    counts = (prompt, completion, usd, tuple(more), reasoning)
    return ChatReply(first.text, first.finish_reason, *counts)


def read_choice(choice: dict[str, Any]) -> Choice:
    """Read one answer, without NUL and half a character; a refusal in its words.

    Raises:
        TypeError, KeyError, AttributeError: When it is not in OpenAI's format.
    """
    reason = name_reason(choice.get("finish_reason"))
    if "message" not in choice and ("text" in choice or reason != "unknown"):
        # a text that was continued; or Gemini's, which leaves out a message without one
        message = {"content": choice.get("text")}
    else:
        message = choice["message"]
    text = read_text(message)
    if refusal := find_refusal(message):
        text, reason = text or refusal, REFUSAL
    elif not text.strip() and calls_tool(message):
        reason = "tool_calls"
    elif not text.strip() and reason in ("stop", "unknown") and has_thoughts(message):
        reason = THOUGHTS_ONLY
    return Choice(replace_unsendable(text), reason)


def has_thoughts(message: dict[str, Any]) -> bool:
    """Return whether a message has thoughts beside its text."""
    fields = (message.get(name) for name in THOUGHTS_ELSEWHERE)
    return any(isinstance(each, str) and bool(each.strip()) for each in fields)


def read_text(message: dict[str, Any]) -> str:
    """Return the answer in a message, without the thoughts before it; TypeError without a text."""
    text = join_text(message.get("content"))
    if any(field in message for field in THOUGHTS_ELSEWHERE):
        return text
    thoughts = THOUGHTS.match(text)
    return text[thoughts.end() :] if thoughts else text


def read_usage(usage: Any) -> Usage | None:
    """Read the token counts of an answer, None where they are missing or make no sense."""
    prompt, completion = read_count(usage, "prompt_tokens"), read_count(usage, "completion_tokens")
    total = read_count(usage, "total_tokens")
    if completion is None and prompt and total is not None and total >= prompt:
        completion = total - prompt  # Gemini's, where all of it was thoughts
    if not prompt or completion is None:
        return None
    details = usage.get("prompt_tokens_details")
    cached = read_count(details, "cached_tokens") or 0
    written = read_count(details, "cache_write_tokens")
    written = written or read_count(details, "cache_creation_tokens") or 0
    completion, reasoning = read_reasoning(usage, prompt, completion)
    return Usage(prompt, completion, min(cached, prompt), min(written, prompt), reasoning)


def read_reasoning(usage: Any, prompt: int, completion: int) -> tuple[int, int | None]:
    """Return the tokens of a completion with its thoughts, and of the thoughts alone.

    xAI and Gemini's OpenAI route count the thoughts beside the completion, in the total alone.
    """
    details = usage.get("completion_tokens_details")
    reported = read_count(details, "reasoning_tokens")
    total = read_count(usage, "total_tokens") or 0
    beside = total - prompt - completion
    if beside > 0 and reported in (None, 0, beside):
        return completion + beside, beside
    return completion, None if reported is None else min(reported, completion)


def read_count(counts: Any, key: str) -> int | None:
    """Return a number of tokens, None for anything else, or for more than any model can take."""
    value = counts.get(key) if isinstance(counts, dict) else None
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
