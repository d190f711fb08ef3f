"""Whole runs with racing: who is stopped does not depend on arrival, and survives any kill."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from opro_cli.core.racing.race import BLOCK
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Answered, Event, Proposed, Pruned, SessionStarted
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.task.example import ChatReply, ChatRequest, Choice, Example, Split
from opro_cli.errors import ModelError
from opro_cli.loop.runner import Runner
from opro_cli.strategies.listed import ListStrategy
from opro_cli.testing.session import ScriptedModel
from tests.loop import runs
from tests.loop.runs import MemoryJournal, ShuffledModel, calls, digest, new_runner, outcome

TRAIN = 4 * BLOCK
SEARCH: dict[str, Any] = {"steps": 4, "candidates_per_step": 5, "racing": True}


@pytest.fixture(autouse=True)
def many_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: tuple[tuple[Split, int, int], ...] = (
        ("train", 1, TRAIN),
        ("dev", 100, 5),
        ("test", 200, 5),
    )
    questions = {
        split: [
            Example(f"What is {n} plus {n}?", str(2 * n), f"t:{n}", row)
            for row, n in enumerate(range(start, start + size))
        ]
        for split, start, size in sizes
    }
    monkeypatch.setattr(runs, "examples", lambda: questions)


def say(request: ChatRequest) -> str:
    """Proposals of two kinds: mostly right, or mostly wrong."""
    text = request.messages[-1].content
    if "Your task is to generate" in text:
        first, second = digest(request.seed, 1) % 8, digest(request.seed, 2) % 8
        return f"<INS>{runs.WORDS[first]} and {runs.WORDS[second].lower()}.</INS>"
    gold = int(text.split("What is ")[1].split(" ")[0]) * 2
    good = digest(text.split("\n")[0]) % 3 == 0
    right = digest(text) % 100 < (85 if good else 25)
    return f"The answer is {gold if right else gold + 1}."


class Racers(ShuffledModel):
    def __init__(self, salt: int = 0) -> None:
        super().__init__(salt)
        self._say = say


def racing(**options: Any) -> Runner:
    salt = options.pop("salt", 0)
    return new_runner(MemoryJournal(), scorer=Racers(salt), **{**SEARCH, **options})


async def raced(**options: Any) -> Runner:
    runner = racing(**options)
    assert await runner.run() == "finished"
    return runner


def events(runner: Runner) -> list[Event]:
    assert isinstance(runner.journal, MemoryJournal)
    return runner.journal.events


async def test_those_that_cannot_win_are_asked_less_and_the_winner_is_the_same() -> None:
    with_races, without = await raced(), await raced(racing=False)
    stopped = [event for event in events(with_races) if isinstance(event, Pruned)]
    assert len(stopped) >= 3
    for event in stopped:
        answers = with_races.state.candidates[event.candidate].answers["train"]
        assert len(answers.by_question) % BLOCK == 0
        assert 0 < len(answers.by_question) < TRAIN
    asked = calls(with_races).asked().total()
    assert asked < calls(without).asked().total()
    assert outcome(with_races)["best"]["instruction"] == outcome(without)["best"]["instruction"]


async def test_neither_concurrency_nor_order_of_arrival_decides_a_race() -> None:
    plain = await raced(concurrency=1)
    for concurrency, salt in ((2, 1), (7, 2), (64, 3)):
        other = await raced(concurrency=concurrency, salt=salt)
        assert outcome(other) == outcome(plain)
        assert calls(other).asked() == calls(plain).asked()


@pytest.mark.parametrize(("concurrency", "stays"), [(1, True), (64, False)])
async def test_a_candidate_goes_on_first_where_its_block_fills_the_concurrency(
    concurrency: int, stays: bool
) -> None:
    runner = await raced(concurrency=concurrency)
    answers = (event for event in events(runner) if isinstance(event, Answered))
    asked = [answer.candidate for answer in answers if answer.split == "train"]
    turns = sum(one != other for one, other in pairwise(asked))
    assert (turns == len(set(asked)) - 1) == stays


async def test_a_run_killed_anywhere_ends_as_if_it_had_not_been() -> None:
    whole = await raced()
    past = events(whole)
    everything = calls(whole).asked()
    # Before and after each decision, at the first and last proposals of a step, and in between.
    decisions = [n for n, event in enumerate(past) if isinstance(event, Pruned)]
    arrivals = [n for n, event in enumerate(past) if isinstance(event, Proposed)][2::3]
    for cut in sorted({*decisions, *(n + 1 for n in decisions), *arrivals, *range(1, 500, 37)}):
        resumed = racing(past=past[:cut], salt=cut)
        assert await resumed.run() == "finished"
        assert outcome(resumed) == outcome(whole)
        answered = sum(isinstance(event, Answered | Proposed) for event in past[:cut])
        assert calls(resumed).asked().total() == everything.total() - answered


def say_by_chance(request: ChatRequest) -> str:
    """Proposals of two kinds, and each answer of theirs right as often, by its seed."""
    text = request.messages[-1].content
    if "Your task is to generate" in text:
        return say(request)
    gold = int(text.split("What is ")[1].split(" ")[0]) * 2
    good = digest(text.split("\n")[0]) % 3 == 0
    right = digest(text, request.seed) % 100 < (85 if good else 25)
    return f"The answer is {gold if right else gold + 1}."


@pytest.mark.slow
async def test_questions_asked_several_times_are_raced_by_their_means() -> None:
    repeated: dict[str, Any] = {"scoring": {"repeats": 2, "temperature": 1.0}}
    runs_of = []
    for concurrency in (1, 64):
        runner = racing(concurrency=concurrency, **repeated)
        calls(runner)._say = say_by_chance
        assert await runner.run() == "finished"
        runs_of.append(runner)
    one, other = runs_of
    assert outcome(one) == outcome(other)
    stopped = [event for event in events(one) if isinstance(event, Pruned)]
    assert len(stopped) >= 3
    scores = {
        each.score
        for event in stopped
        for each in one.state.candidates[event.candidate].answers["train"].by_question.values()
    }
    assert 0.5 in scores


async def test_the_optimizer_reads_how_sure_a_partial_score_is() -> None:
    runner = await raced()
    asked = [r.messages[-1].content for r in calls(runner).requests if r.temperature]
    lines = [line for line in asked[-1].splitlines() if "stopped after" in line]
    assert lines
    assert all(f"of {TRAIN} problems)" in line and "between" in line for line in lines)


async def test_a_race_that_the_journal_tells_is_not_run_again() -> None:
    """A newer opro may judge otherwise: what is decided stays decided."""
    whole = await raced()
    state = RunState.at_start(whole.settings.search, whole.examples, whole.settings.task)
    replay(state, events(whole))
    done = {c.id: c.answers["train"].estimate for c in whole.state.candidates.values()}
    assert {c.id: c.answers["train"].estimate for c in state.candidates.values()} == done
    assert any(done.values())


class Slow(Racers):
    """The last of the optimizer's replies comes only when `gate` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.asked_for = asyncio.Event(), 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        if "Your task is to generate" in request.messages[-1].content:
            self.asked_for += 1
            if self.asked_for == SEARCH["candidates_per_step"] + 1:  # one asked for all, got one
                await self.gate.wait()
        return await super().reply(request)


