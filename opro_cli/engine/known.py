"""Answers that need no call: an equal request was answered before, or is being asked right now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from opro_cli.core.model import ChatReply, ChatRequest
from opro_cli.core.session import Role
from opro_cli.core.settings import Settings
from opro_cli.ports import AnswerCache


class Place(NamedTuple):
    """Where the answer to a request is kept: equal requests have an equal place."""

    cache: AnswerCache
    key: bytes


class KnownAnswers:
    """What need not be asked. caches: by role; a role without one is always asked."""

    def __init__(self, settings: Settings, caches: Mapping[Role, AnswerCache]) -> None:
        self._settings, self._caches = settings, caches
        self._asked: dict[bytes, asyncio.Future[ChatReply | None]] = {}

    def place_of(self, role: Role, request: ChatRequest) -> Place | None:
        """Where its answer would be; None for a request that is always asked."""
        wanted = getattr(self._settings, role).cache
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
