"""The probe before a search, which tells whether it is worth it; its answers count in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app.evaluate import compute_digest
from opro_cli.app.ledger import find_next_use
from opro_cli.app.optimize import describe_parts
from opro_cli.app.probed import FOLDER, choose_drafts, describe_probe, measure_spend
from opro_cli.app.session import hash_weights_of, list_part_folders, work_on
from opro_cli.app.start_runs import resolve_start
from opro_cli.app.startable import require_startable
from opro_cli.config.overrides import parse_override
from opro_cli.core.labels import find_closed_set, get_kind
from opro_cli.core.run.events import Probed
from opro_cli.core.run.progress import count_calls, count_spared_calls
from opro_cli.core.settings.models import is_computed_here
from opro_cli.core.settings.settings import ASKING_NONE, PRUNE, UNUSED, BudgetSettings, Settings
from opro_cli.core.task.example import Example, Split, fingerprint_examples, list_groups
from opro_cli.datasets.loading import LoadedData, settle_labels
from opro_cli.errors import Interrupted, OproError, RunExistsError, RunFolderError, UsageError
from opro_cli.loop.probe import ProbeShape, choose_shape, plan_probe
from opro_cli.models.accounts import list_prices
from opro_cli.ports import Observer
from opro_cli.reports.costs import estimate_costs
from opro_cli.reports.headroom import (
    Decider,
    Headroom,
    PromptKind,
    build_unasked,
    find_power,
    judge_headroom,
)
from opro_cli.store.folders import find_folders
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_folder import create_run, prepare_runs_dir, read_run
from opro_cli.strategies.headroom import HeadroomStrategy, Kind, build_kinds

MOST_CALLS = 150
SHARE = 0.05
"""Of each ceiling of the budget, what a probe may take."""
DUE_CALLS, DUE_USD = 1000, 5.0
"""Expected calls and dollars of a search above which `opro optimize` probes first."""
MOST_STARTS = 2
"""Start prompts that a probe asks, the first ones."""
_DIGITS = 12

Observers = Callable[[int], Sequence[Observer]]
"""Makes those that watch a probe of at most so many calls."""


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


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The finding of a probe, and its cost in this command.

    Attributes:
        folder: Of its run; None where it could ask nothing.
    """

    headroom: Headroom
    folder: Path | None = None
    spent: Sequence[Probed] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the part "headroom" of what `opro check --headroom --json` prints."""
        return {**self.headroom.to_json(), "folder": str(self.folder) if self.folder else None}


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
    probed = replace(
        settings,
        name=FOLDER,
        search=replace(
            search,
            initial_instructions=starts,
            initial_forms=None,
            steps=1,
            candidates_per_step=max(1, shape.proposals),
            ask_again=0,
            baselines=(),
            noise_check=False,
            eval_interval=None,
            max_instruction_chars=search.longest_allowed + 500,
        ),
        budget=budget,
    )
    asked = digest_asked(settings, data, folders)
    plan = [kind.id for kind in kinds], str(shape), starts, repr(settings.optimizer), search.options
    name = f"{_label(settings.name)}-{asked}-{_digest(plan)[:6]}"
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
    return ProbePlan(folder, probed, examples, shape, kinds, data, beside, decider)


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
    return _digest([compute_digest(settings, rows, folders), seed])[:_DIGITS]


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


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


def probe(plan: ProbePlan, observers: Observers, *, cached: bool = True) -> ProbeResult:
    """Ask what is missing of a probe, and judge.

    Another process that works on the same probe is waited for, and its answers are used.

    Args:
        plan: The probe.
        observers: See `Observers`.
        cached: Look up and keep answers for other runs, where the settings have it so.

    Raises:
        Interrupted: Ctrl-C; what was answered is kept, and the same command goes on.
        OproError: As for any run.
    """
    if not plan.folder.exists():
        _begin(plan)
    journal = FileJournal(plan.folder / "events.jsonl", when_held=_wait_quietly)
    try:
        before = read_run(plan.folder, own=True)
    except BaseException:
        journal.close()
        raise
    done = before.state.ended is not None and before.state.ended.reason in ("finished", "budget")
    if done:
        journal.close()
        return ProbeResult(_judge(plan, before.state), plan.folder)
    earlier = deepcopy(before.state)
    aside = frozenset(kind.id for kind in plan.kinds if not kind.wording)
    inner = wiring.build_strategy(plan.settings, _list_folders(plan))
    strategy = HeadroomStrategy(plan.kinds, inner, plan.shape.proposals)
    outcome = work_on(
        plan.folder,
        plan.settings,
        observers(plan.settings.budget.calls or MOST_CALLS),
        keep_going=True,
        cached=cached,
        journal=journal,
        supplied=wiring.Supplied(strategy=strategy),
        plan=partial(plan_probe, shape=plan.shape, aside=aside),
    )
    if outcome.ending == "interrupted":
        raise Interrupted("stopped; nothing is lost: the same command continues the probe")
    spent = measure_spend(earlier, outcome.run.state, plan.folder.name)
    return ProbeResult(_judge(plan, outcome.run.state), plan.folder, spent)


def _wait_quietly(_: RunFolderError) -> None:
    """Wait for the process that has the probe."""


def _list_folders(plan: ProbePlan) -> tuple[Path, ...]:
    return list_part_folders({"part_folder": plan.part_folder})


def _begin(plan: ProbePlan) -> None:
    """Make the run of a probe, unless another process has just made it."""
    folders = _list_folders(plan)
    identity: dict[str, object] = {
        "config_source": None,
        "probe": True,
        "data_fingerprint": fingerprint_examples(plan.examples),
        "data_notes": [],
        "weights": hash_weights_of(plan.settings),
        "part_folder": plan.part_folder,
        **describe_parts(plan.settings, folders),
    }
    prepare_runs_dir(plan.folder.parent.parent)
    with suppress(RunExistsError):
        create_run(plan.folder.parent, plan.settings, plan.examples, identity, plan.folder.name)


def _judge(plan: ProbePlan, state: Any) -> Headroom:
    task = plan.settings.task
    kinds = {kind.id: PromptKind(kind.name, kind.groups, kind.wording) for kind in plan.kinds}
    examples = plan.data.examples
    return judge_headroom(
        state,
        plan.shape.rows,
        {split: len(rows) for split, rows in examples.items()},
        kinds,
        labels=find_closed_set(get_kind(task.answer), examples),
        calls=count_calls(state) + count_spared_calls(state),
        decider=plan.decider,
    )


def probe_config(
    config: Path,
    runs_dir: Path,
    overrides: Sequence[str],
    observers: Observers,
    ledger: Path | None = None,
) -> ProbeResult:
    """Probe the search of a config.

    Args:
        config: The file, or STDIN.
        runs_dir: Where runs are kept, the probe's among them.
        overrides: Keys in place of those of the file, each KEY=VALUE.
        observers: See `Observers`.
        ledger: The file that records the use of test rows; None for the user's own.

    Raises:
        UsageError: There is nothing to be probed, or the config is not ready for a run.
    """
    folders = (config.resolve().parent,)
    read = wiring.read_config(config, list(map(parse_override, overrides)))
    settings = wiring.fill_in_new(resolve_start(read, runs_dir)[0], folders)
    if reason := refuse_probe(settings):
        raise UsageError(f"--headroom: this config has nothing to probe: {reason}")
    require_startable(settings)
    data = wiring.load_data(settings, folders=folders)
    settings = settle_labels(settings, data)
    plan = plan_run(settings, data, folders, runs_dir, ledger=ledger)
    if plan:
        return probe(plan, observers)
    return ProbeResult(_explain_too_small(settings, data, find_decider(settings, data, ledger)))


def _explain_too_small(settings: Settings, data: LoadedData, decider: Decider) -> Headroom:
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


LEAST_TRAIN = 5
"""Train rows without which no probe is made."""


def probe_first(  # noqa: PLR0913 - all but three are keywords
    settings: Settings,
    data: LoadedData,
    folders: Sequence[Path],
    *,
    runs_dir: Path,
    observers: Observers,
    on_finding: Callable[[ProbeResult], None],
    cached: bool = True,
    skip: bool = False,
    ledger: Path | None = None,
) -> dict[str, Any]:
    """Probe a search that is large enough, before it begins; return its part of run.json.

    Answers of an earlier probe of the same questions count in any case.

    Args:
        settings: Of the search.
        data: Its examples.
        folders: Where parts from outside opro are looked for first.
        runs_dir: Where runs are kept.
        observers: See `Observers`.
        on_finding: Told of the finding; may raise to end the command.
        cached: Whether earlier answers are wanted at all.
        skip: Make no new probe.
        ledger: The file that records the use of test rows; None for the user's own.
    """
    if refuse_probe(settings) or settings.search.rules == "paper":
        return {}
    found: ProbeResult | None = None
    if not skip and is_due(settings, data, folders):
        plan = plan_run(settings, data, folders, runs_dir, fresh=not cached, ledger=ledger)
        if plan is not None:
            found = probe(plan, observers, cached=cached)
            on_finding(found)
    asked = digest_asked(settings, data, folders)
    earlier = find_folders(runs_dir / FOLDER, f"*-{asked}-*") if cached else []
    names = [each.name for each in earlier]
    if found and found.folder and found.folder.name not in names:
        names.append(found.folder.name)
    if not names:
        return {}
    spent = list(found.spent) if found else []
    outcome = found.headroom.outcome if found else None
    if _writes_words(settings):
        plan = plan_run(settings, data, folders, runs_dir, ledger=ledger)
        own = found.folder.name if found and found.folder else plan.folder.name if plan else ""
        drafts = _choose_drafts(runs_dir, own) if own in names else ()
    else:
        drafts = ()
    return describe_probe(names, outcome, spent, drafts)


def _writes_words(settings: Settings) -> bool:
    """Return whether a search tries words that no start prompt has, and so those of its probe."""
    return settings.search.strategy not in ASKING_NONE and settings.optimizer.model != UNUSED


def _choose_drafts(runs_dir: Path, name: str) -> tuple[str, ...]:
    """Return the best prompts of a probe; one that is gone, or damaged, has none."""
    with suppress(OproError):
        return choose_drafts(read_run(runs_dir / FOLDER / name).state)
    return ()
