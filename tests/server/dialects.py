"""The two request and reply formats the server speaks: OpenAI's and Ollama's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.server.brain import ChatCall

CREATED = 1_700_000_000  # a constant, so that equal requests get equal bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer; `words` stands in for tokens."""

    text: str
    finish_reason: str
    words: int


def cut(text: str, max_words: int | None, stop: Sequence[str] = ()) -> Choice:
    """`text` as a choice of at most `max_words` words, before any stop string."""
    words = text.split(" ")
    is_long = max_words is not None and len(words) > max_words
    text = " ".join(words[:max_words])
    until = re.split("|".join(map(re.escape, stop)), text, maxsplit=1)[0] if stop else text
    finish_reason = "length" if is_long and until == text else "stop"
    return Choice(until, finish_reason, len(until.split(" ")))


def messages_of(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(m["role"]), str(m["content"])) for m in body["messages"])


def openai_call(body: dict[str, Any]) -> ChatCall:
    """Read the body of POST /v1/chat/completions."""
    return ChatCall(
        model=str(body["model"]),
        messages=messages_of(body),
        temperature=float(body.get("temperature", 1.0)),
        seed=body.get("seed"),
        max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
        choices=int(body.get("n") or 1),
        stop=tuple(body.get("stop", ())),
    )


def openai_reply(call: ChatCall, choices: Sequence[Choice], with_usage: bool) -> dict[str, Any]:
    """Write the body of its answer."""
    reply: dict[str, Any] = {
        "id": "chatcmpl-local",
        "object": "chat.completion",
        "created": CREATED,
        "model": call.model,
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": choice.text},
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(choices)
        ],
    }
    if with_usage:
        asked, answered = len(call.content.split()), sum(choice.words for choice in choices)
        reply["usage"] = {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
        }
    return reply


def ollama_call(body: dict[str, Any]) -> ChatCall:
    """Read the body of POST /api/chat."""
    options = body.get("options", {})
    return ChatCall(
        model=str(body["model"]),
        messages=messages_of(body),
        temperature=float(options.get("temperature", 0.8)),
        seed=options.get("seed"),
        max_tokens=options.get("num_predict"),
        choices=1,
        stop=tuple(options.get("stop", ())),
    )


def ollama_reply(call: ChatCall, choices: Sequence[Choice], with_usage: bool) -> dict[str, Any]:
    """Write the body of its answer."""
    (choice,) = choices
    reply: dict[str, Any] = {
        "model": call.model,
        "created_at": "2023-11-14T22:13:20Z",
        "message": {"role": "assistant", "content": choice.text},
        "done": True,
        "done_reason": choice.finish_reason,
    }
    if with_usage:
        reply["prompt_eval_count"] = len(call.content.split())
        reply["eval_count"] = choice.words
    return reply
