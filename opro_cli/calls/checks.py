"""The tiny call by which a model is checked: before the first paid question, and after failures."""

from __future__ import annotations

import asyncio

from opro_cli.calls.attempts import RetryPolicy, describe_call
from opro_cli.calls.endpoints import Endpoint
from opro_cli.calls.metered import Calls
from opro_cli.core.draws import derive_seed
from opro_cli.core.run.events import Checked
from opro_cli.core.run.progress import Role
from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.errors import ModelError

HELLO = (Message("user", "Reply with one word: ready"),)
"""The messages of the tiny call."""
UNNAMED = frozenset({400, 413, 422})
"""Statuses of a refusal of what was sent."""


async def check_first(calls: Calls, role: Role) -> None:
    """Make the first call of a run; ModelError when no endpoint answers it."""
    if not await check_endpoints(calls, role):
        await check(calls, role)


async def check_endpoints(calls: Calls, role: Role) -> bool:
    """Make the tiny call at each of several endpoints; return True if one is answered.

    An endpoint that does not answer gets no others, as after any call. A model of one endpoint is
    not asked.
    """
    endpoints = calls.list_endpoints(role)
    if len(endpoints) == 1:
        return False
    once = RetryPolicy(attempts=1)
    checks = (check(calls, role, once, endpoint) for endpoint in endpoints)
    failures = await asyncio.gather(*checks, return_exceptions=True)
    for failure in failures:
        if failure is not None and not isinstance(failure, ModelError):
            raise failure
    return None in failures


async def check(
    calls: Calls, role: Role, policy: RetryPolicy | None = None, at: Endpoint | None = None
) -> None:
    """Make the tiny call and record it; ModelError when it is not answered.

    Args:
        calls: The way to the models.
        role: The model.
        policy: How often it is tried; None for as often as any call.
        at: The one endpoint to ask; None for any.
    """
    settings = calls.settings.models[role]
    request = ChatRequest(
        HELLO,
        settings.temperature,
        settings.max_tokens,
        derive_seed(calls.settings.search.seed, "check") if settings.seed else None,
        stop=settings.stop or (),
        top_p=settings.top_p,
    )
    async with calls.answer(role, request, policy, fresh=True, at=at) as answered:
        calls.record(Checked(role=role, **describe_call(answered)))


def is_unnamed(error: ModelError) -> bool:
    """Return True for a refusal that may be about one request, or about all: its words are unknown.

    The tiny call tells. It has no system message, and no other parameters than the request.
    """
    about_all = error.refused or error.about == "prompt"
    return error.status in UNNAMED and not (error.transient or error.unanswerable or about_all)


async def is_alive(calls: Calls, role: Role) -> bool:
    """Return True if the model answers the tiny call now."""
    try:
        await check(calls, role, RetryPolicy(attempts=1))
    except ModelError:
        return False
    return True
