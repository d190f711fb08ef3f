"""How results and errors leave: lines on stderr, or one JSON object under `--json`.

`opro_cli/docs/json.md` documents every shape.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

from typer import TyperException

from opro_cli import __version__
from opro_cli.errors import OproError, UsageError

FORMAT_VERSION = 1
"""Version of every object that has none of its own; `result.json` has."""


_reserved: list[TextIO] = []
"""Stdout, while a command with `--json` keeps it for its one document."""


@contextmanager
def reserve_stdout() -> Iterator[None]:
    """Under `--json`, send what anybody else prints to stderr: a model of the user's, say."""
    if not _asked_for_json() or not {"-h", "--help"}.isdisjoint(sys.argv):
        yield
        return
    _reserved.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _reserved.pop()


def print_json(data: Mapping[str, Any] | list[dict[str, Any]]) -> None:
    """Print an object, or a list of objects, on stdout; each says its `format_version`."""
    whole = [_add_version(each) for each in data] if isinstance(data, list) else _add_version(data)
    stream = _reserved[-1] if _reserved else sys.stdout
    print(json.dumps(whole, indent=2, default=str), file=stream, flush=True)


def _add_version(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, **data}


_WIDEST = 2000
"""Cells of a line of an error at most: a name may have a million characters."""
_PLAIN_WORDS = {
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "a valid integer": "a whole number",
    "a valid number": "a number",
}
"""Replacements for words of pydantic."""


def print_error(error: OproError) -> None:
    """Print an error: `opro: MESSAGE`, then `hint: REMEDY`; under `--json` an object."""
    if _asked_for_json():
        _print_object(error.message, error.hint, error.exit_code, error.where)
        return
    _print_lines(f"opro: {error.message}")
    if error.hint:
        _print_lines(f"hint: {error.hint}")


def print_usage_error(error: TyperException) -> int:
    """Print what typer refuses, or the help that stands for a command without arguments.

    Returns:
        The exit code.
    """
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help())
        return 0
    command = context.command_path if context is not None else "opro"
    print_error(UsageError(_words_of(error), f"`{command} --help` shows what it takes"))
    return error.exit_code


def print_full_output(error: OSError) -> int:
    """Print that stdout or stderr takes nothing more: a full disk behind `>`.

    Returns:
        The exit code.
    """
    hint = "make room, or send the output elsewhere; a run, if one was going, can be resumed"
    with suppress(OSError):
        print_error(OproError(f"the output cannot be written: {error.strerror}", hint))
    return OproError.exit_code


def print_defect(error: Exception) -> int:
    """Print a traceback that asks to be reported.

    Returns:
        The exit code.
    """
    whole = "".join(traceback.format_exception(error))
    message = f"this is a defect in opro {__version__}: {error!r}"
    hint = "the run, if one was going, can be resumed; please report this"
    if _asked_for_json():
        _print_object(f"{message}\n{whole}", hint, 1)
        return 1
    _print_lines(whole)
    _print_lines(f"opro: {message}")
    _print_lines(f"hint: {hint}")
    return 1


def _words_of(error: TyperException) -> str:
    """Return the message of typer, with our words in place of those that it repeats of pydantic."""
    message = error.format_message().replace("Value error, ", "")
    start, refusal, expected = message.partition("Input should be ")
    if not refusal:
        return message
    expected = expected.partition(", unable to")[0]
    for theirs, ours in _PLAIN_WORDS.items():
        expected = expected.replace(theirs, ours)
    found = re.search(r"input_value='(.*?)', input_type", str(error.__cause__))
    return f"{start}expected {expected}" + (f", found {found[1]}" if found else "")


def _asked_for_json() -> bool:
    """Return True for `--json` among the arguments, however far they could be read."""
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]


def _print_object(message: str, hint: str | None, exit_code: int, where: str | None = None) -> None:
    """Print an error as one line of JSON, ASCII alone, so that a terminal obeys nothing in it."""
    from opro_cli.models.redaction import redact

    error: dict[str, str | int | None] = {
        "message": redact(message),
        "hint": hint and redact(hint),
        "exit_code": exit_code,
    }
    if where is not None:
        error["where"] = redact(where)
    print(json.dumps({"error": error}), file=sys.stderr)


def _print_lines(text: str) -> None:
    """Print on stderr, without a key and without anything that a terminal would obey."""
    from opro_cli.models.redaction import redact
    from opro_cli.render.safe import printable

    for line in redact(text).splitlines():
        print(printable(line, _WIDEST), file=sys.stderr)
