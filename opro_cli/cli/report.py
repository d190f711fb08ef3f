"""`opro report RUN [RUN ...]` and `opro report SWEEP`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, find_run, run_argument
from opro_cli.cli.swept import report_on_sweeps

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The page to write; unless given, report.html in the run's folder (sweep.html in a "
        "sweep's), or report.html here for several runs.",
    ),
]


def report(
    runs: Annotated[
        list[str],
        run_argument("RUN", "Runs, or one sweep: folders, or parts of their names.", sweeps=True),
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Write one run or several as an HTML page.

    For a sweep the page shows the matrix of test scores, the winners and the mean gain. A cell is
    a run with a page of its own, named as SWEEP/CELL.

    \b
    Examples:
      opro report quickstart
      opro report gsm8k-a gsm8k-b --output compared.html
      opro report grid
    """
    from opro_cli.app.report import report_on_runs
    from opro_cli.app.runs import find_sweeps

    if sweeps := find_sweeps(runs, runs_dir):
        page = report_on_sweeps(sweeps, runs_dir, output)
        _print_path(page, sorted({folder.name for folder in sweeps}), as_json=as_json)
        return
    # A run that was named twice is shown once.
    folders = list(dict.fromkeys(find_run(run, runs_dir) for run in runs))
    page = report_on_runs(folders, output)
    _print_path(page, [folder.name for folder in folders], as_json=as_json)


def _print_path(page: Path, names: list[str], *, as_json: bool) -> None:
    """Print the path of a page; under `--json` also the runs, or the sweep, that it shows."""
    from opro_cli.render.safe import printable

    if as_json:
        print_json({"page": str(page), "shows": names})
    else:
        print(printable(str(page)))
