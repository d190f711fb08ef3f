"""The commands' help texts in README.md: written by `make readme`, compared by a test.

A help text stands between `<!-- help: COMMAND -->` and `<!-- end -->`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"<!-- help: (?P<command>[a-z ]*?) ?-->\n.*?<!-- end -->", re.DOTALL)


def help_of(command: str) -> str:
    """What `opro COMMAND --help` prints in a terminal of 80 columns."""
    return subprocess.run(
        [sys.executable, "-m", "opro_cli", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80", "TERMINAL_WIDTH": "80", "OPRO_RUNS_DIR": ""},
    ).stdout.replace("python -m opro_cli", "opro")


def with_help(text: str) -> str:
    """The README with every help text as it is now."""

    def block(match: re.Match[str]) -> str:
        command = match["command"]
        fence = f"```console\n$ opro {command} --help".replace("  ", " ")
        return f"<!-- help: {command} -->\n{fence}\n{help_of(command).rstrip()}\n```\n<!-- end -->"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    README.write_text(with_help(README.read_text("utf-8")), "utf-8")
