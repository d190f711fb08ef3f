"""Config files as settings: the files and presets that they name, and every problem by its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from opro_cli.config.overrides import Override, apply_overrides
from opro_cli.config.prompts import inline_prompts, locate
from opro_cli.config.yaml_file import STDIN, YamlFile, read_text, read_yaml
from opro_cli.core.settings.filled import overlay
from opro_cli.core.settings.misfits import find_misplaced_models, find_unread_keys
from opro_cli.core.settings.models import GGUF_HUB, is_gguf
from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.read import find_option_faults, read_settings
from opro_cli.core.settings.readers import RUN_NAME
from opro_cli.core.settings.schema import Path as KeyPath
from opro_cli.core.settings.schema import nearest
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import HUB
from opro_cli.errors import ConfigError, UsageError


def load_config(
    path: Path,
    names: NameResolver,
    overrides: Sequence[Override] = (),
    *,
    is_copy: bool = False,
    home: Path | None = None,
) -> Settings:
    """Read a config file; data paths in it are relative to its own folder.

    Args:
        path: The file, or STDIN.
        names: The parts that names in it stand for.
        overrides: Keys in place of those of the file.
        is_copy: It is a run's own, which has the texts of prompts and not the names of files.
        home: The folder that data and models are beside, where that is not the file's own.

    Raises:
        ConfigError: All problems at once, each with file, line and key path.
        UsageError: It cannot be read, or is the file of a sweep.
    """
    read = read_config(path, names, overrides, is_copy=is_copy, home=home)
    if read.error is not None:
        raise read.error
    if read.settings is None:
        raise AssertionError("no settings and no problem")
    return read.settings


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """A config as far as it can be read.

    Attributes:
        file: The file.
        settings: Without the keys that are wrong; None where it cannot do without them.
        error: Every problem; None where there is none.
        faulty: The keys that are wrong.
    """

    file: YamlFile
    settings: Settings | None
    error: ConfigError | None = None
    faulty: tuple[KeyPath, ...] = ()


def read_config(
    path: Path,
    names: NameResolver,
    overrides: Sequence[Override] = (),
    *,
    is_copy: bool = False,
    home: Path | None = None,
) -> ReadConfig:
    """Read a config as far as that goes; arguments as of `load_config`.

    Raises:
        ConfigError: It is not YAML.
        UsageError: It cannot be read, or is the file of a sweep.
    """
    file = read_overridden(path, overrides)
    if isinstance(file.raw, Mapping) and "base" in file.raw and "task" not in file.raw:
        raise UsageError(f"{path}: is a sweep, not the config of a run", f"`opro sweep {path}`")
    folder = path.resolve().parent
    make_paths_absolute(file.raw, folder, home)
    problems = [] if is_copy else inline_prompts(file.raw, folder)
    _fill_name(file.raw, path)
    result = read_settings(file.raw, names)
    problems += result.problems
    if result.settings is not None:
        problems += find_misplaced_models(result.settings)
        if not is_copy:
            problems += find_option_faults(result.settings, names)
            problems += find_unread_keys(result.settings)
    error = file.build_error(problems)
    if error is None:
        return ReadConfig(file, result.settings)
    faulty = tuple(problem.path for problem in (*file.problems, *problems))
    rest = read_settings(_leave_out(file.raw, faulty), names).settings
    return ReadConfig(file, rest, error, faulty)


def _leave_out(raw: Any, paths: Iterable[KeyPath]) -> Any:
    """Return a config without these keys."""
    for path in paths:
        raw = _drop(raw, path)
    return raw


def _drop(raw: Any, path: KeyPath) -> Any:
    if not isinstance(raw, dict) or not path or path[0] not in raw:
        return raw
    first, *rest = path
    kept = {key: value for key, value in raw.items() if key != first}
    if isinstance(raw[first], dict) and rest:
        kept[first] = _drop(raw[first], tuple(rest))
    return kept


def read_overridden(path: Path, overrides: Sequence[Override]) -> YamlFile:
    """Read a YAML file, with keys in place of its own; errors as of `read_yaml`."""
    file = read_yaml(path)
    options = {override.path: override.option for override in overrides}
    return replace(file, raw=apply_overrides(file.raw, overrides), options=options)


def read_plain_config(path: Path, *, names_files: bool = False) -> Any:
    """Read a config file as plain data, checked as YAML only.

    Data paths in it become absolute, and the texts of prompts in files stand in it; with
    `names_files` their absolute paths.
    """
    file = read_yaml(path)
    folder = path.resolve().parent
    make_paths_absolute(file.raw, folder)
    file.refuse(inline_prompts(file.raw, folder, is_put_off=names_files))
    _fill_name(file.raw, path)
    return file.raw


def _fill_name(raw: Any, path: Path) -> None:
    """Name the runs of a config after its file, where it gives no name."""
    if isinstance(raw, dict) and path != STDIN and RUN_NAME.fullmatch(path.stem):
        raw.setdefault("name", path.stem)


_MARK = re.compile(r"^---[ \t]*$", re.MULTILINE)
"""What separates prompts of several lines in a file of candidates."""


def read_candidates(path: Path) -> list[str]:
    """Return the prompts in a file: one a line, or those between lines of ---.

    Raises:
        UsageError: It cannot be read, or has none.
    """
    missing = "search.candidates: file:PATH is looked for beside the config first"
    text = read_text(path, missing).replace("\r\n", "\n")
    several = _MARK.search(text) is not None
    parts = _MARK.split(text) if several else text.splitlines()
    found = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not found:
        raise UsageError(f"search.candidates: {path} has no prompt", "write one a line")
    return found


_WORKBOOK = re.compile(r"(.+\.xls[xm])(#.*)", re.DOTALL | re.IGNORECASE)
"""A workbook with the name of a sheet."""


def make_paths_absolute(raw: Any, folder: Path, home: Path | None = None) -> None:
    """Find the files of a config beside it, then in the current folder, and make them absolute.

    So the run depends on neither folder afterwards. A file of candidates is read, so that the run
    does not depend on it either.

    Args:
        raw: The config.
        folder: Its folder.
        home: The folder that data and models are beside, where that is another.
    """
    search = raw.get("search") if isinstance(raw, dict) else None
    listed = search.get("candidates") if isinstance(search, dict) else None
    if isinstance(search, dict) and isinstance(listed, str) and listed.startswith("file:"):
        search["candidates"] = read_candidates(locate(Path(listed[5:]), folder))
    folder = home or folder
    locate_models(raw, folder)
    task = raw.get("task") if isinstance(raw, dict) else None
    if not isinstance(task, dict):
        return
    coordinates = task.get("coordinates")
    if isinstance(coordinates, str) and coordinates.strip():
        task["coordinates"] = str(locate(Path(coordinates), folder))
    data = task.get("data")
    if not isinstance(data, dict):
        return
    for split in ("train", "dev", "test"):
        value = data.get(split)
        if not isinstance(value, str) or not value.strip() or "://" in value:
            continue
        if not value.startswith(HUB):
            workbook = _WORKBOOK.fullmatch(value)
            file, sheet = workbook.groups() if workbook else (value, "")
            data[split] = f"{locate(Path(file), folder)}{sheet}"


def locate_models(raw: Any, folder: Path) -> None:
    """Make the paths of gguf/ models absolute."""
    config: dict[str, Any] = raw if isinstance(raw, dict) else {}
    roles = config.get("roles")
    others = roles.values() if isinstance(roles, dict) else ()
    for section in (config.get("scorer"), config.get("optimizer"), *others):
        if isinstance(section, dict) and isinstance(section.get("model"), str):
            section["model"] = locate_model(section["model"], folder)


def locate_model(model: str, folder: Path) -> str:
    """Return the name of a model; that of a gguf/ file with its path made absolute."""
    is_path = is_gguf(model) and model.endswith(".gguf")  # anything else is refused as it is
    if not is_path or model.startswith(GGUF_HUB):
        return model
    path = model.removeprefix("gguf/")
    return f"gguf/{locate(Path(path), folder)}" if path.strip() else model


SEARCH_PRESETS = ("default", "paper-gpt", "paper-palm", "paper-regression", "paper-tour")
"""The values of `search.preset`: settings that belong together, each with its source.

