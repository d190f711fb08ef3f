"""Thoughts: how their amount is bounded, in each provider's words, and how they are counted."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.settings.models import ReasoningSettings, ScorerSettings
from opro_cli.models.openai_compatible import read_usage
from opro_cli.models.parameters import build_reasoning, note_unsaid_reasoning

BOTH = ReasoningSettings("low", 4000)


@pytest.mark.parametrize(
    ("name", "api_base", "sent"),
    [
        ("openai/gpt-5-mini", None, {"reasoning_effort": "low"}),
        ("ollama_chat/qwen3", None, {"reasoning_effort": "low"}),
        ("openrouter/x/y", None, {"reasoning": {"max_tokens": 4000}}),
        ("openai/x/y", "https://openrouter.ai/api/v1", {"reasoning": {"max_tokens": 4000}}),
        (
            "anthropic/claude-sonnet-4-5",
            None,
            {"thinking": {"type": "enabled", "budget_tokens": 4000}},
        ),
        ("mistral/magistral-small", None, {"reasoning_effort": "low"}),
    ],
)
def test_each_provider_is_told_in_its_words(name: str, api_base: str | None, sent: Any) -> None:
    assert build_reasoning(name, api_base, BOTH) == sent


def test_what_has_no_parameter_is_said() -> None:
    own = ScorerSettings("openai/gpt-5-mini", reasoning=ReasoningSettings(None, 4000))
    assert "scorer.reasoning.max_tokens is not sent" in note_unsaid_reasoning("scorer", own)
    fine = ScorerSettings("openai/gpt-5-mini", reasoning=ReasoningSettings("low"))
    assert note_unsaid_reasoning("scorer", fine) == ""


@pytest.mark.parametrize(
    ("usage", "completion", "reasoning"),
    [
        ({"completion_tokens": 50, "total_tokens": 60}, 50, None),
        ({"completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 40}}, 50, 40),
        # beside the completion: xAI reports them so, Gemini in the total alone
        (
            {
                "completion_tokens": 5,
                "total_tokens": 115,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            105,
            100,
        ),
        ({"completion_tokens": 5, "total_tokens": 115}, 105, 100),
        ({"completion_tokens": 5, "completion_tokens_details": None}, 5, None),
    ],
)
def test_thoughts_are_part_of_a_reply(usage: Any, completion: int, reasoning: int | None) -> None:
    read = read_usage({"prompt_tokens": 10, **usage})
    assert read is not None
    assert (read.completion, read.reasoning) == (completion, reasoning)
