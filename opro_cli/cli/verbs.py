"""The verbs of `opro`: each one's module is imported when that verb is asked for, and no other."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.main import get_command

from opro_cli.cli.as_typed import Command, Group

VERBS = {
    "optimize": "Search for a better prompt, in a new run.",
    "resume": "Go on with a run that was interrupted; nothing answered is asked again.",
    "watch": "Look on while a run goes, from another terminal; or see it again.",
    "runs": "List the runs, newest last, with their status and best score.",
    "show": "Show a run: its result so far and all candidates with their scores.",
    "diff": "Compare prompts, word by word, and what they are worth on the same questions.",
    "report": "Write a run, or several side by side, as one HTML page to look at and to send on.",
    "check": "Check a config, its data and servers here, and show what a run would do.",
    "config": "Show a whole config: every key, its value, and where that comes from.",
    "init": "Write a first config to start from, with the data that it needs.",
    "cache": "The answers that are kept for all runs: what there is, and to remove them.",
    "sweep": "Work on a grid of runs; what is finished is skipped, what was begun goes on.",
    "eval": "Score instructions: every prompt on every dataset with every model.",
}
"""What `opro --help` says of each; the first line of what `opro VERB --help` says."""


class Verbs(Group):
    """All verbs by name and line; only the one that is asked for is more than that."""

    def __init__(self, **settings: Any) -> None:
        lines = {verb: Command(verb, help=line) for verb, line in VERBS.items()}
        super().__init__(**{**settings, "commands": lines})

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Take `opro help VERB` as `opro VERB --help`, and `opro version` as `--version`."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        elif args == ["version"]:
            args = ["--version"]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The name, the command and its arguments."""
        verb, _, rest = super().resolve_command(ctx, args)
        return verb, verb and get_command(_only(verb)), rest


def _only(verb: str) -> typer.Typer:
    """A command line that knows this verb alone."""
    module = import_module(f"opro_cli.cli.{verb}")
    function = getattr(module, verb, None) or getattr(module, f"{verb}_")  # `eval` is Python's
    if isinstance(function, typer.Typer):  # one with verbs of its own
        return function
    only = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    only.command(verb, cls=Command)(function)
    return only
