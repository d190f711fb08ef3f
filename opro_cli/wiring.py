"""The only module that names concrete parts: settings in, ready objects out."""

from __future__ import annotations

import re
from pathlib import Path

from opro_cli.adapters.config_file import load_config
from opro_cli.adapters.datasets.loading import LoadedData, load_examples
from opro_cli.adapters.models import build_model
from opro_cli.adapters.models.provider_keys import missing_keys
from opro_cli.adapters.presets import preset_named
from opro_cli.adapters.python_function import function_named
from opro_cli.core.settings import Settings
from opro_cli.errors import UsageError
from opro_cli.metrics import FunctionMetric, metric_named
from opro_cli.ports import ChatModel, Metric, Strategy
from opro_cli.strategies import STRATEGIES


def settings_from(config: Path) -> Settings:
    """Read and check a config file."""
    return load_config(
        config,
        check_answer=_check_answer,
        strategies=tuple(STRATEGIES),
        presets=preset_named,
    )


def _check_answer(spec: str) -> None:
    """ValueError when no metric has this name; a user's own code is not run for a check."""
    if spec.startswith("python:"):
        if not re.fullmatch(r"python:[\w.]+:\w+", spec):
            raise ValueError(f"expected python:MODULE:FUNCTION, found {spec!r}")
    else:
        metric_named(spec)


def metric_for(settings: Settings) -> Metric:
    """The metric that `task.answer` names."""
    spec = settings.task.answer
    if spec.startswith("python:"):
        return FunctionMetric(function_named(spec))
    return metric_named(spec)


def strategy_for(settings: Settings) -> Strategy:
    """The strategy that `search.strategy` names."""
    return STRATEGIES[settings.search.strategy](settings.search)


def data_for(settings: Settings) -> LoadedData:
    """Read the dataset and cut the splits."""
    return load_examples(settings.task, metric_for(settings))


def models_for(settings: Settings) -> tuple[ChatModel, ChatModel]:
    """The scorer and the optimizer."""
    return build_model(settings.scorer), build_model(settings.optimizer)


def keys_missing(settings: Settings) -> tuple[str, ...]:
    """Environment variables that must be set before the models can be called."""
    needed: dict[str, None] = {}
    for role in (settings.scorer, settings.optimizer):
        needed.update(dict.fromkeys(missing_keys(role.model, role.api_base)))
    return tuple(needed)


def require_keys(settings: Settings) -> None:
    """UsageError naming every missing key, before anything is spent."""
    missing = keys_missing(settings)
    if missing:
        raise UsageError(
            f"no API key: {', '.join(missing)} is not set",
            f"export {missing[0]}=…  (keys are read from the environment and never written)",
        )
