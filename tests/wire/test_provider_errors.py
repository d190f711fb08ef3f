"""Reading a provider's refusal, without any client library."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opro_cli.adapters.models.provider_errors import (
    LONGEST_WORDS,
    is_transient,
    provider_words,
    retry_after,
)

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
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Mon, 05 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 05 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 05 Jan 2026 12:00:30"}, 30.0),
    ],
)
def test_retry_after(headers: dict[str, str] | None, seconds: float | None) -> None:
    assert retry_after(headers, NOON) == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"error": {"message": "no such\\nmodel"}}', "no such model"),
        ('{"error": "no such model"}', "no such model"),
        ('{"type": "error", "error": {"type": "x", "message": "bad key"}}', "bad key"),
        ('{"message": "m"}', "m"),
        ('{"detail": "d"}', "d"),
        ('{"detail": [{"loc": 1}]}', '{"detail": [{"loc": 1}]}'),
        ('{"code": 3}', '{"code": 3}'),
        ("<html>\n<b>502</b>", "<html> <b>502</b>"),
        ("red \x1b[31malert\x07", "red [31malert"),
    ],
)
def test_provider_words(text: str, words: str) -> None:
    assert provider_words(text) == words


def test_long_words_are_cut_after_keys_are_gone() -> None:
    words = provider_words("x" * (LONGEST_WORDS - 5) + " sk-0123456789abcdef")
    assert len(words) == LONGEST_WORDS
    assert "sk-" not in words


@pytest.mark.parametrize("status", [None, 200, 204, 408, 409, 425, 429, 500, 503, 529])
def test_transient(status: int | None) -> None:
    assert is_transient(status)


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 413, 422])
def test_permanent(status: int) -> None:
    assert not is_transient(status)


def test_an_empty_account_is_permanent() -> None:
    assert not is_transient(429, "You exceeded your current quota, please check your plan")
