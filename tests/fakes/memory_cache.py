"""An AnswerCache that lives as long as its test."""

from __future__ import annotations

from dataclasses import replace

from opro_cli.core.task.example import ChatReply, ChatRequest


class MemoryCache:
    """Keeps answers in a dictionary. `answers`: by key."""

    trouble = ""

    def __init__(self) -> None:
        self.answers: dict[bytes, ChatReply] = {}

    def key(self, request: ChatRequest) -> bytes:
        same = replace(request, seed=None) if request.temperature == 0 else request
        return repr(same).encode()

    def get(self, key: bytes) -> ChatReply | None:
        return self.answers.get(key)

    def put(self, key: bytes, reply: ChatReply) -> None:
        self.answers.setdefault(key, reply.set_free())

    def close(self) -> None:
        pass


class ForgetfulCache(MemoryCache):
    """A cache that has failed: it finds nothing and keeps nothing."""

    trouble = "no answer cache: it forgets"

    def put(self, key: bytes, reply: ChatReply) -> None:
        pass
