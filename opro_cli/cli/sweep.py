"""`opro sweep SWEEP`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from opro_cli import shell
from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, Ledger, Plain, RunsDir, say
from opro_cli.cli.session import OVER_BUDGET
from opro_cli.errors import OproError

if TYPE_CHECKING:
    from opro_cli.core.sweep import CellRow, SweepTable
    from opro_cli.sweep.launch.channel import SweepEngine

EngineName = Literal["local", "ray"]

SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="A YAML sweep file.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the cells and their cost; ask no model.")
]
Shard = Annotated[
    str, typer.Option(metavar="I/N", help="Work on every N-th cell only, beginning with the I-th.")
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, help="Cells at a time; unless given, as many as there are cores."),
]
Engine = Annotated[EngineName, typer.Option(help="Where cells run: here, or on a Ray cluster.")]
Address = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="The Ray cluster; auto means this machine's.")
]


def sweep(
    file: SweepFile,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    dry_run: DryRun = False,
    shard: Shard = "1/1",
    processes: Processes = None,
    engine: Engine = "local",
    address: Address = "auto",
    ledger: Ledger = None,
) -> None:
    """Run a grid of searches; the same command again continues it.

    \b
    Examples:
      opro sweep grid.yaml --dry-run
      opro sweep grid.yaml
      opro sweep grid.yaml --shard 2/5 --plain
      opro sweep grid.yaml --engine ray --address auto
    """
    import asyncio  # not for `--help`

    from opro_cli.render.consoles import make_sweep_observer
    from opro_cli.sweep import session
    from opro_cli.sweep.cells import count_lost_calls, describe_lost, estimate

    planned = session.plan_sweep(file, runs_dir, shard, ledger)
    cells, table = planned.cells, planned.table
    if dry_run:
        show_estimate(estimate(cells, table, planned.folder), as_json=as_json)
        return
    if engine == "ray":
        session.refuse_far_cells(cells)
    if table.budget.calls is not None:
        with suppress(OproError):  # what a cell lacks is told by its own failure
            if note := estimate(cells, table, planned.folder)["note"]:
                say(f"note: {note}")
    with session.hold(planned, say) as limits:
        at_work = make_engine(engine, address, processes)
        try:
            observer = make_sweep_observer(plain=plain)
            ceiling = asyncio.run(session.work_on(planned, at_work, observer, limits, note=say))
        finally:
            at_work.close()
            again = format_command(file, runs_dir, shard, address if engine == "ray" else None)
            show_table(table, again, as_json=as_json, folder=planned.folder)
    if ceiling and (lost := describe_lost(count_lost_calls(table, planned.folder))):
        say(f"note: the budget counts calls that the table lacks{lost}")
    if table.count("failed"):
        raise typer.Exit(1)
    if ceiling or table.count("stopped") or table.count("elsewhere"):
        raise typer.Exit(OVER_BUDGET)


def format_command(file: Path, runs_dir: Path, shard: str, ray: str | None) -> str:
    """Return the command that resumes a sweep, from the present folder."""
    words = ["opro", "sweep", str(file)]
    words += ["--runs-dir", str(runs_dir)] if runs_dir != DEFAULT_RUNS_DIR else []
    words += ["--shard", shard] if shard != "1/1" else []
    words += ["--engine", "ray", "--address", ray] if ray else []
    return shell.join(words)


def show_table(table: SweepTable, again: str, *, as_json: bool, folder: Path) -> None:
    """Print the cells on stdout, and on stderr what went wrong and how to go on.

    On a terminal that can, the names of the cells open what is in their folders.
    """
    from opro_cli.render.safe import printable
    from opro_cli.render.sweep import build_cells_table, format_closing
    from opro_cli.render.tables import make_page

    if as_json:
        print_json([row.to_json() for row in table.rows.values()])
    else:
        page = make_page(sys.stdout)
        rows = list(table.rows.values())
        cells = build_cells_table(rows, page.width, wide=page.is_terminal)
        page.write_table(cells, links=list_links(rows, folder))
    for line in format_closing(table, again):
        make_page(sys.stderr).write(printable(line))


def list_links(rows: Sequence[CellRow], folder: Path) -> list[str]:
    """Return the address of each cell's page, or of its folder; "" for one that never began."""
    found = []
    for row in rows:
        run = (folder / row.name).absolute()
        page = run / "report.html"
        there = page if page.is_file() else run
        found.append(there.as_uri() if run.is_dir() else "")
    return found


def make_engine(engine: EngineName, address: str, processes: int | None) -> SweepEngine:
    """Make the engine of this name.

    Raises:
        UsageError: Ray is not installed, or its cluster does not answer.
    """
    if engine == "ray":
        from opro_cli.sweep.launch.ray import RayEngine

        return RayEngine(address, processes)
    from opro_cli.sweep.launch.local import LocalEngine

    return LocalEngine(processes)


def show_estimate(estimate: dict[str, Any], *, as_json: bool) -> None:
    """Show the cost of the cells, for people or for programs."""
    if as_json:
        print_json(estimate)
        return
    from opro_cli.render.sweep import build_estimate_table
    from opro_cli.render.tables import make_page

    page = make_page(sys.stdout)
    page.write_table(build_estimate_table(estimate, page.width))
    page.write_line(estimate["assumptions"], "dim")
    if estimate["note"]:
        page.write_line(f"! {estimate['note']}", "yellow")
