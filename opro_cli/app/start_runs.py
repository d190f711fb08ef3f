"""Start prompts of other runs: `search.start: RUN@best` is the prompt itself from then on.

A new run has the text in its own config, so that it depends on no folder of another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.prompt import Prompt
from opro_cli.errors import OproError, UsageError
from opro_cli.store.folders import Note, find_matching_runs

if TYPE_CHECKING:
    from opro_cli.core.run.candidates import Candidate
    from opro_cli.reports.recorded import RecordedRun

_REFERENCE = re.compile(r"[^\s@][^\s]{0,199}@(?:best|start|[0-9]{1,9}(?:\.[0-9]{1,9})?)")
_MISSPELT = re.compile(r"([^\s@][^\s]{0,199})\s*@\s*([^\s@]{1,40})")


def list_references(settings: Settings) -> list[str]:
    """Return the start prompts that name one of another run."""
    starts = settings.search.initial_instructions
    return [text for text in starts if _REFERENCE.fullmatch(text)]


def require_resolved(settings: Settings) -> None:
    """Refuse start prompts that name one of another run, where runs are not looked for.

    Raises:
        UsageError: There is one.
    """
    for text in list_references(settings):
        raise UsageError(
            f"search.start: {text} names a prompt of a run, which a sweep does not look up",
            f"write its text: opro prompt {text} --instruction > start.md, then file:start.md",
        )


def resolve_start(
    settings: Settings, runs_dir: Path, note: Note | None = None
) -> tuple[Settings, tuple[Mapping[str, Any], ...]]:
    """Put the prompts of other runs in place of their names.

    Args:
        settings: As the config has them.
        runs_dir: Where runs are kept.
        note: Gets which run a name means where several have it.

    Returns:
        The settings, and for run.json which prompt of which run each is.

    Raises:
        UsageError: There is no such run or prompt, or it is more than a text and its place.
    """
    _refuse_misspelt(settings, runs_dir)
    if not list_references(settings):
        return settings, ()
    from opro_cli.store.run_folder import read_run

    read_once, search = cache(read_run), settings.search
    forms = list(search.initial_forms or ("",) * len(search.initial_instructions))
    texts, origins = list(search.initial_instructions), []
    for index, name in enumerate(texts):
        if not _REFERENCE.fullmatch(name):
            continue
        candidate, origin = _look_up(name, runs_dir, read_once, note)
        texts[index], forms[index] = candidate.instruction, candidate.form
        origins.append({"given": name, "index": index, **origin})
    _require_different(texts, forms, search.initial_instructions)
    own_forms = tuple(forms) if any(forms) or search.initial_forms else None
    search = replace(search, initial_instructions=tuple(texts), initial_forms=own_forms)
    return replace(settings, search=search), tuple(origins)


def _look_up(
    name: str, runs_dir: Path, read: Callable[[Path], RecordedRun], note: Note | None
) -> tuple[Candidate, dict[str, Any]]:
    """Return the candidate that a name means, and where it is from.

    Raises:
        UsageError: There is none, or it is more than a text and its place.
    """
    from opro_cli.app.named_prompts import build_unscored_error, find_prompt
    from opro_cli.reports.selected import select_prompt

    try:
        folder, selector = find_prompt(runs_dir, name, note)
        candidate = select_prompt(read(folder), selector).candidate
        if candidate is None:
            raise build_unscored_error(read(folder))
        content = candidate.content
    except OproError as error:
        raise UsageError(f"search.start: {name}: {error.message}", error.hint) from error
    if not isinstance(content, Prompt):
        raise UsageError(f"search.start: {name} is a solution of a problem, and no prompt")
    if content.demos:
        raise UsageError(
            f"search.start: {name} shows worked examples, which are rows of its own run",
            f"start from its text: opro prompt {name} --instruction > start.md, then file:start.md",
        )
    origin = {"run": folder.name, "prompt": str(selector)}
    return candidate, {**origin, "candidate": candidate.id, "step": candidate.step}


def _refuse_misspelt(settings: Settings, runs_dir: Path) -> None:
    """Refuse a start prompt like "grid@besst", where there is such a run: it would be asked as is.

    Raises:
        UsageError: There is one.
    """
    for text in settings.search.initial_instructions:
        found = _MISSPELT.fullmatch(text)
        if not found or _REFERENCE.fullmatch(text):
            continue
        # The name of a run, or that of its config: "me@home" is no slip for some run with "me".
        meant = find_matching_runs(runs_dir, found[1])
        if any(run.name == found[1] or run.name.startswith(f"{found[1]}-") for run in meant):
            raise UsageError(
                f"search.start: {text}: {found[1]} is a run, and @{found[2]} names no prompt of it",
                f"what there is: {found[1]}@best, @start, @3 (the best of step 3), @3.2",
            )


def restore_references(
    search: SearchSettings, origins: Sequence[Mapping[str, Any]], recorded: SearchSettings
) -> SearchSettings:
    """Return what a config says, with the prompts that a run found for its references.

    Args:
        search: As the config has it.
        origins: Of the run, as `resolve_start` returned them.
        recorded: As the run has it.
    """
    known = {str(each.get("given")): int(each.get("index", 0)) for each in origins}
    texts = recorded.initial_instructions
    starts = (
        texts[known[text]] if known.get(text, len(texts)) < len(texts) else text
        for text in search.initial_instructions
    )
    forms = recorded.initial_forms if origins else search.initial_forms
    return replace(search, initial_instructions=tuple(starts), initial_forms=forms)


def _require_different(texts: Sequence[str], forms: Sequence[str], names: Sequence[str]) -> None:
    first: dict[tuple[str, str], str] = {}
    for text, form, name in zip(texts, forms, names, strict=True):
        known = first.setdefault((text, form), name)
        if known != name:
            raise UsageError(
                f"search.start: {known:.60} and {name:.60} are the same prompt", "keep one of them"
            )
