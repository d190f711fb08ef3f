"""Replies cut at their limit and prompts cut to a window, from events to sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opro_cli.calls.ledger import Ledger, Reservation
from opro_cli.core.run.events import Answered, Event, FirstReply, PromptsCut
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Message
from opro_cli.reports.request_words import list_request_notes
from opro_cli.reports.requests import blame_limit, describe_requests
from opro_cli.reports.verdict import Verdict
from tests.loop.runs import examples, settings

LIMITS = {"scorer": 256, "optimizer": 512}


def start() -> RunState:
    config = settings()
    return RunState.at_start(config.search, examples(), config.task)


def answered(state: RunState, question: int, text: str, reason: str, **more: Any) -> Answered:
    candidate = next(iter(state.candidates))
    read = None if reason != "stop" else "1"
    score = None if read is None else 1.0
    counts = (5, 5, None, 0.1)
    event = Answered(1.0, candidate, "train", question, text, read, score, reason, *counts)
    return event if not more else type(event)(**{**_as_fields(event), **more})


def _as_fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def notes(state: RunState) -> list[str]:
    return list(list_request_notes({"requests": describe_requests(state, LIMITS)}))


def test_empty_and_cut_replies_are_counted_apart() -> None:
    state = start()
    for question, (text, reason) in enumerate(
        [
            ("", "length"),
            ("  ", "MAX_TOKENS"),
            ("so, first", "length"),
            ("1", "stop"),
            ("?", "none"),
        ]
    ):
        state.apply(answered(state, question, text, reason))
    score = next(iter(state.candidates.values())).score("train")
    assert score is not None
    assert (score.unreadable, score.cut, score.cut_empty) == (4, 3, 2)
    assert notes(state) == [
        "2 of 5 replies of the scorer were empty: cut at scorer.max_tokens (256), reasoning "
        "included; raise it",
        "1 of 5 replies of the scorer could not be read because they were cut at "
        "scorer.max_tokens (256); raise it",
    ]


def test_a_reply_that_is_graded_later_is_counted_once() -> None:
    state = start()
    event = answered(state, 0, "so, first", "length")
    fields = {n: v for n, v in _as_fields(event).items() if n not in ("answer", "score")}
    state.apply(FirstReply(**fields))
    state.apply(answered(state, 0, "so, first", "recalled", answer=None, score=None))
    assert state.spend["scorer"].cut == 1
    assert next(iter(state.candidates.values())).answers["train"].cut == 1


def test_the_verdict_says_so_where_a_tenth_is_cut() -> None:
    state = start()
    fine = Verdict(None, "no gain")
    (candidate,) = list(state.candidates.values())[:1]
    for question in range(5):
        state.apply(answered(state, question, "1", "stop"))
    assert blame_limit(fine, LIMITS, candidate, candidate) == fine
    state.apply(answered(state, 5, "", "length"))
    said = blame_limit(fine, LIMITS, candidate, candidate).sentence
    assert said.startswith("1 of 6 replies were cut at scorer.max_tokens (256), so that")
    assert said.endswith("; no gain")


def test_no_gain_is_claimed_over_a_prompt_whose_replies_were_mostly_cut() -> None:
    state = start()
    (candidate,) = list(state.candidates.values())[:1]
    for question in range(5):
        state.apply(answered(state, question, "", "length", split="test"))
    gained = Verdict("improved", "0 % -> 60 %, p = 0.004")
    said = blame_limit(gained, LIMITS, candidate, None)
    assert (said.outcome, said.sentence[-22:]) == (None, "0 % -> 60 %, p = 0.004")
    worse = blame_limit(Verdict("worse", "60 % -> 0 %"), LIMITS, candidate, None)
    assert worse.outcome == "worse"


def counting(*calls: tuple[str, int]) -> list[PromptsCut]:
    """Record prompts with the numbers of tokens that a server counts them with."""
    state, events = start(), list[Event]()

    def record(event: Event) -> None:
        events.append(event)
        state.apply(event)

    ledger = Ledger(BudgetSettings(), state, {}, record=record)
    for text, tokens in calls:
        request = ChatRequest((Message("user", text),), 0.0, 50)
        reservation = Reservation("scorer", request, ledger.cost_of("scorer", request))
        ledger.record_usage(reservation, ChatReply("1", "stop", tokens, 3, None))
    return [event for event in events if isinstance(event, PromptsCut)]


def long(name: str, size: int = 20_000) -> str:
    return f"{name} " + "x" * size


def test_different_prompts_of_one_count_that_looks_like_a_window_are_noted_once() -> None:
    short = ("short", 12)
    calls = [(long(name), 4096) for name in "abcde"]
    (noted,) = counting(short, *calls)
    assert (noted.tokens, noted.prompts) == (4096, 3)
    requests = {"prompts_cut": {"scorer": {"tokens": 4096, "prompts": 3}}}
    (note,) = list_request_notes({"requests": requests})
    assert "window is likely too small" in note


def test_prompts_of_one_count_may_be_of_one_length() -> None:
    assert counting(*[(long(name), 4100) for name in "abcde"]) == []
    assert len(counting(("a" * 9000, 3001), ("b" * 12_000, 3001), ("c" * 20_000, 3001))) == 1


def test_the_same_prompt_again_and_a_longer_one_are_no_sign() -> None:
    assert counting(*[(long("a"), 4096)] * 5) == []
    calls = [(long(name), 4096) for name in "ab"]
    assert counting(*calls, (long("c"), 5000), (long("d"), 4096)) == []


def test_short_prompts_are_no_sign() -> None:
    assert counting(*[(name, 256) for name in "abcde"]) == []


def test_a_request_keeps_what_its_server_takes() -> None:
    request = ChatRequest((Message("user", "q"),), 0.0, 50, 7, choices=3, top_p=0.5)
    less = request.leave_out(("seed", "n"))
    assert less == replace(request, seed=None, choices=1, without=("n", "seed"))
    assert less.leave_out(()) is less
