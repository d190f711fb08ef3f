"""Reading a sweep file: its cells, each with the whole config that it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opro_cli.config.file import locate_models, read_plain_config
from opro_cli.config.prompts import inline_prompts
from opro_cli.config.yaml_file import YamlFile, read_yaml
from opro_cli.core.settings.misfits import find_misplaced_models
from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.read import read_settings
from opro_cli.core.settings.schema import Path as KeyPath
from opro_cli.core.settings.schema import Problem, read_section, show
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.sweep import Cell, SweepSettings, build_config, expand_cells
from opro_cli.errors import UsageError

SECTIONS = ("task", "scorer", "optimizer", "search")
"""The sections whose value may be the name of another config that has one."""


@dataclass(frozen=True, slots=True)
class SweepCell:
    """A cell and the settings of its run.

    Attributes:
        part_folder: The folder of the sweep's file, where parts from outside opro are looked for
            first.
    """

    cell: Cell
    settings: Settings
    part_folder: str = ""

    @property
    def name(self) -> str:
        """The cell's name."""
        return self.cell.name


@dataclass(frozen=True, slots=True)
class Sweep:
    """The content of a sweep file; the budget holds over all cells together."""

    name: str
    cells: tuple[SweepCell, ...]
    budget: BudgetSettings


def load_sweep(path: Path, names: NameResolver) -> Sweep:
    """Read a sweep file and the configs that it names, which are beside it.

    Raises:
        ConfigError: With all faults.
        UsageError: A file cannot be read.
    """
    file = _read_sweep_file(path)
    problems: list[Problem] = []
    sweep = read_section(SweepSettings, file.raw, (), problems)
    file.refuse(problems)
    if sweep is None:
        raise AssertionError("no sweep and no problem")
    cells, problems_of_cells = expand_cells(sweep)
    file.refuse(problems_of_cells)
    folder = path.resolve().parent
    base = _read_config(file, folder / sweep.base, ("base",))
    known: dict[tuple[str, str], Any] = {}
    found: list[SweepCell] = []
    wrong: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        own = {
            name: _find_value(file, folder, (*cell.where, name), each, known)
            for name, each in cell.values.items()
        }
        config = build_config(base, Cell(cell.name, own))
        locate_models(config, folder)
        amiss = inline_prompts(config, folder)
        result = read_settings(config, names)
        amiss += result.problems
        if result.settings is not None:
            amiss += find_misplaced_models(result.settings)
            found.append(SweepCell(cell, result.settings, str(folder)))
        for problem in amiss:
            wrong.setdefault((problem.dotted, problem.message), []).append(cell)
    file.refuse(_locate_faults(wrong))
    return Sweep(sweep.name, tuple(found), sweep.budget)


def _read_sweep_file(path: Path) -> YamlFile:
    """Read a file that is there and is no run's config; a user may have mixed them up."""
    if not path.exists():
        raise UsageError(
            f"{path}: cannot be read: No such file or directory",
            "name a sweep's file, or write one: `opro init FILE --template embedded-sweep`",
        )
    file = read_yaml(path)
    if isinstance(file.raw, Mapping) and "task" in file.raw and "base" not in file.raw:
        raise UsageError(f"{path}: is the config of a run, not a sweep", f"`opro optimize {path}`")
    return file


def _find_value(
    file: YamlFile, folder: Path, where: KeyPath, value: Any, known: dict[tuple[str, str], Any]
) -> Any:
    """Return the value of a key; a section may be named by its config, a task by a preset."""
    dotted = str(where[-1])
    if dotted not in SECTIONS or not isinstance(value, str):
        return value
    if not value.endswith((".yaml", ".yml")):
        return {"preset": value} if dotted == "task" else value
    if (dotted, value) not in known:
        config = _read_config(file, folder / value, where, names_files=True)
        if dotted not in config:
            file.refuse([Problem(where, f"{show(value)} has no section {dotted}")])
        known[dotted, value] = config[dotted]
    return known[dotted, value]


def _read_config(
    file: YamlFile, path: Path, where: KeyPath, *, names_files: bool = False
) -> Mapping[str, Any]:
    """Read a config that the sweep names; `names_files`: see `read_plain_config`."""
    try:
        config = read_plain_config(path, names_files=names_files)
    except UsageError as error:
        file.refuse([Problem(where, error.message)])
        raise
    if not isinstance(config, Mapping):
        file.refuse([Problem(where, f"{path}: expected keys and values, found {show(config)}")])
    return config  # type: ignore[no-any-return]


def _locate_faults(wrong: Mapping[tuple[str, str], list[Cell]]) -> Iterable[Problem]:
    """Return the faults of the cells' configs, each once, at the key that brought it in."""
    for (dotted, message), cells in wrong.items():
        axes = [name for name in cells[0].values if f"{dotted}.".startswith(f"{name}.")]
        where = (*cells[0].where, axes[0]) if axes else ("base",)
        others = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
        yield Problem(where, f"{dotted}: {message} (in {cells[0].name}{others})")
