"""The Python API: the loop, journal, budget and verdict of the command, called from a program.

It works in a script, under pytest, and in a notebook whose event loop runs already: the session
then has a thread and a loop of its own. Nothing is printed unless `show` is set.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app import evaluate as app_evaluate
from opro_cli.app.called import check_call, explain_failure, list_observers
from opro_cli.app.given import (
    Given,
    MetricFunction,
    Model,
    Section,
    as_evaluator,
    as_metric,
    as_model,
    as_problem,
    check_split,
    read_plain,
    read_prompts,
    settle,
    supply_problem,
)
from opro_cli.app.optimize import NewRun, Origin, UsedTogether, start_with
from opro_cli.app.own_loop import run_in_own_loop
from opro_cli.app.resume import check_resumable
from opro_cli.app.session import SessionOutcome, Stopper, work_on
from opro_cli.app.start_runs import resolve_start
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Answered
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import Split
from opro_cli.datasets.loading import LoadedData, settle_labels
from opro_cli.models.callable import ModelFunction
from opro_cli.plugins import SUPPLIED
from opro_cli.ports import ChatModel, Evaluator, Metric, Problem, Strategy
from opro_cli.reports.recorded import Answer, Answers, RecordedRun
from opro_cli.reports.result import build_result, serialize_candidates
from opro_cli.store.folders import find_run
from opro_cli.store.journal import read_numbered_events
from opro_cli.store.run_folder import read_examples, read_run


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
    _asked: tuple[str, ...] | None = field(default=None, repr=False)
    """The prompts of `evaluate`, whose folder may have those of earlier calls as well."""

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
        """Every candidate with its scores, as `opro show --json` lists them.

        Of `evaluate` they are its prompts, in the order in which they were given.
        """
        every = serialize_candidates(self._recorded.state)
        if self._asked is None:
            return every
        by_text = {each["instruction"]: each for each in every}
        return [by_text[text] for text in self._asked if text in by_text]

    def answers(self) -> Answers:
        """Return every answer of the run, or to the prompts of `evaluate`, as journaled."""
        examples, state = self._recorded.examples, self._recorded.state
        asked = None if self._asked is None else {*map(make_candidate_id, self._asked)}
        answers = Answers()
        for _, event in read_numbered_events(self.folder / "events.jsonl"):
            if isinstance(event, Answered) and (asked is None or event.candidate in asked):
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

    @check_call
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
        preflight: bool = True,
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
            preflight: As of `optimize`.
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
            as_evaluator(evaluator, settings) or known.evaluator,
        )
        if problem is not None:
            examples = read_examples(self.folder)["train"]
            supplied = supply_problem(supplied, settings, as_problem(problem), examples)
        where = Path(ledger) if ledger else None
        how = {"show": show, "preflight": preflight, "keep_going": keep_going}
        run = _work(self.folder, settings, supplied, ledger=where, **how)
        return replace(run, _asked=self._asked)


@check_call
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
            of dicts, a Hugging Face Dataset or a pandas DataFrame. Short: {"data": rows,
            "input": …, "target": …, "answer": …}. Its `problem` may be an object, too.
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
    where = Path(ledger).absolute() if ledger else None
    run, supplied = _start(
        given,
        config,
        sections,
        strategy,
        evaluator,
        runs_dir=Path(runs_dir),
        ledger=where,
        cached=cached,
    )
    how = {"show": show, "preflight": preflight, "keep_going": keep_going, "cached": cached}
    return _work(run.folder, run.settings, supplied, ledger=where, is_new=True, **how)


def _start(
    given: Given,
    config: str | Path | Section | None,
    sections: Mapping[str, Any],
    strategy: Strategy | None,
    evaluator: Evaluator | None,
    *,
    runs_dir: Path,
    ledger: Path | None,
    cached: bool,
) -> tuple[NewRun, wiring.Supplied]:
    """Make the folder of a new run; also return the objects that it is begun with."""
    with tempfile.TemporaryDirectory() as scratch:
        plain = given.config(config, sections, Path(scratch))
        if strategy is not None:
            plain.setdefault("search", {})["strategy"] = f"{SUPPLIED}{strategy.name}"
        if evaluator is not None:
            plain["task"]["evaluator"] = f"{SUPPLIED}{evaluator.name}"
        read, start_runs = resolve_start(read_plain(plain), runs_dir)
        folders = _list_folders(config)
        settings, data, supplied = settle(given, read, folders, strategy, evaluator)
    settings = given.without_scratch(settings)
    source = str(Path(config).resolve()) if isinstance(config, str | Path) else None
    origin = Origin(source, start_runs=start_runs)
    uses = UsedTogether(str(ledger or ""))
    judge = supplied.evaluator
    run = start_with(
        settings, runs_dir, origin, cached=cached, data=data, evaluator=judge, uses=uses
    )
    return run, supplied


def _list_folders(config: str | Path | Section | None) -> tuple[Path, ...]:
    """Return where parts are looked for first: beside the config file, if there is one."""
    return (Path(config).resolve().parent,) if isinstance(config, str | Path) else ()


@check_call
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
    preflight: bool = True,
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
        preflight: Look at the first answers before the others are asked for.

    Returns:
        The evaluation as a run: its `candidates` are the prompts, in their order, and its
        `answers` those to them. Its folder is that of earlier calls with the same questions and
        the same named scorer, so that `load_run` may list more.

    Raises:
        OproError: What the command would print; every answer is kept.
    """
    texts = read_prompts(prompts)
    check_split(split)
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
    asked = given.models.get("scorer")
    models = {**given.models, **({"optimizer": asked} if asked else {})}  # never asked as that
    supplied = wiring.Supplied(models, given.metric)
    # Another process may wait for an evaluation that is not afresh, and then works on it.
    with explain_failure(cell.folder, supplied, is_new=fresh):
        run, ending = _ask(cell, supplied, show=show, preflight=preflight)
    result = build_result(run, finished=run.status == "finished")
    return Run(cell.folder, result, ending, run, supplied, texts)


def _ask(
    cell: app_evaluate.Cell, supplied: wiring.Supplied, *, show: bool, preflight: bool
) -> tuple[RecordedRun, str]:
    """Ask what is missing; also return how the session ended."""

    def work(stopper: Stopper) -> tuple[RecordedRun, str]:
        run, outcome = app_evaluate.evaluate(
            cell,
            lambda: list_observers(show=show),
            when_held=lambda _: None,
            preflight=preflight,
            supplied=supplied,
            stopper=stopper,
        )
        return run, outcome.ending if outcome else run.status

    return run_in_own_loop(work)


@check_call
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
    is_new: bool = False,
) -> Run:
    def work(stopper: Stopper) -> SessionOutcome:
        return work_on(
            folder,
            settings,
            list_observers(show=show),
            preflight=preflight,
            keep_going=keep_going,
            cached=cached,
            supplied=supplied,
            stopper=stopper,
            ledger=ledger,
        )

    with explain_failure(folder, supplied, is_new=is_new):
        outcome = run_in_own_loop(work)
    return Run(folder, outcome.result, outcome.ending, outcome.run, supplied)
