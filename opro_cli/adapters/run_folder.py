"""A run on disk: made whole or not at all, found by any unambiguous part of its name."""

from __future__ import annotations

import json
import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from opro_cli import __version__
from opro_cli.adapters.atomic import sync_folder, write_atomically
from opro_cli.adapters.journal import is_locked, read_events
from opro_cli.core.changes import as_plain
from opro_cli.core.events import FORMAT_VERSION
from opro_cli.core.model import SPLITS, Example, Split
from opro_cli.core.schema import read_section
from opro_cli.core.settings import SearchSettings, Settings
from opro_cli.core.state import IllegalEvent, RunState, replay
from opro_cli.errors import JournalError, RunFolderError
from opro_cli.reports.recorded import RecordedRun, Status

CONFIG_HEADER = (
    "# what this run was asked to do, every default written out; `opro resume` reads this file\n"
)


def create_run(
    runs_dir: Path,
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    identity: Mapping[str, Any],
) -> Path:
    """Make the folder of a new run and return it.

    It is filled under a hidden name and renamed at the end, so a crash leaves no half a run.
    """
    stamp = datetime.now(UTC)
    name = f"{settings.name}-{stamp:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    plain = as_plain(settings)
    about = {
        "format_version": FORMAT_VERSION,
        "run": name,
        "created": stamp.isoformat(timespec="seconds"),
        "opro_version": __version__,
        "packages": _package_versions(),
        "settings": plain,
        **identity,
    }
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        making = runs_dir / f".{name}"
        making.mkdir()
        config = CONFIG_HEADER + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
        write_atomically(making / "config.yaml", config.encode())
        write_atomically(making / "run.json", _json_bytes(about))
        write_atomically(making / "examples.jsonl", _examples_bytes(examples))
        (making / "events.jsonl").touch()
        sync_folder(making)
        making.rename(runs_dir / name)
        sync_folder(runs_dir)
    except OSError as error:
        raise RunFolderError(
            f"{runs_dir}: cannot make a run folder here: {error.strerror}",
            "name another place with --runs-dir or OPRO_RUNS_DIR",
        ) from error
    return runs_dir / name


