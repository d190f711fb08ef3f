"""Any provider that litellm knows, as a ChatModel.

litellm takes more than three seconds to import, so it is imported at the first reply and in a
thread, and its environment is prepared before that. It decides nothing: `calls/attempts` retries,
the time limit is ours, and a price that it does not know stays unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any
from weakref import WeakSet

from opro_cli.core.task.example import CUT, LIMITS, REFUSAL, ChatReply, ChatRequest
from opro_cli.errors import ModelError
from opro_cli.models.accounts import choose_client_key, require_key
from opro_cli.models.call_errors import (
    build_error_in_answer,
    build_no_choices_error,
    list_authorities,
)
from opro_cli.models.completions import (
    find_error,
    name_reason,
    read_completion,
    read_cost,
    read_dollars,
)
from opro_cli.models.litellm_transport import (
    BoundedCall,
    apply_bounds,
    bound_answers,
    build_refusal,
)
from opro_cli.models.openai_compatible import (
    THOUGHTS_ELSEWHERE,
    build_reply,
    cut_unsent_stop,
    read_choices,
    read_reply,
    read_usage,
)
from opro_cli.models.parameters import NO_EXTRAS, Extras, choose_limit
from opro_cli.models.prices import CallPrices
from opro_cli.models.providers import is_on_this_machine
from opro_cli.models.wire import Deadline, HttpAnswer, ModelCall

ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import fetches prices from the network
    "LITELLM_MODE": "PRODUCTION",  # else it loads a stray .env
    "LITELLM_LOG": "ERROR",
    # It blots out keys in a copy of each error, for its own use, at 3 s a megabyte on the event
    # loop. What is shown goes through `accounts.redact`.
    "LITELLM_DISABLE_REDACT_SECRETS": "true",
}
# what litellm translates for each provider; anything else goes to the server as it is
ARGUMENTS = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "modalities",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "thinking",
        "tool_choice",
        "tools",
        "top_logprobs",
        "user",
        "verbosity",
    }
)
LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai", "httpx", "httpcore")

# litellm's clients are shared: the last open model closes them (weak: a lost model must not count)
_open_models: WeakSet[LitellmModel] = WeakSet()


class LitellmModel:
    """A ChatModel over litellm.

    The request's seed is sent where litellm says that the provider takes one and left out
    elsewhere (Anthropic, Bedrock): there a call has no seed to repeat it by. What else a model
    refuses is left out by `calls/metered`, which asks again and says so: litellm drops nothing.

    Args:
        name: As litellm and the config name it, "openai/gpt-4o-mini".
        api_base: The provider's address, None for its own.
        timeout: Seconds for the whole of one call, from request to last byte, see `Deadline`.
        extras: What the config adds to every request.
    """

    def __init__(
        self,
        name: str,
        api_base: str | None = None,
        timeout: float = 60.0,
        *,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        self._name = name
        self._extras = extras
        self._api_base = api_base
        self._timeout = timeout
        self._litellm: Any = None
        self._takes_seed = False
        self._takes_n = False

    @property
    def name(self) -> str:
        """The model as the config names it."""
        return self._name

    @cached_property
    def _prices(self) -> CallPrices:
        return CallPrices(self._name, self._api_base)

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request; usd is what a gateway says, or litellm's list price of the model.

        An answer is read in full, since a metric reads its end; one far longer than max_tokens
        allows is refused.

        Raises:
            ModelError: Transient when asking again may help, unanswerable when this request is
                refused for its content.
        """
        litellm = await self._prepare()
        arguments = self._build_arguments(request)
        optional = self._list_optional(arguments)
        call = ModelCall.of(request, self._name, self._api_base, self._timeout, optional)
        bounded = BoundedCall(call, Deadline(self._timeout))
        try:
            async with bounded.deadline:
                with suppress_logging(), apply_bounds(bounded):
                    response = await litellm.acompletion(**arguments)
        except (TimeoutError, get_openai_error()) as error:
            # it cannot read a stream that nobody asked for
            if not (bounded.is_answered and _read_sent(answer := bounded.answer).get("choices")):
                raise build_refusal(error, bounded) from error
            return cut_unsent_stop(read_reply(answer, call, self._prices), request)
        if not response.choices:
            raise build_no_choices_error(call)
        answer = bounded.take_answer()
        sent = _read_sent(answer)
        if fault := find_error(sent):
            raise build_error_in_answer(fault, answer, call)
        first, *more = read_choices(_list_choices(response, sent), answer, call)
        # litellm shows 0 and 0 where the server sent no counts.
        counts = response.get("usage")
        usage = None if counts is None else read_usage(counts.model_dump())
        reported = read_cost(sent.get("usage"), bounded.headers)
        usd = self._compute_usd(response, counted=usage is not None)
        usd = reported or (reported if usd is None else usd)
        return cut_unsent_stop(build_reply(first, more, usage, usd), request)

    async def aclose(self) -> None:
        """Close litellm's connections when this is the last open model on it."""
        if self._litellm is None:
            return
        litellm, self._litellm = self._litellm, None
        _open_models.discard(self)
        if not _open_models:
            # Its logging never began, see `suppress_logging`.
            await litellm.close_litellm_async_clients()
            litellm.in_memory_llm_clients_cache.flush_cache()

    async def _prepare(self) -> Any:
        """Import litellm; raises ModelError for a missing key and an unknown provider."""
        if self._litellm is not None:
            return self._litellm
        require_key(self._name, self._api_base)
        litellm = await asyncio.to_thread(load_litellm)
        try:
            provider = litellm.get_llm_provider(self._name)[1]
        except get_openai_error() as error:
            raise ModelError(
                f"{self._name} names no provider that litellm knows",
                f"put one before the name: openai/{self._name}, ollama_chat/{self._name}, ...",
                transient=False,
                about="config",
            ) from error
        supported = litellm.get_supported_openai_params(self._name, provider)
        self._takes_seed = "seed" in (supported or ())
        self._takes_n = "n" in (supported or ())
        self._litellm = litellm
        _open_models.add(self)
        return litellm

    def _build_arguments(self, request: ChatRequest) -> dict[str, Any]:
        """Build litellm's arguments; it renames max_tokens for the models that need it."""
        arguments: dict[str, Any] = {
            "model": self._name,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "timeout": self._timeout,
            # its providers read one or the other
            "num_retries": 0,
            "max_retries": 0,
        }
        arguments |= self._build_optional(request)
        if self._extras.headers:
            arguments["extra_headers"] = self._extras.fill_headers()
        if self._api_base is not None:
            arguments["api_base"] = self._api_base
        key = choose_client_key(self._name, self._api_base)
        if key is not None:
            arguments["api_key"] = key
        return arguments

    def _build_optional(self, request: ChatRequest) -> dict[str, Any]:
        """Build the arguments that a request can do without, but for those left out of it."""
        given = {**self._extras.reasoning, **self._extras.body}
        limit = choose_limit(LIMITS[0], request.without)
        optional = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            limit: request.max_tokens if limit else None,
            "seed": request.seed if self._takes_seed else None,
            "n": request.choices if request.choices > 1 and self._takes_n else None,
            "stop": list(request.stop) or None,
            **{name: value for name, value in given.items() if name in ARGUMENTS},
        }
        arguments: dict[str, Any] = {
            name: value
            for name, value in optional.items()
            if value is not None and name not in request.without
        }
        others = {
            name: value
            for name, value in given.items()
            if name not in ARGUMENTS and name not in request.without
        }
        if others:
            arguments["extra_body"] = others
        return arguments

    @staticmethod
    def _list_optional(arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a request that it can do without."""
        named = {"temperature", "top_p", "seed", "n", "stop", *LIMITS, *ARGUMENTS}
        sent = {name: value for name, value in arguments.items() if name in named}
        return {**sent, **arguments.get("extra_body", {})}

    def _compute_usd(self, response: Any, counted: bool) -> float | None:
        """Return the US dollars of one call as `CallPrices` does; `counted`: tokens were sent.

        litellm's 0 counts as unknown: it prices models at 0 that are anything but free
        (huggingface/, bedrock/). What a gateway says in a header is there as it was sent.
        """
        if is_on_this_machine(self._name, self._api_base):
            return 0.0
        cost = response._hidden_params.get("response_cost") if counted else None
        return read_dollars(cost) or None


def _read_sent(answer: HttpAnswer) -> dict[str, Any]:
    """Return an answer as it was sent, where that is a completion; {} for other formats."""
    data = read_completion(answer.body)
    return data if isinstance(data, dict) and isinstance(data.get("choices"), list) else {}


def _list_choices(response: Any, sent: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return litellm's choices with what it drops of those that were sent.

    It has no error and no refusal, and calls a reason to finish that it does not know "stop".
    """
    choices = []
    for own, raw in zip_longest(response.choices, sent.get("choices", ())[: len(response.choices)]):
        as_sent = raw if isinstance(raw, dict) else {}
        message = as_sent.get("message")
        message = message if isinstance(message, dict) else {}
        kept = {key: message[key] for key in ("refusal", *THOUGHTS_ELSEWHERE) if key in message}
        as_named = name_reason(as_sent.get("finish_reason"))
        is_known = as_named in {*CUT, REFUSAL, "content_filter"}
        choices.append(
            {
                "error": find_error(as_sent),
                "finish_reason": as_named if is_known else own.finish_reason,
                "message": {
                    **kept,
                    "content": own.message.content,
                    "tool_calls": getattr(own.message, "tool_calls", None),
                },
            }
        )
    return choices


def is_known(name: str) -> bool:
    """Return whether litellm knows the provider that a model's name implies; imports it."""
    try:
        load_litellm().get_llm_provider(name)
    except get_openai_error():
        return False
    return True


def load_litellm() -> Any:
    """Import litellm, quiet and offline; cheap when it is there already."""
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    for path in list_authorities().values():  # it reads one variable of them
        if Path(path).is_file():
            os.environ.setdefault("SSL_CERT_FILE", path)
    litellm: Any = importlib.import_module("litellm")
    handlers = importlib.import_module("litellm.llms.custom_httpx.http_handler")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    # What matters arrives as an exception; and with LITELLM_LOG or OPENAI_LOG on debug these log
    # the addresses asked and the headers of the answers, keys in them included.
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # litellm dumps a malformed reply before it refuses it; the refusal says enough
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings")
    # Outside the openai client litellm repeats a request when the connection was reset,
    # though the first one may have been answered and billed: it must fail like any other.
    handlers.AsyncHTTPHandler.single_connection_post_request = fail_again
    bound_answers(
        importlib.import_module(
            "litellm.llms.custom_httpx.aiohttp_transport"
        ).LiteLLMAiohttpTransport,
        importlib.import_module("httpx").AsyncHTTPTransport,
    )
    return litellm


@contextlib.contextmanager
def suppress_logging() -> Iterator[None]:
    """Suppress litellm's success logging in this task.

    It costs a fifth of litellm's CPU time and, for Ollama, asks the server about the model in a
    blocking call on the event loop.
    """
    internal = importlib.import_module("litellm._internal_context").is_internal_call
    token = internal.set(True)
    try:
        yield
    finally:
        internal.reset(token)


def get_openai_error() -> type[Exception]:
    """Return the root of the openai client's errors and, as it happens, of all of litellm's."""
    root: type[Exception] = importlib.import_module("openai").OpenAIError
    return root


async def fail_again(*_: object, **__: object) -> None:
    """Raise the connection error that litellm is handling, instead of asking again."""
    raise  # noqa: PLE0704 - inside litellm's handler
