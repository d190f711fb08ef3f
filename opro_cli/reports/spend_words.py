"""Words for the cost of a run, its unmetered calls, and limits that a provider exceeded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opro_cli.reports.formats import UNKNOWN, money, plural, tokens


def cost_words(spend: Mapping[str, Any]) -> str:
    """Format the cost of a run: "$0.42", or "≤ $0.45" where some calls were not metered."""
    bounds = spend.get("uncounted")
    if not bounds or not bounds["calls"]:
        return money(spend["usd"])
    counted = spend["counted"]["usd"]
    if counted is None:
        return money(None)
    if bounds["usd"] is None:
        return f"{money(counted)} + {UNKNOWN}"
    return f"≤ {money(counted + bounds['usd'])}" if bounds["usd"] else money(counted)


def uncounted_words(bounds: Mapping[str, Any] | None) -> str:
    """Format unmetered calls: "plus at most $0.031 and 12.3k tokens in 5 unmetered calls"."""
    if not bounds or not bounds["calls"]:
        return ""
    most = f"{money(bounds['usd'])} and " if bounds["usd"] else ""
    what = f"{most}{tokens(bounds['tokens'])} tokens"
    return f"plus at most {what} in {plural(bounds['calls'], 'unmetered call')}"


def unmetered_in_short(bounds: Mapping[str, Any]) -> str:
    """Format unmetered calls for behind a cost: " + at most $0.031 unmetered"; "" for none."""
    if not bounds["calls"]:
        return ""
    if bounds["usd"]:
        return f" + at most {money(bounds['usd'])} unmetered"
    return f" + {plural(bounds['calls'], 'unmetered call')}"


def exceeded_words(role: str, longest_reply: int, prompt_overhead: int) -> str:
    """Say by how much a provider exceeded a limit, and what follows."""
    if longest_reply:
        return (
            f"the {role} took up to {plural(longest_reply, 'token')} for a reply, more than "
            "max_tokens; later calls are counted with that at most"
        )
    return (
        f"prompts of the {role} take up to {plural(prompt_overhead, 'token')} more than they have "
        "bytes; later calls are counted with that at most"
    )
