"""`eval`, `report`, `diff` and `watch` of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import say
from opro_cli.cli.progress import LeaveKey, follow_until_left
from opro_cli.errors import UsageError

if TYPE_CHECKING:
    from opro_cli.app.evaluate import Cell


def sweep_plan(
    name: str, runs_dir: Path, budget: Sequence[str], *, fresh: bool = False
) -> tuple[list[str], list[Cell]]:
    """The instructions of `eval --sweep` and what they are asked on."""
    from opro_cli.app.diff import read_report
    from opro_cli.app.evaluate import list_evaluations, select_prompts_to_ask
    from opro_cli.app.runs import find_sweep

    report = read_report(find_sweep(name, runs_dir), runs_dir)
    prompts = select_prompts_to_ask(report)
    plan = list_evaluations(report.targets, report, runs_dir, budget, fresh=fresh)
    return list(prompts), list(plan)


def print_transfer_of(name: str, runs_dir: Path) -> None:
    """After `eval --sweep`: what was asked, as a matrix of winners and targets."""
    from opro_cli.app.diff import read_report
    from opro_cli.app.runs import find_sweep
    from opro_cli.render.consoles import make_console
    from opro_cli.render.matrices import print_transfer

    report = read_report(find_sweep(name, runs_dir), runs_dir)
    print_transfer(report, make_console(sys.stdout))


def report_on_sweeps(sweeps: Sequence[Path], runs_dir: Path, output: Path | None) -> Path:
    """`report SWEEP`: write its page and say where."""
    if len(set(sweeps)) > 1:
        raise UsageError("a page is about one sweep", "opro diff SWEEP SWEEP compares two")
    from opro_cli.app.diff import read_report
    from opro_cli.app.report import SWEEP_REPORT, write_sweep_report

    page = output or sweeps[0] / SWEEP_REPORT
    write_sweep_report(read_report(sweeps[0], runs_dir), page, say)
    return page


def find_sweep_called(name: str, runs_dir: Path) -> Path | None:
    """Return the folder of the sweep that a name means; None where it means a run, or nothing."""
    from opro_cli.app.runs import find_sweeps

    return next(iter(find_sweeps([name], runs_dir)), None)


def watch_sweep(folder: Path, *, plain: bool, as_json: bool) -> None:
    """`watch SWEEP`: show its cells until nobody works on them, then their table."""
    import asyncio

    from opro_cli.app.watch_sweep import WatchedSweep
    from opro_cli.cli.sweep import show_table
    from opro_cli.render.consoles import make_sweep_observer

    watched = WatchedSweep(folder)
    if not watched.at_work:
        say(f"{folder.name} is not at work; this is where it stands")
    leave = LeaveKey()
    observer = make_sweep_observer(plain=plain, leave=leave)
    with follow_until_left("sweep", leave, lambda: watched.at_work):
        asyncio.run(watched.follow(observer))
    show_table(watched.table, "opro sweep FILE", as_json=as_json, folder=folder)


def diff_sweeps(
    sweeps: Sequence[Path], runs_dir: Path, *, as_json: bool, markdown: bool, explain: bool = False
) -> None:
    """`diff SWEEP`: print the result of a sweep; `diff SWEEP SWEEP`: cell by cell."""
    from opro_cli.app import diff
    from opro_cli.app.diff import read_report
    from opro_cli.render import matrices
    from opro_cli.render.consoles import make_console

    if len(sweeps) > 2:
        raise UsageError("more than two sweeps", "name one, or two to compare")
    console = make_console(sys.stdout)
    if markdown:
        from opro_cli.render.streams import take_utf8

        take_utf8(sys.stdout)
    reports = [read_report(folder, runs_dir) for folder in sweeps]
    if len(reports) == 1:
        (report,) = reports
        if as_json:
            print_json(diff.serialize_sweep(report))
        elif markdown:
            print(matrices.format_sweep(report), end="", file=console.file)
        else:
            matrices.print_sweep(report, console, explain=explain)
        return
    compared = diff.diff_sweeps(*reports)
    if as_json:
        print_json(diff.serialize_sweep_diff(compared))
    elif markdown:
        print(matrices.format_sweep_diff(compared), end="", file=console.file)
    else:
        matrices.print_sweep_diff(compared, console)
