"""The verbs of `opro`: each one's module is imported when that verb is asked for, and no other."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.main import get_command

from opro_cli.cli.as_typed import Command, Group

GROUPS = {
    "Search": {
        "init": "Write a first config, with the data that it needs.",
        "check": "Check a config, its data and its servers, and show the prompts.",
        "config": "Show every key of a config, its value and its origin.",
        "optimize": "Search for a better prompt, in a new run.",
        "resume": "Continue an interrupted run; no answer is asked for again.",
        "eval": "Score prompts on datasets with models, without a search.",
        "sweep": "Run a grid of searches; the same command again continues it.",
    },
    "Look": {
        "watch": "Follow a run from another terminal, or replay it.",
        "runs": "List the runs, newest last, with their status and best score.",
        "show": "Show a run: its result so far and all of its candidates.",
        "diff": "Compare prompts word by word, and their scores.",
        "report": "Write one run or several as an HTML page.",
    },
    "Set up": {
        "docs": "Read the manual.",
        "schema": "Print the JSON Schema of a config or of a sweep file.",
        "cache": "Show or remove the answers that all runs share.",
    },
}
"""The verbs in the order of use, each with the first line of its help text."""
VERBS = {verb: line for group in GROUPS.values() for verb, line in group.items()}


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
        """Return the name, the command and its arguments.

        An installed distribution may offer a verb that opro has not: a typer.Typer, or a function.
        """
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from opro_cli.plugins import find_entry_point

            part = find_entry_point("commands", args[0])
            if part is not None:
                return args[0], get_command(_wrap(args[0], part.value)), args[1:]
        verb, _, rest = super().resolve_command(ctx, args)
        return verb, verb and get_command(_only(verb)), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """List the verbs of `opro --help` by group, their lines whole."""
        width = max(map(len, VERBS))
        for group, lines in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(f"{verb:{width}}", line) for verb, line in lines.items()])


def _only(verb: str) -> typer.Typer:
    """A command line that knows this verb alone."""
    module = import_module(f"opro_cli.cli.{verb}")
    return _wrap(
        verb, getattr(module, verb, None) or getattr(module, f"{verb}_")
    )  # eval is Python's


def _wrap(verb: str, function: Any) -> typer.Typer:
    if isinstance(function, typer.Typer):  # one with verbs of its own
        return function
    only = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    only.command(verb, cls=Command)(function)
    return only
