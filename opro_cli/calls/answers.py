"""Replies with their timing, and answers that need no call of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from opro_cli.calls.budget import read_clock
from opro_cli.core.run.events import Via
from opro_cli.core.run.progress import Role
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.ports import AnswerCache


@dataclass(frozen=True, slots=True)
class TimedReply:
    """A reply, the seconds that the successful call took, and whether there was one.

    reply: as it came; it is read and graded, and not kept. redacted: the same without keys that
    were sent, for the journal and the cache; None where it holds none.
    """

    reply: ChatReply
    seconds: float
    via: Via = "call"
    redacted: ChatReply | None = None

    @property
    def recorded(self) -> ChatReply:
        """The reply as it may be written down."""
        return self.redacted or self.reply


def remove_keys(reply: ChatReply, redact: Callable[[str], str]) -> ChatReply:
    """The reply with `redact` applied to every text of it."""
    more = (
        replace(each, text=redact(each.text), finish_reason=redact(each.finish_reason))
        for each in reply.more
    )
    return replace(
        reply,
        text=redact(reply.text),
        finish_reason=redact(reply.finish_reason),
        more=tuple(more),
    )


def describe_reply(answered: TimedReply) -> dict[str, Any]:
    """Return the fields that every event of an answered request has."""
    return {**describe_call(answered), "via": answered.via}


def describe_call(answered: TimedReply) -> dict[str, Any]:
    """Return those fields but `via`, for requests that always cost a call."""
    reply = answered.recorded
    return {
        "at": read_clock(),
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "usd": reply.usd,
        "seconds": answered.seconds,
    }


class Place(NamedTuple):
    """Where the answer to a request is kept: equal requests have an equal place."""

    cache: AnswerCache
    key: bytes


class AnswerLookup:
    """Answers that are at hand. caches: by role; a role without one is always asked."""

    def __init__(self, settings: Settings, caches: Mapping[Role, AnswerCache]) -> None:
        self._settings, self._caches = settings, caches
        self._asked: dict[bytes, asyncio.Future[ChatReply | None]] = {}

    def place_of(self, role: Role, request: ChatRequest) -> Place | None:
        """Where its answer would be; None for a request that is always asked."""
        wanted = self._settings.models[role].cache
        if wanted is None:
            wanted = request.temperature == 0
        cache = self._caches.get(role) if wanted and request.choices == 1 else None
        return None if cache is None else Place(cache, cache.key(request))

    async def reply_at(self, place: Place) -> ChatReply | None:
        """The known reply, which costs nothing; None where whoever asks has to ask the model.

        Waits for an equal request under way; where that one comes to nothing, this one is next.
        """
        cache, key = place
        reply = cache.get(key)
        while reply is None and key in self._asked:
            reply = await asyncio.shield(self._asked[key]) or cache.get(key)
        if reply is None:
            return None
        # A run of known answers waits for nothing else: let Ctrl-C and the view have their turn.
        await asyncio.sleep(0)
        return replace(reply, prompt_tokens=0, completion_tokens=0, usd=0.0)

    def begin(self, place: Place) -> None:
        """The model is being asked: equal requests wait until `end`."""
        self._asked[place.key] = asyncio.get_running_loop().create_future()

    def keep(self, place: Place, reply: ChatReply) -> None:
        """It has answered."""
        if is_worth_keeping(reply):
            place.cache.put(place.key, reply)
            waiting = self._asked.get(place.key)
            if waiting is not None and not waiting.done():
                waiting.set_result(reply)

    def end(self, place: Place) -> None:
        """It is asked no more."""
        reply = self._asked.pop(place.key)
        if not reply.done():
            reply.set_result(None)


def is_worth_keeping(reply: ChatReply) -> bool:
    """Would asking again say nothing better? Not so of an empty answer, or a filtered one."""
    return bool(reply.text) and reply.finish_reason != "content_filter"
