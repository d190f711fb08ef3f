"""Parts of a run that a caller hands over: rows, models and metrics as objects, instructions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.config.file import make_paths_absolute, read_plain_config
from opro_cli.config.prompts import inline_prompts
from opro_cli.core.settings.filled import overlay
from opro_cli.core.settings.misfits import find_unread_keys
from opro_cli.core.settings.models import is_control
from opro_cli.core.settings.read import find_halves, find_option_faults, read_options, read_settings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import SPLITS, Example
from opro_cli.core.task.problem import decode_problem
from opro_cli.core.text import HALF
from opro_cli.datasets.handed import write_handed
from opro_cli.datasets.loading import LoadedData
from opro_cli.errors import ConfigError, DataError, UsageError, reason_of
from opro_cli.evaluators import OutsideEvaluator
from opro_cli.files import read_file
from opro_cli.grading.grader import SUPPLIED_METRIC
from opro_cli.metrics import FunctionMetric
from opro_cli.models.callable import PREFIX, CallableModel, ModelFunction, OutsideModel
from opro_cli.models.control import ControlModel
from opro_cli.plugins import SUPPLIED
from opro_cli.ports import ChatModel, Evaluator, Metric, Problem, Strategy
from opro_cli.problems import ProblemEvaluator, choose_start
from opro_cli.problems.guarded import GuardedProblem
from opro_cli.strategies import PROBLEM_STRATEGIES

Section = Mapping[str, Any]
Model = str | Section | ModelFunction | ChatModel
"""A model's name, its section of the config, or a callable; in a section `model` may be one too."""
Rows = Iterable[Mapping[str, Any]]
MetricFunction = Callable[[str, str, str], float | bool | None]
"""The score, 0 to 1, of (reply, target, question); None when the reply is unreadable."""

IN_MEMORY = "memory://"
"""How a source of rows that a program handed over is named in the config of its run."""


class Given:
    """Parts of a config as a caller gave them, with objects among them."""

    def __init__(
        self,
        task: Section | None,
        models: Mapping[str, Model | None],
        metric: MetricFunction | Metric | None,
    ) -> None:
        self.metric = as_metric(metric)
        self.problem: Problem | None = None
        self.is_nameless = self.metric is not None
        """Something of it is an object that another run cannot tell from another one."""
        self.models: dict[str, ChatModel] = {}
        self._rows: dict[str, Rows] = {}
        self._sections: dict[str, Any] = {}
        for role, model in models.items():
            if model is not None:
                self._sections[role] = self._model_section(role, model)
        self._task = self._task_section(task)

    def config(
        self, config: str | Path | Section | None, sections: Mapping[str, Any], scratch: Path
    ) -> dict[str, Any]:
        """Return the whole config as plain data; rows are in files of the scratch folder."""
        plain = read_plain_config(Path(config)) if isinstance(config, str | Path) else config or {}
        further = {k: v for k, v in self._sections.items() if k not in ("scorer", "optimizer")}
        own = {k: v for k, v in self._sections.items() if k not in further}
        if further:
            own["roles"] = further
        if self._task:
            own["task"] = self._task
        own |= {key: value for key, value in sections.items() if value is not None}
        whole: dict[str, Any]
        whole = deepcopy(_read_texts(overlay(plain, own)))  # the caller keeps theirs
        make_paths_absolute(whole, Path.cwd())
        if problems := inline_prompts(whole, Path.cwd()):
            raise ConfigError("config", [f"{p.dotted}: {p.message}" for p in problems])
        for split, rows in self._rows.items():
            whole["task"]["data"][split] = str(write_handed(scratch, f"task.data.{split}", rows))
        return whole

    def without_scratch(self, settings: Settings) -> Settings:
        """Return settings that name rows of the caller's as such, not by a file that is gone."""
        names = {split: f"{IN_MEMORY}{split}" for split in self._rows}
        data = replace(settings.task.data, **names)  # type: ignore[arg-type]
        return replace(settings, task=replace(settings.task, data=data))

    def _model_section(self, role: str, model: Model) -> dict[str, Any]:
        if isinstance(model, str):
            return {"model": model}
        section: dict[str, Any]
        section = dict(model) if isinstance(model, Mapping) else {"model": model}
        inner = section.get("model")
        if inner is None or isinstance(inner, str):
            return section
        name = section.pop("name", None)
        self.models[role] = as_model(inner, name or role)
        section["model"] = f"{PREFIX}{name or role}"
        if name is None:  # two functions may stand behind "scorer"
            section.setdefault("cache", False)
            self.is_nameless = True
        return section

    def _task_section(self, task: Section | None) -> dict[str, Any]:
        section = dict(task or {})
        problem = section.get("problem")
        if problem is not None and not isinstance(problem, str):
            self.problem = as_problem(problem)
            section["problem"] = f"{SUPPLIED}{self.problem.name}"
        if self.metric is not None:
            section["answer"] = SUPPLIED_METRIC
        data = section.get("data")
        if data is None:
            return section
        if not isinstance(data, Mapping):
            data = {"train": data}
        data = {**data, **{k: section.pop(k) for k in ("input", "target", "group") if k in section}}
        for split in ("train", "dev", "test"):
            rows = data.get(split)
            if rows is not None and not isinstance(rows, str | Path):
                self._rows[split] = rows
                data[split] = split
        section["data"] = data
        return section


