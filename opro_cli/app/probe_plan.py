"""The plan of a probe before a search: whether one is due, what it asks, at what cost at most."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app.asked import compute_digest, digest
from opro_cli.app.ledger import find_next_use
from opro_cli.app.probed import FOLDER
from opro_cli.core.labels import find_closed_set, get_kind
from opro_cli.core.settings.models import is_computed_here
from opro_cli.core.settings.search import ASKING_NONE, PRUNE
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.task.example import Example, Split, list_groups
from opro_cli.datasets.loading import LoadedData
from opro_cli.loop.probe import ProbeShape, choose_shape
from opro_cli.models.prices import list_prices
from opro_cli.reports.costs import estimate_costs
from opro_cli.reports.finding import Headroom, build_unasked
from opro_cli.reports.headroom import Decider, find_power
from opro_cli.strategies.headroom import Kind, build_kinds

MOST_CALLS = 150
SHARE = 0.05
"""Of each ceiling of the budget, what a probe may take."""
DUE_CALLS, DUE_USD = 1000, 5.0
"""Expected calls and dollars of a search above which `opro optimize` probes first."""
MOST_STARTS = 2
"""Start prompts that a probe asks, the first ones."""
LEAST_TRAIN = 5
"""Train rows without which no probe is made."""


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """A probe to be, or one that is there already.

    Attributes:
        folder: Of its run.
        settings: Of its run: those of the search, but for what the probe changes.
        examples: The rows of train that it asks, and the one that it shows.
        shape: How much it asks.
        kinds: The prompts that it tries.
        data: Of the search.
        part_folder: Where parts from outside opro are looked for first.
        decider: What the splits of the search can prove.
    """

    folder: Path
    settings: Settings
    examples: Mapping[Split, Sequence[Example]]
    shape: ProbeShape
    kinds: Sequence[Kind]
    data: LoadedData
    part_folder: str | None
    decider: Decider


def refuse_probe(settings: Settings) -> str:
    """Return why no probe can say anything about a search; "" where one can."""
    if settings.task.problem is not None:
        return "it searches for solutions, whose values cost nothing"
    if settings.task.evaluator != "model":
        return f"what task.evaluator {settings.task.evaluator} asks is not known beforehand"
    if not settings.search.steps:
        return "it has no steps (search.steps: 0)"
    if settings.search.strategy == PRUNE:
        return "search.strategy prune drops parts of the start prompt, and writes none of the kinds"
    if any(settings.search.initial_forms or ()):
        return "its start prompts have forms (search.initial_forms), which its kinds have not"
    return ""


def is_due(settings: Settings, data: LoadedData, folders: Sequence[Path]) -> bool:
    """Return whether a search is large enough to be probed first without being asked.

    Not where the scorer is computed by opro itself, at no cost and in seconds; nor for the paper's
    rules, which have their own course, nor for prompts that no optimizer writes.
    """
    search = settings.search
    if refuse_probe(settings) or search.rules == "paper" or search.strategy in ASKING_NONE:
        return False
    if is_computed_here(settings.scorer.model):
        return False
    expected = _estimate(settings, data, folders)
    return expected["calls"] > DUE_CALLS or (expected["usd"] or 0.0) > DUE_USD


def _estimate(settings: Settings, data: LoadedData, folders: Sequence[Path]) -> dict[str, Any]:
    strategy = wiring.build_strategy(settings, folders)
    costs = estimate_costs(settings, data.examples, strategy, list_prices(settings))
    expected: dict[str, Any] = costs["total"]["expected"]
    return expected


def plan_run(
    settings: Settings,
    data: LoadedData,
    folders: Sequence[Path],
    runs_dir: Path,
    *,
    fresh: bool = False,
    ledger: Path | None = None,
) -> ProbePlan | None:
    """Return the probe of a search; None where a share of the budget is too small for any.

    Args:
        settings: Of the search.
        data: Its examples.
        folders: Where parts from outside opro are looked for first.
        runs_dir: Where runs are kept.
        fresh: In a folder of its own, whatever earlier probes there are.
        ledger: The file that records the use of test rows; None for the user's own.
    """
    search, train = settings.search, list(data.examples["train"])
    starts = search.initial_instructions[:MOST_STARTS]
    budget = share_budget(settings.budget)
    calls = _count_affordable(settings, data, folders, budget)
    shape = choose_shape(calls, len(train) - 1, len(starts), count_calls_a_question(settings))
    if shape is None:
        return None
    closed = find_closed_set(get_kind(settings.task.answer), data.examples)
    labels = closed.labels if closed else ()
    kinds = build_kinds(
        settings.task, starts[0], labels, shape.rows, wordings=shape.kinds, others=shape.aside
    )
    asked = digest_asked(settings, data, folders)
    plan = [kind.id for kind in kinds], str(shape), starts, repr(settings.optimizer), search.options
    name = f"{_label(settings.name)}-{asked}-{digest(plan)[:6]}"
    if fresh:
        name = f"{_label(settings.name)}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-fresh"
    examples: dict[Split, Sequence[Example]] = {
        "train": train[: shape.rows + 1],
        "dev": (),
        "test": (),
    }
    beside = str(folders[0]) if folders else None
    folder = runs_dir / FOLDER / name
    decider = find_decider(settings, data, ledger)
    probed = _adapt_settings(settings, starts, shape, budget)
    return ProbePlan(folder, probed, examples, shape, kinds, data, beside, decider)


def _adapt_settings(
    settings: Settings, starts: tuple[str, ...], shape: ProbeShape, budget: BudgetSettings
) -> Settings:
    """Return the settings of a probe: those of the search, of one step and with no extras."""
    search = replace(
        settings.search,
        initial_instructions=starts,
        initial_forms=None,
        steps=1,
        candidates_per_step=max(1, shape.proposals),
        ask_again=0,
        baselines=(),
        noise_check=False,
        eval_interval=None,
        max_instruction_chars=settings.search.longest_allowed + 500,
    )
    return replace(settings, name=FOLDER, search=search, budget=budget)


def count_calls_a_question(settings: Settings) -> int:
    """Count the scorer's calls for one question under one prompt."""
    return (2 if settings.task.second_round else 1) * settings.scorer.repeats


