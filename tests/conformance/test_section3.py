"""Whole runs of section 3, one test each: the same prompts, solutions and ends as the reference.

Where the reference crashes or never ends, ENDS says what is done here instead; any other such case
fails.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pytest

from opro_cli.app.startable import list_missing_keys
from opro_cli.reports.problem import list_found
from opro_cli.strategies.regression import Pair, parse_pair
from tests.conformance import section3
from tests.conformance.section3 import Recorded, Replayed, digest
from tests.conformance.vectors import BESIDE, VARIABLE, Case, Input, each_case, folder

pytestmark = pytest.mark.skipif(
    folder() is None, reason=f"no conformance vectors: {VARIABLE} is not set, {BESIDE} is absent"
)

ENDS = {
    "ValueError": "a pair that is not finite is rejected, and the search goes on",
    "OverflowError": "a pair whose loss is no finite number is rejected, and the search goes on",
    "TypeError": "a reply without content is an empty one: it holds no pair",
    "AssertionError": "any model may be named, and a missing key is refused before a run begins",
    "endless": "a step asks again 92 times at most; one without a tour ends the search",
}
"""What the reference does not survive, and what is done here."""


def replies_of(case: Input) -> list[str | None]:
    return list(chain.from_iterable(case["replies_by_step"]))


def evaluated(run: Replayed, step: int) -> list[list[float]]:
    """A step's pairs with their losses: the first of equal ones, sorted."""
    pairs: dict[Pair, str] = {}
    for text in run.accepted(step):
        pairs.setdefault(parse_pair(text), text)
    return [[*parse_pair(text), run.value(text)] for _, text in sorted(pairs.items())]


def same(ours: Sequence[Sequence[Any]], theirs: Sequence[Sequence[Any]]) -> bool:
    """Whether pairs are equal, zeros with their signs, and losses up to rounding."""
    return len(ours) == len(theirs) and all(
        repr(mine[:-1]) == repr(other[:-1])
        and math.isclose(mine[-1], other[-1], rel_tol=1e-12, abs_tol=1e-300)
        for mine, other in zip(map(list, ours), map(list, theirs), strict=True)
    )


def check_repetition(run: Replayed, expected: Mapping[str, Any]) -> None:
    """Compare a repetition with what the reference recorded of it."""
    start = [[*parse_pair(text), run.value(text)] for text in run.start]
    assert same(start, expected["start"])
    known = {tuple(pair[:2]) for pair in start}
    initial, proposed = set(known), set()
    for number, step in enumerate(expected["steps"], start=1):
        check_prompt(run, number, step)
        finite = [row for row in step["evaluated"] if all(isinstance(v, float) for v in row)]
        ours = evaluated(run, number)
        assert same(ours, finite)
        if len(finite) == len(step["evaluated"]):
            known |= {(w, b) for w, b, _ in ours}
            proposed |= {(w, b) for w, b, _ in ours} - initial
            assert len(known) == step["unique_pairs"]
            assert len(proposed) == step["unique_pairs_without_start"]


def check_prompt(run: Replayed, number: int, step: Mapping[str, Any]) -> None:
    prompt = run.prompts[number]
    if "meta_prompt" in step:
        assert prompt == step["meta_prompt"]
    if "meta_prompt_md5" in step:
        assert digest(prompt) == step["meta_prompt_md5"]
    else:
        assert step["meta_prompt_hash_dependent"]


@each_case("section3/regression_run")
def test_regression_run(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    replies, steps = replies_of(case.input), case.input["max_num_steps"]
    if case.raises is not None:
        assert case.raises in ENDS, f"{case.raises}: {case.message}"
        steps = min(steps, max(1, len(case.input["replies_by_step"])))
    settings = section3.regression_settings(
        case.input, steps=steps, repetition=case.input["repetition"]
    )
    run = section3.replay(settings, Recorded(replies))
    if case.raises == "AssertionError":
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        assert list_missing_keys(settings) == ("OPENAI_API_KEY",)
        return
    if "start" not in case.output:  # the call before the search failed
        return
    check_repetition(run, case.output)
    if case.raises is None:
        found = case.output["stopped"] == "found"
        assert bool(run.state.search_ended) == found
        assert run.state.step == case.output["steps_completed"]
        assert run.calls + 1 == case.output["calls"]  # the reference counts its call before
        assert [run.state.step] * found == case.output["num_convergence_steps"]


@each_case("section3/regression_whole")
def test_regression_whole(case: Case) -> None:
    assert case.raises is None
    calls, converged = 1, []
    pairs = zip(case.input["replies_by_repetition"], case.output["repetitions"], strict=True)
    for repetition, (replies, expected) in enumerate(pairs):
        settings = section3.regression_settings(
            case.input, steps=case.input["max_num_steps"], repetition=repetition
        )
        run = section3.replay(settings, Recorded(list(chain.from_iterable(replies))))
        history = [[*parse_pair(text), -1, run.value(text)] for text in run.start]
        for step in run.prompts:
            history += [[w, b, step - 1, loss] for w, b, loss in evaluated(run, step)]
        theirs = [[w, b, step, loss] for w, b, loss, step in expected["history"]]
        assert same(history, theirs)
        assert len({tuple(row[:2]) for row in history}) == expected["unique_pairs"]
        assert len(run.prompts) == expected["steps"]
        assert digest(run.prompts[expected["steps"]]) == expected["last_meta_prompt_md5"]
        calls += run.calls
        last = max(run.prompts)
        true = [case.input["w_true"], case.input["b_true"]]
        converged += [last] if true in [row[:2] for row in evaluated(run, last)] else []
    assert (calls, converged) == (case.output["calls"], case.output["num_convergence_steps"])


@each_case("section3/tsp_run")
def test_tour_run(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    given = case.input
    settings = section3.tour_settings(given, steps=given["num_steps"])
    model = Recorded(replies_of(given), given.get("then_for_ever", ()))
    run = section3.replay(settings, model)
    if case.raises is not None:
        assert case.raises == "AssertionError" in ENDS
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        assert list_missing_keys(settings) == ("OPENAI_API_KEY",)
        return
    assert (run.instance["x"], run.instance["y"]) == (case.output["x"], case.output["y"])
    if isinstance(case.output["start"][0], str):
        assert run.start == case.output["start"]
    else:
        assert [[text, run.value(text)] for text in run.start] == case.output["start"]
    for number, step in enumerate(case.output["steps"], start=1):
        check_prompt(run, number, step)
        accepted = [[text, run.value(text)] for text in run.accepted(number)]
        assert accepted == step["accepted"]
        known = [each for each in list_found(run.state) if each.step <= number]
        assert len(known) == step["unique_traces"]
        assert min(each.value for each in known) == step["best"]
    steps, calls = len(case.output["steps"]), case.output["calls"]
    if case.endless:
        assert "endless" in ENDS
        asked = run.replies[steps + 1]
        assert len(asked) == given["num_decode_per_step"] + 92
        if not run.accepted(steps + 1):
            assert run.state.search_ended == f"no reply of step {steps + 1} held a solution"
        return
    assert (run.state.step, run.calls + 1) == (steps, calls)
    assert not run.state.search_ended
