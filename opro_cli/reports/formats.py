"""Numbers, money and spend as a person reads them. Pure, ASCII where it can be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

UNKNOWN = "unknown"

Number = TypeVar("Number", int, float)


def format_percent(mean: float) -> str:
    """0.825 -> "82.5 %"."""
    return f"{100 * mean:.1f} %"


def format_bounds(low: float, high: float) -> str:
    """An interval in percent, "[70.1–90.4]"."""
    return f"[{100 * low:.1f}–{100 * high:.1f}]"


def format_score(mean: float, low: float, high: float, correct: int, n: int) -> str:
    """A score with what it rests on: "82.5 % [70.1–90.4] 33/40"."""
    return f"{format_percent(mean)} {format_bounds(low, high)} {correct}/{n}"


def format_mean(mean: float, *, estimated: bool) -> str:
    """A score, "82.5 %", or "~82.5 %" of a candidate that was stopped early."""
    return f"~{format_percent(mean)}" if estimated else format_percent(mean)


def format_points(change: float) -> str:
    """A difference of two means in percentage points: "+20.0", "-2.5", "0.0"."""
    value = round(100 * change, 1)
    return f"{value:+.1f}" if value else "0.0"


def format_count(number: int) -> str:
    """12345 -> "12,345"."""
    return f"{number:,}"


def format_tokens(number: int | None) -> str:
    """About how many: "950", "34.5k", "1.21M"; unknown is said, never 0."""
    if number is None:
        return UNKNOWN
    if number < 10_000:
        return format_count(number)
    if number < 999_950:
        return f"{number / 1e3:.1f}k"
    return f"{number / 1e6:.2f}M" if number < 999_995_000 else f"{number / 1e9:.2f}B"


def format_money(usd: float | None) -> str:
    """ "$12.34", "$0.123", "$0.00042"; unknown is said, never 0."""
    if usd is None:
        return UNKNOWN
    if usd == 0 or usd >= 1:
        return f"${usd:,.2f}"
    # Two digits that count, however small: a run of a tenth of a cent is not free.
    digits = min(10, max(3, 1 - math.floor(math.log10(usd))))
    return f"${usd:.{digits}f}"


def format_money_by_role(usd_by_role: dict[str, float | None]) -> str:
    """The sum; "$0.12 + unknown (scorer)" when one model's price is not known."""
    known = [usd for usd in usd_by_role.values() if usd is not None]
    silent = [role for role, usd in usd_by_role.items() if usd is None]
    if not silent:
        return format_money(sum(known))
    if not any(known):
        return UNKNOWN
    return f"{format_money(sum(known))} + {UNKNOWN} ({', '.join(silent)})"


def format_megabytes(size: int) -> str:
    """Bytes as "0.3 MB", "1,024.0 MB", of 2**20 bytes each."""
    return f"{size / 2**20:,.1f} MB"


def sum_known(numbers: Sequence[Number | None]) -> Number | None:
    """The sum, None as soon as one is unknown."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def format_duration(seconds: float) -> str:
    """ "12s", "2m 05s", "1h 02m", "3d 04h"."""
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24:02d}h"
    if hours:
        return f"{hours}h {minute:02d}m"
    return f"{minute}m {second:02d}s" if minute else f"{second}s"


def format_clock(seconds: float) -> str:
    """Time since the start for the edge of a log line: "00:12", "1:02:03"."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute:02d}:{second:02d}"


def format_moment(at: float | None) -> str:
    """Seconds since the epoch as "2026-11-28 20:14 UTC"."""
    return UNKNOWN if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def utc_minute(moment: str) -> str:
    """An ISO 8601 moment in UTC as "2026-11-28 20:14 UTC"."""
    return f"{moment[:16].replace('T', ' ')} UTC"


def pluralize(number: int, noun: str, many: str | None = None) -> str:
    """1 -> "1 call", 12345 -> "12,345 calls"; `many` where an s does not do."""
    return f"{format_count(number)} {noun if number == 1 else many or f'{noun}s'}"


def format_cost(spend: Mapping[str, Any]) -> str:
    """Format the cost of a run: "$0.42", or "≤ $0.45" where some calls were not metered."""
    bounds = spend.get("uncounted")
    if not bounds or not bounds["calls"]:
        return format_money(spend["usd"])
    counted = spend["counted"]["usd"]
    if counted is None:
        return format_money(None)
    if bounds["usd"] is None:
        return f"{format_money(counted)} + {UNKNOWN}"
    return f"≤ {format_money(counted + bounds['usd'])}" if bounds["usd"] else format_money(counted)


def format_unmetered(bounds: Mapping[str, Any] | None) -> str:
    """Format unmetered calls: "plus at most $0.031 and 12.3k tokens in 5 unmetered calls"."""
    if not bounds or not bounds["calls"]:
        return ""
    most = f"{format_money(bounds['usd'])} and " if bounds["usd"] else ""
    what = f"{most}{format_tokens(bounds['tokens'])} tokens"
    return f"plus at most {what} in {pluralize(bounds['calls'], 'unmetered call')}"


def format_unmetered_briefly(bounds: Mapping[str, Any]) -> str:
    """Format unmetered calls for behind a cost: " + at most $0.031 unmetered"; "" for none."""
    if not bounds["calls"]:
        return ""
    if bounds["usd"]:
        return f" + at most {format_money(bounds['usd'])} unmetered"
    return f" + {pluralize(bounds['calls'], 'unmetered call')}"


def describe_excess(role: str, longest_reply: int, prompt_overhead: int) -> str:
    """Say by how much a provider exceeded a limit, and what follows."""
    if longest_reply:
        return (
            f"the {role} took up to {pluralize(longest_reply, 'token')} for a reply, more than "
            "max_tokens; later calls are counted with that at most"
        )
    return (
        f"prompts of the {role} take up to {pluralize(prompt_overhead, 'token')} more than they have "
        "bytes; later calls are counted with that at most"
    )
