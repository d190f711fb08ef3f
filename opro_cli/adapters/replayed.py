"""The state of a run, made of its journal."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opro_cli.adapters.journal import NOTHING, Covered, damaged, numbered_events
from opro_cli.core.events import Event
from opro_cli.core.state import IllegalEvent, RunState


def replay_journal(state: RunState, journal: Path, known: Covered = NOTHING) -> None:
    """Apply what is in a journal behind what the state knows already.

    Raises JournalError, which names the line that cannot follow.
    """
    with _no_garbage_collection():
        for line, event in numbered_events(journal, known):
            believe(state, journal, line, event)


def believe(state: RunState, journal: Path, line: int, event: Event) -> None:
    """Apply the event of one line; JournalError when it cannot follow what is before it."""
    try:
        state.apply(event)
    except IllegalEvent as error:
        raise damaged(journal, line, f"cannot follow what is before it: {error}") from None


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A replay makes much and no garbage; the collector would look at it all again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
