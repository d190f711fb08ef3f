"""The embedded models: computed in processes of this package, see embedded/worker.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from opro_cli.core.draws import derive_seed
from opro_cli.core.task.example import ChatReply, ChatRequest, Choice
from opro_cli.embedded.config import CHECKPOINTS
from opro_cli.embedded.prompts import ChatFormat, Continuation, Prompt, join_messages
from opro_cli.errors import ModelError, reason_of
from opro_cli.processes import count_cores, get_pipes, start_module

MOST = 2
"""Processes at most: each takes some 70 MB, and a search rarely keeps more than two busy."""
BUSY = 8
"""Prompts that a process has before another one is started."""
LONGEST_WORDS = 200  # characters of a process's last line on stderr in a message
# Matrices this small gain little from BLAS's own threads, which wait for each other beside any
# other load.
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


class EmbeddedModel:
    """One of CHECKPOINTS, a ChatModel that decodes every answer from the weights in the package.

    Concurrent calls are decoded together; an answer never depends on its batch. Free of charge, so
    `usd` is 0.0. For one event loop.

    Args:
        name: A key of CHECKPOINTS.
        workers: The processes that decode, which several models may share; they are closed with
            the last one.

    Raises:
        ModelError: The weights cannot be read.
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
        """The model as the config names it."""
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request; raises ModelError (unanswerable) when it exceeds the context."""
        if request.choices > 1:
            return await self._reply_several(request)
        if self not in self._workers.users:
            raise _build_closed_error()
        prompt = self._build_prompt(request)
        continuation = await self._workers.decode(self._folder, prompt, request.stop)
        reason = continuation.finish_reason
        return ChatReply(
            text=self._format.text(continuation.ids, request.stop),
            finish_reason="length" if reason == "length" else "stop",
            prompt_tokens=len(prompt.ids),
            # As servers count: the end mark too, and what completes a stop string.
            completion_tokens=len(continuation.ids) + (reason == "stop"),
            usd=0.0,
        )

    async def _reply_several(self, request: ChatRequest) -> ChatReply:
        """Draw several answers, decoded together; the prompt counts once, as servers count it."""
        seeds = [
            request.seed
            if request.seed is None or not i
            else derive_seed(request.seed, "choice", i)
            for i in range(request.choices)
        ]
        singles = (replace(request, seed=seed, choices=1) for seed in seeds)
        first, *others = await asyncio.gather(*map(self.reply, singles))
        tokens = sum(reply.completion_tokens or 0 for reply in (first, *others))
        more = tuple(Choice(reply.text, reply.finish_reason) for reply in others)
        return replace(first, completion_tokens=tokens, more=more)

    async def aclose(self) -> None:
        """End the processes that no other model uses, without waiting for their answers."""
        self._workers.users.discard(self)
        if not self._workers.users:
            await self._workers.close()

    def _build_prompt(self, request: ChatRequest) -> Prompt:
        ids = self._format.ids(join_messages(request.messages))
        context = self._format.config.max_position_embeddings
        room = context - len(ids)
        if room < 1:
            raise ModelError(
                f"{self._name}: the request has {len(ids)} tokens, the context length is {context}",
                "show fewer instructions or exemplars, or shorten the question",
                transient=False,
                unanswerable=True,
                too_long=True,
                status=400,
            )
        # without a seed every call is a new draw, as with any provider
        seed = secrets.randbits(63) if request.seed is None else request.seed
        return Prompt(
            ids=ids,
            temperature=request.temperature or 0.0,
            limit=max(1, min(request.max_tokens or room, room)),
            seed=seed % 2**64,
        )


class Workers:
    """Processes for any checkpoint, started as needed; `users` are the models that share them."""

    def __init__(self) -> None:
        self.users: set[object] = set()
        self._workers: list[_Worker] = []
        self._closed = False

    async def decode(self, folder: Path, prompt: Prompt, stop: Sequence[str] = ()) -> Continuation:
        """Continue a prompt by the checkpoint in a folder, up to one of the texts `stop`.

        Raises:
            ModelError: The model fails, or the processes have been ended.
        """
        if self._closed:
            raise _build_closed_error()
        self._workers = [worker for worker in self._workers if worker.failure is None]
        least = min(self._workers, key=lambda worker: len(worker.awaited), default=None)
        is_busy = least is not None and len(least.awaited) >= BUSY
        if least is None or (is_busy and len(self._workers) < _limit_processes()):
            least = _Worker()
            self._workers.append(least)
        return await least.decode(folder, prompt, stop)

    async def close(self) -> None:
        """End the processes, and fail the calls that still wait; calling it twice is fine."""
        self._closed = True
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.close() for worker in workers))


class _Worker:
    """A process.

    Attributes:
        awaited: The answers to come, by key.
        failure: The reason why it answers no more; None while it does.
    """

    def __init__(self) -> None:
        self.awaited: dict[int, asyncio.Future[Continuation]] = {}
        self.failure: ModelError | None = None
        self._keys = count()
        self._started = asyncio.create_task(start_module("opro_cli.embedded.worker", ONE_THREAD))
        self._listening = asyncio.create_task(self._listen())

    async def decode(self, folder: Path, prompt: Prompt, stop: Sequence[str]) -> Continuation:
        """Return what a model writes after a prompt.

        Args:
            folder: Of the weights.
            prompt: Its tokens, and how to draw the next.
            stop: Texts before the first of which the continuation ends.

        Raises:
            ModelError: The process has ended.
        """
        answer: asyncio.Future[Continuation] = asyncio.get_running_loop().create_future()
        key = next(self._keys)
        self.awaited[key] = answer
        try:
            with contextlib.suppress(OSError):  # it did not start: `_listen` fails the answer
                # Cancelling one caller must not take the process from the others.
                process = await asyncio.shield(self._started)
                how = prompt.ids, prompt.temperature, prompt.limit, prompt.seed
                line = json.dumps([[key, str(folder), stop, *how]])
                get_pipes(process).stdin.write(line.encode() + b"\n")
            return await answer
        finally:
            del self.awaited[key]

    async def close(self) -> None:
        """End the process; what it computes is lost."""
        self._fail(_build_closed_error())
        with contextlib.suppress(OSError):
            process = await self._started
            get_pipes(process).stdin.close()
            if process.returncode is None:
                process.kill()  # nobody needs what it computes
            await self._listening

    async def _listen(self) -> None:
        try:
            process = await self._started
        except OSError as error:
            self._fail(_build_ended_error(str(error)))
            return
        _, stdout, stderr = get_pipes(process)
        async for line in stdout:
            if not line.endswith(b"\n"):
                break  # it was killed as it wrote
            message = json.loads(line)
            if isinstance(message, dict):
                why = f"the weights of an embedded model cannot be read or used: {message['error']}"
                self._fail(ModelError(why, "reinstall the package", transient=False))
                break
            for key, ids, finish_reason in message:
                answer = self.awaited.get(key)
                if answer is not None and not answer.done():  # else the caller was cancelled
                    answer.set_result(Continuation(tuple(ids), finish_reason))
        words = (await stderr.read()).decode("utf-8", "replace").split("\n")
        last = next((line for line in reversed(words) if line.strip()), "")
        code = await process.wait()
        self._fail(_build_ended_error(f"exit code {code}{last and ': '}{last[:LONGEST_WORDS]}"))

    def _fail(self, failure: ModelError) -> None:
        """Fail all calls that wait; only the first reason counts."""
        if self.failure is None:
            self.failure = failure
            for answer in self.awaited.values():
                if not answer.done():
                    answer.set_exception(failure)


def _build_closed_error() -> ModelError:
    return ModelError("the embedded model has been closed", transient=False)


def _build_ended_error(why: str) -> ModelError:
    return ModelError(
        f"the embedded model's process has ended ({why})",
        "is there enough memory? it takes some 100 MB",
        transient=True,
    )


def _limit_processes() -> int:
    """Return the most processes to start: one a core, and MOST at most."""
    return min(MOST, count_cores())