async def test_proposals_are_scored_while_others_are_awaited() -> None:
    model = Slow()
    runner = new_runner(MemoryJournal(), scorer=model, **SEARCH)
    seen: list[int] = []

    def open_once_all_others_are_done(_: int) -> None:
        pending = runner.state.pending.values()
        if pending and all(map(runner.state.is_done, pending)) and not model.gate.is_set():
            waiting = SEARCH["candidates_per_step"] - len(runner.state.proposals.arrived)
            if waiting == 1:
                seen.append(len(pending))
                model.gate.set()

    async def watch() -> None:
        while not model.gate.is_set():
            open_once_all_others_are_done(0)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    assert await asyncio.wait_for(runner.run(), 60) == "finished"
    await watching
    assert seen
    assert seen[0] >= 1


class Several(ScriptedModel):
    """Honours `n`, up to `most` choices a call; 1 ignores it, 0 refuses it."""

    def __init__(self, most: int) -> None:
        super().__init__(say)
        self.most = most

    async def reply(self, request: ChatRequest) -> ChatReply:
        if request.choices > 1 and not self.most:
            self.requests.append(request)
            raise ModelError("only one choice", transient=False, status=400)
        first = await super().reply(request)
        others = [
            Choice(say(replace(request, seed=(request.seed or 0) + place)), "stop")
            for place in range(1, min(request.choices, self.most))
        ]
        return replace(first, more=tuple(others), usd=0.002)


