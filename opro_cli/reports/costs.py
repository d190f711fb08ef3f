"""The cost of a run before it begins, and the forecast that `opro check` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli.core.run.progress import Role, endpoint_checks, expected_calls
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import Ask, RehearsedView
from opro_cli.core.settings.settings import ModelSettings, PriceSettings, Settings
from opro_cli.core.task.example import SPLITS, Example, Message, Split
from opro_cli.core.task.prompt import (
    PromptFormat,
    TrajectoryEntry,
    build_scorer_messages,
)
from opro_cli.ports import Strategy

ASSUMPTIONS = (
    "expected: three of four proposals are new, 4 bytes of prompt a token, replies take a quarter "
    "of max_tokens; at most: all proposals are new, 3 bytes a token, replies take max_tokens"
)
KINDS: Mapping[str, tuple[float, float]] = {"expected": (4.0, 0.25), "at_most": (3.0, 1.0)}
"""Bytes of prompt a token, and the share of max_tokens that a reply takes."""
NEW_SHARE = 0.75
TYPICAL_LENGTH = 80
"""Characters of an instruction that the optimizer typically proposes."""


def estimate_costs(
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    strategy: Strategy,
    prices: Mapping[Role, PriceSettings | None],
) -> dict[str, Any]:
    """By role and in all, expected and at most: calls, prompt and completion tokens, dollars.

    Dollars are None where a price is unknown.
    """
    state = RunState.at_start(settings.search, examples, settings.task)
    search = settings.search
    proposals = search.steps * search.candidates_per_step
    tiny_call = 1 if search.steps else 0
    asked = expected_calls(state) - proposals - tiny_call
    checks = endpoint_checks(settings)
    asked, tiny_call = asked + checks["scorer"], tiny_call + checks["optimizer"]
    once = len(search.initial_instructions) * len(examples["train"])
    lengths = (TYPICAL_LENGTH, search.max_instruction_chars)
    texts = [_measure_questions(settings, examples, length) for length in lengths]
    # A second round has the whole first reply in its prompt.
    replies = [
        bytes_a_token * share * settings.scorer.max_tokens / 2 if state.rounds == 2 else 0.0
        for bytes_a_token, share in KINDS.values()
    ]
    questions = [text + reply for text, reply in zip(texts, replies, strict=True)]
    meta_prompts = [
        _measure_meta_prompt(settings, examples, strategy, state, each) for each in lengths
    ]
    roles = {
        "scorer": _estimate_role(
            settings.scorer,
            prices.get("scorer"),
            ((once + NEW_SHARE * (asked - once)) * questions[0], asked * questions[1]),
            (round(once + NEW_SHARE * (asked - once)), asked),
        ),
        "optimizer": _estimate_role(
            settings.optimizer,
            prices.get("optimizer"),
            (proposals * meta_prompts[0], (proposals + tiny_call) * meta_prompts[1]),
            (proposals + tiny_call, proposals + tiny_call),
        ),
    }
    return {
        "name": settings.name,
        "roles": roles,
        "total": {kind: add_costs([row[kind] for row in roles.values()]) for kind in KINDS},
        "assumptions": ASSUMPTIONS,
    }


def measure_longest_prompts(
    settings: Settings, examples: Mapping[Split, Sequence[Example]], strategy: Strategy
) -> dict[Role, int]:
    """Tokens of the longest prompt that each model will read, about.

    The longest question under the longest instruction, with a first reply where there are two
    rounds, and a meta-prompt that is full of such instructions.
    """
    state = RunState.at_start(settings.search, examples, settings.task)
    form = PromptFormat(settings.task.instruction_position, settings.task.qa_markers)
    known = max(map(len, settings.search.initial_instructions))
    length = max(known, settings.search.max_instruction_chars)
    asked = max(
        _count_bytes(build_scorer_messages(example.input, "x" * length, form))
        for split in SPLITS
        for example in examples[split]
    )
    bytes_a_token, _ = KINDS["expected"]
    reply = settings.scorer.max_tokens if state.rounds == 2 else 0
    told = _measure_meta_prompt(settings, examples, strategy, state, length)
    return {
        "scorer": round(asked / bytes_a_token) + reply,
        "optimizer": round(told / bytes_a_token),
    }


def add_costs(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several such figures together, none of them nothing; unknown dollars stay unknown."""
    counted = ("calls", "prompt_tokens", "completion_tokens")
    dollars = [row["usd"] for row in rows]
    return {
        **{name: sum(row[name] for row in rows) for name in counted},
        "usd": None if None in dollars else sum(dollars),
    }


