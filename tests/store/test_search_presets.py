"""The paper's settings, against a table written by hand, and the sources beside each value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pytest
import yaml

from opro_cli import wiring
from opro_cli.config.file import SEARCH_PRESETS, expand_search_preset
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.read import read_settings
from opro_cli.core.settings.settings import Settings
from opro_cli.strategies import STRATEGIES

OWN = {"data": {"train": "t.jsonl", "input": "q", "target": "a"}, "answer": "number"}
TASKS = ("gsm8k", "multiarith", "aqua", "bbh/navigate", "mmlu/anatomy")


def config(preset: str, task: str | None, **search: Any) -> dict[str, Any]:
    return {
        "task": OWN if task is None else {"preset": task},
        "scorer": {"model": "openai/a"},
        "optimizer": {"model": "openai/b"},
        "search": {"preset": preset, **search},
    }


def resolved(raw: Mapping[str, Any]) -> Settings:
    result = read_settings(raw, wiring.NAMES)
    assert result.settings is not None, result.problems
    return result.settings


def flat(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in plain.items():
        path = f"{prefix}{name}"
        values |= flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return values


# What no publication says, since it is about our own ways.
OURS: dict[str, Any] = {
    "name": "run",
    "scorer.model": "openai/a",
    "scorer.api_base": None,
    "scorer.stop": None,
    "scorer.concurrency": 32,
    "scorer.timeout": 120.0,
    "scorer.requests_per_minute": None,
    "scorer.tokens_per_minute": None,
    "scorer.cache": None,
    "scorer.price": None,
    "optimizer.model": "openai/b",
    "optimizer.api_base": None,
    "optimizer.stop": None,
    "optimizer.concurrency": 8,
    "optimizer.timeout": 120.0,
    "optimizer.requests_per_minute": None,
    "optimizer.tokens_per_minute": None,
    "optimizer.cache": None,
    "optimizer.price": None,
    "search.finalists": 5,
    "search.baselines": [],
    "search.noise_check": False,
    "search.racing": False,
    "search.leaks": "flag",
    "search.seed": 0,
    "task.unanswerable": "wrong",
    "task.answer_timeout": 10.0,
    "task.evaluator": "model",
    "budget.usd": None,
    "budget.calls": None,
    "budget.tokens": None,
    "budget.minutes": None,
}
GPT = {
    "task.instruction_position": "Q_begin",
    "task.qa_markers": False,
    "task.scoring": "paper",
    "task.second_round": False,
    "task.data.split.train": None,
    "task.data.split.dev": None,
    "task.data.split.test": None,
    "task.data.split.seed": 0,
    "task.data.split.method": "paper",
    "scorer.temperature": 0.0,
    "scorer.max_tokens": 1024,
    "optimizer.temperature": 1.0,
    "search.test_unbeaten_start": False,
    "optimizer.temperature_schedule": "constant",
    "optimizer.temperature_end": None,
    "optimizer.max_tokens": 512,
    "search.preset": "paper-gpt",
    "search.strategy": "paper-gpt",
    "search.rules": "paper",
    "search.initial_instructions": ["Let's solve the problem."],
    "search.steps": 200,
    "search.candidates_per_step": 8,
    "search.history": 20,
    "search.score_buckets": 100,
    "search.score_threshold": 0.3,
    "search.exemplars": 3,
    "search.exemplar_choice": "random",
    "search.exemplars_first": False,
    "search.max_instruction_chars": 500,
    "search.drop_digits": False,
    "search.eval_interval": 3,
    "search.ask_again": 0,
    "search.candidates": None,
}
PALM = {
    **GPT,
    "optimizer.max_tokens": 1024,
    "search.preset": "paper-palm",
    "search.strategy": "paper-palm",
    "search.score_threshold": 0.0,
}
BY_TASK: dict[str | None, dict[str, Any]] = {
    None: {
        "task.data.train": "t.jsonl",
        "task.data.test": None,
        "task.data.input": "q",
        "task.data.target": "a",
        "task.data.on_bad_row": "error",
        "task.data.rows": "plain",
        "task.answer": "number",
        "task.description": None,
    },
    "gsm8k": {
        "task.data.train": "hub:openai/gsm8k:main#train",
        "task.data.test": "hub:openai/gsm8k:main#test",
        "task.data.input": "question",
        "task.data.target": "answer",
        "task.data.on_bad_row": "skip",
        "task.data.rows": "plain",
        "task.answer": "number",
        "task.description": "grade school math",
        "task.data.split.train": 0.035,
        "task.data.split.dev": 0,
        "search.drop_digits": True,
    },
    "bbh/navigate": {
        "task.data.train": "hub:lukaemon/bbh:navigate#test",
        "task.data.test": None,
        "task.data.input": "input",
        "task.data.target": "target",
        "task.data.on_bad_row": "skip",
        "task.data.rows": "plain",
        "task.answer": "boolean",
        "task.description": "navigate",
        "task.data.split.train": 0.2,
        "task.data.split.dev": 0,
    },
    "mmlu/anatomy": {
        "task.data.train": "hub:cais/mmlu:anatomy#test",
        "task.data.test": None,
        "task.data.input": "question",
        "task.data.target": "answer",
        "task.data.on_bad_row": "skip",
        "task.data.rows": "mmlu",
        "task.answer": "choice",
        "task.description": "anatomy",
        "task.data.split.train": 0.8,
        "task.data.split.dev": 0.2,
    },
}


@pytest.mark.parametrize("task", BY_TASK)
@pytest.mark.parametrize("published", [GPT, PALM], ids=["gpt", "palm"])
def test_a_preset_is_what_was_published(published: dict[str, Any], task: str | None) -> None:
    found = flat(convert_to_plain(resolved(config(published["search.preset"], task))))
    assert found == {**OURS, **published, "task.data.dev": None, **BY_TASK[task]}


@pytest.mark.parametrize("published", [GPT, PALM], ids=["gpt", "palm"])
def test_instructions_only_shows_all_instructions_whatever_their_score(
    published: dict[str, Any],
) -> None:
    only = "paper-instructions-only"
    found = flat(
        convert_to_plain(resolved(config(published["search.preset"], "gsm8k", strategy=only)))
    )
    assert found == {
        **OURS,
        **published,
        "task.data.dev": None,
        **BY_TASK["gsm8k"],
        "search.strategy": only,
        "search.history": None,
        "search.score_threshold": 0.0,
    }


def test_what_a_config_says_itself_wins() -> None:
    raw = config("paper-gpt", "gsm8k", steps=4, score_threshold=0, exemplar_choice="constant")
    raw["task"] |= {"data": {"split": {"train": 9}}, "scoring": "default"}
    raw["optimizer"]["temperature"] = 0.5
    settings = resolved(raw)
    assert (settings.search.steps, settings.search.score_threshold) == (4, 0.0)
    assert settings.search.exemplar_choice == "constant"
    assert settings.task.data.split.train == 9
    assert (settings.task.data.split.dev, settings.task.data.split.method) == (0, "paper")
    assert settings.task.scoring == "default"
    assert settings.optimizer.temperature == 0.5


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("preset", SEARCH_PRESETS)
def test_every_preset_fits_every_strategy_and_task_and_reads_back(
    preset: str, strategy: str
) -> None:
    for task in TASKS:
        more: dict[str, Any] = {"candidates": ["Count."]} if strategy == "list" else {}
        more |= {"start": "Count. Say it."} if strategy == "prune" else {}
        settings = resolved(config(preset, task, strategy=strategy, **more))
        # As the run folder keeps them: resume must find the settings that the run began with.
        written = yaml.safe_load(yaml.safe_dump(convert_to_plain(settings), sort_keys=False))
        assert wiring.parse_settings(written) == settings


@pytest.mark.parametrize(
    ("name", "guess"), [("paper-gtp", ' (did you mean "paper-gpt"?)'), ("x", "")]
)
def test_an_unknown_preset_is_refused_with_a_guess(name: str, guess: str) -> None:
    with pytest.raises(ValueError, match="expected one of") as error:
        expand_search_preset(name, None, None)
    assert str(error.value) == (
        "expected one of default, paper-gpt, paper-palm, paper-regression, "
        f"paper-tour{guess}, found '{name}'"
    )


def test_each_call_reads_a_preset_of_its_own() -> None:
    first = expand_search_preset("paper-gpt", "gsm8k", None)
    first["search"]["steps"] = 1
    assert expand_search_preset("paper-gpt", "gsm8k", None)["search"]["steps"] == 200


FILES = {
    path.name.removesuffix(".yaml"): path.read_text("utf-8")
    for path in (resources.files("opro_cli.config") / "search_presets").iterdir()
    if path.name.endswith(".yaml")
}


def test_every_preset_but_the_default_one_has_its_file() -> None:
    assert {"default", *FILES} == set(SEARCH_PRESETS)


@pytest.mark.parametrize("name", FILES)
def test_every_value_has_its_source_beside_it(name: str) -> None:
    setting = re.compile(r"\s*\w+: *[^\s#]")  # a key with a value; "- task: bbh/*" is a condition
    lines = [line for line in FILES[name].splitlines() if setting.match(line)]
    assert len(lines) > (5 if name in ("paper-regression", "paper-tour") else 25)
    without = [line for line in lines if not re.search(r"# .*\[[PR]\]", line)]
    assert without == []