@pytest.mark.parametrize(
    ("most", "calls_a_step"), [(9, [5, 5]), (2, [5, 3, 1, 5, 3, 1]), (1, [5, 1, 1, 1, 1] + 5 * [1])]
)
async def test_proposals_come_in_one_call_where_the_server_honours_n(
    most: int, calls_a_step: list[int]
) -> None:
    model = Several(most)
    runner = new_runner(MemoryJournal(), scorer=model, **{**SEARCH, "steps": 2})
    assert await runner.run() == "finished"
    assert [r.choices for r in model.requests if r.temperature] == calls_a_step
    assert runner.state.proposals.replies == 10
    assert runner.state.spend["optimizer"].calls == len(calls_a_step)
    proposals = [event for event in events(runner) if isinstance(event, Proposed)]
    assert all(event.text == f"<INS>{event.instructions[0]}</INS>" for event in proposals)
    further = [event for event in proposals if event.via == "choice"]
    assert len(further) == 10 - len(calls_a_step)
    costs = {(e.prompt_tokens, e.completion_tokens, e.usd, e.seconds) for e in further}
    assert costs <= {(0, 0, 0.0, 0.0)}  # the first one has what they cost together


async def test_a_server_that_refuses_n_is_asked_one_by_one() -> None:
    model = Several(0)
    runner = new_runner(MemoryJournal(), scorer=model, **{**SEARCH, "steps": 2})
    assert await runner.run() == "finished"
    assert [r.choices for r in model.requests if r.temperature] == [5] + 10 * [1]
    assert runner.state.spend["optimizer"].calls == 10


class Halting(Several):
    """Gives two choices a call; the second call waits until those of the first are scored."""

    def __init__(self) -> None:
        super().__init__(2)
        self.gate, self.calls = asyncio.Event(), 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        self.calls += bool(request.temperature)
        if request.temperature and self.calls == 2:
            await self.gate.wait()
        return await super().reply(request)


async def test_what_is_awaited_in_one_call_is_not_asked_for_again_meanwhile() -> None:
    model = Halting()
    search = {**SEARCH, "steps": 1, "candidates_per_step": 4}
    runner = new_runner(MemoryJournal(), scorer=model, **search)

    async def let_on() -> None:
        pending = runner.state.pending
        while not pending or not all(map(runner.state.is_done, pending.values())):
            await asyncio.sleep(0)
            pending = runner.state.pending
        for _ in range(9):  # the runner has had its turns with nothing new to do
            await asyncio.sleep(0)
        model.gate.set()

    letting = asyncio.create_task(let_on())
    assert await asyncio.wait_for(runner.run(), 60) == "finished"
    await letting
    assert [r.choices for r in model.requests if r.temperature] == [4, 2]


