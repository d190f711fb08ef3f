"""`opro view [RUN]`."""

from __future__ import annotations

from typing import Annotated

import typer

from opro_cli.cli.options import DEFAULT_RUNS_DIR, Run, RunsDir, find_run, say


def view(
    run: Run = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="The port, 8765 or the next free one unless given; 0 for any that is free.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option("--host", help="Where to listen: on this machine alone, unless given."),
    ] = "127.0.0.1",
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the address, and open no browser.")
    ] = False,
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
    from opro_cli.app.open_runs import locate_run
    from opro_cli.app.view import RunsViewer
    from opro_cli.viewer.server import is_loopback, serve

    fragment = ""
    if run is not None:
        runs_dir, name = locate_run(find_run(run, runs_dir), runs_dir)
        fragment = f"#/run/{name}"
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
