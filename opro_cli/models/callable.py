"""Models that are Python objects: callables of the API, and those from outside opro."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opro_cli.core.settings.models import ModelSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, cut_at_stop
from opro_cli.core.text import replace_unsendable
from opro_cli.errors import PINNED, ModelError, UsageError
from opro_cli.plugins import Part, is_outside
from opro_cli.ports import ChatModel

PREFIX = "callable/"
"""How the name of such a model begins; the rest is the user's own name for it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A callable's reply with more than its text.

    Attributes:
        text: The reply.
        usage: Token counts under "prompt_tokens" and "completion_tokens", as far as known.
        finish_reason: "stop", "length" or "content_filter".
    """

    text: str
    usage: Mapping[str, int] = field(default_factory=dict)
    finish_reason: str = "stop"


TRIES = 3
"""Calls in all that an exception of a function is worth, once it has answered."""
_MOST_TOKENS = 10**12
"""Above what any call takes."""

Answer = str | Reply
ModelFunction = Callable[..., Answer | Awaitable[Answer]]
"""Takes the chat, a list of {"role", "content"}, and of the keywords temperature, max_tokens, seed
and stop those that it names."""


class CallableModel:
    """Asks a function, a coroutine function or an object with `__call__`.

    What blocks runs in a thread of its own. Any exception is a ModelError. Before the first answer
    it ends the run; later the call is made TRIES times in all. A function that knows better raises
    `ModelError(..., transient=...)` itself.
    """

    def __init__(self, function: ModelFunction, name: str) -> None:
        self._function, self._name = function, name
        self._hint = PINNED if is_outside(name) else None
        self._keywords = _keywords_of(function)
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object may have an async one
        )

    @property
    def name(self) -> str:
        """The model as the config names it."""
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request with what the function returns.

        Raises:
            ModelError: The function raised, or returned something else.
        """
        chat = [{"role": m.role, "content": m.content} for m in request.messages]
        offered = {
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "stop": list(request.stop) or None,
        }
        keywords = {name: value for name, value in offered.items() if name in self._keywords}
        try:
            if self._is_async:
                answer: Any = await self._function(chat, **keywords)  # type: ignore[misc]
            else:
                answer = await asyncio.to_thread(_call, self._function, chat, keywords)
                if inspect.isawaitable(answer):
                    answer = await answer
        except ModelError:
            raise
        except (Exception, SystemExit) as error:  # which would end the loop, and lose answers
            raise _build_failure(self._name, error, self._hint) from error
        reply = Reply(answer) if isinstance(answer, str) else answer
        if not isinstance(reply, Reply):
            raise self._fail(f"returned {type(answer).__name__}, not a text or a Reply")
        if fault := _find_fault(reply):
            raise self._fail(f"returned a Reply whose {fault}")
        return ChatReply(
            replace_unsendable(cut_at_stop(reply.text, request.stop)),
            reply.finish_reason,
            reply.usage.get("prompt_tokens"),
            reply.usage.get("completion_tokens"),
            None,
        )

    def _fail(self, what: str) -> ModelError:
        return ModelError(f"{self._name} {what}", self._hint, transient=False)

    async def aclose(self) -> None:
        """Do nothing: the function is its owner's."""


class OutsideModel:
    """A model from outside opro, whose unexpected exceptions become ModelErrors.

    Args:
        name: As the config names it.
        model: The object.
        pinned: A resume takes the same part only.
    """

    def __init__(self, name: str, model: ChatModel, *, pinned: bool = True) -> None:
        self._name, self._model = name, model
        self._hint = PINNED if pinned else None

    @property
    def name(self) -> str:
        """The model as the config names it."""
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request as the model does, without what cannot be sent on.

        Raises:
            ModelError: The model raised anything.
        """
        try:
            reply = await self._model.reply(request)
            more = (replace(each, text=replace_unsendable(each.text)) for each in reply.more)
            return replace(reply, text=replace_unsendable(reply.text), more=tuple(more))
        except ModelError:
            raise
        except (Exception, SystemExit) as error:
            raise _build_failure(self._name, error, self._hint) from error

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()


def _build_failure(name: str, error: BaseException, hint: str | None) -> ModelError:
    """Return the error for what a model's own code raised.

    It may be a defect or an accident: a few tries tell, and SystemExit is meant.
    """
    transient = not isinstance(error, SystemExit)
    words = f"{name} raised {type(error).__name__}: {error}"
    failure = ModelError(words, hint, transient=transient, about="code")
    failure.tries = TRIES
    return failure


def _call(function: ModelFunction, chat: Any, keywords: Mapping[str, Any]) -> Any:
    """Call a function in a thread; a future cannot carry StopIteration, and would wait forever."""
    try:
        return function(chat, **keywords)
    except StopIteration as error:
        raise RuntimeError("the function raised StopIteration") from error


def _find_fault(reply: Any) -> str:
    """Return which field of a reply is not what it has to be, "" for none."""
    if not isinstance(reply.text, str):
        return f"text is {reply.text!r:.60}"
    if reply.finish_reason not in ("stop", "length", "content_filter"):
        return f'finish_reason is {reply.finish_reason!r:.60}, not "stop", "length" or so'
    if not isinstance(reply.usage, Mapping):
        return f"usage is {reply.usage!r:.60}, not a mapping"
    for name, count in reply.usage.items():
        if name not in ("prompt_tokens", "completion_tokens"):
            return f"usage has {name!r:.60}, not prompt_tokens or completion_tokens"
        if type(count) is not int or not 0 <= count <= _MOST_TOKENS:
            return f"usage has {count!r:.60} {name}"
    return ""


def adapt_part(part: Part, key: str, settings: ModelSettings) -> ChatModel:
    """Return the model that python:MODULE:NAME names.

    Args:
        part: A class that takes the section of the config, a model, or a function as the API
            takes it.
        key: The key of the config that names it, for messages.
        settings: The section.

    Raises:
        UsageError: It is neither.
    """
    value = part.value
    if isinstance(value, type) and hasattr(value, "reply"):
        try:
            value = value(settings)
        except (Exception, SystemExit) as error:
            raise UsageError(
                f"{key}: {part.spec}(settings) raised {type(error).__name__}: {error}",
                "a model's class is called with its section of the config",
            ) from error
    if hasattr(value, "reply") and hasattr(value, "aclose"):
        return OutsideModel(part.spec, value)
    if callable(value) and not isinstance(value, type):
        return CallableModel(value, part.spec)
    kind = (
        "a class without `reply`" if isinstance(value, type) else f"of type {type(value).__name__}"
    )
    raise UsageError(
        f"{key}: {part.spec} is {kind}, and not a model",
        "name a function of the chat, or a class with `reply` and `aclose`: `opro docs extending`",
    )


def _keywords_of(function: ModelFunction) -> frozenset[str]:
    """Return the keywords that a function takes."""
    known = frozenset({"temperature", "max_tokens", "seed", "stop"})
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built in
        return known
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return known
    return known & {parameter.name for parameter in parameters}
