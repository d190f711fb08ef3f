"""What a gate holds against its thresholds, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from opro_cli.core.stats.intervals import wilson_interval
from opro_cli.reports.gate import GateReport, build_report
from opro_cli.reports.thresholds import Thresholds
from tests.core.runs import answered, new_state, reasoned
from tests.reports.runs import recorded

ROWS = 20
LOCAL: dict[str, Any] = {"via": "local", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}


def gate(repeats: int = 1, unreadable: int = 0, groups: tuple[int, ...] = ()) -> GateReport:
    """A gate whose prompts were asked every question `repeats` times, each answer judged."""
    state = new_state("old", "new", steps=0, train=0, test=ROWS, gate_margin=0.05)
    state.repeats = repeats
    if groups:
        state.groups["test"] = groups
    for prompt in ("old", "new"):
        for row in range(ROWS):
            for turn in range(repeats):
                reply = reasoned(prompt, row, split="test")  # 30 and 5 tokens, a cent
                state.apply(replace(reply, key=f"ask {turn}"))
                state.apply(replace(reply, key=f"judge {turn}", role="judge", prompt_tokens=900))
            score = None if row < unreadable else 1.0
            state.apply(replace(answered(prompt, row, score, "test"), **LOCAL))
    run = recorded("g", state, {"test": "abcdefghijklmnopqrst"})
    limits = Thresholds(max_unreadable=0.5, max_tokens=40_000, max_usd=11.0)
    return build_report(run, ("old", "new"), limits, name="g")


@pytest.mark.parametrize("repeats", [1, 5])
def test_an_answer_costs_the_same_however_often_it_is_asked_for_and_judged(repeats: int) -> None:
    report = gate(repeats)
    assert report.new.usage.tokens_per_1000 == 35_000
    assert report.new.usage.usd_per_1000 == pytest.approx(10.0)
    assert {check.name: check.passed for check in report.checks} == {
        "max_unreadable": True,
        "max_tokens": True,
        "max_usd": True,
    }
    assert report.most_calls == 2 * ROWS * repeats


def test_unreadable_answers_of_one_group_are_one_piece_of_evidence() -> None:
    alone = gate(unreadable=2).checks[0]
    paired = gate(unreadable=2, groups=tuple(row // 4 for row in range(ROWS))).checks[0]
    assert alone.value == paired.value == 0.1
    assert alone.interval == wilson_interval(0.1, 20)
    assert paired.interval == wilson_interval(0.1, 5)  # five groups of four
    assert (alone.proven, paired.proven) == (True, False)
