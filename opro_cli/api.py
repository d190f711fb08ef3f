"""The Python API: the loop, journal, budget and verdict of the command, called from a program.

It works in a script, under pytest, and in a notebook whose event loop runs already: the session
then has a thread and a loop of its own. Nothing is printed unless `show` is set.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from opro_cli import wiring
from opro_cli.app import evaluate as app_evaluate
from opro_cli.app.given import (
    Given,
    MetricFunction,
    Model,
    Section,
    as_metric,
    as_model,
    as_problem,
    read_plain,
    refuse_halves,
    start_from_drawn,
    supply_problem,
)
from opro_cli.app.optimize import Origin, UsedTogether, start_with
from opro_cli.app.resume import check_resumable
from opro_cli.app.session import SessionOutcome, Stopper, stop_signals_to, work_on
from opro_cli.app.start_runs import resolve_start
from opro_cli.core.run.events import Answered
from opro_cli.core.settings.read import read_options
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.datasets.loading import LoadedData, settle_labels
from opro_cli.errors import UsageError
from opro_cli.evaluators import OutsideEvaluator
from opro_cli.models.callable import ModelFunction
from opro_cli.plugins import SUPPLIED
from opro_cli.ports import ChatModel, Evaluator, Metric, Observer, Problem, Strategy
from opro_cli.reports.recorded import Answer, Answers, RecordedRun
from opro_cli.reports.result import build_result, serialize_candidates
from opro_cli.store.folders import find_run
from opro_cli.store.journal import read_numbered_events
from opro_cli.store.run_folder import read_examples, read_run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk, as its last session left it.

    Attributes:
        folder: The run's folder.
        result: The content of result.json.
        ending: Of the session that made this object: "finished", "interrupted" or "budget"; ""
            for a run that was only loaded.
    """

    folder: Path
    result: Mapping[str, Any] = field(repr=False)
    ending: str
    _recorded: RecordedRun = field(repr=False)
    _supplied: wiring.Supplied = field(default=wiring.NOTHING_SUPPLIED, repr=False)
    """The objects that it was begun with, for a resume in the same process."""

    @property
    def status(self) -> str:
        """Where the run stands: "finished", "stopped", "failed" and others."""
        return str(self.result["status"])

    @property
    def best(self) -> str | None:
        """The best instruction so far; None before any has all its train answers."""
        best = self.result["best"]
        return best["instruction"] if best else None

    @property
    def verdict(self) -> str | None:
        """The verdict: "improved", "no measurable gain", "worse"; None before the test."""
        verdict: str | None = self.result["verdict"]
        return verdict

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Every candidate with its scores, as `opro show --json` lists them."""
        return serialize_candidates(self._recorded.state)

    def answers(self) -> Answers:
        """Return every answer of the run, in the order of the journal."""
        examples, state = self._recorded.examples, self._recorded.state
        answers = Answers()
        for _, event in read_numbered_events(self.folder / "events.jsonl"):
            if isinstance(event, Answered):
                candidate = state.get_candidate(event.candidate)
                example = examples[event.split][event.question]
                answers.append(
                    Answer(
                        event.candidate,
                        candidate.instruction,
                        candidate.step,
                        event.split,
                        event.question,
                        example.input,
                        example.target,
                        event.text,
                        event.answer,
                        event.score,
                    )
                )
        return answers

    def resume(
        self,
        *,
        scorer: ModelFunction | ChatModel | None = None,
        optimizer: ModelFunction | ChatModel | None = None,
        roles: Mapping[str, ModelFunction | ChatModel] | None = None,
        metric: MetricFunction | Metric | None = None,
        strategy: Strategy | None = None,
        evaluator: Evaluator | None = None,
        problem: Problem | None = None,
        budget: Sequence[str] = (),
        show: bool = False,
        keep_going: bool = False,
        ledger: str | Path | None = None,
    ) -> Run:
        """Work on the run until it is finished or a ceiling is reached; return it anew.

        Args:
            scorer: The object that the run was begun with, where that was in another process; the
                same for the others.
            optimizer: As `scorer`.
            roles: As `scorer`, for models of further roles.
            metric: As `scorer`.
            strategy: As `scorer`.
            evaluator: As `scorer`.
            problem: As `scorer`.
            budget: Changes of its ceilings, "usd=5" or "calls=+100".
            show: Print progress as the command does.
            keep_going: Go on although the first answers are unreadable or beside the point.
            ledger: As of `optimize`, where it is not the one that the run began with.

        Raises:
            OproError: What the command would print; every answer is kept.
        """
        settings = check_resumable(self.folder, budget)
        models = {"scorer": scorer, "optimizer": optimizer, **(roles or {})}
        given = {role: as_model(model, role) for role, model in models.items() if model is not None}
        known = self._supplied
        supplied = wiring.Supplied(
            {**known.models, **given},
            as_metric(metric) or known.metric,
            strategy or known.strategy,
            _adapt(evaluator, settings) or known.evaluator,
        )
        if problem is not None:
            examples = read_examples(self.folder)["train"]
            supplied = supply_problem(supplied, settings, as_problem(problem), examples)
        where = Path(ledger) if ledger else None
        how = {"show": show, "keep_going": keep_going}
        return _work(self.folder, settings, supplied, ledger=where, **how)


def optimize(
    config: str | Path | Section | None = None,
    *,
    task: Section | None = None,
    scorer: Model | None = None,
    optimizer: Model | None = None,
    roles: Mapping[str, Model] | None = None,
    metric: MetricFunction | Metric | None = None,
    strategy: Strategy | None = None,
    evaluator: Evaluator | None = None,
    search: Section | None = None,
    budget: Section | None = None,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    show: bool = False,
    preflight: bool = True,
    keep_going: bool = False,
    cached: bool = True,
    ledger: str | Path | None = None,
) -> Run:
    """Search for a better prompt in a new run, as `opro optimize` does.

    Args:
        config: A config file, or its content; the other arguments win over it, key by key.
        task: The section of the config, whose `data.train`, `dev` and `test` may be rows: a list
            of dicts or a Hugging Face Dataset. Short: {"data": rows, "input": …, "target": …,
            "answer": …}. Its `problem` may be an object, too.
        scorer: A model's name, its section, or a callable that takes the chat and returns a text.
        optimizer: As `scorer`.
        roles: Models of further roles, for an evaluator that asks them.
        metric: Grades a reply in place of `task.answer`.
        strategy: A search policy in place of `search.strategy`.
        evaluator: In place of `task.evaluator`.
        search: The section of the config.
        budget: The section of the config.
        name: The run's name.
        runs_dir: The folder of the runs.
        show: Print progress as the command does.
        preflight: Check both models before the first paid question, and the first answers.
        keep_going: Go on although the first answers are unreadable or beside the point.
        cached: Use the answer cache where the config says so.
        ledger: The file that records the use of test rows, in place of the user's own.

    Raises:
        OproError: What the command would print. Nothing is lost by it: resume the run.
    """
    given = Given(task, {"scorer": scorer, "optimizer": optimizer, **(roles or {})}, metric)
    sections = {"search": search, "budget": budget, "name": name}
    with tempfile.TemporaryDirectory() as scratch:
        plain = given.config(config, sections, Path(scratch))
        if strategy is not None:
            plain.setdefault("search", {})["strategy"] = f"{SUPPLIED}{strategy.name}"
        if evaluator is not None:
            plain["task"]["evaluator"] = f"{SUPPLIED}{evaluator.name}"
        read, start_runs = resolve_start(read_plain(plain), Path(runs_dir))
        settings, data, supplied = _settle(given, read, config, strategy, evaluator)
    settings = given.without_scratch(settings)
    source = str(Path(config).resolve()) if isinstance(config, str | Path) else None
    judge = supplied.evaluator
    where = Path(ledger).absolute() if ledger else None
    uses = UsedTogether(str(where or ""))
    origin = Origin(source, start_runs=start_runs)
    run = start_with(settings, Path(runs_dir), origin, data=data, evaluator=judge, uses=uses)
    how = {"show": show, "preflight": preflight, "keep_going": keep_going, "cached": cached}
    return _work(run.folder, run.settings, supplied, ledger=where, **how)


def _settle(
    given: Given,
    settings: Settings,
    config: str | Path | Section | None,
    strategy: Strategy | None,
    evaluator: Evaluator | None,
) -> tuple[Settings, LoadedData, wiring.Supplied]:
    """Return the settings, the data and the parts of a new run; refuses before there is one."""
    if given.problem is not None:
        settings = start_from_drawn(settings, given.problem)
    settings = wiring.fill_in_new(settings, _list_folders(config))
    read_options(strategy, settings.search.options)
    supplied = wiring.Supplied(given.models, given.metric, strategy, _adapt(evaluator, settings))
    if given.problem is None:
        return settings, wiring.load_data(settings, given.metric, _list_folders(config)), supplied
    data = wiring.load_problem(settings.task, given.problem)
    supplied = supply_problem(supplied, settings, given.problem, data.examples["train"])
    return settings, data, supplied


def _adapt(evaluator: Evaluator | None, settings: Settings) -> Evaluator | None:
    if evaluator is None:
        return None
    outside = OutsideEvaluator(evaluator.name, evaluator, pinned=False)
    return wiring.adapt_evaluator(outside, settings)


def _list_folders(config: str | Path | Section | None) -> tuple[Path, ...]:
    """Return where parts are looked for first: beside the config file, if there is one."""
    return (Path(config).resolve().parent,) if isinstance(config, str | Path) else ()


def evaluate(
    prompts: str | Sequence[str],
    config: str | Path | Section | None = None,
    *,
    task: Section | None = None,
    scorer: Model | None = None,
    metric: MetricFunction | Metric | None = None,
    budget: Section | None = None,
    split: Split = "test",
    limit: int | None = None,
    fresh: bool = False,
    runs_dir: str | Path = "runs",
    show: bool = False,
) -> Run:
    """Score prompts on a split of the data, as `opro eval` does.

    Args:
        prompts: One instruction, or several to compare.
        config: As of `optimize`.
        task: As of `optimize`.
        scorer: As of `optimize`.
        metric: As of `optimize`.
        budget: As of `optimize`.
        split: Which questions are asked.
        limit: How many of them, from the first on; None for all.
        fresh: Ask all anew, whatever was answered before; so it is under a function without a
            name, and under a metric that is an object.
        runs_dir: The folder of the runs; evaluations are in its folder "evals".
        show: Print progress as the command does.

    Returns:
        The evaluation as a run: its `candidates` are the prompts.
    """
    texts = (prompts,) if isinstance(prompts, str) else tuple(prompts)
    _check_questions(split, limit)
    refuse_halves(texts)
    given = Given(task, {"scorer": scorer}, metric)
    with tempfile.TemporaryDirectory() as scratch:
        plain = given.config(config, {"budget": budget}, Path(scratch))
        plain.setdefault("optimizer", plain.get("scorer"))  # never asked
        settings = read_plain(plain)
        folders = _list_folders(config)
        app_evaluate.refuse_problem("task", settings)
        data: LoadedData = wiring.load_data(settings, given.metric, folders)
    settings = given.without_scratch(settle_labels(settings, data))
    chosen = app_evaluate.select_questions(settings.name, settings, data.examples, split, limit)
    dataset = replace(chosen, part_folder=str(folders[0]) if folders else None)
    fresh = fresh or given.is_nameless  # answers of another function are not its own
    (cell,) = app_evaluate.list_cells(texts, [dataset], [], Path(runs_dir), fresh=fresh)
    models = {**given.models}
    if "scorer" in models:
        models["optimizer"] = models["scorer"]  # stands in the settings, and is never asked
    supplied = wiring.Supplied(models, given.metric)

    run = _ask(cell, supplied, show=show)
    return Run(cell.folder, build_result(run, finished=run.status == "finished"), run.status, run)


def _ask(cell: app_evaluate.Cell, supplied: wiring.Supplied, *, show: bool) -> RecordedRun:
    def work(stopper: Stopper) -> RecordedRun:
        run, _ = app_evaluate.evaluate(
            cell,
            lambda: _observers(show),
            when_held=lambda _: None,
            supplied=supplied,
            stopper=stopper,
        )
        return run

    return _outside_of_loops(work)


def _check_questions(split: Any, limit: int | None) -> None:
    if split not in SPLITS:
        raise UsageError(f"split: expected train, dev or test, found {split!r:.60}")
    if limit is not None and limit < 1:
        raise UsageError(f"limit: expected a number of questions, found {limit!r:.60}")


def load_run(run: str | Path, runs_dir: str | Path = "runs") -> Run:
    """Return a run by its folder, its name, or an unambiguous part of its name.

    Raises:
        RunFolderError: There is no such run, or several.
    """
    folder = Path(run) if Path(run, "run.json").is_file() else find_run(Path(runs_dir), str(run))
    recorded = read_run(folder)
    result = build_result(recorded, finished=recorded.status == "finished")
    return Run(folder, result, "", recorded)


def _work(
    folder: Path,
    settings: Settings,
    supplied: wiring.Supplied,
    *,
    show: bool,
    preflight: bool = True,
    keep_going: bool = False,
    cached: bool = True,
    ledger: Path | None = None,
) -> Run:
    def work(stopper: Stopper) -> SessionOutcome:
        return work_on(
            folder,
            settings,
            _observers(show),
            preflight=preflight,
            keep_going=keep_going,
            cached=cached,
            supplied=supplied,
            stopper=stopper,
            ledger=ledger,
        )

    outcome = _outside_of_loops(work)
    return Run(folder, outcome.result, outcome.ending, outcome.run, supplied)


def _observers(show: bool) -> list[Observer]:
    if not show:
        return []
    from opro_cli.render.consoles import make_observer

    return [make_observer(plain=True)]


def _outside_of_loops(work: Callable[[Stopper], T]) -> T:
    """Run something that has an event loop of its own; in a thread where one runs already.

    Ctrl-C stops it cleanly either way.
    """
    stopper = Stopper()
    if not _in_a_loop():
        return work(stopper)
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(stopper))
        except BaseException as failure:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(failure)

    thread = threading.Thread(target=run, name="opro")
    thread.start()
    with stop_signals_to(stopper):
        thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
