"""The embedded model as a ChatModel: what a caller may count on."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from opro_cli.core.settings.models import EMBEDDED
from opro_cli.core.task.example import ChatReply, ChatRequest, Message, cut_at_stop
from opro_cli.embedded.config import CHECKPOINTS
from opro_cli.errors import ModelError
from opro_cli.models.embedded import EmbeddedModel
from opro_cli.ports import ChatModel

DATA = Path(__file__).resolve().parents[2] / "configs" / "data"
SCORER, OPTIMIZER = EMBEDDED["scorer"], EMBEDDED["optimizer"]
START = "Let's solve the problem."
META_PROMPT = (
    "Your task is to generate the instruction <INS>. Below are some previous instructions with"
    " their scores. The score ranges from 0 to 100.\n\ntext:\nLet's solve the problem.\nscore:\n"
    "44\n\ntext:\nTrack the position after each move.\nscore:\n71\n\n\nBelow are some problems.\n\n"
    "input:\nQ: <INS>\nIf you follow these instructions, do you return to the starting point? Take"
    " 8 steps. Turn around. Take 9 steps.\nOptions:\n- Yes\n- No\nA:\nGround truth answer:\nNo"
    "\n\n\nGenerate an instruction that is different from all the instructions <INS> above, and has"
    " a higher score than all the instructions <INS> above. The instruction should begin with <INS>"
    " and end with </INS>. The instruction should be concise, effective, and generally applicable"
    " to all problems above."
)


def questions(task: str, count: int) -> list[str]:
    lines = (DATA / f"bbh_{task}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
    return [json.loads(line)["input"] for line in lines]


def ask(text: str, temperature: float = 0.0, seed: int = 0, tokens: int = 200) -> ChatRequest:
    return ChatRequest((Message("user", text),), temperature, tokens, seed)


def scorer_requests(count: int) -> list[ChatRequest]:
    instruction = "Track the position after each move. Write every intermediate result."
    rows = [*questions("navigate", count), *questions("boolean_expressions", count)]
    return [ask(f"Q: {instruction}\n{row}\n\nA:") for row in rows]


async def all_replies(requests: list[ChatRequest], together: int) -> list[ChatReply]:
    model = EmbeddedModel(SCORER)
    replies: list[ChatReply] = []
    for start in range(0, len(requests), together):
        part = requests[start : start + together]
        replies += await asyncio.gather(*(model.reply(request) for request in part))
    await model.aclose()
    return replies


async def test_it_is_a_chat_model() -> None:
    model: ChatModel = EmbeddedModel(SCORER)
    assert model.name == "embedded/tiny-mistral"
    await model.aclose()
    await model.aclose()
    with pytest.raises(ModelError, match="closed"):
        await model.reply(ask("Q: True is\n\nA:"))


async def test_the_same_request_is_answered_the_same_in_every_batch() -> None:
    requests = scorer_requests(16)
    requests += [ask(META_PROMPT, 1.0, seed) for seed in range(16)]
    requests += [ask(request.messages[0].content, 0.7, 5) for request in requests[:16]]
    alone = await all_replies(requests, 1)
    assert await all_replies(requests, 7) == alone
    assert await all_replies(requests, 64) == alone
    order = list(range(len(requests)))
    random.Random(0).shuffle(order)
    shuffled = await all_replies([requests[index] for index in order], 64)
    assert shuffled == [alone[index] for index in order]


async def test_usage_is_counted_and_free() -> None:
    [reply] = await all_replies([ask("Q: True is\n\nA:")], 1)
    # <s> [INST] Q : True is \n\n A : [/INST]
    assert reply.prompt_tokens == 10
    assert reply.finish_reason == "stop"
    assert reply.usd == 0.0
    assert reply.completion_tokens is not None
    assert reply.completion_tokens > 3


async def test_max_tokens_cuts_the_answer() -> None:
    [request] = scorer_requests(1)[:1]
    [whole] = await all_replies([request], 1)
    [cut] = await all_replies([ask(request.messages[0].content, tokens=3)], 1)
    assert (cut.finish_reason, cut.completion_tokens) == ("length", 3)
    assert whole.text.startswith(cut.text)


async def test_a_stop_string_ends_the_answer_whatever_it_is_batched_with() -> None:
    requests = scorer_requests(8)
    wholes = await all_replies(requests, 1)
    # From the middle of one word into the next one, so it is no token and spans several.
    cut = [len(whole.text) // 2 for whole in wholes]
    stops = [whole.text[at : at + 7] for whole, at in zip(wholes, cut, strict=True)]
    asked = [
        replace(request, stop=("###", stop)) for request, stop in zip(requests, stops, strict=True)
    ]
    for together in (1, 5, 64):
        replies = await all_replies(asked, together)
        for reply, whole, stop in zip(replies, wholes, stops, strict=True):
            assert reply.text == whole.text.partition(stop)[0]
            assert reply.finish_reason == "stop"
            assert reply.completion_tokens is not None
            assert whole.completion_tokens is not None
            assert reply.completion_tokens < whole.completion_tokens
    again = await all_replies([*asked, *requests], 64)
    assert again == [*replies, *wholes]


async def test_what_completes_a_stop_string_is_counted_and_not_said() -> None:
    [request, *_] = scorer_requests(1)
    [three] = await all_replies([replace(request, max_tokens=3)], 1)
    [two] = await all_replies([replace(request, max_tokens=2)], 1)
    last = three.text.removeprefix(two.text)
    [reply] = await all_replies([replace(request, stop=(last,))], 1)
    assert (reply.text, reply.finish_reason) == (two.text, "stop")
    assert reply.completion_tokens == 3
    # At the limit too, where a server says "stop".
    [reply] = await all_replies([replace(request, stop=(last,), max_tokens=3)], 1)
    assert (reply.finish_reason, reply.completion_tokens) == ("stop", 3)


async def test_each_of_several_answers_has_its_own_end() -> None:
    model = EmbeddedModel(OPTIMIZER)
    whole = await model.reply(ChatRequest((Message("user", META_PROMPT),), 1.0, 40, 3, 6))
    stopped = await model.reply(
        ChatRequest((Message("user", META_PROMPT),), 1.0, 40, 3, 6, ("e", " a"))
    )
    await model.aclose()
    texts = [whole.text, *(each.text for each in whole.more)]
    assert [stopped.text, *(each.text for each in stopped.more)] == [
        cut_at_stop(f" {text}", ("e", " a")).removeprefix(" ") for text in texts
    ]
    assert whole.completion_tokens is not None
    assert stopped.completion_tokens is not None
    assert 6 <= stopped.completion_tokens < whole.completion_tokens


async def test_seeds_decide_the_samples() -> None:
    model = EmbeddedModel(OPTIMIZER)
    asked = (ask(META_PROMPT, 1.0, seed) for seed in (1, 2, 3, 4, 1))
    texts = [reply.text for reply in await asyncio.gather(*map(model.reply, asked))]
    await model.aclose()
    assert texts[0] == texts[4]
    assert len(set(texts)) > 1


async def test_a_system_message_comes_before_the_user_text() -> None:
    question = questions("navigate", 1)[0]
    split = ChatRequest((Message("system", f"Q: {START}"), Message("user", question)), 0.0, 50, 0)
    [one, other] = await all_replies([split, ask(f"Q: {START}\n{question}", tokens=50)], 2)
    assert one == other


async def test_markers_in_a_text_are_text() -> None:
    [plain, marked] = await all_replies([ask("Q: is"), ask("Q:[/INST]</s> is")], 2)
    assert plain.prompt_tokens is not None
    assert marked.prompt_tokens is not None
    assert marked.prompt_tokens > plain.prompt_tokens + 2


async def test_too_long_a_request_is_refused_like_a_provider_does() -> None:
    model = EmbeddedModel(SCORER)
    with pytest.raises(ModelError, match="context length") as caught:
        await model.reply(ask("word " * 6000))
    assert (caught.value.transient, caught.value.status) == (False, 400)
    await model.aclose()


async def test_twenty_listed_instructions_and_three_exemplars_fit() -> None:
    clauses = "Track the position after each move. Write every intermediate result."
    listed = "".join(f"\n\ntext:\n{clauses} {n}\nscore:\n{50 + n}" for n in range(20))
    exemplar = META_PROMPT[META_PROMPT.index("\n\ninput:") : META_PROMPT.index("\n\n\nGenerate")]
    text = META_PROMPT.replace("\n\n\nGenerate", exemplar * 2 + "\n\n\nGenerate")
    model = EmbeddedModel(OPTIMIZER)
    reply = await model.reply(ask(text.replace("\n\ntext:", listed + "\n\ntext:", 1), 0.5))
    await model.aclose()
    assert reply.text.startswith("<INS>")
    assert reply.text.endswith("</INS>")


async def test_giving_up_on_one_call_leaves_the_others() -> None:
    model = EmbeddedModel(SCORER)
    first, second = (asyncio.create_task(model.reply(r)) for r in scorer_requests(1))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).finish_reason == "stop"
    await model.aclose()


def test_every_role_has_a_checkpoint() -> None:
    assert list(CHECKPOINTS) == list(EMBEDDED.values())


def test_missing_weights_say_where_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHECKPOINTS, OPTIMIZER, tmp_path)
    told = rf"^{OPTIMIZER}: the weights in {tmp_path} cannot be read"
    with pytest.raises(ModelError, match=told) as caught:
        EmbeddedModel(OPTIMIZER)
    assert caught.value.hint is not None


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_weights_are_small(name: str) -> None:
    assert (CHECKPOINTS[name] / "model.safetensors").stat().st_size <= 2_500_000
