"""What a run is told to cost, against what runs do cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.core.run.view import Ask, Draft, SearchView
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.core.task.prompt import Content, Demo, Prompt
from opro_cli.ports import Need, Strategy
from opro_cli.reports.costs import build_forecast, estimate_costs, measure_longest_prompts
from opro_cli.strategies.opro import OproStrategy
from tests.loop.runs import MemoryJournal, calls, examples, new_runner, settings
from tests.seams.toys import Enumerate, Reflect, TwoLayouts

CHEAP = PriceSettings(1.0, 4.0)
KNOWN = {"scorer": CHEAP, "optimizer": CHEAP}


def told_for(config: Settings, prices: Any = KNOWN) -> dict[str, Any]:
    return estimate_costs(config, examples(), wiring.build_strategy(config), prices)


@pytest.mark.parametrize(
    "options",
    [{}, {"steps": 0}, {"task": {"second_round": True}}, {"initial_instructions": ("a", "b")}],
    ids=str,
)
async def test_no_run_takes_more_than_it_was_told_to_take_at_most(options: dict[str, Any]) -> None:
    told = told_for(settings(**options))
    runner = new_runner(MemoryJournal(), preflight=True, **options)
    await runner.run()
    requests = calls(runner).requests
    assert len(requests) <= told["total"]["at_most"]["calls"]

    def is_proposing(request: ChatRequest) -> bool:
        text = request.messages[-1].content
        return "Your task is to generate" in text or text.startswith("Reply with one word")

    for role, mine in (("optimizer", True), ("scorer", False)):
        of_role = [request for request in requests if is_proposing(request) is mine]
        most = told["roles"][role]["at_most"]
        assert len(of_role) <= most["calls"]
        size = sum(len(m.content.encode()) for r in of_role for m in r.messages)
        assert size / 3 <= most["prompt_tokens"] or not of_role
        assert sum(r.max_tokens or 0 for r in of_role) <= most["completion_tokens"]


@pytest.mark.parametrize(
    "options",
    [{}, {"task": {"second_round": True}}, {"initial_instructions": ("long " * 200,)}],
    ids=lambda options: str(options)[:40],
)
async def test_no_prompt_is_longer_than_the_longest(options: dict[str, Any]) -> None:
    """At four bytes a token, as all of it is estimated."""
    config = settings(**options)
    told = measure_longest_prompts(config, examples(), wiring.build_strategy(config))
    runner = new_runner(MemoryJournal(), **options)
    await runner.run()
    sizes: dict[str, list[float]] = {"scorer": [0.0], "optimizer": [0.0]}
    for request in calls(runner).requests:
        text = "".join(message.content for message in request.messages)
        role = "optimizer" if "Your task is to generate" in text else "scorer"
        sizes[role].append(len(text.encode()) / 4)
    for role, longest in told.items():
        assert 1 < max(sizes[role]) <= longest + 1


def test_a_second_round_reads_the_first_reply() -> None:
    once, twice = settings(), settings(task={"second_round": True})
    strategy = wiring.build_strategy(once)
    short, long = (
        measure_longest_prompts(each, examples(), strategy)["scorer"] for each in (once, twice)
    )
    assert long - short == once.scorer.max_tokens


def test_worked_by_hand() -> None:
    """3 steps of 3; 6 train, 5 dev, 7 test questions; start and 5 finalists on dev, 2 on test."""
    told = told_for(settings(), {"scorer": None, "optimizer": CHEAP})
    scorer, optimizer = told["roles"]["scorer"], told["roles"]["optimizer"]
    asked = (1 + 9) * 6 + (1 + 5) * 5 + 2 * 7
    assert scorer["at_most"]["calls"] == asked
    assert scorer["expected"]["calls"] == round(6 + 0.75 * (asked - 6))
    assert optimizer["at_most"]["calls"] == optimizer["expected"]["calls"] == 9 + 1
    assert optimizer["expected"]["completion_tokens"] == 10 * optimizer_tokens() // 4
    one = optimizer["at_most"]
    assert one["usd"] == (one["prompt_tokens"] + 4 * one["completion_tokens"]) / 1e6
    # 10 instructions are shown: of 80 characters, or of as many as are allowed.
    likely = optimizer["expected"]["prompt_tokens"] * 4 / 9
    longest = optimizer["at_most"]["prompt_tokens"] * 3 / 10
    most = settings().search.longest_allowed
    assert longest - likely == pytest.approx(10 * (most - 80), abs=1)
    assert scorer["at_most"]["usd"] is told["total"]["at_most"]["usd"] is None
    assert told["total"]["at_most"]["calls"] == asked + 10


def optimizer_tokens() -> int:
    return settings().optimizer.reply_limit


class Careful(Strategy):
    """Looks at all that a view has when the first step begins."""

    name = "careful"
    needs: frozenset[Need] = frozenset({"failures", "demos"})

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:
        best = view.trajectory()[-1]
        outcomes = best.answers["train"].by_question
        right = [row for row, outcome in outcomes.items() if outcome.score == 1.0]
        wrong = view.failures(best)[0]
        reply = view.read_reply(best.id, "train", right[0])
        text = f"{view.score(best):.2f} {wrong.example.input} {wrong.reply} {reply} {view.step}"
        demos = (Demo(right[0], best.id), Demo(10**6))
        return [Ask((Message("user", text),)), Draft(Prompt("x", demos))]

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:
        return [reply]


@pytest.mark.parametrize("strategy", [Reflect(), Enumerate(), TwoLayouts(), Careful()])
def test_a_users_strategy_is_rehearsed_with_start_prompts_that_are_done(strategy: Strategy) -> None:
    config = settings()
    told = estimate_costs(config, examples(), strategy, KNOWN)
    assert told["total"]["expected"]["calls"]
    forecast = build_forecast(config, examples(), (), strategy, ())
    assert not forecast["notes"]
    assert bool(forecast["meta_prompt"]) is isinstance(strategy, Reflect | Careful)
    assert measure_longest_prompts(config, examples(), strategy)["scorer"]


FAULTS: list[tuple[Any, str]] = [
    (ValueError("first\nsecond"), "ValueError: first"),
    (SystemExit(2), "SystemExit: 2"),
    (5, "TypeError: 'int' object is not iterable"),
    ([5], "TypeError: expected an Ask of messages, or a Draft of a prompt, found 5"),
    ([Ask(("x",))], "TypeError: expected an Ask of messages"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("proposed", "words"), FAULTS, ids=lambda each: str(each)[:20])
def test_an_estimate_goes_without_a_users_strategy_that_fails_and_check_says_so(
    proposed: Any, words: str
) -> None:
    """Everything that it met is made up, so that it may be right in a run."""

    class Failing(Careful):
        def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:
            if isinstance(proposed, BaseException):
                raise proposed
            result: Sequence[Ask | Draft] = proposed
            return result

    strategy, config = Failing(), settings()
    assert estimate_costs(config, examples(), strategy, KNOWN)["total"]["at_most"]["calls"]
    assert measure_longest_prompts(config, examples(), strategy)["optimizer"]
    (note,) = build_forecast(config, examples(), (), strategy, ())["notes"]
    assert note.startswith(
        f"search.strategy opro failed on a first step with made-up scores: {words}"
    )


def test_a_failure_of_a_strategy_of_opros_own_is_a_defect() -> None:
    class Broken(OproStrategy):
        def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:
            raise ValueError("a defect")

    Broken.__module__ = OproStrategy.__module__
    with pytest.raises(ValueError, match="a defect"):
        estimate_costs(settings(), examples(), Broken(), KNOWN)