def find_decider(settings: Settings, data: LoadedData, ledger: Path | None) -> Decider:
    """Return what the splits of a search can prove, after earlier verdicts on its test rows."""
    use = find_next_use(data.examples, settings.task.data.input, ledger)
    groups = list_groups(data.examples)
    return Decider(groups, use.threshold) if use else Decider(groups)


def digest_asked(settings: Settings, data: LoadedData, folders: Sequence[Path]) -> str:
    """Return a short name for what is asked on train, of whom and how, under any prompt."""
    rows: dict[Split, Sequence[Example]]
    rows = {"train": data.examples["train"], "dev": (), "test": ()}
    seed = settings.search.seed
    return digest([compute_digest(settings, rows, folders), seed])


def _label(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:60] or "run"


def share_budget(budget: BudgetSettings) -> BudgetSettings:
    """Return the ceilings of a probe: 5 % of those of the search, and MOST_CALLS."""
    calls = MOST_CALLS if budget.calls is None else min(MOST_CALLS, int(SHARE * budget.calls))
    return BudgetSettings(
        usd=None if budget.usd is None else SHARE * budget.usd,
        calls=max(1, calls),
        tokens=None if budget.tokens is None else max(1, int(SHARE * budget.tokens)),
        minutes=None if budget.minutes is None else SHARE * budget.minutes,
    )


def _count_affordable(
    settings: Settings, data: LoadedData, folders: Sequence[Path], budget: BudgetSettings
) -> int:
    """Count the calls that a probe can make under all of its ceilings, as far as is foreseen."""
    calls = float(budget.calls or MOST_CALLS)
    if budget.usd is None and budget.tokens is None:
        return int(calls)
    expected = _estimate(settings, data, folders)
    tokens = (expected["prompt_tokens"] + expected["completion_tokens"]) / expected["calls"]
    if budget.tokens is not None and tokens:
        calls = min(calls, budget.tokens / tokens)
    if budget.usd is not None and expected["usd"]:
        calls = min(calls, budget.usd / (expected["usd"] / expected["calls"]))
    return int(calls)


def explain_too_small(settings: Settings, data: LoadedData, decider: Decider) -> Headroom:
    """Return the finding of a probe that cannot be made."""
    sizes = {split: len(rows) for split, rows in data.examples.items()}
    calls, of_each = settings.budget.calls, count_calls_a_question(settings)
    if sizes["train"] < LEAST_TRAIN:
        reason = f"{sizes['train']} train rows are too few for a probe"
    else:
        share = share_budget(settings.budget)
        reason = f"5 % of the budget{f' ({calls} calls)' if calls else ''} is too little"
        if share.calls == MOST_CALLS and share.usd is share.tokens is None:
            reason = f"{MOST_CALLS} calls are too few"
        reason += " for a probe"
        reason += f" that asks each question in {of_each} calls" if of_each > 1 else ""
    return build_unasked(reason, find_power(sizes, decider))
