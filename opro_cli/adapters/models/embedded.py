"""The embedded model as a ChatModel: no key, no server, no network; numpy in a worker thread."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from opro_cli.core.model import ChatReply, ChatRequest, Choice
from opro_cli.core.rng import seed_for
from opro_cli.embedded.chat import ChatFormat
from opro_cli.embedded.checkpoint import SHIPPED, load_checkpoint
from opro_cli.embedded.decoding import Continuation, Prompt, decode
from opro_cli.embedded.mistral import Mistral
from opro_cli.errors import ModelError

NAME = "embedded/tiny-mistral"
BATCH_ROWS = 64
# requests of one moment arrive over a few turns of the event loop; waiting for them costs less
# than answering the first one alone
GATHER_SECONDS = 0.002


def _on_one_core(model: Mistral, prompts: Sequence[Prompt]) -> list[Continuation]:
    """Decode without BLAS's own threads.

    Matrices this small gain little from them, and beside any other load they wait for each
    other: 125 answers took 1.4 s on one thread and 2 to 36 s on two, on two busy cores.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        return decode(model, prompts)


class _Batch:
    """Prompts that will be decoded together; `answers` ends with one continuation for each."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.answers: asyncio.Task[list[Continuation]] | None = None


class EmbeddedModel:
    """`embedded/tiny-mistral`: every answer is decoded from the weights in the package.

    Concurrent calls are decoded together; an answer never depends on what it was batched with.
    Free of charge, so `usd` is 0.0. Raises ModelError when the weights cannot be read.
    """

    def __init__(self, folder: Path = SHIPPED) -> None:
        try:
            checkpoint = load_checkpoint(folder)
        except (OSError, KeyError, ValueError) as error:
            raise ModelError(
                f"{NAME}: the weights in {folder} cannot be read: {error}",
                "reinstall the package",
                transient=False,
            ) from error
        self._model = Mistral(checkpoint)
        self._format = ChatFormat(checkpoint)
        self._forming: _Batch | None = None
        self._running = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded")
        self._closed = False

    @property
    def name(self) -> str:
        return NAME

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request; raises ModelError (unanswerable) when it exceeds the context."""
        if request.choices > 1:
            return await self._several(request)
        if self._closed:
            raise ModelError(f"{NAME}: the model has been closed", transient=False)
        prompt = self._prompt(request)
        batch = self._forming
        if batch is None or batch.answers is None or len(batch.prompts) >= BATCH_ROWS:
            batch = self._forming = _Batch()
            batch.answers = asyncio.create_task(self._decode(batch))
        place = len(batch.prompts)
        batch.prompts.append(prompt)
        assert batch.answers is not None
        # one caller giving up must not take the answers of the others with it
        continuation = (await asyncio.shield(batch.answers))[place]
        return self._reply(prompt, continuation)

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
        """End the thread once what it is computing is done; calling it twice is fine."""
        self._closed = True
        async with self._running:
            await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)

    async def _decode(self, batch: _Batch) -> list[Continuation]:
        async with self._running:
            await asyncio.sleep(GATHER_SECONDS)
            if self._forming is batch:
                self._forming = None
            if self._closed:
                raise ModelError(f"{NAME}: the model has been closed", transient=False)
            loop = asyncio.get_running_loop()
            prompts: Sequence[Prompt] = tuple(batch.prompts)
            return await loop.run_in_executor(self._thread, _on_one_core, self._model, prompts)

    def _prompt(self, request: ChatRequest) -> Prompt:
        text = "\n".join(
            message.content
            for role in ("system", "user")
            for message in request.messages
            if message.role == role
        )
        config = self._model.config
        ids = self._format.ids(text)
        room = config.max_position_embeddings - len(ids)
        if room < 1:
            raise ModelError(
                f"{NAME}: the request has {len(ids)} tokens, the context length is"
                f" {config.max_position_embeddings}",
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
