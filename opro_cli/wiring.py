"""The only module that names concrete parts: settings in, ready objects out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opro_cli.config.file import load_config
from opro_cli.config.search_presets import expand_search_preset
from opro_cli.core.run.progress import Role
from opro_cli.core.settings.read import NameResolver, read_settings
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
from opro_cli.errors import ModelError, UsageError
from opro_cli.evaluators.model import InlineGrader, ModelEvaluator, gold_demo
from opro_cli.evaluators.outside import OutsideEvaluator
from opro_cli.grading.grading_worker import import_when_called
from opro_cli.metrics import FunctionMetric, create_metric
from opro_cli.metrics.paper import PAPER_KINDS, PaperMetric, SecondRound
from opro_cli.models import build_model
from opro_cli.models.keys import (
    build_redactor,
    collect_sent_keys,
    find_missing_keys,
    keys_not_set,
    redact,
)
from opro_cli.models.providers import find_own_address, is_loopback
from opro_cli.plugins import Part, find_part, is_offered
from opro_cli.ports import AnswerCache, ChatModel, Evaluator, Grader, Metric, Strategy
from opro_cli.store.answer_cache import AnswerStore
from opro_cli.store.answer_file import find_cache_path, read_cache_limit
from opro_cli.strategies import STRATEGIES

if TYPE_CHECKING:
    from opro_cli.models.servers import Server


def settings_from(config: Path) -> Settings:
    """Read and check a config file."""
    return load_config(config, NAMES)


def settings_of(plain: Mapping[str, Any]) -> Settings | None:
    """Settings that were written out as plain data, keys that came later at their defaults.

    None when they are none.
    """
    return read_settings(plain, NAMES).settings


def for_a_new_run(settings: Settings) -> Settings:
    """Settings with what was left open filled in as a new run has it.

    A run of before there were such keys leaves them open for good, and is gone on with as it was.
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
SUPPLIED_METRIC = "callable"
"""`task.answer` of a run whose metric is an object of the program that began it."""


def _check_answer(spec: str) -> None:
    """ValueError when no metric has this name; a user's own code is not run for a check."""
    if spec == SUPPLIED_METRIC:
        return
    if spec.startswith("python:"):
        if not re.fullmatch(r"python:[\w.]+:\w+", spec):
            raise ValueError(f"expected python:MODULE:FUNCTION, found {spec!r}")
    else:
        create_metric(spec)


NAMES = NameResolver(
    check_answer=_check_answer,
    strategies=tuple(STRATEGIES),
    task_preset=expand_preset,
    search_preset=expand_search_preset,
    is_offered=is_offered,
)


def metric_for(settings: Settings) -> Metric:
    """The metric that `task.answer` and `task.scoring` name."""
    task = settings.task
    if task.scoring != "default":
        return PaperMetric(
            PAPER_KINDS[task.answer],
            second_round=task.second_round,
            boxed=task.scoring == "paper-boxed",
        )
    if task.answer == SUPPLIED_METRIC:
        raise UsageError(
            "the metric of this run is a function of the program that began it",
            "resume it from Python: opro_cli.load_run(RUN).resume(metric=…)",
        )
    if task.answer.startswith("python:"):
        return FunctionMetric(import_when_called(task.answer), redact)
    metric = create_metric(task.answer)
    # The other kinds look for a text of their own, and would find it in the cue.
    reads_sentences = task.answer in PAPER_KINDS
    return SecondRound(metric) if task.second_round and reads_sentences else metric


def grader_for(settings: Settings) -> Grader:
    """The metric at work; a user's function or pattern in a process that can be killed.

    Raises UsageError when there is no such function. To be made for one event loop.
    """
    task = settings.task
    if not task.answer.startswith(("python:", "regex:")):
        return InlineGrader(metric_for(settings))
    from opro_cli.grading.worker_grader import WorkerGrader  # asyncio's processes

    grading_notes(settings)
    return WorkerGrader(task.answer, task.answer_timeout)


def grading_notes(settings: Settings) -> tuple[str, ...]:
    """What a person is told about the grading: that code of their own does it, if it does.

    Raises UsageError when that code cannot be imported.
    """
    if not settings.task.answer.startswith("python:"):
        return ()
    from opro_cli.grading.worker_grader import check_code

    return (check_code(settings.task.answer),)


def strategy_for(settings: Settings, folders: Sequence[Path] = ()) -> Strategy:
    """Return the search policy that `search.strategy` names.

    Args:
        settings: Of the run.
        folders: Where a part from outside opro is looked for first.

    Raises:
        UsageError: A part from outside opro cannot be imported.
    """
    name = settings.search.strategy
    if name in STRATEGIES:
        return STRATEGIES[name](settings)
    part = _outside_part("search.strategy", "strategies", name, folders).value
    strategy: Strategy = part() if isinstance(part, type) else part
    return strategy


