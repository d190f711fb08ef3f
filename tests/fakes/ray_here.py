"""The part of Ray that `RayEngine` uses, in this process: actors on nodes that can be lost.

Whatever goes to an actor or comes from it is pickled, as Ray does it.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    pass


class ActorDiedError(RayError):
    pass


class ActorUnavailableError(RayError):
    pass


class Actor:
    """A handle; a method is called as `actor.method.remote(...)`."""

    def __init__(self, ray: RayHere, cls: type) -> None:
        self._ray, self._cls = ray, cls
        self._instance: Any = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._dead = asyncio.get_running_loop().create_future()

    def __getattr__(self, method: str) -> Any:
        def remote(*arguments: Any) -> asyncio.Future[Any]:
            task = asyncio.ensure_future(self._call(method, pickle.dumps(arguments)))
            self._tasks.add(task)
            task.add_done_callback(self._forget)
            return task

        return SimpleNamespace(remote=remote)

    def die(self, error: RayError | None = None) -> None:
        """Lose it, with what its process started."""
        if not self._dead.done():
            self._dead.set_exception(error or ActorDiedError("the actor died\nits node was lost"))
            self._dead.exception()
            if self._instance is None:
                return
            self._ray.free.release()
            if hasattr(self._instance, "_child"):
                self._instance._child.kill()

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Ray does not care whether anybody asks for it

    async def _call(self, method: str, arguments: bytes) -> Any:
        work = asyncio.ensure_future(self._work(method, arguments))
        await asyncio.wait([work, self._dead], return_when=asyncio.FIRST_COMPLETED)
        if self._dead.done():
            work.cancel()
            return self._dead.result()
        return pickle.loads(pickle.dumps(work.result()))

    async def _work(self, method: str, arguments: bytes) -> Any:
        if self._instance is None:
            await self._ray.free.acquire()
            self._instance = self._cls()
        self._ray.calls.append(method)
        return await getattr(self._instance, method)(*pickle.loads(arguments))


class RayHere:
    """In place of the module `ray`, with so many nodes, each for one actor.

    Attributes:
        actors: All that were made, in order.
        calls: The methods that ran, in order.
    """

    exceptions = SimpleNamespace(
        RayError=RayError,
        ActorDiedError=ActorDiedError,
        ActorUnavailableError=ActorUnavailableError,
    )

    def __init__(self, nodes: int) -> None:
        self.free = asyncio.Semaphore(nodes)
        self.actors: list[Actor] = []
        self.calls: list[str] = []

    def init(self, address: str, **options: Any) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def remote(self, **options: Any) -> Callable[[type], Any]:
        def of(cls: type) -> Any:
            def new() -> Actor:
                self.actors.append(Actor(self, cls))
                return self.actors[-1]

            return SimpleNamespace(remote=new)

        return of

    def kill(self, actor: Actor) -> None:
        actor.die()
