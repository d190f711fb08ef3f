"""Groups in a verdict, in a diff, and in old runs that know of none."""

from __future__ import annotations

from dataclasses import replace

from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import Example, Split
from opro_cli.reports.comparison import diff_prompts
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.reports.selected import select_prompt
from tests.core.runs import proposed
from tests.reports.runs import answer_all

TASK = TaskSettings(DataSettings("t", "q", "a"), "number")
SEARCH = SearchSettings(steps=1, candidates_per_step=1, initial_instructions=("start",))


def run_of(before: str, after: str, groups: str) -> RecordedRun:
    """A run that found "better"; a letter for each test question's group, "." for none."""
    examples: dict[Split, list[Example]] = {
        "train": [Example("?", "1", "t:0")],
        "dev": [Example("!", "1", "t:1")],
        "test": [
            Example(f"q{n}", "1", f"t:{n}", group=letter.strip("."))
            for n, letter in enumerate(groups)
        ],
    }
    state = RunState.at_start(replace(SEARCH, baselines=()), examples, TASK)
    answer_all(state, "start", "train", "w")
    state.apply(proposed(1, 0, "better"))
    answer_all(state, "better", "train", "r")
    for split, outcomes in (("dev", "wr"), ("test", (before, after))):
        answer_all(state, "start", split, outcomes[0])  # type: ignore[arg-type]
        answer_all(state, "better", split, outcomes[1])  # type: ignore[arg-type]
    settings = {
        "scorer": {"model": "openai/a"},
        "optimizer": {"model": "openai/b"},
        "task": {"answer": "number", "data": {"train": "t"}},
    }
    return RecordedRun("r", "r", settings, {}, examples, state, "finished")


def test_a_verdict_says_that_groups_were_compared() -> None:
    alone = build_result(run_of("w" * 8 + "r" * 12, "r" * 20, "." * 20), finished=True)
    assert alone["verdict"] == "improved"
    assert "groups" not in alone["paired_test"]
    letters = "a" * 8 + "bbbbccccdddd"
    result = build_result(run_of("w" * 8 + "r" * 12, "r" * 20, letters), finished=True)
    assert result["verdict"] == "not_distinguishable"
    assert result["paired_test"]["groups"] == 4
    assert result["paired_test"]["test"] == "Gaffke p by group"
    assert (result["paired_test"]["n"], result["paired_test"]["gained"]) == (20, 8)
    assert result["verdict_sentence"].startswith("on 20 unseen test questions of 4 groups 60.0 %")
    interval = result["best"]["scores"]["test"]["interval"]
    narrow = alone["best"]["scores"]["test"]["interval"]
    assert interval[0] < narrow[0]


def test_a_diff_takes_groups_from_the_run_that_knows_them() -> None:
    known = run_of("w" * 8 + "r" * 12, "r" * 20, "a" * 8 + "b" * 12)
    unknown = run_of("w" * 8 + "r" * 12, "r" * 20, "." * 20)
    for before, after, groups in (
        (known, unknown, 2),
        (unknown, known, 2),
        (unknown, unknown, None),
    ):
        prompts = select_prompt(before), select_prompt(after)
        flips = diff_prompts(*prompts).flips
        assert flips is not None
        assert flips.groups == groups
        assert flips.to_json(1.0).get("groups") == groups
