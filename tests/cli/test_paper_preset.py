"""`search.preset` as a person uses it, and runs of before there was one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from opro_cli.errors import ModelError
from tests.cli.conftest import CONFIG, Opro, only_run
from tests.cli.test_commands import without_times
from tests.loop.runs import ShuffledModel, say

PAPER = CONFIG.replace(
    "search: {steps: 2, candidates_per_step: 3, exemplars: 2}",
    "search: {preset: paper-gpt, steps: 4, candidates_per_step: 3}",
)


def events(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def stopped_after(opro: Opro, model: ShuffledModel, calls: int) -> None:
    """A run that fails after so many calls; the model is well again afterwards."""

    def failing(request: Any) -> Any:
        if len(model.requests) > calls:
            return ModelError("down", transient=False)
        return say(request)

    model._say = failing
    model.requests.clear()
    assert opro("optimize", "c.yaml").code == 1
    model._say = say
    model.requests.clear()


def test_a_preset_makes_the_papers_run(opro: Opro, folder: Path, model: ShuffledModel) -> None:
    (folder / "c.yaml").write_text(PAPER)
    said = opro("optimize", "c.yaml", "--json")
    assert (said.code, said.data["status"]) == (0, "finished")
    run = only_run(folder)
    resolved = yaml.safe_load((run / "config.yaml").read_text())
    assert resolved["search"]["preset"] == "paper-gpt"
    assert (resolved["search"]["rules"], resolved["search"]["steps"]) == ("paper", 4)
    assert (resolved["task"]["scoring"], resolved["task"]["qa_markers"]) == ("paper", False)
    train = np.sort(np.random.RandomState(0).choice(30, 6, replace=False)).tolist()
    examples = [json.loads(line) for line in (run / "examples.jsonl").read_text().splitlines()]
    assert [each["row"] for each in examples if each["split"] == "train"] == train
    first = next(r for r in model.requests if "Your task" in r.messages[-1].content)
    shown = np.sort(np.random.RandomState(0).choice(train, 3, replace=False)).tolist()
    problems = "".join(
        f"\nProblem:\n<INS>\nWhat is {row + 1} plus {row + 1}?\n\n"
        f"Ground truth answer:\n{2 * (row + 1)}\n"
        for row in shown
    )
    assert f"Below are some problems.\n{problems}\n\nGenerate" in first.messages[0].content
    # Steps 1 and 4 of 4 are scored on dev, and so is the initial instruction at the end.
    asked = [
        "P" if each["event"] == "proposed" else each["split"][0]
        for each in events(run)
        if each["event"] in ("proposed", "answered")
    ]
    assert "d" in asked[asked.index("P") : -asked[::-1].index("P")]


def test_check_shows_what_a_preset_stands_for(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    (folder / "c.yaml").write_text(PAPER)
    facts = opro("check", "c.yaml", "--json").data
    assert facts["steps"] == 4
    # The tiny call; 12 proposals; 13 candidates on train; 1 + 5 finalists + 2 * 3 of steps 1 and
    # 4 on dev; 2 on test
    assert facts["calls_at_most"] == 1 + 12 + 13 * 6 + 12 * 5 + 2 * 7
    assert facts["notes"] == [
        "split: 6 train, 5 dev, 7 test rows, drawn with seed 0 from 30 rows, "
        "as the paper's reference draws them",
        "7 test questions tell only very large gains from chance (4 times in 5, when answers "
        "differ on 3 questions of 10)",
    ]
    (asked,) = facts["scorer_prompt"]
    assert asked["content"].startswith("Let's solve the problem.\nWhat is ")
    (meta_prompt,) = facts["meta_prompt"]
    assert "text:\nLet's solve the problem.\nscore:\n0\n" in meta_prompt["content"]
    assert meta_prompt["content"].count("\nProblem:\n<INS>\n") == 3
    assert "as the paper's reference draws them" in opro("check", "c.yaml").out
    twice = PAPER.replace("answer: number", "answer: number\n  second_round: true")
    (folder / "c.yaml").write_text(twice)
    facts = opro("check", "c.yaml", "--json").data
    assert facts["calls_at_most"] == 1 + 12 + 2 * (13 * 6 + 12 * 5 + 2 * 7)
    assert model.requests == []


@pytest.mark.parametrize("second_round", ["false", "true"])
@pytest.mark.parametrize("calls", [3, 60, 120])
def test_a_preset_run_resumes_to_the_same_result(
    opro: Opro, folder: Path, model: ShuffledModel, calls: int, second_round: str
) -> None:
    config = PAPER.replace("answer: number", f"answer: number\n  second_round: {second_round}")
    (folder / "c.yaml").write_text(config)
    whole = opro("optimize", "c.yaml", "--json", "--no-cache", "--runs-dir", "whole").data
    stopped_after(opro, model, calls)
    paid = sum(
        each["event"] in ("checked", "answered", "reasoned", "proposed")
        for each in events(only_run(folder))
    )
    resumed = opro("resume", "--last", "--json")
    assert without_times(resumed.data) == without_times(whole)
    assert len(model.requests) == whole["spend"]["calls"] - paid
    assert "was edited since" not in resumed.err


def test_the_preset_for_palm_reads_brackets(opro: Opro, folder: Path, model: ShuffledModel) -> None:
    def in_brackets(request: Any) -> Any:
        text = request.messages[-1].content
        if text.startswith("I have some texts"):
            return f"[count to {request.seed % 7}]"
        return say(request)

    model._say = in_brackets
    (folder / "c.yaml").write_text(PAPER.replace("paper-gpt", "paper-palm"))
    result = opro("optimize", "c.yaml", "--json").data
    assert result["proposals"]["replies"] == 12
    assert result["proposals"]["skipped"].keys() == {"repeated"}
    shown = opro("show", "sums", "--json").data
    found = {each["instruction"] for each in shown["candidates"] if each["step"]}
    assert found
    assert found <= {f"Count to {n}" for n in range(7)}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("paper-gpt", "paper-gtp"),
            "c.yaml:11: search.preset: expected one of default, paper-gpt, paper-palm, "
            "paper-regression, paper-tour (did you mean \"paper-gpt\"?), found 'paper-gtp'",
        ),
        (
            ("answer: number", "answer: contains"),
            "c.yaml:2: task.scoring: the paper has no scoring for answer 'contains'; it has one "
            "for number, choice, boolean, exact",
        ),
        (
            ("steps: 4", "steps: 4, strategy: paper-instructions-only"),
            "c.yaml:2: task.description: missing; search.strategy paper-instructions-only tells "
            "the optimizer what the questions are about, such as grade school math",
        ),
    ],
)
def test_a_preset_that_does_not_fit_is_told_with_its_line(
    opro: Opro, folder: Path, change: tuple[str, str], problem: str
) -> None:
    (folder / "c.yaml").write_text(PAPER.replace(*change))
    for command in ("check", "optimize"):
        said = opro(command, "c.yaml")
        assert said.code == 2
        assert said.err.splitlines()[:2] == ["opro: c.yaml: 1 problem", problem]
    assert not (folder / "runs").exists()


def test_the_text_of_skipped_proposals_is_counted_in_the_summary(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    def tagged(request: Any) -> Any:
        text = request.messages[-1].content
        return "<INS>an <INS></INS>" if "Your task" in text else say(request)

    model._say = tagged
    (folder / "c.yaml").write_text(PAPER)
    said = opro("optimize", "c.yaml")
    assert "held no new instruction: 11 repeated, 1 with a tag in them" in " ".join(
        said.out.split()
    )
    result = json.loads((only_run(folder) / "result.json").read_text())
    counts = {"repeated": 11, "tag": 1}
    assert result["proposals"] == {
        "replies": 12,
        "nothing_new": 12,
        "reasons": counts,
        "why": ["11 repeated", "1 with a tag in them"],
        "said": None,
        "shown": None,
        "skipped": counts,
    }


# What a run's settings did not have in format version 1.
LIMITS = ("requests_per_minute", "tokens_per_minute", "price", "cache")
CAME_LATER = {
    "task": ("scoring", "second_round", "description", "unanswerable"),
    "scorer": LIMITS,
    "optimizer": ("temperature_schedule", "temperature_end", *LIMITS),
    "search": ("preset", "rules", "exemplars_first", "drop_digits", "eval_interval"),
}


def without_later_keys(settings: dict[str, Any]) -> dict[str, Any]:
    for section, names in CAME_LATER.items():
        for name in names:
            del settings[section][name]
    del settings["task"]["data"]["split"]["method"]
    del settings["budget"]
    return settings


def test_a_run_of_before_these_settings_goes_on(
    opro: Opro, folder: Path, model: ShuffledModel
) -> None:
    whole = opro("optimize", "c.yaml", "--json", "--no-cache", "--runs-dir", "whole").data
    stopped_after(opro, model, 40)
    run = only_run(folder)
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump(without_later_keys(config)))
    identity = json.loads((run / "run.json").read_text())
    del identity["config_fingerprint"]
    identity["settings"] = without_later_keys(identity["settings"])
    (run / "run.json").write_text(json.dumps({**identity, "format_version": 1}))
    rows = [json.loads(line) for line in (run / "examples.jsonl").read_text().splitlines()]
    for row in rows:
        del row["row"]
    (run / "examples.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    resumed = opro("resume", "--last", "--json")
    assert resumed.code == 0
    assert without_times(resumed.data) == without_times(whole)
    assert "was edited since" not in resumed.err
    assert opro("show", "sums", "--json").data["status"] == "finished"
