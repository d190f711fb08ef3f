"""Every problem of a config at once, each at its key path and with its remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opro_cli.core.settings.differences import Change, convert_to_plain, find_changes
from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.read import read_settings
from opro_cli.core.settings.settings import BudgetSettings, Settings


def minimal() -> dict[str, Any]:
    return {
        "task": {
            "data": {"train": "t.jsonl", "input": "question", "target": "answer"},
            "answer": "number",
        },
        "scorer": {"model": "openai/a"},
        "optimizer": {"model": "openai/b"},
    }


def check_answer(spec: str) -> None:
    if spec != "number":
        raise ValueError(f"no such answer {spec!r}")


def presets(name: str) -> dict[str, Any]:
    if name != "sums":
        raise ValueError(f"no preset {name!r}")
    return {"data": {"train": "hub:x#train", "input": "q", "target": "a"}, "answer": "number"}


def search_preset(name: str, task: str | None, strategy: str | None) -> dict[str, Any]:
    if name == "wrong":
        raise ValueError("no such preset")
    if name == "default":
        return {}
    shares = {"sums": 0.5}
    return {
        "task": {"qa_markers": False, "data": {"split": {"train": shares.get(task or "", 7)}}},
        "search": {"steps": 200, "history": 9 if strategy is None else None},
    }


NAMES = NameResolver(check_answer, ("opro", "paper-instructions-only"), presets, search_preset)


def read(raw: Any) -> Settings:
    result = read_settings(raw, NAMES)
    assert result.settings is not None, result.problems
    return result.settings


def problems(raw: Any) -> dict[str, str]:
    result = read_settings(raw, NAMES)
    assert result.settings is None
    return {problem.dotted: problem.message for problem in result.problems}


def test_the_defaults_are_the_contract() -> None:
    settings = read(minimal())
    search = settings.search
    assert settings.task.instruction_position == "Q_begin"
    assert settings.task.qa_markers is True
    assert (settings.scorer.temperature, settings.scorer.max_tokens) == (0.0, 1024)
    assert (settings.scorer.concurrency, settings.scorer.timeout) == (32, 120.0)
    assert (settings.optimizer.temperature, settings.optimizer.max_tokens) == (1.0, 512)
    assert (search.steps, search.candidates_per_step, search.history) == (20, 8, 20)
    assert (search.score_buckets, search.score_threshold, search.exemplars) == (100, 0.0, 3)
    assert (search.exemplar_choice, search.seed) == ("random", 0)
    assert search.initial_instructions == ("Let's solve the problem.",)


def test_plain_data_reads_back_to_equal_settings() -> None:
    settings = read(minimal())
    assert read(convert_to_plain(settings)) == settings


def test_all_problems_are_told_at_once() -> None:
    raw = minimal()
    raw["scorer"] = {"model": "gpt", "temperature": 3, "concurency": 4}
    raw["search"] = {"steps": "many", "exemplar_choice": "ramdom"}
    del raw["task"]["data"]["target"]
    found = problems(raw)
    assert set(found) == {
        "scorer.model",
        "scorer.temperature",
        "scorer.concurency",
        "search.steps",
        "search.exemplar_choice",
        "task.data.target",
    }
    assert found["scorer.concurency"] == 'no such key; did you mean "concurrency"?'
    whole = "a whole number of at least 0 and at most 1,000,000"
    assert found["search.steps"] == f"expected {whole}, found 'many'"
    assert 'did you mean "random"?' in found["search.exemplar_choice"]
    assert "missing" in found["task.data.target"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("search", "steps"), True, "whole number"),
        (("search", "steps"), 3.0, "whole number"),
        (("search", "steps"), -1, "at least 0"),
        (("search", "score_threshold"), 1.5, "at most 1"),
        (("search", "initial_instructions"), [], "at least one"),
        (("search", "initial_instructions"), ["a", "a"], "different"),
        (("search", "strategy"), "gepa", "expected one of opro"),
        (("scorer", "timeout"), 0, "above 0"),
        (("scorer", "model"), "embedded/mistral-7b", "embedded/tiny-mistral, which answers"),
        (("optimizer", "model"), "embedded/mistral-7b", "or embedded/tiny-optimizer, which"),
        (("scorer", "temperature"), float("nan"), "a number"),
        (("scorer", "api_base"), "localhost:1", "URL"),
        (("scorer", "api_base"), "http://me:secret@host/v1", "environment"),
        (("task", "answer"), "numbr", "no such answer"),
        (("task", "qa_markers"), "yes", "true or false"),
        (("name",), "../evil", "letters, digits"),
        (("scorer", "timeout"), 10**400, "expected a number above 0, found 1000"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(
    path: tuple[str, ...], value: object, words: str
) -> None:
    raw = minimal()
    part = raw
    for name in path[:-1]:
        part = part.setdefault(name, {})
    part[path[-1]] = value
    found = problems(raw)
    assert words in found[".".join(path)]
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("scorer.max_tokens", 10_000_000),
        ("optimizer.max_tokens", 10_000_000),
        ("optimizer.concurrency", 100_000),
        ("scorer.repeats", 10_000),
        ("scorer.price.input", 100_000),
        ("scorer.price.output", 100_000),
        ("search.steps", 1_000_000),
        ("search.candidates_per_step", 10_000),
        ("search.score_buckets", 1_000_000),
        ("search.finalists", 1_000_000),
    ],
)
def test_a_number_that_nobody_can_mean_is_refused(path: str, most: int) -> None:
    """As it was found: some ended in a traceback once the run had begun, and one never ended."""
    *sections, name = path.split(".")
    for value, is_fine in ((most, True), (most + 1, False), (10**400, False), (1e300, False)):
        raw = minimal()
        raw["scorer"] |= {"price": {"input": 1, "output": 1}, "max_tokens": None}
        part = raw
        for each in sections:
            part = part.setdefault(each, {})
        part[name] = value
        found = {each.dotted: each.message for each in read_settings(raw, NAMES).problems}
        assert (path not in found) is is_fine
        if not is_fine and value != 1e300:
            assert " and at most " in found[path]
            assert len(found[path]) < 200


def test_stop_strings_are_a_text_or_up_to_four() -> None:
    assert read(minimal()).scorer.stop is None
    for given, stop in [("\nQ:", ("\nQ:",)), (["a", " "], ("a", " ")), (None, None)]:
        raw = minimal()
        raw["scorer"]["stop"] = raw["optimizer"]["stop"] = given
        settings = read(raw)
        assert (settings.scorer.stop, settings.optimizer.stop) == (stop, stop)
        assert read(convert_to_plain(settings)) == settings
        assert json.loads(json.dumps(convert_to_plain(settings))) == convert_to_plain(settings)
    for wrong in ("", [], [""], ["a"] * 5, [1], 3, {"a": "b"}):
        raw["scorer"]["stop"] = wrong
        assert "a list of one to four such" in problems(raw)["scorer.stop"]


def test_a_budget_has_four_ceilings_and_none_by_default() -> None:
    raw = minimal()
    raw["budget"] = {"usd": 5, "calls": 100, "tokens": 10**6, "minutes": 30.5}
    assert read(raw).budget == BudgetSettings(5.0, 100, 10**6, 30.5)
    for empty in (None, {}, {"usd": None, "calls": None}):
        assert read({**minimal(), "budget": empty}) == read(minimal())
    raw["budget"] = {"usd": 0, "calls": 1.5, "euros": 3}
    assert set(problems(raw)) == {"budget.usd", "budget.calls", "budget.euros"}


def test_answer_first_needs_the_answer_line() -> None:
    raw = minimal()
    raw["task"] |= {"instruction_position": "A_begin", "qa_markers": False}
    assert "qa_markers" in problems(raw)["task.instruction_position"]


def test_a_preset_fills_the_task_and_own_keys_win() -> None:
    raw = minimal()
    raw["task"] = {"preset": "sums", "data": {"train": "mine.jsonl"}, "qa_markers": False}
    settings = read(raw)
    assert settings.task.data.train == "mine.jsonl"
    assert settings.task.data.input == "q"
    assert settings.task.qa_markers is False
    raw["task"]["preset"] = "sum"
    assert "no preset" in problems(raw)["task.preset"]


@pytest.mark.parametrize("raw", [None, [], "text", 3])
def test_a_config_that_is_no_mapping_is_refused(raw: object) -> None:
    assert "expected keys and values" in problems(raw)["(top level)"]


def test_changes_are_named_by_key_path() -> None:
    before = convert_to_plain(read(minimal()))
    after = convert_to_plain(read(minimal()))
    after["search"]["steps"] = 3
    assert find_changes(before, after) == (Change("search.steps", 20, 3),)


def test_the_time_for_a_grade_may_change_between_two_sessions() -> None:
    more = minimal()
    more["task"]["answer_timeout"] = 0.5
    settings = read(more)
    assert (read(minimal()).task.answer_timeout, settings.task.answer_timeout) == (10.0, 0.5)
    (change,) = find_changes(convert_to_plain(read(minimal())), convert_to_plain(settings))
    assert (change.path, change.is_operational) == ("task.answer_timeout", True)
    for wrong in (0, -1, "10", True, None):
        more["task"]["answer_timeout"] = wrong
        assert "a number above 0" in problems(more)["task.answer_timeout"]
