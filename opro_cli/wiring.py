"""The only module that names concrete parts: settings in, ready objects out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opro_cli.config.file import ReadConfig, expand_search_preset, load_config
from opro_cli.config.file import read_config as read_config_file
from opro_cli.config.overrides import Override
from opro_cli.core.run.progress import Role
from opro_cli.core.scale import SHARE
from opro_cli.core.settings.filled import fill_search
from opro_cli.core.settings.models import (
    UNUSED,
    PriceSettings,
    is_control,
    is_embedded,
    is_gguf,
)
from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.read import read_options, read_settings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Example, Split, fingerprint_examples
from opro_cli.core.task.problem import decode_problem, encode_problem
from opro_cli.datasets.loading import LoadedData, load_examples
from opro_cli.datasets.presets import expand_preset
from opro_cli.errors import UsageError
from opro_cli.evaluators import InlineGrader, ModelEvaluator, OutsideEvaluator, Repeats
from opro_cli.grading.grader import SUPPLIED_METRIC, build_grader, build_metric, describe_grading
from opro_cli.metrics import METRICS, create_metric
from opro_cli.models import build_model
from opro_cli.models.accounts import make_redactor, name_key_variable
from opro_cli.models.callable import apply_timeout
from opro_cli.models.control import ControlModel
from opro_cli.models.prices import find_capped_prices
from opro_cli.models.providers import find_model_defaults
from opro_cli.plugins import SUPPLIED, find_outside_part, is_offered
from opro_cli.ports import AnswerCache, ChatModel, Evaluator, Metric, Problem, Strategy
from opro_cli.problems import (
    ProblemEvaluator,
    build_problem,
    choose_start,
    find_parameter_faults,
    record_problem,
    value_start,
)
from opro_cli.reports.request_words import name_role
from opro_cli.store.answer_cache import open_caches
from opro_cli.strategies import (
    META_PROMPTS,
    OPTIONS,
    PROBLEM_STRATEGIES,
    SHOW_SCORES,
    STRATEGIES,
)


def read_config(
    config: Path, overrides: Sequence[Override] = (), *, is_copy: bool = False
) -> Settings:
    """Read and check a config file, with keys in place of its own; `is_copy`: see `load_config`."""
    return load_config(config, NAMES, overrides, is_copy=is_copy)


def read_scoring_config(
    config: Path, overrides: Sequence[Override] = (), home: Path | None = None
) -> Settings:
    """Read and check a config file whose given prompts are scored: it needs no optimizer.

    Args:
        config: The file.
        overrides: Keys in place of those of the file.
        home: The folder that its data and models are beside, where that is not the file's own.
    """
    return load_config(config, replace(NAMES, searches=False), overrides, home=home)


def read_partly(config: Path, overrides: Sequence[Override] = ()) -> ReadConfig:
    """Read a config file as far as that goes, with keys in place of its own."""
    return read_config_file(config, NAMES, overrides)


def parse_settings(plain: Mapping[str, Any]) -> Settings | None:
    """Return settings that were written out as plain data; None where they cannot be read.

    Keys that came later have their defaults.
    """
    return read_settings(plain, NAMES).settings


def fill_in_new(settings: Settings, folders: Sequence[Path] = ()) -> Settings:
    """Return settings with what was left open filled in as a new run has it.

    A run that is older than such a key keeps it open, so that it is resumed as it began.

    Args:
        settings: As the config has them.
        folders: Where a part from outside opro is looked for first.

    Raises:
        OproError: A problem has no solutions to start from.
    """
    task, search = settings.task, settings.search
    if task.problem is not None and not task.problem.startswith(SUPPLIED):
        start = choose_start(settings, build_problem(task.problem, folders))
        search = replace(search, initial_instructions=start)
    search = fill_search(search, of_problem=bool(task.problem))
    return replace(settings, search=search)


def _check_answer(spec: str) -> None:
    """Check the name of a metric; a user's own code is not run for that.

    Raises:
        ValueError: There is none of this name.
    """
    if spec == SUPPLIED_METRIC:
        return
    if spec.startswith("python:"):
        if not re.fullmatch(r"python:[\w.]+:\w+", spec):
            raise ValueError(f"expected python:MODULE:FUNCTION, found {spec!r}")
    elif spec.partition(":")[0] in METRICS or not is_offered("metrics", spec.partition(":")[0]):
        create_metric(spec)


NAMES = NameResolver(
    check_answer=_check_answer,
    strategies=tuple(STRATEGIES),
    task_preset=expand_preset,
    search_preset=expand_search_preset,
    is_offered=is_offered,
    problem_strategies=tuple(PROBLEM_STRATEGIES),
    strategy_options=OPTIONS,
    find_parameter_faults=find_parameter_faults,
    find_key_variable=name_key_variable,
    model_defaults=find_model_defaults,
)


def build_strategy(settings: Settings, folders: Sequence[Path] = ()) -> Strategy:
    """Return the search policy that `search.strategy` names.

    Args:
        settings: Of the run.
        folders: Where a part from outside opro is looked for first.

    Raises:
        UsageError: A part from outside opro cannot be imported, is no strategy, or refuses
            `search.options`.
    """
    name = settings.search.strategy
    if name in STRATEGIES:
        return STRATEGIES[name](settings)
    if name in PROBLEM_STRATEGIES and settings.task.problem is not None:
        problem = build_problem(settings.task.problem, folders)
        return PROBLEM_STRATEGIES[name](settings, problem)
    part = find_outside_part("search.strategy", "strategies", name, folders).value
    _check_strategy(name, part, ("propose", "read", "reject"))  # a class is not called in vain
    strategy: Strategy = part() if isinstance(part, type) else part
    _check_strategy(name, strategy, ("needs", "halves"))
    read_options(strategy, settings.search.options)  # refused before anything is asked
    return strategy


def _check_strategy(name: str, part: object, attributes: Sequence[str]) -> None:
    """Check that a part from outside opro has what the loop asks of a strategy.

    Raises:
        UsageError: It lacks something.
    """
    missing = [each for each in attributes if not hasattr(part, each)]
    if missing:
        raise UsageError(
            f"search.strategy: {name} is not a strategy: it has no {', '.join(missing)}",
            "subclass opro_cli.Strategy; `opro docs extending` has an example",
        )


def build_evaluator(
    settings: Settings,
    examples: Sequence[Example],
    folders: Sequence[Path] = (),
    metric: Metric | None = None,
    replies: Mapping[tuple[str, Split, int], str] | None = None,
) -> Evaluator:
    """Return what scores candidates, as `task.evaluator` names it.

    Args:
        settings: Of the run.
        examples: Those of train, which demonstrations are taken from.
        folders: Where a part from outside opro is looked for first.
        metric: In place of the one that `task.answer` names.
        replies: The scorer's train replies, for demonstrations that show one.

    Raises:
        UsageError: A part from outside opro cannot be imported, or the config lacks a model that
            it asks.
    """
    task = settings.task
    if task.problem is not None:
        return ProblemEvaluator(task.problem, build_problem(task.problem, folders))
    if task.evaluator == "model":
        form = task.format
        grader = InlineGrader(metric) if metric else build_grader(settings, folders)
        shown = {} if replies is None else replies  # an empty one is filled later
        repeats = Repeats(settings.scorer.repeats, settings.scorer.repeat_score)
        return ModelEvaluator(grader, form, task.second_round, examples, shown, repeats)
    part = find_outside_part("task.evaluator", "evaluators", task.evaluator, folders)
    return adapt_evaluator(OutsideEvaluator(task.evaluator, part.value), settings)


def adapt_evaluator(evaluator: OutsideEvaluator, settings: Settings) -> OutsideEvaluator:
    """Return an evaluator whose models are all there.

    Raises:
        UsageError: The config lacks one.
    """
    for role in evaluator.roles:
        if role not in settings.models:
            raise UsageError(
                f"task.evaluator {evaluator.name} asks a {role}, and the config has none",
                f"give it a section {name_role(role)} with a model",
            )
    return evaluator


def check_scale(settings: Settings, evaluator: Evaluator) -> None:
    """Check that the strategy can show the scores of an evaluator.

    Raises:
        UsageError: The meta-prompts of OPRO show shares, and these scores are none.
    """
    name, asks = settings.search.strategy, settings.optimizer.model != UNUSED
    if evaluator.scale != SHARE and (name in META_PROMPTS or (name in SHOW_SCORES and asks)):
        raise UsageError(
            f"search.strategy {settings.search.strategy} shows scores from 0 to 100, and those of "
            f"task.evaluator {settings.task.evaluator} are on a scale of its own",
            "name a strategy that knows it (`opro docs extending`), or score from 0 to 1",
        )


@dataclass(frozen=True, slots=True)
class Supplied:
    """Parts that a program hands over as objects; the config then names none or others.

    Attributes:
        models: By role, each in place of the model that the config names.
        metric: In place of `task.answer`.
        strategy: In place of `search.strategy`.
        evaluator: In place of `task.evaluator`.
    """

    models: Mapping[Role, ChatModel] = field(default_factory=dict)
    metric: Metric | None = None
    strategy: Strategy | None = None
    evaluator: Evaluator | None = None


NOTHING_SUPPLIED = Supplied()


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one session of a run, built once and handed down."""

    strategy: Strategy
    evaluator: Evaluator
    models: Mapping[Role, Sequence[ChatModel]]
    prices: Mapping[Role, PriceSettings | None]
    caches: Mapping[Role, AnswerCache]
    redact: Callable[[str], str]
    replies: dict[tuple[str, Split, int], str]
    """Train replies that the run keeps for its strategy, and the evaluator shows."""

    @property
    def cache_trouble(self) -> str:
        """Why answers are not looked up or kept, "" when they are."""
        return next((cache.trouble for cache in self.caches.values() if cache.trouble), "")

    async def aclose(self) -> None:
        """Give back connections, processes and files; from the event loop that used them."""
        for models in self.models.values():
            for model in models:
                await model.aclose()
        if isinstance(self.evaluator, ModelEvaluator):
            await self.evaluator.grader.aclose()
        for cache in self.caches.values():
            await asyncio.to_thread(cache.close)