def _outside_part(key: str, group: str, name: str, folders: Sequence[Path]) -> Part:
    part = find_part(key, group, name, [*folders, Path.cwd()])
    if part is None:
        raise UsageError(
            f"{key}: no installed distribution offers {name}",
            f"install the one that did, or name another {key}",
        )
    return part


def outside_parts(settings: Settings, folders: Sequence[Path] = ()) -> dict[str, dict[str, str]]:
    """Return name and origin of each part from outside opro that a run uses, by config key.

    Raises:
        UsageError: One cannot be imported or built.
    """
    origins: dict[str, dict[str, str]] = {}
    strategy, evaluator = settings.search.strategy, settings.task.evaluator
    if strategy not in STRATEGIES and not strategy.startswith(SUPPLIED):
        strategy_for(settings, folders)
        part = _outside_part("search.strategy", "strategies", strategy, folders)
        origins["search.strategy"] = {"name": strategy, **part.origin}
    if evaluator != "model" and not evaluator.startswith(SUPPLIED):
        evaluator_for(settings, (), folders)
        part = _outside_part("task.evaluator", "evaluators", evaluator, folders)
        origins["task.evaluator"] = {"name": evaluator, **part.origin}
    return origins


def evaluator_for(
    settings: Settings,
    examples: Sequence[Example],
    folders: Sequence[Path] = (),
    metric: Metric | None = None,
) -> Evaluator:
    """Return what scores candidates, as `task.evaluator` names it.

    Args:
        settings: Of the run.
        examples: Those of train, which demonstrations are taken from.
        folders: Where a part from outside opro is looked for first.
        metric: In place of the one that `task.answer` names.

    Raises:
        UsageError: A part from outside opro cannot be imported, or the config lacks a model that
            it asks.
    """
    task = settings.task
    if task.evaluator == "model":
        form = PromptFormat(task.instruction_position, task.qa_markers)
        demo = gold_demo(examples)
        grader = InlineGrader(metric) if metric else grader_for(settings)
        return ModelEvaluator(grader, form, task.second_round, demo)
    part = _outside_part("task.evaluator", "evaluators", task.evaluator, folders)
    evaluator = OutsideEvaluator(task.evaluator, part.value)
    for role in evaluator.roles:
        if role not in settings.models:
            key = role if role == "scorer" else f"roles.{role}"
            raise UsageError(
                f"task.evaluator {task.evaluator} asks a {role}, and the config has none",
                f"give it a section {key} with a model",
            )
    return evaluator


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
    strategy = supplied.strategy or strategy_for(settings, folders)
    return Parts(
        strategy=strategy,
        evaluator=supplied.evaluator
        or evaluator_for(settings, examples["train"], folders, supplied.metric),
        models=models_for(settings, supplied.models),
        prices=prices_for(settings),
        caches=caches_for(settings) if cached else {},
        redact=redactor_for(settings),
    )


def data_for(settings: Settings, metric: Metric | None = None) -> LoadedData:
    """Read the dataset and cut the splits, once it is sure that answers can be graded.

    Args:
        settings: Of the run.
        metric: In place of the one that `task.answer` names.
    """
    grading_notes(settings)
    return load_examples(settings.task, metric or metric_for(settings))


def models_for(
    settings: Settings, supplied: Mapping[Role, ChatModel] | None = None
) -> dict[Role, tuple[ChatModel, ...]]:
    """Return the model of each role, at all of its endpoints; those supplied as they are."""
    given = {role: (model,) for role, model in (supplied or {}).items()}
    named = {role: model for role, model in settings.models.items() if role not in given}
    if sum(is_embedded(model.model) for model in named.values()) < 2:
        built = {role: tuple(map(build_model, model.deployments)) for role, model in named.items()}
        return {role: given.get(role) or built[role] for role in settings.models}
    # Imported when used, as in `build_model`.
    from opro_cli.models.embedded import EmbeddedModel, Workers

    workers = Workers()  # processes take memory: the same ones for all
    built = {
        role: (EmbeddedModel(model.model, workers),)
        if is_embedded(model.model)
        else tuple(map(build_model, model.deployments))
        for role, model in named.items()
    }
    return {role: given.get(role) or built[role] for role in settings.models}


def caches_for(settings: Settings) -> dict[Role, AnswerCache]:
    """The answer caches of the models, opened; UsageError for a limit that is none.

    None for a model that is told to do without, nor for an embedded one.
    """
    cached = {role: model for role, model in settings.models.items() if is_cached(model)}
    if not cached:
        return {}
    store = AnswerStore(find_cache_path(), read_cache_limit())
    return {role: store.bind(model) for role, model in cached.items()}


