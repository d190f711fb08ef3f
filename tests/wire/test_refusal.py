"""What a model makes of what goes wrong, beside the table in `test_faults`."""

from __future__ import annotations

import contextlib

import pytest

from opro_cli.core.settings.models import ModelSettings
from opro_cli.errors import ModelError
from opro_cli.models import build_model
from opro_cli.models.litellm_transport import find_answer
from opro_cli.models.openai_compatible import OpenAICompatibleModel
from tests.server import Fault, LocalServer, Options
from tests.wire.conftest import OLLAMA, OPENAI, VLLM, Wire, asking, both, lean

CLIENTS = [OPENAI, VLLM, OLLAMA]  # litellm's three ways out
KEY = "sk-proj-A1b2C3d4E5f6"


async def refused(
    wire: Wire, fault: Fault, name: str = OPENAI, timeout: float = 10.0
) -> ModelError:
    await wire.serve(faults=lambda number: fault)
    with pytest.raises(ModelError) as caught:
        await wire.model(name, timeout).reply(asking())
    return caught.value


@both
@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize(
    ("status", "transient"),
    [
        *((status, False) for status in (400, 401, 402, 403, 404, 422)),
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


@both
@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("kind", ["hang", "trickle"])
async def test_the_timeout_is_for_the_whole_call(wire: Wire, kind: str, name: str) -> None:
    """A trickle of bytes every 0.1 s never exceeds a timeout on a single read."""
    error = await refused(wire, Fault(kind, seconds=1.0), name, timeout=0.3)  # type: ignore[arg-type]
    assert error.message == f"{name} gave no answer within 0.3 s"
    assert (error.transient, error.status) == (True, None)


@both
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_refusal_says_nothing_of_an_earlier_one(wire: Wire, name: str) -> None:
    """Whoever asks again while handling an error has that error in the chain of causes."""
    await wire.serve(faults={0: Fault.http(404, "no such model"), 1: Fault("malformed_json")})
    try:
        await wire.model(name).reply(asking())
    except ModelError:
        with pytest.raises(ModelError, match="sent no readable answer") as caught:
            await wire.model(name).reply(asking())
    assert caught.value.transient


@both
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_key_is_never_repeated(
    wire: Wire, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-key-of-no-known-shape")
    told = f"bad keys {KEY} and a-key-of-no-known-shape"
    error = await refused(wire, Fault.http(401, told), name)
    assert "bad keys" in error.message
    assert "a-key-of-no-known-shape" not in error.message
    assert KEY not in error.message


def everything_about(error: BaseException | None) -> str:
    """The reprs of an error and of all that led to it."""
    if error is None:
        return ""
    return f"{error!r} {everything_about(error.__cause__)} {everything_about(error.__context__)}"


@lean
@pytest.mark.parametrize(
    "fault",
    [
        Fault.http(401),
        Fault("reset"),
        Fault("reset_mid_body"),
        Fault("truncated"),
        Fault("malformed_json"),
        Fault("hang"),
        Fault("status", 200, {"Content-Encoding": "gzip"}, "no gzip"),
        Fault("status", 307, {"Location": "/elsewhere"}),
        Fault("status", 200, {"X-Long": "x" * 100_000}),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_no_error_holds_the_key(
    wire: Wire, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiohttp's own exceptions show the headers of the request."""
    monkeypatch.setenv("OPRO_API_KEY", KEY)
    error = await refused(wire, fault, timeout=0.5)
    assert wire.server.requests[0].authorization == f"Bearer {KEY}"
    assert KEY not in everything_about(error)


@pytest.mark.parametrize("name", ["anthropic/claude-sonnet-4-5", "gpt-4o-mini", "groq/llama-3"])
async def test_a_missing_key_is_found_before_anything_is_sent(name: str) -> None:
    with pytest.raises(ModelError, match=r"needs an API key: \w+_API_KEY is not set") as caught:
        await build_model(ModelSettings(name)).reply(asking())
    assert not caught.value.transient


@both
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_with_the_key(
    wire: Wire, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """litellm's client does follow, and leaves the key behind."""
    monkeypatch.setenv("OPRO_API_KEY", KEY)
    await wire.serve()
    async with LocalServer() as other:
        # another name is another host
        place = f"{other.url}/chat/completions".replace("127.0.0.1", "localhost")
        wire.server.options = Options(faults={0: Fault("status", status, {"Location": place})})
        with contextlib.suppress(ModelError):
            await wire.model().reply(asking())
        assert [entry.authorization for entry in other.requests if entry.authorization] == []


@lean
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused(wire: Wire, status: int) -> None:
    place = f"https://else.where/v1?key={KEY}"
    error = await refused(wire, Fault("status", status, {"Location": place}))
    assert error.message == (
        f"{OPENAI} answered {status}: it redirects to https://else.where/v1?key=[redacted]"
    )
    assert error.hint is not None
    assert "set api_base" in error.hint
    assert (error.transient, error.status) == (False, status)
    assert len(wire.server.requests) == 1


@lean
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_connection_that_has_gone_stale_is_an_ordinary_accident(
    wire: Wire, name: str
) -> None:
    """Sent twice it might be answered and billed twice."""
    await wire.serve(faults={1: Fault("reset"), 2: Fault("close")})
    model = wire.model(name)
    await model.reply(asking("a"))
    for words in ("Connection reset by peer", "Server disconnected"):
        with pytest.raises(ModelError, match=f"did not answer: {words}") as caught:
            await model.reply(asking("b"))
        assert (caught.value.transient, caught.value.status) == (True, None)
    assert (await model.reply(asking("c"))).text.endswith("of: c")
    sent = [entry.body["messages"][0]["content"] for entry in wire.server.requests]
    assert sent == ["a", "b", "b", "c"], "twice by the caller, never by itself"


@lean
async def test_a_proxy_that_refuses(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stands in for it: it knows no CONNECT."""
    await wire.serve()
    monkeypatch.setenv("https_proxy", wire.server.root.replace("http://", f"http://me:{KEY}@"))
    monkeypatch.setenv("OPRO_API_KEY", "for-the-model")
    with pytest.raises(ModelError, match=r"the proxy answered 40\d ") as caught:
        await wire.at("https://model.example/v1").reply(asking())
    assert caught.value.hint == "check HTTPS_PROXY"
    assert not caught.value.transient
    assert KEY not in everything_about(caught.value)


@lean
@pytest.mark.parametrize(
    ("error", "says", "status", "transient"),
    [
        ({"message": "slower", "code": 429}, "answered 429: slower", 429, True),
        ({"message": "no key", "code": 401}, "answered 401: no key", 401, False),
        ({"message": "hm", "code": "odd"}, "did not answer: hm", None, True),
        ("Unexpected endpoint", "did not answer: Unexpected endpoint", None, True),
    ],
)
async def test_an_error_with_a_200(
    wire: Wire, error: object, says: str, status: int | None, transient: bool
) -> None:
    caught = await refused(wire, Fault("status", 200, body={"error": error}))
    assert caught.message == f"{OPENAI} {says}"
    assert (caught.status, caught.transient) == (status, transient)


@lean
@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        "{}",
        '{"choices": "odd"}',
        '{"choices": [1]}',
        '{"choices": [{"message": null}]}',
        '{"choices": [{"message": {"content": 5}}]}',
        '{"object": "list"}',
    ],
)
async def test_json_that_is_no_reply(wire: Wire, body: str) -> None:
    error = await refused(wire, Fault("status", 200, body=body))
    assert error.message == f"{OPENAI} sent no readable answer: {body}"
    assert error.transient


async def test_a_model_without_an_address() -> None:
    with pytest.raises(ModelError, match="hosted_vllm/mistral has no address") as caught:
        await OpenAICompatibleModel("hosted_vllm/mistral").reply(asking())
    assert caught.value.hint == "set api_base or HOSTED_VLLM_API_BASE"
    assert not caught.value.transient


@lean
async def test_a_key_of_two_lines_is_not_sent(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a header of its own."""
    monkeypatch.setenv("OPRO_API_KEY", f"{KEY}\nX-Other: 1")
    await wire.serve()
    with pytest.raises(ModelError, match="did not answer") as caught:
        await wire.model().reply(asking())
    assert caught.value.hint == "check api_base and the key"
    assert KEY not in everything_about(caught.value)
    assert wire.server.requests == []


@lean
@pytest.mark.parametrize("base", ["http://", "http://x:y/v1"])
async def test_an_address_that_is_none(wire: Wire, base: str) -> None:
    with pytest.raises(ModelError, match="openai/m did not answer") as caught:
        await wire.at(base, "openai/m").reply(asking())
    assert caught.value.hint == "check api_base and the key"
    assert not caught.value.transient


async def test_a_name_without_a_provider(wire: Wire) -> None:
    with pytest.raises(ModelError, match="names no provider") as caught:
        await wire.at("http://127.0.0.1:9", "mistral").reply(asking())
    assert not caught.value.transient
    assert caught.value.hint is not None
    assert "ollama_chat/mistral" in caught.value.hint


@pytest.mark.parametrize("status", ["429", "busy", None, 1e300])
def test_a_status_that_is_no_number_is_no_answer(status: object) -> None:
    """litellm takes it from the body of an error as it is."""
    error = RuntimeError("slower")
    vars(error).update(status_code=status, litellm_response_headers={})
    assert find_answer((error,)) is None
