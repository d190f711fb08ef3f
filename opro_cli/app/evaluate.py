"""Scoring given instructions: prompts × models × datasets, and a sweep's winners elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opro_cli import wiring
from opro_cli.app import startable
from opro_cli.app.asked import DIGITS, compute_digest, hash_model
from opro_cli.app.optimize import describe_parts
from opro_cli.app.run_settings import list_part_folders
from opro_cli.app.runs import EVALS
from opro_cli.app.session import SessionOutcome, Stopper, work_on
from opro_cli.config.file import locate_model
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.selection import sort_best_first
from opro_cli.core.settings.differences import apply_changes
from opro_cli.core.settings.misfits import find_misplaced_models
from opro_cli.core.settings.models import OptimizerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.task.example import Example, Split, fingerprint_examples
from opro_cli.datasets.loading import settle_labels
from opro_cli.errors import RunExistsError, RunFolderError, UsageError
from opro_cli.grading.grader import describe_grading
from opro_cli.ports import Observer
from opro_cli.reports.matrix import Matrix, build_column
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.report import SweepReport
from opro_cli.reports.sweeps.winners import Target, list_prompts
from opro_cli.store.folders import find_folders
from opro_cli.store.journal import FileJournal
from opro_cli.store.reopened import add_instructions
from opro_cli.store.run_folder import CONFIG_COPY, create_run, prepare_runs_dir, read_run


@dataclass(frozen=True, slots=True)
class Dataset:
    """Questions to ask, and the settings they are asked with.

    Attributes:
        name: For people.
        part_folder: Where parts from outside opro are looked for first; None for nowhere else.
        split: Which the questions are from.
    """

    name: str
    settings: Settings
    examples: tuple[Example, ...]
    part_folder: str | None = None
    split: Split = "test"


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one dataset: a run to be, or one that is there already.

    Its examples are those of its test split, whichever `split` of the dataset they are from.
    """

    dataset: str
    model: str
    folder: Path
    settings: Settings
    examples: Mapping[Split, Sequence[Example]]
    part_folder: str | None = None
    split: Split = "test"

    @property
    def part_folders(self) -> tuple[Path, ...]:
        """Where parts from outside opro are looked for first."""
        return list_part_folders({"part_folder": self.part_folder})


def load_dataset(config: Path, split: Split, limit: int | None) -> Dataset:
    """Return the questions of a split as a run of this config would cut it."""
    settings, folder = wiring.read_scoring_config(config), config.resolve().parent
    refuse_problem(str(config), settings)
    data = wiring.load_data(settings, folders=(folder,))
    settings = settle_labels(settings, data)
    chosen = select_questions(settings.name, settings, data.examples, split, limit)
    return replace(chosen, part_folder=str(folder))


def refuse_problem(
    name: str,
    settings: Settings,
    hint: str = "`opro eval` scores prompts; search.initial_instructions may name solutions to "
    "value",
) -> None:
    """Raise UsageError for a search for solutions: there is nothing to score a prompt on."""
    if settings.task.problem is not None:
        raise UsageError(f"{name}: searches for solutions, whose values are exact", hint)


def load_dataset_of_run(folder: Path, split: Split, limit: int | None) -> Dataset:
    """Return the questions that a run asked."""
    run = read_run(folder)
    settings = wiring.parse_settings(run.settings)
    if settings is None:
        raise UsageError(f"{folder}: its settings cannot be read", "name its config instead")
    refuse_problem(run.name, settings)
    chosen = select_questions(run.name, settings, run.examples, split, limit)
    folders = list_part_folders(run.identity)
    return replace(chosen, part_folder=str(folders[0]) if folders else None)


def select_questions(
    name: str,
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    split: Split,
    limit: int | None,
) -> Dataset:
    """Return the first questions of a split, at most `limit`, as a dataset to ask.

    Raises:
        UsageError: There is none.
    """
    chosen = tuple(examples[split])[:limit]
    if not chosen:
        sizes = ", ".join(f"{each} {len(rows)}" for each, rows in examples.items())
        raise UsageError(f"{name}: its {split} split is empty ({sizes})", "choose another --split")
    return Dataset(f"{name}/{split}", settings, chosen, split=split)


def list_best(name: str, folder: Path, top: int) -> list[str]:
    """Return the best instructions of a run, at most `top`.

    Raises:
        UsageError: Nothing is scored there yet, or one of them is more than an instruction.
    """
    best = sort_best_first(read_run(folder).state)
    if not best:
        raise UsageError(f"{name}: nothing is scored there yet", "`opro resume` continues it")
    if any(candidate.form for candidate in best[:top]):
        raise UsageError(
            f"{name}: one of its best {top} has worked examples or a layout of its own, without "
            "which it is another prompt",
            "`opro show` has its scores; --prompt asks an instruction by itself",
        )
    return [candidate.instruction for candidate in best[:top]]


