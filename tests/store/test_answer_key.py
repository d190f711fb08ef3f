"""Which requests share an answer: the key of a request, and the address that is part of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.store.answer_table import build_key, find_address

MODEL = "openai/stub"
REQUEST = ChatRequest((Message("system", "Be brief."), Message("user", "2+2?")), 0.7, 50, 3)

OTHER_KEYS = {
    "model": build_key("openai/other", "http://a/v1", REQUEST),
    "address": build_key(MODEL, "http://b/v1", REQUEST),
    "text": build_key(
        MODEL,
        "http://a/v1",
        ChatRequest((Message("system", "Be brief."), Message("user", "2+3?")), 0.7, 50, 3),
    ),
    "role": build_key(
        MODEL,
        "http://a/v1",
        ChatRequest((Message("user", "Be brief."), Message("user", "2+2?")), 0.7, 50, 3),
    ),
    "one message of two": build_key(
        MODEL, "http://a/v1", ChatRequest((Message("user", "Be brief.2+2?"),), 0.7, 50, 3)
    ),
    "temperature": build_key(MODEL, "http://a/v1", ChatRequest(REQUEST.messages, 0.8, 50, 3)),
    "max_tokens": build_key(MODEL, "http://a/v1", ChatRequest(REQUEST.messages, 0.7, 51, 3)),
    "stop": build_key(MODEL, "http://a/v1", ChatRequest(REQUEST.messages, 0.7, 50, 3, stop=("x",))),
    "stops": build_key(
        MODEL, "http://a/v1", ChatRequest(REQUEST.messages, 0.7, 50, 3, stop=("x", "y"))
    ),
    "seed": build_key(MODEL, "http://a/v1", ChatRequest(REQUEST.messages, 0.7, 50, 4)),
    "temperature 0": build_key(MODEL, "http://a/v1", ChatRequest(REQUEST.messages, 0.0, 50, 3)),
}


def test_everything_that_affects_an_answer_is_in_its_key() -> None:
    key = build_key(MODEL, "http://a/v1", REQUEST)
    assert len(key) == 16
    assert key not in OTHER_KEYS.values()
    assert len(set(OTHER_KEYS.values())) == len(OTHER_KEYS)


def test_a_key_stays_the_same_from_version_to_version() -> None:
    """A change here makes everybody pay again: let KEY_VERSION say why."""
    assert build_key(MODEL, "http://a/v1", REQUEST).hex()[:16] == "7468825d305a7836"


texts = st.text(st.characters(codec=None), max_size=20)
messages = st.lists(st.builds(Message, st.sampled_from(["system", "user"]), texts), max_size=3)
requests = st.builds(
    ChatRequest,
    messages.map(tuple),
    st.sampled_from([0, 0.0, 0.5, 1, 1.0]),
    st.integers(1, 3),
    st.none() | st.integers(0, 2),
    stop=st.lists(texts, max_size=2).map(tuple),
)


@given(requests, requests)
def test_keys_are_equal_where_requests_are(one: ChatRequest, other: ChatRequest) -> None:
    def asked(request: ChatRequest) -> tuple[object, ...]:
        seed = request.seed if request.temperature else None
        return request.messages, request.temperature, request.max_tokens, seed, request.stop

    same = build_key(MODEL, "a", one) == build_key(MODEL, "a", other)
    assert same == (asked(one) == asked(other))


def test_the_address_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = find_address("openai/gpt-4o-mini", None)
    assert usual == "https://api.openai.com/v1"
    assert find_address("openai/gpt-4o-mini", "https://api.openai.com/v1/") == usual
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:secret@here:8000/v1")
    assert find_address("openai/gpt-4o-mini", None) == "http://here:8000/v1"
    assert find_address("openai/gpt-4o-mini", "http://there/v1") == "http://there/v1"
    assert find_address("azure/mine", None) == ""
    monkeypatch.setenv("AZURE_API_BASE", "https://one.openai.azure.com")
    one = find_address("azure/mine", None)
    monkeypatch.setenv("AZURE_API_BASE", "https://two.openai.azure.com")
    assert find_address("azure/mine", None) != one


def test_all_that_may_be_an_address_counts_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_API_BASE", "https://one.openai.azure.com")
    monkeypatch.setenv("AZURE_API_VERSION", "2026-01-01")
    told = find_address("azure/mine", None)
    monkeypatch.delenv("AZURE_API_BASE")
    monkeypatch.setenv("AZURE_API_BASE", "https://one.openai.azure.com")
    assert find_address("azure/mine", None) == told
    # Of this kind of server all is known: litellm reads no other variable.
    monkeypatch.setenv("HOSTED_VLLM_BASE_URL", "http://not.read")
    assert find_address("hosted_vllm/mine", None) == ""


def test_a_proxy_is_part_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    direct = find_address("openai/mine", None)
    monkeypatch.setenv("USE_LITELLM_PROXY", "True")
    monkeypatch.setenv("LITELLM_PROXY_API_BASE", "http://proxy:4000")
    assert find_address("openai/mine", None) == f"{direct} through http://proxy:4000"


def key_of(request: ChatRequest, added: object = None) -> bytes:
    return build_key(MODEL, "http://a/v1", request, added)  # type: ignore[arg-type]


def test_the_key_is_of_what_was_sent() -> None:
    """A limit by another name is the same request; a refused parameter of one's own is none."""
    assert key_of(REQUEST.leave_out(("max_tokens",))) == key_of(REQUEST)
    assert key_of(REQUEST.leave_out(("stop", "cache_prompt"))) == key_of(REQUEST)
    others = [
        REQUEST,
        REQUEST.leave_out(("temperature",)),
        REQUEST.leave_out(("seed",)),
        REQUEST.leave_out(("top_k",)),
        REQUEST.leave_out(("max_tokens", "max_completion_tokens")),
        replace(REQUEST, top_p=0.5),
    ]
    assert len({key_of(each) for each in others}) == len(others)
    assert key_of(REQUEST, {"extra": {"body": {"a": 1}}}) != key_of(REQUEST)
    assert key_of(REQUEST, {}) == key_of(REQUEST)
