"""The server under the wire tests, and the models that talk to it.

A test that names no adapter runs with litellm; `both` runs it with each, `lean` without litellm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.models.litellm_model import LitellmModel
from opro_cli.models.openai_compatible import OpenAICompatibleModel
from tests.server import LocalServer, Options

Serve = Callable[[Options], LocalServer]
Model = LitellmModel | OpenAICompatibleModel
OPENAI, VLLM, OLLAMA = "openai/gpt-4o-mini", "hosted_vllm/mistral", "ollama_chat/mistral"
both = pytest.mark.parametrize("wire", ["litellm", "lean"], indirect=True)
lean = pytest.mark.parametrize("wire", ["lean"], indirect=True)


def asking(
    text: str = "hello", temperature: float = 0.0, max_tokens: int = 50, seed: int | None = None
) -> ChatRequest:
    return ChatRequest((Message("user", text),), temperature, max_tokens, seed)


class Wire:
    """A server with one scripted behaviour, and models pointed at it; all closed after the test."""

    def __init__(self, adapter: str = "litellm") -> None:
        self.server: LocalServer
        self.adapter = adapter
        self._closing: list[Model] = []

    async def serve(self, **options: object) -> LocalServer:
        self.server = LocalServer(options=Options(**options))  # type: ignore[arg-type]
        return await self.server.__aenter__()

    def model(self, name: str = OPENAI, timeout: float = 10.0) -> Model:
        base = self.server.root if name.startswith("ollama") else self.server.url
        return self.at(base, name, timeout)

    def at(self, base: str | None, name: str = OPENAI, timeout: float = 10.0) -> Model:
        model: Model
        if self.adapter == "lean":
            model = OpenAICompatibleModel(name, base, timeout)
        else:
            model = LitellmModel(name, base, timeout)
        self._closing.append(model)
        return model

    async def close(self) -> None:
        for model in self._closing:
            await model.aclose()
        if hasattr(self, "server"):
            await self.server.__aexit__()


@pytest.fixture
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    wire = Wire(getattr(request, "param", "litellm"))
    yield wire
    await wire.close()
