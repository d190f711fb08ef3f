"""Judging a provider's refusal, without any client library."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.models.error_texts import classify, suggest_address, suggest_remedy
from opro_cli.models.waits import read_retry_after

NOON = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (None, None),
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "60s"}, 60.0),
        ({"retry-after": "1m30s"}, 90.0),
        ({"x-ratelimit-remaining": "0", "X-RateLimit-Reset": "1767614460"}, 60.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767614460000"}, 60.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, None),
        ({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "1767614460"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Mon, 05 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 05 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 05 Jan 2026 12:00:30"}, 30.0),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 2027 00:00:00 +9999999999999999999999"}, None),
        ({"retry-after": f"Mon, 01 Jan {'9' * 5000} 00:00:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str] | None, seconds: float | None) -> None:
    assert read_retry_after(headers, NOON) == seconds


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ('{"details": [{"@type": "RetryInfo", "retryDelay": "26s"}]}', 26.0),
        ("Please retry in 11.665902715s.", 11.665902715),
        ("Please try again in 1m26.4s. Need more tokens?", 86.4),
        ("Please retry after 6 seconds.", 6.0),
        ("Please try again in 1h9m38.016s. Need more tokens?", 4178.016),
        # github.com/github/copilot-cli/issues/2696, microsoft/vscode-copilot-release/issues/3210
        ("Please try again in 58 hours. Please review our terms", 208_800.0),
        ("your request is rate-limited. Please wait 8 hours 24 minutes and try again", 30_240.0),
        ("exceeded for UserByModelByDay. Please wait 53211 seconds before retrying.", 53_211.0),
        ('{"error": "Model x is currently loading", "estimated_time": 20.0}', 20.0),
        # OpenRouter quotes its headers: github.com/Gitlawb/openclaude/issues/936
        ('{"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767614460000"}}', 60.0),
        ("Please try again in 20ms", None),
        ("Please try again later", None),
        (f"Please try again in {'9' * 400}s", None),
        (f"Please try again in {'9' * 400}m5s", None),
        (f"Please try again in {'9' * 5000}m5s", None),
        (f"Please try again in {'9' * 308}m5s", None),
    ],
)
def test_the_wait_may_stand_in_the_body(body: str, seconds: float | None) -> None:
    assert read_retry_after({}, NOON, body) == pytest.approx(seconds)
    assert read_retry_after({"retry-after": "3"}, NOON, body) == 3.0


@pytest.mark.parametrize("status", [None, 200, 204, 408, 409, 425, 429, 500, 503, 529])
def test_transient(status: int | None) -> None:
    assert classify(status) == "transient"


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 422])
def test_permanent(status: int) -> None:
    assert classify(status) == "permanent"


@pytest.mark.parametrize(
    ("status", "meaning", "meant"),
    [
        (429, "You exceeded your current quota, please check your plan", "permanent"),
        (429, "exceeded your current quota RESOURCE_EXHAUSTED", "transient"),
        (413, "", "unanswerable"),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 4097", "unanswerable"),
        (400, "Prompt contains 40000 tokens, too large for model with 32768", "unanswerable"),
        (403, "input was flagged for harassment", "unanswerable"),
        # the same words elsewhere mean something else
        (401, "content_filter", "permanent"),
        (404, "context_length_exceeded", "permanent"),
        (429, "context_length_exceeded", "transient"),
        (503, "content_filter is starting", "transient"),
    ],
)
def test_words_decide_where_the_status_does_not(status: int, meaning: str, meant: str) -> None:
    assert classify(status, meaning) == meant


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 2048 tokens. However, you requested 4136 tokens",
        "However, the model's context length is only 2048 tokens",
        "Requested token count exceeds the model's maximum context length of 2048 tokens",
        "input length and `max_tokens` exceed context limit: 1000 + 2048 > 2048, decrease",
    ],
)
def test_more_tokens_than_the_model_holds_are_too_many_for_every_question(words: str) -> None:
    assert classify(400, words, max_tokens=2047) == "unanswerable"
    assert classify(400, words, max_tokens=2048) == "permanent"
    assert suggest_remedy(400, words, "hosted_vllm/m", None, 2048) == "lower max_tokens"


@pytest.mark.parametrize("digits", [20, 400, 5000])
def test_a_context_of_any_number_of_digits_is_read(digits: int) -> None:
    words = f"maximum context length: context length is {'9' * digits}"
    assert classify(400, words, max_tokens=2048) == "unanswerable"
    assert suggest_remedy(400, words, "hosted_vllm/m", None, 2048) != "lower max_tokens"


DATES = st.builds(
    "{} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon,", "", ",", "Monday"]),
    st.integers(),
    st.sampled_from(["Jan 2026", "Jan", "Foo 10000", f"Dec {10**30}", "2026", "Jan 0"]),
    *[st.integers() | st.just("")] * 3,
    st.sampled_from(["GMT", "", "-", "+", "EST"]) | st.integers().map("{:+d}".format),
)


@given(DATES | st.text(max_size=40), st.text("0123456789ms. ٣", max_size=30))
def test_whatever_a_server_says_of_a_wait_is_a_number_of_seconds_or_none(
    header: str, words: str
) -> None:
    body = f"please try again in {words}"
    for headers in ({"retry-after": header}, {"retry-after-ms": header}, {}):
        seconds = read_retry_after(headers, NOON, body)
        assert seconds is None or 0.0 <= seconds < math.inf


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens is too large: 6000. This model supports at most 4096 completion tokens",
        "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens",
        "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
    ],
)
def test_more_tokens_than_the_model_writes(words: str) -> None:
    assert classify(400, words, max_tokens=100_000) == "permanent"
    assert suggest_remedy(400, words, "openai/m", None, 100_000) == "lower max_tokens"


def test_a_key_for_a_server_of_ones_own_has_its_own_variable() -> None:
    base = "http://localhost:4000/v1"
    assert suggest_remedy(401, "", "openai/m", None) == "set OPENAI_API_KEY to a key that is valid"
    assert suggest_remedy(401, "", "openai/m", base) == (
        f"set OPRO_API_KEY to a key that is valid for {base} (OPENAI_API_KEY goes to OpenAI only)"
    )
    assert suggest_remedy(403, "", "bedrock/m", None) == "check the key and the access rights"


@pytest.mark.parametrize(
    ("name", "base", "hint"),
    [
        ("openai/m", None, None),
        ("openai/m", "http://h:1", "check api_base, http://h:1: most end in /v1"),
        ("openai/m", "http://h:1/v1/", "check api_base, http://h:1/v1/"),
        ("ollama_chat/m", "http://h:1", "check api_base, http://h:1"),
    ],
)
def test_an_address_that_is_no_model_server(name: str, base: str | None, hint: str | None) -> None:
    assert suggest_address(name, base) == hint
