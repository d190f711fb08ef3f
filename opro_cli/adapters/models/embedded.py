"""The embedded model as a ChatModel: no key, no server, no network; numpy in worker processes."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path

from opro_cli.adapters.models.embedded_workers import Workers
from opro_cli.core.model import ChatReply, ChatRequest, Choice
from opro_cli.core.rng import seed_for
from opro_cli.embedded.chat import ChatFormat
from opro_cli.embedded.config import SHIPPED
from opro_cli.embedded.prompts import Continuation, Prompt
from opro_cli.errors import ModelError

NAME = "embedded/tiny-mistral"


class EmbeddedModel:
    """`embedded/tiny-mistral`: every answer is decoded from the weights in the package.

    Concurrent calls are decoded together; an answer never depends on what it was batched with.
    Free of charge, so `usd` is 0.0. For one event loop. Raises ModelError when the weights cannot
    be read.
    """

    def __init__(self, folder: Path = SHIPPED) -> None:
        try:
            self._format = ChatFormat(folder)
            (folder / "model.safetensors").stat()
        except (OSError, KeyError, ValueError) as error:
            raise ModelError(
                f"{NAME}: the weights in {folder} cannot be read: {error}",
                "reinstall the package",
                transient=False,
            ) from error
        self._workers = Workers(NAME, folder)

    @property
    def name(self) -> str:
        return NAME

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request; raises ModelError (unanswerable) when it exceeds the context."""
        if request.choices > 1:
            return await self._several(request)
        prompt = self._prompt(request)
        return self._reply(prompt, await self._workers.continuation(prompt))

    async def _several(self, request: ChatRequest) -> ChatReply:
        """Independent draws, decoded together; the prompt counts once, as servers count it."""
        seeds = [
            request.seed if request.seed is None or not i else seed_for(request.seed, "choice", i)
            for i in range(request.choices)
        ]
        singles = (replace(request, seed=seed, choices=1) for seed in seeds)
        first, *others = await asyncio.gather(*map(self.reply, singles))
        tokens = sum(each.completion_tokens or 0 for each in (first, *others))
        more = tuple(Choice(each.text, each.finish_reason) for each in others)
        return replace(first, completion_tokens=tokens, more=more)

    async def aclose(self) -> None:
        """End the processes; what they were computing is not waited for. Twice is fine."""
        await self._workers.close()

    def _prompt(self, request: ChatRequest) -> Prompt:
        text = "\n".join(
            message.content
            for role in ("system", "user")
            for message in request.messages
            if message.role == role
        )
        ids = self._format.ids(text)
        room = self._format.config.max_position_embeddings - len(ids)
        if room < 1:
            raise ModelError(
                f"{NAME}: the request has {len(ids)} tokens, the context length is"
                f" {self._format.config.max_position_embeddings}",
                "show fewer instructions or exemplars, or shorten the question",
                transient=False,
                unanswerable=True,
                status=400,
            )
        # without a seed every call is a new draw, as with any provider
        seed = secrets.randbits(63) if request.seed is None else request.seed
        return Prompt(
            ids=ids,
            temperature=request.temperature,
            limit=max(1, min(request.max_tokens, room)),
            seed=seed % 2**64,
        )

    def _reply(self, prompt: Prompt, continuation: Continuation) -> ChatReply:
        """The end mark counts as a token, as servers count it."""
        return ChatReply(
            text=self._format.text(continuation.ids),
            finish_reason=continuation.finish_reason,
            prompt_tokens=len(prompt.ids),
            completion_tokens=len(continuation.ids) + (continuation.finish_reason == "stop"),
            usd=0.0,
        )
