"""Vectors of the paper's linear regression put through the product, and where it differs.

A driver gives what the vector's `output` holds; a `Loss` in it is compared to 1e-12, all else
exactly. The vectors are in the folder `section3` of `tests.conformance.vectors.folder()`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Answered, Proposed
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import End, SearchView
from opro_cli.core.scale import Scale
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.problem import Instance, RecordedProblem, encode_problem
from opro_cli.core.task.prompt import PromptFormat, Solution, encode_form
from opro_cli.problems.regression import (
    Regression,
    RegressionParameters,
    draw_observations,
    draw_starting_pairs,
)
from opro_cli.strategies.regression import (
    Entry,
    Pair,
    PaperRegression,
    RegressionOptions,
    compute_loss,
    find_bracket,
    find_flaw,
    format_pair,
    list_history,
    make_showable,
    meta_prompt,
    order_history,
    parse_numbers,
    parse_pair,
    read_pair,
    round_pair,
)
from tests.conformance.vectors import folder

Row = dict[str, Any]
SCALE = Scale(minimise=True, bounded=False)


class Loss(float):
    """A loss, which goes through other arithmetic in the reference."""


def each_row(name: str) -> pytest.MarkDecorator:
    """The argument `row`: every vector of section3/NAME.jsonl, under its id."""
    place = folder()
    path = place / "section3" / f"{name}.jsonl" if place else None
    rows: list[Row] = []
    if path and path.is_file():
        with path.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
    return pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in rows])


def draw(case: Row, repetition: int = 0) -> Instance:
    """The reference's points, 50 of them."""
    true = {"w": case["w_true"], "b": case["b_true"]}
    return Regression().draw(RegressionParameters(**true, seed=repetition))


def view_after(
    instance: Instance,
    strategy: PaperRegression,
    *steps: Sequence[str],
    start: Sequence[str] = (),
    history: int | None = 20,
    decimals: int = 0,
) -> SearchView:
    """A run after steps with these replies, read, rejected and scored as in a real one."""
    problem = RecordedProblem("regression", instance)
    form = encode_form(Solution(""))
    per_step = len(steps[0]) if steps else 8
    search = SearchSettings(
        initial_instructions=tuple(start), steps=500, candidates_per_step=per_step, history=history
    )
    state = RunState(search, {"train": 1, "dev": 0, "test": 0}, scale=SCALE, form=form)
    view = SearchView(
        state,
        (encode_problem(problem),),
        PromptFormat("Q_begin", False),
        options=RegressionOptions(decimals),
    )
    _score_all(state, instance)
    for step, replies in enumerate(steps, 1):
        assert len(replies) == per_step
        for sample, reply in enumerate(replies):
            read = strategy.read(reply)
            texts = tuple(each.text for each in read)
            rejected = tuple(strategy.reject(each, view) for each in read)
            forms = (form,) * len(texts)
            usage = ("stop", 0, 0, 0.0, 0.0)
            event = Proposed(
                0.0, step, sample, reply, texts, *usage, forms=forms, rejected=rejected
            )
            state.apply(event)
        _score_all(state, instance)
    return view


def _score_all(state: RunState, instance: Instance) -> None:
    for candidate in state.candidates.values():
        if not candidate.answers["train"].by_question:
            text = candidate.instruction
            identity = make_candidate_id(text, encode_form(Solution("")))
            value = Regression().value(text, instance)
            state.apply(
                Answered(0.0, identity, "train", 0, "", str(value), value, "stop", 0, 0, 0.0, 0.0)
            )


# Drivers, one for each file.


def prompt(case: Row) -> str:
    kind = int if case["number_type"] == "int" else float
    history = [(kind(w), kind(b), kind(value)) for w, b, value in case["history"]]
    knobs = [case[key] for key in ("num_input_decimals", "num_output_decimals", "max_num_pairs")]
    return meta_prompt(history, *knobs)


