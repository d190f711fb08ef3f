"""`opro gate`: whether a prompt that was changed has become worse, on rows that tuned neither."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opro_cli import wiring
from opro_cli.app import evaluate as evaluating
from opro_cli.app.asked import compute_digest, digest
from opro_cli.app.evaluate import Cell, Dataset
from opro_cli.app.gate_pair import GateRequest, PromptPair, find_pair, refuse_whole_prompts
from opro_cli.app.given import refuse_halves
from opro_cli.app.run_settings import list_part_folders
from opro_cli.core.scale import SHARE
from opro_cli.core.settings.differences import apply_changes
from opro_cli.core.settings.settings import Settings
from opro_cli.core.stats.sequential import count_least_rows
from opro_cli.core.task.example import Example, Split
from opro_cli.errors import OproError, RunFolderError, UsageError
from opro_cli.models.prices import list_prices, reports_cost
from opro_cli.models.redaction import redact
from opro_cli.ports import Observer
from opro_cli.reports.gate import GateReport, Side, build_report
from opro_cli.reports.thresholds import Thresholds
from opro_cli.store.folders import Note, find_folders
from opro_cli.store.run_folder import read_run

GATES = "gates"
"""Where gates are kept in the folder of the runs, out of the way of their names."""


@dataclass(frozen=True, slots=True)
class GatePlan:
    """Two prompts, and the questions that they are to be asked.

    Attributes:
        old: What must not be lost.
        new: What is to take its place.
        margin: The loss that would matter, as a share.
        dataset: Where the questions are from; None where the prompts are the same.
        cell: The gate's own run; None where the prompts are the same.
        earlier: Gates of the same prompts on the same questions that are over.
        notes: For people.
        warning: Why these questions will not say "not worse", "" where they may.
    """

    old: Side
    new: Side
    margin: float
    dataset: Dataset | None = None
    cell: Cell | None = None
    earlier: int = 0
    notes: tuple[str, ...] = ()
    warning: str = ""


def plan_gate(request: GateRequest, runs_dir: Path, note: Note | None = None) -> GatePlan:
    """Find both prompts and, where they differ, the questions.

    Args:
        request: What is asked for.
        runs_dir: Where runs are kept.
        note: Gets which run a name means where several have it.

    Raises:
        UsageError: There is nothing to compare, or no question to compare it on.
    """
    pair = find_pair(request, runs_dir, note)
    plan = GatePlan(pair.old, pair.new, request.margin, notes=pair.notes)
    if _normalize(pair.old.text) == _normalize(pair.new.text):
        return plan
    refuse_halves((pair.old.text, pair.new.text))
    refuse_whole_prompts(request, pair)
    dataset = pair.load()
    _require_shares(dataset)
    cell, earlier = _make_cell(request, pair, dataset, runs_dir)
    notes = (*pair.notes, *_note_empty(pair.new), *_note_split(request.split))
    warning = _warn_of_few(len(dataset.examples), request.margin)
    return replace(plan, dataset=dataset, cell=cell, earlier=earlier, notes=notes, warning=warning)


def _note_empty(new: Side) -> tuple[str, ...]:
    if new.text.strip():
        return ()
    return (f"{new.label} is empty: nothing stands in the place of the old prompt",)


def _warn_of_few(rows: int, margin: float) -> str:
    """Return that so few questions rule out no loss of the margin, "" where they may."""
    needed = count_least_rows(margin)
    if rows >= needed:
        return ""
    return (
        f"{rows:,} questions cannot rule out a loss of {100 * margin:g} points, even where both "
        f"prompts agree on all of them; it takes {needed:,} at least: give more test rows, or a "
        "wider --margin"
    )


def _normalize(text: str) -> str:
    """Return a prompt without what differs between one file and another of the same text."""
    return text.replace("\r\n", "\n").removesuffix("\n")


def _note_split(split: Split) -> tuple[str, ...]:
    if split == "test":
        return ()
    return (f"the {split} questions have tuned the old prompt, which they may flatter",)


def _require_shares(dataset: Dataset) -> None:
    """Refuse scores that are no shares of right answers.

    Raises:
        UsageError: They are not.
    """
    settings = dataset.settings
    if settings.task.evaluator == "model":
        return
    folders = list_part_folders({"part_folder": dataset.part_folder})
    if wiring.build_evaluator(settings, (), folders).scale != SHARE:
        raise UsageError(
            f"the scores of task.evaluator {settings.task.evaluator} are on a scale of their own, "
            "and a margin in points is one of shares from 0 to 1",
            "score from 0 to 1, or compare with `opro eval`",
        )


def _make_cell(
    request: GateRequest, pair: PromptPair, dataset: Dataset, runs_dir: Path
) -> tuple[Cell, int]:
    """Return the gate's run, an unfinished one of the same two prompts if there is any.

    Returns:
        It, and how many of the same are over.
    """
    prompts = (pair.old.text, pair.new.text)
    settings = evaluating.build_settings(dataset.settings, dataset.settings.scorer.model, prompts)
    forms = (pair.old.form, pair.new.form)
    given = forms if any(forms) else None
    search = replace(settings.search, gate_margin=request.margin, initial_forms=given)
    settings = replace(settings, name="gate", search=search)
    examples: Mapping[Split, Sequence[Example]]
    examples = {"train": (), "dev": (), "test": dataset.examples}
    folders = list_part_folders({"part_folder": dataset.part_folder})
    asked = compute_digest(settings, examples, folders)
    name = digest([asked, request.margin, *prompts, *forms])
    folder, earlier = _choose_folder(runs_dir / GATES, dataset.name, name)
    ceilings = evaluating.read_budget(folder, settings, request.budget)
    settings = replace(settings, budget=apply_changes(ceilings, request.budget))
    model = settings.scorer.model
    part_folder, split = dataset.part_folder, dataset.split
    cell = Cell(dataset.name, model, folder, settings, examples, part_folder, split)
    return cell, earlier


def _choose_folder(gates: Path, name: str, digest: str) -> tuple[Path, int]:
    """Return the folder of the gate that goes on, or a new one, and how many others are over."""
    over = 0
    for folder in find_folders(gates, f"*-{digest}"):
        if read_run(folder).status != "finished":
            return folder, over
        over += 1
    label = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:80] or "gate"
    now = datetime.now(UTC)
    while (folder := gates / f"{label}-{now:%Y%m%d-%H%M%S}-{digest}").exists():
        now += timedelta(seconds=1)
    return folder, over


def read_thresholds(
    min_score: float | None,
    max_unreadable: float | None,
    max_tokens: float | None,
    max_usd: float | None,
) -> Thresholds:
    """Return the thresholds, percent as shares.

    Raises:
        UsageError: One is no such number.
    """
    shares = []
    for name, percent in (("--min-score", min_score), ("--max-unreadable", max_unreadable)):
        if percent is not None and not 0 <= percent <= 100:
            raise UsageError(f"{name}: expected a percentage from 0 to 100, found {percent:g}")
        shares.append(None if percent is None else percent / 100)
    for name, most in (("--max-tokens", max_tokens), ("--max-usd", max_usd)):
        if most is not None and not 0 <= most < float("inf"):
            raise UsageError(f"{name}: expected a number of at least 0, found {most:g}")
    return Thresholds(shares[0], shares[1], max_tokens, max_usd)


def read_margin(points: float) -> float:
    """Return a margin in points as a share.

    Raises:
        UsageError: It is none.
    """
    if not 0 < points <= 100:
        raise UsageError(f"--margin: expected points above 0 and at most 100, found {points:g}")
    return points / 100


def require_figures(settings: Settings, thresholds: Thresholds) -> None:
    """Refuse a threshold in dollars over a model of unknown price.

    Raises:
        UsageError: Nobody could say whether it is kept.
    """
    if thresholds.max_usd is None:
        return
    price = list_prices(settings).get("scorer")
    if price is None and not reports_cost(settings.scorer):
        raise UsageError(
            f"--max-usd: the price of scorer {settings.scorer.model} is not known",
            "set scorer.price: {input: …, output: …} (US dollars per million tokens), or use "
            "--max-tokens",
        )


def run_gate(
    plan: GatePlan,
    thresholds: Thresholds,
    observers: Callable[[], Sequence[Observer]],
    *,
    when_held: Callable[[RunFolderError], None],
    preflight: bool = True,
) -> GateReport:
    """Ask both prompts until it is decided; the cache gives and keeps no answer.

    Args:
        plan: As `plan_gate` returns it.
        thresholds: That the new prompt has to keep.
        observers: Makes those that watch the session, if there is one.
        when_held: Called once where another process is at the same gate, with who it is.
        preflight: Ask the model once before the questions.

    Raises:
        OproError: As for any run; what was answered until then stays.
    """
    if plan.cell is None or plan.dataset is None:
        notes = plan.notes
        if thresholds != Thresholds():
            notes += ("no threshold was measured, since nothing was asked",)
        return GateReport("unchanged", plan.old, plan.new, plan.margin, notes=notes)
    require_figures(plan.cell.settings, thresholds)
    evaluating.require_ready(plan.cell, cached=False)
    run, outcome = evaluating.evaluate(
        plan.cell, observers, when_held=when_held, preflight=preflight, cached=False
    )
    return build_report(
        run,
        (plan.old.label, plan.new.label),
        thresholds,
        name=plan.dataset.name,
        earlier=plan.earlier,
        failure=outcome.stopped_by if outcome else "",
        notes=plan.notes,
    )


def build_outage(plan: GatePlan, error: OproError) -> GateReport:
    """Return the report of a gate whose provider failed: nothing is said of the prompt."""
    name, rows = (plan.dataset.name, len(plan.dataset.examples)) if plan.dataset else ("", 0)
    why = redact(error.message)
    report = GateReport("unfinished", plan.old, plan.new, plan.margin, name=name, rows=rows)
    return replace(report, failure=why, notes=plan.notes)
