"""The seams of `opro`: what the engine needs from the world, as Protocols.

Each has a contract suite under `tests/contracts/` that runs against every implementation.
"""

from __future__ import annotations

from typing import Protocol

from opro_cli.core.model import ChatReply, ChatRequest, Example, Grade


class ChatModel(Protocol):
    """A model that answers one request at a time, many at once."""

    @property
    def name(self) -> str:
        """The model as the config names it, "ollama_chat/mistral"."""
        ...

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request.

        Raises ModelError and nothing else; never retries by itself.
        Safe to call many times concurrently on one event loop.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections and threads; calling it twice is fine."""
        ...


class Metric(Protocol):
    """How replies of one kind of task are read and graded. Pure."""

    def target(self, raw: str) -> str:
        """The gold answer in the form this metric compares, "… #### 72" -> "72".

        Raises ValueError saying what was expected when `raw` is no such answer.
        """
        ...

    def grade(self, reply: str, example: Example) -> Grade:
        """Read the answer in `reply` and compare it with `example.target`; never raises."""
        ...
