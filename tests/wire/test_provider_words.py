"""What is left of a provider's refusal, without any client library."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.text import replace_unsendable
from opro_cli.models.error_texts import LONGEST_READ, LONGEST_WORDS, parse_json, read_refusal
from tests.server import refusals

NESTED = json.dumps({"error": {"code": 400, "message": "too long", "type": "exceed_context"}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"error": {"message": "no such\\nmodel"}}', "no such model"),
        ('{"error": "no such model"}', "no such model"),
        ('{"type": "error", "error": {"type": "x", "message": "bad key"}}', "bad key"),
        ('[{"error": {"message": "in a list", "code": 400}}]', "in a list"),
        (json.dumps({"error": NESTED}), "too long"),
        ('{"message": "m"}', "m"),
        ('{"detail": "d"}', "d"),
        ('{"detail": [{"loc": 1}]}', '{"detail": [{"loc": 1}]}'),
        ('{"error": {"message": ""}}', '{"error": {"message": ""}}'),
        ('{"code": 3}', '{"code": 3}'),
        ("5", "5"),
        ("", ""),
        ("red \x1b[31malert\x07", "red [31malert"),
    ],
)
def test_the_words_of_a_refusal(text: str, words: str) -> None:
    assert read_refusal(text).words == words


@pytest.mark.parametrize("key", ["detail", "message"])
def test_faults_as_pydantic_lists_them_are_told_by_the_first(key: str) -> None:
    fault = {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs", "input": 1}
    words = "body.seed: Extra inputs"
    assert read_refusal(json.dumps({key: [fault, {**fault, "loc": ["body", "n"]}]})).words == words
    assert read_refusal(json.dumps({"message": {"detail": [fault]}, "code": None})).words == words


def test_a_router_quotes_the_provider() -> None:
    body = {"error": {"message": "Provider returned error", "metadata": {"raw": NESTED}}}
    assert read_refusal(json.dumps(body)).words == "Provider returned error: too long"
    body["error"]["metadata"] = {"raw": "plain text"}
    assert read_refusal(json.dumps(body)).words == "Provider returned error: plain text"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (refusals.BAD_GATEWAY.body, "502 Bad Gateway"),
        ("<!DOCTYPE html><title></title><h1>Gone</h1> fishing", "Gone fishing"),
        ("<html><head><style>p {}</style><script>f()</script></head><p>We&#39;re</p>", "We're"),
        ("<HTML><p>a < b", "a < b"),
        ('{"error": "<html><title>502</title></html>"}', "502"),
    ],
)
def test_a_page_is_its_title_or_its_text(page: str, words: str) -> None:
    assert read_refusal(page).words == words


def test_the_meaning_has_the_codes() -> None:
    meaning = read_refusal(json.dumps(refusals.AZURE_FILTER.body)).meaning
    assert "content_filter" in meaning
    assert "ResponsibleAIPolicyViolation" in meaning
    assert "API_KEY_INVALID" in read_refusal(json.dumps(refusals.GEMINI_BAD_KEY.body)).meaning


def test_the_meaning_has_what_the_words_have_no_room_for() -> None:
    said = read_refusal("x" * LONGEST_WORDS + " prompt is too long")
    assert "too long" not in said.words
    assert "too long" in said.meaning


def test_long_words_are_cut_after_keys_are_gone() -> None:
    words = read_refusal("x" * (LONGEST_WORDS - 5) + " sk-0123456789abcdef").words
    assert len(words) == LONGEST_WORDS
    assert "sk-" not in words


def test_half_a_key_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_API_KEY", "0123456789")
    body = "who is".ljust(LONGEST_READ - 5) + "0123456789"
    assert read_refusal(body).words == "who is"


def test_a_page_does_not_repeat_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_API_KEY", "given1")
    assert read_refusal("<html><p>Bearer <b>given1</b></p>").words == "Bearer [redacted]"


@pytest.mark.parametrize("body", ["[" * 500_000, "<html>" + "<" * 500_000, " " * 500_000])
def test_nonsense_is_read_all_the_same(body: str) -> None:
    assert len(read_refusal(body).words) <= LONGEST_WORDS


def test_words_that_are_long_or_many_are_read_in_no_time() -> None:
    """Or this takes minutes: an error of base64 is one word of 20,000 letters."""
    for words in ("x" * 30_000, f"{'a ' * 9_000}{'x' * 30_000}", "://" * 10_000, "sk-" * 10_000):
        for _ in range(30):
            assert read_refusal(words).words


def test_one_endless_word_is_shown() -> None:
    assert read_refusal("x" * 500_000).words == "x" * (LONGEST_WORDS - 1) + "…"


def by_the_json_module(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@pytest.mark.parametrize(
    "text",
    [
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\x01"',
        '"\x7f\u2028"',
        "[Infinity, -Infinity]",
        "1e999",
        "1.7976931348623159e308",
        "-1e-400",
        "1" * 40,
        "9007199254740993.0",
        '{"a": 1, "a": 2}',
        "[1,]",
        "01",
        '["x"] ["y"]',
        "[" * 100_000,
        "",
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_json_is_read_as_the_json_module_reads_it(text: str) -> None:
    assert repr(parse_json(text)) == repr(by_the_json_module(text))


def test_a_byte_order_mark_before_json_is_none_of_it() -> None:
    assert repr(parse_json('\ufeff{"a": 1}')) == repr(parse_json('{"a": 1}')) != repr(None)
    assert parse_json("\ufeff\ufeff{}") is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


@given(values, st.booleans(), st.text('[]{},:"\\0eu-. ', max_size=3))
def test_any_json_is_read_as_the_json_module_reads_it(
    value: object, ascii_only: bool, behind: str
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only) + behind
    assert repr(parse_json(text)) == repr(by_the_json_module(text))


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain\x01", "plain\x01"),
        ("a\x00b", "a\ufffdb"),
        ("é\x00", "é\ufffd"),
        ("\ud83d", "\ufffd"),
        ("😀", "😀"),
    ],
)
def test_what_no_server_can_be_sent_is_replaced(text: str, sent: str) -> None:
    assert replace_unsendable(text) == sent
