"""`opro diff SWEEP --markdown`: a sweep, or two, for a pull request."""

from __future__ import annotations

from opro_cli.reports.formats import plural
from opro_cli.reports.sweeps import words
from opro_cli.reports.sweeps.diff import SweepDiff
from opro_cli.reports.sweeps.report import (
    INTERVAL,
    SweepReport,
    counted,
    difference_told,
    headline,
    of_these,
)
from opro_cli.reports.sweeps.winners import RULE
from opro_cli.ui import sweep_grids
from opro_cli.ui.markdown import code, table


def sweep_as_markdown(report: SweepReport) -> str:
    """The mean gain first, then what it is made of."""
    lines = [f"## Sweep {code(report.name)}", "", f"**{headline(report.gain)}**", ""]
    lines += [
        line for told in (of_these(report.gain), counted(report.cells)) for line in _told(told)
    ]
    if report.left_out:
        lines += table(sweep_grids.left_out_grid(report))
    lines += ["### Test scores", "", *table(sweep_grids.matrix_grid(report)), words.READ, ""]
    lines += [
        "### Mean gain of each task",
        "",
        *table(sweep_grids.tasks_grid(report)),
        INTERVAL,
        "",
    ]
    lines += ["### Winners", "", *table(sweep_grids.winners_grid(report))]
    lines += [f"- {code(name)}: {code(text)}" for name, text in sweep_grids.instructions(report)]
    return _joined([*lines, "", RULE, "", *_transfer(report)])


def diff_as_markdown(diff: SweepDiff) -> str:
    """Cell by cell, and the mean over tasks."""
    lines = ["## Sweeps compared", ""]
    for mark, report in (("-", diff.before), ("+", diff.after)):
        lines.append(f"{mark} {code(report.name)}: {counted(report.cells)}")
    lines += ["", f"**{difference_told(diff.mean)}**", "", *_told(of_these(diff.mean))]
    lines += table(sweep_grids.pairs_grid(diff)) if diff.pairs else []
    for which, cells in (("first", diff.only_before), ("second", diff.only_after)):
        if cells:
            names = ", ".join(code(cell.name) for cell in cells)
            lines += [f"{plural(len(cells), 'cell')} only in the {which}: {names}", ""]
    return _joined([*lines, INTERVAL])


def _transfer(report: SweepReport) -> list[str]:
    found = report.transfer
    if not found.targets or not found.winners:
        return []
    lines = ["### Transfer", ""]
    if found.asked:
        lines += [*table(sweep_grids.transfer_grid(found)), words.TRANSFER, ""]
    lines += [words.SEEN, ""] if found.seen else []
    if found.missing:
        lines.append(f"{plural(found.missing, 'square')} not asked yet: `opro eval --sweep SWEEP`")
    return lines


def _told(sentence: str) -> list[str]:
    return [sentence, ""] if sentence else []


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"
