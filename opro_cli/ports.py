"""The seams of `opro`: what the engine needs from the world, as Protocols.

Each has a contract suite under `tests/contracts/` that runs against every implementation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Literal, Protocol, TypeVar

from opro_cli.core.draws import Random
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, Role, RunHeader
from opro_cli.core.run.spend import Cost
from opro_cli.core.run.state import RunState
from opro_cli.core.run.uses import DrawnUse
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.task.example import (
    ChatReply,
    ChatRequest,
    Evaluation,
    Example,
    Grade,
    Message,
    Replied,
)
from opro_cli.core.task.problem import Instance, Reference
from opro_cli.core.task.prompt import Content
from opro_cli.errors import UsageError

T = TypeVar("T")


class ChatModel(Protocol):
    """A model that answers one request at a time, many at once."""

    @property
    def name(self) -> str:
        """The model as the config names it, "ollama_chat/mistral"."""

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request.

        Raises ModelError and nothing else; never retries by itself.
        Safe to call many times concurrently on one event loop.
        """

    async def aclose(self) -> None:
        """Give back connections and threads; calling it twice is fine."""


class AnswerCache(Protocol):
    """Answers that one model gave before, in this run or any other. It never raises.

    A cache that fails finds nothing from then on: that costs calls, and never the run.
    """

    @property
    def trouble(self) -> str:
        """The reason why it finds and keeps nothing, a sentence for people; "" for none."""

    def key(self, request: ChatRequest) -> bytes:
        """Return the key that equal requests share; at temperature 0 it leaves out the seed."""

    def get(self, key: bytes) -> ChatReply | None:
        """Return the answer to an equal request, at no cost (`ChatReply.set_free`); None for none.

        An answer that was put is found at once.
        """

    def put(self, key: bytes, reply: ChatReply) -> None:
        """Keep an answer; of several to equal requests the first one stays."""

    def close(self) -> None:
        """Write what was put; calling it twice is fine."""


class SharedLimits(Protocol):
    """Limits over the calls of several processes: one budget, and each provider's own limits."""

    async def enter(self, address: str, cost: Cost) -> int:
        """Wait until a call may go; return a permit, to be given back once.

        Safe to call many times concurrently.

        Args:
            address: Of a `ModelSettings`.
            cost: The most that the call may take.

        Raises:
            BudgetReached: It does not fit under the budget any more.
        """

    def record_answer(self, permit: int, tokens: int | None, pico_usd: int | None) -> None:
        """Count the usage of an answered call, also where that is more than its cost said.

        For an amount that was not reported, None, its upper bound is counted. Dollars are in whole
        1e-12.
        """

    def record_failure(self, permit: int, wait: float | None, *, congested: bool) -> None:
        """Count nothing: the call failed and cost nothing.

        Args:
            permit: Of the call.
            wait: Seconds that the provider asks for, if it does.
            congested: It met a limit of the provider's.
        """

    def record_loss(self, permit: int) -> None:
        """Count a call of unknown end at its upper bound.

        Its process died, or it timed out here while the provider may bill it.
        """

    async def aclose(self) -> None:
        """Send the reports that are due, and close the connection."""


