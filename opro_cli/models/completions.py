"""Answers of model servers as one chat completion, in whatever shape they come.

Some servers stream without being asked to, some gateways pass on the shape of another API, and
the text of an answer may come in blocks with thoughts between them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opro_cli.core.task.example import BROKEN_OFF, CUT, MOST_USD
from opro_cli.models.error_texts import parse_json

Completion = dict[str, Any]

THOUGHT_BLOCKS = frozenset(
    {"thinking", "thought", "thoughts", "reasoning", "reasoning_text", "redacted_thinking"}
)
"""Types of the blocks of an answer that are no part of its text."""
COST_HEADER = "x-litellm-response-cost"
"""A header of LiteLLM's proxy: dollars of the call."""
_BROKEN_OFF = {"message": "the stream of its answer broke off"}
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
}
"""Reasons to finish of other APIs, in the words of chat completions."""
_FILTERS = frozenset(
    {
        # Gemini's, which its OpenAI route passes on
        *("safety", "recitation", "blocklist", "prohibited_content", "spii", "language"),
        *("image_safety", "image_recitation", "image_prohibited_content"),
        *("content_filtered", "guardrail_intervened"),  # Bedrock
        *("sensitive", "error_toxic"),  # Zhipu, Cohere
    }
)
"""Reasons to finish of a reply that a filter took away, in small letters."""
# Whatever keeps a connection alive before the JSON of an answer: DeepSeek sends ": keep-alive"
_BEFORE_JSON = re.compile(r"(?:\ufeff|\s|:[^\n]*\n)+")


def read_completion(body: str) -> Any:
    """Return the chat completion in the body of an answer, None for a body that is no JSON.

    A stream is put together; one that has no end becomes a choice with an error.
    """
    data = parse_json(body)
    if data is None and (before := _BEFORE_JSON.match(body)):
        data = parse_json(body[before.end() :])
    if data is None:
        events = list(_read_stream(body))
        data = _join_chunks(events) if any(isinstance(each, dict) for each in events) else None
    return _convert(data) if isinstance(data, dict) else data


def _read_stream(body: str) -> Iterator[Any]:
    """Yield the events of a stream: of text/event-stream, or a JSON object on each line.

    "[DONE]" and what is no JSON come as they are: an event may have been cut.
    """
    data: list[str] = []
    for line in (*body.splitlines(), ""):
        field, colon, value = line.partition(":")
        if line.startswith("{"):
            yield parse_json(line) or line
        elif field == "data" and colon:
            data.append(value.removeprefix(" "))
        elif not line.strip() and data:
            whole = "\n".join(data)
            yield parse_json(whole) or whole
            data = []
        elif line.strip() and colon and field not in ("", "event", "id", "retry"):
            return  # a text of another kind


def _join_chunks(events: Sequence[Any]) -> Completion:
    """Put the chunks of a stream together; an error in one of them is the outcome."""
    whole: Completion = {}
    choices: dict[int, dict[str, Any]] = {}
    ended = False
    for chunk in events:
        ended |= chunk == "[DONE]"
        if not isinstance(chunk, dict):
            continue
        if error := chunk.get("error"):
            return {"error": error}
        if isinstance(chunk.get("response"), dict):  # the last event of the Responses API has all
            whole |= chunk["response"]
            ended |= chunk.get("type") in ("response.completed", "response.incomplete")
        whole |= {key: value for key, value in chunk.items() if value and key != "choices"}
        ended |= chunk.get("done") is True
        pieces = chunk.get("choices")
        if not isinstance(pieces, list):  # Ollama's own format has one message
            pieces = [{"message": chunk["message"]}] if "message" in chunk else []
        for piece in filter(lambda each: isinstance(each, dict), pieces):
            index = piece.get("index")
            choice = choices.setdefault(index if isinstance(index, int) else 0, {})
            ended |= _add_piece(choice, piece)
    if choices and "done" in whole:
        return whole | {"message": choices[min(choices)].get("message", {})}
    if choices:
        whole["choices"] = [choices[index] for index in sorted(choices)]
    if not ended:
        whole = {"choices": [{"finish_reason": "error", "error": _BROKEN_OFF}]}
    return whole


