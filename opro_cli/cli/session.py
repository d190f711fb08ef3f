"""The shared part of `optimize`, `resume` and `prune`: a session, the result, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from opro_cli import shell
from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import apply_gate, can_ask, confirm, say
from opro_cli.cli.progress import Output, make_actions, open_observers
from opro_cli.errors import (
    DoubtfulAnswers,
    Interrupted,
    ModelError,
    OproError,
    RunError,
    RunFolderError,
    asks_for_new_run,
    name_in_shell,
)
from opro_cli.render.safe import printable

if TYPE_CHECKING:
    from opro_cli.app.session import SessionOutcome
    from opro_cli.core.settings.settings import Settings
    from opro_cli.ports import SharedLimits

OVER_BUDGET = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a session asks its models, whatever the settings of its run are.

    Attributes:
        preflight: Ask each model once before the search.
        keep_going: Go on whatever the first answers are.
        cached: Look up and keep answers.
        ledger: The file that records the use of test rows, where an option names one.
    """

    preflight: bool
    keep_going: bool
    cached: bool
    ledger: Path | None


def run_session(
    folder: Path,
    settings: Settings,
    output: Output,
    asking: Asking,
    *,
    as_json: bool,
    fail_if: str | None = None,
    config: Path | None = None,
) -> None:
    """Work on a run under the live view (or the plain log) and print the result.

    Args:
        folder: Of the run.
        settings: Those of this session.
        output: The progress that is shown.
        asking: How its models are asked.
        as_json: Print the result as JSON.
        fail_if: The verdicts that end the command with an error.
        config: The file that a new run begins from. One that fails before any answer leaves no
            folder; there is nothing in it that a second start would not have.
    """
    from opro_cli.app.run_settings import asks_anew

    resume = format_resume_command(folder)
    if not asking.cached and not asks_anew(folder):
        resume += " --no-cache"  # this session's way; the run was begun with the cache
    try:
        try:
            outcome = _work_on(folder, settings, output, asking)
        except DoubtfulAnswers as error:
            if as_json or not _is_told_to_go_on(error):
                raise
            outcome = _work_on(folder, settings, output, replace(asking, keep_going=True))
    except KeyboardInterrupt:  # before the session listens for it, or behind it
        say(f"stopped; nothing answered is lost. resume with: {resume}")
        raise typer.Exit(Interrupted.exit_code) from None
    except OproError as error:
        _add_remedy(error, folder, config, resume)
        raise
    _show_outcome(outcome, folder, output, as_json=as_json)
    _conclude(outcome, folder, resume)
    apply_gate([outcome.result["verdict"]], fail_if)


def _work_on(folder: Path, settings: Settings, output: Output, asking: Asking) -> SessionOutcome:
    """Work on a run under its views, within the limits of its sweep where it is a cell."""
    from opro_cli.app.session import work_on

    actions = make_actions(folder, output)
    with _open_limits(folder) as shared, open_observers(output, actions) as observers:
        return work_on(
            folder,
            settings,
            observers,
            preflight=asking.preflight,
            keep_going=asking.keep_going,
            cached=asking.cached,
            shared=shared,
            ledger=asking.ledger,
        )


def _show_outcome(outcome: SessionOutcome, folder: Path, output: Output, *, as_json: bool) -> None:
    """Print the result, and say where it is and what could not be kept."""
    closing = list_closing(folder, outcome.result) if output.is_live else []
    show_result(outcome.result, as_json=as_json, closing=closing)
    if not output.quiet and (as_json or not closing or not sys.stdout.isatty()):
        say(f"saved in {folder}")
    if outcome.unwritten:
        say(f"{outcome.unwritten}; `opro report {name_in_shell(str(folder))}` writes it")
    for trouble in (outcome.uncached, outcome.unrecorded):
        if trouble:
            say(trouble)


def _add_remedy(error: OproError, folder: Path, config: Path | None, resume: str) -> None:
    """Say how a run goes on, or how to start again where going on would not help."""
    error.where = error.where or str(folder)
    if isinstance(error, DoubtfulAnswers):
        error.hint = f"{error.hint}: {resume} --keep-going"
        return
    from opro_cli.app.resume import find_config, remove_unanswered

    asked_in_vain = type(error) is RunError or isinstance(error, ModelError)
    source = config or find_config(folder)
    in_config = isinstance(error, ModelError) and error.about in ("config", "prompt")
    file = printable(str(source)) if source and source.is_file() else "the config"
    command = format_command("opro optimize", source) if source else "`opro optimize`"
    if config is not None:
        command = printable(f"opro {shell.join(sys.argv[1:])}")  # --set and its like included
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


def report_wait(held: RunFolderError) -> None:
    """Say which process has a run, and that it is waited for."""
    say(f"{held.message}; waiting for it to end (Ctrl-C stops waiting)")


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
    name = name_in_shell(str(folder))
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
    return printable(f"opro resume {name_in_shell(str(folder))}")


def format_command(command: str, path: Path) -> str:
    """Return a command on a file or a folder as the shell takes it."""
    return printable(f"{command} {shell.quote(str(path))}")
