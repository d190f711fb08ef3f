"""Winners on other tasks and models, and two sweeps against each other; by hand."""

from __future__ import annotations

from opro_cli.render.matrices import format_sweep_diff
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.data import serialize_sweep, serialize_sweep_diff
from opro_cli.reports.sweeps.measured import SweptCell, locate_cells
from opro_cli.reports.sweeps.report import (
    SweepDiff,
    SweepReport,
    build_sweep_report,
    describe_difference,
    diff_sweeps,
    format_worth,
)
from opro_cli.reports.sweeps.winners import list_prompts
from tests.core.runs import new_state
from tests.reports.runs import answer_all, recorded
from tests.reports.sweeps.cells import cell, run_of


def evaluation(questions: str, **outcomes: str) -> RecordedRun:
    """What `opro eval` leaves: each prompt with a letter a question; fewer: stopped on the way."""
    state = new_state(*outcomes, steps=0, train=0, test=len(questions))
    for prompt, letters in outcomes.items():
        answer_all(state, prompt, "test", letters)
    return recorded("eval", state, {"test": questions})


def two_tasks(*, train: str = "?") -> list[SweptCell]:
    """Two tasks under one scorer; the winner of the first trained on the questions `train`."""
    return [
        cell("a", run_of("a", best="for a", questions="abcd", train=train), task="a.yaml"),
        cell("b", run_of("b", best="for b", questions="efgh"), task="b.yaml"),
    ]


def test_prompts_are_the_start_prompts_and_the_winners_once_each() -> None:
    known = build_sweep_report("grid", two_tasks())
    assert list_prompts(known.winners, known.targets) == ("start", "for a", "for b")
    assert [target.key for target in known.targets] == [("a", "openai/a"), ("b", "openai/a")]


def test_every_model_of_the_sweep_is_a_target_on_every_task() -> None:
    told = [
        cell("a", run_of("a", scorer="m/one"), task="a.yaml", model="m/one"),
        cell("b", run_of("b", scorer="m/two"), task="b.yaml", model="m/two"),
        cell("c", None, task="c.yaml", model="m/three"),
    ]
    targets = build_sweep_report("grid", told).targets
    assert [target.key for target in targets] == [
        (task, model) for task in "ab" for model in ("m/one", "m/two")
    ]
    assert [target.scorer.settings["scorer"]["model"] for target in targets] == [
        "m/one",
        "m/two",
    ] * 2


def test_a_task_is_asked_with_the_questions_that_its_winner_has_not_seen() -> None:
    told = [
        cell("a", run_of("a", dev="ww", train="ef"), task__data__split__seed=0),
        cell("b", run_of("a", dev="wr", train="ab", questions="efgh"), task__data__split__seed=1),
    ]
    (target,) = build_sweep_report("grid", told).targets
    assert [each.input for each in target.data.examples["test"]] == ["e", "f", "g", "h"]
    assert locate_cells(told)[1].variant == "data.split.seed 1"


def test_a_winner_is_measured_against_the_start_prompt_there() -> None:
    asked = {("b", "openai/a"): evaluation("efgh", start="wwrr", **{"for a": "rrrr"})}
    found = build_sweep_report("grid", two_tasks(), asked).transfer
    assert [worth.score is None for worth in found.starts] == [True, False]
    at_home, elsewhere = found.rows[0]
    assert at_home.score is None
    assert elsewhere.score
    assert elsewhere.score.mean == 1.0
    assert elsewhere.against_start
    assert elsewhere.against_start.difference == 0.5
    assert found.missing == 4  # all three on a, and the winner of b on its own task
    assert format_worth(elsewhere)[0].startswith("100.0 % [")


def test_an_answer_is_missing_until_all_are_there() -> None:
    asked = {("b", "openai/a"): evaluation("efgh", start="wwrr", **{"for a": "rrr"})}
    found = build_sweep_report("grid", two_tasks(), asked).transfer
    assert found.rows[0][1].score is None


def test_questions_that_a_winners_search_had_are_no_unseen_ones() -> None:
    # The winner of a trained on e and f, test questions of b: it shines there and is judged by
    # g and h alone, where it is no better than the start prompt.
    asked = {("b", "openai/a"): evaluation("efgh", start="wwrr", **{"for a": "rrrr"})}
    found = build_sweep_report("grid", two_tasks(train="ef"), asked).transfer
    _, worth = found.rows[0]
    assert worth.seen == 2
    assert worth.score
    assert (worth.score.mean, worth.score.n) == (1.0, 2)
    assert worth.against_start
    assert (worth.against_start.difference, worth.against_start.n) == (0.0, 2)
    assert "† 2 questions seen" in format_worth(worth)
    assert found.seen == 1


