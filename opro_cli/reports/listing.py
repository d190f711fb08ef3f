"""Runs as rows: what `opro runs` lists."""

from __future__ import annotations

from typing import Any

from opro_cli.core.selection import winner
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import described, spend_of, steps_done


def listed(run: RecordedRun) -> dict[str, Any]:
    """One run as a row; `best` is null before any candidate has all its train answers."""
    best = winner(run.state)
    return {
        "run": run.name,
        "folder": run.folder,
        "status": run.status,
        "created": run.identity.get("created"),
        "steps_done": steps_done(run.state),
        "steps": run.state.search.steps,
        "candidates": len(run.state.candidates),
        "best": described(best, run.state) if best else None,
        "spend": spend_of(run.state),
        "models": {role: run.settings[role]["model"] for role in ("scorer", "optimizer")},
    }
