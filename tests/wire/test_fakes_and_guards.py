"""The scripted model fails loudly, and no test gets off this machine."""

from __future__ import annotations

import os
import socket

import pytest

from opro_cli.core.task.example import ChatReply
from opro_cli.errors import ModelError
from opro_cli.testing.session import ScriptedModel, ScriptRanOut
from tests.guards import TestReachedTheNetwork, check
from tests.wire.conftest import asking


async def test_a_script_that_runs_out_names_the_request() -> None:
    model = ScriptedModel(["one"], name="scorer")
    await model.reply(asking("first"))
    with pytest.raises(
        ScriptRanOut, match=r"'scorer' ended before call 2.*seed 7:\n  user: second"
    ):
        await model.reply(asking("second", seed=7))
    assert [request.messages[0].content for request in model.requests] == ["first", "second"]


async def test_a_line_may_be_a_reply_an_error_or_a_function() -> None:
    whole = ChatReply("x", "length", None, None, None)
    error = ModelError("no", transient=False)
    model = ScriptedModel([whole, error])
    assert await model.reply(asking()) is whole
    with pytest.raises(ModelError, match="no"):
        await model.reply(asking())
    echo = ScriptedModel(lambda request: request.messages[0].content)
    assert (await echo.reply(asking("ha"))).text == "ha"


@pytest.mark.parametrize(
    "host", ["api.openai.com", "8.8.8.8", "::2", "localhost.example", b"a.com"]
)
def test_other_machines_are_out_of_reach(host: str | bytes) -> None:
    with pytest.raises(TestReachedTheNetwork, match="loopback and unix sockets only"):
        check((host, 443))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.1.1", "::1"])
def test_this_machine_is_in_reach(host: str) -> None:
    check((host, 80))
    check("/run/some.sock")


def test_the_guard_is_on() -> None:
    with socket.socket() as sock, pytest.raises(TestReachedTheNetwork):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(TestReachedTheNetwork):
        socket.getaddrinfo("api.openai.com", 443)
    assert not [name for name in os.environ if name.endswith("_API_KEY")]
