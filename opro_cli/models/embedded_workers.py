"""The processes that compute for the embedded models; asked over pipes, see embedded/worker.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from opro_cli.embedded.prompts import Continuation, Prompt
from opro_cli.errors import ModelError
from opro_cli.processes import count_cores, start_module

MOST = 2
"""Processes: each takes some 70 MB, and a search rarely asks more at a time than two can use."""
BUSY = 8
"""Prompts that one process has before another one is started."""
LONGEST_WORDS = 200  # characters of what a process says when it dies
# Matrices this small gain little from BLAS's own threads, which wait for each other beside any
# other load.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}


class Workers:
    """Started as they are needed, from the event loop of whoever asks first; for any checkpoint.

    users: the models that share them.
    """

    def __init__(self) -> None:
        self.users: set[object] = set()
        self._workers: list[_Worker] = []
        self._closed = False

    async def decode(self, folder: Path, prompt: Prompt, stop: Sequence[str] = ()) -> Continuation:
        """What follows a prompt by the checkpoint in a folder, up to one of the texts `stop`.

        Raises ModelError when the model fails, or the processes have been ended.
        """
        if self._closed:
            raise build_closed_error()
        self._workers = [worker for worker in self._workers if worker.failure is None]
        least = min(self._workers, key=lambda worker: len(worker.awaited), default=None)
        if least is None or (
            len(least.awaited) >= BUSY and len(self._workers) < _limit_processes()
        ):
            least = _Worker()
            self._workers.append(least)
        return await least.decode(folder, prompt, stop)

    async def close(self) -> None:
        """End the processes; whoever still waits is told. Calling it twice is fine."""
        self._closed = True
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.close(build_closed_error()) for worker in workers))


class _Worker:
    """One process. awaited: by key. failure: why it answers nothing any more."""

    def __init__(self) -> None:
        self.awaited: dict[int, asyncio.Future[Continuation]] = {}
        self.failure: ModelError | None = None
        self._keys = count()
        self._started = asyncio.create_task(start_module("opro_cli.embedded.worker", ONE_THREAD))
        self._listening = asyncio.create_task(self._listen())

    async def decode(self, folder: Path, prompt: Prompt, stop: Sequence[str]) -> Continuation:
        answer: asyncio.Future[Continuation] = asyncio.get_running_loop().create_future()
        key = next(self._keys)
        self.awaited[key] = answer
        try:
            with contextlib.suppress(OSError):  # it did not start: `_listen` tells
                # One caller giving up must not take the process from the others.
                process = await asyncio.shield(self._started)
                assert process.stdin is not None
                how = prompt.ids, prompt.temperature, prompt.limit, prompt.seed
                asked = [[key, str(folder), stop, *how]]
                process.stdin.write(json.dumps(asked).encode() + b"\n")
            return await answer
        finally:
            del self.awaited[key]

    async def close(self, failure: ModelError) -> None:
        self._fail(failure)
        with contextlib.suppress(OSError):
            process = await self._started
            assert process.stdin is not None
            process.stdin.close()
            if process.returncode is None:
                process.kill()  # what it computes is of no use to anybody
            await self._listening

    async def _listen(self) -> None:
        try:
            process = await self._started
        except OSError as error:
            self._fail(_build_ended_error(str(error)))
            return
        assert process.stdout is not None
        assert process.stderr is not None
        async for line in process.stdout:
            if not line.endswith(b"\n"):
                break  # it was killed as it wrote
            told = json.loads(line)
            if isinstance(told, dict):
                self._fail(_build_weights_error(told["error"]))
                break
            for key, ids, finish_reason in told:
                answer = self.awaited.get(key)
                if answer is not None and not answer.done():  # else whoever asked has given up
                    answer.set_result(Continuation(tuple(ids), finish_reason))
        words = (await process.stderr.read()).decode("utf-8", "replace").split("\n")
        last = next((line for line in reversed(words) if line.strip()), "")
        code = await process.wait()
        self._fail(_build_ended_error(f"exit code {code}{last and ': '}{last[:LONGEST_WORDS]}"))

    def _fail(self, failure: ModelError) -> None:
        """Told once: the first reason is the one that counts."""
        if self.failure is None:
            self.failure = failure
            for answer in self.awaited.values():
                if not answer.done():
                    answer.set_exception(failure)


def build_closed_error() -> ModelError:
    """What whoever asks a closed model is told."""
    return ModelError("the embedded model has been closed", transient=False)


def _build_weights_error(why: str) -> ModelError:
    return ModelError(
        f"the weights of an embedded model cannot be read or used: {why}",
        "reinstall the package",
        transient=False,
    )


def _build_ended_error(why: str) -> ModelError:
    return ModelError(
        f"the embedded model's process has ended ({why})",
        "is there memory enough? it takes some 100 MB",
        transient=True,
    )


def _limit_processes() -> int:
    """As many as there are cores for, and not too many."""
    return min(MOST, count_cores())
