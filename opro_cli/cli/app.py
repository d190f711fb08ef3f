"""The `opro` command: verbs that are imported only when asked for, behind one error boundary.

Texts and paths are taken as they were typed: typer hands every value to pydantic, whose import is
half the start-up of a short command and which returns a text unchanged. A value that needs a check
(a number, a choice, a path that the system would refuse) still goes there.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer import Abort, TyperException
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from opro_cli import __version__
from opro_cli.cli.boundary import (
    print_defect,
    print_error,
    print_full_output,
    print_usage_error,
    reserve_stdout,
)
from opro_cli.cli.options import say
from opro_cli.errors import Interrupted, OproError

_KINDS: dict[Any, type[str | Path]] = {str: str, list[str]: str, Path: Path, list[Path]: Path}
_KINDS |= {hint | None: kind for hint, kind in _KINDS.items()}


class _TakesAsTyped:
    callback: Any

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters of a command, `--help` and the like included."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # a mixin's
        hints = get_type_hints(self.callback) if self.callback else {}
        for param in params:
            kind = _KINDS.get(hints.get(param.name))
            param.process_value = partial(_process, type(param).process_value, param, kind)
        return params


class Command(_TakesAsTyped, TyperCommand):
    """A command of typer's that takes texts as they were typed."""


class Group(_TakesAsTyped, TyperGroup):
    """A group of commands whose own options are taken as they were typed."""


def _process(
    process: Callable[..., Any], param: Any, kind: type[str | Path] | None, ctx: Any, value: Any
) -> Any:
    """Return the value of a parameter; `process`, its own method, asks pydantic for it."""
    several = param.multiple or param.nargs == -1
    if value in (None, ()):
        missing = () if several else None
        if param.required:
            return process(param, ctx, value)  # it names what is missing
        return param.callback(ctx, param, missing) if param.callback else missing
    values = value if several else [value]
    if kind is None or (kind is Path and not all(map(_is_path, values))):
        return process(param, ctx, value)
    typed = [kind(each) for each in values]
    return typed if several else typed[0]


def _is_path(value: str | Path) -> bool:
    """Return whether the system can be asked for it: without NUL and half characters."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


GROUPS = {
    "Search": {
        "init": "Write a first config, with the data that it needs.",
        "check": "Check a config, its data and its servers, and show the prompts.",
        "config": "Show every key of a config, its value and its origin.",
        "optimize": "Search for a better prompt, in a new run.",
        "resume": "Continue an interrupted run; no answer is asked for again.",
        "eval": "Score prompts on datasets with models, without a search.",
        "gate": "Say whether a changed prompt has become worse: a check for CI.",
        "sweep": "Run a grid of searches; the same command again continues it.",
        "prune": "Drop what the best prompt of a run does not need, in a new run.",
    },
    "Look": {
        "view": "Look at runs in a browser: every answer, and prompts compared.",
        "watch": "Follow a run or a sweep from another terminal, or replay a run.",
        "runs": "List the runs, newest last, with their verdict, gain and cost.",
        "show": "Show a run: its result so far and all of its candidates.",
        "diff": "Compare prompts word by word, and their scores.",
        "report": "Write one run or several as an HTML page.",
        "plot": "Draw a figure of one run or several, for a paper or a slide.",
        "prompt": "Print the best prompt of a run, whole.",
        "apply": "Write the best prompt of a run into the file it came from.",
        "ledger": "Show which test rows verdicts have used, and the next threshold.",
        "tag": "Give a run names of your own, by which every command finds it.",
        "rm": "Remove runs or sweeps, with every answer in them.",
    },
    "Set up": {
        "docs": "Read the manual.",
        "schema": "Print the JSON Schema of a config or of a sweep file.",
        "cache": "Show or remove the answers that all runs share.",
    },
}
"""The verbs in the order of use, each with the first line of its help text."""
MODULES = {
    "resume": "optimize",
    "show": "runs",
    "report": "runs",
    "apply": "prompt",
    "tag": "runs",
    "rm": "runs",
    "init": "config",
    "check": "config",
    "schema": "config",
    "docs": "setup",
    "cache": "setup",
}
"""The modules of the verbs that share one; the others have a module of their name."""
VERBS = {verb: line for group in GROUPS.values() for verb, line in group.items()}


class Verbs(Group):
    """All verbs by name and line; only the one that is asked for is more than that."""

    def __init__(self, **settings: Any) -> None:
        lines = {verb: Command(verb, help=line) for verb, line in VERBS.items()}
        super().__init__(**{**settings, "commands": lines})

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; Ctrl-C that it does not take itself is said, and typer says nothing."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted")
            raise

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
    module = import_module(f"opro_cli.cli.{MODULES.get(verb, verb)}")
    return _wrap(
        verb, getattr(module, verb, None) or getattr(module, f"{verb}_")
    )  # eval is Python's


def _wrap(verb: str, function: Any) -> typer.Typer:
    if isinstance(function, typer.Typer):  # one with verbs of its own
        return function
    only = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    only.command(verb, cls=Command)(function)
    return only


app = typer.Typer(
    name="opro",
    cls=Verbs,
    no_args_is_help=True,
    # Plain help: the same text everywhere (the manual shows it), and no 50 ms of imports.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"opro {__version__}")
        raise typer.Exit


@app.callback()
def opro(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Find better prompts with OPRO, and learn the truth about whether they are better.

    \b
    A first run, without a key:     opro init && opro optimize opro.yaml
    Continue after an interruption: opro resume --last
    Compare two runs:               opro diff RUN_A RUN_B
    The manual:                     opro docs
    """


def main() -> None:
    """Run the command line; every refusal becomes a line on stderr and an exit code."""
    # A short command ends before there is garbage, and looking for it is a tenth of its time.
    gc.set_threshold(50_000)
    _open_closed_streams()
    _take_any_text()
    try:
        with reserve_stdout():
            code = app(prog_name="opro", standalone_mode=False)
        sys.stdout.flush()
    except OproError as error:
        print_error(error)
        code = error.exit_code
    except TyperException as error:
        code = print_usage_error(error)
    except (Abort, KeyboardInterrupt):
        code = Interrupted.exit_code
    except BrokenPipeError:
        # `opro runs | head`: the reader has seen enough. Keep the interpreter from flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        # Files are named in their errors; a stream has none.
        code = print_defect(error) if error.filename is not None else _give_up(error)
    except Exception as error:  # noqa: BLE001 - the boundary: a defect of opro, not of its user
        code = print_defect(error)
    sys.exit(code)


def _open_closed_streams() -> None:
    """Give a program that was started without stdout or stderr (`>&-`) one that goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, nowhere)


def _take_any_text() -> None:
    """Have stdout and stderr write a stand-in for what their encoding lacks, instead of failing."""
    streams = (sys.stdout, sys.stderr)
    if not all("utf" in (stream.encoding or "").lower() for stream in streams):
        from opro_cli.render.streams import take_any_text

        for stream in streams:
            take_any_text(stream)


def _give_up(error: OSError) -> int:
    """Report that the output cannot be written, and keep the interpreter from trying again."""
    code = print_full_output(error)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    return code
