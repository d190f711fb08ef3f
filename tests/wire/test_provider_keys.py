"""Which keys are asked for, and that the table agrees with litellm."""

from __future__ import annotations

import pytest

from opro_cli.models.accounts import find_key_variable, find_missing_keys, keys_not_set
from opro_cli.models.litellm_model import load_litellm
from opro_cli.models.providers import PROVIDERS, Provider
from opro_cli.models.redaction import redact


@pytest.mark.parametrize(
    ("model", "api_base", "missing"),
    [
        ("openai/gpt-4o-mini", None, ("OPENAI_API_KEY",)),
        ("gpt-4o-mini", None, ("OPENAI_API_KEY",)),
        ("o3-mini", None, ("OPENAI_API_KEY",)),
        ("claude-sonnet-4-5", None, ("ANTHROPIC_API_KEY",)),
        ("gemini/gemini-2.5-flash", None, ("GEMINI_API_KEY",)),
        ("openai/gpt-4o-mini", "https://api.openai.com/v1", ("OPENAI_API_KEY",)),
        ("openai/mistral", "http://localhost:1234/v1", ()),
        ("groq/llama", "https://gateway.example/v1", ("GROQ_API_KEY",)),
        ("ollama_chat/mistral", None, ()),
        ("hosted_vllm/mistral", "http://localhost:8000/v1", ()),
        ("embedded", None, ()),
        ("azure/m", None, ("AZURE_API_KEY", "AZURE_API_BASE", "AZURE_API_VERSION")),
        ("azure/m", "https://me.openai.azure.com", ("AZURE_API_KEY", "AZURE_API_VERSION")),
    ],
)
def test_missing_keys(model: str, api_base: str | None, missing: tuple[str, ...]) -> None:
    assert find_missing_keys(model, api_base) == missing


@pytest.mark.parametrize(
    ("model", "api_base", "variable"),
    [
        ("openai/m", None, "OPENAI_API_KEY"),
        ("openai/m", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("openai/m", "https://eu.api.openai.com/v1", "OPENAI_API_KEY"),
        ("openai/m", "https://api.openai.com.evil.example/v1", "OPRO_API_KEY"),
        ("openai/m", "http://localhost:1234/v1", "OPRO_API_KEY"),
        ("anthropic/m", "https://gateway.example", "ANTHROPIC_API_KEY"),
        ("hosted_vllm/m", "http://localhost:8000/v1", "HOSTED_VLLM_API_KEY"),
        ("bedrock/m", None, None),
    ],
)
def test_which_key_is_sent_where(model: str, api_base: str | None, variable: str | None) -> None:
    assert find_key_variable(model, api_base) == variable


def test_any_of_a_providers_variables_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "x")
    assert find_missing_keys("gemini/gemini-2.5-flash") == ()


def test_what_has_a_default_does_not_stop_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_API_KEY", "x")
    assert find_missing_keys("azure/m") == ("AZURE_API_BASE", "AZURE_API_VERSION")
    assert keys_not_set(find_missing_keys("azure/m"))[0].startswith("no address: AZURE_API_BASE")
    monkeypatch.setenv("AZURE_API_BASE", "https://me.openai.azure.com")
    assert find_missing_keys("azure/m") == ()


def test_an_empty_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "")
    assert find_missing_keys("mistral/mistral-small-latest") == ("MISTRAL_API_KEY",)


def test_a_base_in_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1234/v1")
    assert find_missing_keys("openai/mistral") == ()


@pytest.mark.parametrize("provider", [row for row in PROVIDERS if row.keys and not row.kind])
def test_the_table_agrees_with_litellm(provider: Provider) -> None:
    name = f"{provider.prefixes[0]}/some-model"
    assert provider.keys[0] in load_litellm().validate_environment(name)["missing_keys"]


def test_redact_knows_environment_and_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_API_KEY", "plainsecret")
    text = (
        "plainsecret, sk-abcd1234, sk-ab***yz, ?key=AIzaXYZ&v=1, Bearer tok.en, task-force"
        ", http://me:pw@proxy/"
    )
    blotted = "[redacted], [redacted], [redacted], ?key=[redacted]&v=1, Bearer [redacted]"
    assert redact(text) == f"{blotted}, task-force, http://[redacted]@proxy/"


@pytest.mark.parametrize(
    "text",
    [
        "export OPENAI_API_KEY=…  (keys are read from the environment)",
        "export ANTHROPIC_API_KEY=...",
        "Authorization: Bearer …",
        "?key=…&v=1",
        "password=***",
        "sk-....",
    ],
)
def test_what_stands_in_for_a_key_is_kept(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("key", ["…abc", "x", "..a..", "sk-...abcd"])
def test_one_letter_among_dots_may_be_of_a_key(key: str) -> None:
    assert redact(f"api_key={key} next") == "api_key=[redacted] next"


def test_every_missing_variable_is_named_and_exported() -> None:
    one, hint = keys_not_set(["OPENAI_API_KEY"])
    assert one == "no API key: OPENAI_API_KEY is not set"
    assert redact(hint) == hint
    assert hint.startswith("export OPENAI_API_KEY=…  (keys are read from")
    three, hints = keys_not_set(["A_API_KEY", "B_API_KEY", "C_API_KEY"])
    assert three == "no API key: A_API_KEY, B_API_KEY and C_API_KEY are not set"
    assert [line.split()[1] for line in hints.splitlines()] == [
        "A_API_KEY=…",
        "B_API_KEY=…",
        "C_API_KEY=…",
    ]


def test_a_short_value_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_API_KEY", "none")
    assert redact("none of these") == "none of these"
