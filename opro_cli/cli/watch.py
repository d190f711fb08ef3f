"""`opro watch RUN`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    Json,
    Last,
    Plain,
    RunOrSweep,
    RunsDir,
    choose_run,
    say,
)
from opro_cli.cli.progress import LeaveKey, follow_until_left, make_actions
from opro_cli.cli.session import format_resume_command, list_closing, show_result
from opro_cli.cli.swept import find_sweep_called, watch_sweep
from opro_cli.errors import UsageError, asks_for_new_run
from opro_cli.render.safe import printable

if TYPE_CHECKING:
    from opro_cli.reports.recorded import RecordedRun


Replay = Annotated[bool, typer.Option("--replay", help="Replay the whole run from its journal.")]
Speed = Annotated[
    str | None,
    typer.Option(help="Speed of --replay: 1 as it happened, max all at once.  [default: 10]"),
]


def watch(
    run: RunOrSweep = None,
    last: Last = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    replay: Replay = False,
    speed: Speed = None,
) -> None:
    """Follow a run or a sweep from another terminal, or replay a run.

    This only reads the folder, unless you press r for the report. Ctrl-C or q leaves, and the run
    continues.

    \b
    Examples:
      opro watch --last
      opro watch grid
      opro watch quickstart-20261123-101500-3f9a --plain
      opro watch --last --replay --speed 30
    """
    import asyncio

    from opro_cli.app import watch as watching
    from opro_cli.render.consoles import make_observer

    times = _parse_speed(speed, replay=replay)
    if run is not None and not last and (sweep := find_sweep_called(run, runs_dir)) is not None:
        if replay:
            raise UsageError("--replay: of runs", f"name the run of a cell as {sweep.name}/CELL")
        watch_sweep(sweep, plain=plain, as_json=as_json)
        return
    folder = choose_run("watch", run, last, runs_dir)
    viewing = watching.Replay(folder)
    leave = LeaveKey()
    actions = None if plain else make_actions(folder, leave=leave)
    observers = [make_observer(plain=plain, clock=viewing.now, actions=actions)]
    if replay:
        seeing = watching.replay(viewing, observers, times)
    else:
        if not viewing.at_work:
            say(f"{folder.name} is not at work; this is where it stands")
        seeing = watching.follow(viewing, observers)
    with follow_until_left("run", leave, lambda: viewing.at_work):
        recorded = asyncio.run(seeing)
    _conclude(recorded, as_json=as_json, plain=plain)


def _conclude(run: RecordedRun, *, as_json: bool, plain: bool) -> None:
    """Show the result, where there is one, and how to go on, where that is possible."""
    from opro_cli.app.watch import summarize

    result = summarize(run)
    if as_json or (result["best"] is not None and run.status != "running"):
        closing = () if plain else list_closing(Path(run.folder), result)
        show_result(result, as_json=as_json, closing=closing)
    if run.status == "running":
        say("that is all so far: the run is at work")
    elif run.status != "finished":
        why = {"killed": "killed: its process is gone without a word"}.get(run.status, run.status)
        failure = result.get("failure") or {}
        if failure.get("reason"):
            why = printable(f"{why}: {failure['reason']}")
        if failure.get("hint"):
            say(f"hint: {printable(failure['hint'])}")
        if asks_for_new_run(failure.get("hint")):
            say(f"{why}; nothing answered is lost")
            return
        command = format_resume_command(Path(run.folder))
        say(f"{why}; nothing answered is lost. resume with: {command}")


def _parse_speed(text: str | None, *, replay: bool) -> float:
    """Return how many times as fast as it happened; inf for "max" and "0"."""
    if text is not None and not replay:
        raise UsageError("--speed goes with --replay", "add --replay, or leave --speed out")
    if text == "max":
        return math.inf
    try:
        speed = float(text or 10)
    except ValueError:
        speed = math.nan
    if not speed >= 0:
        raise UsageError(f"--speed: expected a number such as 10, or max, found {text!r}")
    return speed or math.inf
