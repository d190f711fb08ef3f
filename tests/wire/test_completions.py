"""Answers in the shapes that servers and gateways really send, and what they cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opro_cli.core.task.example import ChatReply
from opro_cli.errors import ModelError
from opro_cli.models.completions import read_completion
from tests.server import Fault
from tests.wire.conftest import OPENAI, Wire, asking, both, lean

GATEWAY = "openrouter/nobody/knows"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


def completion(content: Any, reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    """Return a chat completion of one choice; `more`: fields of the message."""
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion", "choices": [choice], "usage": USAGE}


async def reply_to(
    wire: Wire,
    body: Any,
    name: str = OPENAI,
    headers: Mapping[str, str] | None = None,
) -> ChatReply:
    await wire.serve(faults={0: Fault("status", 200, headers or {}, body)})
    return await wire.model(name).reply(asking())


def thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}


def says(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


@both
@pytest.mark.parametrize(
    "blocks",
    [
        [thinking("Is it 9?"), says("It is "), says("7")],
        [says("It is 7")],
        ["It is ", "7"],
        [{"type": "output_text", "text": "It is 7", "annotations": []}],
        [{"type": "text", "text": {"value": "It is 7", "annotations": []}}],
        [{"type": "reasoning", "text": "Is it 9?"}, {"content": [says("It is 7")]}],
        [says("It is 7"), {"type": "reference", "reference_ids": [1]}],
    ],
    ids=["magistral", "one", "texts", "responses", "assistants", "nested", "reference"],
)
async def test_the_text_blocks_are_joined_and_the_thoughts_are_not(
    wire: Wire, blocks: list[Any]
) -> None:
    assert (await reply_to(wire, completion(blocks))).text == "It is 7"


def chunk(delta: Mapping[str, Any] | None = None, reason: str | None = None, **more: Any) -> str:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": reason}]
    return json.dumps({"object": "chat.completion.chunk", "choices": choices, **more})


def events(*lines: str) -> str:
    return "".join(f"data: {line}\n\n" for line in lines)


USED = json.dumps({"choices": [], "usage": USAGE})
STREAMS = {
    "openai": events(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "It "}),
        chunk({"content": "is 7"}),
        chunk(reason="stop"),
        USED,
        "[DONE]",
    ),
    "kept alive": ": OPENROUTER PROCESSING\n\n"
    + events(chunk({"content": "It is 7"}), chunk(reason="stop"))
    + ": OPENROUTER PROCESSING\n\n"
    + events(USED),
    "carriage returns": events(chunk({"content": "It is 7"}), chunk(reason="stop"), USED)
    .replace("\n", "\r\n")
    .replace("data: ", "event: chunk\r\nid: 3\r\ndata:"),
    "blocks, then a text": events(
        chunk({"content": [thinking("Is it")]}),
        chunk({"content": [thinking(" 9?")]}),
        chunk({"content": "It is"}),
        chunk({"content": " 7"}, "stop"),
        USED,
    ),
    "responses": events(
        json.dumps({"type": "response.output_text.delta", "delta": "It is 7"}),
        json.dumps(
            {
                "type": "response.completed",
                "response": {
                    "status": "completed",
                    "output": [
                        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "9"}]},
                        {
                            "type": "message",
                            "content": [{"type": "output_text", "text": "It is 7"}],
                        },
                    ],
                    "usage": {"input_tokens": 3, "output_tokens": 2},
                },
            }
        ),
    ),
    "ollama": "\n".join(
        [
            json.dumps({"message": {"role": "assistant", "content": "It "}, "done": False}),
            json.dumps({"message": {"content": "is 7"}, "done": False}),
            json.dumps(
                {
                    "message": {"content": ""},
                    "done": True,
                    "done_reason": "stop",
                    "prompt_eval_count": 3,
                    "eval_count": 2,
                }
            ),
        ]
    ),
}


@lean
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("kind", ["text/event-stream; charset=utf-8", "application/json"])
async def test_a_stream_that_nobody_asked_for_is_read(wire: Wire, stream: str, kind: str) -> None:
    reply = await reply_to(wire, stream, headers={"Content-Type": kind})
    assert (reply.text, reply.finish_reason) == ("It is 7", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (3, 2)


@pytest.mark.parametrize("name", [OPENAI, GATEWAY, "mistral/magistral-small"])
async def test_litellm_leaves_such_a_stream_to_us(
    wire: Wire, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "for-nobody")
    monkeypatch.setenv("MISTRAL_API_KEY", "for-nobody")
    headers = {"Content-Type": "text/event-stream"}
    assert (await reply_to(wire, STREAMS["openai"], name, headers)).text == "It is 7"


@lean
async def test_a_long_stream_may_be_larger_than_its_text(wire: Wire) -> None:
    words = [chunk({"content": "a "}, filler="x" * 900) for _ in range(200)]
    stream = events(*words, chunk(reason="stop"))
    await wire.serve(
        faults={0: Fault("status", 200, {"Content-Type": "text/event-stream"}, stream)}
    )
    assert len(stream) > 65_536 + 32 * 200
    reply = await wire.model().reply(asking(max_tokens=200))
    assert reply.text == "a " * 200


@lean
@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (events(chunk({"content": "It is 1"})), "broke off"),
        (events(chunk({"content": "It is 1"})) + 'data: {"choices": [{"del', "broke off"),
        (
            events(
                chunk({"content": "It is 1"}),
                json.dumps({"error": {"code": 502, "message": "Provider disconnected"}}),
            ),
            "answered 502: Provider disconnected",
        ),
        (events(chunk({"content": "It is 1"}), chunk(reason="error")), "ended with an error"),
    ],
    ids=["no end", "cut", "error in it", "ended by an error"],
)
async def test_a_stream_without_a_good_end_is_a_failed_call(
    wire: Wire, stream: str, words: str
) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        await reply_to(wire, stream, headers={"Content-Type": "text/event-stream"})
    assert caught.value.transient


@lean
@pytest.mark.parametrize(
    ("body", "text", "reason"),
    [
        (
            {"type": "message", "content": [says("It is 7")], "stop_reason": "end_turn",
             "usage": {"input_tokens": 3, "output_tokens": 2}},
            "It is 7",
            "stop",
        ),
        (
            {"output": [{"type": "message", "content": [{"type": "output_text", "text": "It"}]}],
             "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"},
             "usage": {"input_tokens": 3, "output_tokens": 2}, "error": None},
            "It",
            "length",
        ),
        (
            {"message": {"role": "assistant", "content": "It is 7"}, "done": True,
             "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2},
            "It is 7",
            "stop",
        ),
    ],
    ids=["anthropic", "responses", "ollama"],
)  # fmt: skip
async def test_answers_of_other_apis_are_read(
    wire: Wire, body: dict[str, Any], text: str, reason: str
) -> None:
    reply = await reply_to(wire, body)
    assert (reply.text, reply.finish_reason) == (text, reason)
    assert (reply.prompt_tokens, reply.completion_tokens) == (3, 2)


BROKEN = {"code": 502, "message": "Provider disconnected"}


@both
@pytest.mark.parametrize("text", ["", "Let me count. Tom has 3 app"])
@pytest.mark.parametrize("name", [OPENAI, GATEWAY])
async def test_an_error_in_the_choice_is_a_failed_call(
    wire: Wire, text: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "for-nobody")
    if wire.adapter == "lean" and name == GATEWAY:
        pytest.skip("asked through litellm")
    body = completion(text, "error")
    body["choices"][0]["error"] = BROKEN
    with pytest.raises(ModelError, match="Provider disconnected") as caught:
        await reply_to(wire, body, name)
    assert (caught.value.transient, caught.value.maybe_billed) == (True, True)


@both
@pytest.mark.parametrize("key", ["finish_reason", "native_finish_reason"])
async def test_a_reason_to_finish_is_enough(wire: Wire, key: str) -> None:
    body = completion("Let me count. Tom has 3 app")
    body["choices"][0][key] = "error"
    with pytest.raises(ModelError, match="broke off: it ended with an error"):
        await reply_to(wire, body)


@lean
async def test_of_several_answers_the_whole_ones_count(wire: Wire) -> None:
    body = completion("cut in the mid", "error")
    body["choices"] += completion("It is 7")["choices"]
    reply = await reply_to(wire, body)
    assert (reply.text, reply.more) == ("It is 7", ())


@both
@pytest.mark.parametrize("code", [429, "503"])
async def test_an_error_beside_an_answer_is_an_error(wire: Wire, code: int | str) -> None:
    body = completion("It is") | {"error": {"code": code, "message": "overloaded"}}
    with pytest.raises(ModelError, match=f"answered {code}: overloaded") as caught:
        await reply_to(wire, body)
    assert caught.value.status == int(code)


@lean
@pytest.mark.parametrize("error", [None, {}, "", {"code": None, "message": None}])
async def test_an_empty_error_is_none(wire: Wire, error: object) -> None:
    assert (await reply_to(wire, completion("It is 7") | {"error": error})).text == "It is 7"


@both
@pytest.mark.parametrize("content", [None, "", "I'm sorry."])
async def test_a_refusal_is_a_refusal_in_its_words(wire: Wire, content: str | None) -> None:
    reply = await reply_to(wire, completion(content, refusal="I can't help with that."))
    assert reply.filtered
    assert reply.finish_reason == "refusal"
    assert reply.text == (content or "I can't help with that.")


@lean
async def test_a_refusal_may_stand_in_a_block(wire: Wire) -> None:
    block = {"type": "message", "content": [{"type": "refusal", "refusal": "I can't."}]}
    reply = await reply_to(wire, {"output": [block], "status": "completed"})
    assert (reply.text, reply.filtered) == ("I can't.", True)


@both
async def test_a_call_of_a_tool_is_no_answer(wire: Wire) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "calculate", "arguments": "{}"}}
    reply = await reply_to(wire, completion(None, "stop", tool_calls=[call]))
    assert (reply.finish_reason, reply.failed) == ("tool_calls", True)


COSTS = [
    ({"cost": 0.000032}, {}, 0.000032),
    ({"cost": "0.000032"}, {}, 0.000032),
    ({"cost": {"input_tokens_cost": 0.00001, "total_cost": 0.000032}}, {}, 0.000032),  # Perplexity
    ({"estimated_cost": 0.000032}, {}, 0.000032),  # DeepInfra
    (
        {"cost": 0.000002, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.00003}},
        {},
        0.000032,
    ),
    ({}, {"x-litellm-response-cost": "3.2e-05"}, 0.000032),
    ({"cost": 0}, {}, 0.0),  # a free model of OpenRouter
    ({}, {"x-litellm-response-cost": "0.0"}, None),
    ({"cost": -1}, {}, None),
    ({"cost": "much"}, {}, None),
    ({"cost": float("nan")}, {}, None),
    ({"cost": True}, {}, None),
    # no price of a call, whatever it is meant to be: it would end the run, or its ceiling
    ({"cost": 1e300}, {}, None),
    ({"cost": 1e15}, {}, None),
    ({"estimated_cost": 1e15}, {}, None),
    ({"cost": 10**400}, {}, None),
    ({}, {"x-litellm-response-cost": "1e300"}, None),
    ({}, {"x-litellm-response-cost": "9" * 5000}, None),
]


@both
@pytest.mark.parametrize(("usage", "headers", "usd"), COSTS)
async def test_a_gateway_says_what_a_call_costs(
    wire: Wire, usage: dict[str, Any], headers: dict[str, str], usd: float | None
) -> None:
    body = completion("It is 7") | {"usage": USAGE | usage}
    reply = await reply_to(wire, body, "openai/a-model-of-mine", headers)
    assert reply.usd == pytest.approx(usd)


@both
async def test_what_a_gateway_charges_goes_before_the_list_price_and_its_0_does_not(
    wire: Wire,
) -> None:
    listed = (3 * 0.15 + 2 * 0.60) / 1e6
    for cost, usd in ((0.5, 0.5), (0, listed)):
        body = completion("It is 7") | {"usage": USAGE | {"cost": cost}}
        assert (await reply_to(wire, body)).usd == pytest.approx(usd)
        await wire.close()


@both
@pytest.mark.parametrize(("code", "transient"), [("busy", True), ("429", True), ("401", False)])
async def test_a_code_in_words_or_in_quotes_is_read(wire: Wire, code: str, transient: bool) -> None:
    with pytest.raises(ModelError, match="wait a bit") as caught:
        await reply_to(wire, {"error": {"code": code, "message": "wait a bit"}})
    assert caught.value.transient is transient


def nest(levels: int, wrap: Callable[[Any], Any]) -> Any:
    """Return what no recursion of this Python reads, though its JSON module writes it."""
    inner: Any = []
    for _ in range(levels if sys.version_info < (3, 12) else 3000):
        inner = wrap(inner)
    return inner


@both
@pytest.mark.parametrize(
    "body",
    [
        completion(nest(700, lambda inner: [inner])),
        completion(nest(400, lambda inner: [{"content": inner}])),
        {"error": {"code": "9" * 5000, "message": "busy"}},
    ],
    ids=["lists", "blocks", "code"],
)
async def test_what_is_nested_or_counted_beyond_reason_is_a_failed_call(
    wire: Wire, body: Any
) -> None:
    with pytest.raises(ModelError, match=r"readable|busy"):
        await reply_to(wire, body)


@given(st.text() | st.lists(st.sampled_from(["data: ", "{", "}", "\n", "[DONE]", ":", '"a"', "1"])
       ).map("".join))  # fmt: skip
def test_no_body_breaks_it(body: str) -> None:
    read_completion(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "delta", "error", "usage", "done", "type",
                         "output", "response", "text", "refusal", "finish_reason", "index",
                         "delta", "done"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@example([{"choices": [{"index": [None]}]}])
@example([{"choices": [{"index": 1}], "done": True}])
@given(st.lists(JSON, max_size=4))
def test_no_event_of_a_stream_breaks_it(chunks: list[Any]) -> None:
    read_completion(events(*map(json.dumps, chunks), "[DONE]"))