@pytest.mark.parametrize(("status", "choices"), [(400, {5, 1}), (401, {5})])
async def test_a_refusal_that_is_not_about_n_ends_the_run(status: int, choices: set[int]) -> None:
    """Without a word about n, one proposal is asked for before the refusal is believed."""
    asked: list[int] = []

    def refusing(request: ChatRequest) -> Any:
        if not request.temperature:
            return say(request)
        asked.append(request.choices)
        return ModelError("no", transient=False, status=status)

    runner = new_runner(MemoryJournal(), scorer=ScriptedModel(refusing), **SEARCH)
    with pytest.raises(ModelError, match="no"):
        await asyncio.wait_for(runner.run(), 60)
    assert (asked.count(5), set(asked)) == (1, choices)


LISTED = tuple(f"{one} and {other.lower()}." for one in runs.WORDS[:4] for other in runs.WORDS[:4])


def listed(**options: Any) -> Runner:
    # What the config fills in: few in a step, so that later ones have somebody to be raced against.
    search = {"steps": 4, "candidates_per_step": 4, **options}
    policy = ListStrategy(LISTED)
    return racing(policy=policy, strategy="list", candidates=LISTED, **search)


async def test_a_list_is_raced_and_its_winner_is_that_of_full_answers() -> None:
    with_races, without = listed(), listed(racing=False)
    assert [await with_races.run(), await without.run()] == ["finished"] * 2
    for runner in (with_races, without):
        tried = [c.instruction for c in runner.state.candidates.values() if c.step]
        assert tried == [*LISTED]
    saved = 1 - calls(with_races).asked().total() / calls(without).asked().total()
    assert saved > 0.2
    assert outcome(with_races)["best"]["instruction"] == outcome(without)["best"]["instruction"]


async def test_a_list_that_began_in_one_step_goes_on_in_one() -> None:
    whole = listed(steps=1, candidates_per_step=len(LISTED))
    assert await whole.run() == "finished"
    begun = events(whole)
    cut = next(at for at, event in enumerate(begun) if isinstance(event, Proposed)) + 5
    options = {"steps": 1, "candidates_per_step": len(LISTED), "past": begun[:cut]}
    rest = listed(**options)
    assert await rest.run() == "finished"
    assert outcome(rest) == outcome(whole)


ROW = (
    "A farmer has {0} brown hens in the yard and {0} white ones in the barn: what is {0} plus {0}?"
)
QUOTING = f"Quote. {ROW.format(7)} Then add."


def leaks(how: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Runner:
    """Four of which one may not win, as it quotes a row; then one that beats the others."""
    plain = runs.examples()
    rows = [Example(ROW.format(n), str(2 * n), f"t:{n}", n) for n in range(TRAIN)]
    monkeypatch.setattr(runs, "examples", lambda: {**plain, "train": rows})
    texts = ("Fair a.", "Fair b.", QUOTING, "Fair c.", "Good.")

    def answer(request: ChatRequest) -> str:
        text = request.messages[-1].content
        gold = int(text.rpartition("hat is ")[2].split(" ")[0]) * 2
        share = 97 if "Quote." in text else 62 if "Good." in text else 40
        right = digest(text) % 100 < share
        return f"The answer is {gold if right else gold + 1}."

    return new_runner(
        MemoryJournal(),
        scorer=ScriptedModel(answer),
        policy=ListStrategy(texts),
        strategy="list",
        candidates=texts,
        steps=2,
        candidates_per_step=4,
        racing=True,
        leaks=how,
        **options,
    )


async def test_a_prompt_that_may_not_win_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = {}
    for how in ("flag", "keep_out"):
        runner = leaks(how, monkeypatch)
        assert await runner.run() == "finished"
        stopped[how] = [e.instruction for e in runner.state.of_step(2) if is_stopped(e)]
    assert stopped == {"flag": ["Good."], "keep_out": []}


async def test_a_run_from_before_format_10_races_against_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = leaks("keep_out", monkeypatch, past=[SessionStarted(1.0, 1, "0.1.0", 9)])
    assert await runner.run() == "finished"
    assert [is_stopped(each) for each in runner.state.of_step(2)] == [True]


def is_stopped(candidate: Candidate) -> bool:
    return candidate.answers["train"].estimate is not None
