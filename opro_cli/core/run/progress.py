"""The progress of a process at work, beside the state of its run: shown, never saved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from opro_cli.core.run.selection import select_for_dev
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.task.example import Example, Split
from opro_cli.core.task.problem import RecordedProblem

Role = str
"""The part of a model in a run: "scorer", "optimizer", or a name that an evaluator knows."""
ROLES: tuple[Role, ...] = ("optimizer", "scorer")


@dataclass(frozen=True, slots=True)
class RunHeader:
    """The facts that are shown before the first call.

    Attributes:
        run: The name of the run's folder.
        folder: Its path as shown.
        optimizer: Its model; "" for a run that asks none.
        answer: The metric's name.
        notes: Sentences about the data (rows left out, split sizes chosen).
        resumed: Answers that are already in the journal, 0 for a fresh run.
        problem: That solutions are searched for, None where prompts are.
        limits: The max_tokens of each role.
        examples: The questions by split, in the order of the journal.
        budget: The ceilings of the run.
        asked: The split that the test questions are from: an evaluation may ask those of another.
    """

    run: str
    folder: str
    scorer: str
    optimizer: str
    answer: str
    sizes: dict[Split, int]
    notes: tuple[str, ...] = ()
    resumed: int = 0
    problem: RecordedProblem | None = None
    limits: Mapping[str, int | None] = field(default_factory=dict)
    examples: Mapping[Split, Sequence[Example]] = field(default_factory=dict)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    asked: Split = "test"

    def name_split(self, split: str) -> str:
        """Return a split, or a phase of the run, by the name that people know it by."""
        return self.asked if split == "test" else split


@dataclass(slots=True)
class Progress:
    """The engine's work right now; the engine writes, the views read.

    Attributes:
        started: When the session began, in seconds of the clock that the views have.
        worked: Seconds of the sessions before, which the calls of the run are of as well.
        in_flight: Calls sent and not answered, by role; {} if they are unknown.
        waiting: Why calls are held back ("rate limit"), empty when they are not.
        waiting_until: When the longest of these waits ends, on the same clock.
        session_calls: Calls answered in this session.
        stopping: A clean stop was asked for.
        out: Endpoints that get no calls now, and why, in the words of others.
        note: What the first answers of the run are like, for people; "" for nothing.
        loading: Tells which model is being loaded, "" for none.
    """

    started: float = 0.0
    in_flight: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(ROLES, 0))
    waiting: str = ""
    waiting_until: float = 0.0
    session_calls: int = 0
    worked: float = 0.0
    stopping: bool = False
    out: dict[str, str] = field(default_factory=dict)
    note: str = ""
    loading: Callable[[], str] = str


def estimate_calls(state: RunState) -> int:
    """Estimate the calls of a whole run, both models, from above.

    That is, as if every proposal were new, and asked for again as often as may be.
    """
    search, sizes = state.search, state.sizes
    if not sizes["train"]:
        return len(state.candidates) * sizes["test"] * state.calls_per_question
    open_steps = search.steps - state.step if state.is_searching else 0
    scored_on_train = len(state.candidates) + open_steps * search.candidates_per_step
    on_dev = len(search.initial_instructions) + search.finalists
    if search.eval_interval:
        on_dev += math.ceil(search.steps / search.eval_interval) * search.candidates_per_step
    on_test = 2 + len(state.baselines) + bool(search.noise_check)
    questions = (
        scored_on_train * sizes["train"]
        + min(scored_on_train, on_dev) * sizes["dev"]
        + on_test * sizes["test"]
    )
    tiny_call = 1 if search.steps else 0
    proposed = state.proposals.replies - len(state.proposals.arrived)
    proposed += open_steps * (search.candidates_per_step + search.ask_again)
    probed = sum(state.probed.values())
    most = proposed + questions * state.calls_per_question + tiny_call + probed
    if state.looks and state.most_calls is not None:  # a budget that does not buy all of it
        most = min(most, state.most_calls + count_spared_calls(state))
    return most


def count_endpoint_checks(settings: Settings) -> dict[Role, int]:
    """Count the tiny calls beyond that of `estimate_calls`: one for each endpoint of several."""
    scorer, optimizer = (len(m.deployments) for m in (settings.scorer, settings.optimizer))
    return {
        "scorer": scorer if scorer > 1 else 0,
        "optimizer": optimizer - 1 if settings.search.steps else 0,
    }


def count_calls(state: RunState) -> int:
    """Count the calls answered so far, both models, all sessions."""
    return sum(spend.calls for spend in state.spend.values())


def count_spared_calls(state: RunState) -> int:
    """Count the replies that the answer cache gave in place of a call, over all sessions."""
    return sum(spend.cached for spend in state.spend.values())


def describe_phase(state: RunState) -> str:
    """Describe the phase of a run: "initial", "step 3/20", "dev" or "test"."""
    on_test = any(c.answers["test"].by_question for c in state.candidates.values())
    if on_test or not state.sizes["train"]:
        return "test"
    initial = state.of_step(0)
    if not all(map(state.is_done, initial)):
        return "initial"
    here = state.of_step(state.step)
    here_is_done = all(map(state.is_done, here))
    if not all(state.is_scored(c, "dev") for c in select_for_dev(state)) and state.sizes["dev"]:
        return f"step {state.step}/{state.search.steps}"
    last = not state.is_searching
    if last and here_is_done and any(c.answers["dev"].by_question for c in [*initial, *here]):
        return "dev"
    return f"step {state.step + (here_is_done and not last)}/{state.search.steps}"
