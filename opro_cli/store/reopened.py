"""Runs opened again: checked against their journal, or given more prompts to score."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from opro_cli import __version__
from opro_cli.core.run.events import SessionStarted
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.settings import Settings
from opro_cli.core.text import encode_text
from opro_cli.errors import JournalError, ResultError, RunFolderError
from opro_cli.files import explain_refusal, write_atomically
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.store.folders import is_locked
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_files import encode_json, fingerprint_settings
from opro_cli.store.run_folder import (
    BEST_PROMPT,
    CONFIG_COPY,
    read_identity,
    read_result,
    read_run,
    rewrite_config,
    write_result,
)

ADOPTED = (("optimizer", "max_tokens"), ("search", "steps"))
"""Keys that may be raised in the config of a run whose search has tried nothing."""


def add_instructions(journal: FileJournal, settings: Settings) -> Settings:
    """Add instructions to a run without a search, behind those that it has.

    Killed at any moment, the run is unchanged or has the longer list, can be resumed, and does not
    count as finished in between.

    Args:
        journal: The run's, open, so that no other process adds to the list meanwhile.
        settings: Those of the present command, with the instructions to add.

    Returns:
        The settings with all instructions of the run, the earlier ones first.

    Raises:
        ResultError: The disk refuses.
    """
    folder = journal.path.parent
    identity = read_identity(folder)
    known = tuple(identity["settings"]["search"]["initial_instructions"])
    instructions = tuple(dict.fromkeys((*known, *settings.search.initial_instructions)))
    settings = replace(settings, search=replace(settings.search, initial_instructions=instructions))
    if instructions == known:
        return settings
    plain = convert_to_plain(settings)
    about = {**identity, "settings": plain, "config_fingerprint": fingerprint_settings(plain)}
    hint = "make room or fix the permissions, then give the same command again"
    with explain_refusal(ResultError, f"{folder}: cannot be added to", hint):
        # First, so that a finished run is reopened before its result is out of date.
        journal.append(SessionStarted(time.time(), os.getpid(), __version__))
        journal.sync()
        (folder / "result.json").unlink(missing_ok=True)
        # A run without its copy of the config can be resumed; one whose copy has other
        # instructions than run.json cannot.
        (folder / CONFIG_COPY).unlink(missing_ok=True)
        write_atomically(folder / "run.json", encode_json(about))
    rewrite_config(folder, settings)
    return settings


def adopt_settings(folder: Path, settings: Settings) -> None:
    """Let a run that has tried nothing continue with more tokens a proposal, or more steps.

    The caller holds the run's lock, and has checked that the run may take these.

    Raises:
        ResultError: The disk refuses.
    """
    identity = read_identity(folder)
    plain, given = identity["settings"], convert_to_plain(settings)
    changed = {path: given[path[0]][path[1]] for path in ADOPTED}
    if all(plain.get(top, {}).get(key) == value for (top, key), value in changed.items()):
        return
    now = {**plain}
    for (top, key), value in changed.items():
        now[top] = {**now[top], key: value}
    about = {**identity, "settings": now, "config_fingerprint": fingerprint_settings(now)}
    hint = "make room or fix the permissions, then resume again"
    with explain_refusal(ResultError, f"{folder}: its settings cannot be changed", hint):
        write_atomically(folder / "run.json", encode_json(about))


class CheckedResult(NamedTuple):
    """The result that a journal leads to. note: the fault of the stored result, "" if sound."""

    result: dict[str, Any]
    note: str


def check_result(folder: Path) -> CheckedResult | None:
    """Replay a run whose stored result may be final, and correct the stored result.

    Returns:
        None for a run that is unfinished or that another process works on.

    Raises:
        JournalError, RunFolderError: The journal or another file of the run is damaged or cut.
    """
    path = folder / "result.json"
    stored = read_result(folder)
    unfinished = stored is not None and stored.get("status") != "finished"
    if unfinished or not path.exists() or is_locked(folder / "events.jsonl"):
        return None
    run = read_run(folder, own=True)  # no other process has it, and every line is checked
    if run.status != "finished":
        return None
    result = build_result(run, finished=True)
    wrong = _list_differences(folder, stored, result)
    return CheckedResult(result, _rewrite_result(folder, run, result, wrong) if wrong else "")


def _list_differences(
    folder: Path, stored: Mapping[str, Any] | None, result: Mapping[str, Any]
) -> list[str]:
    """List the keys of the stored result, and the files, that differ from the journal."""
    if stored is None:
        return ["it cannot be read"]
    plain = json.loads(encode_json(result))
    # "run" changes when a folder is renamed.
    keys = [key for key in {**plain, **stored} if key != "run"]
    wrong = [key for key in keys if key not in stored or stored[key] != plain.get(key)]
    prompt = get_best_prompt(result)
    try:
        same = prompt is None or (folder / BEST_PROMPT).read_bytes() == encode_text(prompt)
    except OSError:
        same = False
    return wrong if same else [*wrong, BEST_PROMPT]


def _rewrite_result(
    folder: Path, run: RecordedRun, result: dict[str, Any], wrong: list[str]
) -> str:
    """Write the result anew; return what was wrong and what was done about it."""
    writer = run.state.sessions[-1].opro_version if run.state.sessions else __version__
    fault = f"{folder / 'result.json'}: not what the journal leads to ({', '.join(wrong)})"
    if writer != __version__:
        return (
            f"{fault}, but written by opro {writer}: left as it is; shown is what the journal says"
        )
    try:
        with closing(FileJournal(folder / "events.jsonl")):
            write_result(folder, result, get_best_prompt(result))
    except (JournalError, ResultError, RunFolderError) as error:
        return f"{fault}; it could not be written anew: {error.message}"
    return f"{fault}: written anew"


def get_best_prompt(result: Mapping[str, Any]) -> str | None:
    """Return the winner's text if that is all of it; None for worked examples or a layout."""
    best = result["best"]
    if not best or "demos" in best or "layout" in best:
        return None
    text: str = best["instruction"]
    return text