class Metric(Protocol):
    """The reading and grading of the replies of one kind of task. Pure."""

    def target(self, raw: str) -> str:
        """Return the gold answer in the form this metric compares, "… #### 72" -> "72".

        Raises ValueError saying what was expected when `raw` is no such answer.
        """

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Read the answer in `reply` and compare it with `example.target`; never raises.

        `prompt` is the text that the scorer was asked, with the instruction in its position. A
        metric whose `grade` also takes the keyword `cut` is told whether the reply ended at its
        limit, in the middle of something perhaps.
        """


class Grader(Protocol):
    """A metric at work on the replies of a run, in this process or in others.

    Close it from the event loop that it graded on.
    """

    @property
    def is_immediate(self) -> bool:
        """A grade takes no time, so that its reply needs no record before it."""

    async def grade(
        self, reply: str, example: Example, prompt: str = "", *, cut: bool = False
    ) -> Grade:
        """Grade one reply as `Metric.grade` does; `cut` if it ended at its limit.

        Raises UsageError when a metric of the user's fails or takes too long. Safe to call many
        times concurrently; a call that is cancelled leaves nothing at work.
        """

    async def aclose(self) -> None:
        """End what is at work; calling it twice is fine."""


Need = Literal["replies", "failures", "demos"]
"""A reason to keep the scorer's replies to train questions for a strategy, or to read them back
from the journal: it reads them, sees them with failures, or shows them as demonstrations."""


class Strategy(Protocol):
    """A search policy: makes proposals, reads candidates in replies, rejects some unscored.

    Pure: it draws from `view.rng` only, so that a resume proposes the same again.

    Attributes:
        name: As the config names it.
        Options: A frozen dataclass with a default for each key of `search.options`, which
            `view.options` is then an instance of; None for a strategy that gets them as they are.
        needs: What must be kept for it.
        halves: It shows 0.5 ** `view.times_shortened` of what it would, where a request was too
            long for the optimizer; else exemplars and past prompts are left out for it.
        keeps_placeholders: A candidate that loses or adds a placeholder of the application is not
            scored, as `search.keep_placeholders` says; else that key means nothing to it.
    """

    name: str
    Options: type[Any] | None = None
    needs: frozenset[Need] = frozenset()
    halves: bool = False
    keeps_placeholders: bool = True

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        """Return the proposals of a step, in the order of its samples, or end the search.

        A step without proposals is fine.

        Called when the step begins, and again by a resume in the middle of it.
        """

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:
        """Return the candidates in one reply, in order; a string is an instruction.

        It never raises. A strategy whose `read` also takes the keyword `cut` is told whether the
        reply ended at its limit.
        """

    def reject(self, candidate: Content, view: SearchView) -> str:  # noqa: ARG002 - a default
        """Return why a candidate is not scored, as people will read it; "" to score it."""
        return ""


def is_built_in(strategy: Strategy) -> bool:
    """Return True for a strategy of opro's own, whose exceptions are defects of opro."""
    asked = getattr(strategy, "inner", strategy)  # of the strategies/headroom
    return type(asked).__module__.startswith("opro_cli.")


class MeteredCall(Protocol):
    """The calls that an evaluator makes for one example under one candidate.

    Each reply is in the journal before the next call is made, under the key of its call; a resume
    is given it and pays nothing.
    """

    async def __call__(
        self,
        role: Role,
        messages: tuple[Message, ...],
        key: str | int = 1,
        *,
        max_tokens: int | None = None,
        repeat: int = 1,
    ) -> Replied:
        """Ask a model. An exception ends the evaluation; the evaluator lets it pass.

        Where the run ends with it (a budget, Ctrl-C), nothing comes of the evaluation either way.

        Args:
            role: The model.
            messages: The chat.
            key: A name for the call, of its own within the evaluation; a number is reserved for
                the rounds of the built-in evaluator.
            max_tokens: A lower limit than the model's own.
            repeat: Counts equal calls from 1: no cache answers one of them with another's reply.
        """

    async def unless_stopped(self, work: Awaitable[T]) -> T:
        """Await work that takes time, with no call in flight; give up when a stop is asked for."""


class Evaluator(Protocol):
    """A way to score a candidate, one example at a time.

    Attributes:
        name: As messages name it.
        roles: The models that it asks, each metered like all; none is fine.
        scale: Whether higher values are better, and whether they are shares.
        splits: Whether there are train, dev and test examples, and so a verdict.
    """

    name: str
    roles: Sequence[Role] = ()
    scale: Scale = SHARE
    splits: bool = True

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        """Return the value of a candidate on one example.

        Raises UsageError when the user's own code fails; exceptions of `call` pass through.
        """


