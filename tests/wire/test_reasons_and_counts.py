"""Reasons to finish, token counts and bodies of answers as public threads quote them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from opro_cli.core.task.example import is_failed
from opro_cli.errors import ModelError
from tests.server import Fault
from tests.wire.conftest import OPENAI, Wire, asking, both, lean
from tests.wire.test_completions import USAGE, completion, events, reply_to, says

BROKEN = [
    "abort",  # SGLang, vLLM: github.com/radixark/miles/pull/3337, vllm-project/vllm/issues/57082
    "insufficient_system_resource",  # DeepSeek: docs.rs/crate/ds-api
    "network_error",  # Zhipu: github.com/promptfoo/promptfoo/pull/9905
    "pause_turn",  # Anthropic: github.com/tetsuo-ai/agenc-core/issues/2111
    "CANCELLED",
]


@both
@pytest.mark.parametrize("reason", BROKEN)
async def test_a_reply_that_its_server_cut_off_is_a_failed_call(wire: Wire, reason: str) -> None:
    """litellm calls Zhipu's "stop": github.com/BerriAI/litellm/pull/24373."""
    with pytest.raises(ModelError, match=f"broke off: it ended with {reason}") as caught:
        await reply_to(wire, completion("Let me count. Tom has 3 app", reason))
    assert (caught.value.transient, caught.value.maybe_billed) == (True, True)


@pytest.mark.parametrize("reason", [each.lower() for each in BROKEN])
def test_one_that_an_older_opro_kept_is_no_answer(reason: str) -> None:
    assert is_failed("Let me count. Tom has 3 app", reason)


FILTERED = [
    "SAFETY",  # Gemini's OpenAI route: github.com/HKUDS/Vibe-Trading/pull/308
    "RECITATION",
    "content_filter: RECITATION",
    "guardrail_intervened",  # Bedrock: github.com/laravel/ai/pull/881
    "sensitive",  # Zhipu: github.com/langgenius/dify/issues/7559
]


@both
@pytest.mark.parametrize("reason", FILTERED)
@pytest.mark.parametrize("content", [None, ""])
async def test_an_empty_reply_that_a_filter_took_away_is_refused(
    wire: Wire, reason: str, content: str | None
) -> None:
    reply = await reply_to(wire, completion(content, reason))
    assert (reply.finish_reason, reply.filtered, reply.failed) == ("content_filter", True, False)


@both
@pytest.mark.parametrize("text", ["", "It is"])
async def test_a_full_context_window_cuts_a_reply(wire: Wire, text: str) -> None:
    """Anthropic, Bedrock, Zhipu: github.com/earendil-works/pi/pull/1868."""
    reply = await reply_to(wire, completion(text, "model_context_window_exceeded"))
    assert reply.finish_reason == "model_context_window_exceeded"
    assert (reply.text, reply.failed) == (text, False)


@lean
@pytest.mark.parametrize(
    ("reason", "filtered"), [("length", False), ("content_filter: SAFETY", True)]
)
async def test_a_choice_without_a_message_says_nothing(
    wire: Wire, reason: str, filtered: bool
) -> None:
    """Gemini's OpenAI route: github.com/bespokelabsai/curator/issues/261."""
    body = {"choices": [{"index": 0, "finish_reason": reason}], "usage": USAGE}
    reply = await reply_to(wire, body)
    assert (reply.text, reply.filtered, reply.failed) == ("", filtered, False)


@both
@pytest.mark.parametrize(
    ("reason", "found"), [("stop", "thoughts"), ("length", "length"), (None, "thoughts")]
)
async def test_a_server_may_take_all_of_a_reply_for_thoughts(
    wire: Wire, reason: str | None, found: str
) -> None:
    """vLLM beside enable_thinking false: github.com/vllm-project/vllm/issues/19839."""
    if wire.adapter == "litellm" and reason is None:
        pytest.skip("it makes up a reason")
    reply = await reply_to(wire, completion(None, reason, reasoning_content="It is 7"))
    assert (reply.text, reply.finish_reason, reply.failed) == ("", found, found == "thoughts")


