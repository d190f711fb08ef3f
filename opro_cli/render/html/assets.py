"""The page of `opro view` and `opro report`: HTML, style and script, which are files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SCRIPTS = (
    "dom",
    "data",
    "router",
    "report",
    "runs",
    "run",
    "answers",
    "answer",
    "answers_view",
    "compare",
    "main",
)
"""The parts of the one script, in order: each uses what those before it define."""


@cache
def read_asset(name: str) -> str:
    """Return the text of a file of this package."""
    return files("opro_cli.render.html").joinpath(name).read_text("utf-8")


def read_page() -> str:
    """Return the page without any content, which asks for its style and script by name."""
    return read_asset("page.html")


def read_style() -> str:
    """Return the style of the views, which comes after that of the report."""
    return read_asset("view.css")


@cache
def read_script() -> str:
    """Return the script of the page, its parts one behind the other."""
    return "\n".join(read_asset(f"js/{name}.js") for name in SCRIPTS)
