"""`opro prune`: a finished run's best prompt, shortened on the questions of that run."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from opro_cli.app.startable import require_prices
from opro_cli.core.settings.models import PriceSettings, ScorerSettings
from opro_cli.core.settings.search import ObjectivesSettings, SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import ChatRequest
from opro_cli.errors import UsageError
from opro_cli.models import MODELS
from opro_cli.testing.session import ScriptedModel
from tests.bench.prune import KNOWN, pad
from tests.cli.conftest import Opro
from tests.cli.test_process import CONFIG, GSM8K, PATIENCE_S, Bench, new_server
from tests.loop.runs import ShuffledModel

QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
PADDED = "Be of good cheer. Add both numbers, as we know you can. It matters a lot to us."
STILL = ("--set", f'search.initial_instructions=["{PADDED}"]', "--steps", "0")


LAX = ("--margin", "20")
"""Eleven questions of train and dev cannot refute a loss of 2 points."""


def say(request: ChatRequest) -> str:
    """Only "Add" is needed."""
    text = request.messages[-1].content
    if "What is " not in text:
        return "Ready."
    number = int(text.partition("What is ")[2].partition(" ")[0])
    return f"The answer is {2 * number if 'Add' in text else 0}."


@pytest.fixture
def scorer(monkeypatch: pytest.MonkeyPatch, model: ShuffledModel) -> ScriptedModel:
    """In place of the model behind scripted/…"""
    scripted = ScriptedModel(say)
    monkeypatch.setitem(MODELS, "scripted", lambda settings: scripted)
    return scripted


@pytest.fixture
def padded(opro: Opro, scorer: ScriptedModel) -> str:
    """The name of a finished run whose best prompt has idle parts."""
    said = opro("optimize", "c.yaml", *STILL, "--json", "-q", "--set", "task.data.split.test=15")
    assert said.code == 0
    scorer.requests.clear()
    return str(said.data["run"])


def test_the_idle_parts_go(opro: Opro, padded: str, folder: Path, scorer: ScriptedModel) -> None:
    said = opro("prune", padded, *LAX, "--json", "--plain")
    assert said.code == 0, said.err
    result = said.data
    assert result["best"]["instruction"] == "Add both numbers."
    assert result["initial"]["instruction"] == PADDED
    assert result["run"].startswith("sums-pruned-")
    assert result["models"]["optimizer"] == "none"
    # 15 questions without a loss refute one of 20 points: z = sqrt(15 * .2 / .8) = 1.94.
    assert result["not_worse"]["proven"]
    assert result["pruned"]["unit"] == "tokens"
    assert f"the questions of {padded}, whose verdict has seen those of test" in said.err
    run = folder / "runs" / result["run"]
    assert json.loads((run / "run.json").read_text())["pruned_run"] == padded
    there = (folder / "runs" / padded / "examples.jsonl").read_bytes()
    assert (run / "examples.jsonl").read_bytes() == there
    shown = opro("show", result["run"])
    assert shown.out.count("score against cost") == 1
    assert "\npruned: " in shown.out
    assert "Score against cost" in (run / "report.html").read_text()


def test_questions_too_few_for_the_margin_are_refused(
    opro: Opro, padded: str, folder: Path, scorer: ScriptedModel
) -> None:
    before = sorted((folder / "runs").iterdir())
    said = opro("prune", padded, "--margin", "2")
    assert said.code == 2
    assert "11 train and dev questions cannot show that a shorter prompt loses less" in said.err
    margin = said.err.partition("--margin ")[2].split()[0]
    assert sorted((folder / "runs").iterdir()) == before
    assert not scorer.requests
    assert int(margin) <= int(LAX[1])  # which is enough for all other tests
    assert opro("prune", padded, "--margin", str(int(margin) - 1)).code == 2


def test_what_was_answered_before_is_not_asked_again(
    opro: Opro, padded: str, scorer: ScriptedModel
) -> None:
    assert opro("prune", padded, *LAX, "--no-preflight", "-q").code == 0
    asked = Counter(request.messages[-1].content for request in scorer.requests)
    # Test is asked anew, side by side; what the run had asked of train and dev is known.
    assert sum(PADDED in text for text in asked) == 15
    assert max(asked.values()) == 1


def test_the_same_again_gives_the_same(opro: Opro, padded: str) -> None:
    first, second = (opro("prune", padded, *LAX, "--json", "-q").data for _ in range(2))
    for name in ("best", "initial", "verdict_sentence", "not_worse"):
        assert first[name] == second[name]
    # What the run before it had asked has its cost as well: that of the start prompt.
    assert first["objectives"]["unknown"] == 0
    assert (first["front"], first["objectives"]) == (second["front"], second["objectives"])


def test_the_calls_of_a_search_are_no_ceiling_of_it(
    opro: Opro, padded: str, folder: Path, scorer: ScriptedModel
) -> None:
    config = folder / "runs" / padded / "config.yaml"
    text = config.read_text()
    changed = text.replace("  calls: null", "  calls: 5").replace(
        "  tokens: null", "  tokens: 99999"
    )
    assert changed != text
    config.write_text(changed)
    said = opro("prune", padded, *LAX, "--plain")
    assert said.code == 0, said.err
    assert "budget.calls 5 of sums" in said.err
    assert "budget.tokens 99999 of sums" in said.err
    said = opro("prune", padded, *LAX, "--plain", "--budget", "calls=9")
    assert said.code == 3
    assert "does not hold here" not in said.err
    assert "budget.calls 9 may end the search before its dev and test questions" in said.err


def test_a_budget_stops_it_and_a_resume_goes_on(opro: Opro, padded: str) -> None:
    stopped = opro("prune", padded, *LAX, "--budget", "calls=20", "--json", "-q", "--no-preflight")
    assert stopped.code == 3
    assert stopped.data["status"] == "stopped"
    said = opro("resume", "@last", "--budget", "calls=none", "--json", "-q", "--no-preflight")
    assert said.code == 0, said.err
    assert said.data["best"]["instruction"] == "Add both numbers."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--margin", "0"), "--margin: expected points above 0 and at most 100, found 0"),
        (("--margin", "nan"), "--margin: expected points above 0 and at most 100, found nan"),
        (("--budget", "dollars=5"), "--budget: expected usd|calls|tokens|minutes=AMOUNT"),
    ],
)
def test_what_cannot_be_is_refused(
    opro: Opro, padded: str, folder: Path, arguments: tuple[str, str], message: str
) -> None:
    said = opro("prune", padded, *arguments)
    assert said.code == 2
    assert message in said.err
    assert len(list((folder / "runs").glob("[!.]*"))) == 1


@pytest.mark.parametrize("named", [False, True])
def test_a_use_goes_into_the_ledger_of_the_finished_run(
    opro: Opro, scorer: ScriptedModel, folder: Path, named: bool
) -> None:
    tests = ("--set", "task.data.split.test=15")
    first = opro("optimize", "c.yaml", *STILL, *tests, "--ledger", "sub/uses.jsonl", "--json", "-q")
    other = ("--ledger", "other.jsonl") if named else ()
    said = opro("prune", first.data["run"], *LAX, *other, "--json", "-q")
    assert said.code == 0, said.err
    where = folder / ("other.jsonl" if named else "sub/uses.jsonl")
    (known,) = json.loads(opro("ledger", "--ledger", str(where), "--json").out)["sets"]
    assert [use["run"] for use in known["uses"]] == [said.data["run"]]
    assert json.loads(opro("ledger", "--json").out)["sets"] == []
    runs = [folder / "runs" / each.data["run"] / "run.json" for each in (first, said)]
    uses = [json.loads(run.read_text())["test_use"] for run in runs]
    assert uses[1]["ledger"] == str(where)
    assert len({use["id"] for use in uses}) == 2


def test_a_single_sentence_has_nothing_to_drop(opro: Opro, scorer: ScriptedModel) -> None:
    start = 'search.initial_instructions=["Add both numbers."]'
    assert opro("optimize", "c.yaml", "--set", start, "--steps", "0", "-q").code == 0
    said = opro("prune", "@last")
    assert said.code == 2
    assert "has no part that could be dropped: it is a single sentence" in said.err


def test_an_empty_prompt_has_nothing_to_drop(opro: Opro, scorer: ScriptedModel) -> None:
    start = 'search.initial_instructions=[""]'
    assert opro("optimize", "c.yaml", "--set", start, "--steps", "0", "-q").code == 0
    said = opro("prune", "@last")
    assert said.code == 2
    assert "has no part that could be dropped: it is empty" in said.err


DEMOS = (
    """{strategy: demos, steps: 1, candidates_per_step: 1, start: "", options: {answers: gold}}"""
)


def test_worked_examples_are_dropped_where_they_are_all_of_the_prompt(
    opro: Opro, scorer: ScriptedModel
) -> None:
    def answer(request: ChatRequest) -> str:
        """Right where an example is shown."""
        shown = "".join(message.content for message in request.messages)
        if "What is " not in shown:
            return "Ready."
        number = int(shown.rpartition("What is ")[2].partition(" ")[0])
        return f"The answer is {2 * number if shown.count('What is ') > 1 else 0}."

    scorer._say = answer
    tests = ("--set", "task.data.split.test=15")
    first = opro("optimize", "c.yaml", "--set", f"search={DEMOS}", *tests, "--json", "-q")
    assert first.code == 0, first.err
    best = first.data["best"]
    assert best["instruction"] == ""
    assert len(best["demos"]) > 1
    said = opro("prune", first.data["run"], *LAX, "--json", "-q")
    assert said.code == 0, said.err
    assert len(said.data["best"]["demos"]) == 1


def test_an_unfinished_run_is_finished_first(opro: Opro, scorer: ScriptedModel) -> None:
    assert opro("optimize", "c.yaml", *STILL, "--budget", "calls=9", "-q").code == 3
    said = opro("prune", "@last")
    assert said.code == 2
    assert "its best prompt is not chosen yet" in said.err
    assert "finish it with `opro resume" in said.err


@pytest.mark.parametrize(
    ("model", "price", "message"),
    [
        ("openai/nobody-knows-it", None, "is not known"),
        ("embedded/tiny-mistral", None, "is 0, so that no prompt costs less than another"),
        ("openai/nobody-knows-it", PriceSettings(1.0, 2.0), ""),
    ],
)
def test_costs_in_dollars_need_a_price(
    model: str, price: PriceSettings | None, message: str
) -> None:
    settings = Settings(
        task=TaskSettings(DataSettings("rows", "question", "answer"), "number"),
        scorer=ScorerSettings(model, price=price),
        search=SearchSettings(objectives=ObjectivesSettings("usd_per_1000")),
    )
    if not message:
        require_prices(settings)
        return
    with pytest.raises(UsageError, match=message) as error:
        require_prices(settings)
    assert error.value.hint is not None
    assert "search.objectives: {cost: tokens_per_1000}" in error.value.hint
    assert ("scorer.price" in error.value.hint) == ("not known" in message)


@pytest.mark.slow
def test_idle_clauses_go_off_a_prompt_of_the_embedded_model(opro: Opro, folder: Path) -> None:
    # A small version of `python -m tests.bench.prune`, on real rows.
    start = 'search.initial_instructions=["' + pad(KNOWN["navigate"]) + '"]'
    still = ("--set", start, "--steps", "0", "--set", "search.baselines=[]", "-q")
    assert opro("optimize", str(QUICKSTART), *still).code == 0
    result = opro("prune", "@last", "--margin", "10", "--json", "-q").data
    assert result["pruned"]["share"] >= 0.25
    assert result["not_worse"]["proven"]
    assert "Track the position after each move." in result["best"]["instruction"]


@pytest.mark.slow
async def test_a_killed_one_ends_as_if_it_never_was(tmp_path: Path) -> None:
    async def finish(at: Bench, *arguments: str) -> dict[str, Any]:
        process = await at.opro(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 0, err.decode()
        result: dict[str, Any] = json.loads(out)
        return {k: result[k] for k in ("best", "initial", "pruned", "not_worse", "verdict")}

    async with new_server() as server:
        (tmp_path / "a").mkdir()
        config = CONFIG.format(rows=GSM8K, url=server.url, concurrency=4)
        start = '["Count it all. Be of good cheer. Add and check. It matters to us."]'
        config = config.replace("exemplars: 2", f"exemplars: 2, initial_instructions: {start}")
        (tmp_path / "a" / "c.yaml").write_text(config.replace("steps: 2", "steps: 0"))
        at = Bench(tmp_path / "a", server)
        await finish_still(at)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        shutil.copytree(tmp_path / "a", tmp_path / "c")
        whole = await finish(Bench(tmp_path / "b", server), "prune", "gsm8k", *LAX, "--json", "-q")
        killed = Bench(tmp_path / "c", server)
        before = killed.answered()
        command: tuple[str, ...] = ("prune", "gsm8k", *LAX, "--json", "-q")
        for more in (3, 14, 30, 45):
            process = await killed.opro(*command)
            await killed.until(before + more, process)
            if process.returncode is None:
                process.kill()
            await process.communicate()
            await killed.server_is_quiet()
            command = ("resume", "pruned", "--json", "-q")
        assert await finish(killed, *command) == whole


async def finish_still(at: Bench) -> None:
    process = await at.opro("optimize", "c.yaml", "-q")
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, err.decode()
