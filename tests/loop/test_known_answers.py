"""What was answered before is not asked: in a run, in another run, and at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from opro_cli.calls.attempts import RetryPolicy, TimedReply
from opro_cli.calls.metered import Calls
from opro_cli.core.run.events import (
    Answered,
    Checked,
    Event,
    FirstReply,
    Proposed,
    SessionStarted,
)
from opro_cli.core.run.progress import Progress
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Message, Took
from opro_cli.errors import BudgetReached, Halted, ModelError
from opro_cli.testing.session import ScriptedModel
from tests.fakes.memory_cache import ForgetfulCache, MemoryCache
from tests.loop.runs import (
    MemoryJournal,
    ShuffledModel,
    calls,
    drop_costs,
    examples,
    finished,
    new_runner,
    outcome,
    settings,
)

DOWN = ModelError("down", transient=False)


class Gated(ScriptedModel):
    """Answers when it is let: `waiting` calls stand before the gate."""

    def __init__(self, script: Any) -> None:
        super().__init__(script)
        self.gate = asyncio.Event()

    async def reply(self, request: ChatRequest) -> ChatReply:
        await self.gate.wait()
        return await super().reply(request)


def calls_of(model: ScriptedModel, cache: MemoryCache | None = None, **options: Any) -> Calls:
    """What a run with these settings asks `model` through."""
    config, questions = settings(**options), examples()
    return Calls(
        settings=config,
        state=RunState.at_start(config.search, questions, config.task),
        models={"scorer": (model,), "optimizer": (model,)},
        prices={},
        policy=RetryPolicy(attempts=1),
        activity=Progress(),
        stop=asyncio.Event(),
        record=lambda *_: None,
        caches={"scorer": cache or MemoryCache()},
    )


def asking(text: str = "2+2?", temperature: float = 0.0, seed: int = 1) -> ChatRequest:
    return ChatRequest((Message("user", text),), temperature, 50, seed)


async def asked(calls: Calls, request: ChatRequest, *, fresh: bool = False) -> TimedReply:
    async with calls.answer("scorer", request, fresh=fresh) as answered:
        return answered


async def together(model: Gated, *questions: Awaitable[TimedReply]) -> list[Any]:
    """Ask at the same moment, and let the model answer once all have begun."""
    asking = asyncio.gather(*questions, return_exceptions=True)
    for _ in range(5):
        await asyncio.sleep(0)
    model.gate.set()
    return await asking


def is_on_test(prompt: str) -> bool:
    """Is it one of the seven test questions, 12 to 18?"""
    return "What is " in prompt and int(prompt.rpartition("What is ")[2].split(" ")[0]) >= 12


async def test_a_second_run_asks_anew_only_what_is_compared_on_test() -> None:
    cache = MemoryCache()
    first = await finished(caches={"scorer": cache, "optimizer": cache})
    second = await finished(caches={"scorer": cache, "optimizer": cache}, salt=1)
    one, other = outcome(first), outcome(second)
    spent, spent_again = one.pop("spend"), other.pop("spend")
    assert one == other
    assert calls(second).asked().keys() < calls(first).asked().keys()
    asked_again = [text for text, _ in calls(second).asked() if "generate" not in text]
    assert len(asked_again) == 2 * 7
    assert all(map(is_on_test, asked_again))
    assert spent["calls"] == spent_again["calls"] + spent_again["cached_calls"]
    assert second.activity.session_calls == spent_again["calls"] == 9 + 2 * 7


async def test_a_run_without_a_cache_comes_to_the_same() -> None:
    """Some answers of another run, all, or none: it is one result."""
    expected = outcome(await finished())
    cache = MemoryCache()
    await finished(caches={"scorer": cache})
    for number, request in enumerate(list(cache.answers)):
        if number % 2:
            del cache.answers[request]
    found = outcome(await finished(caches={"scorer": cache}, salt=3))
    assert 0 < found.pop("spend")["cached_calls"] < expected.pop("spend")["calls"]
    assert found == expected


async def test_a_known_answer_says_so_in_the_journal_and_costs_nothing() -> None:
    cache = MemoryCache()
    await finished(caches={"scorer": cache}, task={"second_round": True})
    journal = MemoryJournal()
    allowed = 9 + 2 * 2 * 7  # proposals, and two prompts on test in two rounds
    runner = new_runner(
        journal, caches={"scorer": cache}, task={"second_round": True}, budget={"calls": allowed}
    )
    assert await runner.run() == "finished"
    answers = [
        e for e in journal.events if isinstance(e, Answered | FirstReply) and e.split != "test"
    ]
    costs = {(e.via, e.prompt_tokens, e.completion_tokens, e.usd, e.seconds) for e in answers}
    assert costs == {("cache", 0, 0, 0.0, 0.0)}
    assert {e.via for e in journal.events if isinstance(e, Proposed)} == {"call"}


@pytest.mark.parametrize(("price", "usd"), [(None, 0.25), (PriceSettings(1000.0, 50_000.0), 0.12)])
async def test_a_known_answer_has_the_tokens_that_it_took_at_the_price_of_this_run(
    price: PriceSettings | None, usd: float
) -> None:
    model, cache = ScriptedModel(lambda _: ChatReply("4", "stop", 20, 2, 0.25)), MemoryCache()
    await asked(calls_of(model, cache), asking())
    answered = await asked(calls_of(model, cache, scoring={"price": price}), asking())
    assert answered.reply == ChatReply("4", "stop", 0, 0, 0.0, took=Took(20, 2, usd))
    assert len(model.requests) == 1


async def test_an_equal_request_of_the_same_run_takes_as_much() -> None:
    model = Gated(lambda _: ChatReply("4", "stop", 20, 2, 0.25))
    of = calls_of(model)
    first, second = await together(model, asked(of, asking()), asked(of, asking()))
    assert first.reply == ChatReply("4", "stop", 20, 2, 0.25)
    assert second.reply == ChatReply("4", "stop", 0, 0, 0.0, took=Took(20, 2, 0.25))


@pytest.mark.parametrize(("format_version", "knows"), [(9, False), (10, True)])
async def test_a_run_that_began_before_costs_were_kept_compares_by_what_it_knew_then(
    format_version: int, knows: bool
) -> None:
    """The prompts whose cost is known would be others, and with them its winner."""
    cache, journal = MemoryCache(), MemoryJournal()
    await finished(caches={"scorer": cache})
    began = SessionStarted(0.0, 1, "0.1.0", format_version)
    await new_runner(journal, past=[began], caches={"scorer": cache}).run()
    known = [e for e in journal.events if isinstance(e, Answered) and e.via == "cache"]
    assert known
    assert {e.took is not None for e in known} == {knows}


async def test_whoever_wins_for_its_cost_wins_with_a_warm_cache_too() -> None:
    """The start prompt is as good as all, and replies to it are the longest."""

    def say_at_length(request: ChatRequest) -> ChatReply:
        text = request.messages[-1].content
        if "generate" in text:
            return ChatReply(f"<INS>Brief, please: {request.seed}.</INS>", "stop", 50, 9, None)
        number = int(text.rpartition("What is ")[2].split(" ")[0]) if "What is " in text else 0
        words = 5 if "Brief" in text else 90
        return ChatReply(f"The answer is {2 * number}.", "stop", 10, words, None)

    model, cache, winners = ScriptedModel(say_at_length), MemoryCache(), []
    cheapest: dict[str, Any] = {"prefer": "cheapest_not_worse", "margin": 50.0}
    cheapest["test_unbeaten_start"] = True
    for _ in range(2):
        runner = new_runner(MemoryJournal(), scorer=model, caches={"scorer": cache}, **cheapest)
        await runner.run()
        result = outcome(runner)
        winners.append((result["best"]["instruction"], result["objectives"], result["front"]))
    assert winners[0] == winners[1]
    assert "Brief" in winners[0][0]
    assert winners[0][1]["unknown"] == 0


def kinds(events: list[Event]) -> Counter[tuple[str, str]]:
    """Answers a split and way, those of the second time apart."""
    return Counter(
        ("again" if e.candidate.startswith("again-") else e.split, e.via)
        for e in events
        if isinstance(e, Answered | FirstReply)
    )


@pytest.mark.parametrize("second_round", [False, True])
async def test_a_second_time_is_asked_word_for_word_and_the_first_answer_stays(
    second_round: bool,
) -> None:
    cache, journal = MemoryCache(), MemoryJournal()
    options: dict[str, Any] = {"task": {"second_round": second_round}, "noise_check": True}
    for _ in range(2):
        kept = len(cache.answers)
        journal.events.clear()
        runner = new_runner(journal, caches={"scorer": cache}, **options)
        assert await runner.run() == "finished"
        assert kinds(journal.events)["again", "call"] == 7 * (1 + second_round)
        assert kinds(journal.events)["again", "cache"] == 0
    assert len(cache.answers) == kept


async def test_the_tiny_call_is_always_made() -> None:
    cache, journal = MemoryCache(), MemoryJournal()
    for _ in range(2):
        journal.events.clear()
        runner = new_runner(
            journal,
            caches={"scorer": cache, "optimizer": cache},
            proposing={"cache": True},
            preflight=True,
        )
        assert await runner.run() == "finished"
        assert len(calls(runner).requests) == runner.activity.session_calls
        assert sum(isinstance(e, Checked) for e in journal.events) == 1
    # Proposals of these seeds are known, too; several in one call are never kept.
    requests = [r for r in calls(runner).requests if not is_on_test(r.messages[-1].content)]
    assert [r.choices for r in requests] == [1, 3]


@pytest.mark.parametrize(
    ("cache", "temperature", "calls_made"),
    [(None, 0.0, 1), (None, 0.7, 2), (True, 0.7, 1), (False, 0.0, 2)],
)
async def test_when_answers_are_kept(
    cache: bool | None, temperature: float, calls_made: int
) -> None:
    model = ScriptedModel(["4", "4"])
    through = calls_of(model, scoring={"cache": cache, "temperature": temperature})
    for _ in range(2):
        await asked(through, asking(temperature=temperature))
    assert len(model.requests) == calls_made


@pytest.mark.parametrize(
    "reply",
    [
        ChatReply("", "length", 1, 9, 0.0),
        ChatReply("Half an", "content_filter", 1, 1, 0.0),
        ChatReply("I cannot help with that.", "refusal", 1, 6, 0.0),
    ],
    ids=["cut", "filtered", "refusal"],
)
async def test_what_asking_again_may_better_is_not_kept(reply: ChatReply) -> None:
    model = ScriptedModel([reply, "4"])
    through = calls_of(model)
    assert (await asked(through, asking())).reply == reply
    assert (await asked(through, asking())).reply.text == "4"


@pytest.mark.parametrize("cache", [MemoryCache, ForgetfulCache])
async def test_equal_questions_of_one_moment_are_asked_once(
    cache: Callable[[], MemoryCache],
) -> None:
    model = Gated(["4"])
    through = calls_of(model, cache())
    answers = await together(model, *[asked(through, asking(seed=n)) for n in range(3)])
    assert [answer.via for answer in answers] == ["call", "cache", "cache"]
    assert [answer.reply.text for answer in answers] == ["4", "4", "4"]
    assert [answer.reply.prompt_tokens for answer in answers] == [1, 0, 0]


async def test_when_the_first_of_them_fails_the_second_asks_for_itself() -> None:
    model = Gated([DOWN, "4"])
    through = calls_of(model)
    failed, *answers = await together(model, *[asked(through, asking()) for _ in range(3)])
    assert failed is DOWN
    assert [answer.via for answer in answers] == ["call", "cache"]


async def test_after_a_stop_nobody_asks_in_the_place_of_one_that_failed() -> None:
    model = Gated([DOWN])
    through = calls_of(model)

    async def stop() -> TimedReply:
        through.stop.set()
        raise AssertionError

    questions = [asked(through, asking()) for _ in range(2)]
    failed, halted, _ = await together(model, *questions, stop())
    assert failed is DOWN
    assert isinstance(halted, Halted)
    assert len(model.requests) == 1


async def test_one_that_is_cancelled_leaves_its_place_to_the_next() -> None:
    model = Gated(["4"])
    through = calls_of(model)
    first, second = (asyncio.create_task(asked(through, asking())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    model.gate.set()
    assert (await second).via == "call"


async def test_one_that_waits_and_is_cancelled_takes_nobody_with_it() -> None:
    model = Gated(["4"])
    through = calls_of(model)
    first, second, third = (asyncio.create_task(asked(through, asking())) for _ in range(3))
    for _ in range(3):
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    model.gate.set()
    assert [(await first).via, (await third).via] == ["call", "cache"]


async def test_fresh_questions_neither_wait_nor_are_waited_for() -> None:
    model = Gated(["4", "5", "6"])
    through = calls_of(model)
    questions = [asked(through, asking(), fresh=True) for _ in range(2)]
    answers = await together(model, *questions, asked(through, asking()))
    assert [answer.via for answer in answers] == ["call", "call", "call"]
    assert (await asked(through, asking())).reply.text == answers[0].reply.text  # the first kept


async def test_a_known_answer_needs_no_room_under_a_ceiling_but_time() -> None:
    cache = MemoryCache()
    cache.put(cache.key(asking()), ChatReply("4", "stop", 1, 1, 0.0))
    through = calls_of(ScriptedModel([]), cache, budget={"tokens": 1})
    assert (await asked(through, asking())).reply.text == "4"
    with pytest.raises(BudgetReached, match="tokens 1 reached"):
        await asked(through, asking("2+3?"))
    late = calls_of(ScriptedModel([]), cache, budget={"minutes": 1e-9})
    with pytest.raises(BudgetReached, match="minutes"):
        await asked(late, asking())


async def test_a_known_answer_lets_the_event_loop_have_its_turn() -> None:
    """Else a run of nothing else would hear no Ctrl-C."""
    cache = MemoryCache()
    turns: list[str] = []
    cache.put(cache.key(asking()), ChatReply("4", "stop", 1, 1, 0.0))
    asyncio.get_running_loop().call_soon(turns.append, "turn")
    assert (await asked(calls_of(ScriptedModel([]), cache), asking())).via == "cache"
    assert turns == ["turn"]


async def test_a_run_of_known_answers_can_be_stopped_and_gone_on_with() -> None:
    cache = MemoryCache()
    await finished(caches={"scorer": cache})
    journal = MemoryJournal()
    runner = new_runner(journal, caches={"scorer": cache})
    begun = asyncio.Event()
    journal.on_append = lambda number: begun.set() if number == 3 else None

    async def stop() -> None:
        await begun.wait()
        runner.stop()

    _, ending = await asyncio.gather(stop(), runner.run())
    assert ending == "interrupted"
    assert isinstance(runner.models["scorer"][0], ShuffledModel)
    resumed = new_runner(MemoryJournal(), caches={"scorer": cache}, past=journal.events)
    assert await resumed.run() == "finished"
    expected, found = drop_costs(outcome(await finished())), drop_costs(outcome(resumed))
    del expected["spend"], found["spend"]
    assert found == expected