def test_a_target_of_which_all_was_seen_has_no_figure() -> None:
    asked = {("b", "openai/a"): evaluation("efgh", start="wwrr", **{"for a": "rrrr"})}
    worth = build_sweep_report("grid", two_tasks(train="efgh"), asked).transfer.rows[0][1]
    assert (worth.score, worth.against_start, worth.seen) == (None, None, 4)
    assert format_worth(worth) == ("† 4 questions seen",)


def test_refused_questions_stay_left_out() -> None:
    run = evaluation("efgh", start="wwrr", **{"for a": "rr"})
    run.state.exclude_refused = True
    answer_all(run.state, "for a", "test", "--xx")
    report = build_sweep_report("grid", two_tasks(train="e"), {("b", "openai/a"): run})
    told = report.transfer.rows[0][1]
    assert told.score
    assert (told.score.n, told.seen) == (1, 1)


def sweep(name: str, *cells: SweptCell) -> SweepReport:
    return build_sweep_report(name, cells)


def compared() -> SweepDiff:
    old = sweep(
        "old",
        cell("a0", run_of("a", after="rrww"), task="a.yaml", seed=0),
        cell("b0", run_of("b", after="wwww"), task="b.yaml", seed=0),
        cell("a1", run_of("a", after="wwww"), task="a.yaml", seed=1),
        cell("gone", None, task="a.yaml", seed=9),
    )
    new = sweep(
        "new",
        cell("b0", run_of("b", after="rrrr"), task="b.yaml", seed=0),
        cell("a0", run_of("a", after="rrrr"), task="a.yaml", seed=0),
        cell("a1", run_of("a", status="stopped"), task="a.yaml", seed=1),
        cell("more", run_of("a"), task="a.yaml", seed=8),
    )
    return diff_sweeps(old, new)


def test_cells_meet_by_their_values_on_the_questions_that_both_asked() -> None:
    found = compared()
    told = [
        (p.before.name, p.shared, p.difference and p.difference.mean, p.why) for p in found.pairs
    ]
    assert told == [("a0", 4, 0.5, ""), ("b0", 4, 1.0, ""), ("a1", 0, None, "second: stopped")]
    assert [each.name for each in found.only_before] == ["gone"]
    assert [each.name for each in found.only_after] == ["more"]
    assert found.mean.estimate
    assert found.mean.estimate.mean == 0.75
    assert "+75.0 points on average" in describe_difference(found)
    assert "over 2 tasks, 2 pairs of cells" in describe_difference(found)
    data = serialize_sweep_diff(found)
    assert data["mean_difference"]["mean"] == 0.75
    assert [row["shared"] for row in data["cells"]] == [4, 4, 0]
    assert "1 cell only in the second: <code>more</code>" in format_sweep_diff(found)


def test_a_difference_claims_nothing_while_cells_are_missing_or_from_one_task() -> None:
    missing = describe_difference(compared())
    assert missing.startswith("not finished, 2 cells missing: so far +75.0 points on average")
    alone = [
        sweep(name, cell("a", run_of("a", after=after), seed=0))
        for name, after in (("old", "wwww"), ("new", "rrrr"))
    ]
    one = describe_difference(diff_sweeps(*alone))
    assert one.startswith("one task says nothing about others: +100.0 points on one task")


def test_other_questions_are_not_compared() -> None:
    before = sweep("old", cell("a", run_of("a", questions="abcd"), seed=0))
    after = sweep("new", cell("a", run_of("a", questions="efgh"), seed=0))
    found = diff_sweeps(before, after)
    assert [(pair.difference, pair.why) for pair in found.pairs] == [
        (None, "no test question in common")
    ]
    assert describe_difference(found).startswith("no difference can be told")


def test_the_keys_of_json_are_a_contract() -> None:
    asked = {("b", "openai/a"): evaluation("efgh", start="wwrr", **{"for a": "rrrr"})}
    data = serialize_sweep(build_sweep_report("grid", two_tasks(), asked))
    assert list(data) == [
        "name",
        "mean_gain",
        "mean_gain_by_variant",
        "cells",
        "matrix",
        "winner_rule",
        "winners",
        "transfer",
    ]
    (square,) = [s for s in data["transfer"]["squares"] if s["score"] and s["of"]]
    assert (square["task"], square["scorer"], square["of"]) == ("b", "openai/a", "a")
