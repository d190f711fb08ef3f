"""Paths and addresses of the machine of a run, which a page to be sent on leaves out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PATH = re.compile(
    r"""(?:(?<![\w.~/…-])|(?<=\w/))   # not within a word, an address or a relative path
    (?:
        (?:~/|/)                    # from a home folder or the root on
        (?:[^\s/\\:'"<>|]+[/\\])+  # folders
    |
        [A-Za-z]:[/\\]              # from a drive on
        (?:[^\t\r\n/\\:'"<>|]+[/\\])+  # folders; one has first and last name of its user
    )
    (?=[^\s/\\:'"<>|])             # and a name""",
    re.VERBOSE,
)
_FILE = re.compile(r"\bfile://(?=/)")
_HOST = re.compile(r"\b(https?|wss?)://[^\s/'\"<>]+")


def hide_places(text: str) -> str:
    """Return a text with "…/name" for absolute paths and "http://…" for addresses of servers."""
    return _PATH.sub("…/", _HOST.sub(r"\1://…", _FILE.sub("", text)))


def hide_all_places(data: Any) -> Any:
    """Return plain data with all its texts so."""
    if isinstance(data, str):
        return hide_places(data)
    if isinstance(data, Mapping):
        return {key: hide_all_places(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [hide_all_places(value) for value in data]
    return data
