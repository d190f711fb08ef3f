"""Which weights the embedded models have: another version of opro may bring others."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace

from opro_cli.core.draws import derive_seed
from opro_cli.core.task.example import ChatReply, ChatRequest, Choice
from opro_cli.embedded.chat import ChatFormat, join_messages
from opro_cli.embedded.config import CHECKPOINTS
from opro_cli.embedded.prompts import Prompt
from opro_cli.errors import ModelError, RunFolderError, reason_of
from opro_cli.models.embedded_workers import Workers, build_closed_error


def hash_weights(models: Iterable[str]) -> dict[str, str]:
    """sha256 (64 hex digits) of the weights of each embedded model among `models`, by its name."""
    digests = {}
    for name in sorted(CHECKPOINTS.keys() & set(models)):
        with (CHECKPOINTS[name] / "model.safetensors").open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def check_weights(name: str, recorded: Mapping[str, str], present: Mapping[str, str]) -> None:
    """RunFolderError when the run of this name was begun with other weights, or did not say."""
    if recorded != present:
        raise RunFolderError(
            f"{name} was begun with other weights of the embedded models than this version of opro "
            "has: its scores would be those of two models",
            "go on with the version that began it, or start a new run with `opro optimize`",
        )


class EmbeddedModel:
    """One of CHECKPOINTS: every answer is decoded from the weights in the package.

    Concurrent calls are decoded together; an answer never depends on what it was batched with.
    Free of charge, so `usd` is 0.0. For one event loop. Raises ModelError when the weights cannot
    be read.

    workers: the processes that compute, which several models may share; closed with the last one.
    """

    def __init__(self, name: str, workers: Workers | None = None) -> None:
        self._name = name
        self._folder = folder = CHECKPOINTS[name]
        try:
            self._format = ChatFormat(folder)
            (folder / "model.safetensors").stat()
        except (OSError, KeyError, ValueError) as error:
            raise ModelError(
                f"{name}: the weights in {folder} cannot be read: {reason_of(error)}",
                "reinstall the package",
                transient=False,
            ) from error
        self._workers = workers or Workers()
        self._workers.users.add(self)

    @property
    def name(self) -> str:
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request; raises ModelError (unanswerable) when it exceeds the context."""
        if request.choices > 1:
            return await self._several(request)
        if self not in self._workers.users:
            raise build_closed_error()
        prompt = self._prompt(request)
        continuation = await self._workers.decode(self._folder, prompt, request.stop)
        ended = continuation.finish_reason
        return ChatReply(
            text=self._format.text(continuation.ids, request.stop),
            finish_reason="length" if ended == "length" else "stop",
            prompt_tokens=len(prompt.ids),
            # As servers count: the end mark too, and what completes a stop string.
            completion_tokens=len(continuation.ids) + (ended == "stop"),
            usd=0.0,
        )

    async def _several(self, request: ChatRequest) -> ChatReply:
        """Independent draws, decoded together; the prompt counts once, as servers count it."""
        seeds = [
            request.seed
            if request.seed is None or not i
            else derive_seed(request.seed, "choice", i)
            for i in range(request.choices)
        ]
        singles = (replace(request, seed=seed, choices=1) for seed in seeds)
        first, *others = await asyncio.gather(*map(self.reply, singles))
        tokens = sum(each.completion_tokens or 0 for each in (first, *others))
        more = tuple(Choice(each.text, each.finish_reason) for each in others)
        return replace(first, completion_tokens=tokens, more=more)

    async def aclose(self) -> None:
        """End the processes that nobody else uses; what they compute is not waited for."""
        self._workers.users.discard(self)
        if not self._workers.users:
            await self._workers.close()

    def _prompt(self, request: ChatRequest) -> Prompt:
        ids = self._format.ids(join_messages(request.messages))
        room = self._format.config.max_position_embeddings - len(ids)
        if room < 1:
            raise ModelError(
                f"{self._name}: the request has {len(ids)} tokens, the context length is"
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
