"""Templates, the configs that ship with opro to start from, and the JSON Schema that they name."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from opro_cli import shell
from opro_cli.config.file import SEARCH_PRESETS
from opro_cli.core.settings.json_schema import KnownNames, config_schema, file_schema
from opro_cli.core.settings.schema import nearest
from opro_cli.core.sweep import SweepSettings
from opro_cli.datasets.presets import PRESETS
from opro_cli.errors import UsageError
from opro_cli.metrics import METRICS
from opro_cli.problems import PROBLEMS
from opro_cli.strategies import PROBLEM_STRATEGIES, STRATEGIES
from opro_cli.strategies.reflect import ReflectStrategy

Kind = Literal["config", "sweep"]


def schema_text(kind: Kind) -> str:
    """Return the schema of a kind of file, as JSON."""
    names = KnownNames(
        answers=(*METRICS, "python"),
        strategies=(*STRATEGIES, *PROBLEM_STRATEGIES),
        task_presets=PRESETS,
        search_presets=SEARCH_PRESETS,
        parameters={name: each.Options for name, each in PROBLEMS.items() if each.Options},
    )
    sweep = file_schema("An opro sweep", SweepSettings)
    schema = config_schema(names) if kind == "config" else sweep
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


SCHEMA_FILES: Mapping[Kind, str] = {
    "config": ".opro.schema.json",
    "sweep": ".opro.sweep.schema.json",
}
"""The JSON Schemas that `opro init` writes beside a config, by its kind."""


@dataclass(frozen=True, slots=True)
class WrittenTemplate:
    """The files of a template.

    Attributes:
        written: New files.
        unchanged: Files that were there with the same content.
    """

    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]


def template_names() -> list[str]:
    """Return the names of the shipped configs, sorted."""
    return sorted(file.stem for file in _locate_shipped_configs().glob("*.yaml"))


META_PROMPT = "meta-prompt"
"""The template that is no config: a meta-prompt, for `search.meta_prompt`."""


def write_meta_prompt(path: Path) -> WrittenTemplate:
    """Write the meta-prompt of `search.strategy: reflect`, to be put into other words.

    Raises:
        UsageError: The file is there with other content, or cannot be written.
    """
    remedy = f"name another file: opro init FILE --template {META_PROMPT}"
    return write_files({path: ReflectStrategy.words.encode()}, lambda _: remedy, path)


def write_template(name: str, path: Path) -> WrittenTemplate:
    """Write the shipped config `name` to `path`, and beside it the files that it names.

    Those are data files, and for a sweep the configs it is made of, with theirs; and the JSON
    Schema that the first line of a config names.

    Raises:
        UsageError: There is no such template, or a file other than a schema is there with other
            content; then nothing is written.
    """
    folder = _locate_shipped_configs()
    names = [*template_names(), META_PROMPT]
    if name not in names:
        guess = nearest(name, names)
        hint = f"did you mean {guess}?" if guess else None
        raise UsageError(f'no template "{name}"; there are {", ".join(names)}', hint)
    copies = _read_copies(folder, name, path)
    return write_files(copies, lambda target: _suggest_path(name, path, target), path)


def write_files(
    contents: Mapping[Path, bytes], suggest: Callable[[Path], str], path: Path
) -> WrittenTemplate:
    """Write a config and the files that belong to it, all or none.

    Args:
        contents: By file.
        suggest: The remedy for a file that is in the way.
        path: The config.

    Raises:
        UsageError: A file other than a schema is there with other content, or cannot be written.
    """
    unchanged = []
    try:
        for target, content in contents.items():
            if not target.exists():
                continue
            if target.is_file() and target.read_bytes() == content:
                unchanged.append(target)
            elif target.name not in SCHEMA_FILES.values():  # which another version may have written
                message = f"{target} is there already, with other content"
                raise UsageError(message, suggest(target))
        written = [target for target in contents if target not in unchanged]
        for target in written:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(contents[target])
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}", "name another file: opro init FILE"
        ) from error
    return WrittenTemplate(tuple(written), tuple(unchanged))


def _suggest_path(name: str, path: Path, target: Path) -> str:
    """Word the remedy for a file that is in the way of a template.

    Data files keep their names, so that only another folder helps where one of them is.
    """
    if target == path:
        return "name another file: opro init FILE"
    numbers = itertools.count(2)
    folder = path.parent / name
    while folder.exists():
        folder = path.parent / f"{name}-{next(numbers)}"
    command = f"opro init {shell.quote(str(folder / path.name))} --template {name}"
    return f"write the template into another folder: {command}"


def _read_copies(folder: Path, name: str, path: Path) -> dict[Path, bytes]:
    """Return the content of each file that belongs to a template, by its path."""
    sources = {path: folder / f"{name}.yaml"}
    named = _find_named_files(folder, f"{name}.yaml")
    sources |= {path.parent / file: folder / file for file in named}
    copies = {target: source.read_bytes() for target, source in sources.items()}
    for target, source in sources.items():
        if source.suffix == ".yaml":
            copies[target], kind = _rewrite_head(source, target)
            copies[path.parent / SCHEMA_FILES[kind]] = schema_text(kind).encode()
    return copies


def _rewrite_head(template: Path, target: Path) -> tuple[bytes, Kind]:
    """Return a config whose comments name `target` and the schema beside it, and its kind.

    The schema is a file beside the config: this works offline, moves with the folder, and reads
    the same on another machine, which neither a URL nor the path of an installation does.
    """
    text = template.read_text("utf-8")
    kind: Kind = "sweep" if "/sweep.schema.json" in text.partition("\n")[0] else "config"
    quoted = shell.quote(target.name)
    own_name = "".join(char if char.isprintable() else "?" for char in quoted)
    text = text.replace(f"configs/{template.name}", own_name)
    head = f"# yaml-language-server: $schema={SCHEMA_FILES[kind]}"
    return (head + "\n" + text.partition("\n")[2]).encode(), kind


def _find_named_files(folder: Path, config: str) -> list[str]:
    """Find the files of `folder` that a config in it names outside its comments."""
    text = (folder / config).read_text("utf-8")
    configs = re.findall(r"^(?:base:|\s+-) ([\w-]+\.yaml)\b", text, flags=re.MULTILINE)
    data = re.findall(r"^\s+(?:train|dev|test): (data/[\w./-]+)", text, flags=re.MULTILINE)
    further = [name for inner in configs for name in _find_named_files(folder, inner)]
    return [name for name in (*configs, *data, *further) if (folder / name).is_file()]


def _locate_shipped_configs() -> Path:
    """Find them inside the package when installed, at the repository's root in a checkout."""
    package = Path(str(resources.files("opro_cli")))
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"
