"""What a config says about requests: reasoning, parameters of one's own, and null."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.misfits import find_unread_keys
from opro_cli.core.settings.read import read_settings
from opro_cli.core.settings.settings import Settings


def config(scorer: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {
        "task": {"data": {"train": "a.jsonl", "input": "q", "target": "a"}, "answer": "number"},
        "scorer": {"model": "openai/m", **scorer},
        "optimizer": {"model": "openai/m"},
        **sections,
    }


def read(scorer: dict[str, Any], **sections: Any) -> Settings:
    result = read_settings(config(scorer, **sections), wiring.NAMES)
    assert result.settings is not None, result.problems
    return result.settings


def problem(scorer: dict[str, Any], **sections: Any) -> str:
    result = read_settings(config(scorer, **sections), wiring.NAMES)
    (only,) = result.problems
    return f"{only.dotted}: {only.message}"


@pytest.mark.parametrize(
    "model",
    [
        "openai/o3",
        "openai/o1-2024-12-17",
        "azure/gpt-5-mini",
        "openrouter/openai/gpt-5.1",
        "openai/ft:o4-mini-2025-04-16:org::id",
        "deepseek/deepseek-reasoner",
    ],
)
def test_a_known_reasoning_model_starts_right(model: str) -> None:
    own = read({"model": model}).scorer
    assert (own.temperature, own.max_tokens) == (None, 4096)
    given = read({"model": model, "temperature": 1, "max_tokens": 300}).scorer
    assert (given.temperature, given.max_tokens) == (1.0, 300)


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "openai/gpt-5-chat-latest", "ollama/o1"])
def test_any_other_model_has_the_usual_defaults(model: str) -> None:
    own = read({"model": model}).scorer
    assert (own.temperature, own.max_tokens) == (0.0, 1024)


def test_a_model_that_thinks_and_takes_a_temperature_has_more_tokens_only() -> None:
    own = read({"model": "gemini/gemini-2.5-flash"}).scorer
    assert (own.temperature, own.max_tokens) == (0.0, 4096)


def test_settings_are_written_out_and_read_back() -> None:
    extra = {"body": {"top_k": 2, "a": {"b": [1]}}, "headers": {"X-A": "Bearer ${A_KEY}"}}
    given = {"top_p": 0.9, "seed": None, "reasoning": {"effort": "low"}, "extra": extra}
    own = read({**given, "temperature": None, "max_tokens": None})
    plain = convert_to_plain(own)
    assert plain["scorer"]["extra"] == extra
    assert plain["scorer"]["reasoning"] == {"effort": "low"}
    assert read_settings(plain, wiring.NAMES).settings == own


def test_keys_that_say_nothing_leave_the_record_as_it_was() -> None:
    plain = convert_to_plain(read({"reasoning": None, "extra": {"body": {}}}))
    assert not {"top_p", "seed", "reasoning", "extra"} & plain["scorer"].keys()


def test_repeats_are_written_out_where_there_are_any_and_read_back() -> None:
    plain = convert_to_plain(read({"repeats": 1, "repeat_score": "mean"}))
    assert not {"repeats", "repeat_score"} & plain["scorer"].keys()
    own = read({"repeats": 4, "repeat_score": "all"})
    plain = convert_to_plain(own)
    assert (plain["scorer"]["repeats"], plain["scorer"]["repeat_score"]) == (4, "all")
    assert read_settings(plain, wiring.NAMES).settings == own


def test_repeats_are_for_the_built_in_evaluator_and_not_for_the_papers_rules() -> None:
    paper = problem({"repeats": 2}, search={"rules": "paper"})
    assert paper == (
        "scorer.repeats: found 2 with search.rules paper, which asks each question once; "
        "leave it out"
    )
    task = {**config({})["task"], "evaluator": "python:mine:Judge"}
    mine = problem({"repeats": 2}, task=task)
    assert "found 2 with task.evaluator python:mine:Judge, which asks as it likes" in mine
    assert "repeats" in problem({"repeats": 0})


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("response_format", "provider parameters go under extra.body"),
        ("extra_body", "provider parameters go under extra.body"),
        ("headers", "headers go under extra.headers"),
        ("reasoning_effort", "write reasoning: {effort: …}"),
        ("max_completion_tokens", "the key is max_tokens"),
    ],
)
def test_the_keys_of_other_tools_lead_to_those_of_opro(key: str, hint: str) -> None:
    assert hint in problem({key: 1})


def test_a_typing_error_is_still_one() -> None:
    assert problem({"temperatur": 1}).endswith('did you mean "temperature"?')


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": []}, "found 'messages'"),
        ({"n": 2}, "found 'n'"),
        ({"stream": True}, "found 'stream'"),
        ({"model": "x"}, "found 'model'"),
        ({"temperature": 1}, "set the key temperature"),
        ({"max_completion_tokens": 1}, "set the key max_tokens"),
        ({"at": float("inf")}, "values of JSON"),
    ],
)
def test_a_body_may_not_hold_what_opro_writes(body: dict[str, Any], words: str) -> None:
    assert words in problem({"extra": {"body": body}})


@pytest.mark.parametrize("value", ["sk-very-secret-1", "Bearer sk-very-secret-1", "a ${KEY} b", 3])
def test_the_value_of_a_header_stands_in_the_environment_only(value: Any) -> None:
    said = problem({"extra": {"headers": {"Authorization": value}}})
    assert "Authorization: ${MY_KEY}" in said
    assert "secret" not in said


@pytest.mark.parametrize("name", ["Content-Type", "host", "two words"])
def test_some_headers_are_opros_own(name: str) -> None:
    assert repr(name) in problem({"extra": {"headers": {name: "${KEY}"}}})


@pytest.mark.parametrize("ceiling", ["usd", "tokens"])
def test_without_a_limit_no_ceiling_can_be_kept(ceiling: str) -> None:
    said = problem({"max_tokens": None}, budget={ceiling: 5})
    assert said.startswith(f"scorer.max_tokens: expected a number under budget.{ceiling}")
    assert read({"max_tokens": None}, budget={"calls": 5}).scorer.reply_limit == 4096


def test_thoughts_fit_into_the_reply() -> None:
    assert "expected fewer tokens" in problem({"max_tokens": 100, "reasoning": {"max_tokens": 100}})
    assert "found neither" in problem({"reasoning": {}})
    twice = {"reasoning": {"effort": "low"}, "extra": {"body": {"reasoning_effort": "high"}}}
    assert "it says the same as scorer.reasoning; keep one of them" in problem(twice)


def test_what_is_computed_here_takes_no_parameters_of_a_provider() -> None:
    said = problem({"model": "embedded/tiny-mistral", "reasoning": {"effort": "low"}})
    assert "is no model of a provider's" in said


@pytest.mark.parametrize("model", ["embedded/tiny-mistral", "python:mine:reply"])
def test_a_share_that_no_model_reads_is_refused(model: str) -> None:
    settings = read({"model": model, "top_p": 0.5})  # a run that began with it goes on
    (only,) = find_unread_keys(settings)
    assert only.dotted == "scorer.top_p"
    assert f"{model} draws by its temperature alone" in only.message


@pytest.mark.parametrize("model", ["openai/m", "gguf/m.gguf", "hosted_vllm/m"])
def test_a_share_that_is_sent_is_fine(model: str) -> None:
    assert not list(find_unread_keys(read({"model": model, "top_p": 0.5})))


def test_another_seed_is_another_config() -> None:
    with_seed, without = convert_to_plain(read({})), convert_to_plain(read({"seed": None}))
    assert "seed" not in with_seed["scorer"], "as in runs from before there was the key"
    (change,) = find_changes(with_seed, without)
    assert (change.path, change.before, change.after) == ("scorer.seed", "auto", None)
    assert not change.is_operational
    (back,) = find_changes(without, with_seed)
    assert (back.before, back.after) == (None, "auto")
    assert not find_changes(without, without)
