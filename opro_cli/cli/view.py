"""`opro view [RUN]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opro_cli.cli.options import DEFAULT_RUNS_DIR, RunOrSweep, RunsDir, find_run, say
from opro_cli.errors import UsageError

Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        help="The port, 8765 or the next free one unless given; 0 for any that is free.",
    ),
]
Host = Annotated[
    str, typer.Option("--host", help="Where to listen: on this machine alone, unless given.")
]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Print the address, and open no browser.")]


def view(
    run: RunOrSweep = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    port: Port = None,
    host: Host = "127.0.0.1",
    no_open: NoOpen = False,
) -> None:
    """Look at runs in a browser: every answer, and prompts compared.

    The page is served from this machine and follows runs while they work. It is read-only, and
    only somebody with its address can open it. Ctrl-C ends it.

    \b
    Examples:
      opro view
      opro view quickstart
      opro view --no-open --port 8000
    """
    from opro_cli.app.view import RunsViewer
    from opro_cli.viewer.server import is_loopback, serve

    _require_folder(runs_dir)
    runs_dir, fragment = (runs_dir, "") if run is None else _locate_page(run, runs_dir)
    if not is_loopback(host):
        say(
            f"{host} can be reached from other machines: anybody who has this address, or sees it "
            "on the network, can read every run here; nothing is encrypted"
        )

    def ready(address: str) -> None:
        print(f"{address}{fragment}", flush=True)
        opened = not no_open and open_browser(f"{address}{fragment}")
        say("opened in the browser; Ctrl-C ends it" if opened else "Ctrl-C ends it")

    serve(RunsViewer(runs_dir), host, port, ready)
    say("ended; nothing of the runs was changed")


def _require_folder(runs_dir: Path) -> None:
    """Raise UsageError for what is no folder, or for one that was named and is not there."""
    if runs_dir.exists() and not runs_dir.is_dir():
        raise UsageError(f"{runs_dir} is not a folder", "name the folder of all runs: --runs-dir")
    if not runs_dir.exists() and runs_dir != DEFAULT_RUNS_DIR:
        raise UsageError(f"no folder {runs_dir}", "name the folder of all runs: --runs-dir")


def _locate_page(name: str, runs_dir: Path) -> tuple[Path, str]:
    """Return the folder of runs to serve, and the page of a run or sweep as an URL's fragment."""
    from urllib.parse import quote

    from opro_cli.app.open_runs import locate_run
    from opro_cli.app.runs import find_sweeps

    if sweeps := find_sweeps([name], runs_dir):
        (sweep,) = sweeps
        runs_dir, found = locate_run(sweep, runs_dir)
        listed = found.replace("%", "%25").replace(",", "%2C")  # an item of a list in the address
        return runs_dir, f"#/?open={quote(listed, safe='')}"
    runs_dir, found = locate_run(find_run(name, runs_dir), runs_dir)
    return runs_dir, f"#/run/{found}"


def open_browser(address: str) -> bool:
    """Open a browser where there is a display for one; return whether that was done."""
    import os
    import sys
    import webbrowser

    has_display = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    try:
        return has_display and webbrowser.open(address)
    except webbrowser.Error:
        return False
