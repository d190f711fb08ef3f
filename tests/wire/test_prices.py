"""Prices of single calls, against litellm's own arithmetic."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from opro_cli.models.litellm_model import load_litellm
from opro_cli.models.prices import CallPrices, Usage
from tests.server import Fault
from tests.wire.conftest import Wire, asking, both

TUNED = "ft:gpt-4o-mini-2024-07-18:org::abc"
MODELS = [
    *("gpt-4o-mini", "gpt-4o", "gpt-4.1-nano", "gpt-3.5-turbo", TUNED),
    *("o3-mini", "gpt-5", "gpt-5.4"),
]
COUNTS = [
    {"prompt": 1000, "completion": 200},
    {"prompt": 1000, "completion": 200, "cached": 700},
    {"prompt": 1000, "completion": 0, "cached": 1000},
    {"prompt": 272_000, "completion": 5, "cached": 1000},
    {"prompt": 272_001, "completion": 5, "cached": 1000},
    {"prompt": 1000, "completion": 200, "cached": 100, "written": 600},
]


def as_said(prompt: int, completion: int, cached: int = 0, written: int = 0) -> dict[str, Any]:
    """Token counts as OpenAI sends them."""
    details = {"cached_tokens": cached, "cache_write_tokens": written, "audio_tokens": 0}
    thoughts = {"reasoning_tokens": completion // 2, "audio_tokens": 0}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": thoughts,
    }


def litellms(model: str, usage: dict[str, Any], **more: Any) -> float:
    litellm = load_litellm()
    counted = importlib.import_module("litellm.types.utils").Usage(**usage)
    parts = litellm.cost_per_token(
        model=model, usage_object=counted, custom_llm_provider="openai", **more
    )
    return float(sum(parts))


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("model", MODELS)
def test_a_call_costs_what_litellm_says(model: str, counts: dict[str, int]) -> None:
    ours = CallPrices(f"openai/{model}", None).compute_usd(Usage(**counts))
    assert ours == pytest.approx(litellms(model, as_said(**counts)))


@pytest.mark.parametrize("counts", COUNTS[:5])
@pytest.mark.parametrize("tier", ["default", "auto", "flex", "priority", "scale"])
@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-5", "gpt-5.4"])
def test_a_service_tier_has_its_price(model: str, tier: str, counts: dict[str, int]) -> None:
    ours = CallPrices(f"openai/{model}", None).compute_usd(Usage(**counts), tier)
    assert ours == pytest.approx(litellms(model, as_said(**counts), service_tier=tier))


@pytest.mark.parametrize("region", ["eu", "us"])
def test_a_region_has_its_price(region: str) -> None:
    counts = Usage(1000, 200)
    base = f"https://{region}.api.openai.com/v1"
    ours = CallPrices("openai/gpt-5.4", base).compute_usd(counts)
    theirs = litellms("gpt-5.4", as_said(1000, 200), data_residency=region)
    assert ours == pytest.approx(theirs)
    assert ours != CallPrices("openai/gpt-5.4", None).compute_usd(counts)


@both
@pytest.mark.parametrize("tier", ["default", "priority"])
async def test_the_price_of_an_answer(wire: Wire, tier: str) -> None:
    """What a server says of its cache and its tier arrives in the price, whoever asks."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "7"}, "finish_reason": "stop"}
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [choice],
        "usage": as_said(1000, 200, 700),
        "service_tier": tier,
    }
    await wire.serve(faults={0: Fault("status", 200, body=body)})
    usd = (await wire.model().reply(asking())).usd
    # dollars a million: 0.15, cached 0.075, written 0.60; with priority 0.25, 0.125 and 1
    normal = (300 * 0.15 + 700 * 0.075 + 200 * 0.60) / 1e6
    prior = (300 * 0.25 + 700 * 0.125 + 200 * 1.0) / 1e6
    assert usd == pytest.approx(prior if tier == "priority" else normal)


@pytest.mark.parametrize(
    ("name", "base", "usd"),
    [
        ("gpt-4o-mini", None, (10 * 0.15 + 5 * 0.60) / 1e6),
        ("openai/a-model-of-mine", None, None),
        ("openai/claude-sonnet-4-5", "https://gateway.example/v1", None),
        ("hosted_vllm/gpt-4o", "http://gpu.example:8000/v1", None),
        ("hosted_vllm/mistral", "http://gpu.example:8000/v1", None),
        ("hosted_vllm/mistral", "http://127.0.0.1:8000/v1", 0.0),
        ("lm_studio/mistral", "http://localhost:1234/v1", 0.0),
        ("llamafile/mistral", None, 0.0),
        ("ollama/mistral", None, 0.0),
        ("ollama_chat/mistral", "http://gpu.example:11434", None),
        ("ollama_chat/gpt-oss:120b-cloud", None, None),
        ("openai/mistral", "http://127.0.0.1:8000/v1", None),
    ],
)
def test_what_is_free_and_what_is_unknown(name: str, base: str | None, usd: float | None) -> None:
    assert CallPrices(name, base).compute_usd(Usage(10, 5)) == pytest.approx(usd)


def test_without_counts_a_price_is_unknown() -> None:
    assert CallPrices("openai/gpt-4o-mini", None).compute_usd(None) is None
    assert CallPrices("ollama_chat/mistral", None).compute_usd(None) == 0.0
