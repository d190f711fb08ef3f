"""What LitellmModel makes of everything that goes wrong."""

from __future__ import annotations

import socket

import pytest

from opro_cli.adapters.models.litellm_model import LitellmModel
from opro_cli.errors import ModelError
from tests.server import Fault
from tests.wire.conftest import OPENAI, Wire, asking

CLIENTS = [OPENAI, "hosted_vllm/mistral", "ollama_chat/mistral"]  # litellm's three ways out
KEY = "sk-proj-A1b2C3d4E5f6"


async def refused(
    wire: Wire, fault: Fault, name: str = OPENAI, timeout: float = 10.0
) -> ModelError:
    await wire.serve(faults=lambda number: fault)
    with pytest.raises(ModelError) as caught:
        await wire.model(name, timeout).reply(asking())
    return caught.value


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize(
    ("status", "transient"),
    [
        *((status, False) for status in (400, 401, 402, 403, 404, 413, 422)),
        *((status, True) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)),
    ],
)
async def test_each_status_is_judged_and_asked_once(
    wire: Wire, status: int, transient: bool, name: str
) -> None:
    error = await refused(wire, Fault.http(status, "the words of the server"), name)
    assert (error.transient, error.status) == (transient, status)
    assert error.message == f"{name} answered {status}: the words of the server"
    assert len(wire.server.requests) == 1


async def test_a_misleading_body_does_not_change_the_status(wire: Wire) -> None:
    body = {"error": {"message": "who are you", "type": "invalid_request_error"}}
    error = await refused(wire, Fault("status", 401, body=body))
    assert (error.status, error.transient) == (401, False)
    assert error.hint is not None
    assert "OPENAI_API_KEY" in error.hint


@pytest.mark.parametrize("name", CLIENTS)
async def test_retry_after_is_read(wire: Wire, name: str) -> None:
    error = await refused(wire, Fault.http(429, "slower", Retry_After="7"), name)
    assert error.retry_after == 7.0


async def test_an_empty_account_is_not_asked_again(wire: Wire) -> None:
    error = await refused(wire, Fault.http(429, "You exceeded your current quota, please check"))
    assert (error.status, error.transient) == (429, False)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ollama_chat/mistral", "`ollama pull mistral`"),
        ("hosted_vllm/mistral", "check the model's name"),
    ],
)
async def test_an_unknown_model_gets_a_remedy(wire: Wire, name: str, hint: str) -> None:
    error = await refused(wire, Fault.http(404, "no such model"), name)
    assert error.hint is not None
    assert hint in error.hint


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("kind", ["reset", "reset_mid_body", "malformed_json"])
async def test_an_accident_on_the_wire_is_transient_and_not_repeated(
    wire: Wire, kind: str, name: str
) -> None:
    error = await refused(wire, Fault(kind), name)  # type: ignore[arg-type]
    assert error.transient
    assert len(wire.server.requests) == 1
    assert "Traceback" not in error.message
    assert len(error.message) < 400


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("kind", ["hang", "trickle"])
async def test_the_timeout_is_for_the_whole_call(wire: Wire, kind: str, name: str) -> None:
    """A trickle of bytes every 0.1 s never exceeds a timeout on a single read."""
    error = await refused(wire, Fault(kind, seconds=1.0), name, timeout=0.3)  # type: ignore[arg-type]
    assert error.message == f"{name} gave no answer within 0.3 s"
    assert (error.transient, error.status) == (True, None)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (OPENAI, "is the server at http://127.0.0.1:"),
        ("hosted_vllm/mistral", "`vllm serve mistral`"),
        ("ollama_chat/mistral", "`ollama serve`"),
    ],
)
async def test_nobody_at_the_address(wire: Wire, name: str, remedy: str) -> None:
    with socket.socket() as closed:  # bound, never listening: it refuses
        closed.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(ModelError, match=f"refused the connection at {base}") as caught:
            await wire.at(base, name).reply(asking())
    error = caught.value
    assert (error.transient, error.status) == (True, None)
    assert error.hint is not None
    assert remedy in error.hint


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_key_is_never_repeated(
    wire: Wire, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-key-of-no-known-shape")
    told = f"bad keys {KEY}, a-key-of-no-known-shape and given-in-the-config"
    await wire.serve(faults={0: Fault.http(401, told)})
    with pytest.raises(ModelError) as caught:
        await wire.model(name, api_key="given-in-the-config").reply(asking())
    message = caught.value.message
    assert "bad keys" in message
    assert "a-key-of-no-known-shape" not in message
    assert KEY not in message
    assert "given-in-the-config" not in message


@pytest.mark.parametrize("name", ["anthropic/claude-sonnet-4-5", "gpt-4o-mini", "groq/llama-3"])
async def test_a_missing_key_is_found_before_anything_is_sent(name: str) -> None:
    with pytest.raises(ModelError, match=r"needs an API key: \w+_API_KEY is not set") as caught:
        await LitellmModel(name).reply(asking())
    assert not caught.value.transient


async def test_a_name_without_a_provider(wire: Wire) -> None:
    with pytest.raises(ModelError, match="names no provider") as caught:
        await wire.at("http://127.0.0.1:9", "mistral").reply(asking())
    assert not caught.value.transient
    assert caught.value.hint is not None
    assert "ollama_chat/mistral" in caught.value.hint
