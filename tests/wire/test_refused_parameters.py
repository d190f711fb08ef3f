"""Which optional parameter a refusal is about, in the words of many servers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.models.call_errors import build_refusal
from opro_cli.models.error_texts import USE_ANOTHER_POSITION, read_refusal
from opro_cli.models.parameters import choose_limit, find_refused
from opro_cli.models.wire import HttpAnswer, ModelCall

SENT: dict[str, Any] = {
    "temperature": 0.0,
    "top_p": 0.9,
    "max_tokens": 256,
    "seed": 7,
    "n": 3,
    "stop": ["###"],
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "cache_prompt": False,
    "chat_template_kwargs": {"enable_thinking": False},
}


def refused(body: Any, status: int = 400, **sent: Any) -> str:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return find_refused(status, text, read_refusal(text).meaning, sent or SENT)


def openai(message: str, param: str | None = None, code: str | None = None) -> Any:
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": param,
            "code": code,
        }
    }


REFUSALS: list[tuple[str, int, Any, str]] = [
    (
        "openai value",
        400,
        openai(
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default "
            "(1) value is supported.",
            "temperature",
            "unsupported_value",
        ),
        "temperature",
    ),
    (
        "openai name",
        400,
        openai(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
        "max_tokens",
    ),
    ("openai without a param", 400, openai("Unrecognized request argument: seed"), "seed"),
    (
        "azure, older API",
        400,
        openai("Unrecognized request argument supplied: reasoning_effort"),
        "reasoning_effort",
    ),
    (
        "gemini",
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find '
                    "field.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"fieldViolations": [{"field": "", "description": "…"}]}],
                }
            }
        ],
        "seed",
    ),
    (
        "gemini, below",
        400,
        {
            "error": {
                "message": "* GenerateContentRequest.generation_config.candidate_count: only one "
                "candidate can be specified",
                "status": "INVALID_ARGUMENT",
            }
        },
        "n",
    ),
    (
        "pydantic",
        422,
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "seed"],
                    "msg": "Extra inputs are not permitted",
                    "input": {"temperature": 0},
                }
            ]
        },
        "seed",
    ),
    (
        "mistral",
        422,
        {
            "object": "error",
            "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "n"], "msg": "…"}]},
            "type": "invalid_request_error",
            "param": None,
        },
        "n",
    ),
    (
        "azure ai",
        422,
        {
            "error": {
                "code": "Invalid input",
                "status": 422,
                "message": "invalid input error",
                "details": [{"type": "extra_forbidden", "loc": ["body", "cache_prompt"]}],
            }
        },
        "cache_prompt",
    ),
    (
        "anthropic, both",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "`temperature` and `top_p` cannot both be specified for this model. "
                "Please use only one.",
            },
        },
        "top_p",
    ),
    (
        "anthropic, deprecated",
        400,
        openai("`temperature` is deprecated for this model."),
        "temperature",
    ),
    (
        "anthropic, thinking",
        400,
        openai("`temperature` may only be set to 1 when thinking is enabled."),
        "temperature",
    ),
    ("anthropic, range", 400, openai("temperature: range: 0..1"), "temperature"),
    (
        "bedrock",
        400,
        {
            "message": "The model returned the following errors: Malformed input request: #: "
            "extraneous key [stop_sequences] is not permitted, please reformat your input."
        },
        "stop",
    ),
    (
        "litellm",
        400,
        "litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0. Only "
        "temperature=1 is supported.",
        "temperature",
    ),
    (
        "vllm, strict",
        400,
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'top_p'), 'msg': 'Extra "
            "inputs are not permitted'}]",
            "code": 400,
        },
        "top_p",
    ),
    (
        "tgi",
        422,
        "cannot read the body: unknown field `seed`, expected one of `temperature`",
        "seed",
    ),
    ("groq", 400, openai("'n' : number must be at most 1", "n"), "n"),
    ("groq, property", 400, openai("property 'cache_prompt' is unsupported"), "cache_prompt"),
    ("cohere", 400, {"message": "invalid request: parameter 'seed' is not allowed"}, "seed"),
    ("xai", 400, {"error": "Argument not supported on this model: stop"}, "stop"),
    ("llama.cpp, of old", 500, openai("Unsupported param: 'n'"), "n"),
    ("only one choice", 400, openai("this server takes n=1 only"), "n"),
    ("german", 400, {"fehler": "Der Parameter „seed“ ist nicht erlaubt"}, "seed"),
    ("german gateway", 400, openai("Ungültiger Wert für 'temperature'"), "temperature"),
    ("french", 422, {"message": "le paramètre « top_p » est inconnu"}, "top_p"),
    ("spanish", 400, openai("No se admite el parámetro `response_format`"), "response_format"),
    ("chinese", 400, openai("不支持参数 `seed`"), "seed"),
    ("russian", 400, openai("Параметр 'stop' не поддерживается"), "stop"),
    ("quoted JSON", 400, {"error": json.dumps(openai("unknown field 'seed'"))}, "seed"),
    (
        "a route of few parameters",
        404,
        openai("the parameter top_p is not supported here"),
        "top_p",
    ),
    # github.com/googleapis/python-genai/issues/1723
    ("gemini 3", 400, [openai("Multiple candidates is not enabled for this model")], "n"),
    # github.com/lobehub/lobehub/issues/7985
    ("gemini 2", 400, openai("Thinking is not enabled for models/gemini-2.0"), "reasoning_effort"),
    # github.com/labring/FastGPT/issues/2027, microsoft/graphrag/issues/416
    (
        "transformers, behind a 500",
        500,
        {"detail": "[pid=1] `temperature` (=0.0) has to be a strictly positive float, otherwise"},
        "temperature",
    ),
    (
        "bedrock's schema",
        400,
        {"message": "#/temperature: 0 is not greater or equal to 0.01, please reformat your input"},
        "temperature",
    ),
    ("a capital", 400, openai("Temperature must be 1"), "temperature"),
    # github.com/Warma10032/VideoAdGuard/issues/34
    ("kimi", 400, openai("invalid temperature: only 1 is allowed for this model"), "temperature"),
    # github.com/ollama/ollama/issues/12561
    (
        "ollama",
        400,
        openai('think value "low" is not supported for this model'),
        "reasoning_effort",
    ),
    # github.com/devoxx/DevoxxGenieIDEAPlugin/issues/338
    ("mistral's top_p", 400, openai("top_p must be 1 when using greedy sampling."), "top_p"),
    # github.com/BerriAI/litellm/pull/28115
    (
        "databricks",
        400,
        {"error_code": "BAD_REQUEST", "message": "x does not support the temperature parameter."},
        "temperature",
    ),
    (
        "the others are listed behind it",
        400,
        openai("Unknown parameter: 'chat_template_kwargs'. Supported parameters: 'temperature'."),
        "chat_template_kwargs",
    ),
]


@pytest.mark.parametrize(
    ("status", "body", "expected"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_a_refused_parameter_is_found(status: int, body: Any, expected: str) -> None:
    assert refused(body, status) == expected


OTHERS: list[tuple[str, int, Any]] = [
    ("too long", 400, openai("the maximum context length is 4096 tokens; reduce max_tokens")),
    ("a limit of the wrong size", 400, openai("max_tokens is too large: 256", "max_tokens")),
    ("a limit below the thoughts", 400, openai("`max_tokens` must be greater than `budget`")),
    ("a key", 401, openai("Incorrect API key provided; 'seed' is not supported")),
    ("a rate", 429, openai("too many requests with 'temperature'")),
    ("filtered", 400, openai("flagged as potentially bad; 'seed' not supported")),
    ("a message", 400, openai("'system' is not supported, 'stop'", "messages[0].role")),
    ("no model", 404, openai("The model `gpt-5-seed` does not exist")),
    ("a fault of the server's own", 500, openai("internal error at temperature 0")),
    ("a limit, behind a 500", 500, openai("`max_tokens` must be less than 8192")),
    # OpenRouter: github.com/block/buzz/issues/3018
    ("no endpoint", 404, openai("No endpoints found that can handle the requested parameters.")),
    ("nothing named", 400, openai("Bad request")),
    ("a page", 400, "<html><title>400 Bad Request</title></html>"),
    ("what is fine is listed", 400, openai("Unknown field 'x'. Allowed keys: 'temperature'")),
]


@pytest.mark.parametrize(
    ("status", "body"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS]
)
def test_any_other_refusal_is_about_none(status: int, body: Any) -> None:
    assert refused(body, status) == ""


def test_what_was_not_sent_is_not_refused() -> None:
    assert refused(openai("Unknown parameter: 'seed'"), temperature=0.0) == ""


def test_of_two_that_exclude_each_other_the_one_without_effect_goes() -> None:
    both = openai("temperature and top_p cannot both be specified")
    assert refused(both, temperature=1.0, top_p=0.9) == "temperature"
    assert refused(both, temperature=0.0, top_p=0.9) == "top_p"


@given(st.text(), st.sampled_from([400, 404, 422, 500]))
def test_no_text_is_beyond_reading(text: str, status: int) -> None:
    assert refused(text, status) in {"", *SENT}


KEYS = st.sampled_from(["error", "param", "loc", "detail", "message"])
LEAVES = st.none() | st.text() | st.integers() | st.sampled_from(list(SENT))


@given(st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(KEYS, each)))
def test_no_json_is_beyond_reading(body: Any) -> None:
    assert refused(json.dumps(body)) in {"", *SENT}


def test_a_limit_goes_by_its_other_name_once() -> None:
    assert choose_limit("max_tokens", ()) == "max_tokens"
    assert choose_limit("max_tokens", ("max_tokens",)) == "max_completion_tokens"
    assert choose_limit("max_completion_tokens", ("max_completion_tokens",)) == "max_tokens"
    assert choose_limit("max_tokens", ("max_tokens", "max_completion_tokens")) == ""


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "Jinja Exception: System role not supported"),
        (400, "Only user and assistant roles are supported!"),
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
        (400, "This model doesn't support system messages. Try again without system messages."),
        (422, "system prompts are not allowed"),
    ],
)
def test_a_system_message_that_is_refused_gets_a_hint_and_no_second_try(
    status: int, words: str
) -> None:
    answer = HttpAnswer(status, {}, json.dumps(openai(words)))
    call = ModelCall("openai/m", None, 1.0, 50, sent=SENT, system=True)
    error = build_refusal(answer, call)
    assert (error.hint, error.transient, error.refused) == (USE_ANOTHER_POSITION, False, "")
    assert error.about == "prompt"
    without = ModelCall("openai/m", None, 1.0, 50, sent=SENT)
    assert build_refusal(answer, without).hint != USE_ANOTHER_POSITION
