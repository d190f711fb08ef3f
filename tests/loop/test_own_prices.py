"""A price of the config's own, and servers that count no tokens."""

from __future__ import annotations

import pytest

from opro_cli.core.run.events import Answered
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, new_runner, say

PRICE = PriceSettings(10.0, 30.0)


@pytest.mark.parametrize(
    ("price", "counted", "usd"),
    [
        (None, None, 0.0),  # a server on this machine, which is free
        (None, 100, 0.0),
        (PRICE, 100, 0.004),
        (PRICE, None, None),  # it has a price, and nobody knows of how much
    ],
)
async def test_a_call_that_is_not_counted_costs_nothing_only_where_nothing_has_a_price(
    price: PriceSettings | None, counted: int | None, usd: float | None
) -> None:
    def reply(request: ChatRequest) -> ChatReply:
        return ChatReply(say(request), "stop", counted, counted, 0.0)

    journal = MemoryJournal()
    model = ScriptedModel(reply)
    await new_runner(journal, scorer=model, scoring={"price": price}, steps=0).run()
    assert {e.usd for e in journal.events if isinstance(e, Answered)} == {usd}
