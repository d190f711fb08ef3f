"""Models that are Python objects: callables of the API, and those from outside opro."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from opro_cli.core.settings.models import USUAL_TIMEOUT, ModelSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, cut_at_stop
from opro_cli.core.text import replace_unsendable
from opro_cli.errors import PINNED, ModelError, UsageError
from opro_cli.models.call_errors import build_timeout_error
from opro_cli.models.wire import Deadline, ModelCall
from opro_cli.plugins import Part, is_outside
from opro_cli.ports import ChatModel
from opro_cli.threads import run_in_thread

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

    What blocks runs in a thread. Any exception is a ModelError. Before the first answer it ends the
    run; later the call is made TRIES times in all. A function that knows better raises
    `ModelError(..., transient=...)` itself. One that takes too long is given up.

    Args:
        function: What answers.
        name: As the config names it.
        timeout: Seconds for one call.
    """

    def __init__(self, function: ModelFunction, name: str, timeout: float = USUAL_TIMEOUT) -> None:
        self._function, self._name, self._timeout = function, name, timeout
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
            ModelError: The function raised, took too long, or returned something else.
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
            answer = await self._ask(partial(self._function, chat, **keywords))
        except TimeoutError as error:
            raise _build_timeout(self._name, request, self._timeout) from error
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

    async def _ask(self, call: Callable[[], Any]) -> Any:
        """Return what the function does.

        Raises:
            ModelError: It raised anything, a TimeoutError of its own included.
            TimeoutError: Its time is over. A coroutine is cancelled. A thread cannot be, and is
                left behind.
        """
        blames = _Blame(self._name, self._hint)
        if self._is_async:
            async with Deadline(self._timeout):
                with blames:
                    return await call()
        began = time.monotonic()
        answer = await run_in_thread(blames.around(call), self._timeout)
        if inspect.isawaitable(answer):
            async with Deadline(max(0.0, self._timeout - (time.monotonic() - began))):
                with blames:
                    return await answer
        return answer

    def with_timeout(self, seconds: float) -> CallableModel:
        """Return the same model with another time for one call."""
        return CallableModel(self._function, self._name, seconds)

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
        timeout: Seconds for one call; then it is cancelled.
    """

    def __init__(
        self,
        name: str,
        model: ChatModel,
        *,
        pinned: bool = True,
        timeout: float = USUAL_TIMEOUT,
    ) -> None:
        self._name, self._model, self._timeout = name, model, timeout
        self._hint = PINNED if pinned else None

    @property
    def name(self) -> str:
        """The model as the config names it."""
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request as the model does, without what cannot be sent on.

        Raises:
            ModelError: The model raised anything, or took too long.
        """
        blames = _Blame(self._name, self._hint)
        try:
            async with Deadline(self._timeout):
                with blames:
                    reply = await self._model.reply(request)
        except TimeoutError as error:
            raise _build_timeout(self._name, request, self._timeout) from error
        with blames:
            more = (replace(each, text=replace_unsendable(each.text)) for each in reply.more)
            return replace(reply, text=replace_unsendable(reply.text), more=tuple(more))

    def with_timeout(self, seconds: float) -> OutsideModel:
        """Return the same model with another time for one call."""
        pinned = self._hint is not None
        return OutsideModel(self._name, self._model, pinned=pinned, timeout=seconds)

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()


class _Blame(AbstractContextManager[None]):
    """Turns what a model's own code raises into a ModelError.

    SystemExit, too, which would end the event loop and lose answers.
    """

    def __init__(self, name: str, hint: str | None) -> None:
        self._name, self._hint = name, hint

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise the ModelError in place of an error of another type."""
        if isinstance(error, Exception | SystemExit) and not isinstance(error, ModelError):
            raise _build_failure(self._name, error, self._hint) from error

    def around(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return the call with its errors turned; what a thread raises has to be an Exception."""

        def run() -> Any:
            with self:
                try:
                    return call()
                except StopIteration as error:  # which says nothing to whoever reads it
                    raise RuntimeError("the function raised StopIteration") from error

        return run


def apply_timeout(model: ChatModel, seconds: float) -> ChatModel:
    """Return a model of a program's with the `timeout` of its section of the config."""
    if isinstance(model, CallableModel | OutsideModel):
        return model.with_timeout(seconds)
    return model


def _build_timeout(name: str, request: ChatRequest, seconds: float) -> ModelError:
    return build_timeout_error(ModelCall.of(request, name, None, seconds, {}))


def _build_failure(name: str, error: BaseException, hint: str | None) -> ModelError:
    """Return the error for what a model's own code raised.

    It may be a defect or an accident: a few tries tell, and SystemExit is meant.
    """
    transient = not isinstance(error, SystemExit)
    words = f"{name} raised {type(error).__name__}: {error}"
    failure = ModelError(words, hint, transient=transient, about="code")
    failure.tries = TRIES
    return failure


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
        return OutsideModel(part.spec, value, timeout=settings.timeout)
    if callable(value) and not isinstance(value, type):
        return CallableModel(value, part.spec, settings.timeout)
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
