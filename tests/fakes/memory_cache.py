"""An AnswerCache that lives as long as its test."""

from __future__ import annotations

from dataclasses import replace

from opro_cli.core.model import ChatReply, ChatRequest


class MemoryCache:
    """Keeps answers in a dictionary. `answers`: by request, at temperature 0 without its seed."""

    trouble = ""

    def __init__(self) -> None:
        self.answers: dict[ChatRequest, ChatReply] = {}

    def get(self, request: ChatRequest) -> ChatReply | None:
        return self.answers.get(_without_idle_seed(request))

    def put(self, request: ChatRequest, reply: ChatReply) -> None:
        free = replace(reply, prompt_tokens=0, completion_tokens=0, usd=0.0)
        self.answers.setdefault(_without_idle_seed(request), free)

    def close(self) -> None:
        pass


class ForgetfulCache(MemoryCache):
    """A cache that has failed: it finds nothing and keeps nothing."""

    trouble = "no answer cache: it forgets"

    def put(self, request: ChatRequest, reply: ChatReply) -> None:
        pass


def _without_idle_seed(request: ChatRequest) -> ChatRequest:
    return request if request.temperature else replace(request, seed=None)
