"""The only module that names concrete parts: settings in, ready objects out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opro_cli.adapters.answer_cache import AnswerStore
from opro_cli.adapters.answer_file import cache_limit, cache_path
from opro_cli.adapters.config_file import load_config
from opro_cli.adapters.datasets.loading import LoadedData, load_examples
from opro_cli.adapters.models import build_model
from opro_cli.adapters.models.provider_addresses import is_loopback, own_address
from opro_cli.adapters.models.provider_keys import missing_keys, redact
from opro_cli.adapters.presets import preset_named
from opro_cli.adapters.python_function import function_named, says_whose_code_grades
from opro_cli.adapters.search_presets import search_preset_named
from opro_cli.core.reading import Names, read_settings
from opro_cli.core.session import ROLES, Role
from opro_cli.core.settings import BASELINES, ModelSettings, PriceSettings, Settings, is_embedded
from opro_cli.errors import UsageError
from opro_cli.metrics import FunctionMetric, metric_named
from opro_cli.metrics.paper import PAPER_KINDS, PaperMetric
from opro_cli.metrics.second_round import SecondRound
from opro_cli.ports import AnswerCache, ChatModel, Metric, Strategy
from opro_cli.strategies import STRATEGIES

if TYPE_CHECKING:
    from opro_cli.adapters.models.local_servers import Server


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


def _check_answer(spec: str) -> None:
    """ValueError when no metric has this name; a user's own code is not run for a check."""
    if spec.startswith("python:"):
        if not re.fullmatch(r"python:[\w.]+:\w+", spec):
            raise ValueError(f"expected python:MODULE:FUNCTION, found {spec!r}")
    else:
        metric_named(spec)


NAMES = Names(
    check_answer=_check_answer,
    strategies=tuple(STRATEGIES),
    task_preset=preset_named,
    search_preset=search_preset_named,
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
    if task.answer.startswith("python:"):
        return FunctionMetric(function_named(task.answer), redact)
    metric = metric_named(task.answer)
    # The other kinds look for a text of their own, and would find it in the cue.
    reads_sentences = task.answer in PAPER_KINDS
    return SecondRound(metric) if task.second_round and reads_sentences else metric


def grading_notes(settings: Settings) -> tuple[str, ...]:
    """What a person is told about the grading: that code of their own does it, if it does."""
    answer = settings.task.answer
    return (says_whose_code_grades(answer),) if answer.startswith("python:") else ()


def strategy_for(settings: Settings) -> Strategy:
    """The strategy that `search.strategy` names."""
    return STRATEGIES[settings.search.strategy](settings)


def data_for(settings: Settings) -> LoadedData:
    """Read the dataset and cut the splits."""
    return load_examples(settings.task, metric_for(settings))


def models_for(settings: Settings) -> tuple[ChatModel, ChatModel]:
    """The scorer and the optimizer."""
    scorer, optimizer = settings.scorer, settings.optimizer
    if not (is_embedded(scorer.model) and is_embedded(optimizer.model)):
        return build_model(scorer), build_model(optimizer)
    # Imported when used, as in `build_model`.
    from opro_cli.adapters.models.embedded import EmbeddedModel
    from opro_cli.adapters.models.embedded_workers import Workers

    workers = Workers()  # processes take memory: the same ones for both
    return EmbeddedModel(scorer.model, workers), EmbeddedModel(optimizer.model, workers)


def caches_for(settings: Settings) -> dict[Role, AnswerCache]:
    """The answer caches of the models, opened; UsageError for a limit that is none.

    None for a model that is told to do without, nor for an embedded one: it is computed here and
    free, and another version of opro may bring other weights under its name.
    """
    models: dict[Role, ModelSettings] = {role: getattr(settings, role) for role in ROLES}
    cached = {
        role: model
        for role, model in models.items()
        if model.cache is not False and not is_embedded(model.model)
    }
    if not cached:
        return {}
    store = AnswerStore(cache_path(), cache_limit())
    return {role: store.bound_to(model) for role, model in cached.items()}


def keys_missing(settings: Settings) -> tuple[str, ...]:
    """Environment variables that must be set before the models can be called."""
    needed: dict[str, None] = {}
    for role in (settings.scorer, settings.optimizer):
        needed.update(dict.fromkeys(missing_keys(role.model, role.api_base)))
    return tuple(needed)


def require_servers(settings: Settings) -> None:
    """ModelError when nobody listens where a model server of this machine should be."""
    for model in (settings.scorer, settings.optimizer):
        address = own_address(model.model, model.api_base)
        if address is not None and is_loopback(address):
            from opro_cli.adapters.models.local_servers import require_listener

            require_listener(model, address)


def servers_of(settings: Settings) -> tuple[Server, ...]:
    """The servers that the user runs; those on this machine are asked whether they are ready."""
    models = (settings.scorer, settings.optimizer)
    if not any(own_address(model.model, model.api_base) for model in models):
        return ()
    from opro_cli.adapters.models.local_servers import look_at

    return look_at(models)


def notes_on_servers(
    settings: Settings, servers: Sequence[Server], longest: Mapping[str, int]
) -> tuple[str, ...]:
    """What of them does not go with the config: prompts too long, more calls than they answer."""
    if not servers:
        return ()
    from opro_cli.adapters.models.local_servers import notes_on

    models = {role: getattr(settings, role) for role in ROLES}
    found = {server.key: server for server in servers}
    return tuple(
        f"{role} {note}"
        for role, model in models.items()
        if (server := found.get((model.model, model.api_base)))
        for note in notes_on(server, model, longest[role])
    )


def prices_for(settings: Settings) -> dict[Role, PriceSettings | None]:
    """What each model costs, as far as a ceiling in dollars needs to know."""
    return {} if settings.budget.usd is None else list_prices(settings)


def list_prices(settings: Settings) -> dict[Role, PriceSettings | None]:
    """What each model costs, None where nobody knows."""
    from opro_cli.adapters.models.prices import price_of

    return {"scorer": price_of(settings.scorer), "optimizer": price_of(settings.optimizer)}


def require_prices(settings: Settings) -> None:
    """UsageError when a ceiling in dollars is set over a model of unknown price."""
    for role, price in prices_for(settings).items():
        if price is None:
            model = getattr(settings, role).model
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
        raise UsageError(
            f"no API key: {', '.join(missing)} is not set",
            f"export {missing[0]}=…  (keys are read from the environment and never written)",
        )
