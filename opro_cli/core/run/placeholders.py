"""The application's placeholders: what a proposal loses or adds, whatever strategy made it."""

from __future__ import annotations

from collections.abc import Iterable

from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.chat import RESERVED, list_holes
from opro_cli.core.task.placeholders import find_change


def judge_placeholders(text: str, search: SearchSettings, fields: Iterable[str]) -> str:
    """Return which of the application's placeholders a text loses or adds, "" for none.

    A hole of the chat around it is nobody's placeholder: it would be sent to the model as it
    stands. One that a start prompt has may stay.

    Args:
        text: The instruction of a candidate.
        search: Of the run, with its start prompts.
        fields: Of a row, those that have a hole in the chat.
    """
    if search.keep_placeholders is False:
        return ""
    starts = search.initial_instructions
    if change := find_change(text, starts) if search.keep_placeholders else "":
        return change
    known = {name for start in starts for name in list_holes(start)}
    names = {*RESERVED, *fields} - known
    added = [name for name in list_holes(text) if name in names]
    return f"adds {{{{{added[0]}}}}}, which nothing fills" if added else ""
