"""Servers that speak OpenAI's chat completions, asked without litellm.

litellm takes seconds to import and five milliseconds of CPU time a call; this takes a tenth of
both. What is not a plain chat completion is left to litellm, see `can_serve`.
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
from opro_cli.models.keys import choose_client_key, find_key_variable, get_provider
from opro_cli.models.openai_answers import read_reply
from opro_cli.models.prices import compute_usd, find_listing
from opro_cli.models.providers import find_base
from opro_cli.models.refusals import ModelCall, build_timeout_error, require_key

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


def can_serve(name: str) -> bool:
    """Whether `name` is served here as litellm would serve it."""
    if any(os.environ.get(variable) for variable in LITELLM_ONLY):
        return False
    if get_provider(name) != "openai":
        return True
    is_chat = find_listing(name).get("mode", "chat") == "chat"
    return is_chat and not NO_PLAIN_CHAT.search(strip_provider(name))


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
        """Answer one request; usd is the list price of the model named, see `compute_usd`.

        An answer is read in full, since a metric reads its end; one that is far longer than
        max_tokens allows is none. Raises ModelError: transient when asking again may help,
        unanswerable when this request is refused for what it says.
        """
        asked = ModelCall(
            *(self._name, self._api_base, self._timeout, request.max_tokens),
            choices=request.choices,
        )
        http = self._http = self._http or self._open()
        try:
            async with Deadline(self._timeout) as deadline:
                answer = await http.post(self._body(request), asked, deadline)
        except TimeoutError as error:
            raise build_timeout_error(asked) from error
        said = read_reply(answer, asked)
        return ChatReply(
            text=said.text,
            finish_reason=said.finish_reason,
            prompt_tokens=None if said.usage is None else said.usage.prompt,
            completion_tokens=None if said.usage is None else said.usage.completion,
            usd=compute_usd(self._name, self._api_base, said.usage, said.tier),
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
        base = find_base(self._name, self._api_base)
        if base is None:
            variable = f"{get_provider(self._name).upper()}_API_BASE"
            raise ModelError(
                f"{self._name} has no address", f"set api_base or {variable}", transient=False
            )
        from opro_cli.models.http import HttpPost

        return HttpPost(build_url(self._name, base), build_headers(self._name, self._api_base))

    def _body(self, request: ChatRequest) -> bytes:
        from msgspec.json import encode  # as in journal_lines

        model = strip_provider(self._name)
        reasons = get_provider(self._name) == "openai" and REASONING.search(model)
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


def strip_provider(name: str) -> str:
    """The model as its server names it, without our provider."""
    return name.partition("/")[2] or name


def build_url(name: str, base: str, route: str = ROUTE) -> str:
    """Where a route of the server at `base` is."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/").removesuffix(ROUTE)
    if get_provider(name).startswith("ollama") and not path.endswith("/v1"):
        path += "/v1"
    return parts._replace(path=path + route).geturl()


def build_headers(name: str, api_base: str | None) -> dict[str, str]:
    """What is sent with every request, the key of now among it."""
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
