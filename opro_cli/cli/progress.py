"""The progress that a command shows: a live view, lines or a log; and how a watch is left."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from opro_cli.cli.options import can_ask, say
from opro_cli.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from opro_cli.ports import Observer
    from opro_cli.render.live import Actions


@dataclass(frozen=True, slots=True)
class Output:
    """The progress that a session shows, on stderr and in a file.

    Attributes:
        plain: One line for each event in place of the live view.
        verbose: A line for each answer as well; plain.
        quiet: Nothing but errors.
        log: A file that the lines of `verbose` are added to.
    """

    plain: bool = False
    verbose: bool = False
    quiet: bool = False
    log: Path | None = None

    @property
    def is_live(self) -> bool:
        """Whether the live view is wanted."""
        return not (self.plain or self.verbose or self.quiet)

    def __post_init__(self) -> None:
        shown = [n for n, on in (("--plain", self.plain), ("--verbose", self.verbose)) if on]
        if self.quiet and shown:
            raise UsageError(
                f"--quiet excludes {' and '.join(shown)}: it shows no progress",
                f"leave out --quiet, or {' and '.join(shown)}",
            )


def require_log(output: Output) -> None:
    """Raise UsageError where the log file cannot be written, before there is a run."""
    if output.log is not None:
        _open_log(output.log).close()


def _open_log(path: Path) -> TextIO:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}", "name another file for the log"
        ) from None


@contextmanager
def open_observers(output: Output, actions: Actions | None = None) -> Iterator[list[Observer]]:
    """Yield the views of a session; its log file is closed at the end.

    `actions` are what keys of the live view can do.

    Raises:
        UsageError: The log file cannot be written.
    """
    from opro_cli.render.consoles import make_observer
    from opro_cli.render.plain import PlainLog

    shown: list[Observer] = []
    if not output.quiet:
        shown = [make_observer(plain=output.plain, verbose=output.verbose, actions=actions)]
    if output.log is None:
        yield shown
        return
    with _open_log(output.log) as file:
        yield [*shown, PlainLog(file, verbose=True, dated=True)]


@dataclass(slots=True)
class LeaveKey:
    """Leaves a run or a sweep that is watched, by a key; `done` says that somebody did."""

    done: bool = False

    def __call__(self) -> None:
        """End the watch where it is."""
        self.done = True
        signal.raise_signal(signal.SIGINT)


@contextmanager
def follow_until_left(noun: str, leave: LeaveKey, is_at_work: Callable[[], bool]) -> Iterator[None]:
    """Let a watch be left by Ctrl-C, by its key, or by a polite kill; the cursor comes back.

    Args:
        noun: What is watched: "run" or "sweep".
        leave: The key.
        is_at_work: Whether it goes on without this process.

    Raises:
        typer.Exit: Somebody left.
    """
    from opro_cli.app.signals import stop_signals_to

    try:
        with stop_signals_to(lambda: signal.raise_signal(signal.SIGINT), ctrl_c=False):
            yield
    except KeyboardInterrupt:
        say("stopped watching" + (f"; the {noun} goes on" if is_at_work() else ""))
        raise typer.Exit(0 if leave.done else Interrupted.exit_code) from None


def make_actions(
    folder: Path, output: Output | None = None, *, leave: LeaveKey | None = None
) -> Actions | None:
    """Return what the keys of a live view of a run do; None where there is no such view.

    `leave`: the run goes on without this process.
    """
    if (output is not None and not output.is_live) or not can_ask():
        return None  # and with it the import of what draws
    from opro_cli.app.answers import read_answers_of
    from opro_cli.app.report import report_on_runs
    from opro_cli.render.live import Actions

    return Actions(
        leave=leave,
        read_answers=partial(read_answers_of, folder),
        write_report=partial(report_on_runs, [folder], None),
    )
