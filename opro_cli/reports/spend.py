"""The spend of a run's models as plain data: what was metered, and bounds of what was not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from opro_cli.core.run.progress import count_calls
from opro_cli.core.run.spend import Bounds, RoleSpend
from opro_cli.core.run.state import RunState


def serialize_spend(state: RunState) -> dict[str, Any]:
    """Return the spend of both models; a total is null as soon as one answer's figure is unknown.

    counted: the figures of metered answers. uncounted: upper bounds of unmetered calls, that is of
    answers without token counts and of unanswered calls that the provider may bill.
    beyond_limits: the most that a model took beyond its limits.
    """
    roles = list(state.spend.values())
    return {
        "usd": _sum_usd(roles, [role.usd for role in roles]),
        "prompt_tokens": sum_known([role.prompt_tokens for role in roles]),
        "completion_tokens": sum_known([role.completion_tokens for role in roles]),
        "reasoning_tokens": sum_reported([role.reasoning_tokens for role in roles]),
        "usd_without_cache": _estimate_without_cache(roles),
        "calls": count_calls(state),
        "cached_calls": sum(role.cached for role in roles),
        "counted": count_metered(roles),
        "uncounted": bound_unmetered(roles),
        "beyond_limits": find_excess(state.spend),
    }


def _estimate_without_cache(roles: Collection[RoleSpend]) -> float | None:
    """Return dollars as if each answer of the cache had been asked for at the mean price of a call.

    None where a price is unknown, or no call of a model shows what one costs.
    """
    if not any(role.cached for role in roles):
        return _sum_usd(roles, [role.usd for role in roles])
    total = 0.0
    for role in roles:
        if role.usd is None or (role.cached and not role.calls):
            return None
        total += role.usd * (1 + role.cached / role.calls) if role.calls else role.usd
    return total


def _sum_usd(roles: Collection[RoleSpend], usd: Collection[float | None]) -> float | None:
    # From whole pico dollars, whose sum does not depend on the order.
    return None if None in usd else sum(role.counted_pico_usd for role in roles) / 1e12


def sum_known(numbers: Collection[int | None]) -> int | None:
    """Return the sum; None as soon as one number is unknown."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def sum_reported(numbers: Collection[int | None]) -> int | None:
    """Return the sum of the known numbers; None where none is known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def count_metered(roles: Collection[RoleSpend]) -> dict[str, Any]:
    """Return metered tokens and dollars; null where an answer has neither a count nor a bound."""
    tokens = [role.known_tokens for role in roles]
    return {
        "usd": _sum_usd(roles, [role.known_usd for role in roles]),
        "prompt_tokens": sum_known([prompt for prompt, _ in tokens]),
        "completion_tokens": sum_known([completion for _, completion in tokens]),
    }


def find_excess(spend: Mapping[str, RoleSpend]) -> dict[str, dict[str, int]]:
    """Return by role the most tokens taken beyond max_tokens or beyond the bytes of a prompt."""
    return {
        role: {"longest_reply": excess.longest_reply, "prompt_overhead": excess.prompt_overhead}
        for role, excess in spend.items()
        if excess.longest_reply or excess.prompt_overhead
    }


def bound_unmetered(roles: Collection[RoleSpend]) -> dict[str, Any]:
    """Return unmetered calls with bounds of their tokens and dollars; null without a price."""
    bounds = Bounds()
    for role in roles:
        bounds.add_all(role.uncounted)
    return {
        "calls": bounds.answered + bounds.unanswered,
        "unanswered": bounds.unanswered,
        "tokens": bounds.tokens,
        "usd": None if bounds.unpriced_tokens else bounds.pico_usd / 1e12,
    }
