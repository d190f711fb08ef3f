"""A driver's side of a search: the scorer and the writer over HTTP, and the strict reading.

It needs the standard library alone, so that it works in the peers' own environment.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from opro_cli.core.task.prompt import PromptFormat, build_scorer_messages

HOLE = "{{question}}"
AT_ONCE = 16
Row = tuple[str, str]
Chat = list[list[str]]


@dataclass
class Search:
    """One search: what a tool is given, and what is told of it.

    Attributes:
        url: Of the servers of this search.
        budget: The scorer calls of the whole search.
        timeline: The prompt that the tool would return from so many scorer calls on.
    """

    url: str
    seed: int
    budget: int
    start: str
    train: list[Row]
    dev: list[Row]
    position: str
    qa_markers: bool
    description: str
    stop: list[str]
    max_tokens: int
    options: dict[str, Any] = field(default_factory=dict)
    timeline: list[tuple[int, Chat]] = field(default_factory=list)
    calls: int = 0
    _local: threading.local = field(default_factory=threading.local)

    @property
    def rows(self) -> list[Row]:
        """All rows of the search."""
        return self.train + self.dev

    def build_chat(self, instruction: str, demos: Sequence[Row] = ()) -> Chat:
        """Return the chat of a prompt, with a hole for the question."""
        form = PromptFormat(self.position, self.qa_markers)  # type: ignore[arg-type]
        messages = build_scorer_messages(HOLE, instruction, form, demos)
        return [[message.role, message.content] for message in messages]

    def returns(self, chat: Chat) -> None:
        """Note the prompt that the tool would return now."""
        if not self.timeline or self.timeline[-1][1] != chat:
            self.timeline.append((self.calls, chat))

    def ask(self, chat: Chat, question: str) -> str:
        """Ask the scorer one question."""
        return self.complete([[role, text.replace(HOLE, question)] for role, text in chat])

    def complete(self, messages: Chat) -> str:
        """Ask the scorer; a request that it refuses has the empty reply."""
        body = {
            "model": "scorer",
            "temperature": 0,
            "max_tokens": self.max_tokens,
            "messages": [{"role": role, "content": text} for role, text in messages],
        }
        if self.stop:
            body["stop"] = self.stop
        answer = self._post("/v1/chat/completions", body)
        self.calls = max(self.calls, int(answer.get("calls", 0)))
        choices = answer.get("choices")
        return str(choices[0]["message"]["content"]) if choices else ""

    def write(self, request: str) -> str:
        """Ask the writer."""
        body = {"model": "writer", "messages": [{"role": "user", "content": request}]}
        answer = self._post("/v1/chat/completions", body)
        return str(answer["choices"][0]["message"]["content"])

    def grade(self, replies: Sequence[str], rows: Sequence[Row]) -> list[float]:
        """Return the scores of replies by opro's strict reading."""
        body = {"answers": [[reply, *row] for reply, row in zip(replies, rows, strict=True)]}
        scores: list[float] = self._post("/grade", body)["scores"]
        return scores

    def evaluate(self, chat: Chat, rows: Sequence[Row]) -> tuple[list[str], list[float]]:
        """Return the replies to rows and their scores."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            replies = list(threads.map(lambda row: self.ask(chat, row[0]), rows))
        return replies, self.grade(replies, rows)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        parts = urlsplit(self.url)
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
            self._local.connection = connection
        headers = {"Content-Type": "application/json"}
        connection.request("POST", parts.path + path, json.dumps(body), headers)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
