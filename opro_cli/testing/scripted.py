"""A ChatModel that says what a test wrote down, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opro_cli.core.task.example import ChatReply, ChatRequest

Line = str | ChatReply | Exception
Script = Iterable[Line] | Callable[[ChatRequest], Line]


class ScriptRanOut(AssertionError):
    """A test's model was asked once more than the test foresaw."""


class ScriptedModel:
    """Answers from a list, in the order of the calls, or by a function of the request.

    A line is a text, a whole ChatReply, or an exception to raise. `requests` holds every request.
    Texts are counted in words as if they were tokens and cost nothing.
    """

    def __init__(self, script: Script, name: str = "scripted") -> None:
        self.requests: list[ChatRequest] = []
        self.closed = 0
        self._name = name
        self._say = script if callable(script) else None
        self._lines = iter(()) if callable(script) else iter(script)

    @property
    def name(self) -> str:
        """The name that it was given."""
        return self._name

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Return the next line of the script, or raise it.

        Raises:
            ScriptRanOut: There is no further line.
        """
        self.requests.append(request)
        line = self._say(request) if self._say else self._next_line(request)
        if isinstance(line, Exception):
            raise line
        if isinstance(line, ChatReply):
            return line
        asked = sum(len(message.content.split()) for message in request.messages)
        return ChatReply(line, "stop", asked, len(line.split()), 0.0)

    async def aclose(self) -> None:
        """Count how often it was closed."""
        self.closed += 1

    def _next_line(self, request: ChatRequest) -> Line:
        for line in self._lines:
            return line
        turns = "\n".join(f"  {message.role}: {message.content}" for message in request.messages)
        raise ScriptRanOut(
            f"the script of {self._name!r} ended before call {len(self.requests)}, "
            f"temperature {request.temperature}, seed {request.seed}:\n{turns}"
        )