def list_cells(
    prompts: Sequence[str],
    datasets: Sequence[Dataset],
    models: Sequence[str],
    runs_dir: Path,
    budget: Sequence[str] = (),
    *,
    fresh: bool = False,
) -> Iterator[Cell]:
    """Yield all pairs of a dataset and a model.

    Args:
        prompts: The instructions to score.
        datasets: The questions to ask.
        models: Names; none for the scorer of each dataset.
        runs_dir: Where runs are kept.
        budget: Changes, "usd=5" or "calls=+100", of the ceilings in the dataset's config.
        fresh: Ask everything anew, in new folders, which later evaluations then continue.
    """
    evals = runs_dir / EVALS
    folders = sorted(find_folders(evals, f"*-{'?' * DIGITS}"), key=_read_stamp)
    known = {} if fresh else {each.name[-DIGITS:]: each for each in folders}
    for dataset in datasets:
        for model in models or [dataset.settings.scorer.model]:
            settings = build_settings(dataset.settings, model, prompts)
            examples: dict[Split, Sequence[Example]] = {
                "train": (),
                "dev": (),
                "test": dataset.examples,
            }
            beside = list_part_folders({"part_folder": dataset.part_folder})
            digest = compute_digest(settings, examples, beside)
            if digest not in known:
                label = re.sub(r"[^A-Za-z0-9.]+", "-", f"{dataset.name}-{model}").strip("-")
                known[digest] = _name_folder(evals, label[:80], digest, fresh=fresh)
            folder = known[digest]
            ceilings = apply_changes(read_budget(folder, settings, budget), budget)
            settings = replace(settings, budget=ceilings)
            part_folder, split = dataset.part_folder, dataset.split
            yield Cell(dataset.name, model, folder, settings, examples, part_folder, split)


def _name_folder(evals: Path, label: str, digest: str, *, fresh: bool) -> Path:
    """Return the folder of a new evaluation; one that is asked afresh has a second of its own."""
    now = datetime.now(UTC)
    folder = evals / f"{label}-{digest}"
    while fresh:
        folder = evals / f"{label}-{now:%Y%m%d-%H%M%S}-{digest}"
        if not folder.exists():
            break
        now += timedelta(seconds=1)
    return folder


def _read_stamp(folder: Path) -> str:
    """Return when an evaluation was asked afresh, to sort by; "" for one that never was."""
    found = re.search(rf"-([0-9]{{8}}-[0-9]{{6}})-.{{{DIGITS}}}$", folder.name)
    return found[1] if found else ""


def read_budget(folder: Path, settings: Settings, changes: Sequence[str]) -> BudgetSettings:
    """Return the ceilings to change: those of the config, or its own where "=+" raises them."""
    path = folder / CONFIG_COPY
    raises = any("=+" in change for change in changes)
    if not raises or not path.is_file():
        return settings.budget
    return wiring.read_config(path, is_copy=True).budget


def build_settings(settings: Settings, model: str, prompts: Sequence[str]) -> Settings:
    """Return the settings of a run that asks these prompts, and searches for none."""
    scorer = settings.scorer
    if model != scorer.model:  # address and price are those of the config's own model
        model = locate_model(model, Path.cwd())
        scorer = replace(scorer, model=model, api_base=None, endpoints=None, price=None, gguf=None)
    return replace(
        settings,
        name="eval",
        scorer=scorer,
        optimizer=OptimizerSettings(  # never asked
            scorer.model,
            scorer.api_base,
            endpoints=scorer.endpoints,
            price=scorer.price,
            gguf=scorer.gguf,
        ),
        search=SearchSettings(initial_instructions=tuple(prompts), steps=0),
    )


def require_ready(cell: Cell, *, cached: bool = True) -> None:
    """Check that a model, its key and price, and the metric are at hand, before any call.

    Raises:
        UsageError: One is missing.
    """
    for problem in find_misplaced_models(cell.settings):
        raise UsageError(f"{problem.dotted}: {problem.message}", "name another --model")
    startable.require_addresses(cell.settings)
    startable.require_keys(cell.settings)
    startable.require_prices(cell.settings)
    startable.require_files(cell.settings)
    if cached:
        startable.require_cache_limit(cell.settings)
    describe_grading(cell.settings, cell.part_folders)


