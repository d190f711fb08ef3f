"""Settings that stand for others, that exclude each other, or that change with the step."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.settings.filled import overlay
from opro_cli.core.settings.models import OptimizerSettings
from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.read import read_settings
from opro_cli.core.settings.task import PAPER_ANSWERS
from opro_cli.metrics.paper import PAPER_KINDS
from tests.core.test_settings import NAMES, minimal, presets, problems, read


def with_search(**search: Any) -> dict[str, Any]:
    return {**minimal(), "search": search}


def test_a_search_preset_fills_what_was_not_given() -> None:
    settings = read(with_search(preset="some"))
    assert (settings.search.steps, settings.search.history) == (200, 9)
    assert settings.task.qa_markers is False
    assert settings.task.data.split.train == 7
    assert settings.task.data.train == "t.jsonl"
    assert settings.search.preset == "some"
    assert settings.search.exemplars == 3


def test_keys_that_were_given_win_and_leave_their_neighbours() -> None:
    raw = with_search(preset="some", steps=3)
    raw["task"]["data"]["split"] = {"seed": 5}
    raw["task"]["qa_markers"] = True
    settings = read(raw)
    assert (settings.search.steps, settings.search.history) == (3, 9)
    assert (settings.task.data.split.seed, settings.task.data.split.train) == (5, 7)
    assert settings.task.qa_markers is True


def test_null_is_a_value_that_was_given() -> None:
    raw = with_search(preset="some", history=None)
    raw["task"]["data"]["split"] = {"train": None}
    settings = read(raw)
    assert settings.search.history is None
    assert settings.task.data.split.train is None


def test_a_search_preset_knows_the_task_preset_and_the_strategy() -> None:
    asked: list[tuple[str, str | None, str | None]] = []

    def noted(name: str, task: str | None, strategy: str | None) -> dict[str, Any]:
        asked.append((name, task, strategy))
        return {"task": {"description": "sums of two", "data": {"input": "sum"}}}

    names = NameResolver(NAMES.check_answer, NAMES.strategies, presets, noted)
    raw = with_search(preset="some", strategy="opro")
    raw["task"] = {"preset": "sums"}
    settings = read_settings(raw, names).settings
    assert settings is not None
    read_settings(with_search(preset="some"), names)
    assert asked == [("some", "sums", "opro"), ("some", None, None)]
    # What the search preset says of the task stands above the task preset.
    assert (settings.task.data.input, settings.task.data.target) == ("sum", "a")


def test_no_preset_is_the_default_one_and_changes_nothing() -> None:
    assert read(with_search(preset="default")) == read(minimal())
    assert read(minimal()).search.preset == "default"


def test_an_unknown_preset_is_told_with_the_other_problems() -> None:
    found = problems(with_search(preset="wrong", steps=-1))
    assert found["search.preset"] == "no such preset"
    assert "search.steps" in found


@pytest.mark.parametrize("name", [3, None, ["some"], {}])
def test_a_preset_that_is_no_name_is_refused(name: object) -> None:
    assert set(problems(with_search(preset=name))) == {"search.preset"}


@pytest.mark.parametrize("section", [None, "text", []])
def test_a_preset_hides_no_section_that_is_none(section: object) -> None:
    raw = {**with_search(preset="some"), "task": section}
    assert "expected a section with keys" in problems(raw)["task"]


def test_overlaid_merges_sections_and_replaces_values() -> None:
    below = {"a": {"b": 1, "c": {"d": 2}}, "e": [1, 2], "f": 3}
    above = {"a": {"c": {"g": 4}}, "e": [5], "f": {"h": 6}}
    assert overlay(below, above) == {
        "a": {"b": 1, "c": {"d": 2, "g": 4}},
        "e": [5],
        "f": {"h": 6},
    }
    assert overlay(below, {"a": None}) == {"a": None, "e": [1, 2], "f": 3}
    assert below["a"] == {"b": 1, "c": {"d": 2}}


def test_history_and_score_buckets_may_be_null() -> None:
    settings = read(with_search(history=None, score_buckets=None))
    assert (settings.search.history, settings.search.score_buckets) == (None, None)
    for name in ("history", "score_buckets", "eval_interval"):
        (message,) = problems(with_search(**{name: 0})).values()
        assert message.startswith("expected a whole number of at least 1")
        assert message.endswith(", or null, found 0")


MISFITS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"task": {"instruction_position": "A_begin", "qa_markers": False}},
        "task.instruction_position",
        'A_begin starts the "A:" line, which qa_markers: false leaves out',
    ),
    *(
        (
            {
                "task": {"instruction_position": position, "description": "sums"},
                "search": {"strategy": "paper-instructions-only"},
            },
            "task.instruction_position",
            f"expected Q_begin, Q_end or A_begin, found '{position}'; "
            "search.strategy paper-instructions-only has words for no other place",
        )
        for position in ("before_Q", "system")
    ),
    (
        {"search": {"strategy": "paper-instructions-only"}},
        "task.description",
        "missing; search.strategy paper-instructions-only tells the optimizer what the "
        "questions are about, such as grade school math",
    ),
    (
        {"optimizer": {"temperature_schedule": "linear_increase"}},
        "optimizer.temperature_end",
        "found nothing with temperature_schedule linear_increase; "
        "give it with linear_increase and only then",
    ),
    (
        {"optimizer": {"temperature_end": 1.5}},
        "optimizer.temperature_end",
        "found 1.5 with temperature_schedule constant; give it with linear_increase and only then",
    ),
    *(
        (
            {"task": {"answer": "contains", "scoring": scoring}},
            "task.scoring",
            "the paper has no scoring for answer 'contains'; it has one for "
            "number, choice, boolean, exact",
        )
        for scoring in ("paper", "paper-boxed")
    ),
]


def any_answer(spec: str) -> None:
    """Every name is one of an answer."""


def settled(changes: dict[str, Any]) -> dict[str, str]:
    """The problems of a config with these changes, by key path."""
    names = NameResolver(any_answer, NAMES.strategies, presets, NAMES.search_preset)
    result = read_settings(overlay(minimal(), changes), names)
    return {problem.dotted: problem.message for problem in result.problems}


@pytest.mark.parametrize(("changes", "path", "message"), MISFITS)
def test_keys_that_do_not_go_together_are_told(
    changes: dict[str, Any], path: str, message: str
) -> None:
    assert settled(changes) == {path: message}


@pytest.mark.parametrize(
    "changes",
    [
        {"task": {"instruction_position": "A_begin"}},
        {
            "task": {"instruction_position": "Q_end", "description": "sums"},
            "search": {"strategy": "paper-instructions-only"},
        },
        {"optimizer": {"temperature_schedule": "linear_increase", "temperature_end": 0}},
        *({"task": {"answer": answer, "scoring": "paper"}} for answer in PAPER_ANSWERS),
        {"task": {"answer": "contains", "scoring": "default"}},
    ],
)
def test_keys_that_go_together_are_fine(changes: dict[str, Any]) -> None:
    assert settled(changes) == {}


def test_all_misfits_are_told_at_once() -> None:
    changes: dict[str, Any] = {}
    for each, _, _ in (MISFITS[1], MISFITS[4], MISFITS[6]):
        changes = overlay(changes, each)
    assert set(settled(changes)) == {
        "task.instruction_position",
        "optimizer.temperature_end",
        "task.scoring",
    }


def test_the_answers_with_a_paper_scoring_are_those_that_have_one() -> None:
    assert set(PAPER_ANSWERS) == set(PAPER_KINDS)


def test_a_constant_temperature_is_that_of_every_step() -> None:
    optimizer = OptimizerSettings("openai/b", temperature=0.7)
    assert {optimizer.temperature_at(step, 4) for step in (1, 2, 4)} == {0.7}


@pytest.mark.parametrize(
    ("end", "temperatures"),
    [(1.5, [0.5, 0.75, 1.0, 1.25]), (0.0, [0.5, 0.375, 0.25, 0.125]), (0.5, [0.5] * 4)],
)
def test_a_linear_one_starts_at_the_temperature_and_ends_a_step_before_its_end(
    end: float, temperatures: list[float]
) -> None:
    optimizer = OptimizerSettings(
        "openai/b",
        temperature=0.5,
        temperature_schedule="linear_increase",
        temperature_end=end,
    )
    assert [optimizer.temperature_at(step, 4) for step in (1, 2, 3, 4)] == temperatures
    assert optimizer.temperature_at(1, 1) == 0.5
