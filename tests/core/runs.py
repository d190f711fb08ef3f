"""States built by hand for tests: events with only what matters spelled out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Answered, Checked, FirstReply, Proposed
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import Split


def new_state(
    *initial: str,
    steps: int = 2,
    per_step: int = 2,
    train: int = 4,
    dev: int = 0,
    test: int = 0,
    rounds: int = 1,
    **search: Any,
) -> RunState:
    """A state before its first event; `search`: keys of that section, and `rows` of train."""
    rows: Sequence[int] = search.pop("rows", ())
    plain: dict[str, Any] = {
        "initial_instructions": initial or ("start",),
        "steps": steps,
        "candidates_per_step": per_step,
        "exemplars": 2,
    }
    sizes: dict[Split, int] = {"train": train, "dev": dev, "test": test}
    return RunState(SearchSettings(**{**plain, **search}), sizes, rows, rounds=rounds)


def answered(
    instruction: str,
    question: int,
    score: float | None = 1.0,
    split: Split = "train",
    at: float = 0.0,
    usd: float | None = 0.001,
    prompt: int | None = 10,
    completion: int | None = 2,
) -> Answered:
    return Answered(
        at=at,
        candidate=make_candidate_id(instruction),
        split=split,
        question=question,
        text="…",
        answer=None if score is None else "yes",
        score=score,
        finish_reason="stop",
        prompt_tokens=prompt,
        completion_tokens=completion,
        usd=usd,
        seconds=0.1,
    )


def reasoned(
    instruction: str, question: int, text: str = "9 + 9", split: Split = "train"
) -> FirstReply:
    return FirstReply(
        at=0.0,
        candidate=make_candidate_id(instruction),
        split=split,
        question=question,
        text=text,
        finish_reason="stop",
        prompt_tokens=30,
        completion_tokens=5,
        usd=0.01,
        seconds=0.1,
    )


def checked(at: float = 0.0) -> Checked:
    return Checked(at, "optimizer", "Ready.", "stop", 9, 2, 0.001, 0.1)


def proposed(step: int, sample: int, *instructions: str, at: float = 0.0) -> Proposed:
    return Proposed(
        at=at,
        step=step,
        sample=sample,
        text="…",
        instructions=instructions,
        finish_reason="stop",
        prompt_tokens=100,
        completion_tokens=20,
        usd=0.01,
        seconds=0.5,
    )


def score_all(state: RunState, instruction: str, right: int, split: Split = "train") -> None:
    """Answer every question of a split, the first `right` of them rightly."""
    for question in range(state.sizes[split]):
        state.apply(answered(instruction, question, float(question < right), split))


def wrong_on(state: RunState, instruction: str, *rows: int) -> None:
    """Answer every train question, those of these rows wrongly."""
    for question, row in enumerate(state.train_rows):
        state.apply(answered(instruction, question, float(row not in rows)))