def assemble(
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    folders: Sequence[Path] = (),
    *,
    cached: bool = True,
    supplied: Supplied = NOTHING_SUPPLIED,
) -> Parts:
    """Build the parts of a session.

    Args:
        settings: Of the run.
        examples: By split.
        folders: Where parts from outside opro are looked for first.
        cached: Look up and keep answers where the settings say so.
        supplied: Parts in place of those that the settings name.
    """
    strategy = supplied.strategy or build_strategy(settings, folders)
    served = supplied.models
    asked = settings.asked_models
    if {role for role, each in asked.items() if is_gguf(each.model)} - served.keys():
        from opro_cli.models.gguf_model import build_gguf_models  # as in `build_model`

        start = value_start(settings, examples, folders)
        served = {**build_gguf_models(settings, examples, strategy, start), **served}
    replies: dict[tuple[str, Split, int], str] = {}
    return Parts(
        strategy=strategy,
        evaluator=supplied.evaluator
        or build_evaluator(settings, examples["train"], folders, supplied.metric, replies),
        models=build_models(settings, served, folders, examples["train"]),
        prices=find_capped_prices(settings),
        caches=open_caches(settings) if cached else {},
        redact=make_redactor(settings),
        replies=replies,
    )


def load_data(
    settings: Settings, metric: Metric | None = None, folders: Sequence[Path] = ()
) -> LoadedData:
    """Read the dataset and cut the splits, once it is sure that answers can be graded.

    Args:
        settings: Of the run.
        metric: In place of the one that `task.answer` names.
        folders: Where a part from outside opro is looked for first.
    """
    task = settings.task
    if task.problem is not None:
        return load_problem(task, build_problem(task.problem, folders))
    describe_grading(settings, folders)
    metric = metric or build_metric(settings, folders)
    return load_examples(settings.task, metric, settings.prompt_files or ())


