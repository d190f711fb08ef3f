"""Squares, winners and the mean gain of sweeps made by hand."""

from __future__ import annotations

import json
import math
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.stats.paired import MCNEMAR, compare_scores
from opro_cli.render.html.sweep_page import render_sweep_report
from opro_cli.render.matrices import format_sweep
from opro_cli.reports.paired import compare_candidates
from opro_cli.reports.sweeps.data import serialize_sweep
from opro_cli.reports.sweeps.measured import (
    MeanOverTasks,
    SweptCell,
    average_over_tasks,
    build_matrix,
    measure_cells,
)
from opro_cli.reports.sweeps.report import (
    SweepReport,
    build_sweep_report,
    describe_counted,
    describe_gain,
    describe_these_tasks,
    diff_sweeps,
)
from opro_cli.reports.sweeps.winners import choose_winners
from tests.reports.html.pages import parsed
from tests.reports.sweeps.cells import cell, run_of


def report(*cells: SweptCell) -> SweepReport:
    return build_sweep_report("grid", cells)


def test_one_run_is_the_comparison_of_its_two_prompts() -> None:
    (square,) = build_matrix(measure_cells([cell("a", run_of(before="wwrr", after="rrrr"))]))
    assert (square.questions, square.start) == (4, 0.5)
    assert square.best
    assert square.gain
    assert (square.best.mean, square.gain.mean) == (1.0, 0.5)
    # Wilson for 4 of 4, and Tango for 2 gained, none lost, of 4.
    assert square.best.interval.low == pytest.approx(4 / (4 + 1.96**2), abs=1e-4)
    assert square.gain.interval.low < 0.5 < square.gain.interval.high


def test_seeds_that_found_the_same_prompt_are_no_more_questions() -> None:
    alike = [cell(f"{s}", run_of(before="w" * 20, after="wr" * 10), seed=s) for s in range(3)]
    (square,) = build_matrix(measure_cells(alike))
    assert len(square.cells) == 3
    assert square.questions == 20
    assert square.gain
    assert square.gain.mean == 0.5
    # Over 20 questions, variance .25 * 20 / 19, t of 19 is 2.093; as 60 of them it were .128.
    half = 2.093 * math.sqrt(0.25 / 19)
    assert square.gain.interval.high == pytest.approx(0.5 + half, abs=1e-3)


def test_a_run_that_kept_its_start_prompt_gained_nothing_for_sure() -> None:
    (known,) = measure_cells([cell("a", run_of(dev="rw", before="wwrr", after="rrrr"))])
    assert known.kept_start
    assert set(known.gains.values()) == {0.0}
    (square,) = build_matrix([known])
    assert square.gain
    assert (square.gain.interval.low, square.gain.interval.high) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (cell("a", None), "never begun"),
        (SweptCell(cell("a").cell, None, "torn"), "cannot be read"),
        (cell("a", run_of(status="stopped")), "stopped"),
        (cell("a", run_of(status="failed")), "failed"),
        (cell("a", run_of(before="", after="")), "no test split"),
    ],
)
def test_what_is_left_out_is_told_and_changes_no_mean(made: SweptCell, why: str) -> None:
    good = cell("good", run_of(before="wwrr", after="rrrr"), seed=1)
    known = report(good, made)
    assert [each.left_out for each in known.cells] == ["", why]
    assert known.gain == report(good).gain
    assert describe_counted(known.cells) == f"1 of 2 cells counted, 1 left out: 1 {why}"
    assert why in parsed(render_sweep_report(known)).text
    assert why in format_sweep(known)


