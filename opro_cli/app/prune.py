"""Begin a run that drops parts of another run's best prompt, on the questions of that run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app.optimize import (
    NewRun,
    Origin,
    UsedTogether,
    describe_parts,
    name_caching,
    name_use,
)
from opro_cli.app.run_settings import hash_weights_of, list_part_folders, read_present_settings
from opro_cli.app.startable import require_startable
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.cheapest import PRUNED_AT
from opro_cli.core.run.selection import find_winner
from opro_cli.core.scale import SHARE
from opro_cli.core.settings.differences import apply_changes, convert_to_plain
from opro_cli.core.settings.search import MARGIN, PRUNE
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.stats.paired import refute_loss
from opro_cli.core.task.prompt import GOLD, Prompt
from opro_cli.errors import UsageError
from opro_cli.reports.recorded import RecordedRun
from opro_cli.store.run_folder import create_run, prepare_runs_dir, read_run
from opro_cli.strategies.prune import can_be_shortened

SUFFIX = "-pruned"
_LONGEST_NAME = 64


def start_pruning(
    folder: Path,
    runs_dir: Path,
    *,
    margin: float | None = None,
    seed: int | None = None,
    budget: Sequence[str] = (),
    cached: bool = True,
    ledger: Path | None = None,
) -> NewRun:
    """Make the folder of a run that shortens the best prompt of a finished one.

    Args:
        folder: Of the finished run.
        runs_dir: Where runs are kept.
        margin: Points of a loss that would matter; None for the default.
        seed: Of the order of questions; None for the finished run's.
        budget: Changes of the ceilings of that run, "usd=5".
        cached: Whether answers will be looked up and kept for other runs.
        ledger: The file that records the use of test rows; None for the finished run's.

    Raises:
        UsageError: The run has no prompt that could be shortened.
        RunFolderError, ModelError: It cannot be read; its scorer cannot be asked.
    """
    run = read_run(folder)
    winner = _find_prompt(run)
    settings = _derive_settings(read_present_settings(folder), winner, margin, seed)
    inherited = settings.budget
    # Those calls were meant for the search; a ceiling on money or time holds for whatever it buys.
    settings = replace(settings, budget=apply_changes(replace(inherited, calls=None), budget))
    _require_questions(run, settings.search.margin)
    folders = list_part_folders(run.identity)
    settings = wiring.fill_in_new(settings, folders)
    require_startable(settings, cached=cached)
    identity = {**_describe_origin(run, settings, folders, ledger), **name_caching(cached)}
    identity["data_notes"] += _describe_ceilings(inherited, settings.budget, run.name)
    prepare_runs_dir(runs_dir)
    return NewRun(create_run(runs_dir, settings, run.examples, identity), settings)


def _describe_origin(
    run: RecordedRun, settings: Settings, folders: Sequence[Path], ledger: Path | None
) -> dict[str, Any]:
    """Return what run.json says of a new run that shortens the best prompt of this one."""
    origin = Origin(part_folder=str(folders[0]) if folders else None)
    seen = f"the questions of {run.name}, whose verdict has seen those of test"
    recorded = run.identity.get("test_use", {}).get("ledger", "")
    uses = UsedTogether(str(ledger.absolute()) if ledger else recorded)
    return {
        **origin.to_json(),
        "pruned_run": run.name,
        "data_fingerprint": run.identity.get("data_fingerprint"),
        "data_files": run.identity.get("data_files", {}),
        "data_notes": [seen],
        "weights": hash_weights_of(settings),
        **describe_parts(settings, folders),
        "test_use": name_use(uses),
    }


def _describe_ceilings(before: BudgetSettings, now: BudgetSettings, name: str) -> list[str]:
    """Say which ceilings of the other run hold for this one, and which does not."""
    kept = [
        f"budget.{each.name} {getattr(now, each.name):g}"
        for each in fields(BudgetSettings)
        if getattr(now, each.name) is not None
        and getattr(now, each.name) == getattr(before, each.name)
    ]
    notes = []
    if kept:
        hold = "holds" if len(kept) == 1 else "hold"
        notes.append(f"{' and '.join(kept)} of {name} {hold} for this run anew")
    if before.calls is not None and now.calls is None:
        notes.append(
            f"budget.calls {before.calls:,} of {name} was meant for its search and does not hold "
            "here; --budget calls=N sets one"
        )
    return notes


def _require_questions(run: RecordedRun, margin: float) -> None:
    """Refuse questions on which nothing could be dropped, even where no answer differs.

    Raises:
        UsageError: They are too few for this margin.
    """
    sizes = run.state.sizes
    asked = sizes["train"] + sizes["dev"]
    if refute_loss([0.0] * asked, margin / 100, graded=False) <= PRUNED_AT:
        return
    fine = next(
        points
        for points in range(1, 101)
        if points == 100 or refute_loss([0.0] * asked, points / 100, graded=False) <= PRUNED_AT
    )
    raise UsageError(
        f"{run.name}: {asked} train and dev questions cannot show that a shorter prompt loses less "
        f"than {margin:g} points, even where all answers are the same",
        f"name a run with more questions, or --margin {fine}",
    )


def _find_prompt(run: RecordedRun) -> Candidate:
    """Return the best prompt of a run, if it has parts that may be dropped.

    Raises:
        UsageError: It has not.
    """
    if run.status != "finished":
        raise UsageError(
            f"{run.name} is {run.status}: its best prompt is not chosen yet",
            f"finish it with `opro resume {run.argument}`",
        )
    winner = find_winner(run.state)
    content = winner.content if winner is not None else None
    if winner is None or not isinstance(content, Prompt) or run.state.scale != SHARE:
        raise UsageError(
            f"{run.name} has no prompt whose answers are right or wrong",
            "name a run of a search for prompts",
        )
    if any(demo.shown != GOLD for demo in content.demos):
        raise UsageError(
            f"the best prompt of {run.name} shows replies of that run, which no other run has",
            "shorten it by hand, and compare both with `opro eval`",
        )
    if not run.state.sizes["train"]:
        raise UsageError(
            f"{run.name} has no train questions to try shorter prompts on",
            "name a run of `opro optimize`; `opro runs` lists all",
        )
    if not can_be_shortened(content):
        why = "it is a single sentence, or all others have placeholders"
        if not content.text.strip():
            why = "it is empty"
        raise UsageError(
            f"the best prompt of {run.name} has no part that could be dropped: {why}",
            "name a run with a longer one; `opro runs` lists all",
        )
    return winner


def _derive_settings(
    present: Settings, winner: Candidate, margin: float | None, seed: int | None
) -> Settings:
    """Return the settings of a run with another search, and without an optimizer.

    Raises:
        UsageError: The margin is none.
    """
    plain: dict[str, Any] = convert_to_plain(present)
    plain.pop("optimizer")
    plain.pop("prompt_files", None)
    name = present.name.removesuffix(SUFFIX)[: _LONGEST_NAME - len(SUFFIX)]
    points = MARGIN if margin is None else margin
    if not 0 < points <= 100:
        raise UsageError(
            f"--margin: expected points above 0 and at most 100, found {points:g}",
            "name the loss that would matter, such as --margin 2",
        )
    plain["name"] = name + SUFFIX
    plain["search"] = {
        "strategy": PRUNE,
        "initial_instructions": [winner.instruction],
        **({"initial_forms": [winner.form]} if winner.form else {}),
        "margin": points,
        "finalists": present.search.finalists,
        "seed": present.search.seed if seed is None else seed,
        **({"objectives": {"cost": o.cost}} if (o := present.search.objectives) else {}),
    }
    settings = wiring.parse_settings(plain)
    if settings is None:
        raise AssertionError("settings that were read once can be read again")
    return settings
