"""What every ChatModel promises (`opro_cli.ports.ChatModel`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from opro_cli.core.task.example import ChatReply, ChatRequest, Choice, Message
from opro_cli.errors import ModelError
from opro_cli.models.embedded import EmbeddedModel
from opro_cli.models.litellm_model import LitellmModel
from opro_cli.models.openai_compatible import OpenAICompatibleModel
from opro_cli.ports import ChatModel
from opro_cli.testing.session import ScriptedModel
from tests.server import LocalServer, Options
from tests.server.refusals import OPENAI_TOO_LONG


def scripted(server: LocalServer) -> ChatModel:
    return ScriptedModel(lambda request: f"heard: {request.messages[-1].content}")


def openai(server: LocalServer) -> ChatModel:
    return OpenAICompatibleModel("openai/local-model", server.url, 20.0)


def hosted_vllm(server: LocalServer) -> ChatModel:
    return OpenAICompatibleModel("hosted_vllm/local-model", server.url, 20.0)


def ollama(server: LocalServer) -> ChatModel:
    return OpenAICompatibleModel("ollama_chat/local-model", server.root, 20.0)


def litellm_openai(server: LocalServer) -> ChatModel:
    return LitellmModel("openai/local-model", server.url, 20.0)


def litellm_hosted_vllm(server: LocalServer) -> ChatModel:
    return LitellmModel("hosted_vllm/local-model", server.url, 20.0)


def litellm_ollama(server: LocalServer) -> ChatModel:
    return LitellmModel("ollama_chat/local-model", server.root, 20.0)


def embedded(server: LocalServer) -> ChatModel:
    return EmbeddedModel("embedded/tiny-mistral")


def embedded_optimizer(server: LocalServer) -> ChatModel:
    return EmbeddedModel("embedded/tiny-optimizer")


OVER_THE_WIRE = [
    *(openai, hosted_vllm, ollama),
    *(litellm_openai, litellm_hosted_vllm, litellm_ollama),
]
BUILDERS: list[Callable[[LocalServer], ChatModel]] = [
    *(scripted, embedded, embedded_optimizer),
    *OVER_THE_WIRE,
]


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer() as server:
        yield server


@pytest.fixture(params=BUILDERS, ids=lambda builder: builder.__name__)
async def model(request: pytest.FixtureRequest, server: LocalServer) -> AsyncIterator[ChatModel]:
    model = request.param(server)
    yield model
    await model.aclose()


def saying(text: str, temperature: float = 0.0, seed: int | None = 5) -> ChatRequest:
    turns = (Message("system", "Answer shortly."), Message("user", text))
    return ChatRequest(turns, temperature, 16, seed)


def test_it_has_the_name_of_the_config(model: ChatModel) -> None:
    assert model.name
    assert model.name == model.name.strip()


async def test_a_reply_has_all_its_parts(model: ChatModel) -> None:
    reply = await model.reply(saying("What is 2+2?"))
    assert isinstance(reply, ChatReply)
    assert isinstance(reply.text, str)
    assert reply.finish_reason
    assert reply.prompt_tokens is None or reply.prompt_tokens > 0
    assert reply.completion_tokens is None or reply.completion_tokens >= 0
    assert reply.usd is None or reply.usd >= 0


async def test_the_same_request_gets_the_same_reply(model: ChatModel) -> None:
    request = saying("Name a colour.", temperature=0.8)
    assert (await model.reply(request)).text == (await model.reply(request)).text


async def test_many_at_once_get_their_own_answers(model: ChatModel) -> None:
    questions = [f"What is {number}+{number}?" for number in range(40)]
    together = await asyncio.gather(*[model.reply(saying(question)) for question in questions])
    for place in (0, 17, 39):
        alone = await model.reply(saying(questions[place]))
        assert together[place] == alone


async def test_closing_twice_is_fine(model: ChatModel) -> None:
    await model.reply(saying("Hello"))
    await model.aclose()
    await model.aclose()


async def test_closing_an_unused_model_is_fine(model: ChatModel) -> None:
    await model.aclose()


@pytest.mark.parametrize("build", OVER_THE_WIRE, ids=lambda builder: builder.__name__)
async def test_it_raises_model_errors_only(build: Callable[[LocalServer], ChatModel]) -> None:
    async with LocalServer() as server:
        model = build(server)
    results = await asyncio.gather(
        *[model.reply(saying(f"call {number}")) for number in range(5)], return_exceptions=True
    )
    await model.aclose()
    assert {type(result) for result in results} == {ModelError}


@pytest.mark.parametrize("build", OVER_THE_WIRE, ids=lambda builder: builder.__name__)
async def test_one_request_that_is_too_long_spoils_no_other(
    build: Callable[[LocalServer], ChatModel],
) -> None:
    async with LocalServer(options=Options(faults={0: OPENAI_TOO_LONG})) as server:
        model = build(server)
        with pytest.raises(ModelError) as refused:
            await model.reply(saying("something long"))
        reply = await model.reply(saying("something short"))
        await model.aclose()
    assert (refused.value.unanswerable, refused.value.transient) == (True, False)
    assert reply.text


async def test_the_embedded_model_refuses_what_is_too_long() -> None:
    async with LocalServer() as server:
        model = embedded(server)
    with pytest.raises(ModelError) as refused:
        await model.reply(saying("word " * 10_000))
    reply = await model.reply(saying("something short"))
    await model.aclose()
    assert (refused.value.unanswerable, refused.value.transient) == (True, False)
    assert reply.finish_reason


@pytest.mark.parametrize("build", [scripted, *OVER_THE_WIRE], ids=lambda builder: builder.__name__)
async def test_the_answer_is_to_the_question(
    build: Callable[[LocalServer], ChatModel], server: LocalServer
) -> None:
    model = build(server)
    questions = [f"question number {number}" for number in range(20)]
    replies = await asyncio.gather(*[model.reply(saying(question)) for question in questions])
    await model.aclose()
    assert [reply.text.partition("question ")[2] for reply in replies] == [
        question.partition("question ")[2] for question in questions
    ]


@pytest.mark.parametrize(
    "build", [embedded, embedded_optimizer, *OVER_THE_WIRE], ids=lambda builder: builder.__name__
)
async def test_an_answer_ends_before_its_stop_strings(
    build: Callable[[LocalServer], ChatModel], server: LocalServer
) -> None:
    model = build(server)
    request = saying("What comes after one, two and three?")
    whole = (await model.reply(request)).text
    middle = whole[len(whole) // 2 : len(whole) // 2 + 3]
    unsaid = replace(request, stop=("never said",))
    assert (await model.reply(unsaid)).text == whole
    for choices in (1, 2):
        asked = replace(request, stop=("never said", middle, whole[-2:]), choices=choices)
        reply = await model.reply(asked)
        expected = Choice(whole[: whole.index(middle)], "stop")
        assert {Choice(reply.text, reply.finish_reason), *reply.more} == {expected}
    await model.aclose()


@pytest.mark.parametrize("build", OVER_THE_WIRE, ids=lambda builder: builder.__name__)
async def test_a_cancelled_call_is_cancelled(build: Callable[[LocalServer], ChatModel]) -> None:
    async with LocalServer(options=Options(latency_ms=5000)) as slow:
        model = build(slow)
        call = asyncio.create_task(model.reply(saying("hello")))
        while not slow.requests:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await model.aclose()
