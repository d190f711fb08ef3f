"""A call under limits that other processes are under, too; under none it is just a call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from opro_cli.core.cost import Cost
from opro_cli.core.model import ChatReply
from opro_cli.engine.endpoints import is_congested
from opro_cli.engine.ledger import counted_tokens
from opro_cli.errors import ModelError
from opro_cli.ports import SharedLimits


@dataclass(slots=True)
class SharedCall:
    """What a call took, None where nobody counted: tokens, and dollars in whole 1e-12."""

    tokens: int | None = None
    pico_usd: int | None = None

    def took(self, reply: ChatReply) -> None:
        """It was answered with this."""
        self.tokens = counted_tokens(reply)
        self.pico_usd = None if reply.usd is None else round(reply.usd * 1e12)


@asynccontextmanager
async def shared_call(
    limits: SharedLimits | None,
    address: str,
    cost: Cost,
    wait: Callable[[Awaitable[int]], Awaitable[int]],
) -> AsyncIterator[SharedCall]:
    """Around a call to an endpoint of this address that costs so much at most.

    wait: awaits the permit, and may raise to end the waiting. Raises BudgetReached.
    """
    call = SharedCall()
    if limits is None:
        yield call
        return
    permit = await wait(limits.enter(address, cost))
    try:
        yield call
    except ModelError as error:
        if error.maybe_billed:
            limits.lost(permit)
            raise
        limits.failed(permit, error.retry_after, congested=is_congested(error))
        raise
    except BaseException:
        limits.lost(permit)
        raise
    limits.answered(permit, call.tokens, call.pico_usd)
