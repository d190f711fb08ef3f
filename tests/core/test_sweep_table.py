"""Where cells stand, by what they tell: worked by hand."""

from __future__ import annotations

from typing import Any

from opro_cli.core.sweep import CellRow, SweepSpend, SweepTable


def spend(calls: int, tokens: int | None = 0, usd: float | None = 0.0) -> dict[str, Any]:
    half = None if tokens is None else tokens // 2
    return {"calls": calls, "prompt_tokens": half, "completion_tokens": half, "usd": usd}


def going(calls: int, expected: int, **more: Any) -> dict[str, Any]:
    """What a cell says while it goes."""
    best = ["train", 0.5]
    told = {"phase": "step 1/2", "expected": expected, "best": best, "spend": spend(calls)}
    return {**told, **more}


def over(ended: str, calls: int, stopped_by: str = "") -> dict[str, Any]:
    """What a cell says in the end."""
    result = {"status": ended, "spend": spend(calls)}
    return {"ended": ended, "stopped_by": stopped_by, "result": result}


def table(*names: str) -> SweepTable:
    return SweepTable("grid", {name: CellRow(name) for name in names})


def test_a_cell_waits_runs_and_is_finished() -> None:
    sweep = table("a")
    row = sweep.rows["a"]
    assert (row.status, row.calls) == ("waiting", 0)
    assert sweep.update("a", going(3, 10)) is row
    assert (row.status, row.phase, row.calls, row.expected) == ("running", "step 1/2", 3, 10)
    assert row.best == ("train", 0.5)
    sweep.update("a", over("finished", 8))
    assert (row.status, row.calls) == ("finished", 8)
    assert row.result is not None


def test_a_cell_that_ends_otherwise() -> None:
    sweep = table("a", "b", "c")
    sweep.update("a", {"error": "no such key", "hint": None})
    sweep.update("b", over("budget", 8, "budget.calls"))
    sweep.update("c", {"ended": "interrupted"})
    assert [row.status for row in sweep.rows.values()] == ["failed", "stopped", "stopped"]
    assert (sweep.rows["a"].error, sweep.rows["a"].hint) == ("no such key", "")
    assert sweep.rows["b"].stopped_by == "budget.calls"
    assert (sweep.count("failed"), sweep.count("stopped")) == (1, 2)


def test_who_ended_last_comes_first_and_who_ended_before_comes_in_order() -> None:
    sweep = table("a", "b", "c", "d")
    for early in ("a", "c"):
        sweep.rows[early].recall({"status": "finished", "spend": spend(1)})
    sweep.update("d", over("finished", 1))
    sweep.update("b", over("finished", 1))
    assert [row.name for row in sweep.list_rows("finished")] == ["b", "d", "a", "c"]


def test_earlier_sessions_count_as_spent_and_not_as_work_of_this_one() -> None:
    sweep = table("done", "begun", "killed", "new")
    sweep.rows["done"].recall({"status": "finished", "spend": spend(100)})
    sweep.rows["begun"].recall({"status": "stopped", "spend": spend(30)})
    sweep.rows["killed"].recall(None)
    assert [row.status for row in sweep.rows.values()] == ["finished", *["waiting"] * 3]
    assert (sweep.sum_spend().calls, sweep.count_session_calls()) == (130, 0)
    sweep.update("begun", going(30, 90))
    sweep.update("killed", going(50, 90))  # nobody knew of these before
    assert (sweep.sum_spend().calls, sweep.count_session_calls()) == (180, 0)
    sweep.update("begun", going(35, 90))
    sweep.update("new", going(0, 90))
    sweep.update("new", going(4, 90))
    assert (sweep.sum_spend().calls, sweep.count_session_calls()) == (189, 9)


def test_what_waits_is_taken_to_need_what_the_others_do() -> None:
    sweep = table("a", "b", "c", "d")
    assert sweep.estimate_calls() is None
    sweep.update("a", going(10, 100))
    assert sweep.estimate_calls() == 400
    sweep.update("b", over("finished", 50))
    assert sweep.estimate_calls() == 300  # (100 + 50) / 2 each
    sweep.update("c", going(120, 110))  # more than was thought
    assert sweep.estimate_calls() == 360


def test_what_is_not_known_is_not_nothing() -> None:
    sweep = table("a", "b")
    nothing = {"calls": 0, "tokens": 0, "usd": 0}
    assert sweep.sum_spend() == SweepSpend(0, 0, 0, nothing)
    sweep.update("a", going(1, 9, spend=spend(1, 40, 0.25)))
    assert sweep.sum_spend() == SweepSpend(1, 40, 0.25, nothing)
    sweep.update("b", going(1, 9, spend=spend(1, None, None)))
    assert sweep.sum_spend() == SweepSpend(2, None, None, nothing)


def test_what_nobody_counted_stands_beside_what_was() -> None:
    sweep = table("a", "b")
    for name, usd in (("a", 0.5), ("b", 0.25)):
        told = spend(1, None, None)
        told["counted"] = {"usd": 0.1, "prompt_tokens": 7, "completion_tokens": 3}
        told["uncounted"] = {"calls": 2, "unanswered": 1, "tokens": 100, "usd": usd}
        sweep.update(name, going(1, 9, spend=told))
    uncounted = {"calls": 4, "tokens": 200, "usd": 0.75}
    assert sweep.sum_spend() == SweepSpend(2, 20, 0.2, uncounted)


def test_what_programs_are_told() -> None:
    sweep = table("a")
    sweep.update("a", going(3, 10))
    assert sweep.rows["a"].to_json() == {
        "name": "a",
        "status": "running",
        "calls": 3,
        "expected": 10,
        "best": ("train", 0.5),
        "stopped_by": "",
        "error": "",
        "hint": "",
        "result": None,
    }
