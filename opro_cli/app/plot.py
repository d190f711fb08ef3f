"""Figures of runs, for papers and slides: read the runs, count, draw, write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from opro_cli.app.diff import read_report, select_prompts
from opro_cli.app.runs import find_run, find_sweeps
from opro_cli.errors import OproError, RunFolderError, UsageError
from opro_cli.files import write_atomically
from opro_cli.render.figures.draw import draw_figure
from opro_cli.reports.figures import (
    Figure,
    build_calibration,
    build_confusion_figure,
    build_curve,
    build_forest,
    build_front,
    build_sweep_forest,
)
from opro_cli.reports.selected import parse_selector
from opro_cli.store.folders import Note
from opro_cli.store.run_folder import read_run

Kind = Literal["curve", "front", "forest", "confusion", "calibration"]
_ALONE: tuple[Kind, ...] = ("front", "confusion")
"""Kinds of figures about one run."""


class Plot(NamedTuple):
    """A figure, and where it is written unless told otherwise."""

    kind: Kind
    figure: Figure
    shows: tuple[str, ...]
    default: Path


def build_plot(kind: Kind, names: Sequence[str], runs_dir: Path, note: Note) -> Plot:
    """Read runs, or the cells of sweeps, and count what a figure shows.

    Args:
        kind: Of the figure.
        names: Runs, or sweeps; of a confusion matrix a prompt as RUN@PLACE.
        runs_dir: Where they are kept.
        note: Gets which run is meant where several have a name, and what to mind about the figure.

    Raises:
        UsageError: These runs have no such figure.
        RunFolderError, JournalError: A run cannot be read.
    """
    if kind in _ALONE and len(names) > 1:
        raise UsageError(
            f"--kind {kind} is about one run, found {len(names)}", "draw each in a file of its own"
        )
    if kind == "confusion":
        (chosen,) = select_prompts(runs_dir, names, note)
        folders, figure = [Path(chosen.run.folder)], build_confusion_figure(chosen)
        return _finish(kind, figure, folders, [chosen.name], note)
    if sweeps := find_sweeps(names, runs_dir):
        return _plot_sweeps(kind, sweeps, runs_dir, note)
    folders = list(dict.fromkeys(_find_whole_run(kind, name, runs_dir, note) for name in names))
    runs = [read_run(folder) for folder in folders]
    builders: dict[str, Callable[[], Figure]] = {
        "curve": lambda: build_curve(runs),
        "front": lambda: build_front(runs[0]),
        "forest": lambda: build_forest(runs),
        "calibration": lambda: build_calibration(runs),
    }
    return _finish(kind, builders[kind](), folders, [run.name for run in runs], note)


def _find_whole_run(kind: Kind, name: str, runs_dir: Path, note: Note) -> Path:
    """Return the folder of a run; a name such as RUN@start is one of a prompt, and refused."""
    run, at, suffix = name.rpartition("@")
    try:
        return find_run(name, runs_dir, note)
    except RunFolderError:
        if not run or not at or parse_selector(suffix) is None:
            raise
    raise UsageError(
        f"--kind {kind} is about a whole run, and {name} is one of its prompts",
        f"name {run}; --kind confusion is about a prompt",
    )


def _plot_sweeps(kind: Kind, sweeps: Sequence[Path], runs_dir: Path, note: Note) -> Plot:
    if kind not in ("forest", "calibration"):
        raise UsageError(
            f"--kind {kind} is about runs, and {sweeps[0].name} is a sweep",
            f"name cells, such as {sweeps[0].name}/CELL; --kind forest shows a sweep",
        )
    if len(sweeps) > 1:
        raise UsageError("a figure is about one sweep", "opro diff SWEEP SWEEP compares two")
    report = read_report(sweeps[0], runs_dir)
    if kind == "forest":
        figure: Figure = build_sweep_forest(report)
    else:
        runs = [cell.run for cell in report.prompts if cell.run is not None]
        if not runs:
            raise UsageError(
                f"no cell of {report.name} has begun", "`opro sweep FILE` continues it"
            )
        figure = build_calibration(runs)
    return _finish(kind, figure, sweeps, [report.name], note)


def _finish(
    kind: Kind, figure: Figure, folders: Sequence[Path], names: Sequence[str], note: Note
) -> Plot:
    for sentence in figure.notes:
        note(sentence)
    file = Path(f"{kind}.svg")
    return Plot(kind, figure, tuple(names), folders[0] / file if len(folders) == 1 else file)


def write_plot(plot: Plot, output: Path | None, *, dark: bool = False) -> Path:
    """Write a figure as its file's name says, whole or not at all, and return the file.

    Raises:
        UsageError: The name ends neither in .svg nor in .png.
        OproError: The extra for PNG is missing, or this machine has no font for it.
        RunFolderError: The file cannot be written.
    """
    file = output or plot.default
    if file.suffix.lower() not in (".svg", ".png"):
        raise UsageError(
            f"{file}: expected a name that ends in .svg or .png", "such as --output figure.svg"
        )
    svg = draw_figure(plot.figure, dark=dark)
    data = svg.encode() if file.suffix.lower() == ".svg" else convert_to_png(svg)
    try:
        write_atomically(file, data)
    except OSError as error:
        raise RunFolderError(
            f"{file}: the figure cannot be written: {error.strerror}",
            "name a file in a folder that exists and can be written to with --output",
        ) from error
    return file


DPI = 600
"""Pixels an inch of a PNG, as journals ask of drawings."""
_PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<text y="8" font-size="9" font-family="{fonts}">{text}</text></svg>'
)


def convert_to_png(svg: str) -> bytes:
    """Return a figure in pixels, 600 an inch at its width in print.

    Raises:
        OproError: The extra `png` is missing, or there is no font.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise OproError(
            "a PNG needs the package resvg-py", 'pip install "opro-cli[png]", or write an .svg'
        ) from None
    # Without a font it leaves letters out, and says nothing.
    fonts = svg.partition('font-family="')[2].partition('"')[0]
    probes = [
        bytes(svg_to_bytes(svg_string=_PROBE.format(fonts=fonts, text=text))) for text in ("W", "")
    ]
    if probes[0] == probes[1]:
        raise OproError(
            "a PNG needs a font that opro can find, and this machine has none of them",
            "install Liberation Sans, DejaVu Sans or Noto Sans (such as the package "
            "fonts-dejavu-core), or write an .svg",
        )
    return _add_resolution(bytes(svg_to_bytes(svg_string=svg, dpi=DPI)))


_HEADER_END = 33
"""Where the header of a PNG ends: its signature and its first chunk."""


def _add_resolution(png: bytes) -> bytes:
    """Return a PNG that says how large it is in print (chunk pHYs): pixels a metre, both ways."""
    pixels = round(DPI / 0.0254)
    body = b"pHYs" + struct.pack(">IIB", pixels, pixels, 1)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]
