"""Check that a run may go on: with the config, data, weights and parts that it began with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from opro_cli.app.run_settings import (
    hash_weights_of,
    list_part_folders,
    read_present_settings,
    read_recorded_settings,
)
from opro_cli.app.startable import find_origins_of_parts, require_startable
from opro_cli.calls.budget import sum_spend
from opro_cli.core.run.layout import count_spent
from opro_cli.core.settings.differences import Change, apply_changes, convert_to_plain, find_changes
from opro_cli.core.settings.misfits import find_misplaced_models
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.task.example import fingerprint_examples
from opro_cli.embedded.config import check_weights
from opro_cli.errors import RunFolderError, UsageError
from opro_cli.grading.grader import describe_grading
from opro_cli.store.reopened import ADOPTED, CheckedResult, check_result
from opro_cli.store.run_files import check_unchanged
from opro_cli.store.run_folder import read_examples, read_identity, read_run, remove_unanswered

__all__ = [
    "CheckedResult",
    "check_budget",
    "check_result",
    "check_resumable",
    "find_config",
    "remove_unanswered",
]


def check_budget(budget: Sequence[str]) -> None:
    """Check changes of ceilings by themselves, for a run that may be over already.

    Raises:
        UsageError: One of them is no change of a ceiling.
    """
    apply_changes(BudgetSettings(), budget)


def check_resumable(folder: Path, budget: Sequence[str] = (), *, cached: bool = True) -> Settings:
    """Check that a run may go on, and return its settings.

    Args:
        folder: Of the run.
        budget: Changes of its ceilings: "usd=5" sets one, "usd=+2" raises it, or sets one above
            what is spent. They are written into the run's config once the run is at work.
        cached: Whether answers will be looked up and kept for other runs.

    Raises:
        RunFolderError: Its config, models, parts or data are not those that it began with.
        UsageError: One of `budget` is no change of a ceiling.
    """
    identity = read_identity(folder)
    if identity.get("probe"):
        raise RunFolderError(
            f"{folder.name} is a probe of `opro check --headroom`, and no search",
            "the command that began it continues it",
        )
    recorded = read_recorded_settings(folder)
    for problem in find_misplaced_models(recorded):
        raise RunFolderError(
            f"{folder.name} was begun when one embedded model played both roles, and cannot go on: "
            f"{problem.dotted}: {problem.message}",
            f"set {problem.dotted} in its config and start a new run with `opro optimize`",
        )
    settings = read_present_settings(folder)
    changed = apply_changes(settings.budget, budget, _sum_spent(folder, budget))
    settings = replace(settings, budget=changed)
    _check_settings(folder, recorded, settings)
    if any(change.startswith("calls") for change in budget):
        _check_calls(folder, settings)
    if fingerprint_examples(read_examples(folder)) != identity.get("data_fingerprint"):
        raise RunFolderError(
            f"{folder / 'examples.jsonl'}: not the questions that the run began with",
            "restore the file, or start a new run with `opro optimize`",
        )
    check_unchanged(identity.get("data_files", {}))
    _check_parts(identity, settings)
    check_weights(folder.name, identity.get("weights", {}), hash_weights_of(settings))
    require_startable(settings, cached=cached)
    describe_grading(settings, list_part_folders(identity))
    return settings


def find_config(folder: Path) -> Path | None:
    """Return the file that a run began from, None where there is none any more."""
    with suppress(RunFolderError):
        source = read_identity(folder).get("config_source")
        if source and Path(source).is_file():
            return Path(source)
    return None


def _sum_spent(folder: Path, budget: Sequence[str]) -> dict[str, float]:
    """Return what a run has spent, by ceiling; nothing is read unless a change adds to one."""
    if not any("=+" in change for change in budget):
        return {}
    calls, tokens, pico_usd = sum_spend(read_run(folder).state)
    return {"calls": calls, "tokens": tokens, "usd": pico_usd / 1e12}


def _check_calls(folder: Path, settings: Settings) -> None:
    """Refuse a ceiling of calls that is spent: a search laid out by it would end at once."""
    state, most = read_run(folder).state, settings.budget.calls
    spent = count_spent(state)  # as the layout does, cached answers among them
    is_finished = state.ended is not None and state.ended.reason == "finished"
    if most is not None and state.looks and not is_finished and most <= spent:
        raise UsageError(
            f"budget.calls {most}: the run has made {spent} calls already",
            f"`--budget calls=+{most}` raises the ceiling, a plain `opro resume` keeps it",
        )


def _check_settings(folder: Path, recorded: Settings, present: Settings) -> None:
    """Refuse a resume under a config that would ask or grade otherwise than the run began.

    A search that has tried nothing may continue with more tokens and more steps: there is nothing
    that these could make incomparable.
    """
    changes = [
        change
        for change in find_changes(convert_to_plain(recorded), convert_to_plain(present))
        if not change.is_operational
    ]
    if changes and all(_is_raised(change) for change in changes):
        ended = read_run(folder).state.ended
        if ended is not None and ended.reason == "fruitless":
            return
    if changes:
        lines = "\n".join(f"  {c.path}: {c.before!r} → {c.after!r}" for c in changes)
        raise RunFolderError(
            f"{folder / 'config.yaml'}: changed since the run began\n{lines}",
            "undo the change to resume, or start a new run with `opro optimize`",
        )


def _is_raised(change: Change) -> bool:
    """Return True for more tokens or more steps; a limit that is not sent is above any other."""
    if change.path not in {f"{top}.{key}" for top, key in ADOPTED} or change.before is None:
        return False
    return change.after is None or bool(change.after > change.before)


def _check_parts(identity: Mapping[str, Any], settings: Settings) -> None:
    """Refuse a resume under other parts from outside opro than the run began with."""
    recorded = identity.get("parts", {})
    present = find_origins_of_parts(settings, list_part_folders(identity))
    for key, part in recorded.items():
        now = present.get(key, {})
        if now != part:
            changed = [name for name in part if part[name] != now.get(name)]
            changes = ", ".join(f"{name} was {part[name]}, is {now.get(name)}" for name in changed)
            raise RunFolderError(
                f"{key} {part['name']}: not the part that the run began with ({changes})",
                "restore it to resume, or start a new run with `opro optimize`",
            )
