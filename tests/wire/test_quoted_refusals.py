"""Refusals as people quote them in public threads, each with its address: what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from opro_cli.errors import ModelError
from opro_cli.models.error_texts import classify
from tests.server import Fault
from tests.wire.conftest import Wire, asking, both, lean


@dataclass(frozen=True)
class Quoted:
    """A refusal, and what it means.

    Attributes:
        source: Where it is quoted, below https://github.com/.
        hint: A part of the remedy, "" for the usual one of its kind.
    """

    source: str
    status: int
    body: Any
    meant: str
    hint: str = ""
    about: str = ""


def said(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


CREDIT = "the account at 127.0.0.1 needs credit or a higher spending limit"
XAI = (
    "Your team 16f2 has either used all available credits or reached its monthly spending limit. "
    "To continue making API requests, please purchase more credits or raise your spending limit."
)
FIREWORKS = (
    "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay "
    "past invoices. Please go to https://fireworks.ai/account/billing for more information."
)
BUDGET = "Budget has been exceeded! Current cost: 10.51, Max budget: 10.00"
INACTIVE = "Your account is not active, please check your billing details on our website."
# fmt: off
NO_CREDIT = [
    Quoted("BerriAI/litellm/issues/2743", 429,
           said(INACTIVE, type="billing_not_active", code="billing_not_active"), "permanent"),
    Quoted("continuedev/continue/issues/10373", 429, {"code": "x", "error": XAI}, "permanent"),
    Quoted("Anantys-oss/koan/issues/2412", 403, {"code": "x", "error": XAI}, "permanent"),
    Quoted("pollinations/pollinations/issues/12136", 412,
           said(FIREWORKS, code="PRECONDITION_FAILED", type="error"), "permanent"),
    Quoted("MoonshotAI/Kimi-K2/issues/5", 403,
           said("Your account xx is not active, organization <xx> exceeded current quota, please "
                "check your plan and billing details", type="exceeded_current_quota_error"),
           "permanent"),
    Quoted("continuedev/continue/issues/11443", 429,
           said("Your account org-x is suspended due to insufficient balance, please recharge your "
                "account or check your plan and billing details"), "permanent"),
    Quoted("continuedev/continue/issues/11823", 429,
           said("余额不足或无可用资源包,请充值。", code="1113"), "permanent"),
    Quoted("zai-org/GLM-5/issues/148", 429,
           said("Insufficient balance or no resource package. Please recharge.", code="1113"),
           "permanent"),
    Quoted("MiniMax-AI/MiniMax-M2/issues/62", 500,
           {"type": "error", **said("insufficient balance (1008)", type="api_error")}, "permanent"),
    Quoted("FoundationAgents/OpenManus/issues/438", 403,
           {"code": 30011, "message": "The selected model requires paid balance. Your paid balance "
            "is insufficient. Please top up and try again.", "data": None}, "permanent"),
    Quoted("Wei-Shaw/sub2api/issues/890", 403,
           {"code": "INSUFFICIENT_BALANCE", "message": "Insufficient account balance"},
           "permanent"),
    Quoted("BerriAI/litellm/issues/36729", 429, said(BUDGET, type="budget_exceeded", code="429"),
           "permanent"),
    Quoted("BerriAI/litellm/issues/14144", 400, said(BUDGET, code="400"), "permanent"),
    Quoted("hsliuping/TradingAgents-CN/issues/170", 400,
           said("Access denied, please make sure your account is in good standing.",
                type="Arrearage", code="Arrearage"), "permanent"),
    Quoted("MCPJam/inspector/issues/1287", 403,
           said("Key limit exceeded (total limit). Manage it using "
                "https://openrouter.ai/settings/keys", code=403), "permanent"),
    Quoted("anthropics/claude-code/issues/38035", 400,
           {"type": "error",
            **said("You have reached your specified API usage limits. You will regain access on "
                   "2026-04-01 at 00:00 UTC.", type="invalid_request_error")}, "permanent"),
    Quoted("expectedparrot/edsl/issues/2098", 402,
           said("Credit limit exceeded. Please navigate to https://api.together.xyz/settings/"
                "billing to add credit or upgrade your plan.", type="credit_limit"), "permanent"),
    Quoted("huggingface/agents-course/issues/386", 402,
           {"error": "You have exceeded your monthly included credits for Inference Providers. "
            "Subscribe to PRO to get 20x more monthly included credits."}, "permanent"),
    Quoted("Gitlawb/openclaude/issues/1125", 402,
           said("This request requires more credits, or fewer max_tokens. You requested up to "
                "32000 tokens, but can only afford 27342.", code=402), "permanent",
           f"{CREDIT}, or max_tokens to be lower"),
]
TOO_LONG = [
    Quoted("microsoft/copilot-intellij-feedback/issues/94", 400,
           said("prompt token count of 138898 exceeds the limit of 64000",
                code="model_max_prompt_tokens_exceeded"), "unanswerable"),
    Quoted("MiniMax-AI/MiniMax-M2/issues/119", 400,
           said("invalid params, context window exceeds limit (2013)"), "unanswerable"),
    Quoted("lreuss07/secintel-ai/issues/1", 400,
           {"error": "Cannot truncate prompt with n_keep (14169) >= n_ctx (4096)"},
           "unanswerable"),
    Quoted("opea-project/GenAIExamples/pull/340", 422,
           {"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 700",
            "error_type": "validation"}, "unanswerable"),
]
SERVER = [
    Quoted("lmstudio-ai/lmstudio-bug-tracker/issues/2255", 400,
           {"error": "The model has crashed without additional information. (Exit code: null)"},
           "transient", "the server's log"),
    Quoted("QwenLM/qwen-code/issues/3802", 400, {"error": "Model is unloaded."},
           "transient", "the server's log"),
    Quoted("charmbracelet/crush/issues/2546", 400,
           {"error": 'Failed to load model "qwen/qwen3-coder-30b". Error: Operation canceled.'},
           "transient", "the server's log"),
    Quoted("ollama/ollama/issues/9782", 500,
           {"error": "llama runner process has terminated: CUDA error: out of memory"},
           "transient", "the server's log"),
    Quoted("mudler/LocalAI/issues/1664", 500,
           said("could not load model: rpc error", code=500), "transient", "the server's log"),
    Quoted("mostlygeek/llama-swap/issues/92", 500,
           "unable to start process: health check failed after 15s", "transient",
           "the server's log"),
    Quoted("continuedev/continue/issues/11715", 500,
           {"error": "model requires more system memory (5.0 GiB) than is available (3.9 GiB)"},
           "permanent", "ask a smaller model", "endpoint"),
    Quoted("lmstudio-ai/lmstudio-bug-tracker/issues/1202", 400,
           {"error": "Model loading was stopped due to insufficient system resources."},
           "permanent", "ask a smaller model", "endpoint"),
]
MODEL = [
    Quoted("songquanpeng/one-api/issues/1738", 503,
           said("当前分组 default 下对于模型 gpt-4 无可用渠道 (id: 2)", type="one_api_error"),
           "transient", "check the model's name", "address"),
    Quoted("BerriAI/litellm/issues/9663", 400,
           said("/chat/completions: Invalid model name passed in model=foo. Call `/v1/models` to "
                "view available models for your key.", code="400"),
           "permanent", "check the model's name", "config"),
    Quoted("BerriAI/litellm/issues/26399", 401,
           said("key not allowed to access model. This key can only access models=['a']. Tried to "
                "access foo", type="key_model_access_denied", param="model", code="401"),
           "permanent", "or use a key that may ask it"),
    Quoted("block/buzz/issues/3018", 404,
           said("No endpoints found that can handle the requested parameters.", code=404),
           "permanent", "set temperature, seed or reasoning to null", "config"),
    Quoted("google-gemini/gemini-cli/issues/24641", 400,
           [said("User location is not supported for the API use.", code=400,
                 status="FAILED_PRECONDITION")],
           "permanent", "ask from a country where it is offered", "config"),
    Quoted("gaboolic/vercel-reverse-fast/issues/45", 403,
           said("Country, region, or territory not supported",
                code="unsupported_country_region_territory", type="request_forbidden"),
           "permanent", "ask from a country where it is offered"),
    Quoted("receptron/mulmocast-app/issues/1090", 403,
           said("Your organization must be verified to use the model `gpt-image-1`."),
           "permanent", "verify the organization"),
    Quoted("dnakov/anon-kode/issues/13", 404,
           said("No endpoints found matching your data policy. Check your settings: "
                "https://openrouter.ai/settings/privacy", code=404),
           "permanent", "change that setting of the account", "config"),
]
# words about money that are a limit of a minute all the same
BUSY = [
    Quoted("togethercomputer/MoA/issues/27", 429,
           said("You have been rate limited. Your rate limit is 60 queries per minute. Please "
                "navigate to https://api.together.xyz/settings/billing to upgrade to a paid plan.",
                type="credit_limit"), "transient", "-"),
    Quoted("google-gemini/gemini-cli/issues/26633", 429,
           said("No capacity available for model on the server", status="RESOURCE_EXHAUSTED",
                details=[{"reason": "MODEL_CAPACITY_EXHAUSTED"}]), "transient", "-"),
]
# fmt: on
TABLE = [*NO_CREDIT, *TOO_LONG, *SERVER, *MODEL, *BUSY]


async def refused(wire: Wire, fault: Fault) -> ModelError:
    await wire.serve(faults=lambda number: fault)
    with pytest.raises(ModelError) as caught:
        await wire.model("openai/a-model").reply(asking())
    return caught.value


@both
@pytest.mark.parametrize("quoted", TABLE, ids=lambda quoted: quoted.source)
async def test_a_refusal_means_what_it_says(wire: Wire, quoted: Quoted) -> None:
    error = await refused(wire, Fault("status", quoted.status, body=quoted.body))
    meant = "unanswerable" if error.unanswerable else "transient" if error.transient else ""
    assert (meant or "permanent", error.status) == (quoted.meant, quoted.status)
    assert error.about == ("endpoint" if quoted in NO_CREDIT else quoted.about)
    assert error.too_long == (quoted in TOO_LONG)
    hint = quoted.hint or {True: CREDIT}.get(quoted in NO_CREDIT, "shorten the prompt")
    assert hint in (error.hint or "-")
    assert error.refused == ""


@lean
@pytest.mark.parametrize(
    ("status", "words", "meant"),
    [
        (500, "Failed to parse input at pos 0: my card was declined for insufficient funds.", ""),
        (500, "error parsing tool call: raw='my account was suspended', err=invalid", ""),
        (500, 'could not read "This laptop requires more memory than I have"', ""),
        (503, "Your account is not active yet on this replica; retry", ""),
        (400, "content_filter: 'Why was my account suspended?'", "unanswerable"),
        (400, "Prompt 'insufficient funds' violates the content management policy", "unanswerable"),
        (500, "insufficient balance (1008)", "permanent"),
        (403, "You don't have any credits left, and can't buy any here", "permanent"),
    ],
    ids=str,
)
async def test_what_a_refusal_quotes_is_no_word_about_the_account(
    wire: Wire, status: int, words: str, meant: str
) -> None:
    error = await refused(wire, Fault("status", status, body=said(words)))
    found = "unanswerable" if error.unanswerable else "" if error.transient else "permanent"
    assert (found, error.about == "endpoint") == (meant, meant == "permanent")


@lean
async def test_an_error_with_a_200_is_judged_by_its_words(wire: Wire) -> None:
    """TGI's: github.com/opea-project/GenAIInfra/issues/487."""
    words = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048"
    error = await refused(wire, Fault("status", 200, body={"error": words}))
    assert error.message == f"openai/a-model did not answer: {words}"
    assert (error.unanswerable, error.too_long, error.status) == (True, True, 400)


