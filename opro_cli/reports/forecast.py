"""What a run would do, before it does anything: what `opro check` tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli.core.model import Example, Split
from opro_cli.core.prompts import (
    MetaPromptMaterial,
    PromptFormat,
    TrajectoryEntry,
    scorer_messages,
)
from opro_cli.core.selection import choose_exemplars
from opro_cli.core.session import endpoint_checks, expected_calls
from opro_cli.core.settings import Settings
from opro_cli.core.state import RunState
from opro_cli.ports import Strategy
from opro_cli.reports.costs import longest_prompts


def forecast(
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    notes: Sequence[str],
    strategy: Strategy,
    missing_keys: Sequence[str],
) -> dict[str, Any]:
    """Split sizes, models, calls at most, and the first prompt for each model as it would be sent.

    The meta-prompt shown has made-up scores (0), since nothing was scored yet.
    """
    state = RunState.at_start(settings.search, examples, settings.task)
    form = PromptFormat(settings.task.instruction_position, settings.task.qa_markers)
    first = settings.search.initial_instructions[0]
    material = MetaPromptMaterial(
        trajectory=tuple(TrajectoryEntry(i, 0.0) for i in settings.search.initial_instructions),
        exemplars=tuple(examples["train"][i] for i in choose_exemplars(state, ())),
        format=form,
        score_buckets=settings.search.score_buckets,
        description=settings.task.description or "",
    )
    asked = scorer_messages(examples["train"][0].input, first, form)
    return {
        "name": settings.name,
        "models": {"scorer": settings.scorer.model, "optimizer": settings.optimizer.model},
        "answer": settings.task.answer,
        "sizes": dict(state.sizes),
        "notes": list(notes),
        "steps": settings.search.steps,
        "calls_at_most": expected_calls(state) + sum(endpoint_checks(settings).values()),
        "missing_keys": list(missing_keys),
        "longest_prompts": longest_prompts(settings, examples, strategy),
        "scorer_prompt": [{"role": m.role, "content": m.content} for m in asked],
        "gold_answer": examples["train"][0].target,
        "meta_prompt": [
            {"role": m.role, "content": m.content} for m in strategy.meta_prompt(material)
        ],
    }