def load_problem(task: TaskSettings, problem: Problem) -> LoadedData:
    """Draw the instance of a problem, the one example of its run."""
    recorded = record_problem(task, problem)
    examples: dict[Split, tuple[Example, ...]]
    examples = {"train": (encode_problem(recorded),), "dev": (), "test": ()}
    known = ", ".join(f"{each.name} {each.value:.6g}" for each in recorded.references)
    notes = (f"problem: {recorded.name}{known and ', '}{known}",)
    return LoadedData(examples, notes, 0, fingerprint_examples(examples))


def build_models(
    settings: Settings,
    supplied: Mapping[Role, ChatModel] | None = None,
    folders: Sequence[Path] = (),
    examples: Sequence[Example] = (),
) -> dict[Role, tuple[ChatModel, ...]]:
    """Return the model of each role, at all of its endpoints; those supplied as they are.

    Args:
        settings: Of the run.
        supplied: Models in place of those that the settings name.
        folders: Where a part from outside opro is looked for first.
        examples: Those of train, one of which is a control's problem.
    """
    built: dict[Role, tuple[ChatModel, ...]] = {}
    workers = None
    for role, model in settings.asked_models.items():
        if supplied and role in supplied:
            built[role] = (apply_timeout(supplied[role], model.timeout),)
        elif is_embedded(model.model):
            # Imported when used, as in `build_model`.
            from opro_cli.models.embedded import EmbeddedModel, Workers

            workers = workers or Workers()  # processes take memory: the same ones for all
            built[role] = (EmbeddedModel(model.model, workers),)
        elif is_control(model.model) and settings.task.problem is not None:
            problem = build_problem(settings.task.problem, folders)
            instance = decode_problem(examples).instance
            built[role] = (ControlModel(model.model, problem, instance),)
        else:
            key, searched = f"{name_role(role)}.model", [*folders, Path.cwd()]
            built[role] = tuple(build_model(each, key, searched) for each in model.deployments)
    return built
