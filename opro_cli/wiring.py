"""The only module that names concrete parts: settings in, ready objects out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opro_cli.config.file import expand_search_preset, load_config
from opro_cli.core.run.candidates import SHARE
from opro_cli.core.run.progress import Role
from opro_cli.core.settings.read import NameResolver, read_options, read_settings
from opro_cli.core.settings.settings import (
    BASELINES,
    ModelSettings,
    PriceSettings,
    Settings,
    is_embedded,
)
from opro_cli.core.task.example import Example, Split
from opro_cli.core.task.prompt import PromptFormat
from opro_cli.datasets.loading import LoadedData, load_examples
from opro_cli.datasets.presets import expand_preset
from opro_cli.errors import UsageError
from opro_cli.evaluators import InlineGrader, ModelEvaluator, OutsideEvaluator
from opro_cli.grading.grader import SUPPLIED_METRIC, build_grader, build_metric, describe_grading
from opro_cli.metrics import METRICS, create_metric
from opro_cli.models import build_model
from opro_cli.models.accounts import build_redactor, collect_sent_keys
from opro_cli.models.callable import adapt_part
from opro_cli.models.providers import Provider, find_provider
from opro_cli.plugins import Part, find_entry_point, find_part, is_offered, is_outside, load_part
from opro_cli.ports import AnswerCache, ChatModel, Evaluator, Metric, Strategy
from opro_cli.store.answer_cache import AnswerStore
from opro_cli.store.answer_file import find_cache_path, read_cache_limit
from opro_cli.strategies import STRATEGIES


def read_config(config: Path) -> Settings:
    """Read and check a config file."""
    return load_config(config, NAMES)


def parse_settings(plain: Mapping[str, Any]) -> Settings | None:
    """Return settings that were written out as plain data; None where they cannot be read.

    Keys that came later have their defaults.
    """
    return read_settings(plain, NAMES).settings


def fill_in_new(settings: Settings) -> Settings:
    """Return settings with what was left open filled in as a new run has it.

    A run that is older than such a key keeps it open, so that it is resumed as it began.
    """
    search = settings.search
    if search.baselines is None:
        search = replace(search, baselines=BASELINES)
    if search.noise_check is None:
        search = replace(search, noise_check=True)
    if search.racing is None:
        search = replace(search, racing=search.rules != "paper")
    return replace(settings, search=search)


SUPPLIED = "python:supplied:"
"""How a strategy or an evaluator is named that a program handed over as an object."""


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
)


def build_strategy(settings: Settings, folders: Sequence[Path] = ()) -> Strategy:
    """Return the search policy that `search.strategy` names.

    Args:
        settings: Of the run.
        folders: Where a part from outside opro is looked for first.

    Raises:
        UsageError: A part from outside opro cannot be imported, or refuses `search.options`.
    """
    name = settings.search.strategy
    if name in STRATEGIES:
        return STRATEGIES[name](settings)
    part = _find_outside_part("search.strategy", "strategies", name, folders).value
    strategy: Strategy = part() if isinstance(part, type) else part
    read_options(strategy, settings.search.options)  # refused before anything is asked
    return strategy


def _find_outside_part(key: str, group: str, name: str, folders: Sequence[Path]) -> Part:
    if name.startswith(SUPPLIED):
        keyword = key.rpartition(".")[2]
        raise UsageError(
            f"the {keyword} of this run is an object of the program that began it",
            f"resume it from Python: opro_cli.load_run(RUN).resume({keyword}=…)",
        )
    part = find_part(key, group, name, [*folders, Path.cwd()])
    if part is None:
        raise UsageError(
            f"{key}: no installed distribution offers {name}",
            f"install the one that did, or name another {key}",
        )
    return part


def find_origins_of_parts(
    settings: Settings, folders: Sequence[Path] = ()
) -> dict[str, dict[str, str]]:
    """Return name and origin of each part from outside opro that a run uses, by config key.

    Raises:
        UsageError: One cannot be imported or built.
    """
    origins: dict[str, dict[str, str]] = {}
    strategy, evaluator = settings.search.strategy, settings.task.evaluator
    if strategy not in STRATEGIES and not strategy.startswith(SUPPLIED):
        build_strategy(settings, folders)
        part = _find_outside_part("search.strategy", "strategies", strategy, folders)
        origins["search.strategy"] = {"name": strategy, **part.origin}
    if evaluator != "model" and not evaluator.startswith(SUPPLIED):
        build_evaluator(settings, (), folders)
        part = _find_outside_part("task.evaluator", "evaluators", evaluator, folders)
        origins["task.evaluator"] = {"name": evaluator, **part.origin}
    kind = settings.task.answer.partition(":")[0]
    known = (*METRICS, "python", SUPPLIED_METRIC)
    if kind not in known and (metric := find_entry_point("metrics", kind)):
        origins["task.answer"] = {"name": settings.task.answer, **metric.origin}
    for role, model in settings.models.items():
        key, provider = f"{role}.model", model.model.partition("/")[0]
        if is_outside(model.model):
            part = load_part(key, model.model, [*folders, Path.cwd()])
            adapt_part(part, key, model)
            origins[key] = {"name": model.model, **part.origin}
            continue
        if provider in ("embedded", "callable") or find_provider(model.model) != Provider(
            (provider,)
        ):
            continue  # opro's own
        if backend := find_entry_point("models", provider):
            origins[key] = {"name": model.model, **backend.origin}
    return origins


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
    if task.evaluator == "model":
        form = PromptFormat(task.instruction_position, task.qa_markers)
        grader = InlineGrader(metric) if metric else build_grader(settings, folders)
        shown = {} if replies is None else replies  # an empty one is filled later
        return ModelEvaluator(grader, form, task.second_round, examples, shown)
    part = _find_outside_part("task.evaluator", "evaluators", task.evaluator, folders)
    return adapt_evaluator(OutsideEvaluator(task.evaluator, part.value), settings)


def adapt_evaluator(evaluator: OutsideEvaluator, settings: Settings) -> OutsideEvaluator:
    """Return an evaluator whose models are all there.

    Raises:
        UsageError: The config lacks one.
    """
    for role in evaluator.roles:
        if role not in settings.models:
            key = role if role == "scorer" else f"roles.{role}"
            raise UsageError(
                f"task.evaluator {evaluator.name} asks a {role}, and the config has none",
                f"give it a section {key} with a model",
            )
    return evaluator


def check_scale(settings: Settings, evaluator: Evaluator) -> None:
    """Check that the strategy can show the scores of an evaluator.

    Raises:
        UsageError: The meta-prompts of OPRO show shares, and these scores are none.
    """
    if evaluator.scale != SHARE and settings.search.strategy in STRATEGIES:
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
    replies: dict[tuple[str, Split, int], str] = {}
    return Parts(
        strategy=strategy,
        evaluator=supplied.evaluator
        or build_evaluator(settings, examples["train"], folders, supplied.metric, replies),
        models=build_models(settings, supplied.models, folders),
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
    describe_grading(settings, folders)
    return load_examples(settings.task, metric or build_metric(settings, folders))


def build_models(
    settings: Settings,
    supplied: Mapping[Role, ChatModel] | None = None,
    folders: Sequence[Path] = (),
) -> dict[Role, tuple[ChatModel, ...]]:
    """Return the model of each role, at all of its endpoints; those supplied as they are.

    Args:
        settings: Of the run.
        supplied: Models in place of those that the settings name.
        folders: Where a part from outside opro is looked for first.
    """
    built: dict[Role, tuple[ChatModel, ...]] = {}
    workers = None
    for role, model in settings.models.items():
        if supplied and role in supplied:
            built[role] = (supplied[role],)
        elif is_embedded(model.model):
            # Imported when used, as in `build_model`.
            from opro_cli.models.embedded import EmbeddedModel, Workers

            workers = workers or Workers()  # processes take memory: the same ones for all
            built[role] = (EmbeddedModel(model.model, workers),)
        else:
            key, searched = f"{role}.model", [*folders, Path.cwd()]
            built[role] = tuple(build_model(each, key, searched) for each in model.deployments)
    return built


def open_caches(settings: Settings) -> dict[Role, AnswerCache]:
    """Open the answer caches of the models that are cached, by role.

    Raises:
        UsageError: OPRO_CACHE_MB is no size.
    """
    cached = {role: model for role, model in settings.models.items() if is_cached(model)}
    if not cached:
        return {}
    store = AnswerStore(find_cache_path(), read_cache_limit())
    return {role: store.bind(model) for role, model in cached.items()}


def is_cached(model: ModelSettings) -> bool:
    """Return True for a model whose answers are kept for other runs.

    An embedded one is computed here and free, and another version of opro may bring other weights
    under its name. So may the next edit of a module: python:MODULE:NAME is cached where the config
    says so.
    """
    if is_outside(model.model):
        return model.cache is True
    return model.cache is not False and not is_embedded(model.model)


def make_redactor(settings: Settings) -> Callable[[str], str]:
    """Build the function that removes from a model's words the keys sent to either model."""
    sent = (collect_sent_keys(each.model, each.api_base) for each in list_deployments(settings))
    return build_redactor(frozenset().union(*sent))


def list_deployments(settings: Settings) -> tuple[ModelSettings, ...]:
    """Return all models at all of their endpoints."""
    return tuple(each for model in settings.models.values() for each in model.deployments)


def find_capped_prices(settings: Settings) -> dict[Role, PriceSettings | None]:
    """Return the price of each model, as far as a ceiling in dollars needs it."""
    return {} if settings.budget.usd is None else list_prices(settings)


def list_prices(settings: Settings) -> dict[Role, PriceSettings | None]:
    """Return the price of each model, None where nobody knows."""
    from opro_cli.models.accounts import find_price

    return {role: find_price(model) for role, model in settings.models.items()}