class Problem(Protocol):
    """A problem whose solutions are texts, with values that need no model. Pure.

    A class that inherits from it has defaults for all but `describe`, `start` and `value`.

    Attributes:
        name: As the config names it.
        Options: A frozen dataclass with a default for each key of `task` beside `problem`, which
            `draw` is then given an instance of; None for a problem that gets them as they are.
        minimise: Lower values are better.
    """

    name: str
    Options: type[Any] | None = None
    minimise: bool = True

    def draw(self, options: Any) -> Instance:
        """Return an instance: JSON data, the same for equal options.

        Raises:
            ValueError: The options do not fit together; says what was expected.
        """
        return dict(options)

    def describe(self, instance: Instance) -> str:
        """Return the problem as the optimizer reads it: its data, and what a solution is."""

    def start(self, instance: Instance) -> Sequence[str]:
        """Return the solutions that the search starts from, at least one."""

    def value(self, solution: str, instance: Instance) -> float:
        """Return the value of a solution that `check` finds nothing wrong with."""

    def check(self, solution: str, instance: Instance) -> str:  # noqa: ARG002 - a default
        """Return why a text is no solution, as people will read it; "" for a solution."""
        return ""

    def read(self, reply: str, instance: Instance) -> str:  # noqa: ARG002 - a default
        """Return the solution in a reply in the one form that equal solutions share; "" for none.

        By default the text in the last complete <solution> tag.
        """
        _, opening, rest = reply.rpartition("<solution>")
        return rest.partition("</solution>")[0].strip() if opening and "</solution>" in rest else ""

    def references(self, instance: Instance) -> Sequence[Reference]:  # noqa: ARG002 - a default
        """Return known solutions, the optimum among them where it can be found."""
        return ()

    def draw_solution(self, instance: Instance, rng: Random) -> str:  # noqa: ARG002 - a default
        """Return a solution drawn blindly, for control/random.

        Raises:
            UsageError: The problem has no such method.
        """
        raise UsageError(f"task.problem {self.name} has no method draw_solution")

    def improve(self, solution: str, instance: Instance, rng: Random) -> str:  # noqa: ARG002
        """Return a solution near another, better if there is one, for control/local-search.

        Raises:
            UsageError: The problem has no such method.
        """
        raise UsageError(f"task.problem {self.name} has no method improve")


class TestLedger(Protocol):
    """The record of which sets of test rows verdicts have used. It never raises.

    One that cannot be read gives a use the level of a first one; one that cannot be written counts
    the uses that it has and records no more. Both say why.
    """

    def draw(self, start: Candidate, winner: Candidate, rows: Sequence[str]) -> DrawnUse:
        """Record a run's use of its test rows, and return its level; the same again for a resume.

        May wait for other processes.

        Args:
            start: The start prompt.
            winner: The prompt that a verdict will compare with it.
            rows: What the test rows are known by, in order (core/task/content).
        """

    def close(self, use: str, outcome: str, answers: str, *, repeats: bool) -> str:
        """Record what came of a use; return why it could not be recorded, "" where it was.

        Args:
            use: Its id.
            outcome: As in `Use`.
            answers: As in `Use`.
            repeats: As in `Use`.
        """


class Journal(Protocol):
    """The append-only record of a run."""

    def append(self, *events: Event) -> None:
        """Hand events to the operating system, all or none: they survive `kill -9` from here on."""

    def sync(self) -> None:
        """Force everything appended to the disk: it survives power loss from here on."""


class Observer(Protocol):
    """A spectator of a run: the live view, the plain log."""

    def begin(self, briefing: RunHeader, state: RunState, activity: Progress) -> None:
        """Begin to watch, before the first call; `state` and `activity` change from then on."""

    def after(self, event: Event, state: RunState) -> None:
        """Show an event that was recorded and applied. Must not block and must not raise."""

    def stopping(self) -> None:
        """Show that a clean stop was asked for; calls in flight are waited for."""

    def end(self) -> None:
        """Stop watching: the session is over, in whatever way."""
