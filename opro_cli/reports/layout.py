"""The part of a search that a budget buys, and the part that it does not, said before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opro_cli.core.run.layout import TEST_SHARE, Layout, count_for_verdict, count_test, lay_out
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import DEMOS, PLACE, PRUNE
from opro_cli.core.settings.settings import Settings
from opro_cli.core.stats.groups import find_provable_gain
from opro_cli.core.task.example import Example, Split
from opro_cli.reports.formats import pluralize

LARGEST_GAIN = 0.5
"""A test split that tells smaller gains is worth naming; few prompts have room for a larger one."""


def describe_layout(
    settings: Settings, examples: Mapping[Split, Sequence[Example]], drafts: int = 0
) -> list[str]:
    """Say how a budget that does not buy the whole search is laid out, or that it cannot be.

    [] for a budget that buys everything.

    Args:
        settings: Of the run.
        examples: By split.
        drafts: Prompts of a probe that the first step tries.
    """
    if settings.task.problem is not None:
        return []
    state = RunState.at_start(
        settings.search, examples, settings.task, repeats=settings.scorer.repeats
    )
    state.most_calls, state.drafts = settings.budget.calls, drafts
    most = state.most_calls
    if most is None or not state.sizes["train"] or most >= state.count_everything():
        return []
    if not state.looks:
        return _describe_risk(state, most)
    return [_describe_search(state, most), *_describe_test(state, most)]


def _describe_risk(state: RunState, most: int) -> list[str]:
    """Say of a search that needs full answer sheets that its budget may end it before dev."""
    search = state.search
    because = {
        "search.strategy prune": search.strategy == PRUNE,
        "search.rules paper": search.rules == "paper",
        "search.eval_interval": search.eval_interval is not None,
        "search.racing false": not search.racing,
    }
    why = next((name for name, holds in because.items() if holds), "")
    if not search.steps or not why:
        return []
    return [
        f"budget.calls {most:,} may end the search before its dev and test questions, without a "
        f"verdict: everything takes up to {state.count_everything():,} calls, and a search with "
        f"{why} is not laid out for fewer (`opro docs racing`)"
    ]


def _describe_search(state: RunState, most: int) -> str:
    layout, sizes = lay_out(state), state.sizes
    begun = len(state.of_step(0)) * layout.first * state.calls_per_question
    if begun + layout.own > layout.search:
        least = round((begun + layout.own) * most / layout.search) + 1
        step = f"a single step of search.candidates_per_step {state.search.candidates_per_step}"
        if layout.listed:
            step = f"first looks at {pluralize(len(state.of_step(0)), 'start prompt')} and another"
        fewer = "start with fewer" if layout.listed else "ask for fewer"
        return f"budget.calls {most:,} does not buy {step}: give it {least:,} or more, or {fewer}"
    dev = round(layout.dev - layout.search)
    choice = f", and {dev:,} calls for the choice on dev" if dev else ""
    return (
        f"budget.calls {most:,} does not buy the whole search, of {state.count_everything():,} "
        f"calls at most: it buys {_describe_steps(state, layout)}, "
        f"first looks at {layout.first:,} of {sizes['train']:,} train questions and longer ones at "
        f"the best candidates{choice}; the winner may be one that was not asked everything"
    )


def _describe_steps(state: RunState, layout: Layout) -> str:
    if layout.listed:
        return f"{layout.listed:,} of {pluralize(len(state.search.candidates or ()), 'candidate')}"
    of = f"{layout.steps:,} of {pluralize(state.search.steps, 'step')}"
    if state.search.strategy in (PLACE, DEMOS):
        return f"up to {of}, fewer where the strategy has nothing left to try"
    return f"about {of}, more where proposals repeat what was tried"


def _describe_test(state: RunState, most: int) -> list[str]:
    verdict, everything = (count_test(state, everything=whole) for whole in (False, True))
    if not verdict or everything <= TEST_SHARE * most:
        return []
    if verdict <= TEST_SHARE * most:
        noise = ["search.noise_check"] if state.search.noise_check else []
        others = " and ".join([*(["search.baselines"] if state.baselines else []), *noise])
        return [
            f"the budget keeps {verdict:,} calls for the verdict on test; {others}, which take "
            f"{everything - verdict:,} more, are asked only where the search leaves so many"
        ]
    affordable = int(TEST_SHARE * most / (verdict / state.sizes["test"]))
    least = find_provable_gain(affordable) if affordable else 1.0
    fewer = ""
    if least <= LARGEST_GAIN:
        fewer = (
            f", or with task.data.split.test {affordable}, which tells a gain of some "
            f"{100 * least:.0f} points from chance"
        )
    return [
        f"the budget buys no verdict on test, whose {state.sizes['test']:,} questions under two "
        f"prompts take {verdict:,} calls, more than {TEST_SHARE:.0%} of it: it does from "
        f"budget.calls {count_for_verdict(state):,} on{fewer}"
    ]