@lean
@pytest.mark.parametrize("own", [True, False])
async def test_an_empty_body_from_a_provider_is_no_wrong_address(
    wire: Wire, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DeepSeek ends so under load: github.com/bespokelabsai/curator/pull/463."""
    await wire.serve(faults=lambda number: Fault("status", 200, body="\n\n"))
    monkeypatch.setenv("HOSTED_VLLM_API_BASE", wire.server.url)
    base = wire.server.url if own else None
    with pytest.raises(ModelError, match="sent an empty answer") as caught:
        await wire.at(base, "hosted_vllm/m").reply(asking())
    assert (caught.value.transient, caught.value.about) == (True, "address" if own else "")


COUNTS: dict[str, tuple[Any, tuple[int | None, ...]]] = {
    # thoughts alone: github.com/router-for-me/CLIProxyAPI/pull/5744
    "no completion": ({"prompt_tokens": 3, "total_tokens": 53}, (3, 50, None)),
    "whole floats": ({"prompt_tokens": 3.0, "completion_tokens": 2.0}, (3, 2, None)),
    "half a token": ({"prompt_tokens": 3.5, "completion_tokens": 2}, (None, None, None)),
    "less in all": ({"prompt_tokens": 3, "total_tokens": 1}, (None, None, None)),
}


@lean
@pytest.mark.parametrize(("usage", "counts"), COUNTS.values(), ids=COUNTS)
async def test_token_counts_are_read(
    wire: Wire, usage: Any, counts: tuple[int | None, ...]
) -> None:
    reply = await reply_to(wire, completion("It is 7") | {"usage": usage})
    assert (reply.prompt_tokens, reply.completion_tokens, reply.reasoning_tokens) == counts


@lean
async def test_token_counts_may_stand_in_the_choice(wire: Wire) -> None:
    """Moonshot's stream: github.com/earendil-works/pi/issues/2017."""
    delta = {"index": 0, "delta": {"content": "It is 7"}, "finish_reason": "stop", "usage": USAGE}
    stream = events(json.dumps({"choices": [delta]}), "[DONE]")
    reply = await reply_to(wire, stream, headers={"Content-Type": "text/event-stream"})
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("It is 7", 3, 2)


CACHED: dict[str, Mapping[str, Any]] = {
    "anthropic": {
        "type": "message",
        "content": [says("It is 7")],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 100, "cache_read_input_tokens": 900, "output_tokens": 2},
    },
    "responses": {
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "It is 7"}]}],
        "usage": {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 900},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 1},
        },
    },
    "deepseek": completion("It is 7")
    | {"usage": {"prompt_tokens": 1000, "completion_tokens": 2, "prompt_cache_hit_tokens": 900}},
    "moonshot": completion("It is 7")
    | {"usage": {"prompt_tokens": 1000, "completion_tokens": 2, "cached_tokens": 900}},
}


@lean
@pytest.mark.parametrize("body", CACHED.values(), ids=CACHED)
async def test_tokens_that_came_from_a_cache_count_at_its_price(
    wire: Wire, body: Mapping[str, Any]
) -> None:
    reply = await reply_to(wire, body, OPENAI)
    assert (reply.prompt_tokens, reply.completion_tokens) == (1000, 2)
    assert reply.usd == pytest.approx((100 * 0.15 + 900 * 0.075 + 2 * 0.60) / 1e6)
    assert reply.reasoning_tokens == (1 if body.get("output") else None)


@lean
@pytest.mark.parametrize("before", ["\n\n\n", ": keep-alive\n\n: keep-alive\n\n", "\ufeff"])
@pytest.mark.parametrize("indent", [None, 2])
async def test_what_keeps_a_connection_alive_is_no_part_of_the_answer(
    wire: Wire, before: str, indent: int | None
) -> None:
    """DeepSeek under load: github.com/tmc/langchaingo/pull/1171."""
    body = before + json.dumps(completion("It is 7"), indent=indent)
    assert (await reply_to(wire, body)).text == "It is 7"


@lean
@pytest.mark.parametrize(
    ("body", "words", "transient", "status"),
    [
        # MiniMax: github.com/adrianlyjak/obsidian-aloud-tts/pull/114
        (
            {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
            "did not answer: insufficient balance",
            False,
            402,
        ),
        (
            {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
            "did not answer: rate limit",
            True,
            429,
        ),
        # Cloudflare's Workers AI
        (
            {"success": False, "errors": [{"code": 3040, "message": "Capacity exceeded"}]},
            "did not answer: Capacity exceeded",
            True,
            503,
        ),
        # SGLang
        (
            {"object": "error", "message": "The server is busy", "code": 503},
            "answered 503: The server is busy",
            True,
            503,
        ),
    ],
    ids=["minimax", "minimax, busy", "cloudflare", "sglang"],
)
async def test_an_error_with_a_200_may_have_another_shape(
    wire: Wire, body: dict[str, Any], words: str, transient: bool, status: int
) -> None:
    await wire.serve(faults=lambda number: Fault("status", 200, body=body))
    with pytest.raises(ModelError) as caught:
        await wire.model().reply(asking())
    error = caught.value
    assert error.message == f"{OPENAI} {words}"
    about = "endpoint" if status == 402 else ""
    assert (error.transient, error.status, error.about) == (transient, status, about)


async def test_litellm_s_own_words_do_not_hide_an_error_with_a_200(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes up a status and a text for what Anthropic says."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "for-nobody")
    error = {"type": "overloaded_error", "message": "Overloaded"}
    body = {"type": "error", "error": error}
    await wire.serve(faults=lambda number: Fault("status", 200, body=body))
    name = "anthropic/claude-sonnet-4-5"
    with pytest.raises(ModelError) as caught:
        await wire.at(wire.server.root, name).reply(asking())
    assert caught.value.message == f"{name} did not answer: Overloaded"
    assert (caught.value.transient, caught.value.status) == (True, 503)