def keys_missing(settings: Settings) -> tuple[str, ...]:
    """Environment variables that must be set before the models can be called."""
    needed: dict[str, None] = {}
    for each in _deployments(settings):
        needed.update(dict.fromkeys(find_missing_keys(each.model, each.api_base)))
    return tuple(needed)


def require_cache_limit(settings: Settings) -> None:
    """UsageError for an OPRO_CACHE_MB that is no size, where answers are cached at all."""
    if any(is_cached(model) for model in (settings.scorer, settings.optimizer)):
        read_cache_limit()


def is_cached(model: ModelSettings) -> bool:
    """Return True for a model whose answers are kept for other runs.

    An embedded one is computed here and free, and another version of opro may bring other weights
    under its name.
    """
    return model.cache is not False and not is_embedded(model.model)


def redactor_for(settings: Settings) -> Callable[[str], str]:
    """Build the function that removes from a model's words the keys sent to either model."""
    sent = (collect_sent_keys(each.model, each.api_base) for each in _deployments(settings))
    return build_redactor(frozenset().union(*sent))


def _deployments(settings: Settings) -> tuple[ModelSettings, ...]:
    """All models at all of their endpoints."""
    return tuple(each for model in settings.models.values() for each in model.deployments)


def require_servers(settings: Settings) -> None:
    """ModelError when nobody listens where a model server of this machine should be.

    Of several endpoints one is enough; those of other machines may be there.
    """
    for model in settings.models.values():
        refusals: list[ModelError] = []
        for each in model.deployments:
            address = find_own_address(each.model, each.api_base)
            if address is None or not is_loopback(address):
                break
            from opro_cli.models.servers import require_listener

            try:
                require_listener(each, address)
                break
            except ModelError as error:
                refusals.append(error)
        else:
            words = "; ".join(refusal.message for refusal in refusals)
            raise ModelError(words, refusals[0].hint, transient=True)


def servers_of(settings: Settings) -> tuple[Server, ...]:
    """The servers that the user runs; those on this machine are asked whether they are ready."""
    models = _deployments(settings)
    if not any(find_own_address(model.model, model.api_base) for model in models):
        return ()
    from opro_cli.models.servers import inspect_servers

    return inspect_servers(models)


def servers_missed(settings: Settings, servers: Sequence[Server]) -> tuple[Server, ...]:
    """Those without which no run can begin: of a model that has no other that may be ready."""
    missed: dict[Server, None] = {}
    for model in settings.models.values():
        own = {(each.model, each.api_base) for each in model.deployments}
        found = [server for server in servers if server.key in own]
        if len(found) == len(own) and all(server.problem for server in found):
            missed.update(dict.fromkeys(found))
    return tuple(missed)


def notes_on_servers(
    settings: Settings, servers: Sequence[Server], longest: Mapping[str, int]
) -> tuple[str, ...]:
    """What of them does not go with the config: prompts too long, more calls than they answer.

    Also which endpoints are not ready, where others are.
    """
    if not servers:
        return ()
    from opro_cli.models.servers import build_server_notes

    found = {server.key: server for server in servers}
    missed = servers_missed(settings, servers)
    notes = []
    for role, model in settings.models.items():
        for each in model.deployments:
            server = found.get((each.model, each.api_base))
            if server is None:
                continue
            name = f"{role} endpoint {server.address}:" if model.endpoints else role
            notes += [
                f"{name} {note}" for note in build_server_notes(server, each, longest.get(role, 0))
            ]
            if server.problem and server not in missed:
                notes.append(f"{name} {server.problem}; the others take its calls")
    return tuple(notes)


def prices_for(settings: Settings) -> dict[Role, PriceSettings | None]:
    """What each model costs, as far as a ceiling in dollars needs to know."""
    return {} if settings.budget.usd is None else list_prices(settings)


def list_prices(settings: Settings) -> dict[Role, PriceSettings | None]:
    """What each model costs, None where nobody knows."""
    from opro_cli.models.prices import find_price

    return {role: find_price(model) for role, model in settings.models.items()}


def require_prices(settings: Settings) -> None:
    """UsageError when a ceiling in dollars is set over a model of unknown price."""
    for role, price in prices_for(settings).items():
        if price is None:
            model = settings.models[role].model
            raise UsageError(
                f"budget.usd: the price of {role} {model} is not known, so the ceiling cannot be "
                "kept",
                f"set {role}.price: {{input: …, output: …}} (US dollars per million tokens), or "
                "budget.calls or budget.tokens instead",
            )


def require_keys(settings: Settings) -> None:
    """UsageError naming every missing key, before anything is spent."""
    missing = keys_missing(settings)
    if missing:
        raise UsageError(*keys_not_set(missing))
