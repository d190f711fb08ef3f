"""What single keys of a config accept: readers that need more than a line, see `core/schema.py`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from opro_cli.core.schema import SECRET_PARAMETER
from opro_cli.core.template import parse_template


def share(value: Any) -> int | float:
    """A count (whole number) or a fraction of the rows (0 < x < 1 with a point)."""
    what = "a count such as 50, or a fraction between 0 and 1 such as 0.2"
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(what)
    if isinstance(value, float) and value > 1:
        raise ValueError(what)
    return value


def instructions(value: Any) -> tuple[str, ...]:
    """Different instructions, at least one."""
    what = "a list of different instructions, at least one"
    if not isinstance(value, list) or not value:
        raise ValueError(what)
    if not all(isinstance(item, str) for item in value) or len(set(value)) != len(value):
        raise ValueError(what)
    return tuple(value)


def baselines(value: Any) -> tuple[str, ...]:
    """Different instructions, or none."""
    return () if value == [] else instructions(value)


def run_name(value: Any) -> str:
    """The name of a run."""
    # The name becomes part of a folder name, so it is kept to what every file system takes.
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError("a name of letters, digits, '.', '_' and '-', at most 64 of them")
    return value


def stop_texts(value: Any) -> tuple[str, ...]:
    """One text, or up to four."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) and each for each in texts):
        texts = []
    if not 1 <= len(texts) <= 4:  # as many as OpenAI takes
        raise ValueError('a text such as "\\nQ:", or a list of one to four such, none empty')
    return tuple(texts)


def field_or_template(value: Any) -> str:
    """The name of a field, or a template of several."""
    what = 'a field name such as question, or a template such as "{title}\\n{body}"'
    if not isinstance(value, str) or not value.strip():
        raise ValueError(what)
    try:
        parse_template(value)
    except ValueError as error:
        raise ValueError(f"{what} ({error})") from None
    return value


def url(value: Any) -> str:
    """An address without secrets in it."""
    if not isinstance(value, str) or not re.match(r"https?://[^/\s]", value):
        raise ValueError("a URL such as http://localhost:8000/v1")
    # The config is copied into the run folder, and keys are never written anywhere.
    if re.match(r"[a-z]+://[^/]*@", value) or SECRET_PARAMETER.search(value):
        raise ValueError("a URL without a user name or key (keys come from the environment)")
    try:
        _ = urlsplit(value).port
    except ValueError:  # "http://[::1/v1", "http://localhost:80O0/v1"
        raise ValueError("a URL such as http://localhost:8000/v1") from None
    return value
