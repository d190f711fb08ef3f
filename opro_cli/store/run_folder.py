"""A run on disk: created whole or not at all, read by a replay of its journal."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from opro_cli import __version__
from opro_cli.core.run.events import FORMAT_VERSION, Answered, FirstReply, Proposed
from opro_cli.core.run.progress import count_calls
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.schema import read_section
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import SPLITS, Example, Split, fingerprint_examples
from opro_cli.core.text import encode_text
from opro_cli.errors import JournalError, ResultError, RunExistsError, RunFolderError
from opro_cli.files import explain_refusal, write_atomically
from opro_cli.loop.planner import Finish, plan_next
from opro_cli.reports.recorded import RecordedRun, Status
from opro_cli.store.atomic_folders import (
    explain_missing_folder,
    make_folder,
    make_runs_dir,
    remove_folder,
)
from opro_cli.store.folders import get_failure_path, is_locked
from opro_cli.store.journal import EMPTY_PREFIX, read_numbered_events
from opro_cli.store.replay import load_snapshot, replay_journal, save_snapshot
from opro_cli.store.run_files import (
    encode_config,
    encode_examples,
    encode_json,
    fingerprint_settings,
    read_package_versions,
)

T = TypeVar("T")

CONFIG_COPY = "config.yaml"
"""The config that `opro resume` reads; settings that may change during a run are edited here."""
BEST_PROMPT = "best_prompt.txt"

_MUCH = 4_000_000
"""Bytes of a journal from which on a snapshot saves its readers hundredths of a second."""

_ATTEMPTS = 5
"""Reads of a run that other processes change, before a fault counts as real."""

_RESTORE = "restore it from a backup, or copy the whole run folder again"


def prepare_runs_dir(runs_dir: Path) -> None:
    """Make the folder of all runs where there is none, with a `.gitignore` for all in it.

    Raises:
        RunFolderError: The disk refuses.
    """
    with explain_missing_folder(runs_dir, "a run folder"):
        make_runs_dir(runs_dir)


def create_run(
    runs_dir: Path,
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    identity: Mapping[str, Any],
    name: str | None = None,
) -> Path:
    """Make the folder of a new run, whole or not at all, and return it.

    Args:
        runs_dir: The folder of all runs.
        settings: The resolved config.
        examples: The questions by split.
        identity: Further keys of run.json.
        name: Of the folder; None for the run's name with time and chance, unique.

    Raises:
        RunExistsError: A run of this name exists, perhaps since a moment ago.
        RunFolderError: The disk refuses.
    """
    stamp = datetime.now(UTC)
    plain = convert_to_plain(settings)
    while True:
        chosen = name or f"{settings.name}-{stamp:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        about = {
            "format_version": FORMAT_VERSION,
            "run": chosen,
            "created": stamp.isoformat(timespec="seconds"),
            "opro_version": __version__,
            "packages": read_package_versions(),
            "settings": plain,
            "config_fingerprint": fingerprint_settings(plain),
            **identity,
        }
        folder = runs_dir / chosen
        with explain_missing_folder(runs_dir, "a run folder"):
            if make_folder(folder, partial(_write_new_run, about=about, examples=examples)):
                return folder
        if name:
            raise RunExistsError(f"{folder}: there is a run of this name", "`opro resume` it")


def _write_new_run(
    folder: Path, *, about: Mapping[str, Any], examples: Mapping[Split, Sequence[Example]]
) -> None:
    write_atomically(folder / CONFIG_COPY, encode_config(about["settings"]))
    write_atomically(folder / "run.json", encode_json(about))
    write_atomically(folder / "examples.jsonl", encode_examples(examples))
    (folder / "events.jsonl").touch()


def remove_unanswered(folder: Path) -> bool:
    """Remove a run to which no model has said anything yet; return True if it was one.

    Raises:
        RunFolderError: The disk refuses.
    """
    events = (event for _, event in read_numbered_events(folder / "events.jsonl"))
    if any(isinstance(event, Answered | FirstReply | Proposed) for event in events):
        return False
    remove_folder(folder)
    return True


def rewrite_config(folder: Path, settings: Settings) -> None:
    """Replace the config that `opro resume` reads."""
    path = folder / CONFIG_COPY
    hint = "make room or fix the permissions"
    with explain_refusal(ResultError, f"{path}: cannot be written", hint):
        write_atomically(path, encode_config(convert_to_plain(settings)))


def read_identity(folder: Path) -> dict[str, Any]:
    """Return `run.json` of a run; RunFolderError if it is damaged or from a newer opro."""
    path = folder / "run.json"
    try:
        identity = json.loads(_read_part(path))
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"{path}: not JSON: {error}", _RESTORE) from None
    version = identity.get("format_version") if isinstance(identity, dict) else None
    if not isinstance(version, int) or not isinstance(identity.get("settings"), dict):
        raise RunFolderError(f"{path}: not the identity of a run", _RESTORE)
    if version > FORMAT_VERSION:
        raise RunFolderError(
            f"{path}: format version {version}, this opro reads up to {FORMAT_VERSION}",
            "update opro",
        )
    fingerprint = fingerprint_settings(identity["settings"])
    if identity.get("config_fingerprint", fingerprint) != fingerprint:  # missing in older runs
        raise RunFolderError(f"{path}: not the settings that the run began with", _RESTORE)
    return dict(identity)


def _read_part(path: Path) -> bytes:
    with explain_refusal(RunFolderError, f"{path}: cannot be read", _RESTORE):
        return path.read_bytes()


def read_examples(folder: Path) -> dict[Split, list[Example]]:
    """Return the questions of a run by split."""
    path = folder / "examples.jsonl"
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    number = 0
    try:
        for number, line in enumerate(_read_part(path).splitlines(), start=1):  # noqa: B007
            row = json.loads(line)
            split = examples[row["split"]]
            source_row = row.get("row", len(split))  # not in folders of format version 1
            texts = (row["input"], row["target"], row["source"])
            fields = {str(name): str(text) for name, text in row.get("fields", {}).items()}
            golds = tuple(map(str, row.get("golds", ())))
            group = str(row.get("group", ""))
            split.append(Example(*texts, int(source_row), fields, golds, group))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RunFolderError(f"{path}:{number}: not a question of a run", _RESTORE) from None
    return examples


def read_run(folder: Path, *, own: bool = False) -> RecordedRun:
    """Read a run and replay its journal.

    Args:
        folder: The run's.
        own: The caller holds the run's lock and continues it: every line is read and checked.
            Other readers use the snapshot, and write a new one after a long replay.

    Raises:
        RunFolderError: A part of the folder is missing or damaged.
        JournalError: The journal is.
    """
    attempts = 1 if own else _ATTEMPTS
    while True:
        run = read_run_start(folder)
        size = _measure_journal(folder)
        attempts -= 1
        try:
            return _replay(run, folder, own=own)
        except (JournalError, RunFolderError):
            # Another process may have changed it between two reads; `opro eval` adds prompts.
            unchanged = (read_identity(folder), _measure_journal(folder)) == (run.identity, size)
            if unchanged or not attempts:
                raise


def _replay(run: RecordedRun, folder: Path, *, own: bool) -> RecordedRun:
    journal = folder / "events.jsonl"
    # Before the replay: a run that ends meanwhile has not been cut.
    locked = not own and is_locked(journal)
    size = _measure_journal(folder)
    prefix = EMPTY_PREFIX
    if not own:
        state, prefix = load_snapshot(folder, run.identity, run.state)
        run = replace(run, state=state)
    replay_journal(run.state, journal, prefix)
    if locked:
        return run
    run = settle_run(run)
    if not own and size - prefix.size >= _MUCH and journal.stat().st_size == size:
        save_snapshot(folder, run.identity, run.state, size)
    return run


def _measure_journal(folder: Path) -> int:
    journal = folder / "events.jsonl"
    return journal.stat().st_size if journal.is_file() else 0


def read_run_start(folder: Path) -> RecordedRun:
    """Read a run without its events, in the state before the first one."""
    identity = read_identity(folder)
    examples = read_examples(folder)
    if fingerprint_examples(examples) != identity.get("data_fingerprint"):
        path = folder / "examples.jsonl"
        raise RunFolderError(f"{path}: not the questions that the run began with", _RESTORE)
    search = _read_section(folder, identity, "search", SearchSettings)
    task = _read_section(folder, identity, "task", TaskSettings)
    scorer = _read_section(folder, identity, "scorer", ScorerSettings)
    _read_section(folder, identity, "optimizer", OptimizerSettings)
    state = RunState.at_start(
        search,
        examples,
        task,
        Scale(**identity.get("scale", {})),
        repeats=scorer.repeats,
    )
    budget = read_section(BudgetSettings, identity["settings"].get("budget") or {}, (), [])
    state.most_calls = budget.calls if budget else None
    state.drafts = len((identity.get("headroom") or {}).get("drafts", ()))
    return RecordedRun(
        name=folder.resolve().name,
        folder=str(folder),
        settings=_add_defaults(identity["settings"]),
        identity=identity,
        examples=examples,
        state=state,
        status="running",
    )


def settle_run(run: RecordedRun) -> RecordedRun:
    """Set the status of a replayed run that no process works on; RunFolderError if it was cut."""
    run = replace(run, status=_find_status(run))
    _check_whole(run)
    return run


def _add_defaults(recorded: dict[str, Any]) -> Mapping[str, Any]:
    """Add the keys that did not exist when the run began, with their defaults."""
    settings = read_section(Settings, recorded, (), [])
    return recorded if settings is None else convert_to_plain(settings)


def _read_section(folder: Path, identity: Mapping[str, Any], name: str, cls: type[T]) -> T:
    section = read_section(cls, identity["settings"].get(name), (), [])
    if section is None:
        path = folder / "run.json"
        raise RunFolderError(f"{path}: its {name} settings cannot be read", _RESTORE)
    return section


def _check_whole(run: RecordedRun) -> None:
    """Refuse a finished run with work left, and a result with more calls than the journal.

    A probe has a plan of its own, which is over before that of a search. What a budget left for
    test at the end of a race in looks is not known here: a session may have had another budget.
    """
    folder, state = Path(run.folder), run.state
    result = read_result(folder) or {}
    finished = "finished" in (run.status, result.get("status"))
    over = bool(run.identity.get("probe")) or state.race_is_over
    cut = ""
    if finished and (run.status != "finished" or not (over or plan_next(state) == Finish())):
        cut = "does not lead to the end of the run, which was finished"
    else:
        spend = result.get("spend")
        counted = spend.get("calls") if isinstance(spend, dict) else None
        if isinstance(counted, int) and count_calls(state) < counted:
            cut = f"has {count_calls(state):,} calls, and result.json counts {counted:,}"
    if cut:
        raise RunFolderError(
            f"{folder / 'events.jsonl'}: {cut}: a part of it is missing or was changed",
            "copy the whole run folder again, or restore the file from a backup; to have what is "
            "missing asked (and paid) again, delete result.json and `opro resume` the run",
        )


def _find_status(run: RecordedRun) -> Status:
    match run.state.ended and run.state.ended.reason:
        case None:
            failed = get_failure_path(Path(run.folder) / "events.jsonl").is_file()
            return "failed" if failed else "killed"
        case "finished":
            return "finished"
        case "interrupted" | "budget":
            return "stopped"
    return "failed"


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return `result.json` of a run; None if it is missing or damaged (it can be remade)."""
    try:
        result = json.loads((folder / "result.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return result if isinstance(result, dict) else None


def write_result(folder: Path, result: Mapping[str, Any], best_prompt: str | None) -> None:
    """Write `result.json`, and `best_prompt.txt` byte for byte if it holds all of a winner.

    Args:
        folder: Of the run.
        result: Of `build_result`.
        best_prompt: The winner's text; None where there is none, or it has worked examples or a
            layout, which `opro prompt` prints.
    """
    hint = "make room or fix the permissions, then `opro resume` writes it again"
    with explain_refusal(ResultError, f"{folder}: cannot write the result", hint):
        if best_prompt is not None:
            write_atomically(folder / BEST_PROMPT, encode_text(best_prompt))
        else:  # an earlier session may have had another winner
            (folder / BEST_PROMPT).unlink(missing_ok=True)
        write_atomically(folder / "result.json", encode_json(result))