@lean
async def test_a_quotation_in_an_error_with_a_200_empties_no_account(wire: Wire) -> None:
    error = await refused(
        wire, Fault("status", 200, body={"error": "Grading the text 'insufficient funds' failed"})
    )
    assert (error.transient, error.about) == (True, "")


@both
async def test_a_text_that_groq_finds_to_be_no_json_is_asked_for_three_times(wire: Wire) -> None:
    """The same request is answered now and then: github.com/drnic/groq-ruby/issues/12."""
    message = "Failed to generate JSON. Please adjust your prompt."
    body = said(message, code="json_validate_failed", failed_generation="{")
    error = await refused(wire, Fault("status", 400, body=body))
    assert (error.transient, error.tries, error.maybe_billed) == (True, 3, True)
    assert "does the prompt ask for JSON" in (error.hint or "")


@lean
@pytest.mark.parametrize("status", [401, 403])
async def test_a_web_page_is_no_word_about_a_key(wire: Wire, status: int) -> None:
    """Cloudflare's challenge: github.com/anthropics/claude-code/issues/30437."""
    page = "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"
    error = await refused(wire, Fault.page(status, page))
    assert error.message == f"openai/a-model answered {status}: Just a moment..."
    assert "not the model" in (error.hint or "")


DAY = (
    "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free requests per day"
)


