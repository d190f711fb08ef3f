"""A ceiling in dollars over a model of unknown price, where a gateway says what calls cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from opro_cli.app.startable import find_unknown_models, note_learnt_prices, require_prices
from opro_cli.calls.ledger import learn_price
from opro_cli.core.run.events import Checked, SessionStarted
from opro_cli.core.run.spend import RoleSpend
from opro_cli.core.settings.models import OptimizerSettings, PriceSettings, ScorerSettings
from opro_cli.core.settings.search import ObjectivesSettings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError, UsageError
from opro_cli.reports.spend import serialize_spend
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, new_runner, outcome, say, settings

INPUT, OUTPUT = 2.0, 8.0  # dollars a million tokens, which nobody but the gateway knows

FREE = ScorerSettings("embedded/tiny-mistral")
FREE_TOO = OptimizerSettings("embedded/tiny-mistral")


class Gateway(ScriptedModel):
    """Says what each call costs; counts how many are in flight at the same time."""

    def __init__(self, tells: bool = True) -> None:
        super().__init__(say)
        self.tells, self.at_once, self.most, self.bill = tells, 0, 0, 0.0
        self.most_at_first = 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        for _ in range(5):
            await asyncio.sleep(0)
        self.at_once -= 1
        told = await super().reply(request)
        assert told.prompt_tokens is not None
        assert told.completion_tokens is not None
        cost = (INPUT * told.prompt_tokens + OUTPUT * told.completion_tokens) / 1e6
        self.bill += cost
        if len(self.requests) == 1:
            self.most_at_first = self.most
        counts = told.prompt_tokens, told.completion_tokens
        return ChatReply(told.text, "stop", *counts, cost if self.tells else None)


def runner_of(model: ScriptedModel, usd: float, **options: Any) -> Any:
    return new_runner(
        MemoryJournal(),
        scorer=model,
        budget={"usd": usd},
        scoring={"max_tokens": 20},
        proposing={"max_tokens": 20},
        **options,
    )


async def test_the_ceiling_is_kept_by_what_the_answers_cost() -> None:
    gateway = Gateway()
    runner = runner_of(gateway, 0.004)
    assert await runner.run() == "budget"
    assert 0.001 < gateway.bill <= 0.004
    assert serialize_spend(runner.state)["usd"] == pytest.approx(gateway.bill)


async def test_until_a_price_is_learnt_there_is_one_call_at_a_time() -> None:
    gateway = Gateway()
    runner = runner_of(gateway, 1.0, concurrency=4)
    assert await runner.run() == "finished"
    assert (gateway.most_at_first, gateway.most > 1) == (1, True)


async def test_answers_that_do_not_say_what_they_cost_stop_the_run_after_one() -> None:
    gateway = Gateway(tells=False)
    runner = runner_of(gateway, 1.0)
    with pytest.raises(ModelError, match="do not say what they cost") as caught:
        await runner.run()
    assert caught.value.about == "config"
    assert "scorer.price" in (caught.value.hint or "")
    assert len(gateway.requests) == 1


COMPARED: dict[str, Any] = {
    "objectives": ObjectivesSettings("usd_per_1000"),
    "prefer": "cheapest_not_worse",
}


async def test_prompts_that_are_compared_by_dollars_which_nobody_tells_stop_after_one() -> None:
    gateway = Gateway(tells=False)
    runner = new_runner(MemoryJournal(), scorer=gateway, concurrency=4, **COMPARED)
    with pytest.raises(ModelError, match="usd_per_1000: the price of the scorer is not") as caught:
        await runner.run()
    assert caught.value.about == "config"
    assert "search.objectives: {cost: tokens_per_1000}" in (caught.value.hint or "")
    assert len(gateway.requests) == 1


async def test_prompts_are_compared_by_the_dollars_that_answers_tell() -> None:
    runner = new_runner(MemoryJournal(), scorer=Gateway(), **COMPARED)
    assert await runner.run() == "finished"
    result = outcome(runner)
    assert result["objectives"]["unknown"] == 0
    assert result["front"][0]["cost"] > 0


async def test_a_run_that_began_before_that_was_so_goes_on_without_dollars() -> None:
    began = SessionStarted(0.0, 1, "0.1.0", 9)
    model = Gateway(tells=False)
    runner = new_runner(MemoryJournal(), past=[began], scorer=model, **COMPARED)
    assert await runner.run() == "finished"


def test_a_price_that_only_answers_tell_is_noted() -> None:
    away = replace(FREE, model="openai/x", api_base="https://models.example/v1")
    config = replace(settings(**COMPARED), scorer=away, optimizer=FREE_TOO)
    require_prices(config)
    (note,) = note_learnt_prices(config)
    assert note.startswith("search.objectives.cost usd_per_1000: the price of scorer openai/x is n")
    priced = replace(config, scorer=replace(away, price=PriceSettings(1.0, 2.0)))
    assert note_learnt_prices(priced) == ()
    assert note_learnt_prices(settings()) == ()


def test_the_key_to_set_for_a_further_role_stands_in_its_section() -> None:
    judge = ScorerSettings("openai/a-model-of-mine")
    with pytest.raises(UsageError) as caught:
        require_prices(replace(settings(budget={"usd": 1.0}), scorer=FREE, optimizer=FREE_TOO,
                               roles={"judge": judge}))  # fmt: skip
    assert "set roles.judge.price:" in (caught.value.hint or "")
    unknown = replace(judge, model="foo/bar")
    ((message, _),) = find_unknown_models(replace(settings(), scorer=FREE, optimizer=FREE_TOO,
                                                  roles={"judge": unknown}))  # fmt: skip
    assert message.startswith("roles.judge.model foo/bar")


async def test_a_later_session_knows_the_price_from_the_journal() -> None:
    gateway = Gateway()
    journal = MemoryJournal()
    first = new_runner(journal, scorer=gateway, budget={"usd": 0.002}, scoring={"max_tokens": 20},
                       proposing={"max_tokens": 20})  # fmt: skip
    assert await first.run() == "budget"
    again = runner_of(gateway, 0.002, past=journal.events)
    asked = len(gateway.requests)
    assert await again.run() == "budget"
    assert len(gateway.requests) == asked
    assert gateway.bill <= 0.002


def test_the_learnt_price_bounds_any_split_of_what_was_paid() -> None:
    spend = RoleSpend()
    assert learn_price(spend) is None
    spend.add(Checked(1.0, "scorer", "", "stop", 100, 10, 0.0003, 0.1))
    spend.add(Checked(1.0, "scorer", "", "stop", 900, 9, None, 0.1))  # of no known price
    assert learn_price(spend) == PriceSettings(3.0, 30.0)