def find_run(runs_dir: Path, wanted: str) -> Path:
    """The run that `wanted` names: a folder, or any unambiguous part of a run's name."""
    direct = Path(wanted)
    if wanted and (direct / "run.json").is_file():
        return direct
    runs = list_runs(runs_dir)
    exact = [run for run in runs if run.name == wanted]
    matches = exact or [run for run in runs if wanted and wanted in run.name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(run.name for run in matches[:6]) + (" …" if len(matches) > 6 else "")
        raise RunFolderError(f'"{wanted}" fits {len(matches)} runs: {names}', "name more of it")
    if wanted and direct.is_dir():
        raise RunFolderError(f"{wanted}: not a run folder (it has no run.json)")
    raise RunFolderError(
        f'no run called "{wanted}" in {runs_dir}', "`opro runs` lists the runs; see --runs-dir"
    )


def list_runs(runs_dir: Path) -> list[Path]:
    """Folders of runs, newest last; [] when there is no such directory."""
    if not runs_dir.is_dir():
        return []
    found = (path for path in runs_dir.iterdir() if not path.name.startswith("."))
    return sorted((p for p in found if (p / "run.json").is_file()), key=_created)


def last_run(runs_dir: Path) -> Path:
    """The newest run."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RunFolderError(f"no runs in {runs_dir}", "start one with `opro optimize CONFIG`")
    return runs[-1]


def _created(folder: Path) -> tuple[str, float]:
    # The name carries the second of creation; within one second the folder's own time tells.
    stamp = "-".join(folder.name.rsplit("-", 3)[1:3])
    return stamp, (folder / "run.json").stat().st_mtime


def read_identity(folder: Path) -> dict[str, Any]:
    """`run.json` of a run; refuses one written by a newer opro."""
    path = folder / "run.json"
    try:
        identity = json.loads(path.read_bytes())
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RunFolderError(f"{path}: not JSON: {error}", "restore it from a backup") from None
    version = identity.get("format_version") if isinstance(identity, dict) else None
    if not isinstance(version, int) or not isinstance(identity.get("settings"), dict):
        raise RunFolderError(f"{path}: not the identity of a run", "restore it from a backup")
    if version > FORMAT_VERSION:
        raise RunFolderError(
            f"{path}: format version {version}, this opro reads up to {FORMAT_VERSION}",
            "update opro",
        )
    return dict(identity)


def read_examples(folder: Path) -> dict[Split, list[Example]]:
    """The questions of a run, by split, as they were asked."""
    path = folder / "examples.jsonl"
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    number = 0
    try:
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):  # noqa: B007
            row = json.loads(line)
            split = examples[row["split"]]
            place = row.get("row", len(split))  # not in folders of format version 1
            split.append(Example(row["input"], row["target"], row["source"], place))
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        raise RunFolderError(
            f"{path}:{number}: not a question of a run", "restore it from a backup"
        ) from None
    return examples


def read_run(folder: Path) -> RecordedRun:
    """All that is known of a run, by replay of its journal."""
    identity = read_identity(folder)
    examples = read_examples(folder)
    problems: list[Any] = []
    search = read_section(SearchSettings, identity["settings"].get("search"), (), problems)
    if search is None:
        raise RunFolderError(f"{folder / 'run.json'}: its search settings cannot be read")
    task = identity["settings"].get("task")
    second_round = bool(isinstance(task, dict) and task.get("second_round"))
    state = RunState.at_start(search, examples, second_round)
    journal = folder / "events.jsonl"
    try:
        replay(state, read_events(journal))
    except IllegalEvent as error:
        raise JournalError(
            f"{journal}: {error}", "the file was changed by hand; restore it from a backup"
        ) from None
    return RecordedRun(
        name=folder.resolve().name,
        folder=str(folder),
        settings=_with_defaults(identity["settings"]),
        identity=identity,
        examples=examples,
        state=state,
        status=_status(journal, state),
    )


def _with_defaults(recorded: dict[str, Any]) -> Mapping[str, Any]:
    """The settings of a run with the keys that came after it began, at their defaults."""
    settings = read_section(Settings, recorded, (), [])
    return recorded if settings is None else as_plain(settings)


def _status(journal: Path, state: RunState) -> Status:
    if is_locked(journal):
        return "running"
    if state.ended is None:
        return "killed"
    by_reason: dict[str, Status] = {"finished": "finished", "interrupted": "stopped"}
    return by_reason.get(state.ended.reason, "failed")


def read_result(folder: Path) -> dict[str, Any] | None:
    """`result.json` of a run; None where there is none or it cannot be read (it can be remade)."""
    try:
        result = json.loads((folder / "result.json").read_bytes())
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) else None


def write_result(folder: Path, result: Mapping[str, Any], best_prompt: str | None) -> None:
    """Write `result.json`, and `best_prompt.txt` byte for byte when there is a winner."""
    try:
        if best_prompt is not None:
            write_atomically(
                folder / "best_prompt.txt", best_prompt.encode("utf-8", "surrogatepass")
            )
        write_atomically(folder / "result.json", _json_bytes(result))
    except OSError as error:
        raise RunFolderError(
            f"{folder}: cannot write the result: {error.strerror}",
            "make room or fix the permissions, then `opro resume` writes it again",
        ) from error


def _json_bytes(data: Mapping[str, Any]) -> bytes:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # lone surrogates from a model
        return (json.dumps(data, indent=2) + "\n").encode()


def _examples_bytes(examples: Mapping[Split, Sequence[Example]]) -> bytes:
    lines = []
    for split in SPLITS:
        for example in examples.get(split, ()):
            lines.append(json.dumps({"split": split, **asdict(example)}))
    return ("\n".join(lines) + "\n").encode()


def _package_versions() -> dict[str, str]:
    """Versions of what answers and reads; metadata only, nothing is imported."""
    versions = {"python": platform.python_version()}
    for name in ("litellm", "datasets", "numpy", "tokenizers"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
