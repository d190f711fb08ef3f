"""Begin a run: check everything that can be checked for free, then make its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app.check import find_origins_of_parts, find_pace_in, require_startable
from opro_cli.app.session import hash_weights_of, list_part_folders
from opro_cli.core.settings.settings import Settings
from opro_cli.datasets.loading import LoadedData, settle_labels
from opro_cli.models.accounts import list_prices
from opro_cli.ports import Evaluator
from opro_cli.problems import value_start
from opro_cli.reports.recorded_pace import estimate_seconds
from opro_cli.reports.result import serialize_scale
from opro_cli.store.run_files import digest_files
from opro_cli.store.run_folder import create_run, prepare_runs_dir


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is made and not begun."""

    folder: Path
    settings: Settings


def start(config: Path, runs_dir: Path, *, cached: bool = True) -> NewRun:
    """Make the folder of a run from a config file.

    Raises:
        ConfigError, DataError, UsageError: Before anything exists.
    """
    settings = wiring.read_config(config)
    return start_with(settings, runs_dir, source=str(config.resolve()), cached=cached)


def start_with(
    settings: Settings,
    runs_dir: Path,
    *,
    name: str | None = None,
    source: str | None = None,
    part_folder: str | None = None,
    cached: bool = True,
    data: LoadedData | None = None,
    evaluator: Evaluator | None = None,
) -> NewRun:
    """Make the folder of a run from settings that were read.

    Args:
        settings: As the config has them.
        runs_dir: Where runs are kept.
        name: Of the folder; None for one from the run's name, the time and chance.
        source: The file that the settings are from.
        part_folder: Where parts from outside opro are looked for first, without such a file.
        cached: Whether answers will be looked up and kept for other runs.
        data: The examples, where they are loaded already.
        evaluator: In place of the one that the settings name.
    """
    folders = list_part_folders({"config_source": source, "part_folder": part_folder})
    settings = wiring.fill_in_new(settings, folders)
    require_startable(settings, cached=cached)
    data = data or wiring.load_data(settings, folders=folders)
    settings = settle_labels(settings, data)
    identity = {
        "config_source": source,
        "part_folder": part_folder,
        "data_fingerprint": data.fingerprint,
        "data_files": digest_files(settings.task),
        "data_notes": list(data.notes),
        "weights": hash_weights_of(settings),
        **describe_parts(settings, folders, evaluator),
    }
    prepare_runs_dir(runs_dir)
    return NewRun(create_run(runs_dir, settings, data.examples, identity, name), settings)


def describe_parts(
    settings: Settings, folders: Sequence[Path], evaluator: Evaluator | None = None
) -> dict[str, Any]:
    """Return what run.json says of parts from outside opro: their origins, and the scale of scores.

    Args:
        settings: Of the run.
        folders: Where parts are looked for first.
        evaluator: In place of the one that the settings name.

    Raises:
        UsageError: A part cannot be imported or built.
    """
    parts: dict[str, Any] = {"parts": find_origins_of_parts(settings, folders)}
    if evaluator is None and settings.task.evaluator != "model":
        evaluator = wiring.build_evaluator(settings, (), folders)
    if evaluator is not None and settings.search.steps:
        wiring.check_scale(settings, evaluator)
    return parts if evaluator is None else parts | serialize_scale(evaluator.scale)


def estimate_costs(config: Path, runs_dir: Path) -> dict[str, Any]:
    """Return the cost of a run of this config, from its real data; no model is asked.

    Args:
        config: The file.
        runs_dir: Where the pace of an earlier run of the same models is looked for.
    """
    from opro_cli.reports import costs

    folders = (config.resolve().parent,)
    settings = wiring.fill_in_new(wiring.read_config(config), folders)
    examples = wiring.load_data(settings, folders=folders).examples
    strategy = wiring.build_strategy(settings, folders)
    start = value_start(settings, examples, folders)
    found = costs.estimate_costs(settings, examples, strategy, list_prices(settings), start)
    calls = (found["total"][kind]["calls"] for kind in costs.KINDS)
    return {**found, "time": estimate_seconds(find_pace_in(runs_dir, settings), *calls)}
