"""The plain log, line by line."""

from __future__ import annotations

import io

from opro_cli.core.run.events import Event, Retried, SessionEnded, SessionStarted, StepPlanned
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.state import RunState
from opro_cli.render.plain import PlainLog
from tests.render.runs_by_hand import START, answers, briefing_of, idle, named, new_run, proposal
from tests.render.test_safe import only_visible

T0 = 1_700_000_000.0


class Session:
    """A log beside a state, fed as the engine does it."""

    def __init__(self, state: RunState) -> None:
        self.state, self.stream = state, io.StringIO()
        self.log = PlainLog(self.stream)
        self.feed(SessionStarted(T0, 1, "0.1.0"))

    def feed(self, *events: Event) -> None:
        for event in events:
            self.state.apply(event)
            self.log.after(event, self.state)

    def new_lines(self) -> list[str]:
        """What was written since the last look."""
        lines = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return lines


def test_opens_with_what_is_about_to_run() -> None:
    state, stream = new_run(dev=20, test=1000), io.StringIO()
    log = PlainLog(stream)
    told = briefing_of(state)
    notes = ("3 rows without an answer were left out\x1b[2J",)
    briefing = RunHeader(
        told.run, told.folder, told.scorer, told.optimizer, told.answer, told.sizes, notes, 12
    )
    log.begin(briefing, state, idle())
    assert stream.getvalue().splitlines() == [
        "run gsm8k-20261123-0101-ab12",
        "  folder runs/gsm8k-20261123-0101-ab12",
        "  scorer ollama_chat/mistral, optimizer openai/gpt-4o-mini",
        "  questions: train 40, dev 20, test 1,000; answers are read as number",
        "  note: 3 rows without an answer were left out\\x1b[2J",
        "  resuming: 12 answers already on disk",
    ]


def test_one_line_a_candidate_and_one_a_step() -> None:
    session = Session(new_run(steps=2, per_step=2))
    assert session.new_lines() == ["[00:00] started, initial"]
    start = named(session.state, START)
    session.feed(*answers(start, "train", 25, 14, at=T0 + 4))
    assert session.new_lines() == []
    session.feed(*answers(start, "train", 0, 0, 1, at=T0 + 5, usd=None))
    assert session.new_lines() == [
        f"[00:05] initial: 62.5 % [47.0–75.8] 25/40, 1 unreadable · {START}",
        "[00:05] initial done: best so far 62.5 %, mean 62.5 %, 40 of at most 205 calls, "
        "tokens 4,000 in / 800 out, cost unknown, about 14s left (at most 19s)",
    ]
    session.feed(proposal(1, 0, "a\nb", at=T0 + 70))
    session.new_lines()
    session.feed(proposal(1, 1, START, at=T0 + 70))
    assert session.new_lines() == ["[01:10] step 1: 1 new candidate from 2 proposals (1 repeated)"]
    session.feed(*answers(named(session.state, "a\nb"), "train", 20, 20, at=T0 + 3700))
    said = session.new_lines()
    assert "[1:01:40] step 1: 50.0 % [35.2–64.8] 20/40 · a⏎b" in said
    assert said[-1].startswith("[1:01:40] step 1/2 done: best so far 62.5 %, mean 50.0 %, 82 of")


def test_the_empty_instruction_has_a_name() -> None:
    session = Session(new_run(train=1, initial=("",)))
    session.feed(*answers(named(session.state, ""), "train", 1, 0, at=T0))
    assert any(line.endswith("1/1 · (empty)") for line in session.new_lines())


def test_a_step_without_news_is_said() -> None:
    session = Session(new_run(per_step=1, train=1))
    session.feed(*answers(named(session.state, START), "train", 1, 0, at=T0))
    session.new_lines()
    session.feed(proposal(1, 0, START, at=T0 + 1))
    assert session.new_lines() == ["[00:01] step 1: no new candidate from 1 proposal (1 repeated)"]


def test_a_step_of_a_strategy_with_another_number_of_proposals_has_that_number() -> None:
    session = Session(new_run(steps=2, per_step=8, train=1))
    session.feed(*answers(named(session.state, START), "train", 1, 0, at=T0))
    session.feed(StepPlanned(T0 + 1, 1, 1), proposal(1, 0, "a", at=T0 + 1))
    assert session.new_lines()[-1] == "[00:01] step 1: 1 new candidate from 1 proposal"
    session.feed(*answers(named(session.state, "a"), "train", 1, 0, at=T0 + 2))
    session.feed(*(proposal(2, n, START, at=T0 + 3) for n in range(8)))
    assert (
        session.new_lines()[-1] == "[00:03] step 2: no new candidate from 8 proposals (8 repeated)"
    )


def test_dev_and_test_scores_are_said() -> None:
    session = Session(new_run(steps=0, train=2, dev=4, test=4))
    start = named(session.state, START)
    session.feed(*answers(start, "train", 2, 0, at=T0))
    session.new_lines()
    session.feed(*answers(start, "dev", 2, 2, at=T0 + 1))
    session.feed(*answers(start, "test", 3, 1, at=T0 + 2))
    assert session.new_lines() == [
        f"[00:01] dev: 50.0 % [15.0–85.0] 2/4 · {START}",
        f"[00:02] test: 75.0 % [30.1–95.4] 3/4 · {START}",
    ]


