"""What is said once, before the first call."""

from __future__ import annotations

from opro_cli.core.model import SPLITS
from opro_cli.core.session import Briefing
from opro_cli.reports.formats import count, plural


def opening_lines(briefing: Briefing) -> list[str]:
    """The run, its models, its data; untrusted text in them is still as it came."""
    sizes = ", ".join(f"{split} {count(briefing.sizes.get(split, 0))}" for split in SPLITS)
    graded = "graded by" if briefing.answer.startswith("python:") else "read as"
    lines = [
        f"run {briefing.run}",
        f"  folder {briefing.folder}",
        f"  scorer {briefing.scorer}, optimizer {briefing.optimizer}",
        f"  questions: {sizes}; answers are {graded} {briefing.answer}",
    ]
    lines += [f"  note: {note}" for note in briefing.notes]
    if briefing.resumed:
        lines.append(f"  resuming: {plural(briefing.resumed, 'answer')} already on disk")
    return lines
