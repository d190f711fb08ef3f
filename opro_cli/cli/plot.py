"""`opro plot`: a figure of runs, for a paper or a slide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, run_argument, say
from opro_cli.errors import UsageError

Runs = Annotated[
    list[str],
    run_argument(
        "RUN",
        "Runs, or a sweep: folders, or parts of their names; for a confusion matrix also "
        "RUN@start or RUN@3.2.",
        sweeps=True,
    ),
]
Kind = Annotated[
    Literal["curve", "front", "forest", "confusion", "calibration"] | None,
    typer.Option(
        "--kind",
        "-k",
        help="curve (unless given): scores by step. front: score against cost. forest: gains "
        "with their intervals. confusion: labels by answers. calibration: what the search "
        "promised, and what came.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The figure to write, .svg or .png (which needs the extra opro-cli[png]); - for "
        "SVG on stdout. Unless given, KIND.svg in the run's folder, or here for several runs.",
    ),
]
Dark = Annotated[bool, typer.Option("--dark", help="Draw on a dark ground, for slides.")]


def plot(
    runs: Runs,
    kind: Kind = None,
    output: Output = None,
    dark: Dark = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: Json = False,
) -> None:
    """Draw a figure of one run or several, for a paper or a slide.

    With --json also print the numbers in it.

    \b
    Examples:
      opro plot quickstart -o curve.svg
      opro plot gsm8k-a gsm8k-b gsm8k-c --kind forest -o gains.svg
      opro plot tickets@start --kind confusion -o before.png
    """
    from opro_cli.app.plot import build_plot, write_plot

    to_stdout = str(output) == "-"
    if to_stdout and as_json:
        raise UsageError("--json and --output -: one of them", "name a file, or leave --json out")
    plotted = build_plot(kind or "curve", runs, runs_dir, say)
    if to_stdout:
        from opro_cli.render.figures.draw import draw_figure
        from opro_cli.render.prompts import print_text

        print_text(draw_figure(plotted.figure, dark=dark))
        return
    file = write_plot(plotted, output, dark=dark)
    if as_json:
        facts = {"file": str(file), "kind": plotted.kind, "shows": list(plotted.shows)}
        print_json({**facts, "figure": plotted.figure.to_json()})
        return
    from opro_cli.render.safe import printable

    print(printable(str(file)))
