"""The JSON Schema and the reader of configs agree: what one takes the other takes."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from opro_cli import wiring
from opro_cli.config.templates import schema_text
from opro_cli.core.settings.read import read_settings
from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.sweep import SweepSettings
from opro_cli.problems import PROBLEMS

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
CONFIG = Draft7Validator(json.loads(schema_text("config")))
SWEEP = Draft7Validator(json.loads(schema_text("sweep")))

MODEL = {
    "model": "openai/gpt-4o-mini",
    "price": {"input": 1, "output": 2},
    "endpoints": [{"api_base": "http://gpu1:8000/v1"}],
}
BASE: dict[str, Any] = {
    "task": {
        "data": {"train": "a.csv", "input": "question", "target": "answer", "split": {"train": 5}},
        "answer": "number",
    },
    "scorer": MODEL,
    "optimizer": copy.deepcopy(MODEL),
    "search": {"steps": 3},
    "budget": {"usd": 5},
}
SWEEP_BASE: dict[str, Any] = {"base": "a.yaml", "matrix": {"search.seed": [0, 1]}}

Path_ = tuple[str | int, ...]

NUMBERS = [-1, 0, 1, 2, 3, 0.5, 1.5, 1e300, True, float("nan"), float("inf")]
TEXTS = [
    "",
    " ",
    "a",
    "number",
    "number:",
    "json:a.b",
    "json",
    "regex:[",
    "python:m:f",
    "system",
    "mean",
    "mmlu",
    "gsm8k",
    "opro",
    "default",
    "exclude",
    "drop",
    "constant",
    "paper",
    "skip",
    "0..4",
    "dp",
    "f1",
    "usd_per_1000",
    "cheapest_not_worse",
    "{a}\n{b}",
    "{",
    "openai/x",
    "openai/x\n",
    "embedded/tiny-mistral",
    "embedded/none",
    "http://localhost:8000/v1",
    "http://",
    "https://a:b@c/v1",
    "ftp://x",
]
LISTS: list[Any] = [[], ["a"], ["a", "a"], [""], ["a", "b", "c", "d", "e"], [1], [{}], [{"a": 1}]]
VALUES: list[Any] = [None, *NUMBERS, *TEXTS, *LISTS, {}, {"a": 1}, {"train": 0.1}, {"model": "a/b"}]


def read_config(config: Any) -> bool:
    """Return whether the reader takes a config."""
    return read_settings(config, wiring.NAMES).settings is not None


def read_sweep(sweep: Any) -> bool:
    """Return whether the reader takes a sweep file."""
    problems: list[Problem] = []
    return read_section(SweepSettings, sweep, (), problems) is not None


def key_paths(schema: Mapping[str, Any], path: Path_ = ()) -> list[Path_]:
    """Return the path of every key that a schema knows; in a list, of its first element."""
    schema = schema["anyOf"][0] if "anyOf" in schema else schema
    if "items" in schema:
        return key_paths(schema["items"], (*path, 0))
    found = []
    for name, inner in schema.get("properties", {}).items():
        found += [(*path, name), *key_paths(inner, (*path, name))]
    return found


def with_value(base: Mapping[str, Any], path: Path_, value: Any) -> dict[str, Any]:
    """Return a config with a value put at a path; unchanged where a value is in the way."""
    changed: dict[str, Any] = copy.deepcopy(dict(base))
    section: Any = changed
    try:
        for part in path[:-1]:
            section = section.setdefault(part, {}) if isinstance(section, dict) else section[part]
        section[path[-1]] = value
    except (AttributeError, IndexError, KeyError, TypeError):
        return copy.deepcopy(dict(base))
    return changed


KEYS = key_paths(CONFIG.schema)
SEVERAL_KEYS = [("task",), ("task", "data")]
"""Sections of which several keys must be given, so that no value of VALUES will do."""
SWEEP_KEYS = key_paths(SWEEP.schema)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_template_meets_the_schema_that_its_first_line_names(path: Path) -> None:
    text = path.read_text("utf-8")
    line = text.partition("\n")[0]
    schema = path.parent / line.removeprefix("# yaml-language-server: $schema=")
    validator = Draft7Validator(json.loads(schema.read_text("utf-8")))
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


def test_the_schemas_are_schemas() -> None:
    Draft7Validator.check_schema(CONFIG.schema)
    Draft7Validator.check_schema(SWEEP.schema)
    assert len(KEYS) > 70
    assert read_config(BASE)
    assert CONFIG.is_valid(BASE)


PROBLEM_BASE: Any = {"task": {"problem": "tour"}, "optimizer": {"model": "openai/x"}}
PARAMETERS: Mapping[str, str] = {
    field.name: name
    for name, problem in PROBLEMS.items()
    if problem.Options
    for field in dataclasses.fields(problem.Options)
}


def base_for(key: Path_) -> Any:
    """Return a config in which a key may stand: parameters are those of one problem."""
    if "gguf" in key:
        return with_value(BASE, (key[0],), {"model": "gguf/smollm2-135m", "gguf": {"threads": 2}})
    if key[:2] == ("task", "prompt") and len(key) > 2:
        return with_value(BASE, key[:2], [{}, {"user": "{{instruction}} {{question}}"}])
    if key[0] == "prompt_files" and len(key) > 1:
        file = {"place": "search.start.0", "file": "/a.md", "sha256": "0"}
        return with_value(BASE, key[:1], [file])
    if key[0] != "task" or len(key) != 2 or key[1] not in PARAMETERS:
        return BASE
    return with_value(PROBLEM_BASE, ("task", "problem"), PARAMETERS[str(key[1])])


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ".".join(map(str, key)))
def test_a_value_that_the_reader_takes_meets_the_schema(key: Path_) -> None:
    taken = 0
    for value in VALUES:
        config = with_value(base_for(key), key, value)
        if read_config(config):
            taken += 1
            assert CONFIG.is_valid(config), value
    assert taken or key in SEVERAL_KEYS


@given(
    changes=st.lists(
        st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), min_size=2, max_size=5
    )
)
def test_configs_that_the_reader_takes_meet_the_schema(changes: list[tuple[Path_, Any]]) -> None:
    config = BASE
    for path, value in changes:
        config = with_value(config, path, value)
    if read_config(config):
        assert CONFIG.is_valid(config)


@given(
    changes=st.lists(
        st.tuples(st.sampled_from(SWEEP_KEYS), st.sampled_from(VALUES)), min_size=1, max_size=4
    )
)
def test_sweeps_that_the_reader_takes_meet_the_schema(changes: list[tuple[Path_, Any]]) -> None:
    sweep = SWEEP_BASE
    for path, value in changes:
        sweep = with_value(sweep, path, value)
    if read_sweep(sweep):
        assert SWEEP.is_valid(sweep)


@given(key=st.sampled_from([*KEYS, ("x",)]), letters=st.text(min_size=1, max_size=4))
def test_both_refuse_an_unknown_key(key: Path_, letters: str) -> None:
    unknown = (*key[:-1], f"{key[-1]}{letters}")
    if isinstance(key[-1], int) or unknown in KEYS:
        return
    config = with_value(BASE, unknown, 1)
    assert not read_config(config)
    assert not CONFIG.is_valid(config)
    assert not read_sweep({**SWEEP_BASE, str(unknown[-1]): 1}) or unknown in SWEEP_KEYS
    assert not SWEEP.is_valid({**SWEEP_BASE, f"{letters}_": 1})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("search", "steps"), "20"),
        (("search", "steps"), -1),
        (("search", "leaks"), "dorp"),
        (("search", "strategy"), "orpo"),
        (("search", "preset"), "paper"),
        (("task", "answer"), "numbr"),
        (("task", "preset"), "bbh/navigat"),
        (("scorer", "model"), "gpt-4o-mini"),
        (("scorer", "stop"), []),
        (("scorer", "endpoints"), []),
        (("scorer", "temperature"), 3),
        (("scorer", "api_base"), "localhost:8000"),
        (("budget", "usd"), 0),
        (("name",), "a b"),
        (("task", "data", "split", "dev"), 1.5),
        (("task", "data", "split"), {"dev": "half"}),
        (("task", "data"), {"train": "a.csv", "input": "x"}),
        (("scorer",), {}),
    ],
    ids=str,
)
def test_usual_mistakes_are_found_by_both(path: Path_, value: Any) -> None:
    config = with_value(BASE, path, value)
    assert not read_config(config)
    assert not CONFIG.is_valid(config)


def test_a_preset_stands_for_the_data_and_the_answer() -> None:
    models = {role: {"model": "openai/gpt-4o-mini"} for role in ("scorer", "optimizer")}
    config: dict[str, Any] = {"task": {"preset": "gsm8k"}, **models}
    assert read_config(config)
    assert CONFIG.is_valid(config)
    for task in ({}, {"preset": None}, {"answer": "number"}):
        assert not read_config({**config, "task": task})
        assert not CONFIG.is_valid({**config, "task": task})