def test_the_sentence_by_hand() -> None:
    # Gains of .5 and .5, and of .25 and .75 with two seeds of the third task: .5 of each task.
    told = [
        cell("a", run_of("a", "wwww", "rrww"), task="a.yaml"),
        cell("b", run_of("b", "wwww", "wrrw"), task="b.yaml"),
        cell("c0", run_of("c", "wwww", "rwww"), task="c.yaml", seed=0),
        cell("c1", run_of("c", "wwww", "rrrw"), task="c.yaml", seed=1),
    ]
    found = report(*told).gain
    assert [each.estimate.mean for each in found.tasks] == [0.5, 0.5, 0.5]
    assert found.estimate
    assert found.estimate.mean == pytest.approx(0.5)
    sentence = describe_gain(found)
    assert sentence.startswith("OPRO helps by +50.0 points on average (95 % interval +")
    assert sentence.endswith(") over 3 tasks, 4 runs, on unseen questions")
    assert describe_these_tasks(found).startswith("on these 3 tasks alone the mean is +50.0 points")


def gain_of(**tasks: tuple[str, str]) -> MeanOverTasks:
    letters = map(chr, count(0x4E00))  # other questions for each task
    made = [
        cell(t, run_of(t, *both, questions="".join(islice(letters, 20))), task=f"{t}.yaml")
        for t, both in tasks.items()
    ]
    return report(*made).gain


def test_what_was_not_shown_is_not_claimed() -> None:
    found = gain_of(a=("w" * 20, "r" * 20), b=("r" * 20, "r" * 20))
    assert describe_gain(found).startswith(
        "no gain shown: +50.0 points on average (95 % interval -100"
    )
    worse = gain_of(a=("r" * 9, "w" * 9), b=("r" * 9, "w" * 9), c=("r" * 9, "w" * 9))
    assert describe_gain(worse).startswith("OPRO does harm: -100.0 points on average")
    assert describe_gain(gain_of()) == "no gain can be told: no finished run has test questions"


def test_nothing_is_claimed_while_cells_are_missing() -> None:
    tasks = [
        cell(t, run_of(t, questions="".join(map(chr, range(at, at + 4)))), task=f"{t}.yaml")
        for t, at in (("a", 0x4E00), ("b", 0x4F00), ("c", 0x5000))
    ]
    assert describe_gain(report(*tasks).gain).startswith("OPRO helps by +50.0 points")
    for other in (cell("d", task="d.yaml"), cell("d", run_of("d", status="running"), task="d")):
        found = report(*tasks, other)
        assert describe_gain(found.gain, found.left_out).startswith(
            "not finished, 1 cell missing: so far +50.0 points on average"
        )


def test_one_task_speaks_for_its_questions_only() -> None:
    found = gain_of(a=("w" * 20, "r" * 20))
    assert found.these is None
    assert describe_these_tasks(found) == ""
    sentence = describe_gain(found)
    assert sentence.startswith(
        "one task says nothing about others: +100.0 points on one task (95 % interval +"
    )
    assert sentence.endswith("over its questions only), 1 run, on unseen questions")


def test_one_run_of_one_task_has_the_interval_of_its_square() -> None:
    """Of 49 questions: 1 / 49 * 49 is not 1, so right and wrong once became scores in between."""
    run = run_of(before="w" * 49, after="rw" * 24 + "r", questions="a" * 49)
    made = measure_cells([cell("a", run)])
    (square,) = build_matrix(made)
    assert average_over_tasks([("t", made[0].gains)]).estimate == square.gain


def test_scores_in_between_decide_the_test_as_for_one_run() -> None:
    """Half right before and after: the differences are 0 and 1, the scores are not."""
    run = run_of(before="h" * 10 + "w" * 10, after="h" * 10 + "r" * 10)
    known = report(cell("a", run))
    (made,), (square,) = known.cells, known.squares
    assert made.start
    assert made.best
    alone = compare_candidates(made.start, made.best)
    assert alone is not None
    assert alone.name != MCNEMAR
    gains = (square.gain, known.gain.estimate, known.by_variant["base"].estimate)
    assert [gain and gain.interval for gain in gains] == [alone.interval] * 3


def test_two_sweeps_with_scores_in_between_are_compared_as_two_runs() -> None:
    before = report(cell("a", run_of(before="w" * 20, after="h" * 10 + "w" * 10)))
    after = report(cell("a", run_of(before="w" * 20, after="h" * 10 + "r" * 10)))
    alone = compare_scores([(0.5, 0.5)] * 10 + [(0.0, 1.0)] * 10)
    found = diff_sweeps(before, after)
    gains = (found.pairs[0].difference, found.mean.estimate)
    assert [gain and gain.interval for gain in gains] == [alone.interval] * 2


