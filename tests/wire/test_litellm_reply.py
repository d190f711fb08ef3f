"""What LitellmModel makes of an answer."""

from __future__ import annotations

import pytest

from opro_cli.core.model import ChatReply
from opro_cli.errors import ModelError
from tests.server import Fault
from tests.wire.conftest import OPENAI, Wire, asking


async def replied(wire: Wire, fault: Fault | None = None, name: str = OPENAI) -> ChatReply:
    await wire.serve(faults={0: fault} if fault else {})
    return await wire.model(name).reply(asking("one two"))


async def test_the_price_is_the_list_price(wire: Wire) -> None:
    reply = await replied(wire)
    # "one two" is 2 of the server's tokens and its "Echo XXXXXXXX of: one two" 5;
    # gpt-4o-mini costs 0.15 and 0.60 dollars a million
    assert (reply.prompt_tokens, reply.completion_tokens) == (2, 5)
    assert reply.usd == pytest.approx((2 * 0.15 + 5 * 0.60) / 1e6)


@pytest.mark.parametrize("name", ["openai/a-model-of-mine", "openrouter/nobody/knows"])
async def test_an_unknown_price_is_none(
    wire: Wire, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "for-nobody")
    assert (await replied(wire, name=name)).usd is None


@pytest.mark.parametrize("name", ["ollama_chat/mistral", "hosted_vllm/mistral"])
async def test_a_server_on_this_machine_is_free(wire: Wire, name: str) -> None:
    assert (await replied(wire, name=name)).usd == 0.0


@pytest.mark.parametrize(("name", "usd"), [(OPENAI, None), ("hosted_vllm/mistral", 0.0)])
async def test_without_counts_only_what_is_free_has_a_price(
    wire: Wire, name: str, usd: float | None
) -> None:
    reply = await replied(wire, Fault("no_usage"), name)
    assert (reply.prompt_tokens, reply.completion_tokens) == (None, None)
    assert reply.usd == usd


@pytest.mark.parametrize("name", [OPENAI, "hosted_vllm/mistral"])
async def test_null_content_is_an_empty_text(wire: Wire, name: str) -> None:
    reply = await replied(wire, Fault("null_content"), name)
    assert (reply.text, reply.finish_reason) == ("", "stop")


@pytest.mark.parametrize("name", [OPENAI, "hosted_vllm/mistral"])
async def test_no_choices_is_transient(wire: Wire, name: str) -> None:
    with pytest.raises(ModelError, match="without choices") as refused:
        await replied(wire, Fault("no_choices"), name)
    assert refused.value.transient


async def test_a_cut_answer_says_length(wire: Wire) -> None:
    await wire.serve()
    reply = await wire.model().reply(asking("one two", max_tokens=2))
    assert reply.finish_reason == "length"
    assert len(reply.text.split()) == 2