def parse(case: Row) -> Row:
    inside = find_bracket(case["reply"])
    numbers = parse_numbers(inside) if inside else None
    strategy, instance = PaperRegression(case["num_input_decimals"]), draw(case)
    why = "nothing extracted" if not inside else "not a number"
    if numbers is not None:
        why = "pair" if len(numbers) == 2 else f"{len(numbers)} values"
    read = [parse_pair(each.text) for each in strategy.read(case["reply"])]
    assert len(read) == (why == "pair")
    found = isinstance(strategy.propose(view_after(instance, strategy, [case["reply"]]), 2), End)
    return {
        "extracted": inside,
        "parsed": numbers,
        "why": why,
        "kept": bool(read),
        "evaluated": _evaluate(read[0], instance) if read else None,
        "found": found,
    }


def step(case: Row) -> Row:
    strategy, instance = PaperRegression(case["num_input_decimals"]), draw(case)
    view = view_after(instance, strategy, case["replies"])
    pairs = [pair for reply in case["replies"] if (pair := read_pair(reply))]
    return {
        "pairs_before_rounding": [list(pair) for pair in pairs],
        "evaluated": [[w, b, Loss(value)] for w, b, value in list_history(view)],
        "found": isinstance(strategy.propose(view, 2), End),
    }


def data(case: Row) -> Row:
    true = Pair(case["w_true"], case["b_true"])
    xs = [float(x) for x in range(1, case["num_points"] + 1)]
    ys = draw_observations(true, xs, 1.0, case["repetition"])
    drawn = draw_starting_pairs(case["repetition"], case["num_starting_points"])
    decimals = case["num_input_decimals"]
    rounded = (round_pair(pair, decimals) for pair in drawn)
    start = order_history((0, Entry(*pair, compute_loss(pair, xs, ys))) for pair in rounded)
    if (case["num_points"], case["num_starting_points"]) == (50, 5) and decimals >= 0:
        instance = Regression().draw(
            RegressionParameters(true.w, true.b, seed=case["repetition"], decimals=decimals)
        )
        assert (instance["x"], instance["y"]) == (xs, ys)
        texts = Regression().start(instance)
        assert [parse_pair(text) for text in texts] == [(w, b) for w, b, _ in start]
    return {
        "X": xs,
        "y": ys,
        "init_w": [pair.w for pair in drawn],
        "init_b": [pair.b for pair in drawn],
        "start": [[w, b, Loss(value)] for w, b, value in start],
        "loss_at_true_values": Loss(compute_loss(true, xs, ys)),
        "first_meta_prompt": meta_prompt(start, decimals, 0, 20),
    }


def loss(case: Row) -> Row:
    pair = Pair(float(case["w"]), float(case["b"]))
    value = compute_loss(pair, list(map(float, case["X"])), list(map(float, case["y"])))
    try:
        shown: float | str = make_showable(value, 0)
    except (ValueError, OverflowError) as error:
        shown = type(error).__name__
    return {"loss": Loss(value), "shown": shown}


def _evaluate(pair: Pair, instance: Instance) -> list[float]:
    return [*pair, Loss(compute_loss(pair, instance["x"], instance["y"]))]


