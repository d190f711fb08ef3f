"""What can be made to go wrong on the wire, by request number.

A plan is a mapping or a function from the number of a chat request (0, 1, ...) to a Fault or
None. Faults are plain data, so that a plan can also come from a JSON file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal[
    "status",  # the answer is `status`, `headers` and `body`
    "hang",  # nothing is sent for `seconds`, then the right answer
    "reset",  # the connection is reset (TCP RST) before a byte is sent
    "close",  # ... or closed in good order (TCP FIN)
    "reset_mid_body",  # ... or after half of the right answer
    "truncated",  # ... or closed in good order there, short of the Content-Length
    "trickle",  # the right answer, in ten pieces over `seconds`
    "drip",  # ... byte by byte, one every `seconds`
    "wrong_type",  # the right answer as text/plain
    "null_content",  # ... with content null, and with `finish_reason` where that is given
    "no_choices",  # ... with an empty list of choices
    "malformed_json",  # ... cut in half, but complete by its Content-Length
    "no_usage",  # ... without token counts
    "huge",  # ... after `HUGE` characters of other text
]
HUGE = 10_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted misbehaviour; `body` may be a str (sent as it is) or JSON data."""

    kind: Kind
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = ""
    seconds: float = 3600.0
    finish_reason: str | None = None

    @classmethod
    def http(cls, status: int, message: str = "scripted fault", **headers: str) -> Fault:
        """An OpenAI-style error; header names are written with underscores (retry_after="2")."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        error = {"message": message, "type": "scripted", "param": None, "code": None}
        return cls("status", status, named, {"error": error})

    @classmethod
    def page(cls, status: int, html: str) -> Fault:
        """What a proxy, a gateway or a captive portal answers instead of the provider."""
        return cls("status", status, {"Content-Type": "text/html; charset=utf-8"}, html)


FaultPlan = Mapping[int, Fault] | Callable[[int], Fault | None]


def fault_at(plan: FaultPlan, number: int) -> Fault | None:
    return plan(number) if callable(plan) else plan.get(number)


def load_plan(path: Path) -> dict[int, Fault]:
    """A plan from a JSON file: {"3": {"kind": "status", "status": 429, ...}, ...}."""
    plan: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return {int(number): Fault(**fault) for number, fault in plan.items()}
