"""Begin a run: check everything that can be checked for free, then make its folder."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app.check import find_pace_in, note_prompts, note_skipped
from opro_cli.app.run_settings import hash_weights_of, list_part_folders
from opro_cli.app.start_runs import require_resolved, resolve_start
from opro_cli.app.startable import find_origins_of_parts, require_fitting_search, require_startable
from opro_cli.config.overrides import parse_override
from opro_cli.config.yaml_file import STDIN
from opro_cli.core.settings.settings import Settings
from opro_cli.datasets.loading import LoadedData, settle_labels
from opro_cli.errors import UsageError
from opro_cli.models.prices import list_prices
from opro_cli.ports import Evaluator
from opro_cli.problems import value_start
from opro_cli.reports.recorded_pace import estimate_seconds
from opro_cli.reports.result import serialize_scale
from opro_cli.store.run_files import digest_files
from opro_cli.store.run_folder import create_run, prepare_runs_dir


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the settings of a run come from, for its record.

    Attributes:
        source: The file; None where there is none.
        part_folder: Where parts from outside opro are looked for first, without such a file.
        overrides: Keys that the command line gave in place of those of the file.
        start_runs: Start prompts of other runs, as `resolve_start` returns them.
    """

    source: str | None = None
    part_folder: str | None = None
    overrides: Sequence[str] = ()
    start_runs: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> dict[str, Any]:
        """Return its part of run.json."""
        where = {"config_source": self.source, "part_folder": self.part_folder}
        further = {"overrides": list(self.overrides), "start_runs": list(self.start_runs)}
        return where | {name: listed for name, listed in further.items() if listed}


@dataclass(frozen=True, slots=True)
class UsedTogether:
    """How a run uses its test rows, for its record.

    Attributes:
        ledger: The absolute path of the file that records it; "" for the user's own.
        group: Common to the cells of a sweep on the same data, which are one use; "" for any other
            run.
        sharers: The number of these cells.
    """

    ledger: str = ""
    group: str = ""
    sharers: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return its part of run.json."""
        shared = {"group": self.group, "sharers": self.sharers} if self.group else {}
        return shared | ({"ledger": self.ledger} if self.ledger else {})


ALONE = UsedTogether()


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is made and not begun."""

    folder: Path
    settings: Settings


First = Callable[[Settings, LoadedData, Sequence[Path]], Mapping[str, Any]]
"""Called with what a run would ask, before there is one: the settings, the data, and the folders of
parts from outside opro. Returns further keys of its run.json."""


def start(
    config: Path,
    runs_dir: Path,
    overrides: Sequence[str] = (),
    *,
    cached: bool = True,
    ledger: Path | None = None,
    first: First | None = None,
) -> NewRun:
    """Make the folder of a run from a config file.

    Args:
        config: The file, or STDIN.
        runs_dir: Where runs are kept.
        overrides: Keys in place of those of the file, each KEY=VALUE.
        cached: Whether answers will be looked up and kept for other runs.
        ledger: The file that records the use of test rows; None for the user's own.
        first: See `First`.

    Raises:
        ConfigError, DataError, UsageError: Before anything exists.
    """
    read = wiring.read_partly(config, list(map(parse_override, overrides)))
    if read.error is not None or read.settings is None:
        raise read.error or AssertionError("no settings and no problem")
    source, folder = (None, str(Path.cwd())) if config == STDIN else (str(config.resolve()), None)
    try:
        settings, start_runs = resolve_start(read.settings, runs_dir)
        origin = Origin(source, folder, overrides, start_runs)
        uses = UsedTogether(str(ledger.absolute()) if ledger else "")
        return start_with(settings, runs_dir, origin, cached=cached, uses=uses, first=first)
    except UsageError as error:
        error.message = read.file.locate(error.message)
        raise


def start_with(  # noqa: PLR0913 - all but three are keywords with a default
    settings: Settings,
    runs_dir: Path,
    origin: Origin,
    *,
    name: str | None = None,
    cached: bool = True,
    data: LoadedData | None = None,
    evaluator: Evaluator | None = None,
    uses: UsedTogether = ALONE,
    first: First | None = None,
) -> NewRun:
    """Make the folder of a run from settings that were read.

    Args:
        settings: As the config has them.
        runs_dir: Where runs are kept.
        origin: Where the settings come from.
        name: Of the folder; None for one from the run's name, the time and chance.
        cached: Whether answers will be looked up and kept for other runs.
        data: The examples, where they are loaded already.
        evaluator: In place of the one that the settings name.
        uses: How the run uses its test rows.
        first: See `First`.
    """
    folders = list_part_folders(origin.to_json())
    require_resolved(settings)
    settings = wiring.fill_in_new(settings, folders)
    require_startable(settings, cached=cached)
    data = data or wiring.load_data(settings, folders=folders)
    settings = settle_labels(settings, data)
    parts = describe_parts(settings, folders, evaluator)
    require_fitting_search(settings, data.examples["train"])
    identity = {
        **origin.to_json(),
        "data_fingerprint": data.fingerprint,
        "data_files": digest_files(settings.task),
        "data_notes": [*data.notes, *_note_texts(settings, data, folders)],
        "weights": hash_weights_of(settings),
        **parts,
        "test_use": name_use(uses),
        **name_caching(cached),
        **(first(settings, data, folders) if first else {}),
    }
    prepare_runs_dir(runs_dir)
    return NewRun(create_run(runs_dir, settings, data.examples, identity, name), settings)


def _note_texts(settings: Settings, data: LoadedData, folders: Sequence[Path]) -> list[str]:
    """Return what `opro check` notes on the texts of prompts, for those who have not called it."""
    if settings.task.problem is not None:
        return []
    search = settings.search
    prompts = (*search.initial_instructions, *(search.candidates or ()))
    return [*note_prompts(prompts, data.fields, folders), *note_skipped(settings)]


def name_use(uses: UsedTogether) -> dict[str, Any]:
    """Return what run.json says of a new run's use of its test rows, which has an id of its own."""
    return {"id": secrets.token_hex(8), **uses.to_json()}


def name_caching(cached: bool) -> dict[str, Any]:
    """Return what run.json says of a run that was begun without the answer cache.

    Every session of it asks the models anew.
    """
    return {} if cached else {"cached": False}


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


def estimate_costs(config: Path, runs_dir: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return the cost of a run of this config, from its real data; no model is asked.

    Args:
        config: The file, or STDIN.
        runs_dir: Where the pace of an earlier run of the same models is looked for.
        overrides: Keys in place of those of the file, each KEY=VALUE.
    """
    from opro_cli.reports import costs

    folders = (config.resolve().parent,)
    given = wiring.read_config(config, list(map(parse_override, overrides)))
    settings = wiring.fill_in_new(resolve_start(given, runs_dir)[0], folders)
    examples = wiring.load_data(settings, folders=folders).examples
    strategy = wiring.build_strategy(settings, folders)
    start = value_start(settings, examples, folders)
    found = costs.estimate_costs(settings, examples, strategy, list_prices(settings), start)
    calls = (found["total"][kind]["calls"] for kind in costs.KINDS)
    return {**found, "time": estimate_seconds(find_pace_in(runs_dir, settings), *calls)}
