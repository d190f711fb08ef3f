"""The probe before a search: `opro check --headroom`, and what `opro optimize` makes of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from opro_cli.cli.options import can_ask, confirm, say

if TYPE_CHECKING:
    from opro_cli.app.headroom import ProbeResult
    from opro_cli.app.optimize import First
    from opro_cli.cli.progress import Output
    from opro_cli.cli.session import Asking
    from opro_cli.render.headroom import ProbeLine


def run_probe(
    config: Path,
    runs_dir: Path,
    overrides: Sequence[str],
    ledger: Path | None = None,
    *,
    as_json: bool,
) -> dict[str, Any]:
    """Probe the search of a config, show the finding unless it is wanted as JSON, and return it."""
    from opro_cli.app.headroom import probe_config

    found = probe_config(config, runs_dir, overrides, _watch, ledger)
    finding = found.to_json()
    if not as_json:
        from opro_cli.render.headroom import print_headroom
        from opro_cli.render.tables import make_page

        print_headroom(finding, make_page(sys.stdout))
    return finding


def build_first(
    runs_dir: Path,
    output: Output,
    asking: Asking,
    *,
    skip: bool,
    unasked: str,
) -> First:
    """Return what happens before a new run: its probe, where it is due.

    Args:
        runs_dir: Where runs are kept.
        output: The progress that is shown.
        asking: How the models of the run will be asked.
        skip: Make no probe.
        unasked: The option for which nobody is asked to go on after a no; "" for none.
    """
    from opro_cli.app.headroom import probe_first

    return partial(
        probe_first,
        runs_dir=runs_dir,
        observers=(lambda _: ()) if output.quiet else _watch,
        on_finding=partial(_tell, quiet=output.quiet, unasked=unasked),
        cached=asking.cached,
        skip=skip,
        ledger=asking.ledger,
    )


def _watch(calls: int) -> Sequence[ProbeLine]:
    from opro_cli.render.headroom import ProbeLine

    return [ProbeLine(sys.stderr, calls)]


def _tell(found: ProbeResult, *, quiet: bool, unasked: str) -> None:
    """Say what a probe has found; after a no ask whether to go on, where somebody can say so.

    Raises:
        typer.Exit: The answer was no.
    """
    headroom = found.headroom
    if quiet:
        return
    say(f"headroom: {headroom.write_sentence()}")
    say(headroom.write_advice())
    if headroom.outcome != "no":
        return
    if unasked or not can_ask():
        reason = f"{unasked} asks nobody" if unasked else "nobody can be asked"
        say(f"going on all the same, since {reason}; --no-headroom spares the probe")
        return
    if not confirm("search all the same?", "--keep-going"):
        say("not begun; the answers to the start prompt are kept, and count if you begin")
        raise typer.Exit(0)