def _estimate_role(
    model: ModelSettings,
    price: PriceSettings | None,
    prompt_bytes: tuple[float, float],
    calls: tuple[int, int],
) -> dict[str, Any]:
    told: dict[str, Any] = {"model": model.model}
    for place, (kind, (bytes_a_token, share)) in enumerate(KINDS.items()):
        prompt = round(prompt_bytes[place] / bytes_a_token)
        completion = round(calls[place] * share * model.max_tokens)
        usd = None if price is None else (prompt * price.input + completion * price.output) / 1e6
        told[kind] = {
            "calls": calls[place],
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "usd": usd,
        }
    return told


def _measure_questions(
    settings: Settings, examples: Mapping[Split, Sequence[Example]], length: int
) -> float:
    """Bytes of a scorer's prompt, on average over all questions, without a first reply in it."""
    form = PromptFormat(settings.task.instruction_position, settings.task.qa_markers)
    instruction = "x" * length
    sizes = [
        _count_bytes(build_scorer_messages(example.input, instruction, form))
        for split in SPLITS
        for example in examples[split]
    ]
    return sum(sizes) / len(sizes)


def _measure_meta_prompt(
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    strategy: Strategy,
    state: RunState,
    length: int,
) -> float:
    """Bytes of a meta-prompt whose history is full of instructions of `length` characters."""
    search = settings.search
    proposals = search.steps * search.candidates_per_step + len(search.initial_instructions)
    shown = min(proposals, proposals if search.history is None else search.history)
    shown_on_average = shown if search.history is not None else shown / 2
    made_up = (TrajectoryEntry("x" * length, 0.5),) * round(shown_on_average)
    asks = _first_asks(settings, examples, strategy, state, made_up)
    return max((_count_bytes(ask.messages) for ask in asks), default=0.0)


def _first_asks(
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    strategy: Strategy,
    state: RunState,
    made_up: tuple[TrajectoryEntry, ...],
) -> list[Ask]:
    """Return what a strategy would ask in the first step, after a trajectory that is made up."""
    view = RehearsedView(
        state,
        examples["train"],
        PromptFormat(settings.task.instruction_position, settings.task.qa_markers),
        settings.task.description or "",
        settings.search.options,
        made_up=made_up,
    )
    return [proposal for proposal in strategy.propose(view, 1) if isinstance(proposal, Ask)]


def _count_bytes(messages: Sequence[Message]) -> float:
    return float(sum(len(m.content.encode("utf-8", "surrogatepass")) for m in messages))


def build_forecast(
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
    made_up = tuple(TrajectoryEntry(i, 0.0) for i in settings.search.initial_instructions)
    asks = _first_asks(settings, examples, strategy, state, made_up)
    meta_prompt = asks[0].messages if asks else ()
    asked = build_scorer_messages(examples["train"][0].input, first, form)
    return {
        "name": settings.name,
        "models": {"scorer": settings.scorer.model, "optimizer": settings.optimizer.model},
        "answer": settings.task.answer,
        "sizes": dict(state.sizes),
        "notes": list(notes),
        "steps": settings.search.steps,
        "calls_at_most": expected_calls(state) + sum(endpoint_checks(settings).values()),
        "missing_keys": list(missing_keys),
        "longest_prompts": measure_longest_prompts(settings, examples, strategy),
        "scorer_prompt": [{"role": m.role, "content": m.content} for m in asked],
        "gold_answer": examples["train"][0].target,
        "meta_prompt": [{"role": m.role, "content": m.content} for m in meta_prompt],
    }
