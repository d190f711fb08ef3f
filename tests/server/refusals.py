"""What providers say when they refuse, in their own words and shapes.

Taken down from answers that people quote in public issues; model names and numbers vary.
"""

from __future__ import annotations

from typing import Any

from tests.server.faults import Fault


def said(status: int, body: Any) -> Fault:
    return Fault("status", status, body=body)


def openai(status: int, message: str, code: str | None = None, **more: Any) -> Fault:
    """{"error": {"message": …, "type": …, "param": …, "code": …}}"""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return said(status, {"error": {**error, **more}})


def vllm(message: str) -> Fault:
    error = {"message": message, "type": "BadRequestError", "param": None, "code": 400}
    return said(400, {"object": "error", **error})


def anthropic(status: int, kind: str, message: str) -> Fault:
    return said(status, {"type": "error", "error": {"type": kind, "message": message}})


def gemini(status: int, kind: str, message: str, *details: dict[str, Any]) -> Fault:
    error = {"code": status, "message": message, "status": kind, "details": details}
    return said(status, {"error": error})


# the model and the key

UNKNOWN_MODEL = openai(
    404, "The model `gpt-5-nanoo` does not exist or you do not have access to it", "model_not_found"
)
NOT_PULLED = said(404, {"error": "model 'mistral' not found"})


def bad_key(key: str) -> Fault:
    return openai(401, f"Incorrect API key provided: {key}.", "invalid_api_key")


GEMINI_BAD_KEY = gemini(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
)

# the account

EMPTY_ACCOUNT = openai(
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
    type="insufficient_quota",
)
ANTHROPIC_NO_CREDIT = anthropic(
    400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."
)
# the same words as OpenAI's empty account, and yet only a limit per minute
GEMINI_BUSY = gemini(
    429,
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details.",
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "26s"},
)

# a request that is too long

OPENAI_TOO_LONG = openai(
    400,
    "This model's maximum context length is 128000 tokens. However, your messages resulted in"
    " 200010 tokens. Please reduce the length of the messages.",
    "context_length_exceeded",
)
VLLM_TOO_LONG = vllm(
    "This model's maximum context length is 2048 tokens. However, you requested 2100 tokens"
    " (2050 in the messages, 50 in the completion). Please reduce the length of the messages or"
    " completion."
)
LLAMA_CPP_TOO_LONG = openai(
    400,
    "request (42947 tokens) exceeds the available context size (8192 tokens), try increasing it",
    type="exceed_context_size_error",
)
OLD_LLAMA_CPP_TOO_LONG = openai(
    500, "the request exceeds the available context size. try increasing the context size"
)
OLLAMA_TOO_LONG = said(400, {"error": "the input length exceeds the context length"})
ANTHROPIC_TOO_LONG = anthropic(
    400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"
)
GEMINI_TOO_LONG = gemini(
    400,
    "INVALID_ARGUMENT",
    "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
)
ABOVE_THE_RATE = openai(
    429,
    "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000,"
    " Requested 30601. The input or output tokens must be reduced in order to run successfully.",
    "rate_limit_exceeded",
    type="tokens",
)

# an answer that would be too long, whatever the question

OPENAI_MAX_TOKENS = openai(
    400,
    "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas"
    " you provided 32000.",
    param="max_tokens",
)
VLLM_MAX_TOKENS = vllm(
    "'max_tokens' or 'max_completion_tokens' is too large: 50. This model's maximum context length"
    " is 40 tokens and your request has 24 input tokens (50 > 40 - 24). None"
)

# a filter

AZURE_FILTER = openai(
    400,
    "The response was filtered due to the prompt triggering Azure OpenAI's content management"
    " policy. Please modify your prompt and retry.",
    "content_filter",
    innererror={"code": "ResponsibleAIPolicyViolation"},
)
OPENAI_FILTER = openai(
    400,
    "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try"
    " again with a different prompt",
    "invalid_prompt",
)
ANTHROPIC_FILTER = anthropic(
    400, "invalid_request_error", "Output blocked by content filtering policy"
)
GEMINI_FILTER = said(
    200,
    {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5},
    },
)

# a page of something in between

NGINX = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>{}</body>\r\n</html>"
BAD_GATEWAY = Fault.page(502, NGINX.format("<center><h1>502 Bad Gateway</h1></center>" * 500))
CLOUD_503 = Fault.page(
    503, "<!DOCTYPE html><style>p {margin: 0}</style><p>We&#39;ll be <b>back</b> soon.</p>"
)
NO_SUCH_PAGE = Fault.page(404, "<html><title>404 Not Found</title></html>")
LOGIN_PAGE = Fault.page(200, "<!doctype html><title>Sign in to the Wi-Fi</title>")
