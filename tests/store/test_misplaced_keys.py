"""API keys in a config: what to do about them, and never their values."""

from __future__ import annotations

from pathlib import Path

import pytest

from opro_cli import wiring
from opro_cli.errors import ConfigError

TASK = "task: {data: {train: t.csv, input: q, target: a}, answer: number}\n"
VALUE = "not-to-be-shown-1234567890"
OPENAI = "set OPENAI_API_KEY there, and delete this line"


def problems(text: str, folder: Path) -> list[str]:
    path = folder / "c.yaml"
    path.write_text(TASK + text)
    with pytest.raises(ConfigError) as caught:
        wiring.read_config(path)
    assert VALUE not in str(caught.value)
    return [problem.partition("c.yaml:")[2] for problem in caught.value.problems]


@pytest.mark.parametrize(
    "name",
    ["api_key", "apikey", "api-key", "key", "token", "openai_api_key", "OPENAI_API_KEY", "API_KEY",
     "Authorization", "auth_token", "bearer", "secret_key", "password"],
)  # fmt: skip
def test_a_key_beside_a_model_names_the_variable(name: str, tmp_path: Path) -> None:
    found = problems(f"scorer:\n  model: openai/m\n  {name}: {VALUE}\n", tmp_path)
    assert f"4: scorer.{name}: keys come from the environment: {OPENAI}" in found


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        ("model: anthropic/m", "set ANTHROPIC_API_KEY there, and delete this line"),
        ("model: gpt-4o-mini", OPENAI),
        ("model: openai/m, api_base: http://localhost:1/v1",
         "set OPRO_API_KEY there, and delete this line"),
        ("model: azure/m", "set AZURE_API_KEY there, and delete this line"),
        ("model: nobody/m", "set NOBODY_API_KEY there, and delete this line"),
        ("model: embedded/small", "delete this line"),
    ],
)  # fmt: skip
def test_it_is_the_variable_of_that_model(model: str, remedy: str, tmp_path: Path) -> None:
    found = problems(f"scorer: {{{model}, api_key: {VALUE}}}\n", tmp_path)
    assert f"2: scorer.api_key: keys come from the environment: {remedy}" in found


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"scorer: {{model: openai/m}}\napi_key: {VALUE}\n", "3: api_key"),
        (
            f"scorer: {{model: openai/m, endpoints: [{{api_base: 'https://api.openai.com/v1', "
            f"api_key: {VALUE}}}]}}\n",
            "2: scorer.endpoints.0.api_key",
        ),
        (
            "scorer: {model: openai/s}\n"
            f"roles: {{judge: {{model: openai/m, api_key: {VALUE}}}}}\n",
            "3: roles.judge.api_key",
        ),
    ],
)
def test_a_key_elsewhere(text: str, path: str, tmp_path: Path) -> None:
    assert f"{path}: keys come from the environment: {OPENAI}" in problems(text, tmp_path)


def test_a_key_of_something_else_is_no_key_of_a_model(tmp_path: Path) -> None:
    found = problems("scorer: {model: openai/m}\nsearch: {token: 3}\n", tmp_path)
    assert any(each.startswith("3: search.token: no such key") for each in found)