def test_runs_of_a_task_count_equally_whatever_they_were_asked() -> None:
    (a, b) = measure_cells(
        [
            cell("a", run_of("t", "wwww", "rrrr", questions="abcd"), task__data__split__seed=0),
            cell("b", run_of("t", "ww", "ww", questions="de"), task__data__split__seed=1),
        ]
    )
    found = average_over_tasks([("t", a.gains), ("t", b.gains)])
    assert found.estimate
    assert found.estimate.mean == pytest.approx(0.5)
    assert [(each.runs, each.questions) for each in found.tasks] == [(2, 5)]


def test_the_winner_is_chosen_by_train_and_dev_whatever_test_says() -> None:
    told = [
        cell("good on test", run_of(after="rrrr", dev="wu", best="x"), seed=0),
        cell("good on dev", run_of(after="wwww", dev="wr", best="y"), seed=1),
        cell("as good", run_of(after="rrrr", dev="wr", best="z"), seed=2),
        cell("by train", run_of(after="rrrr", dev="", best="v"), seed=3),
        cell("not finished", run_of(after="rrrr", status="stopped", best="u"), seed=4),
    ]
    (found,) = choose_winners(measure_cells(told))
    assert (found.cell.name, found.instruction, found.chosen_among) == ("good on dev", "y", 4)
    assert found.test
    assert found.test.mean == 0.0
    assert found.chosen_by == "train+dev"
    assert found.gain
    assert found.gain.difference == -0.5


def test_each_scorer_has_its_winner_and_a_task_its_first() -> None:
    told = [
        cell("a", run_of(dev="ww", scorer="m/one", best="x"), model="m/one"),
        cell("b", run_of(dev="wr", scorer="m/two", best="y"), model="m/two"),
    ]
    found = choose_winners(measure_cells(told))
    assert [(each.scorer, each.is_first) for each in found] == [("m/one", False), ("m/two", True)]


CELLS = st.builds(
    lambda task, dev, outcomes, seed, status, scorer: (
        task,
        seed,
        scorer,
        None
        if status is None
        else run_of(
            task,
            "".join(before for before, _ in outcomes),
            "".join(after for _, after in outcomes),
            dev=dev,
            status=status,
            scorer=scorer,
        ),
    ),
    st.sampled_from("ab"),
    st.sampled_from(["", "wr", "rw", "ww"]),
    st.lists(st.tuples(st.sampled_from("rwux-"), st.sampled_from("rwux-")), max_size=4),
    st.integers(0, 3),
    st.sampled_from([None, "finished", "finished", "stopped", "killed", "running"]),
    st.sampled_from(["m/one", "m/two"]),
)


@given(st.lists(CELLS, max_size=5))
@settings(max_examples=40, deadline=None)
def test_any_sweep_has_a_page_and_adds_up(made: list[tuple[Any, ...]]) -> None:
    cells = [
        cell(f"c{number}", run, task=f"{task}.yaml", seed=seed, model=scorer)
        for number, (task, seed, scorer, run) in enumerate(made)
    ]
    known = report(*cells)
    for square in known.squares:
        for found in (square.best, square.gain):
            assert found is None or found.interval.low <= found.mean + 1e-9
            assert found is None or found.mean - 1e-9 <= found.interval.high
    counting = [each for each in known.cells if not each.left_out]
    assert sum(len(square.cells) for square in known.squares) == len(counting)
    assert known.gain.runs == len(counting) == len(cells) - len(known.left_out)
    assert all(each.run and each.run.status == "finished" for each in counting)
    told = json.loads(json.dumps(serialize_sweep(known), allow_nan=False))
    assert [row["cell"] for row in told["cells"]] == [each.cell.name for each in cells]
    page = parsed(render_sweep_report(known))
    assert page.one("h1").text == "Sweep grid"
    assert len(page.one("section", id="cells").all("tr")) == len(cells) + 1