DRIVERS: dict[str, Callable[[Row], Any]] = {
    "regression_meta_prompt": prompt,
    "regression_parse": parse,
    "regression_step": step,
    "regression_data": data,
    "regression_loss": loss,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A situation in which the reference fails, at once or one step later.

    raises: the exceptions it fails with; "" where it does not.
    ours, check: what is done here instead, in words and asserted on a vector.
    """

    vectors: str
    raises: tuple[str, ...]
    situation: str
    occurs: Callable[[Row], bool]
    ours: str
    check: Callable[[Row], None]


def has_empty_reply(row: Row) -> bool:
    return None in row["input"].get("replies", [row["input"].get("reply")])


def step_has_the_other_replies(row: Row) -> None:
    replies = row["input"]["replies"]
    ours = step({**row["input"], "replies": [reply or "" for reply in replies]})
    others = [reply for reply in replies if reply is not None]
    assert agrees(ours, plain(step({**row["input"], "replies": others})))


def nothing_is_read(row: Row) -> None:
    assert PaperRegression().read(row["input"]["reply"] or "") == ()


def has_no_number_to_show(row: Row) -> bool:
    return not all(
        math.isfinite(float(each)) for entry in row["input"]["history"] for each in entry
    )


def no_such_entry_is_scored(row: Row) -> None:
    with pytest.raises((ValueError, OverflowError)) as raised:
        prompt(row["input"])
    assert raised.type.__name__ == row["raises"]
    instance = draw({"w_true": 15, "b_true": 14})
    for w, b, value in (map(float, entry) for entry in row["input"]["history"]):
        if not all(map(math.isfinite, (w, b, value))):
            assert find_flaw(format_pair(Pair(w, b)), instance) or SCALE.refuses(value)


def is_evaluated_without_loss(row: Row) -> bool:
    evaluated = row["output"]["evaluated"]
    rows = [evaluated] if row["id"].startswith("regression_parse") else evaluated
    return any(each and not math.isfinite(float(each[2])) for each in rows)


def pair_is_read_and_rejected(row: Row) -> None:
    ours = parse(row["input"])
    theirs = {key: value for key, value in row["output"].items() if key in ours}
    assert agrees(ours, theirs)
    strategy = PaperRegression(row["input"]["num_input_decimals"])
    view = view_after(draw(row["input"]), strategy, [row["input"]["reply"]])
    assert list_history(view) == []
    assert view.state.proposals.texts[0].skipped in REASONS


def others_of_the_step_are_scored(row: Row) -> None:
    theirs = row["output"]["evaluated"]
    finite = [each for each in theirs if math.isfinite(float(each[2]))]
    assert agrees(step(row["input"]), {**row["output"], "evaluated": finite})


REASONS = ("not finite", "its loss is too large for a number")
NO_LOSS = "the pair is rejected with the reason, and the search goes on"
EMPTY = "the adapters make an empty text of it (wire tests), which holds no pair"
DIFFERENCES = (
    Difference(
        "regression_meta_prompt",
        ("ValueError", "OverflowError"),
        "a number without decimals is not finite",
        has_no_number_to_show,
        "such a pair is rejected, and such a value refused, before it is in a history",
        no_such_entry_is_scored,
    ),
    Difference(
        "regression_parse",
        ("TypeError",),
        "a reply without content",
        has_empty_reply,
        EMPTY,
        nothing_is_read,
    ),
    Difference(
        "regression_step",
        ("TypeError",),
        "a reply without content",
        has_empty_reply,
        EMPTY,
        step_has_the_other_replies,
    ),
    Difference(
        "regression_parse",
        ("", "ValueError", "OverflowError"),
        "a pair without a loss",
        is_evaluated_without_loss,
        NO_LOSS,
        pair_is_read_and_rejected,
    ),
    Difference(
        "regression_step",
        ("", "ValueError", "OverflowError"),
        "a pair without a loss",
        is_evaluated_without_loss,
        NO_LOSS,
        others_of_the_step_are_scored,
    ),
)


def conforms(name: str, row: Row) -> None:
    """Assert that the product does what the reference did, or what DIFFERENCES says of it."""
    output = row.get("output")
    later = output.get("next_step_raises", "") if isinstance(output, dict) else ""
    raises = row.get("raises") or later
    known = [
        each
        for each in DIFFERENCES
        if each.vectors == name and raises in each.raises and each.occurs(row)
    ]
    if known:
        known[0].check(row)
        return
    assert not raises, f"unknown failure of the reference in {name}: {raises}"
    assert "endless" not in row, f"unknown endless case in {name}: {row.get('reason')}"
    allowed = row["output_one_of"] if "output_one_of" in row else [row["output"]]
    ours = DRIVERS[name](row["input"])
    assert any(agrees(ours, theirs) for theirs in allowed), f"{plain(ours)}\n{allowed}"


def agrees(ours: Any, theirs: Any) -> bool:
    """Whether outputs are the same: losses to 1e-12, 15 not 15.0, -0.0 not 0.0."""
    if isinstance(ours, Loss):
        one, other = float(ours), float(theirs)
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=1e-12, abs_tol=0.0)
    if isinstance(ours, dict):
        return set(ours) == set(theirs) and all(agrees(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list):
        same_size = isinstance(theirs, list) and len(ours) == len(theirs)
        return same_size and all(map(agrees, ours, theirs))
    return json.dumps(plain(ours)) == json.dumps(theirs)


def plain(output: Any) -> Any:
    """As the vectors write it: NaN and infinities are texts."""
    if isinstance(output, dict):
        return {key: plain(value) for key, value in output.items()}
    if isinstance(output, list):
        return [plain(value) for value in output]
    if isinstance(output, float):
        return float(output) if math.isfinite(output) else str(float(output))
    return output
