"""What a run takes over from its probe: which answers, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from opro_cli.app import probe_plan
from opro_cli.app.probed import describe_probe, read_known
from opro_cli.core.run.events import Answered, Event, FirstReply, SessionStarted
from opro_cli.core.run.state import replay
from opro_cli.loop.score import take_over
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_folder import read_run
from tests.cli.conftest import Opro
from tests.cli.test_headroom import change, count, only_run_of
from tests.core.runs import answered, new_state, reasoned
from tests.loop.runs import ShuffledModel


def known_of(tmp_path: Path, *events: Event) -> list[Answered]:
    """The answers that a run finds in a probe with these events, in order."""
    folder = tmp_path / "headroom" / "p"
    folder.mkdir(parents=True)
    (folder / "events.jsonl").touch()
    journal = FileJournal(folder / "events.jsonl")
    for event in (SessionStarted(0.0, 1, "1"), *events):
        journal.append(event)
    journal.close()
    return list(read_known(tmp_path, describe_probe(["p"])).values())


def keyed(question: int, number: int, **changes: Any) -> FirstReply:
    return replace(reasoned("start", question), key=f"repeat {number}", role="scorer", **changes)


RECALLED: dict[str, Any] = {
    "finish_reason": "recalled",
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "usd": 0.0,
}


def costs_of(answers: Sequence[Answered]) -> tuple[tuple[float, float] | None, float | None]:
    """The mean tokens and dollars that a run sees which takes these over."""
    state = replay(new_state(train=4), [take_over(answer) for answer in answers])
    (start,) = state.candidates.values()
    spend = state.spend_of("scorer")
    assert (spend.calls, spend.prompt_tokens, spend.completion_tokens, spend.usd) == (0, 0, 0, 0.0)
    assert (spend.cached, spend.taken) == (len(answers), len(answers))
    return start.answers["train"].costs.tokens, start.answers["train"].costs.usd


def test_answers_that_are_taken_over_keep_their_cost_and_are_not_paid_for_again(
    tmp_path: Path,
) -> None:
    known = known_of(tmp_path, answered("start", 0), answered("start", 1, prompt=30, usd=0.003))
    assert costs_of(known) == ((20.0, 2.0), 0.002)


def test_an_answer_of_two_rounds_or_several_repeats_has_the_cost_of_all(tmp_path: Path) -> None:
    known = known_of(
        tmp_path,
        reasoned("start", 0),  # 30 + 5 tokens, $0.01
        answered("start", 0),  # 10 + 2 tokens, $0.001
        keyed(1, 1),
        keyed(1, 2, finish_reason="length", text=""),
        replace(answered("start", 1, None), via="local", text="", **RECALLED),
    )
    two_rounds, repeated = known
    assert (two_rounds.prompt_tokens, two_rounds.completion_tokens) == (40, 7)
    assert (repeated.prompt_tokens, repeated.completion_tokens) == (60, 10)
    assert (two_rounds.usd, repeated.usd) == (0.011, 0.02)
    assert (two_rounds.finish_reason, repeated.finish_reason) == ("stop", "length")
    assert costs_of(known) == ((50.0, 8.5), 0.0155)


def test_what_nobody_metered_stays_unknown(tmp_path: Path) -> None:
    free = {"prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
    known = known_of(
        tmp_path,
        replace(answered("start", 0), via="cache", **free),
        answered("start", 1, prompt=None, completion=None, usd=None),
        keyed(2, 1),
        keyed(2, 2, via="cache", **free),
        replace(answered("start", 2), via="local", **RECALLED),
    )
    assert [each.prompt_tokens for each in known] == [None, None, None]
    assert costs_of(known) == (None, None)


def test_replies_that_are_cut_to_nothing_are_taken_over_and_filtered_ones_are_not(
    tmp_path: Path,
) -> None:
    known = known_of(
        tmp_path,
        replace(answered("start", 0, None), text="", finish_reason="length"),
        replace(answered("start", 1, None), text="", finish_reason="content_filter"),
        replace(answered("start", 2, None), text="", finish_reason="error"),
        # its last reply is empty, and the other ones were right
        keyed(3, 1),
        replace(answered("start", 3, 0.5), text="", via="local", **RECALLED),
    )
    assert [each.question for each in known] == [0, 3]
    state = replay(new_state(train=4), map(take_over, known))
    (start,) = state.candidates.values()
    assert (start.answers["train"].cut, start.answers["train"].unreadable) == (1, 1)


@pytest.fixture
def wide(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search that is large enough to be probed first, and small enough for a test."""
    monkeypatch.setattr(probe_plan, "DUE_CALLS", 20)
    change(folder, "train: 6, dev: 5, test: 7", "train: 14, dev: 0, test: 7")
    change(folder, "steps: 2", "prefer: cheapest_not_worse, margin: 40, steps: 2")
    return folder


@pytest.mark.parametrize("more", ["", ", repeats: 2, temperature: 0.7"])
def test_a_search_with_a_probe_knows_the_costs_that_one_without_knows(
    opro: Opro, wide: Path, model: ShuffledModel, more: str
) -> None:
    change(wide, "scorer}", "scorer" + more + ", price: {input: 1, output: 2}}")
    found = []
    for number, option in enumerate(("--no-headroom", "--verbose")):
        runs = f"runs{number}"
        said = opro("optimize", "c.yaml", "--runs-dir", runs, "--no-cache", "--json", option)
        assert said.code == 0, said.err
        state = read_run(only_run_of(wide / runs)).state
        assert bool(state.spend_of("scorer").taken) is bool(number)
        costs = {c.id: c.answers["train"].costs for c in state.candidates.values()}
        assert all(each.tokens and each.usd for each in costs.values())
        found.append({each: (cost.tokens, cost.usd) for each, cost in costs.items()})
    both = found[0].keys() & found[1].keys()  # a probe's best prompts are in its search alone
    assert len(both) > 1
    assert {each: found[0][each] for each in both} == {each: found[1][each] for each in both}


def test_repeats_count_in_the_calls_of_a_probe(
    opro: Opro, wide: Path, model: ShuffledModel
) -> None:
    change(wide, "scorer}", "scorer, repeats: 2, temperature: 0.7}")
    finding = opro("check", "c.yaml", "--headroom", "--json").data["headroom"]
    assert finding["rows"] >= 10
    (folder,) = (wide / "runs" / "headroom").iterdir()
    ended = read_run(folder, own=True).state.ended
    assert ended is not None
    assert ended.reason == "finished"  # and no ceiling came first
    assert count(model) <= 150
    change(wide, "repeats: 2", "repeats: 9")
    before = count(model)
    said = opro("check", "c.yaml", "--headroom")
    assert (said.code, count(model)) == (0, before)
    words = "cannot tell: 150 calls are too few for a probe that asks each question in 9 calls"
    assert words in " ".join(said.out.split())
