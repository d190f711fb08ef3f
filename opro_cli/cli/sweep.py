"""`opro sweep SWEEP`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, Plain, RunsDir
from opro_cli.cli.session import OVER_BUDGET

if TYPE_CHECKING:
    from opro_cli.core.sweep import SweepTable
    from opro_cli.sweep.launch.channel import SweepEngine

Engine = Literal["local", "ray"]


def sweep(
    file: Annotated[Path, typer.Argument(metavar="SWEEP", help="A YAML sweep file.")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the cells and their cost; ask no model.")
    ] = False,
    shard: Annotated[
        str,
        typer.Option(metavar="I/N", help="Work on every N-th cell only, beginning with the I-th."),
    ] = "1/1",
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Cells at a time; unless given, as many as there are cores."),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Where cells run: here, or on a Ray cluster.")
    ] = "local",
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="The Ray cluster; auto means this machine's.")
    ] = "auto",
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

    from opro_cli import wiring
    from opro_cli.render.consoles import make_sweep_observer
    from opro_cli.render.safe import printable
    from opro_cli.store.sweep_folder import hold_sweep, make_sweep_folder, write_sweep
    from opro_cli.sweep.cells import build_limits, estimate, get_folder, require_ready, select_shard
    from opro_cli.sweep.file import load_sweep
    from opro_cli.sweep.session import build_table, work_on

    whole = load_sweep(file, wiring.NAMES)
    part = select_shard(whole, shard)
    cells, folder = require_ready(part.sweep), get_folder(whole, runs_dir)
    table = build_table(whole.name, cells, folder)
    table.budget = part.sweep.budget
    if dry_run:
        show_estimate(estimate(cells, table), as_json=as_json)
        return
    notes: list[str] = []
    make_sweep_folder(folder)
    with hold_sweep(folder, part.label), build_limits(part, whole, cells, folder, notes) as limits:
        write_sweep(folder, whole.name, [each.cell for each in whole.cells], whole.budget)
        for note in notes:
            print(printable(note), file=sys.stderr)
        at_work = engine_for(engine, address, processes)
        try:
            observer = make_sweep_observer(plain=plain)
            session = work_on(cells, folder, table, at_work, observer, limits)
            ceiling = asyncio.run(session)
        finally:
            at_work.close()
            again = ["--engine", engine, "--address", address] if engine != "local" else []
            show_table(table, command(file, runs_dir, shard, again), as_json=as_json)
    if table.count("failed"):
        raise typer.Exit(1)
    if ceiling or table.count("stopped") or table.count("elsewhere"):
        raise typer.Exit(OVER_BUDGET)


def command(file: Path, runs_dir: Path, shard: str, more: Sequence[str]) -> str:
    """Return the command that resumes a sweep, from the present folder."""
    words = ["opro", "sweep", str(file)]
    words += ["--runs-dir", str(runs_dir)] if runs_dir != DEFAULT_RUNS_DIR else []
    words += ["--shard", shard] if shard != "1/1" else []
    return shlex.join([*words, *more])


def show_table(table: SweepTable, again: str, *, as_json: bool) -> None:
    """Where all cells stand on stdout, what went wrong and how to go on on stderr."""
    from opro_cli.render.safe import printable
    from opro_cli.render.sweep import build_cells_table, format_closing
    from opro_cli.render.tables import make_page

    if as_json:
        print_json([row.to_json() for row in table.rows.values()])
    else:
        page = make_page(sys.stdout)
        page.write_table(build_cells_table(table.rows.values(), page.width))
    for line in format_closing(table, again):
        make_page(sys.stderr).write(printable(line))


def engine_for(engine: Engine, address: str, processes: int | None) -> SweepEngine:
    """The engine of this name; UsageError where it is not to be had."""
    if engine == "ray":
        from opro_cli.sweep.launch.ray import RayEngine

        return RayEngine(address, processes)
    from opro_cli.processes import count_cores
    from opro_cli.sweep.launch.local import LocalEngine

    return LocalEngine(processes or count_cores())


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