def count_calls_left(cell: Cell) -> int:
    """Count the calls that are missing, at most: an answer that the cache has takes none."""
    prompts = cell.settings.search.initial_instructions
    known = 0
    if cell.folder.exists():
        asked = read_run(cell.folder).state.candidates
        there = [asked[each] for each in map(make_candidate_id, prompts) if each in asked]
        known = sum(len(candidate.answers["test"].by_question) for candidate in there)
    missing = len(prompts) * len(cell.examples["test"]) - known
    rounds = 2 if cell.settings.task.second_round else 1
    return missing * rounds * cell.settings.scorer.repeats


def evaluate(
    cell: Cell,
    observers: Callable[[], Sequence[Observer]],
    *,
    when_held: Callable[[RunFolderError], None],
    preflight: bool = True,
    cached: bool = True,
    supplied: wiring.Supplied = wiring.NOTHING_SUPPLIED,
    stopper: Stopper | None = None,
) -> tuple[RecordedRun, SessionOutcome | None]:
    """Ask what is missing of a cell.

    Another process that works on the same cell is waited for, and its answers are used.

    Args:
        cell: The model and the questions.
        observers: Makes those that watch the session, if there is one.
        when_held: Called once before the wait, with who has the cell.
        preflight: Ask the model once before the questions.
        cached: Look up and keep answers.
        supplied: Parts in place of those that the settings name.
        stopper: Stops the session as Ctrl-C does, from another thread.

    Returns:
        The run, and its session; None where nothing was missing.

    Raises:
        OproError: As for any run; what was answered until then stays.
    """
    if not cell.folder.exists():
        _begin(cell, supplied)
    journal = FileJournal(cell.folder / "events.jsonl", when_held=when_held)
    try:
        settings = add_instructions(journal, cell.settings)
        run = read_run(cell.folder, own=True)
        if run.status == "finished":
            journal.close()
            return run, None
    except BaseException:
        journal.close()
        raise
    outcome = work_on(
        cell.folder,
        settings,
        observers(),
        preflight=preflight,
        cached=cached,
        journal=journal,
        supplied=supplied,
        stopper=stopper,
    )
    return outcome.run, outcome


def build_matrix(prompts: Sequence[str], asked: Sequence[tuple[Cell, RecordedRun]]) -> Matrix:
    """Return the scores of all prompts in each cell that was asked."""
    columns = tuple(build_column(cell.dataset, run, prompts) for cell, run in asked)
    return Matrix(tuple(prompts), columns)


def _begin(cell: Cell, supplied: wiring.Supplied) -> None:
    """Make the run of a cell, unless another process has just made it."""
    identity: dict[str, object] = {
        "config_source": None,
        "data_fingerprint": fingerprint_examples(cell.examples),
        "data_notes": [],
        "split": cell.split,
        "weights": hash_model(cell.settings.scorer.model),
        "part_folder": cell.part_folder,
        **describe_parts(cell.settings, cell.part_folders, supplied.evaluator),
    }
    prepare_runs_dir(cell.folder.parent.parent)
    with suppress(RunExistsError):
        create_run(cell.folder.parent, cell.settings, cell.examples, identity, cell.folder.name)


def select_prompts_to_ask(report: SweepReport) -> tuple[str, ...]:
    """Return the start prompts and the winners.

    Raises:
        UsageError: There is nothing to ask.
    """
    prompts = list_prompts(report.winners, report.targets)
    if not report.winners or not prompts:
        raise UsageError(
            f"{report.name}: no finished run with test questions, so no winner to ask about",
            "`opro sweep` continues it",
        )
    return prompts


def list_evaluations(
    targets: Sequence[Target],
    report: SweepReport,
    runs_dir: Path,
    budget: Sequence[str] = (),
    *,
    fresh: bool = False,
) -> Iterator[Cell]:
    """Yield the evaluations of a sweep: each target's test questions, under all prompts.

    `budget` and `fresh` are as in `list_cells`.
    """
    prompts = list_prompts(report.winners, report.targets)
    for target in targets:
        dataset = _load_target(target)
        if dataset is not None and prompts:
            yield from list_cells(prompts, [dataset], [], runs_dir, budget, fresh=fresh)


def _load_target(target: Target) -> Dataset | None:
    """Return the test questions of a task, to be asked as the sweep asked this model."""
    task = wiring.parse_settings(target.data.settings)
    asked = wiring.parse_settings(target.scorer.settings)
    if task is None or asked is None:
        return None
    settings = replace(task, scorer=asked.scorer)
    name = f"{target.task}/test"
    return Dataset(name, settings, tuple(target.data.examples["test"]))
