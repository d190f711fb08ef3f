"""Parameters that a server refuses, over real HTTP: left out, remembered, and said once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from opro_cli.calls.attempts import RetryPolicy
from opro_cli.calls.checks import check_endpoints
from opro_cli.calls.metered import Calls
from opro_cli.core.run.events import Event, ParameterRefused
from opro_cli.core.run.progress import Progress
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import (
    EndpointSettings,
    ExtraSettings,
    ReasoningSettings,
    ScorerSettings,
)
from opro_cli.core.task.example import LIMITS, ChatReply, ChatRequest, Message
from opro_cli.errors import ModelError
from opro_cli.models import build_model
from opro_cli.ports import ChatModel
from opro_cli.reports.requests import describe_event
from tests.fakes.memory_cache import MemoryCache
from tests.loop.runs import examples, settings

Refuse = Callable[[dict[str, Any]], str]


@dataclass
class Picky:
    """A server that refuses some parameters, one at a time, and answers everything else."""

    refuse: Refuse
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    answer: str = "The answer is 7."
    models: list[ChatModel] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if name := self.refuse(body):
            words = f"Unsupported parameter: '{name}' is not supported with this model."
            return web.json_response({"error": {"message": words, "param": name}}, status=400)
        message = {"role": "assistant", "content": self.answer}
        choices = [
            {"index": i, "message": message, "finish_reason": "stop"}
            for i in range(body.get("n") or 1)
        ]
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        return web.json_response({"choices": choices, "usage": usage})


def refusing(*names: str) -> Refuse:
    return lambda body: next((name for name in names if name in body), "")


Start = Callable[[Refuse], Awaitable[Picky]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    runners: list[web.AppRunner] = []
    servers: list[Picky] = []

    async def begin(refuse: Refuse) -> Picky:
        picky = Picky(refuse)
        servers.append(picky)
        app = web.Application()
        app.router.add_post("/{tail:.*}", picky.handle)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        picky.url = f"http://127.0.0.1:{port}/v1"
        return picky

    yield begin
    for picky in servers:
        for model in picky.models:
            await model.aclose()
    for runner in runners:
        await runner.cleanup()


@dataclass
class Session:
    """What a run asks one server through, with the events that it records."""

    server: Picky
    model: str = "openai/prod-assistant"
    events: list[Event] = field(default_factory=list)
    cache: MemoryCache = field(default_factory=MemoryCache)
    keys: dict[str, Any] = field(default_factory=dict)
    others: list[Picky] = field(default_factory=list)

    def open(self) -> Calls:
        """Return the calls of a new session of the run."""
        scorer = ScorerSettings(self.model, self.server.url, **self.keys)
        if self.others:
            urls = (each.url for each in (self.server, *self.others))
            endpoints = tuple(map(EndpointSettings, urls))
            scorer = replace(scorer, api_base=None, endpoints=endpoints)
        config = replace(settings(), scorer=scorer)
        state = RunState.at_start(config.search, examples(), config.task)
        for event in self.events:
            state.apply(event)

        def record(*events: Event) -> None:
            for event in events:
                self.events.append(event)
                state.apply(event)

        models = [build_model(each) for each in scorer.deployments]
        self.server.models += models
        return Calls(
            settings=config,
            state=state,
            models={"scorer": models},
            prices={},
            policy=RetryPolicy(attempts=1),
            activity=Progress(),
            stop=asyncio.Event(),
            record=record,
            caches={"scorer": self.cache},
        )

    @property
    def learnt(self) -> list[str]:
        return [each.parameter for each in self.events if isinstance(each, ParameterRefused)]


def asking(text: str = "2+5?", **changes: Any) -> ChatRequest:
    request = ChatRequest((Message("user", text),), 0.0, 256, 7)
    return replace(request, **changes)


async def ask(calls: Calls, request: ChatRequest) -> ChatReply:
    async with calls.answer("scorer", request) as answered:
        return answered.reply


ADAPTERS = pytest.mark.parametrize("model", ["openai/prod-assistant", "mistral/small"])


@ADAPTERS
@pytest.mark.parametrize("name", ["temperature", "seed", "top_p"])
async def test_a_refused_parameter_is_left_out_and_the_call_made_again(
    start: Start, model: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "x")
    native = {"seed": "random_seed"}.get(name, name) if "mistral" in model else name
    session = Session(await start(refusing(native)), model)
    calls = session.open()
    assert (await ask(calls, asking(top_p=0.9))).text == "The answer is 7."
    await ask(calls, asking("3+4?", top_p=0.9))
    sent = [native in body for body in session.server.bodies]
    assert sent == [True, False, False]  # learnt once, and for good
    assert session.learnt == [name]


async def test_a_limit_is_sent_under_its_other_name_and_back(start: Start) -> None:
    session = Session(await start(refusing("max_tokens")))
    await ask(session.open(), asking())
    assert session.server.bodies[-1]["max_completion_tokens"] == 256
    back = Session(await start(refusing("max_completion_tokens")), "openai/gpt-5-mini")
    await ask(back.open(), asking())
    assert back.server.bodies[-1]["max_tokens"] == 256
    assert "max_completion_tokens" not in back.server.bodies[-1]
    neither = Session(await start(refusing("max_tokens", "max_completion_tokens")))
    await ask(neither.open(), asking())
    assert not {"max_tokens", "max_completion_tokens"} & neither.server.bodies[-1].keys()


async def test_each_endpoint_gets_the_limit_under_the_name_that_it_takes(start: Start) -> None:
    older, newer = (
        await start(refusing("max_completion_tokens")),
        await start(refusing("max_tokens")),
    )
    session = Session(older, others=[newer])
    calls = session.open()
    for _ in range(3):
        assert await check_endpoints(calls, "scorer")
    sent = [{*LIMITS} & server.bodies[-1].keys() for server in (older, newer)]
    assert sent == [{"max_tokens"}, {"max_completion_tokens"}]


async def test_a_resume_does_not_pay_for_learning_it_again(start: Start) -> None:
    session = Session(await start(refusing("seed", "temperature")))
    await ask(session.open(), asking())
    assert len(session.server.bodies) == 3
    await ask(session.open(), asking("3+4?"))
    assert len(session.server.bodies) == 4
    assert sorted(session.learnt) == ["seed", "temperature"]


async def test_calls_in_flight_may_each_fail_once_and_it_is_noted_once(start: Start) -> None:
    session = Session(await start(refusing("seed")))
    calls = session.open()
    replies = await asyncio.gather(*(ask(calls, asking(f"{n}+1?")) for n in range(6)))
    assert [reply.text for reply in replies] == ["The answer is 7."] * 6
    times = Counter(body["messages"][0]["content"] for body in session.server.bodies)
    assert max(times.values()) <= 2
    assert session.learnt == ["seed"]


async def test_a_refusal_that_goes_on_ends_the_call(start: Start) -> None:
    session = Session(await start(lambda _: "seed"))
    with pytest.raises(ModelError, match="'seed' is not supported"):
        await ask(session.open(), asking())
    assert len(session.server.bodies) == 2  # with it, and once without


async def test_the_text_that_ends_a_reply_is_cut_off_here_where_the_server_does_not(
    start: Start,
) -> None:
    session = Session(await start(refusing("stop")))
    reply = await ask(session.open(), asking(stop=(" is",)))
    assert reply.text == "The answer"
    assert "stop" not in session.server.bodies[-1]


async def test_several_choices_that_are_refused_become_one(start: Start) -> None:
    session = Session(await start(refusing("n")))
    calls = session.open()
    assert (await ask(calls, asking(choices=3))).more == ()
    assert calls.list_unsent("scorer") == ("n",)


async def test_what_the_config_adds_is_left_out_as_well(start: Start) -> None:
    keys = {
        "reasoning": ReasoningSettings(effort="low"),
        "extra": ExtraSettings(
            body={"top_k": 4, "chat_template_kwargs": {"enable_thinking": False}}
        ),
    }
    session = Session(await start(refusing("reasoning_effort", "top_k")), keys=keys)
    await ask(session.open(), asking())
    first, last = session.server.bodies[0], session.server.bodies[-1]
    assert (first["reasoning_effort"], first["top_k"]) == ("low", 4)
    assert last["chat_template_kwargs"] == {"enable_thinking": False}
    assert sorted(session.learnt) == ["reasoning_effort", "top_k"]


async def test_without_its_temperature_an_answer_is_not_kept(start: Start) -> None:
    session = Session(await start(refusing("temperature")))
    calls = session.open()
    await ask(calls, asking())
    await ask(calls, asking())
    asked = [body for body in session.server.bodies if "temperature" not in body]
    assert len(asked) == 2
    kept = Session(await start(refusing("temperature")), keys={"cache": True})
    calls = kept.open()
    await ask(calls, asking())
    await ask(calls, asking())
    assert len([body for body in kept.server.bodies if "temperature" not in body]) == 1


async def test_null_is_not_sent_and_not_cached(start: Start) -> None:
    session = Session(await start(refusing()))
    calls = session.open()
    request = asking(temperature=None, max_tokens=None, seed=None)
    await ask(calls, request)
    await ask(calls, request)
    assert [sorted(body) for body in session.server.bodies] == [["messages", "model"]] * 2


async def test_headers_come_from_the_environment(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TEAM", "team-secret-0123456789")
    extra = ExtraSettings(headers={"X-Team": "${MY_TEAM}", "Authorization": "Bearer ${MY_TEAM}"})
    session = Session(await start(refusing()), keys={"extra": extra})
    await ask(session.open(), asking())
    assert session.server.headers[-1]["X-Team"] == "team-secret-0123456789"
    assert session.server.headers[-1]["Authorization"] == "Bearer team-secret-0123456789"
    monkeypatch.delenv("MY_TEAM")
    with pytest.raises(ModelError, match="MY_TEAM, which is not set"):
        await ask(session.open(), asking("another"))


async def test_a_header_that_comes_back_in_an_error_is_not_shown(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TEAM", "team-secret-0123456789")
    echo = "seed with team-secret-0123456789"
    session = Session(
        await start(lambda _: echo),
        keys={"extra": ExtraSettings(headers={"X-Team": "${MY_TEAM}"})},
    )
    with pytest.raises(ModelError) as caught:
        await ask(session.open(), asking())
    assert "team-secret" not in caught.value.message
    assert "team-secret" not in json.dumps([str(event) for event in session.events])


async def test_a_note_says_what_was_sent_and_what_is_not(start: Start) -> None:
    session = Session(await start(refusing("temperature", "seed")))
    calls = session.open()
    await ask(calls, asking())
    notes = [
        describe_event(each, calls.state)
        for each in session.events
        if isinstance(each, ParameterRefused)
    ]
    assert notes[0].startswith("scorer.temperature: 0 was refused, so it is left out")
    assert "sampling is not repeatable there" in notes[1]
