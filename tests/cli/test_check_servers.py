"""`opro check` and the servers of this machine: what is printed, and how it ends."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opro_cli.calls import attempts as retries
from tests.cli.conftest import CONFIG, Opro
from tests.cli.test_start_up import HEAVY, QUICKSTART, imported
from tests.server.emulated import VLLM, Home, LlamaCpp, Ollama
from tests.server.threaded import serving


def written(folder: Path, scorer: str, optimizer: str = "model: scripted/optimizer") -> None:
    text = CONFIG.replace("model: scripted/scorer", scorer)
    (folder / "c.yaml").write_text(text.replace("model: scripted/optimizer", optimizer))


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens for as long as the test takes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_server_that_is_ready_is_a_line(opro: Opro, folder: Path) -> None:
    with serving(VLLM(Home(("m",), context=8192))) as server:
        written(folder, f'model: hosted_vllm/m, api_base: "{server.url}"')
        said = opro("check", "c.yaml")
        assert said.code == 0
        assert ": ready, context 8,192 tokens" in " ".join(said.out.split())
        assert max(map(len, said.out.splitlines())) <= 80
        (told,) = opro("check", "c.yaml", "--json").data["servers"]
        assert (told["model"], told["serves"], told["context"]) == ("hosted_vllm/m", "m", 8192)
        assert (told["asked"], told["problem"]) == (True, None)
        assert server.requests == []


def test_a_server_that_is_not_running_ends_with_the_command(
    opro: Opro, folder: Path, nobody: str
) -> None:
    written(folder, f'model: ollama_chat/mistral, api_base: "{nobody}"')
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert "not ready" in said.out
    assert said.err == (
        f"opro: c.yaml: ollama_chat/mistral refused the connection at {nobody}\n"
        "hint: start it with `ollama serve`\n"
    )
    ended = opro("check", "c.yaml", "--json")
    assert ended.code == 2
    assert ended.data["servers"][0]["hint"] == "start it with `ollama serve`"


def test_a_run_says_the_same_before_there_is_one(
    opro: Opro, folder: Path, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "wait_after", _never)
    written(folder, f'model: ollama_chat/mistral, api_base: "{nobody}"')
    said = opro("optimize", "c.yaml", "--plain")
    assert said.code == 1
    assert said.err == (
        f"opro: ollama_chat/mistral refused the connection at {nobody}\n"
        "hint: start it with `ollama serve`\n"
    )
    assert not (folder / "runs").exists()


def _never(*_: object) -> float:
    raise AssertionError("nobody is asked again")


def test_a_missing_model_ends_with_the_command(opro: Opro, folder: Path) -> None:
    with serving(Ollama(Home(("llama3:latest",)))) as server:
        written(folder, f'model: ollama_chat/mistral, api_base: "{server.root}"')
        said = opro("check", "c.yaml")
        assert said.code == 2
        assert "the server lacks it; it has llama3:latest" in said.err
        assert "hint: `ollama pull mistral`, or check the model's name" in said.err
        ran = opro("optimize", "c.yaml", "--plain")
        assert ran.code == 1
        assert "`ollama pull mistral`, or check the model's name" in ran.err


def test_everything_that_is_missing_is_told_at_once(opro: Opro, folder: Path, nobody: str) -> None:
    written(
        folder, f'model: ollama_chat/mistral, api_base: "{nobody}"', "model: anthropic/claude-x"
    )
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert said.err == (
        "opro: c.yaml: no API key: ANTHROPIC_API_KEY is not set; export ANTHROPIC_API_KEY=…  "
        "(keys are read from the environment and never written)\n"
        f"c.yaml: ollama_chat/mistral refused the connection at {nobody}; "
        "start it with `ollama serve`\n"
    )


def test_one_server_for_both_is_asked_once(opro: Opro, folder: Path) -> None:
    with serving(Ollama()) as server:
        both = f'model: ollama_chat/mistral, api_base: "{server.root}"'
        written(folder, both, both)
        assert len(opro("check", "c.yaml", "--json").data["servers"]) == 1
        assert server.looked == ["GET /v1/models", "GET /api/ps", "POST /api/show"]


def test_too_little_context_and_too_few_slots_are_notes(opro: Opro, folder: Path) -> None:
    """max_tokens is 1024 and concurrency 32 unless the config says otherwise."""
    with serving(LlamaCpp(Home(("m.gguf",), context=1024, at_once=4))) as server:
        written(folder, f'model: openai/m, api_base: "{server.url}"')
        said = opro("check", "c.yaml", "--json")
        assert said.code == 0
        notes = said.data["notes"][-2:]
        assert notes[0].startswith("scorer openai/m: a prompt of up to ")
        assert "max_tokens 1,024 do not fit into its context of 1,024 tokens" in notes[0]
        assert "of concurrency 32 the others wait" in notes[1]


def test_a_server_elsewhere_is_named_and_not_asked(opro: Opro, folder: Path) -> None:
    written(folder, 'model: hosted_vllm/m, api_base: "http://gpu.example:8000/v1"')
    said = opro("check", "c.yaml")
    assert said.code == 0
    assert "not on this machine, not asked" in " ".join(said.out.split())


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o-mini",
        'hosted_vllm/m, api_base: "http://gpu.example:8000/v1"',
        "anthropic/claude-x",
    ],
    ids=str,
)
def test_models_elsewhere_are_checked_without_what_asks_any(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-at-all")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-none-at-all")
    quickstart = Path(QUICKSTART)
    text = quickstart.read_text().replace("data/", f"{quickstart.parent}/data/")
    (tmp_path / "c.yaml").write_text(re.sub(r"embedded/[\w-]+", model, text))
    assert not imported("check", str(tmp_path / "c.yaml")) & HEAVY


@pytest.mark.parametrize("address", ["http://[bad/v1", "http://localhost:80O0/v1"])
def test_an_address_that_makes_no_sense_is_a_problem_of_the_config(
    address: str, opro: Opro, folder: Path
) -> None:
    written(folder, f'model: openai/m, api_base: "{address}"')
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert (
        f"expected a URL such as http://localhost:8000/v1, or null, found '{address}'" in said.err
    )


def test_markup_of_a_server_is_text(opro: Opro, folder: Path) -> None:
    with serving(LlamaCpp(Home(("[bold red]x[/] \x1b[31m",)))) as server:
        written(folder, f'model: openai/m, api_base: "{server.url}"')
        said = opro("check", "c.yaml")
    assert "[bold red]x[/]" in " ".join(said.out.split())
    assert "\x1b" not in said.out


def test_each_endpoint_is_a_line_and_one_of_several_may_be_missing(
    opro: Opro, folder: Path, nobody: str
) -> None:
    with serving(VLLM(Home(("m",), context=8192))) as server:
        places = f'[{{api_base: "{server.url}"}}, {{api_base: "{nobody}/v1"}}]'
        written(folder, f"model: hosted_vllm/m, endpoints: {places}")
        said = opro("check", "c.yaml")
        assert said.code == 0
        told = " ".join(said.out.split())
        assert f"hosted_vllm/m at {server.url}: ready" in told
        assert f"hosted_vllm/m at {nobody}/v1: not ready" in told
        facts = opro("check", "c.yaml", "--json").data
        assert facts["notes"][-1] == (
            f"scorer endpoint {nobody}/v1: hosted_vllm/m refused the connection at {nobody}/v1; "
            "the others take its calls"
        )
        assert opro("optimize", "c.yaml", "--plain", "--dry-run").code == 0
        written(folder, f'model: hosted_vllm/m, api_base: "{server.url}"')
        alone = opro("check", "c.yaml", "--json").data
        assert facts["calls_at_most"] == alone["calls_at_most"] + 2, "a tiny call for each"


def test_without_any_endpoint_there_is_no_run(opro: Opro, folder: Path, nobody: str) -> None:
    places = f'[{{api_base: "{nobody}/v1"}}, {{api_base: "{nobody}/v2"}}]'
    written(folder, f"model: hosted_vllm/m, endpoints: {places}")
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert said.err.count("refused the connection") == 2
    said = opro("optimize", "c.yaml", "--plain")
    assert said.code == 1
    assert said.err.startswith(
        f"opro: hosted_vllm/m refused the connection at {nobody}/v1; "
        f"hosted_vllm/m refused the connection at {nobody}/v2\n"
    )
    assert not (folder / "runs").exists()


def test_slots_are_compared_with_the_part_of_an_endpoint(opro: Opro, folder: Path) -> None:
    with serving(LlamaCpp(Home(("m.gguf",), at_once=4))) as a, serving(VLLM()) as b:
        places = f'[{{api_base: "{a.url}"}}, {{api_base: "{b.url}", weight: 3}}]'
        written(folder, f"model: openai/m, endpoints: {places}")
        notes = opro("check", "c.yaml", "--json").data["notes"]
    (note,) = [note for note in notes if "at once" in note]
    assert note.startswith(f"scorer endpoint {a.url}: openai/m: ")
    assert "answers 4 requests at once; of concurrency 8 the others wait" in note


def test_a_problem_of_an_endpoint_has_its_line(opro: Opro, folder: Path) -> None:
    written(folder, "model: openai/m, endpoints: [\n{api_base: http://a},\n{api_base: b}]")
    line = (folder / "c.yaml").read_text().splitlines().index("{api_base: b}]}") + 1
    assert (
        f"c.yaml:{line}: scorer.endpoints.1.api_base: expected a URL" in opro("check", "c.yaml").err
    )


class Stranger(VLLM):
    """A server of no known kind."""

    owner = "somebody"


def test_a_server_of_no_known_kind_that_lists_other_models_is_a_warning(
    opro: Opro, folder: Path
) -> None:
    home = Home(("stub-small", "stub-big"))
    with serving(Stranger(home)) as server:
        written(folder, f'model: openai/stub-smal, api_base: "{server.url}"')
        said = opro("check", "c.yaml")
        words = (
            "the server does not list it; it has stub-big, stub-small (did you mean stub-small?)"
        )
        assert said.code == 0
        assert words in " ".join(said.out.split())


@pytest.mark.parametrize("command", [("check",), ("optimize", "--no-cache")])
def test_a_model_of_no_known_provider_is_refused_before_a_run(
    opro: Opro, folder: Path, command: tuple[str, ...]
) -> None:
    written(folder, "model: foo/bar", "model: antropic/claude-sonnet-4-5")
    said = opro(command[0], "c.yaml", *command[1:])
    assert said.code == 2
    assert "scorer.model foo/bar: names no provider that litellm knows" in said.err
    assert "openai/foo/bar" in said.err
    if command[0] == "check":
        assert "did you mean anthropic/claude-sonnet-4-5?" in said.err
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    "name", ["groq/llama-3.3-70b-versatile", "replicate/meta/llama", "vertex_ai/gemini-2.5-flash"]
)
def test_a_known_provider_is_told_without_importing_litellm(name: str) -> None:
    code = f"""
from opro_cli.core.settings.settings import ModelSettings
from opro_cli.models import find_unknown_model
assert find_unknown_model(ModelSettings("{name}")) is None
import sys
assert "litellm" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
