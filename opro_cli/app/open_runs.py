"""Runs of a folder that are open: found by name, one request at a time, as they are now.

A name may come from anybody, and is looked for in this folder only.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from opro_cli.errors import OproError, RunFolderError, UsageError
from opro_cli.reports.selected import BEST, PromptSelector, parse_selector
from opro_cli.store import folders
from opro_cli.store.opened_run import OpenedRun, Stamps, open_run, stamp_run

_MOST_OPEN = 8
"""Runs at rest that are kept open: one of 400,000 answers takes some hundred megabytes."""


def locate_run(folder: Path, runs_dir: Path) -> tuple[Path, str]:
    """Return the folder of runs to show a run in, and its name there: RUN, or SWEEP/CELL.

    That is `runs_dir` where the run is in it, and else the folder that it lies in.
    """
    whole = folder.resolve()
    parent = whole.parent.parent if folders.is_sweep(whole.parent) else whole.parent
    name = whole.relative_to(parent).as_posix()
    here = runs_dir / name
    return (runs_dir if here.exists() and here.samefile(whole) else parent), name


class FoundRun(NamedTuple):
    """A run of the folder.

    Attributes:
        name: By which it is asked for; SWEEP/CELL for a cell.
        sweep: The folder of its sweep, None for a run of its own.
    """

    name: str
    folder: Path
    sweep: str | None


class DamagedRun(OproError):
    """A run cannot be read as it is now."""


@dataclass(slots=True)
class Slot:
    """A run that may be open: one request at a time works on it.

    Attributes:
        stamps: Of its files when it was last read.
        failure: Why it could not be.
        article: Its report as it was last built, of the files of `article_stamps`.
        next_article: When it may be built again, by the monotonic clock.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    stamps: Stamps | None = None
    opened: OpenedRun | None = None
    failure: OproError | None = None
    article: str = ""
    article_stamps: Stamps | None = None
    next_article: float = 0.0

    @property
    def run(self) -> OpenedRun:
        """The run, which is open while it is worked on."""
        if self.opened is None:
            raise AssertionError("a run is open while it is worked on")
        return self.opened

    @property
    def was_live(self) -> bool:
        """Whether a process was at work on it when it was last read."""
        opened = self.opened  # another thread may be about to replace it
        return opened is not None and opened.run.status == "running"


class OpenRuns:
    """The runs of a folder, those that were asked for last being open."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._slots: OrderedDict[Path, Slot] = OrderedDict()
        self._slots_lock = threading.Lock()

    def find(self, name: str) -> FoundRun:
        """Return the run that a name means."""
        folder = folders.find_run_within(self._runs_dir, name)
        sweep = folder.parent.name if "/" in name else None
        return FoundRun(f"{sweep}/{folder.name}" if sweep else folder.name, folder, sweep)

    def find_prompt(self, name: str) -> tuple[FoundRun, PromptSelector]:
        """Return the run and the prompt that RUN or RUN@2.1 means."""
        run, at, suffix = name.rpartition("@")
        try:
            return self.find(name), BEST
        except RunFolderError:
            if not at:
                raise
        selector = parse_selector(suffix)
        if selector is None:
            raise UsageError(
                f"not a prompt: {name!r:.80}", "name RUN, RUN@start, RUN@STEP or RUN@STEP.NUMBER"
            )
        return self.find(run), selector

    def list_all(self) -> list[FoundRun]:
        """Return the runs of the folder, newest last, then the cells of its sweeps."""
        runs = [FoundRun(run.name, run, None) for run in folders.list_runs(self._runs_dir)]
        for sweep in folders.list_sweeps(self._runs_dir):
            cells = folders.list_runs(sweep)
            runs += [FoundRun(f"{sweep.name}/{cell.name}", cell, sweep.name) for cell in cells]
        return runs

    def close_idle(self) -> None:
        """Close runs that nobody works on or has asked for lately."""
        with self._slots_lock:
            slots = self._slots.items()
            at_rest = [folder for folder, slot in slots if not _is_live(folder, slot)]
            for folder in at_rest[:-_MOST_OPEN]:
                del self._slots[folder]

    @contextmanager
    def open(self, run: FoundRun) -> Iterator[Slot]:
        """Have a run to oneself, as it is now."""
        with self._slots_lock:
            slot = self._slots.setdefault(run.folder, Slot())
            self._slots.move_to_end(run.folder)
        self.close_idle()
        with slot.lock:
            stamps = stamp_run(run.folder)
            if slot.stamps != stamps:
                _update(slot, run.folder)
                slot.stamps = stamps
            if slot.failure is not None:
                raise DamagedRun(slot.failure.message, slot.failure.hint)
            yield slot


def _is_live(folder: Path, slot: Slot) -> bool:
    """Return whether a process works on a run, so that it will be asked for again and again.

    One that has ended since, or is gone, may never be asked for again.
    """
    return slot.was_live and folders.is_locked(folder / "events.jsonl")


def _update(slot: Slot, folder: Path) -> None:
    """Open a run, or take what was written since; keep why that is not possible."""
    opened, slot.opened, slot.failure, slot.stamps = slot.opened, None, None, None
    try:
        if opened is None or opened.is_outdated:
            opened = open_run(folder)
        else:
            opened.refresh()
        slot.opened = opened
    except OproError as error:
        slot.failure = error