@both
@pytest.mark.parametrize(
    ("body", "tries"),
    [
        # ollama's cloud: HomericIntelligence/Scylla/issues/346
        ({"error": "you've reached your weekly usage limit, please wait or upgrade"}, 2),
        # Bedrock: Ivy-Interactive/Ivy-Tendril/issues/1756
        ({"message": "Too many tokens per day, please wait before trying again."}, 2),
        # Cloudflare: diegosouzapw/OmniRoute/issues/6980
        ({"errors": [{"message": "you have used up your daily free allocation", "code": 4006}]}, 2),
        # Gitlawb/openclaude/issues/936
        (said(DAY, code=429), 2),
        # Groq, which says when the next call fits: continuedev/continue/issues/10920
        (said("on tokens per day (TPD): Limit 1. Please try again in 9m38.016s."), None),
        (said("on tokens per day (TPD): Limit 1. Please try again in 2h9m38.016s."), 1),
        (said("Please try again in 9m38.016s."), None),
        # Gemini: glidea/one-balance/pull/12
        (
            said(
                "You exceeded your current quota, please check your plan and billing details.",
                status="RESOURCE_EXHAUSTED",
                details=[
                    {
                        "violations": [
                            {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
                        ]
                    },
                    {"retryDelay": "26s"},
                ],
            ),
            2,
        ),
    ],
)
async def test_a_limit_of_a_day_is_not_waited_for(
    wire: Wire, body: dict[str, Any], tries: int | None
) -> None:
    error = await refused(wire, Fault("status", 429, body=body))
    assert (error.transient, error.status, error.tries) == (True, 429, tries)
    assert tries is None or "wait until that limit is over" in (error.hint or "")


def test_a_prompt_about_money_that_is_repeated_is_no_empty_account() -> None:
    """Pydantic repeats what it refuses, and vLLM passes it on."""
    echo = "1 validation error: {'input': " + "x" * 1000 + " insufficient balance"
    assert classify(429, echo) == "transient"
    assert classify(429, echo[-30:]) == "permanent"
