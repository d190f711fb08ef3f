"""Runs made by hand, through `RunState.apply` as the engine does it."""

from __future__ import annotations

from collections.abc import Iterator

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Answered, Event, Proposed, Via
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import Split

START = "Let's solve the problem."


def new_run(
    *,
    train: int = 40,
    dev: int = 0,
    test: int = 0,
    steps: int = 20,
    per_step: int = 8,
    initial: tuple[str, ...] = (START,),
    eval_interval: int | None = None,
) -> RunState:
    """A run before its first call."""
    search = SearchSettings(
        initial_instructions=initial,
        steps=steps,
        candidates_per_step=per_step,
        eval_interval=eval_interval,
    )
    return RunState(search, {"train": train, "dev": dev, "test": test})


def briefing_of(state: RunState, run: str = "gsm8k-20261123-0101-ab12") -> RunHeader:
    """What such a run is introduced with."""
    return RunHeader(
        run=run,
        folder=f"runs/{run}",
        scorer="ollama_chat/mistral",
        optimizer="openai/gpt-4o-mini",
        answer="number",
        sizes=state.sizes,
    )


def idle() -> Progress:
    """An engine that started at 0 and does nothing."""
    return Progress()


def answers(
    candidate: Candidate,
    split: Split,
    right: int,
    wrong: int,
    unreadable: int = 0,
    *,
    at: float = 0.0,
    usd: float | None = 0.0,
    via: Via = "call",
) -> Iterator[Answered]:
    """Answers to the next questions of a split: first the right ones, then the others."""
    begin = len(candidate.answers[split].by_question)
    outcomes = [("72", 1.0)] * right + [("0", 0.0)] * wrong + [(None, None)] * unreadable
    for question, (answer, score) in enumerate(outcomes, start=begin):
        yield Answered(
            at=at,
            candidate=candidate.id,
            split=split,
            question=question,
            text="so it is 72",
            answer=answer,
            score=score,
            finish_reason="stop",
            prompt_tokens=0 if via == "cache" else 100,  # the cache knows of none
            completion_tokens=0 if via == "cache" else 20,
            usd=usd,
            seconds=0.5,
            via=via,
        )


def proposal(
    step: int, sample: int, *instructions: str, at: float = 0.0, usd: float | None = 0.0
) -> Proposed:
    """One reply of the optimizer from which `instructions` were read."""
    return Proposed(
        at=at,
        step=step,
        sample=sample,
        text="".join(f"<INS>{text}</INS>" for text in instructions),
        instructions=instructions,
        finish_reason="stop",
        prompt_tokens=900,
        completion_tokens=50,
        usd=usd,
        seconds=2.0,
    )


def apply_all(state: RunState, *events: Event) -> None:
    """Apply events in order."""
    for event in events:
        state.apply(event)


def named(state: RunState, instruction: str) -> Candidate:
    """The candidate with this instruction."""
    return next(c for c in state.candidates.values() if c.instruction == instruction)


def answer(
    state: RunState,
    instruction: str,
    split: Split,
    right: int,
    wrong: int,
    unreadable: int = 0,
    *,
    usd: float | None = 0.0,
) -> None:
    """Let a candidate answer the next questions of a split."""
    candidate = named(state, instruction)
    apply_all(state, *answers(candidate, split, right, wrong, unreadable, usd=usd))


def propose(state: RunState, *instructions: str) -> None:
    """All proposals of the next step, one instruction a sample."""
    step = state.step + 1
    apply_all(state, *(proposal(step, sample, text) for sample, text in enumerate(instructions)))
