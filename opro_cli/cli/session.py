"""The shared part of `optimize` and `resume`: a view, the result, the exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import apply_gate
from opro_cli.errors import Interrupted, OproError
from opro_cli.store.folders import is_sweep

if TYPE_CHECKING:
    from opro_cli.core.settings.settings import Settings
    from opro_cli.ports import SharedLimits

OVER_BUDGET = 3


def work_on(
    folder: Path,
    settings: Settings,
    *,
    plain: bool,
    as_json: bool,
    preflight: bool = True,
    cached: bool = True,
    fail_if: str | None = None,
) -> None:
    """Work on a run under the live view (or the plain log) and print the result."""
    from opro_cli.app import run as running
    from opro_cli.render.consoles import make_observer
    from opro_cli.render.safe import printable

    try:
        with _open_limits(folder) as shared:
            outcome = running.work_on(
                folder,
                settings,
                [make_observer(plain=plain)],
                preflight=preflight,
                cached=cached,
                shared=shared,
            )
    except OproError as error:
        error.where = error.where or str(folder)
        if error.hint is None:
            error.hint = format_resume_command(folder)
        elif format_resume_command(folder) not in error.hint:
            error.hint += f"; then resume with: {format_resume_command(folder)}"
        raise
    show_result(outcome.result, as_json=as_json)
    print(f"saved in {printable(str(folder))}", file=sys.stderr)
    if outcome.unwritten:
        note = f"{outcome.unwritten}; `opro report {folder.name}` writes it"
        print(printable(note), file=sys.stderr)
    if outcome.uncached:
        print(printable(outcome.uncached), file=sys.stderr)
    if outcome.ending == "budget":
        print(f"stopped by {printable(outcome.stopped_by)}; nothing is lost", file=sys.stderr)
        ceiling = outcome.stopped_by.removeprefix("budget.").partition(" ")[0]
        more = f"{format_resume_command(folder)} --budget {ceiling}=+AMOUNT"
        if outcome.stopped_by.endswith("of the sweep)"):
            more = "`opro sweep` with a larger budget in the sweep's file"
        print(f"resume with: {more}", file=sys.stderr)
        raise typer.Exit(OVER_BUDGET)
    if outcome.ending == "interrupted":
        print(
            f"stopped; nothing is lost. resume with: {format_resume_command(folder)}",
            file=sys.stderr,
        )
        raise typer.Exit(Interrupted.exit_code)
    apply_gate([outcome.result["verdict"]], fail_if)


@contextmanager
def _open_limits(folder: Path) -> Iterator[SharedLimits | None]:
    """The limits that a cell shares with its sweep; None for any other run."""
    if not is_sweep(folder.resolve().parent):
        yield None
        return
    from opro_cli.render.safe import printable
    from opro_cli.sweep.budget_session import open_limits_of_cell

    notes: list[str] = []
    with open_limits_of_cell(folder, notes) as shared:
        for note in notes:
            print(printable(note), file=sys.stderr)
        yield shared


def show_costs(config: Path, *, as_json: bool) -> None:
    """Show the cost of a run, from its real data; no model is asked."""
    from opro_cli import wiring
    from opro_cli.reports.costs import estimate_costs

    settings = wiring.fill_in_new(wiring.read_config(config))
    examples = wiring.load_data(settings).examples
    strategy, prices = wiring.build_strategy(settings), wiring.list_prices(settings)
    estimate = estimate_costs(settings, examples, strategy, prices)
    if as_json:
        print_json(estimate)
        return
    from opro_cli.render.consoles import make_console
    from opro_cli.render.listings import print_costs

    print_costs(estimate, make_console(sys.stdout))


def show_result(result: dict[str, object], *, as_json: bool) -> None:
    """The result on stdout, for people or for programs."""
    if as_json:
        print_json(result)
        return
    from opro_cli.render.summary import print_result
    from opro_cli.render.tables import make_page

    print_result(result, make_page(sys.stdout))


def format_resume_command(folder: Path) -> str:
    """Return the command that resumes a run, from the present folder."""
    from opro_cli.render.safe import printable

    if folder.parent == Path("runs"):
        return f"opro resume {folder.name}"
    return printable(f"opro resume {shlex.quote(str(folder))}")
