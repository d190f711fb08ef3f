"""Servers that speak OpenAI's chat completions, asked without litellm.

litellm takes seconds to import and five milliseconds of CPU time a call; this takes a tenth of
both. What is not a plain chat completion is left to litellm, see `speaks_to`.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError
from opro_cli.models.deadline import Deadline
from opro_cli.models.keys import key_to_give, key_variable, provider_of
from opro_cli.models.openai_answers import reading_of
from opro_cli.models.prices import listed, usd_of
from opro_cli.models.providers import base_of
from opro_cli.models.refusals import Asked, require_key, timed_out

if TYPE_CHECKING:
    from opro_cli.models.http import HttpPost

ROUTE = "/chat/completions"
# other routes, other parameters or other prices than those of a chat about text
NO_PLAIN_CHAT = re.compile(r"^responses/|audio|realtime|search|instruct$")
LITELLM_ONLY = ("USE_LITELLM_PROXY", "SSL_VERIFY")  # variables that mean something to litellm alone
# OpenAI's reasoning models refuse `max_tokens`
REASONING = re.compile(r"(?:^|[/:])(?:o\d(?:-|$)|gpt-[5-9](?!-chat))")
ACCOUNT_HEADERS = {
    "OpenAI-Organization": ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID"),
    "OpenAI-Project": ("OPENAI_PROJECT_ID",),
}


def speaks_to(name: str) -> bool:
    """Whether `name` is served here as litellm would serve it."""
    if any(os.environ.get(variable) for variable in LITELLM_ONLY):
        return False
    if provider_of(name) != "openai":
        return True
    is_chat = listed(name).get("mode", "chat") == "chat"
    return is_chat and not NO_PLAIN_CHAT.search(model_in(name))


class OpenAICompatibleModel:
    """A ChatModel over the route /chat/completions.

    name: as the config and litellm name it, "openai/gpt-4o-mini", "ollama_chat/mistral".
    api_base: the server's address, None for that of the environment or the usual one. Ollama's is
        its root, as litellm has it.
    timeout: seconds for the whole of one call, from request to last byte, see `Deadline`.

    Everything in a request is sent as it is; what a model refuses is an error in its own words.
    """

    def __init__(self, name: str, api_base: str | None = None, timeout: float = 60.0) -> None:
        self._name = name
        self._api_base = api_base
        self._timeout = timeout
        self._http: HttpPost | None = None

    @property
    def name(self) -> str:
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request; usd is the list price of the model named, see `usd_of`.

        An answer is read in full, since a metric reads its end; one that is far longer than
        max_tokens allows is none. Raises ModelError: transient when asking again may help,
        unanswerable when this request is refused for what it says.
        """
        asked = Asked(
            *(self._name, self._api_base, self._timeout, request.max_tokens),
            choices=request.choices,
        )
        http = self._http = self._http or self._open()
        try:
            async with Deadline(self._timeout) as deadline:
                answer = await http.post(self._body(request), asked, deadline)
        except TimeoutError as error:
            raise timed_out(asked) from error
        said = reading_of(answer, asked)
        return ChatReply(
            text=said.text,
            finish_reason=said.finish_reason,
            prompt_tokens=None if said.usage is None else said.usage.prompt,
            completion_tokens=None if said.usage is None else said.usage.completion,
            usd=usd_of(self._name, self._api_base, said.usage, said.tier),
            more=said.more,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def _open(self) -> HttpPost:
        """Connections with the key of now; raises ModelError when key or address is missing."""
        require_key(self._name, self._api_base)
        base = base_of(self._name, self._api_base)
        if base is None:
            variable = f"{provider_of(self._name).upper()}_API_BASE"
            raise ModelError(
                f"{self._name} has no address", f"set api_base or {variable}", transient=False
            )
        from opro_cli.models.http import HttpPost

        return HttpPost(url_of(self._name, base), headers_for(self._name, self._api_base))

    def _body(self, request: ChatRequest) -> bytes:
        from msgspec.json import encode  # as in journal_lines

        model = model_in(self._name)
        reasons = provider_of(self._name) == "openai" and REASONING.search(model)
        body: dict[str, Any] = {
            "model": model,
            "messages": request.messages,
            "temperature": request.temperature,
            "max_completion_tokens" if reasons else "max_tokens": request.max_tokens,
        }
        if request.seed is not None:
            body["seed"] = request.seed
        if request.choices > 1:
            body["n"] = request.choices
        if request.stop:
            body["stop"] = request.stop
        try:
            return encode(body)
        except UnicodeEncodeError:  # half a character, which the json module escapes
            body["messages"] = [{"role": m.role, "content": m.content} for m in request.messages]
            return json.dumps(body).encode()


def model_in(name: str) -> str:
    """The model as its server names it, without our provider."""
    return name.partition("/")[2] or name


def url_of(name: str, base: str, route: str = ROUTE) -> str:
    """Where a route of the server at `base` is."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/").removesuffix(ROUTE)
    if provider_of(name).startswith("ollama") and not path.endswith("/v1"):
        path += "/v1"
    return parts._replace(path=path + route).geturl()


def headers_for(name: str, api_base: str | None) -> dict[str, str]:
    """What is sent with every request, the key of now among it."""
    headers = {"Content-Type": "application/json", "User-Agent": "opro"}
    given = key_to_give(name, api_base)
    key = given or os.environ.get(key_variable(name, api_base) or "", "")
    if key:
        headers["Authorization"] = f"Bearer {key.strip()}"
    if given is None and provider_of(name) == "openai":
        for header, variables in ACCOUNT_HEADERS.items():
            value = next(filter(None, map(os.environ.get, variables)), None)
            headers |= {header: value} if value else {}
    return headers
