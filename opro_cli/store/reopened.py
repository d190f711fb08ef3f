"""Runs opened again: compared, checked against their journal, or given more prompts to score."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence, Set
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from opro_cli import __version__
from opro_cli.core.run.events import Answered, FirstReply, SessionStarted
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import Split
from opro_cli.errors import JournalError, ResultError, RunFolderError, UsageError
from opro_cli.files import write_atomically
from opro_cli.reports.comparison import (
    BEST,
    PromptComparison,
    PromptSelector,
    SelectedPrompt,
    parse_selector,
    select_prompt,
)
from opro_cli.reports.paired import Replies
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.store.folders import Note, find_matching_runs, find_run, is_locked
from opro_cli.store.journal import FileJournal, read_events
from opro_cli.store.run_files import encode_json, fingerprint_settings
from opro_cli.store.run_folder import (
    BEST_PROMPT,
    CONFIG_COPY,
    encode_prompt,
    read_identity,
    read_result,
    read_run,
    rewrite_config,
    write_result,
)


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
    try:
        # First, so that a finished run is reopened before its result is out of date.
        journal.append(SessionStarted(time.time(), os.getpid(), __version__))
        journal.sync()
        (folder / "result.json").unlink(missing_ok=True)
        # A run without its copy of the config can be resumed; one whose copy has other
        # instructions than run.json cannot.
        (folder / CONFIG_COPY).unlink(missing_ok=True)
        write_atomically(folder / "run.json", encode_json(about))
    except OSError as error:
        raise ResultError(
            f"{folder}: cannot be added to: {error.strerror}",
            "make room or fix the permissions, then give the same command again",
        ) from error
    rewrite_config(folder, settings)
    return settings


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
    prompt = _get_best_prompt(result)
    try:
        same = prompt is None or (folder / BEST_PROMPT).read_bytes() == encode_prompt(prompt)
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
            write_result(folder, result, _get_best_prompt(result))
    except (JournalError, ResultError, RunFolderError) as error:
        return f"{fault}; it could not be written anew: {error.message}"
    return f"{fault}: written anew"


def _get_best_prompt(result: Mapping[str, Any]) -> str | None:
    return result["best"]["instruction"] if result["best"] else None


def find_prompt(runs_dir: Path, name: str, note: Note | None = None) -> tuple[Path, PromptSelector]:
    """Return the run folder and the prompt that RUN or RUN@PLACE names.

    An @ may be part of a run's name, so the whole name is tried first; `note` as in `find_run`.
    """
    run, at, suffix = name.rpartition("@")
    if not at or find_matching_runs(runs_dir, name):
        return find_run(runs_dir, name, note), BEST
    selector = parse_selector(suffix)
    if selector is None and find_matching_runs(runs_dir, run):
        raise UsageError(
            f'"@{suffix}" names no prompt of {run}',
            "what there is: @best, @start, @3 (the best of step 3), @3.2 (its second candidate)",
        )
    return find_run(runs_dir, run if selector else name, note), selector or BEST


def select_prompts(
    runs_dir: Path, names: Sequence[str], note: Note | None = None
) -> list[SelectedPrompt]:
    """Return the prompts of these names (RUN or RUN@PLACE); each run is read once.

    `note` is as in `find_run`.
    """
    read_once = cache(read_run)
    named = [find_prompt(runs_dir, name, note) for name in names]
    return [select_prompt(read_once(folder), selector) for folder, selector in named]


def read_flipped_replies(
    chosen: Sequence[SelectedPrompt], compared: PromptComparison
) -> list[Replies]:
    """Read for each prompt the replies to the questions that flipped.

    Only the journals have them, so that each is read again.
    """
    return [
        read_replies(Path(c.run.folder), c.candidate.id, questions) if c.candidate else {}
        for c, questions in zip(chosen, compared.list_flipped(), strict=True)
    ]


def read_replies(
    folder: Path, candidate: str, questions: Mapping[Split, Set[int]]
) -> dict[tuple[Split, int], tuple[str, ...]]:
    """Read the replies to these questions under one candidate (its id), a text for each round."""
    replies: dict[tuple[Split, int], tuple[str, ...]] = {}
    for event in read_events(folder / "events.jsonl"):
        if not isinstance(event, FirstReply | Answered) or event.candidate != candidate:
            continue
        if event.question in questions[event.split]:
            key = (event.split, event.question)
            earlier = replies.get(key, ())
            # A reply journaled ungraded comes again with its grade.
            if earlier[-1:] != (event.text,):
                replies[key] = (*earlier, event.text)
    return replies