def _read_texts(value: Any) -> Any:
    """Return plain data whose texts are of no other class: one of numpy's cannot be written."""
    if isinstance(value, Mapping):
        return {_read_texts(name): _read_texts(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [*map(_read_texts, value)]
    return str.__str__(value) if isinstance(value, str) else value


def as_problem(problem: Any) -> GuardedProblem:
    """Return a problem whose mistakes are told in sentences; a class is made into one.

    Raises:
        UsageError: It is none.
    """
    name = getattr(problem, "name", None) or getattr(problem, "__name__", type(problem).__name__)
    return GuardedProblem(str(name), problem)


def start_from_drawn(settings: Settings, problem: Problem) -> Settings:
    """Return settings with the solutions that a problem starts from."""
    start = choose_start(settings, problem)
    return replace(settings, search=replace(settings.search, initial_instructions=start))


def supply_problem(
    supplied: wiring.Supplied, settings: Settings, problem: Problem, examples: Sequence[Example]
) -> wiring.Supplied:
    """Return the parts of a run on a problem that a program handed over.

    Args:
        supplied: The other parts that it handed over.
        settings: Of the run.
        problem: The problem.
        examples: Those of train: its instance.
    """
    strategy, optimizer = supplied.strategy, settings.optimizer.model
    if strategy is None and settings.search.strategy in PROBLEM_STRATEGIES:
        strategy = PROBLEM_STRATEGIES[settings.search.strategy](settings, problem)
    models = dict(supplied.models)
    if is_control(optimizer):
        models["optimizer"] = ControlModel(optimizer, problem, decode_problem(examples).instance)
    evaluator = supplied.evaluator or ProblemEvaluator(str(settings.task.problem), problem)
    return replace(supplied, strategy=strategy, models=models, evaluator=evaluator)


def settle(
    given: Given,
    settings: Settings,
    folders: Sequence[Path],
    strategy: Strategy | None,
    evaluator: Evaluator | None,
) -> tuple[Settings, LoadedData, wiring.Supplied]:
    """Return the settings, the data and the parts of a new run, before there is a folder of it.

    Args:
        given: Rows, models and metric as objects.
        settings: As the config has them.
        folders: Where a part from outside opro is looked for first.
        strategy: In place of `search.strategy`.
        evaluator: In place of `task.evaluator`.

    Raises:
        OproError: Something does not go together, or the data cannot be used.
    """
    if given.problem is not None:
        settings = start_from_drawn(settings, given.problem)
    settings = wiring.fill_in_new(settings, folders)
    read_options(strategy, settings.search.options)
    judge = as_evaluator(evaluator, settings)
    supplied = wiring.Supplied(given.models, given.metric, strategy, judge)
    if given.problem is None:
        return settings, wiring.load_data(settings, given.metric, folders), supplied
    data = wiring.load_problem(settings.task, given.problem)
    supplied = supply_problem(supplied, settings, given.problem, data.examples["train"])
    return settings, data, supplied


def read_plain(plain: Mapping[str, Any]) -> Settings:
    """Read a config that is plain data; ConfigError names every problem."""
    read = read_settings(plain, wiring.NAMES)
    problems = [*find_halves(plain), *read.problems]
    if read.settings is not None:
        problems += find_option_faults(read.settings, wiring.NAMES)
        problems += find_unread_keys(read.settings)
    if read.settings is None or problems:
        raise ConfigError("config", [f"{p.dotted}: {p.message}" for p in problems])
    return read.settings


def as_model(model: Any, name: str) -> ChatModel:
    """Return a model whose exceptions are ModelErrors, and a callable as one with this name.

    Raises:
        UsageError: It is neither.
    """
    if hasattr(model, "reply") and hasattr(model, "aclose") and not isinstance(model, type):
        return OutsideModel(str(getattr(model, "name", name)), model, pinned=False)
    if not callable(model):
        raise UsageError(f"{name}: expected a function of the chat, found {model!r:.60}")
    return CallableModel(model, f"{PREFIX}{name}")


def as_metric(metric: MetricFunction | Metric | None) -> Metric | None:
    """Return a metric as it is, and a function as one."""
    if metric is None or hasattr(metric, "grade"):
        return metric  # type: ignore[return-value]
    return FunctionMetric(metric, str)


def as_evaluator(evaluator: Evaluator | None, settings: Settings) -> Evaluator | None:
    """Return an evaluator of the caller's; None where the settings name the run's.

    Raises:
        UsageError: The config lacks a model that it asks.
    """
    if evaluator is None:
        return None
    outside = OutsideEvaluator(evaluator.name, evaluator, pinned=False)
    return wiring.adapt_evaluator(outside, settings)


def read_instruction(path: Path) -> str:
    """Read the instruction in a file, whole; "-" is stdin.

    Raises:
        DataError: It cannot be read, or is not UTF-8.
    """
    if path == Path():  # from "", what a script's unset variable leaves
        raise DataError(
            "an empty name, or a folder, and no file", "name a text file, or - for stdin"
        )
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else read_file(path)
        return data.decode().replace("\r\n", "\n").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text (byte {error.start})", "save the file as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {reason_of(error)}", "name a text file") from None


def read_prompts(prompts: Any) -> tuple[str, ...]:
    """Return the instructions that a program hands over: a text, or several.

    Raises:
        UsageError: There is none, or one is no text that can be sent.
    """
    given = (prompts,) if isinstance(prompts, str) or not isinstance(prompts, Iterable) else prompts
    texts = []
    for number, prompt in enumerate(given, start=1):
        if not isinstance(prompt, str):
            raise UsageError(
                f"prompt {number}: expected a text, found {type(prompt).__name__}",
                "give the instruction itself, or a list of instructions",
            )
        texts.append(_read_texts(prompt))
    if not texts:
        raise UsageError("no instruction to score", "give one prompt at least")
    refuse_halves(texts)
    return tuple(texts)


def check_split(split: Any) -> None:
    """Raise UsageError for a split that there is not."""
    if split not in SPLITS:
        raise UsageError(f"split: expected train, dev or test, found {split!r:.60}")


def refuse_halves(prompts: Iterable[str]) -> None:
    """Raise UsageError for an instruction with half a character in it, which cannot be sent."""
    for prompt in prompts:
        if HALF.search(prompt):
            raise UsageError(f"an instruction with half a character in it: {prompt!r:.60}")
