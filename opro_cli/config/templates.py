"""The configs that ship with opro, copied out for a user to start from."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import UsageError


def write_template(name: str, path: Path) -> list[Path]:
    """Write the shipped config `name` to `path`, and beside it the files that it names.

    Those are data, and for a sweep the configs that it is made of, with their data. Returns what
    was written. Raises UsageError rather than overwrite anything.
    """
    folder = _shipped_configs()
    names = sorted(file.stem for file in folder.glob("*.yaml"))
    if name not in names:
        guess = nearest(name, names)
        hint = f"did you mean {guess}?" if guess else None
        raise UsageError(f'no template "{name}"; there are {", ".join(names)}', hint)
    named = _named_files(folder, f"{name}.yaml")
    copies = {path: (folder / f"{name}.yaml").read_bytes()}
    copies |= {path.parent / each: (folder / each).read_bytes() for each in named}
    try:
        for target, content in copies.items():
            if target.exists() and (not target.is_file() or target.read_bytes() != content):
                raise UsageError(f"{target} is there already", "name another file: opro init FILE")
        for target, content in copies.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}", "name another file: opro init FILE"
        ) from error
    return list(copies)


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
