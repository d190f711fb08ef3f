"""The files of a new run's folder as bytes, and digests of its data files."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opro_cli.core.settings.task import HUB, TaskSettings
from opro_cli.core.task.example import SPLITS, Example, Split
from opro_cli.errors import RunFolderError

CONFIG_HEADER = (
    "# what this run was asked to do, every default written out; `opro resume` reads this file\n"
)


def encode_config(plain: Mapping[str, Any]) -> bytes:
    """Return settings as the `config.yaml` that `opro resume` reads."""
    import yaml  # 20 ms, like `metadata`, and only a new run needs them

    text: str = yaml.safe_dump(dict(plain), sort_keys=False, allow_unicode=True)
    if yaml.safe_load(text) != plain:  # U+0085 is written as it is, and read as a space
        text = yaml.safe_dump(dict(plain), sort_keys=False)
    return (CONFIG_HEADER + text).encode()


def encode_json(data: Mapping[str, Any]) -> bytes:
    """Return plain data as an indented JSON file."""
    try:
        return f"{json.dumps(data, indent=2, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:  # lone surrogates from a model
        return f"{json.dumps(data, indent=2)}\n".encode()


def encode_examples(examples: Mapping[Split, Sequence[Example]]) -> bytes:
    """Return the questions of a run, one JSON object a line."""
    lines = [
        json.dumps({"split": split, **_convert_example(example)})
        for split in SPLITS
        for example in examples.get(split, ())
    ]
    return ("\n".join(lines) + "\n").encode()


def _convert_example(example: Example) -> dict[str, Any]:
    plain = asdict(example)
    for name in ("fields", "golds", "group"):
        if not plain[name]:  # the record is as before there were any
            del plain[name]
    return plain


def fingerprint_settings(plain: Mapping[str, Any]) -> str:
    """Return the SHA-256 of settings as plain data, in hex."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def read_package_versions() -> dict[str, str]:
    """Return the versions of Python and of packages that change results, without imports."""
    from importlib import metadata

    versions = {"python": platform.python_version()}
    for name in ("litellm", "datasets", "numpy", "tokenizers"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def digest_files(task: TaskSettings) -> dict[str, str]:
    """Return the SHA-256 of each local file in hex, by its configured path."""
    sources: tuple[str | None, ...] = (task.data.train, task.data.dev, task.data.test)
    if task.problem is not None:
        sources = (task.parameters.get("coordinates"),)
    local = [s for s in sources if s and not s.startswith(HUB) and "://" not in s]
    return {str(path): _digest(path) for path in map(Path, local)}


def check_unchanged(digests: Mapping[str, str]) -> None:
    """Refuse a changed data file. A missing one does no harm: the run has its own copy.

    Raises:
        RunFolderError: A file has changed.
    """
    for name, digest in digests.items():
        path = Path(name)
        if path.is_file() and _digest(path) != digest:
            raise RunFolderError(
                f"{path}: changed since the run began",
                "restore the file to resume, or start a new run with `opro optimize`",
            )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
