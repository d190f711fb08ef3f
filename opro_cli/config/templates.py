"""The configs that ship with opro, copied out for a user to start from."""

from __future__ import annotations

import itertools
import re
import shlex
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import UsageError


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
    return sorted(file.stem for file in _shipped_configs().glob("*.yaml"))


def write_template(name: str, path: Path) -> WrittenTemplate:
    """Write the shipped config `name` to `path`, and beside it the files that it names.

    Those are data, and for a sweep the configs that it is made of, with their data.

    Raises:
        UsageError: There is no such template, or a file is there with other content; then
            nothing is written.
    """
    folder = _shipped_configs()
    names = template_names()
    if name not in names:
        guess = nearest(name, names)
        hint = f"did you mean {guess}?" if guess else None
        raise UsageError(f'no template "{name}"; there are {", ".join(names)}', hint)
    named = _named_files(folder, f"{name}.yaml")
    copies = {path: (folder / f"{name}.yaml").read_bytes()}
    copies |= {path.parent / each: (folder / each).read_bytes() for each in named}
    unchanged = []
    try:
        for target, content in copies.items():
            if not target.exists():
                continue
            if not target.is_file() or target.read_bytes() != content:
                raise UsageError(
                    f"{target} is there already, with other content",
                    _another_place(name, path, target),
                )
            unchanged.append(target)
        written = [target for target in copies if target not in unchanged]
        for target in written:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(copies[target])
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}", "name another file: opro init FILE"
        ) from error
    return WrittenTemplate(tuple(written), tuple(unchanged))


def _another_place(name: str, path: Path, target: Path) -> str:
    """Word the remedy for a file that is in the way of a template.

    Data files keep their names, so that only another folder helps where one of them is.
    """
    if target == path:
        return "name another file: opro init FILE"
    numbers = itertools.count(2)
    folder = path.parent / name
    while folder.exists():
        folder = path.parent / f"{name}-{next(numbers)}"
    command = f"opro init {shlex.quote(str(folder / path.name))} --template {name}"
    return f"write the template into another folder: {command}"


def _named_files(folder: Path, config: str) -> list[str]:
    """The files of `folder` that a config there names outside of its comments."""
    text = (folder / config).read_text("utf-8")
    configs = re.findall(r"^(?:base:|\s+-) ([\w-]+\.yaml)\b", text, flags=re.MULTILINE)
    data = re.findall(r"^\s+(?:train|dev|test): (data/[\w./-]+)", text, flags=re.MULTILINE)
    further = [name for each in configs for name in _named_files(folder, each)]
    return [name for name in (*configs, *data, *further) if (folder / name).is_file()]


def _shipped_configs() -> Path:
    """Inside the package when installed, at the top of the repository in a checkout."""
    package = Path(str(resources.files("opro_cli")))
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"
