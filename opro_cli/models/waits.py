"""How long a provider asks to wait, wherever and however it says so."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from opro_cli.models.error_texts import LONGEST_READ

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_LONGEST = 200
"""Characters of a duration: a long row of digits takes the square of its length to search."""
# "1h9m38.016s", "8 hours 24 minutes", "6 seconds"; 20ms is not 20 minutes
_NUMBER = r"\d+(?:\.\d+)?"
_UNIT = r"(?:h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z])"
_PART = re.compile(rf"({_NUMBER})\s?({_UNIT})", re.IGNORECASE)
_SPAN = rf"(?:{_NUMBER}\s?{_UNIT}[\s,]{{0,2}})+"
# for providers that send no header: Gemini, Groq, Azure, GitHub, Copilot
WAIT = re.compile(
    rf"(?:\"retryDelay\": *\"|(?:retry|try again) (?:in|after) |please wait )({_SPAN})",
    re.IGNORECASE,
)
# Hugging Face, of a model that it loads
ESTIMATE = re.compile(r'"estimated_time": *(\d{1,6}(?:\.\d+)?)')
# OpenRouter quotes its headers in the body
QUOTED_RESET = re.compile(r'"x-ratelimit-reset": *"?(\d{10,16})\b', re.IGNORECASE)
EARLIEST = 1e9
"""Seconds from 1970 to 2001; a smaller number is no time, and one a thousandfold milliseconds."""


def read_retry_after(
    headers: Mapping[str, str] | None, now: datetime | None = None, body: str = ""
) -> float | None:
    """Return the seconds that a provider asks to wait, or None; finite and never negative.

    Reads `retry-after-ms` (OpenAI) and `retry-after` as seconds, with units or as an HTTP date
    (RFC 9110, section 10.2.3); without either what the body says, and last the time at which a
    limit that is used up begins anew.
    """
    now = now or datetime.now(UTC)
    fields = {name.lower(): value.strip() for name, value in (headers or {}).items()}
    milliseconds = parse_seconds(fields.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = fields.get("retry-after", "")
    found = (
        parse_seconds(value),
        parse_duration(value),
        _parse_date(value, now),
        find_wait(body),
        _find_reset(fields, now, body),
    )
    return next((seconds for seconds in found if seconds is not None), None)


def find_wait(body: str) -> float | None:
    """Return the seconds to wait that a refusal names in its words, None where it names none."""
    text = body[:LONGEST_READ]
    if wait := WAIT.search(text):
        return parse_duration(wait[1])
    estimate = ESTIMATE.search(text)
    return float(estimate[1]) if estimate else None


def parse_seconds(value: str) -> float | None:
    """Parse a number of seconds, None for anything but a finite number."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def parse_duration(text: str) -> float | None:
    """Parse "1h9m38.016s" or "8 hours 24 minutes", None for anything else or beyond all."""
    parts = _PART.findall(text[:_LONGEST])
    seconds = sum(float(number) * _UNITS[unit[0].lower()] for number, unit in parts)
    return seconds if parts and math.isfinite(seconds) else None


def _parse_date(value: str, now: datetime) -> float | None:
    """Return the seconds until an HTTP date, None for anything else."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a year or a zone beyond all
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


def _find_reset(fields: Mapping[str, str], now: datetime, body: str) -> float | None:
    """Return the seconds until a limit that is used up begins anew; OpenRouter says so alone."""
    quoted = QUOTED_RESET.search(body[:LONGEST_READ])
    header = fields.get("x-ratelimit-reset", "")
    if fields.get("x-ratelimit-remaining") != "0":  # others send these with every answer
        header = ""
    at = parse_seconds(header or (quoted[1] if quoted else ""))
    if at is None or at < EARLIEST:
        return None
    at = at / 1000 if at > EARLIEST * 1000 else at
    return max(0.0, at - now.timestamp())
