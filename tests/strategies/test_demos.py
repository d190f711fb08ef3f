"""Worked examples as candidates, in whole runs in memory, and the draw of them by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.core.draws import create_rng
from opro_cli.core.run.candidates import Candidate, Outcome
from opro_cli.core.run.events import Answered, Event
from opro_cli.core.run.selection import find_winner
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.run.view import Draft, SearchView
from opro_cli.core.settings.read import read_options
from opro_cli.core.task.example import ChatRequest, Example, Split
from opro_cli.core.task.prompt import GOLD, Demo, Prompt
from opro_cli.errors import ConfigError
from opro_cli.loop.runner import Runner
from opro_cli.reports.proposals import suggest_change
from opro_cli.strategies.demo_rows import DemoRows, find_replies
from opro_cli.strategies.demo_sets import list_bases, list_parts
from opro_cli.strategies.demos import DemosStrategy
from opro_cli.strategies.worth import Part, draw, estimate_worth
from opro_cli.testing.session import MemoryJournal, ScriptedModel, describe

TASK = {"data": {"train": "t", "input": "q", "target": "a"}, "answer": "label"}
GOOD, BAD = "lovely", "dull"
SIZES: dict[Split, int] = {"train": 16, "dev": 8, "test": 8}


def make_rows() -> dict[Split, list[Example]]:
    """Reviews of films with numbers, those with odd ones lovely; other numbers in each split."""
    numbers = iter(range(100, 200))
    return {
        split: [
            Example(
                f"Film {n} is {GOOD if n % 2 else BAD}.",
                "+" if n % 2 else "-",
                f"{split}:{row}",
                row,
            )
            for row, n in enumerate(next(numbers) for _ in range(size))
        ]
        for split, size in SIZES.items()
    }


def follow_examples(request: ChatRequest) -> str:
    """Right where an example of the same kind is shown, else chatter that nobody can read."""
    text = "\n".join(message.content for message in request.messages)
    *shown, asked = text.split("Film ")[1:]
    kind = GOOD if GOOD in asked else BAD
    sign = "+" if kind == GOOD else "-"
    return sign if any(kind in each and sign in each for each in shown) else "A film, to be sure."


def new_run(
    past: Sequence[Event] = (),
    say: Any = follow_examples,
    options: Mapping[str, Any] | None = None,
    **search: Any,
) -> Runner:
    plain = {
        "task": TASK,
        "scorer": {"model": "openai/x", "cache": False},
        "search": {
            "strategy": "demos",
            "start": "Is it good?",
            "steps": 3,
            "candidates_per_step": 4,
            "options": dict(options or {}),
            **search,
        },
    }
    settings = wiring.fill_in_new(read_plain(plain))
    settings = replace(settings, task=replace(settings.task, labels=(("+", "+"), ("-", "-"))))
    examples = make_rows()
    state = RunState.at_start(settings.search, examples, settings.task)
    replies: dict[tuple[str, Split, int], str] = {
        (event.candidate, event.split, event.question): event.text
        for event in past
        if isinstance(event, Answered) and event.split == "train"
    }
    evaluator = wiring.build_evaluator(settings, examples["train"], replies=replies)
    return Runner(
        settings=settings,
        examples=examples,
        state=replay(state, past),
        models={"scorer": (ScriptedModel(say),)},
        evaluator=evaluator,
        strategy=wiring.build_strategy(settings),
        journal=MemoryJournal(),
        replies=replies,
    )


async def finish(run: Runner) -> list[Event]:
    assert await run.run() == "finished"
    assert isinstance(run.journal, MemoryJournal)
    return run.journal.events


def prompts(run: Runner) -> list[Prompt]:
    contents = [each.content for each in run.state.candidates.values()]
    assert all(isinstance(content, Prompt) for content in contents)
    return [content for content in contents if isinstance(content, Prompt)]


async def test_examples_win_without_an_optimizer() -> None:
    run = new_run()
    await finish(run)
    winner = find_winner(run.state)
    assert winner is not None
    assert isinstance(winner.content, Prompt)
    labels = {run.examples["train"][demo.row].target for demo in winner.content.demos}
    assert labels == {"+", "-"}
    on_dev = winner.score("dev")
    assert on_dev is not None
    assert on_dev.mean == 1.0
    assert run.state.spend_of("optimizer").calls == 0


async def test_no_prompt_is_asked_a_row_that_it_shows() -> None:
    run = new_run()
    events = await finish(run)
    shown = {each.id: each.excluded_rows for each in run.state.candidates.values()}
    assert any(shown.values())
    for event in events:
        if isinstance(event, Answered) and event.split == "train":
            assert event.question not in shown[event.candidate]


async def test_the_first_step_spreads_counts_and_instructions() -> None:
    run = new_run(candidates_per_step=8, options={"answers": "gold"})
    await finish(run)
    first = [each.content for each in run.state.of_step(1)]
    counts = [len(each.demos) for each in first if isinstance(each, Prompt)]
    assert counts == [4, 8, 2, 6, 1, 3, 5, 7]
    assert [each.text for each in first] == ["Is it good?", ""] * 4
    turns = [bool(each.layout.demo_turns) for each in first if isinstance(each, Prompt)]
    assert turns == [False, False, True, True, False, False, True, True]


async def test_examples_are_balanced_over_labels_and_no_row_comes_twice() -> None:
    run = new_run(candidates_per_step=8)
    await finish(run)
    train = run.examples["train"]
    for prompt in prompts(run):
        rows = [demo.row for demo in prompt.demos]
        assert len({*rows}) == len(rows)
        counts = Counter(train[row].target for row in rows)
        if run.state.of_step(1)[0].content == prompt:  # of four
            assert counts == {"+": 2, "-": 2}


async def test_a_search_of_one_seed_and_another_are_different_searches() -> None:
    one, same, other = new_run(seed=1), new_run(seed=1), new_run(seed=2)
    for run in (one, same, other):
        await finish(run)
    assert describe(one) == describe(same)
    assert describe(one).keys() != describe(other).keys()


async def test_a_run_killed_at_any_of_twenty_moments_ends_the_same() -> None:
    whole = new_run()
    events = await finish(whole)
    rng = create_rng(0, "kills")
    for cut in sorted(rng.sample(range(1, len(events)), 20)):
        rest = new_run(events[:cut])
        more = await finish(rest)
        assert describe(rest) == describe(whole), cut
        asked = Counter(
            (event.candidate, event.split, event.question)
            for event in (*events[:cut], *more)
            if isinstance(event, Answered)
        )
        assert max(asked.values()) == 1


def right_at_length(request: ChatRequest) -> str:
    """Right in a whole sentence, which says more than the gold answer."""
    asked = request.messages[-1].content.split("Film ")[-1]
    return f"I weigh it: the answer is {'+' if GOOD in asked else '-'}"


async def test_right_replies_of_the_scorer_are_shown_where_they_say_more_than_the_gold() -> None:
    run = new_run(say=right_at_length, options={"answers": "replies", "shown_as": "text"})
    await finish(run)
    shown = [demo for prompt in prompts(run) for demo in prompt.demos]
    assert shown
    assert all(demo.shown in run.state.candidates for demo in shown)
    (scorer,) = run.models["scorer"]
    assert isinstance(scorer, ScriptedModel)
    texts = [request.messages[-1].content for request in scorer.requests]
    assert any(text.count("I weigh it") == 4 for text in texts)


async def test_gold_answers_stand_in_where_there_are_no_right_replies() -> None:
    run = new_run(options={"answers": "replies"})
    await finish(run)
    first = [each.content for each in run.state.of_step(1)]
    assert all(
        demo.shown == GOLD for each in first if isinstance(each, Prompt) for demo in each.demos
    )


async def test_turns_are_turns() -> None:
    run = new_run(options={"shown_as": "turns"}, steps=1, candidates_per_step=1)
    await finish(run)
    (scorer,) = run.models["scorer"]
    assert isinstance(scorer, ScriptedModel)
    roles = {tuple(message.role for message in request.messages) for request in scorer.requests}
    assert roles == {("user",), ("user", "assistant") * 4 + ("user",)}


async def test_a_scorer_that_joins_messages_gets_text() -> None:
    run = new_run(options={"shown_as": "turns"}, steps=1)
    run.strategy = DemosStrategy(turns=False)
    run.__post_init__()
    await finish(run)
    assert not any(prompt.layout.demo_turns for prompt in prompts(run))


async def test_examples_keep_within_their_characters() -> None:
    run = new_run(options={"characters": 50})
    await finish(run)
    train = run.examples["train"]
    sizes = [
        sum(len(train[demo.row].input) + len(train[demo.row].target) for demo in prompt.demos)
        for prompt in prompts(run)
    ]
    assert 0 < max(sizes) <= 50


async def test_rows_without_room_end_the_search_with_the_reason_and_the_key_to_raise() -> None:
    run = new_run(options={"characters": 10})
    assert await run.run() == "fruitless"
    least = min(len(row.input) + len(row.target) for row in run.examples["train"])
    assert run.state.search_ended == (
        f"no train row fits into 10 characters, the shortest one with its answer takes {least}: "
        "raise search.options.characters"
    )
    assert suggest_change(run.state).change == "change what ended the search"
    fits = new_run(options={"characters": least})
    await finish(fits)
    assert any(prompt.demos for prompt in prompts(fits))


async def test_a_context_without_room_for_a_row_is_named() -> None:
    run = new_run()
    run.strategy = DemosStrategy(tokens=1)
    run.__post_init__()
    assert await run.run() == "fruitless"
    assert run.state.search_ended.endswith("raise scorer.gguf.context")


async def test_the_search_ends_where_nothing_else_can_be_drawn() -> None:
    run = new_run(options={"most": 1, "shown_as": "text"}, steps=30)
    await finish(run)
    assert run.state.search_ended == "no other set of worked examples can be drawn"
    assert len(prompts(run)) <= 1 + 2 + 2 * 16  # start, no examples, and each row under both


async def test_placeholders_of_an_application_are_kept() -> None:
    run = new_run(start="Judge {film}.")
    await finish(run)
    assert {prompt.text for prompt in prompts(run)} == {"Judge {film}."}


def read_with_options(plain: dict[str, Any]) -> None:
    settings = read_plain(plain)
    read_options(wiring.build_strategy(settings), settings.search.options)


@pytest.mark.parametrize(
    ("task", "options", "fault"),
    [
        ({}, {"most": 0}, "search.options.most: expected a whole number of at least 1, found 0"),
        ({}, {"characters": 0}, "search.options.characters: expected a whole number of at least 1"),
        ({}, {"answers": "mine"}, "expected one of both, gold, replies"),
        ({}, {"shown_as": "turn"}, 'did you mean "turns"?'),
        ({}, {"many": 3}, "no such key"),
        ({"prompt": [{"user": "{{instruction}} {{body}}"}]}, {}, "a hole {{demos}}"),
        ({"evaluator": "python:mine:Judge"}, {}, "it needs task.evaluator model"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    task: dict[str, Any], options: dict[str, Any], fault: str
) -> None:
    plain = {
        "task": {**TASK, **task},
        "scorer": {"model": "openai/x"},
        "search": {"strategy": "demos", "options": options},
    }
    with pytest.raises(ConfigError) as refusal:
        read_with_options(plain)
    assert fault in str(refusal.value)


def test_a_known_context_leaves_room_for_the_question() -> None:
    plain = {
        "task": TASK,
        "scorer": {"model": "gguf/x.gguf", "max_tokens": 100, "gguf": {"context": 600}},
        "search": {"strategy": "demos"},
    }
    strategy = wiring.build_strategy(read_plain(plain))
    assert isinstance(strategy, DemosStrategy)
    assert strategy.tokens == 500


# What parts are worth.


def test_a_part_is_worth_what_prompts_with_it_have_more() -> None:
    """By hand: scores 1 and 0 around .5; each part of one prompt gets .5 / (1 + 1) at first."""
    worth = estimate_worth([([("count", 4)], 1.0), ([("count", 8)], 0.0)])
    assert worth == {("count", 4): pytest.approx(0.25), ("count", 8): pytest.approx(-0.25)}


def test_a_row_that_was_always_beside_the_better_one_gets_less_credit() -> None:
    tried: list[tuple[list[Part], float]] = [
        ([("row", 1), ("row", 2)], 0.9),
        ([("row", 1)], 0.9),
        ([("row", 2)], 0.3),
        ([("row", 3)], 0.3),
    ]
    worth = estimate_worth(tried)
    assert worth["row", 1] > 0.1 > worth["row", 2]
    assert worth["row", 3] < 0


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.sampled_from(["row", "count"]), st.integers(0, 5))),
            st.floats(0, 1),
        ),
        max_size=12,
    )
)
def test_worth_is_finite_and_within_the_scores(tried: list[tuple[list[Part], float]]) -> None:
    for worth in estimate_worth(tried).values():
        assert math.isfinite(worth)
        assert abs(worth) <= 1.0


def test_what_is_worth_more_is_drawn_more_often() -> None:
    rng = create_rng(0, "test")
    drawn = Counter(draw(rng, "ab", [0.05, 0.0]) for _ in range(2000))
    assert drawn["a"] / drawn["b"] == pytest.approx(math.e, rel=0.15)


# Single draws.


def view_of(run: Runner) -> SearchView:
    return run._proposing.view


def test_groups_are_shown_once() -> None:
    run = new_run()
    run.state.groups["train"] = [row // 2 for row in range(16)]
    rows = DemoRows(view_of(run), {}, 10_000, {})
    rng = create_rng(0, "test")
    demos: list[Demo] = []
    while (demo := rows.pick(demos, rng, replies=False)) is not None:
        demos.append(demo)
    assert sorted(demo.row // 2 for demo in demos) == [*range(8)]


def test_of_several_replies_the_one_under_the_better_prompt_is_shown() -> None:
    run = new_run()
    view = view_of(run)
    texts = {("b", "train", 0): "+ it is", ("a", "train", 0): "+ surely", ("a", "train", 1): "+."}
    view.read_reply = lambda *key: texts.get(key)
    candidates = []
    for id in ("b", "a"):
        candidate = Candidate(id, id, 0)
        for question in (0, 1, 2):
            candidate.answers["train"].add(question, Outcome("+", float(question < 2)))
        candidates.append(candidate)
    assert view.train[1].target == "+"  # which "+." says, and no more
    assert find_replies(view, candidates) == {0: ("b", "+ it is")}


def test_the_bases_are_the_best_instructions_and_none() -> None:
    run = new_run()
    view = view_of(run)
    better = Candidate(
        "b",
        "Better?",
        1,
        form='{"demos":[[1,"gold"]],"layout":{"position":null,"qa_markers":null}}',
    )
    assert list_bases(view, [better]) == [Prompt("Better?"), Prompt("Is it good?"), Prompt("")]


def test_the_parts_of_a_prompt() -> None:
    assert list_parts(Prompt("x")) == [("instruction", "x"), ("count", 0)]
    parts = list_parts(Prompt("x", (Demo(3), Demo(1))))
    assert parts[1:] == [
        ("count", 2), ("turns", False), ("replies", False), ("row", 3), ("row", 1),
    ]  # fmt: skip


def test_drafts_name_a_prompt_with_the_same_instruction_as_their_parent() -> None:
    run = new_run()
    drafts = run.strategy.propose(view_of(run), 1)
    assert isinstance(drafts, list)
    assert all(isinstance(draft, Draft) for draft in drafts)
    assert [draft.parents for draft in drafts] == [(), (), (), ()]  # nothing is scored yet
