"""The shipped configs for Mistral 7B: each runs, shortened, against the server that it is for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Opro, only_run
from tests.server import LocalServer, load_answers
from tests.server.emulated import VLLM, Emulated, Home, LlamaCpp, LMStudio, Ollama
from tests.server.threaded import serving

HF = "mistralai/Mistral-7B-Instruct-v0.3"
KINDS: dict[str, tuple[Callable[..., Emulated], str]] = {
    "ollama": (Ollama, "mistral:latest"),
    "vllm": (VLLM, HF),
    "lm-studio": (LMStudio, HF.lower()),
    "llama-cpp": (LlamaCpp, "Mistral-7B-Instruct-v0.3.Q4_K_M.gguf"),
    "mixed": (Ollama, "mistral:latest"),
}
GSM8K = Path(__file__).parents[2] / "configs" / "data" / "gsm8k_sample.jsonl"
STRONG = "gpt-4o-mini"


def shortened(config: dict[str, Any], server: Emulated) -> dict[str, Any]:
    """The config on the rows that ship here, a few questions and steps, and at this address."""
    config["task"]["data"] |= {
        "train": str(GSM8K),
        "test": None,
        "split": {"train": 6, "dev": 4, "test": 4, "seed": 0},
    }
    config["search"] |= {"steps": 1, "candidates_per_step": 2, "exemplars": 1}
    base = server.root if isinstance(server, Ollama) else server.url
    for role in ("scorer", "optimizer"):
        if STRONG not in config[role]["model"]:
            config[role]["api_base"] = base
    return config


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_is_offered_checks_and_runs(
    kind: str, opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opro("init", "home.yaml", "--template", f"gsm8k-mistral-7b-{kind}").code == 0
    emulated, model = KINDS[kind]
    answers = load_answers(GSM8K)
    with ExitStack() as servers:
        # 4,096 tokens are what each config says is enough for it
        server = servers.enter_context(serving(emulated(Home((model,), context=4096), answers)))
        if kind == "mixed":
            strong = servers.enter_context(serving(LocalServer(answers)))
            monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-strong-one")
            monkeypatch.setenv("OPENAI_BASE_URL", strong.url)
        text = (folder / "home.yaml").read_text()
        (folder / "home.yaml").write_text(yaml.safe_dump(shortened(yaml.safe_load(text), server)))
        checked = opro("check", "home.yaml", "--json")
        assert checked.code == 0
        assert checked.data["servers"][0]["serves"] == model
        assert not [note for note in checked.data["notes"] if "fit" in note or "wait" in note]
        assert server.requests == []
        ran = opro("optimize", "home.yaml", "--plain", "--json")
        assert ran.code == 0, ran.err
        assert {entry.status for entry in server.requests} == {200}
        if kind == "mixed":
            assert all(STRONG in str(entry.body["model"]) for entry in strong.requests)
            assert len(strong.requests) < len(server.requests)
            assert not any("sk-of" in (entry.authorization or "") for entry in server.requests)
    assert (only_run(folder) / "best_prompt.txt").read_text()
    # Nobody listens any more, and nothing is left to ask.
    assert opro("resume", "--last", "--plain").code == 0