All but "default" are YAML files in `search_presets/`: configs with only some keys, which the user's
own override. Their list `when` has further keys for a task preset (`task: bbh/*`) or a strategy.
"""


def expand_search_preset(name: str, task: str | None, strategy: str | None) -> dict[str, Any]:
    """Return the keys that a preset gives for a task preset and a strategy, None if not named.

    Raises:
        ValueError: There is no such preset; the message says what was expected.
    """
    if name not in SEARCH_PRESETS:
        guess = nearest(name, list(SEARCH_PRESETS))
        meant = f' (did you mean "{guess}"?)' if guess else ""
        raise ValueError(f"expected one of {', '.join(SEARCH_PRESETS)}{meant}, found {name!r:.60}")
    if name == "default":
        return {}  # the defaults of `core.settings`
    folder = resources.files("opro_cli") / "config" / "search_presets"
    text = (folder / f"{name}.yaml").read_text("utf-8")
    preset: dict[str, Any] = yaml.safe_load(text)
    named = {"task": task or "", "strategy": strategy or ""}
    for case in preset.pop("when", ()):
        conditions = {kind: case[kind] for kind in named if kind in case}
        if all(fnmatchcase(named[kind], pattern) for kind, pattern in conditions.items()):
            preset = overlay(preset, case["then"])
    return preset
