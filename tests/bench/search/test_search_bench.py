"""The parts of the search benchmark that have a truth of their own."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from opro_cli.core.task.example import ChatReply, ChatRequest, Message
from opro_cli.core.task.prompt import MetaPromptMaterial, PromptFormat, TrajectoryEntry
from opro_cli.embedded.training.corpus import bbh_questions
from opro_cli.embedded.training.families import FAMILIES, Family
from opro_cli.embedded.training.questions import normalize_question
from opro_cli.errors import ModelError
from opro_cli.strategies import STRATEGIES
from opro_cli.strategies.opro import PALM_REQUEST, OproStrategy
from tests.bench.search.__main__ import parse, plan
from tests.bench.search.client import Search
from tests.bench.search.drive import run_halving, run_random
from tests.bench.search.methods import Found, find_method
from tests.bench.search.pool import SIZE, Entry, write_pool
from tests.bench.search.real import LABELS, read_pool, read_rows
from tests.bench.search.results import Cell, Results, Returned, Score
from tests.bench.search.server import Counted, Replies, Scorers, SearchServer
from tests.bench.search.table import (
    CHECKPOINTS,
    Figures,
    Sample,
    find_calls_to,
    find_plateau,
    flip_signs,
    measure_area,
)
from tests.bench.search.tasks import EMBEDDED, TEST, Chat, draw_rows
from tests.bench.search.writers import BETTER, Writer, shape_reply

IDEA = "Add up. Check it."
GEPA = "Write a new instruction.\nProvide the new instructions within ``` blocks."
CAPO = "Return the new prompt in the following format:\n<prompt>new prompt</prompt>"
PROMPTOLUTION = (
    "Generate a new instruction bracketed with <prompt> and ending it with </prompt> that is "
    "different from all the instructions above"
)
DSPY = (
    "[[ ## basic_instruction ## ]]\n{basic_instruction}\n\n[[ ## proposed_instruction ## ]]\n"
    "{proposed_instruction}\n\n[[ ## completed ## ]]\n\n[[ ## basic_instruction ## ]]\nSolve.\n\n"
    "Respond with the corresponding output fields, starting with the field "
    "`[[ ## proposed_instruction ## ]]`, and then ending with the marker for "
    "`[[ ## completed ## ]]`."
)


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        (GEPA, f"```\n{IDEA}\n```"),
        (CAPO, f"<prompt>{IDEA}</prompt>"),
        (PROMPTOLUTION, f"<prompt>{IDEA}</prompt>"),
        (DSPY, f"[[ ## proposed_instruction ## ]]\n{IDEA}\n\n[[ ## completed ## ]]"),
        (PALM_REQUEST, f"[{IDEA}]"),
        ('Reply with JSON: {"new_prompt": "…"}', f'{{"new_prompt": "{IDEA}"}}'),
        ("Write an instruction.", IDEA),
    ],
)
def test_a_reply_has_the_form_that_the_request_asks_for(request_text: str, reply: str) -> None:
    assert shape_reply(request_text, IDEA) == reply


@pytest.mark.parametrize("position", ["Q_begin", "A_begin"])
def test_opro_reads_the_reply_to_its_own_meta_prompt(position: Any) -> None:
    entries = (TrajectoryEntry("Solve.", 0.5),)
    material = MetaPromptMaterial(entries, (), PromptFormat(position, qa_markers=True), 100)
    asked = "\n".join(message.content for message in OproStrategy().meta_prompt(material))
    assert OproStrategy().read(shape_reply(asked, IDEA)) == (IDEA,)


def test_a_field_that_is_no_instruction_gets_no_instruction() -> None:
    asked = DSPY.replace("proposed_instruction", "observations")
    assert IDEA not in shape_reply(asked, IDEA)
    assert "[[ ## observations ## ]]" in shape_reply(asked, IDEA)


def entries(count: int) -> list[Entry]:
    return [Entry(f"Idea {number}.", 3 if number % 4 == 0 else 0) for number in range(count)]


def test_every_tool_gets_the_same_proposals() -> None:
    one, other = (Writer(entries(40), "navigate 0", reads=False) for _ in range(2))
    written = [one.write("<INS></INS>")[0][5:-6] for _ in range(50)]
    assert written == [other.write("any form", 1)[0] for _ in range(50)]
    assert set(written[:40]) == {entry.text for entry in entries(40)}
    assert Writer(entries(40), "navigate 1", reads=False).write("", 5) != written[:5]


def test_choices_are_as_many_draws() -> None:
    one, other = (Writer(entries(40), "s", reads=False) for _ in range(2))
    assert one.write("", 3) == [other.write("")[0] for _ in range(3)]


def test_a_reader_is_better_only_where_it_sees_a_failure() -> None:
    seen = "What is 2 + 2?\n\nThe answer was: 2 + 2 is 5. The answer is 5."
    for request, share in ((seen, BETTER + (1 - BETTER) / 4), ("What is 2 + 2? 4", 1 / 4)):
        good = 0
        for seed in range(40):
            writer = Writer(entries(400), f"s {seed}", reads=True)
            writer.note_wrong("What is 2 + 2?", " 2 + 2 is 5. The answer is 5.")
            drawn = [writer.write(request)[0] for _ in range(50)]
            good += sum(int(text[5:-1]) % 4 == 0 for text in drawn)
            assert writer.informed == (50 if request is seen else 0)
        assert good / 2000 == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 2000))


def test_a_wrong_reply_to_another_question_is_no_failure_in_sight() -> None:
    writer = Writer(entries(8), "s", reads=True)
    writer.note_wrong("What is 2 + 2?", "It is 5.")
    assert not writer.sees_failure("What is 2 + 3? It is 5.")
    assert not writer.sees_failure("What is 2 + 2? It is 4.")
    assert writer.sees_failure("What is 2 + 2? It is 5.")


@pytest.mark.parametrize("family", FAMILIES)
def test_unseen_rows_are_unseen(family: Family) -> None:
    stock, test = draw_rows(family)
    questions = [normalize_question(text) for text, _ in (*stock, *test)]
    assert len(test) == TEST >= 500
    assert len({*questions}) == len(questions)
    assert bbh_questions().isdisjoint(questions)
    train, dev = EMBEDDED[family].search_rows(3)
    assert {*train, *dev} <= {*stock}
    assert not {*train} & {*dev}
    assert train != EMBEDDED[family].search_rows(4)[0]


@pytest.mark.parametrize("name", LABELS)
def test_unseen_rows_of_a_label_set_are_unseen(name: str) -> None:
    stock, unseen = read_rows(name)
    assert len(unseen) == 200
    assert not {*stock} & {*unseen}


@pytest.mark.parametrize("pool", [*map(write_pool, FAMILIES), *map(read_pool, LABELS)])
def test_a_pool_has_different_instructions_of_mixed_tiers(pool: tuple[Entry, ...]) -> None:
    assert len({entry.text for entry in pool}) == SIZE >= 200
    assert len({entry.tier for entry in pool}) >= 4


class Echo:
    """Answers with the number of its calls; refuses what is long."""

    name = "echo"

    def __init__(self) -> None:
        self.calls = 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        if len(request.messages[-1].content) > 100:
            raise ModelError("too long", transient=False, unanswerable=True, status=400)
        self.calls += 1
        return ChatReply(f"The answer is {self.calls}.", "stop", 1, 1, 0.0)

    async def aclose(self) -> None:
        pass


async def test_the_server_counts_calls_also_of_replies_that_it_knows(tmp_path: Path) -> None:
    model = Echo()
    scorers = Scorers(Replies(tmp_path / "replies"), lambda name: model)
    task = EMBEDDED["counting"]
    async with SearchServer(scorers) as server, aiohttp.ClientSession() as client:
        writer = Writer(entries(8), "s", reads=False)
        counted = Counted(task, (("How many?", "1"),), writer)
        url = server.open("one", counted)
        other = server.open("two", Counted(task, (), None))

        async def ask(url: str, text: str, model: str = "scorer", **more: Any) -> Any:
            body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
            async with client.post(f"{url}/v1/chat/completions", json=body) as answer:
                return answer.status, await answer.json()

        first = await ask(url, "How many?")
        again = await ask(url, "How many?")
        twice = await ask(url, "How many more?", n=2)
        refused = await ask(url, "How many? " * 20)
        written = await ask(url, "Write.", "hosted_vllm/writer", n=3)
        await ask(other, "How many?")
        async with client.post(
            f"{url}/grade",
            json={"answers": [["The answer is 1.", "How many?", "1"], ["", "", "2"]]},
        ) as answer:
            graded = await answer.json()
    texts = [choice["message"]["content"] for choice in again[1]["choices"]]
    assert texts == [first[1]["choices"][0]["message"]["content"]] == ["The answer is 1."]
    assert [answer[1]["calls"] for answer in (first, again, twice)] == [1, 2, 4]
    assert refused[0] == 400
    assert len(written[1]["choices"]) == 3
    assert (counted.scorer, counted.writer, counted.refused) == (4, 3, 1)
    assert server.searches["two"].scorer == 1
    assert model.calls == 2
    assert graded["scores"] == [1.0, 0.0]


async def test_replies_outlive_the_process(tmp_path: Path) -> None:
    request = ChatRequest((Message("user", "How many?"),), 0.0, 9, 0)
    for calls in (1, 0):
        model = Echo()
        scorers = Scorers(Replies(tmp_path / "replies"), lambda name, model=model: model)  # type: ignore[misc]
        assert (await scorers.reply("echo", request)).text == "The answer is 1."
        await scorers.aclose()
        assert model.calls == calls


def test_the_level_is_reached_between_two_checkpoints() -> None:
    curve = {100: 50.0, 400: 70.0, 1600: 80.0}
    assert find_calls_to(curve, 60.0) == pytest.approx(200)  # half of the way, in logarithms
    assert find_calls_to(curve, 80.0) == pytest.approx(1600)
    assert find_calls_to(curve, 45.0) == 100
    assert find_calls_to(curve, 81.0) is None


def test_a_curve_that_falls_has_reached_the_level_all_the_same() -> None:
    assert find_calls_to({100: 60.0, 200: 40.0, 400: 80.0}, 55.0) == 100


def test_the_plateau_is_the_best_mean_at_the_last_checkpoint() -> None:
    assert find_plateau([{100: 90.0, 200: 60.0}, {100: 10.0, 200: 70.0}, {100: 99.0}]) == 70.0


def test_the_area_is_the_mean_over_the_logarithm_of_calls() -> None:
    assert measure_area({100: 40.0, 200: 60.0}) == pytest.approx(50)
    assert measure_area({100: 40.0, 200: 60.0, 800: 60.0}) == pytest.approx((50 + 2 * 60) / 3)
    assert measure_area({100: 40.0}) == 40.0


def test_sign_flips_are_exact_for_few_pairs() -> None:
    assert flip_signs([1.0, 2.0, 3.0]) == 2 / 8
    assert flip_signs([1.0, -1.0]) == 1.0
    assert flip_signs([0.0, 0.0]) == 1.0
    assert flip_signs([5.0] * 20) < 0.01


def test_tasks_weigh_the_same_however_many_seeds_they_have() -> None:
    sample = Sample({("a", 0): 10.0, ("a", 1): 20.0, ("b", 0): 45.0})
    assert sample.mean == pytest.approx(30)
    assert sample.margin == pytest.approx(1.96 * math.sqrt(50 / 2) / 2)


def test_the_best_peer_is_best_on_the_same_tasks_and_seeds(tmp_path: Path) -> None:
    results = Results(tmp_path)
    # Half is the best peer on both seeds; easy has the easy seed alone.
    for method, seed, right in (
        ("opro", 0, "1000"),
        ("opro", 1, "1100"),
        ("half", 0, "1100"),
        ("half", 1, "1100"),
        ("poor", 0, "0000"),
        ("poor", 1, "1110"),
        ("easy", 1, "1111"),
    ):
        returned = Returned(
            Cell("navigate", "pool", method, seed, 100),
            [["user", f"{method} {seed}"]],
            9,
            1,
            0,
            1.0,
        )
        results.keep_returned([returned])
        results.keep_score(Score(returned.key, "test", right, 9))
    figures = Figures(results, ["navigate"], "pool")
    assert figures.find_best_peer("opro", 100) == "half"
    assert figures.compare("opro", "half", 100) == (-12.5, 1.0, 2)
    assert figures.find_level("navigate", 10.0) == pytest.approx(10 + 0.9 * (50 - 10))
    assert figures.find_best_peer("opro", 200) is None


CELL = Cell("navigate", "pool", "random", 0, 100)
CHAT: Chat = [["user", "Q: Solve.\n{{question}}\n\nA:"]]


def test_the_bench_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    arguments = "--tasks navigate --writers pool --methods random halving --seeds 0-1"
    options = parse([*arguments.split(), "--checkpoints", "100", "200"])
    results = Results(tmp_path)
    # Best of random is one search for all checkpoints, halving one for each: 2 seeds · (1 + 2).
    assert len(plan(options, results)) == 6
    found = [Returned(CELL._replace(checkpoint=each), CHAT, 100, 5, 0, 1.5) for each in (100, 200)]
    results.keep_returned(found)
    results.keep_returned([Returned(CELL._replace(method="halving"), CHAT, 96, 8, 0, 1.0)])
    again = Results(tmp_path)
    assert again.returned == results.returned
    assert len(plan(options, again)) == 4
    options.anew = True
    assert len(plan(options, again)) == 6


def test_a_line_that_was_cut_is_done_again_and_harms_no_other(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.keep_returned([Returned(CELL, CHAT, 100, 5, 0, 1.5)])
    path = tmp_path / "results.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    again = Results(tmp_path)
    assert list(again.returned) == [CELL]
    score = Score(again.returned[CELL].key, "test", "0110", 9)
    again.keep_score(score)
    assert Results(tmp_path).find_accuracy(CELL) == 0.5
    assert Results(tmp_path).returned == results.returned


def test_of_two_lines_for_a_cell_the_last_counts(tmp_path: Path) -> None:
    results = Results(tmp_path)
    for calls in (100, 90):
        results.keep_returned([Returned(CELL, CHAT, calls, 5, 0, 1.5)])
    assert Results(tmp_path).returned[CELL].calls == 90


def test_a_timeline_is_read_at_a_checkpoint() -> None:
    found = Found([(20, [["user", "a"]]), (110, [["user", "b"]])])
    assert found.at(19) is None
    assert found.at(100) == [["user", "a"]]
    assert found.at(110) == [["user", "b"]]


@pytest.mark.parametrize("name", ["opro", *(f"opro:{name}" for name in STRATEGIES)])
def test_every_strategy_of_opro_is_a_method(name: str) -> None:
    assert find_method(name).strategy == (name.partition(":")[2] or "opro")


class Fake(Search):
    """A search in memory: instruction number k is right on a share of rows that grows with k."""

    def __init__(self, budget: int, seed: int, worth: dict[str, float]) -> None:
        rows = [(f"Question {number}?", "1") for number in range(150)]
        shape: dict[str, Any] = {"position": "Q_begin", "qa_markers": True, "description": ""}
        super().__init__(
            "", seed, budget, "start", rows[:90], rows[90:], stop=[], max_tokens=1, **shape
        )
        self.worth, self._ideas = worth, iter([idea for idea in worth if idea != "start"])

    def write(self, request: str) -> str:
        return f"<INS>{next(self._ideas)}</INS>"

    def evaluate(self, chat: Chat, rows: Any) -> tuple[list[str], list[float]]:
        self.calls += len(rows)
        worth = self.worth[json.dumps(chat).partition("Q: ")[2].partition("\\n")[0]]
        return [], [float(random.Random(f"{worth} {row[0]}").random() < worth) for row in rows]


@pytest.mark.parametrize("budget", CHECKPOINTS)
@pytest.mark.parametrize("run", [run_random, run_halving])
def test_a_script_keeps_its_budget_and_finds_what_is_always_right(run: Any, budget: int) -> None:
    for seed in range(5):
        worth = {f"idea {number}": 0.1 for number in range(400)} | {"start": 0.1, "idea 1": 1.0}
        search = Fake(budget, seed, worth)
        run(search)
        assert 0.6 * budget <= search.calls <= budget
        if budget >= 100:
            assert search.timeline[-1][1] == search.build_chat("idea 1")
