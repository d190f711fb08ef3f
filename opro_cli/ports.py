"""The seams of `opro`: what the engine needs from the world, as Protocols.

Each has a contract suite under `tests/contracts/` that runs against every implementation.
"""

from __future__ import annotations

from typing import Protocol

from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Activity, RunHeader
from opro_cli.core.run.spend import Cost
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Grade, Message
from opro_cli.core.task.prompt import MetaPromptMaterial


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


class AnswerCache(Protocol):
    """Answers that one model gave before, in this run or any other. Free, and never raises.

    A cache that fails finds nothing from then on: that costs calls, and never the run.
    """

    @property
    def trouble(self) -> str:
        """Why it finds and keeps nothing, a sentence for people; "" while all is well."""
        ...

    def key(self, request: ChatRequest) -> bytes:
        """What equal requests to this model have in common; at temperature 0 not their seed."""
        ...

    def get(self, key: bytes) -> ChatReply | None:
        """The answer to an equal request, of no tokens and no price; None where there is none.

        What was put is found at once.
        """
        ...

    def put(self, key: bytes, reply: ChatReply) -> None:
        """Keep an answer; of several to equal requests the first one stays."""
        ...

    def close(self) -> None:
        """Write what was put; calling it twice is fine."""
        ...


class SharedLimits(Protocol):
    """Limits over the calls of several processes: one budget, and each provider's own limits."""

    async def enter(self, address: str, cost: Cost) -> int:
        """Wait until a call may go that costs so much at most; a permit, to be given back once.

        address: of a `ModelSettings`. Raises BudgetReached when it does not fit under the budget
        any more. Safe to call many times concurrently.
        """
        ...

    def answered(self, permit: int, tokens: int | None, pico_usd: int | None) -> None:
        """Count what the call took, also where that is more than its cost said.

        None where nobody counted: then its upper bound is counted. Dollars are in whole 1e-12.
        """
        ...

    def failed(self, permit: int, wait: float | None, *, congested: bool) -> None:
        """The call came to nothing and cost nothing.

        congested: it met a limit of the provider's. wait: the seconds that it asks for, if it does.
        """
        ...

    def lost(self, permit: int) -> None:
        """Count the call at its upper bound: nobody knows what became of it.

        Its process died, or it timed out here while the provider may bill it. It says nothing
        about the provider's limits.
        """
        ...

    async def aclose(self) -> None:
        """Say what is still to be said, and hang up."""
        ...


class Metric(Protocol):
    """How replies of one kind of task are read and graded. Pure."""

    def target(self, raw: str) -> str:
        """The gold answer in the form this metric compares, "… #### 72" -> "72".

        Raises ValueError saying what was expected when `raw` is no such answer.
        """
        ...

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Read the answer in `reply` and compare it with `example.target`; never raises.

        prompt: the text that the scorer was asked with, the instruction in its place.
        """
        ...


class Grader(Protocol):
    """A metric at work on the replies of a run, in this process or in others.

    Close it from the event loop that it graded on.
    """

    @property
    def is_immediate(self) -> bool:
        """Whether a grade takes no time, so that its reply needs no record before it."""
        ...

    async def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Grade one reply as `Metric.grade` does.

        Raises UsageError when a metric of the user's fails or takes too long. Safe to call many
        times concurrently; a call that is cancelled leaves nothing at work.
        """
        ...

    async def aclose(self) -> None:
        """End what is at work; calling it twice is fine."""
        ...


class Strategy(Protocol):
    """How candidates are asked for and read. Pure."""

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """The request to the optimizer."""
        ...

    def read(self, reply: str) -> tuple[str, ...]:
        """The instructions in one reply, in order; empty when there is none. Never raises."""
        ...


class Journal(Protocol):
    """The append-only record of a run."""

    def append(self, *events: Event) -> None:
        """Hand events to the operating system, all or none: they survive `kill -9` from here on."""
        ...

    def sync(self) -> None:
        """Force everything appended to the disk: it survives power loss from here on."""
        ...


class Observer(Protocol):
    """Somebody who watches a run: the live view, the plain log."""

    def begin(self, briefing: RunHeader, state: RunState, activity: Activity) -> None:
        """Before the first call; `state` and `activity` go on changing afterwards."""
        ...

    def after(self, event: Event, state: RunState) -> None:
        """After an event was written and believed. Must not block and must not raise."""
        ...

    def stopping(self) -> None:
        """A clean stop was asked for; calls in flight are waited for."""
        ...

    def end(self) -> None:
        """The session is over, in whatever way."""
        ...
