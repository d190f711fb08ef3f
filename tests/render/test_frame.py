"""The picture of a run, drawn without a terminal."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from opro_cli.core.run.events import Pruned, SessionEnded
from opro_cli.core.run.pace import Pace, Paces
from opro_cli.core.run.progress import Progress
from opro_cli.core.run.selection import find_winner
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import Example
from opro_cli.render.frame import render_end, render_run
from tests.render.runs_by_hand import (
    START,
    answer,
    answers,
    apply_all,
    briefing_of,
    idle,
    named,
    new_run,
    proposal,
    propose,
)


def lines_of(
    state: RunState,
    activity: Progress | None = None,
    *,
    now: float = 0.0,
    width: int = 80,
    height: int = 23,
) -> list[str]:
    frame = render_run(briefing_of(state), state, activity or idle(), now, width, height)
    lines = frame.plain.split("\n")
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)
    return lines


def row_of(lines: list[str], instruction: str) -> list[str]:
    """The cells of the first row about an instruction."""
    line = next(line for line in lines if line.endswith(instruction))
    return line.removesuffix(instruction).split()


def one_step() -> RunState:
    """The start prompt at 25/40; of step 1, "good" is done, "fair" half way, "late" not begun."""
    state = new_run(per_step=3)
    answer(state, START, "train", 25, 15)
    propose(state, "good", "fair", "late")
    answer(state, "good", "train", 33, 6, 1)
    answer(state, "fair", "train", 7, 5)
    return state


@pytest.mark.parametrize("width", [80, 99])
def test_shows_scores_with_what_they_rest_on(width: int) -> None:
    lines = lines_of(one_step(), width=width)
    assert row_of(lines, "good") == ["82.5", "%", "[68.1–91.3]", "40/40", "1", "1"]
    assert row_of(lines, START) == ["62.5", "%", "[47.0–75.8]", "40/40", "0"]
    assert row_of(lines, "fair") == ["58.3", "%", "[32.0–80.7]", "12/40", "1"]
    assert row_of(lines, "late") == ["-", "0/40", "1"]


def test_best_come_first_and_only_when_all_their_answers_are_in() -> None:
    lines = lines_of(one_step())
    header = next(i for i, line in enumerate(lines) if line.endswith("best so far"))
    bench = lines.index("step 1 on train: 1 of 3 done")
    best = [line.split()[-1] for line in lines[header + 1 : bench - 1]]
    assert best == ["good", "problem."]
    assert [line.split()[-1] for line in lines[bench + 1 :]] == ["fair", "late"]


def test_those_stopped_early_are_done_as_well() -> None:
    state = one_step()
    fair = named(state, "fair")
    apply_all(state, Pruned(1.0, fair.id, 0.5, 0.3, 0.7))
    assert "step 1 on train: 2 of 3 done (1 stopped)" in lines_of(state)


@pytest.mark.parametrize("size", [(80, 23), (100, 29), (200, 59), (40, 19)])
def test_no_prompt_has_two_rows(size: tuple[int, int]) -> None:
    width, height = size
    for state in (one_step(), unseen(right_on_dev=3)):
        lines = lines_of(state, width=width, height=height)
        for name in ("good", "fair", "late"):
            assert sum(line.endswith(f" {name}") and "/" in line for line in lines) <= 1


def test_columns_stand_where_they_stood_as_numbers_grow() -> None:
    state = new_run(per_step=1)
    before = lines_of(state)
    answer(state, START, "train", 40, 0)
    propose(state, "next one")
    after = lines_of(state)
    end = next(line for line in before if line.endswith(START)).index(START)
    assert next(line for line in after if line.endswith(START)).index(START) == end
    assert next(line for line in after if line.endswith("next one")).index("next one") == end


def test_unreadable_answers_have_a_column_only_when_there_are_any() -> None:
    state = new_run()
    answer(state, START, "train", 5, 5)
    assert "unread" not in "\n".join(lines_of(state))
    answer(state, START, "train", 0, 0, 2)
    lines = lines_of(state)
    assert row_of(lines, START) == ["41.7", "%", "[19.3–68.0]", "12/40", "2", "0"]
    assert "2 unreadable" in lines[2]


def test_calls_speed_and_time_left() -> None:
    state = one_step()  # 92 answers and 3 proposals
    # 5 calls a second: 40 of 4 a second before the step, then 55 in 11 seconds.
    state.paces = Paces(Pace(100, 10.0, 40.0), Pace(400, 11.0, 55.0))
    state.working_seconds = 21.0
    activity = Progress(started=100.0, session_calls=95)
    activity.in_flight["scorer"] = 32
    lines = lines_of(state, activity, now=119.0)
    # 20 steps of 3 proposals, 61 candidates of 40 questions, a tiny one: 60 + 2440 + 1 at most.
    # Likely are 68 questions of this step and 19 more with 3 proposals and 2.625 new ones of 40.
    assert lines[0].endswith("step 1/20 · 19s")
    assert lines[1].endswith("─   4 % · about 7m left")
    assert lines[2] == "calls 95 of about 2,220 · 5.0/s · 1 unreadable"
    assert lines[3] == (
        "tokens 11.9k in, 1,990 out · cost $0.00 · in flight: optimizer 0, scorer 32"
    )


def test_an_unknown_price_is_said_and_not_zero() -> None:
    state = new_run()
    answer(state, START, "train", 1, 0, usd=None)
    assert "cost unknown" in lines_of(state)[3]
    propose_at_price = new_run()
    answer(propose_at_price, START, "train", 40, 0, usd=0.0000021)
    assert "cost $0.000084" in lines_of(propose_at_price)[3]


def test_the_search_reads_without_its_blocks() -> None:
    lines = lines_of(new_run())
    assert not any(line.startswith("best so far") for line in lines)
    state = one_step()
    answer(state, "fair", "train", 13, 15)
    answer(state, "late", "train", 10, 30)
    lines = lines_of(state)
    # Means of step 1: 33/40, 20/40 and 10/40; the blocks span 52.5 to 82.5.
    assert lines[4] == "best so far  62.5 % ▃█ 82.5 %"
    assert lines[5] == "step mean    62.5 % ▃▁ 52.5 %"


def test_proposals_show_as_they_come() -> None:
    state = new_run(per_step=3)
    answer(state, START, "train", 25, 15)
    apply_all(state, proposal(1, 2, "third"), proposal(1, 0, "first\nof two lines"))
    lines = lines_of(state)
    at = lines.index("step 1: waiting for the optimizer, 2 of 3 proposals")
    # They are scored while the last one is awaited, so they have rows of their own.
    rows = [line.split() for line in lines[at + 1 :]]
    assert rows == [["-", "0/40", "1", "third"], ["-", "0/40", "1", "first⏎of", "two", "lines"]]


def test_a_stop_and_a_wait_are_said() -> None:
    state, activity = one_step(), idle()
    activity.waiting, activity.waiting_until = "rate limit\x1b[2J", 42.0
    assert notice_of(state, activity, now=30.5) == "waiting 12s: rate limit\\x1b[2J"
    assert notice_of(state, activity, now=42.0) == ""
    activity.stopping = True
    activity.in_flight["scorer"] = 4
    said = "stopping: waiting for 4 calls in flight (Ctrl-C again to stop at once)"
    assert notice_of(state, activity) == said


def notice_of(state: RunState, activity: Progress, *, now: float = 0.0, width: int = 80) -> str:
    """The line above the tables."""
    lines = lines_of(state, activity, now=now, width=width)
    return lines[next(i for i, line in enumerate(lines) if line.endswith("best so far")) - 1]


def test_an_endpoint_that_is_out_is_named_in_words_that_are_text() -> None:
    state, activity = one_step(), idle()
    activity.out["scorer endpoint http://gpu1/v1"] = "[bold]x[/] \x1b[2J"
    said = "scorer endpoint http://gpu1/v1 is out: [bold]x[/] \\x1b[2J"
    assert notice_of(state, activity, width=99) == said
    activity.waiting, activity.waiting_until = "rate limit", 42.0
    assert notice_of(state, activity, now=30.5) == "waiting 12s: rate limit"
    activity.waiting, activity.out = "", {}
    assert notice_of(state, activity) == ""


def unseen(*, right_on_dev: int) -> RunState:
    """A search of one step, done; the start prompt has its dev answers, "good" those given."""
    state = new_run(dev=20, test=50, steps=1, per_step=1)
    answer(state, START, "train", 25, 15)
    propose(state, "good")
    answer(state, "good", "train", 33, 7)
    answer(state, START, "dev", 12, 8)
    answer(state, "good", "dev", right_on_dev, 20 - right_on_dev)
    return state


def test_train_and_dev_decide_once_there_are_dev_scores() -> None:
    state = unseen(right_on_dev=3)
    lines = lines_of(state)
    assert find_winner(state) is named(state, START)
    at = lines.index("finalists on dev: 2 of 2 done")
    assert {line.split()[0] for line in lines[at + 1 :]} == {"60.0", "15.0"}
    apply_all(state, SessionEnded(9.0, "finished"))
    lines = lines_of(state)
    best = [line for line in lines if "40/40" in line]
    assert best[0].endswith(START)
    assert row_of(best, START)[-3:] == ["60.0", "%", "0"]
    assert row_of(best, "good")[-3:] == ["15.0", "%", "1"]
    assert any("best by train and dev score" in line for line in lines)


def test_the_start_prompt_stays_first_where_nobody_beats_it_reliably() -> None:
    state = new_run(dev=20, test=50, steps=1, per_step=1)
    answer(state, START, "train", 25, 15)
    propose(state, "good")
    answer(state, "good", "train", 26, 14)
    answer(state, START, "dev", 12, 8)
    answer(state, "good", "dev", 12, 8)
    apply_all(state, SessionEnded(9.0, "finished"))
    best = [line for line in lines_of(state) if "40/40" in line]
    assert best[0].endswith(START)
    assert row_of(best, "good")[:2] == ["65.0", "%"]


def test_dev_scores_during_the_search_are_shown_and_decide_nothing() -> None:
    state = new_run(dev=20, steps=2, per_step=1, eval_interval=1)
    answer(state, START, "train", 30, 10)
    propose(state, "worse")
    answer(state, "worse", "train", 20, 20)
    assert "step 1 on dev: 0 of 1 done" in lines_of(state)
    answer(state, "worse", "dev", 20, 0)
    lines = lines_of(state)
    assert [line.rsplit(" ", 1)[-1] for line in lines if "40/40" in line] == ["problem.", "worse"]
    assert "step 2: waiting for the optimizer, 0 of 1 proposals" in lines


def test_the_test_split_shows_start_and_best() -> None:
    state = unseen(right_on_dev=18)
    answer(state, START, "test", 30, 20)
    lines = lines_of(state)
    at = lines.index("start, best and baselines on test: 1 of 2 done")
    assert lines[at + 1].split()[:4] == ["60.0", "%", "[46.2–72.4]", "50/50"]
    assert lines[at + 2].split()[:2] == ["-", "0/50"]


def test_the_last_frame_says_how_it_ended() -> None:
    state = one_step()
    apply_all(state, SessionEnded(9.0, "failed", "401: no such key"))
    lines = lines_of(state, now=75.0)
    assert lines[0].endswith("failed · 1m 15s")
    assert lines[1] == ""  # no bar
    assert "401: no such key" in lines
    assert "in flight" not in lines[3]


def test_two_lines_are_left_in_the_end() -> None:
    state, activity = one_step(), Progress(started=1.0, session_calls=95)
    apply_all(state, SessionEnded(9.0, "finished"))
    lines = render_end(briefing_of(state), state, activity, 20.0, 80).plain.split("\n")
    assert lines[0].endswith("finished · 19s")
    assert lines[1] == ("calls 95 · cost $0.00 · tokens 11.9k in, 1,990 out · 5.0/s · 1 unreadable")


def test_time_and_speed_are_of_all_sessions_as_the_calls_are() -> None:
    state, activity = one_step(), Progress(started=1.0, session_calls=5, worked=36.0)
    assert (
        render_run(briefing_of(state), state, activity, 3.0, 80, 24)
        .plain.splitlines()[0]
        .endswith("38s")
    )
    apply_all(state, SessionEnded(3.0, "finished"))
    lines = render_end(briefing_of(state), state, activity, 3.0, 80).plain.split("\n")
    assert lines[0].endswith("finished · 38s")
    assert "calls 95" in lines[1]
    assert "2.5/s" in lines[1]


def test_the_winner_takes_a_second_line_when_there_is_room() -> None:
    state, long = new_run(), "Think about the question, then write the answer alone on one line."
    answer(state, START, "train", 25, 15)
    propose(state, *[long, *"abcdefg"])
    answer(state, long, "train", 40, 0)
    lines = lines_of(state)
    at = next(i for i, line in enumerate(lines) if "100.0 %" in line)
    assert lines[at].endswith("Think about the question, then write the answer")
    assert lines[at + 1].strip() == "alone on one line."


def test_an_instruction_that_quotes_a_train_question_is_marked() -> None:
    question = "Claire has the blue ball and Gertrude has the black ball. They swap. Who has what?"
    rows = [Example(question, "black", "t:0", 0), Example("How many owls?", "4", "t:1", 1)]
    search = SearchSettings((START, f"Think. {question}"), steps=1)
    task = TaskSettings(DataSettings("t", "q", "a"), "exact")
    state = RunState.at_start(search, {"train": rows, "dev": (), "test": ()}, task)
    lines = lines_of(state)
    assert any("⚑ Think. Claire has" in line for line in lines)
    assert not any(f"⚑ {START}" in line for line in lines)


def test_answers_from_the_cache_are_told_and_lower_what_is_left() -> None:
    state = new_run(steps=1, per_step=1)  # 1 tiny call, 1 proposal, 2 * 40 answers at most
    start = named(state, START)
    apply_all(state, *answers(start, "train", 10, 0))
    apply_all(state, *answers(start, "train", 20, 0, via="cache"))
    assert lines_of(state)[2] == "calls 10 of about 24 · 20 cached"
    working = Progress(session_calls=10)
    state.paces.questions.seconds = state.paces.questions.calls  # one a second
    state.working_seconds = 10.0
    # A third is asked: of 10 questions and of 0.75 new candidates with 40; and 1 proposal.
    lines = lines_of(state, working, now=10.0)
    assert lines[1].endswith(" · about 14s left")
    assert lines[2] == "calls 10 of about 24 · 20 cached · 1.0/s"
