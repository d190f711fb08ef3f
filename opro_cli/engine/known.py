"""Answers that need no call: an equal request was answered before, or is being asked right now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from opro_cli.core.model import ChatReply, ChatRequest
from opro_cli.core.session import Role
from opro_cli.core.settings import Settings
from opro_cli.ports import AnswerCache


class KnownAnswers:
    """What need not be asked. caches: by role; a role without one is always asked."""

    def __init__(self, settings: Settings, caches: Mapping[Role, AnswerCache]) -> None:
        self._settings, self._caches = settings, caches
        self._asked: dict[tuple[Role, ChatRequest], asyncio.Future[ChatReply | None]] = {}

    async def reply_to(self, role: Role, request: ChatRequest) -> ChatReply | None:
        """The known reply, which costs nothing; None where whoever asks has to ask the model.

        Waits for an equal request under way; where that one comes to nothing, this one is next.
        """
        cache = self._cache(role, request)
        if cache is None:
            return None
        reply, same = cache.get(request), _same(role, request)
        while reply is None and same in self._asked:
            reply = await asyncio.shield(self._asked[same]) or cache.get(request)
        if reply is None:
            return None
        # A run of known answers waits for nothing else: let Ctrl-C and the view have their turn.
        await asyncio.sleep(0)
        return replace(reply, prompt_tokens=0, completion_tokens=0, usd=0.0)

    @contextmanager
    def asking(
        self, role: Role, request: ChatRequest, *, fresh: bool
    ) -> Iterator[Callable[[ChatReply], None]]:
        """While the model is asked, equal requests wait; what is yielded is told the reply."""
        cache = None if fresh else self._cache(role, request)
        if cache is None:
            yield lambda _: None
            return
        same, reply = _same(role, request), asyncio.get_running_loop().create_future()

        def keep(answer: ChatReply) -> None:
            if is_worth_keeping(answer):
                cache.put(request, answer)
                reply.set_result(answer)

        self._asked[same] = reply
        try:
            yield keep
        finally:
            del self._asked[same]
            if not reply.done():
                reply.set_result(None)

    def _cache(self, role: Role, request: ChatRequest) -> AnswerCache | None:
        wanted = getattr(self._settings, role).cache
        if wanted is None:
            wanted = request.temperature == 0
        one_choice = request.choices == 1
        return self._caches.get(role) if wanted and one_choice else None


def is_worth_keeping(reply: ChatReply) -> bool:
    """Would asking again say nothing better? Not so of an empty answer, or a filtered one."""
    return bool(reply.text) and reply.finish_reason != "content_filter"


def _same(role: Role, request: ChatRequest) -> tuple[Role, ChatRequest]:
    """What equal requests have in common: at temperature 0 the seed decides nothing."""
    return role, request if request.temperature else replace(request, seed=None)
