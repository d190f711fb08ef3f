"""`--fail-if`: an exit code of its own for a prompt that is worse, for scripts and CI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import typer

GATED = 4
"""Exit code of a command that did its work, with a verdict that `--fail-if` names."""

FailIf = Annotated[
    Literal["worse", "not-improved"] | None,
    typer.Option("--fail-if", help=f"Exit with {GATED} on such a verdict on test questions."),
]


def apply_gate(verdicts: Iterable[str | None], fail_if: str | None) -> None:
    """End the command with GATED where a verdict is one that `--fail-if` names.

    Args:
        verdicts: "improved", "worse", "not_distinguishable", or None where nothing can be said.
        fail_if: "worse", or "not-improved" for everything but "improved"; None ends nothing.

    Raises:
        typer.Exit: There is such a verdict.
    """
    failing = {"worse"} if fail_if == "worse" else {"worse", "not_distinguishable", None}
    if fail_if is not None and not failing.isdisjoint(verdicts):
        raise typer.Exit(GATED)