def _add_piece(choice: dict[str, Any], piece: Mapping[str, Any]) -> bool:
    """Add a piece of a streamed choice; return True for its last one."""
    delta = piece.get("delta") or piece.get("message")
    if isinstance(delta, dict):
        message = choice.setdefault("message", {})
        for key, value in delta.items():
            message[key] = _add(message.get(key), value)
    if isinstance(piece.get("text"), str):
        choice["text"] = choice.get("text", "") + piece["text"]
    for key in ("finish_reason", "native_finish_reason", "error", "usage"):
        choice |= {key: piece[key]} if piece.get(key) else {}
    return bool(piece.get("finish_reason"))


def _add(before: Any, piece: Any) -> Any:
    """Return what a field of a message is after a piece of it; texts and blocks go together."""
    if before is None or piece is None:
        return before if piece is None else piece
    if isinstance(before, str) and isinstance(piece, str):
        return before + piece
    if isinstance(before, list) or isinstance(piece, list):  # Mistral: blocks, then a text
        return [*_as_blocks(before), *_as_blocks(piece)]
    return piece


def _as_blocks(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _convert(data: Completion) -> Completion:
    """Return an answer of another API than chat completions as if it were one of those."""
    usage, status = data.get("usage"), data.get("status")
    if isinstance(data.get("choices"), list):
        return data | {"usage": _convert_usage(usage or _find_usage(data["choices"]))}
    if isinstance(data.get("output"), list):  # the Responses API
        content: Any = data["output"]
        details = data.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else status
    elif data.get("type") == "message" and "content" in data:  # Anthropic
        content, reason = data["content"], data.get("stop_reason")
    elif "done" in data and ("message" in data or "response" in data):  # Ollama
        message = data.get("message")
        content = message.get("content") if isinstance(message, dict) else data.get("response")
        reason = data.get("done_reason") or "stop"
        counts = {"prompt_tokens": "prompt_eval_count", "completion_tokens": "eval_count"}
        usage = {ours: data.get(theirs) for ours, theirs in counts.items()}
    else:
        return data | {"error": data.get("error") or _find_fault(data)}
    reason = _REASONS.get(reason, reason) if isinstance(reason, str) else reason
    error = data.get("error") or ("failed" if status == "failed" else None)
    choice = {"message": {"content": content}, "finish_reason": reason}
    return {**data, "choices": [choice], "usage": _convert_usage(usage), "error": error}


def _find_fault(data: Completion) -> Any:
    """Return the error of an answer without choices that has no `error`; None for none."""
    base = data.get("base_resp")  # MiniMax
    if isinstance(base, dict) and base.get("status_code"):
        return {"code": base["status_code"], "message": base.get("status_msg")}
    errors = data.get("errors")  # Cloudflare
    if data.get("success") is False and isinstance(errors, list) and errors:
        return errors[0]
    if data.get("object") == "error" and data.get("message"):  # SGLang
        return {key: data.get(key) for key in ("message", "type", "code", "param")}
    return None


def _find_usage(choices: Sequence[Any]) -> Any:
    """Return the token counts that stand in a choice, where Moonshot has them; None for none."""
    return next((each.get("usage") for each in choices if isinstance(each, dict)), None)


def _convert_usage(usage: Any) -> Any:
    """Return token counts in the words of chat completions.

    Anthropic counts what was read from a cache and written to one beside the input. DeepSeek and
    Moonshot have no details.
    """
    if not isinstance(usage, dict):
        return usage
    counts = dict(usage)
    read = usage.get("cache_read_input_tokens")
    written = usage.get("cache_creation_input_tokens")
    cached = {"cached_tokens": read, "cache_creation_tokens": written}
    if "input_tokens" in usage:
        extra = sum(each for each in (read, written) if type(each) is int)
        prompt = usage["input_tokens"]
        counts.setdefault("prompt_tokens", prompt + extra if type(prompt) is int else prompt)
        counts.setdefault("completion_tokens", usage.get("output_tokens"))
        for ours, theirs in (("prompt", "input"), ("completion", "output")):
            counts.setdefault(f"{ours}_tokens_details", usage.get(f"{theirs}_tokens_details"))
    if not counts.get("prompt_tokens_details"):
        for key in ("prompt_cache_hit_tokens", "cached_tokens"):
            cached["cached_tokens"] = cached["cached_tokens"] or usage.get(key)
        counts["prompt_tokens_details"] = cached
    return counts


def name_reason(reason: Any) -> str:
    """Return a reason to finish in the words of chat completions, where it means one of theirs."""
    if not isinstance(reason, str):
        return "unknown"
    word = reason.lower()
    if word in _FILTERS or word.startswith("content_filter"):
        return "content_filter"
    return word if word in BROKEN_OFF | CUT else reason


def join_text(content: Any) -> str:
    """Return the text of a message's content: one text, or blocks, of which thoughts are dropped.

    Raises:
        TypeError: It is neither.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "".join(map(join_text, content))
    if not isinstance(content, dict):
        raise TypeError(type(content))
    if content.get("type") in THOUGHT_BLOCKS:
        return ""
    text = content.get("text", content.get("content"))
    if isinstance(text, dict):  # {"type": "text", "text": {"value": …}}
        text = text.get("value")
    return join_text(text)


def calls_tool(message: Mapping[str, Any]) -> bool:
    """Return whether a message calls a tool."""
    blocks = message.get("content")
    types = [each.get("type") for each in _as_blocks(blocks) if isinstance(each, dict)]
    return bool(message.get("tool_calls") or message.get("function_call")) or any(
        each in ("tool_use", "tool_call", "function_call") for each in types
    )


def find_refusal(message: Mapping[str, Any]) -> str:
    """Return the words with which a model declines, in a field or in a block; "" for none."""
    blocks = message.get("content")
    each = [message, *blocks] if isinstance(blocks, list) else [message]
    for block in each:
        nested = block.get("content") if isinstance(block, dict) and block is not message else None
        found = find_refusal({"content": nested}) if isinstance(nested, list) else ""
        refusal = block.get("refusal") if isinstance(block, dict) else None
        if found or (isinstance(refusal, str) and refusal.strip()):
            return found or str(refusal)
    return ""


def find_error(data: Mapping[str, Any]) -> Any:
    """Return the error in a completion or in a choice of it; None for none, or an empty one."""
    error = data.get("error")
    if isinstance(error, dict):
        error = error if any(error.values()) else None
    reasons = (data.get("finish_reason"), data.get("native_finish_reason"))
    broken = [each for each in reasons if isinstance(each, str) and each.lower() in BROKEN_OFF]
    if not error and broken:
        how = "an error" if broken[0].lower() == "error" else broken[0]
        return {"message": f"it ended with {how}"}
    return error or None


def read_cost(usage: Any, headers: Mapping[str, str] | None = None) -> float | None:
    """Return the dollars that a gateway says a call has cost; None where it does not say.

    Args:
        usage: Of the answer. OpenRouter has the cost there, and what the user's own provider
            charges beside its own fee; others have it in parts or as an estimate.
        headers: Of the answer. LiteLLM's proxy has it there, 0 for a price that it does not know.
    """
    counts = usage if isinstance(usage, dict) else {}
    cost = counts.get("cost")
    cost = cost.get("total_cost") if isinstance(cost, dict) else cost
    usd = read_dollars(cost)
    usd = read_dollars(counts.get("estimated_cost")) if usd is None else usd
    details = counts.get("cost_details")
    if usd is not None and counts.get("is_byok") and isinstance(details, dict):
        usd += read_dollars(details.get("upstream_inference_cost")) or 0.0
    if usd is None:
        named = {name.lower(): value for name, value in (headers or {}).items()}
        usd = read_dollars(named.get(COST_HEADER)) or None
    return usd


def read_dollars(value: Any) -> float | None:
    """Return an amount of dollars, None for anything else, or for more than any call costs."""
    try:
        usd = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return usd if 0.0 <= usd <= MOST_USD else None
