"""Ceilings as a person meets them: set, reached, raised; and what a run would cost before it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.store.run_files import fingerprint_settings
from tests.cli.conftest import CONFIG as SUMS
from tests.cli.conftest import Opro, only_run
from tests.cli.test_commands import without_times
from tests.loop.runs import ShuffledModel, say

# With races a budget of calls is a whole search (tests/loop/test_budgeted_races).
CONFIG = SUMS.replace("exemplars: 2", "exemplars: 2, racing: false")
PRICED = CONFIG.replace("scripted/scorer", "scripted/scorer, price: {input: 1, output: 2}").replace(
    "scripted/optimizer", "scripted/optimizer, price: {input: 1, output: 2}"
)


def with_budget(folder: Path, budget: str, config: str = CONFIG) -> None:
    (folder / "c.yaml").write_text(f"{config}budget: {budget}\n")


def spend(folder: Path) -> Any:
    return json.loads((only_run(folder) / "result.json").read_text())["spend"]


@pytest.mark.parametrize(("ceiling", "most"), [("calls", 40), ("tokens", 2_000), ("usd", 0.003)])
def test_a_ceiling_stops_the_run_and_a_higher_one_goes_on_to_the_same_result(
    opro: Opro, folder: Path, model: ShuffledModel, ceiling: str, most: float
) -> None:
    (folder / "c.yaml").write_text(PRICED)
    whole = opro("optimize", "c.yaml", "--json", "--no-cache", "--runs-dir", "whole").data
    with_budget(folder, f"{{{ceiling}: {most}}}", PRICED)
    stopped = opro("optimize", "c.yaml")
    assert stopped.code == 3, stopped.err
    assert f"stopped by budget.{ceiling} {most:,} reached" in stopped.err
    run = only_run(folder)
    assert f"resume with: opro resume {run.name} --budget {ceiling}=+AMOUNT" in stopped.err
    spent = spend(folder)
    spent["tokens"] = spent["prompt_tokens"] + spent["completion_tokens"]
    assert 0 < spent[ceiling] <= most
    assert opro("runs", "--json").data[0]["status"] == "stopped"
    asked = len(model.requests)
    again = opro("resume", "--last")
    assert again.code == 3
    assert len(model.requests) == asked
    resumed = opro("resume", "--last", "--json", "--budget", f"{ceiling}=+1000000")
    assert resumed.code == 0
    assert without_times(resumed.data) == without_times(whole)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["budget"][ceiling] == most + 1_000_000
    assert "was edited since" not in resumed.err


def test_a_budget_is_not_raised_by_a_resume_that_is_refused(opro: Opro, folder: Path) -> None:
    with_budget(folder, "{calls: 20}")
    opro("optimize", "c.yaml")
    run = only_run(folder)
    (run / "examples.jsonl").rename(folder / "elsewhere")
    assert opro("resume", "--last", "--budget", "calls=+20").code == 2
    (folder / "elsewhere").rename(run / "examples.jsonl")
    assert yaml.safe_load((run / "config.yaml").read_text())["budget"]["calls"] == 20
    assert opro("resume", "--last", "--budget", "calls=none").code == 0
    assert yaml.safe_load((run / "config.yaml").read_text())["budget"]["calls"] is None


def test_a_ceiling_below_what_is_spent_does_not_end_a_search_for_good(
    opro: Opro, folder: Path
) -> None:
    with_budget(folder, "{calls: 60, tokens: 1300}", SUMS)
    assert opro("optimize", "c.yaml").code == 3
    made = spend(folder)["calls"]
    assert made > 3
    said = opro("resume", "--last", "--budget", "calls=3")
    assert said.code == 2
    assert f"budget.calls 3: the run has made {made} calls already" in said.err
    resumed = opro("resume", "--last", "--json", "--budget", "tokens=none")
    assert (resumed.code, resumed.data["status"]) == (0, "finished")
    assert resumed.data["spend"]["calls"] > made


def test_cached_answers_are_spent_of_the_calls_that_a_search_is_laid_out_by(
    opro: Opro, folder: Path
) -> None:
    with_budget(folder, "{calls: 60, tokens: 1300}", SUMS)
    assert opro("optimize", "c.yaml").code == 3
    assert opro("optimize", "c.yaml", "--runs-dir", "again").code == 3  # the cache had a part of it
    (run,) = (path for path in (folder / "again").iterdir() if (path / "events.jsonl").exists())
    spent = json.loads((run / "result.json").read_text())["spend"]
    made, cached = spent["calls"], spent["cached_calls"]
    assert made + 1 < made + cached
    said = opro("resume", str(run), "--budget", f"calls={made + 1}")
    assert said.code == 2
    assert f"budget.calls {made + 1}: the run has made {made + cached} calls already" in said.err


@pytest.mark.parametrize("ceiling", ["calls", "tokens", "usd"])
def test_more_where_there_is_no_ceiling_is_more_than_what_is_spent(
    opro: Opro, folder: Path, ceiling: str
) -> None:
    other = "tokens" if ceiling == "calls" else "calls"
    with_budget(folder, f"{{{other}: {2_000 if other == 'tokens' else 40}}}", PRICED)
    assert opro("optimize", "c.yaml").code == 3
    before = spend(folder)
    before["tokens"] = before["prompt_tokens"] + before["completion_tokens"]
    changes = ["--budget", f"{ceiling}=+0.0005" if ceiling == "usd" else f"{ceiling}=+9"]
    assert opro("resume", "--last", "--budget", f"{other}=none", *changes).code == 3
    config = yaml.safe_load((only_run(folder) / "config.yaml").read_text())
    more = 0.0005 if ceiling == "usd" else 9
    assert config["budget"][ceiling] == pytest.approx(before[ceiling] + more)
    assert config["budget"][other] is None
    lifted = ["--budget", f"{ceiling}=none", *changes]  # from nothing, too, though it had one
    again = opro("resume", "--last", *lifted)
    assert again.code == 3
    config = yaml.safe_load((only_run(folder) / "config.yaml").read_text())
    assert config["budget"][ceiling] >= before[ceiling] + more - 1e-9


def test_an_estimate_has_its_sign_in_the_report(opro: Opro, folder: Path) -> None:
    with_budget(folder, "{calls: 30}", SUMS.replace("test: 7", "test: 0"))
    assert opro("optimize", "c.yaml").code == 0
    assert opro("report", only_run(folder).name, "-o", "r.html").code == 0
    page = (folder / "r.html").read_text("utf-8")
    worth = re.findall(r'class="?worth"?><b>([^<]*)</b>([^<]*)', page)
    estimated = [mean for mean, basis in worth if "stopped" in basis or "not asked" in basis]
    assert estimated
    assert all(mean.startswith("~") for mean in estimated)


@pytest.mark.parametrize(
    "change", ["usd", "euro=2", "calls=many", "calls=-3", "usd=0", "usd=nan", "minutes=inf", "=3"]
)
def test_what_is_no_change_of_a_budget_is_told(opro: Opro, folder: Path, change: str) -> None:
    with_budget(folder, "{calls: 20}")
    opro("optimize", "c.yaml")
    said = opro("resume", "--last", "--budget", change)
    assert said.code == 2
    assert "expected usd|calls|tokens|minutes=AMOUNT, =+MORE or =none" in said.err
    assert repr(change) in said.err


def test_a_change_of_a_budget_is_checked_though_the_run_is_over(opro: Opro, folder: Path) -> None:
    assert opro("optimize", "c.yaml").code == 0
    said = opro("resume", "--last", "--budget", "calls=abc")
    assert (said.code, "'calls=abc'" in said.err) == (2, True)
    assert opro("resume", "--last", "--budget", "calls=50").code == 0


@pytest.mark.parametrize("command", ["check", "optimize"])
def test_a_ceiling_in_dollars_over_an_unknown_price_is_refused(
    opro: Opro, folder: Path, model: ShuffledModel, command: str
) -> None:
    with_budget(folder, "{usd: 5}")
    said = opro(command, "c.yaml")
    assert said.code == 2
    assert "budget.usd: the price of scorer scripted/scorer is not known" in said.err
    assert "set scorer.price: {input: …, output: …} (US dollars per million tokens)" in said.err
    assert model.requests == []
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(("ceiling", "calls"), [("usd: 0.02", 8), ("tokens: 12000", 10)])
def test_what_nobody_counts_is_spent_at_its_bound_and_named(
    opro: Opro, folder: Path, model: ShuffledModel, ceiling: str, calls: int
) -> None:
    def uncounted(request: ChatRequest) -> ChatReply:
        return ChatReply(say(request), "stop", None, None, None)

    model._say = uncounted
    with_budget(folder, f"{{{ceiling}}}", PRICED)
    said = opro("optimize", "c.yaml")
    assert said.code == 3
    assert f"in {len(model.requests)} unmetered calls" in said.out
    assert len(model.requests) == calls
    for _ in range(3):  # no resume lifts the ceiling
        again = opro("resume", "--last")
        assert again.code == 3
        assert f"in {calls} unmetered calls" in again.out
    assert len(model.requests) == calls
    (spend,) = [each["spend"] for each in opro("runs", "--json").data]
    assert (spend["usd"], spend["prompt_tokens"]) == (None, None)
    assert spend["uncounted"]["calls"] == calls
    assert spend["uncounted"]["tokens"] <= 12_000 or ceiling.startswith("usd")
    assert spend["uncounted"]["usd"] <= 0.02 or ceiling.startswith("tokens")


def test_a_dry_run_tells_the_cost_and_asks_and_makes_nothing(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    (folder / "c.yaml").write_text(PRICED)
    said = opro("optimize", "c.yaml", "--dry-run")
    assert said.code == 0
    told = opro("optimize", "c.yaml", "--dry-run", "--json").data
    most = told["total"]["at_most"]
    assert most["usd"] == pytest.approx(
        (most["prompt_tokens"] + 2 * most["completion_tokens"]) / 1e6
    )
    assert "both" in said.out
    assert model.requests == []
    assert not (folder / "runs").exists()
    run = opro("optimize", "c.yaml", "--json").data
    assert run["spend"]["calls"] <= most["calls"]


def test_a_budget_of_calls_is_laid_out_as_a_whole_search(opro: Opro, folder: Path) -> None:
    with_budget(folder, "{calls: 40}", SUMS)
    checked = opro("check", "c.yaml")
    assert "budget.calls 40 does not buy the whole search" in checked.out + checked.err
    ended = opro("optimize", "c.yaml")
    assert ended.code == 0
    assert "budget.calls 40 does not buy the whole search" in ended.err
    assert 0 < spend(folder)["calls"] <= 40
    assert opro("runs", "--json").data[0]["status"] == "finished"
    assert opro("report", only_run(folder).name).code == 0


def test_a_race_that_ended_under_a_lower_ceiling_than_its_first_is_whole(
    opro: Opro, folder: Path
) -> None:
    assert opro("optimize", "c.yaml", "--budget", "calls=30").code == 0
    identity = only_run(folder) / "run.json"
    content = json.loads(identity.read_text("utf-8"))
    assert content["settings"]["budget"]["calls"] == 30
    content["settings"]["budget"]["calls"] = 60  # as if a first session had been allowed more
    content["config_fingerprint"] = fingerprint_settings(content["settings"])
    identity.write_text(json.dumps(content), "utf-8")
    assert opro("show", "sums").code == 0
