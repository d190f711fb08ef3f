"""The shared part of `optimize` and `resume`: a view, the result, the exit code."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import apply_gate, can_ask, confirm, say
from opro_cli.errors import (
    DoubtfulAnswers,
    Interrupted,
    ModelError,
    OproError,
    RunError,
    UsageError,
    asks_for_new_run,
)
from opro_cli.render.safe import printable

if TYPE_CHECKING:
    from opro_cli.app.session import SessionOutcome
    from opro_cli.core.settings.settings import Settings
    from opro_cli.ports import Observer, SharedLimits
    from opro_cli.render.live import Actions

OVER_BUDGET = 3


def run_session(
    folder: Path,
    settings: Settings,
    *,
    output: Output,
    as_json: bool,
    preflight: bool = True,
    keep_going: bool = False,
    cached: bool = True,
    ledger: Path | None = None,
    fail_if: str | None = None,
    config: Path | None = None,
) -> None:
    """Work on a run under the live view (or the plain log) and print the result.

    Args:
        folder: Of the run.
        settings: Those of this session.
        output: The progress that is shown.
        as_json: Print the result as JSON.
        preflight: Ask each model once before the search.
        keep_going: Go on whatever the first answers are.
        cached: Look up and keep answers.
        ledger: The file that records the use of test rows, where an option names one.
        fail_if: The verdicts that end the command with an error.
        config: The file that a new run begins from. One that fails before any answer leaves no
            folder; there is nothing in it that a second start would not have.
    """
    resume = format_resume_command(folder)
    tell = (lambda _: None) if output.quiet else say

    def work(*, keep_going: bool) -> SessionOutcome:
        from opro_cli.app.session import work_on

        actions = make_actions(folder, output)
        with _open_limits(folder) as shared, open_observers(output, actions) as observers:
            return work_on(
                folder,
                settings,
                observers,
                preflight=preflight,
                keep_going=keep_going,
                cached=cached,
                shared=shared,
                ledger=ledger,
            )

    try:
        try:
            outcome = work(keep_going=keep_going)
        except DoubtfulAnswers as error:
            if as_json or not _is_told_to_go_on(error):
                raise
            outcome = work(keep_going=True)
    except KeyboardInterrupt:  # before the session listens for it, or behind it
        say(f"stopped; nothing answered is lost. resume with: {resume}")
        raise typer.Exit(Interrupted.exit_code) from None
    except OproError as error:
        _add_remedy(error, folder, config, resume)
        raise
    closing = list_closing(folder, outcome.result) if output.is_live else []
    show_result(outcome.result, as_json=as_json, closing=closing)
    if as_json or not closing or not sys.stdout.isatty():
        tell(f"saved in {folder}")
    if outcome.unwritten:
        say(f"{outcome.unwritten}; `opro report {folder.name}` writes it")
    for trouble in (outcome.uncached, outcome.unrecorded):
        if trouble:
            say(trouble)
    _conclude(outcome, folder, resume)
    apply_gate([outcome.result["verdict"]], fail_if)


def _add_remedy(error: OproError, folder: Path, config: Path | None, resume: str) -> None:
    """Say how a run goes on, or how to start again where going on would not help."""
    error.where = error.where or str(folder)
    if isinstance(error, DoubtfulAnswers):
        error.hint = f"{error.hint}: {resume} --keep-going"
        return
    from opro_cli.app.resume import find_config, remove_unanswered

    asked_in_vain = type(error) is RunError or isinstance(error, ModelError)
    source = config or find_config(folder)
    in_config = isinstance(error, ModelError) and error.about == "config"
    file = printable(str(source)) if source and source.is_file() else "the config"
    command = format_command("opro optimize", source) if source else "`opro optimize`"
    if config is not None:
        command = printable(f"opro {shlex.join(sys.argv[1:])}")  # --set and its like included
    again = f"correct it in {file} and " if in_config else ""
    again += f"start again: {command}"
    if config is not None and asked_in_vain and remove_unanswered(folder):
        say("nothing was answered, so that no run is kept")
        error.where = str(config)
    elif asks_for_new_run(error.hint) or (error.hint and resume in error.hint):
        return
    elif not in_config:
        again = f"resume with: {resume}" if error.hint else resume
    error.hint = f"{error.hint}; then {again}" if error.hint else again


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
        if self.quiet and (self.plain or self.verbose):
            raise UsageError("--quiet, or --plain and --verbose: one of them")


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


def _is_told_to_go_on(error: DoubtfulAnswers) -> bool:
    """Ask on a terminal whether a run with such answers goes on; in a pipe nobody can say so."""
    if not can_ask():
        return False  # a resume with --keep-going can say so
    for line in error.message.splitlines():
        say(line)
    error.message = error.message.partition("\n")[0]  # the replies stand above
    return confirm("go on?", "--keep-going")


def _conclude(outcome: SessionOutcome, folder: Path, resume: str) -> None:
    """End the command where the session was stopped, and say how to go on.

    Raises:
        typer.Exit: A ceiling or Ctrl-C ended the session, or nothing was tried.
    """
    if outcome.ending == "budget":
        say(f"stopped by {outcome.stopped_by}; nothing is lost")
        more = f"{resume} --budget {name_ceiling(outcome.stopped_by)}=+AMOUNT"
        if outcome.stopped_by.endswith("of the sweep)"):
            more = "`opro sweep` with a larger budget in the sweep's file"
        say(f"resume with: {more}")
        raise typer.Exit(OVER_BUDGET)
    if outcome.ending == "interrupted":
        say(f"stopped; nothing is lost. resume with: {resume}")
        raise typer.Exit(Interrupted.exit_code)
    if outcome.ending == "fruitless":
        change, resumes = outcome.remedy or ("", True)
        if not resumes:
            say(f"hint: {change} in the config, and start a new run with `opro optimize`")
        else:
            first = f"{change} in {folder / 'config.yaml'}, then " if change else ""
            say(f"hint: {first}resume with: {resume}")
        raise typer.Exit(OproError.exit_code)


def name_ceiling(stopped_by: str) -> str:
    """Return the key of a ceiling below `budget`: "usd" for "budget.usd (5)"."""
    return stopped_by.removeprefix("budget.").partition(" ")[0]


@contextmanager
def _open_limits(folder: Path) -> Iterator[SharedLimits | None]:
    """Yield the limits that a cell shares with its sweep; None for any other run."""
    from opro_cli.app.runs import is_cell

    if not is_cell(folder):
        yield None
        return
    from opro_cli.sweep.budget_session import open_limits_of_cell

    notes: list[str] = []
    with open_limits_of_cell(folder, notes) as shared:
        for note in notes:
            say(note)
        yield shared


def show_costs(config: Path, runs_dir: Path, overrides: Sequence[str], *, as_json: bool) -> None:
    """Show the cost of a run, from its real data; no model is asked."""
    from opro_cli.app.optimize import estimate_costs

    estimate = estimate_costs(config, runs_dir, overrides)
    if as_json:
        print_json(estimate)
        return
    from opro_cli.render.consoles import make_console
    from opro_cli.render.listings import print_costs

    print_costs(estimate, make_console(sys.stdout))


Closing = Sequence[tuple[str, str | Path]]
"""Names, each with a path or a command."""


def list_closing(folder: Path, result: Mapping[str, Any]) -> Closing:
    """Return where the page and the prompt of a run are, and what may be typed next."""
    best = "solution" if result.get("problem") else "prompt"
    name = folder.name if folder.parent == Path("runs") else shlex.quote(str(folder))
    files = {"report": folder / "report.html", best: folder / "best_prompt.txt"}
    whole = result.get("best") or {}
    if "demos" in whole or "layout" in whole:  # more than the text of a file
        del files[best]
    closing: list[tuple[str, str | Path]] = [
        (title, path) for title, path in files.items() if path.is_file()
    ]
    if best not in files:
        closing.append((best, f"opro prompt {printable(name)}"))
    models = [model for model in result["models"].values() if model]
    if result["status"] != "finished" or result.get("problem"):
        return closing
    if all(model.startswith("embedded/") for model in models):  # which was to see how it works
        return [*closing, ("next", "opro init mine.yaml --data rows.csv")]
    return [*closing, ("next", f"opro show {printable(name)} --answers --wrong")]


def show_result(result: dict[str, Any], *, as_json: bool, closing: Closing = ()) -> None:
    """Print the result on stdout, for people or for programs.

    `closing` goes below it on a terminal.
    """
    if as_json:
        print_json(result)
        return
    from opro_cli.render.summary import print_result
    from opro_cli.render.tables import make_page

    page = make_page(sys.stdout)
    if closing and page.is_terminal:  # below what is left of the live view
        page.write_line()
    print_result(result, page, closing=closing)


def format_resume_command(folder: Path) -> str:
    """Return the command that resumes a run, from the present folder."""
    if folder.parent == Path("runs"):
        return f"opro resume {folder.name}"
    return format_command("opro resume", folder)


def format_command(command: str, path: Path) -> str:
    """Return a command on a file or a folder as the shell takes it."""
    return printable(f"{command} {shlex.quote(str(path))}")
