"""Commands in hints, as the shell of this system takes them: to be copied and pasted."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable

IS_WINDOWS = sys.platform == "win32"
_PLAIN = re.compile(r"[\w.:=+/\\-]+", re.ASCII)
"""Words that cmd and PowerShell both take as they are."""


def quote(word: str) -> str:
    """Return a word as the shell takes it; on Windows so that both cmd and PowerShell do."""
    if not IS_WINDOWS:
        return shlex.quote(word)
    # cmd knows no other quotation marks than these.
    return word if _PLAIN.fullmatch(word) else '"' + word.replace('"', r"\"") + '"'


def join(words: Iterable[str]) -> str:
    """Return a command of these words."""
    return " ".join(map(quote, words))


def chain(*commands: str) -> str:
    """Return commands one after the other, as long as they succeed.

    PowerShell 5, which Windows brings, has no `&&`.
    """
    return (", then " if IS_WINDOWS else " && ").join(commands)


def describe_setting(variable: str) -> str:
    """Return what sets an environment variable: "export NAME=…"."""
    if IS_WINDOWS:
        return f'$env:{variable} = "…" (PowerShell) or set {variable}=… (cmd)'
    return f"export {variable}=…"


def describe_removal(link: str) -> str:
    """Return what removes a link to a folder, and not the folder."""
    return f"{'rmdir' if IS_WINDOWS else 'rm'} {quote(link)}"


def describe_stop(pid: int) -> str:
    """Return how another opro is asked to end, in words that follow "stop it first"."""
    if IS_WINDOWS:  # taskkill ends it at once, or not at all
        return "Ctrl-C in its window lets it finish the calls under way"
    return f"`kill {pid}` lets it finish the calls under way"


def describe_cut(file: str, line: int) -> str:
    """Return what keeps the lines of a text file before one, and drops the rest."""
    if IS_WINDOWS:
        return f"delete line {line} and all behind it in an editor that leaves the rest alone"
    folder, slash, _ = file.rpartition("/")
    old, new = quote(file), quote(f"{folder}{slash}whole.jsonl")
    return f"head -n {line - 1} {old} > {new} && mv {new} {old}"