def test_silence_is_broken_every_half_minute() -> None:
    session = Session(new_run())
    start = named(session.state, START)
    session.new_lines()
    for second in range(0, 29, 4):
        session.feed(*answers(start, "train", 1, 0, at=T0 + second))
    assert session.new_lines() == []
    session.feed(*answers(start, "train", 1, 0, at=T0 + 30))
    assert session.new_lines() == [
        "[00:30] initial: 9 of at most 6,601 calls, tokens 900 in / 180 out, cost $0.00, "
        "about 4h 36m left (at most 6h 04m)"
    ]
    session.feed(*answers(start, "train", 1, 0, at=T0 + 59))
    assert session.new_lines() == []


def test_retries_are_throttled_and_counted() -> None:
    session = Session(new_run())
    session.new_lines()
    error = "429 slow down\n\x1b]8;;http://evil\x07"
    session.feed(*(Retried(T0 + i, "scorer", 1, 12.0, error) for i in range(10)))
    shown = "429 slow down⏎\\x1b]8;;http://evil\\x07"
    assert session.new_lines() == [f"[00:00] scorer failed, try 2 in 12.0 s: {shown}"]
    session.feed(Retried(T0 + 11, "optimizer", 2, 0.5, "timeout"))
    assert session.new_lines() == [
        "[00:11] optimizer failed, try 3 in 0.5 s: timeout (and 9 more since the last such line)"
    ]


def test_an_endpoint_that_is_out_is_a_line_once() -> None:
    session, activity = Session(new_run()), Progress()
    session.log.begin(briefing_of(session.state), session.state, activity)
    session.new_lines()
    place, why = "scorer endpoint http://gpu1/v1", "502: [bold]x[/] \x1b[2J"
    activity.out[place] = why
    session.feed(Retried(T0 + 1, "optimizer", 1, 0.5, "timeout"))
    said, _ = session.new_lines()
    told = "is out: 502: [bold]x[/] \\x1b[2J"
    assert said == f"[00:01] {place} {told}"
    del activity.out[place]
    session.feed(Retried(T0 + 2, "optimizer", 2, 0.5, "timeout"))
    activity.out[place] = why
    session.feed(Retried(T0 + 3, "optimizer", 3, 0.5, "timeout"))
    assert session.new_lines() == []


def test_the_end_is_said() -> None:
    session = Session(new_run(steps=0))
    session.new_lines()
    session.feed(SessionEnded(T0 + 9, "failed", "401: bad\x00key"))
    assert session.new_lines() == [
        "[00:09] failed (401: bad\\x00key): 0 of at most 40 calls, tokens 0 in / 0 out, cost $0.00"
    ]
    session.log.end()
    assert session.new_lines() == []


def test_no_line_holds_a_control_character() -> None:
    hostile = "\x1b[2J\x00\u202e[bold]x[/]\ud800" * 50
    session = Session(new_run(initial=(hostile,), train=1))
    session.feed(*answers(named(session.state, hostile), "train", 1, 0, at=T0))
    lines = session.new_lines()
    assert all(only_visible(line) and len(line) < 200 for line in lines)
    assert any("[bold]x[/]" in line for line in lines)


def test_an_encoding_without_the_letters_stops_nothing() -> None:
    raw = io.BytesIO()
    log = PlainLog(io.TextIOWrapper(raw, encoding="ascii"))
    state = new_run(initial=("漢",), train=1)
    event = next(answers(named(state, "漢"), "train", 1, 0, at=T0))
    state.apply(event)
    log.after(event, state)
    assert b"\\u6f22" in raw.getvalue()


def test_a_reader_that_left_stops_nothing() -> None:
    stream = io.StringIO()
    log = PlainLog(stream)
    stream.close()
    state = new_run()
    log.begin(briefing_of(state), state, idle())
    log.after(SessionStarted(T0, 1, "0.1.0"), state)


def test_a_clean_stop_says_what_it_waits_for() -> None:
    state, stream = new_run(), io.StringIO()
    log = PlainLog(stream)
    activity = idle()
    activity.in_flight["scorer"] = 3
    log.begin(briefing_of(state), state, activity)
    log.stopping()
    last = stream.getvalue().splitlines()[-1]
    assert last == "stopping: waiting for 3 calls in flight (Ctrl-C again to stop at once)"


def test_answers_from_the_cache_are_told_at_the_end() -> None:
    session = Session(new_run(train=4, steps=1, per_step=1))
    start = named(session.state, START)
    session.feed(*answers(start, "train", 1, 0, at=T0))
    session.feed(*answers(start, "train", 3, 0, at=T0, via="cache"))
    session.feed(SessionEnded(T0, "interrupted"))
    said = "interrupted: 1 of at most 7 calls, 3 cached, tokens 100 in / 20 out"
    assert said in session.new_lines()[-1]
