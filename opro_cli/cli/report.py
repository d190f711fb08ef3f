"""`opro report RUN [RUN ...]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opro_cli.cli.options import DEFAULT_RUNS_DIR, RunsDir, run_argument

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Where the page goes; else report.html in the run's folder, for several runs here.",
    ),
]


def report(
    runs: Annotated[list[str], run_argument("RUN", "Run folders, or any parts of their names.")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    output: Output = None,
) -> None:
    """Write a run, or several side by side, as one HTML page to look at and to send on.

    \b
    Examples:
      opro report quickstart
      opro report gsm8k-a gsm8k-b --output compared.html
    """
    from opro_cli.adapters.find_runs import find_run
    from opro_cli.adapters.report_file import REPORT, write_report
    from opro_cli.adapters.run_folder import read_run
    from opro_cli.ui.safe import printable

    # A run that was named twice is shown once.
    folders = list(dict.fromkeys(find_run(runs_dir, run) for run in runs))
    place = output or (folders[0] / REPORT if len(folders) == 1 else Path(REPORT))
    write_report([read_run(folder) for folder in folders], place)
    print(printable(str(place)))
