"""Every vector of the paper's linear regression, one test each.

A case in which the reference fails must be one of DIFFERENCES, where it is said what is done here
instead; any other one fails. Below them is the strategy in a run, by hand.
"""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.view import Ask, End
from opro_cli.core.settings.read import read_options
from opro_cli.core.task.problem import Instance
from opro_cli.core.task.prompt import Solution
from opro_cli.errors import ConfigError
from opro_cli.strategies.regression import PaperRegression, meta_prompt
from tests.conformance.regression import (
    DIFFERENCES,
    Loss,
    Row,
    agrees,
    conforms,
    each_row,
    view_after,
)
from tests.conformance.vectors import BESIDE, VARIABLE, folder

needs_vectors = pytest.mark.skipif(
    folder() is None, reason=f"no conformance vectors: {VARIABLE} is not set, {BESIDE} is absent"
)


@needs_vectors
@each_row("regression_meta_prompt")
def test_meta_prompt(row: Row) -> None:
    conforms("regression_meta_prompt", row)


@needs_vectors
@each_row("regression_parse")
def test_parse(row: Row) -> None:
    conforms("regression_parse", row)


@needs_vectors
@each_row("regression_step")
def test_step(row: Row) -> None:
    conforms("regression_step", row)


@needs_vectors
@each_row("regression_data")
def test_data(row: Row) -> None:
    conforms("regression_data", row)


@needs_vectors
@each_row("regression_loss")
def test_loss(row: Row) -> None:
    conforms("regression_loss", row)


def test_an_unknown_failure_fails() -> None:
    case = {"history": [[1.0, 2.0, 3.0]]}
    row = {"id": "by hand", "input": case, "raises": "ValueError"}
    with pytest.raises(AssertionError, match="unknown failure of the reference"):
        conforms("regression_meta_prompt", row)


def test_an_unknown_endless_case_fails() -> None:
    row = {"id": "by hand", "input": {}, "endless": True, "reason": "waits"}
    with pytest.raises(AssertionError, match="unknown endless case in regression_loss: waits"):
        conforms("regression_loss", row)


def test_one_of_several_outputs_is_enough() -> None:
    case = {"X": [1.0], "y": [2.0], "w": 0, "b": 0}
    outputs = [{"loss": 3.0, "shown": 3}, {"loss": 4.0, "shown": 4}]
    conforms("regression_loss", {"id": "by hand", "input": case, "output_one_of": outputs})
    with pytest.raises(AssertionError):
        conforms("regression_loss", {"id": "by hand", "input": case, "output_one_of": outputs[:1]})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(15, 15.0), (0.0, -0.0), (1.0, 1.0 + 2e-16), (Loss(1.0), 1.0 + 2e-12), ([1], [1, 2])],
)
def test_what_differs_is_seen(ours: object, theirs: object) -> None:
    assert not agrees(ours, theirs)
    assert agrees(Loss(1.0), 1.0 + 5e-13)
    assert agrees([float("nan"), -0.0], ["nan", -0.0])


def test_each_difference_is_told() -> None:
    assert all(each.situation and each.ours for each in DIFFERENCES)


# The strategy in a run.

LINE: Instance = {"x": [1.0, 2.0, 3.0], "y": [3.0, 5.0, 7.0], "w": 2.0, "b": 1.0, "decimals": 0}
"""y = 2 x + 1, without noise."""

LINE_START = ("w=2, b=2", "w=5, b=5")


def asked(*steps: list[str], **view: Any) -> Any:
    strategy = PaperRegression()
    proposals = strategy.propose(view_after(LINE, strategy, *steps, **view), len(steps) + 1)
    if isinstance(proposals, End):
        return proposals
    (ask,) = proposals
    assert isinstance(ask, Ask)
    return ask


def entries(text: str) -> list[str]:
    return [part.removeprefix("input:\n") for part in text.split("\n\n")[1:-1]]


def test_the_strategy_shows_the_history_worst_first() -> None:
    ask = asked(["[3, 1]", "no pair"], start=LINE_START)
    assert ask.samples == 2
    assert [message.role for message in ask.messages] == ["user"]
    assert entries(ask.messages[0].content) == [
        "w=5, b=5\nvalue:\n317",  # 49 + 100 + 169 are 318, and less by way of the root
        "w=3, b=1\nvalue:\n14",  # 1 + 4 + 9
        "w=2, b=2\nvalue:\n2",
    ]


def test_the_strategy_shows_as_many_as_the_config_says() -> None:
    steps = ([f"[{w}, 3]" for w in range(3, 28)],)
    assert len(entries(asked(*steps, history=4).messages[0].content)) == 4
    assert len(entries(asked(*steps, history=None).messages[0].content)) == 25


def test_a_loss_of_zero_is_shown_without_a_sign() -> None:
    ask = asked(start=("w=2, b=1",), decimals=2)
    assert entries(ask.messages[0].content) == ["w=2, b=1\nvalue:\n0.0"]


def test_proposing_the_true_pair_ends_the_search() -> None:
    assert asked(["[2, 1]"]) == End("the true pair was found")
    assert asked(["[2, 1]"], ["[9, 9]"]) == End("the true pair was found")
    assert isinstance(asked(["[2, 2]"]), Ask)


def test_the_true_pair_among_the_starting_ones_ends_nothing_until_it_is_proposed() -> None:
    assert isinstance(asked(["[9, 9]"], start=("w=2, b=1",)), Ask)
    assert asked(["[1.6, 0.7]"], start=("w=2, b=1",)) == End("the true pair was found")


def test_zeros_of_both_signs_are_one_entry() -> None:
    ask = asked(["[0.2, 0]", "[-0.2, 0]"])
    assert entries(ask.messages[0].content) == ["w=0, b=0\nvalue:\n83"]


def test_what_would_end_the_reference_is_not_scored() -> None:
    strategy = PaperRegression()
    view = view_after(LINE, strategy, ["[nan, 1]", "[1e400, 1]", "[1e200, 1]", "[3, 1]"])
    assert [text.skipped for text in view.state.proposals.texts] == [
        "not finite",
        "not finite",
        "its loss is too large for a number",
        "",
    ]
    assert [candidate.instruction for candidate in view.candidates()] == ["w=3, b=1"]


def test_a_reply_becomes_a_solution() -> None:
    assert PaperRegression().read("[b=14.5, w=15.5]") == (Solution("w=14, b=16"),)
    assert PaperRegression(1).read("[-0.04, 2.25]") == (Solution("w=-0, b=2.2"),)
    assert PaperRegression().read("(15, 14)") == ()


def test_equal_values_come_in_the_order_of_sets() -> None:
    tied = [(10.0, 20.0, 500.2), (11.0, 19.0, 500.9), (12.0, 18.0, 500.5)]
    shown = [entry.partition("\n")[0] for entry in entries(meta_prompt(tied, 0, 0, 20))]
    assert shown == ["w=10, b=20", "w=12, b=18", "w=11, b=19"]


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"search\.options\.decimals: .*found 16"):
        read_options(PaperRegression(), {"decimals": 16})
