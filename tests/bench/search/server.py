"""The servers of the benchmark: scorer and writer of every search, which count its calls.

They speak the OpenAI chat protocol under `/search/ID/v1/chat/completions`; the models are `scorer`
and `writer`. Replies of the scorer at temperature 0 are kept in a file and given again: they do
not change, and a call counts all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.errors import ModelError
from opro_cli.ports import ChatModel
from tests.bench.search.tasks import Chat, Row, Task, fill
from tests.bench.search.writers import Writer

AT_ONCE = 128
SAVED_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, and whether it ended at the limit of tokens."""

    text: str
    cut: bool = False


class Replies:
    """Replies of scorers at temperature 0, in a file that processes share."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, timeout=60)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=OFF")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, text TEXT, cut INTEGER)"
        )
        self._saved = time.monotonic()

    def find(self, key: bytes) -> Reply | None:
        """Return the reply that is kept, or None."""
        row = self._file.execute("SELECT text, cut FROM replies WHERE key = ?", (key,)).fetchone()
        return Reply(str(row[0]), bool(row[1])) if row else None

    def keep(self, key: bytes, reply: Reply) -> None:
        """Keep a reply; it is on disk SAVED_EVERY seconds later, or after `save`."""
        row = (key, reply.text, reply.cut)
        self._file.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", row)
        if time.monotonic() - self._saved >= SAVED_EVERY:
            self.save()

    def save(self) -> None:
        """Write what is not on disk yet."""
        self._file.commit()
        self._saved = time.monotonic()

    def close(self) -> None:
        """Write what is not on disk yet, and close the file."""
        self.save()
        self._file.close()


class Scorers:
    """The models that answer, one for each name, in front of what they have answered before."""

    def __init__(self, replies: Replies, build: Callable[[str], ChatModel]) -> None:
        self._replies, self._build = replies, build
        self._models: dict[str, ChatModel] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def reply(self, model: str, request: ChatRequest) -> Reply:
        """Answer a request; raises ModelError where the model refuses it."""
        asked = [[message.role, message.content] for message in request.messages]
        text = json.dumps([model, request.max_tokens, request.stop, asked], ensure_ascii=False)
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        kept = self._replies.find(key) if not request.temperature else None
        if kept is not None:
            return kept
        if model not in self._models:
            self._models[model] = self._build(model)
        async with self._places:
            fresh = await self._models[model].reply(request)
        answer = Reply(fresh.text, fresh.finish_reason == "length")
        if not request.temperature:
            self._replies.keep(key, answer)
        return answer

    async def score(self, task: Task, chat: Chat, rows: tuple[Row, ...]) -> str:
        """Return a digit for each row, 1 where a prompt's reply is right; nothing is counted."""

        async def ask(row: Row) -> float:
            asked = tuple(Message(role, text) for role, text in fill(chat, row[0]))  # type: ignore[arg-type]
            request = ChatRequest(asked, 0.0, task.max_tokens, 0, stop=task.stop)
            try:
                reply = await self.reply(task.model, request)
            except ModelError as error:
                if not error.unanswerable:
                    raise
                return 0.0
            return task.grade(reply.text, row, asked[-1].content)

        scores = await asyncio.gather(*map(ask, rows))
        return "".join(str(int(score >= 1)) for score in scores)

    def save(self) -> None:
        """Write replies that are not on disk yet, and let other processes write."""
        self._replies.save()

    async def aclose(self) -> None:
        """Close the models and the file."""
        for model in self._models.values():
            await model.aclose()
        self._replies.close()


@dataclass(slots=True)
class Counted:
    """A search as its servers see it.

    Attributes:
        scorer: Answers of the scorer.
        writer: Instructions that the writer wrote.
        refused: Requests that the scorer could not answer.
    """

    task: Task
    rows: tuple[Row, ...]
    writes: Writer | None
    scorer: int = 0
    writer: int = 0
    refused: int = 0


class SearchServer:
    """The HTTP server; an async context manager."""

    def __init__(self, scorers: Scorers) -> None:
        self.searches: dict[str, Counted] = {}
        self._scorers = scorers
        self._runner: web.AppRunner | None = None
        self.root = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/search/{id}/v1/chat/completions", self._chat)
        app.router.add_get("/search/{id}/v1/models", self._list_models)
        app.router.add_post("/search/{id}/grade", self._grade)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.root = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def open(self, name: str, counted: Counted) -> str:
        """Open the servers of a search, and return their url."""
        self.searches[name] = counted
        return f"{self.root}/search/{name}"

    async def _list_models(self, request: web.Request) -> web.Response:
        models = [{"id": name, "object": "model"} for name in ("scorer", "writer")]
        return web.json_response({"object": "list", "data": models})

    async def _grade(self, request: web.Request) -> web.Response:
        task = self.searches[request.match_info["id"]].task
        body = await request.json()
        answers = body["answers"]
        scores = [task.grade(reply, (question, gold)) for reply, question, gold in answers]
        return web.json_response({"scores": scores})

    async def _chat(self, request: web.Request) -> web.Response:
        search = self.searches[request.match_info["id"]]
        body = await request.json()
        choices = int(body.get("n") or 1)
        if body["model"].rpartition("/")[2] == "scorer":
            return await self._answer(search, body, choices)
        if search.writes is None:
            return await self._propose(search, body, choices)
        replies = [Reply(text) for text in search.writes.write(read_text(body), choices)]
        search.writer += choices
        return web.json_response(build_answer(body["model"], replies, search))

    async def _answer(self, search: Counted, body: Mapping[str, Any], choices: int) -> web.Response:
        asked = read_request(body, search.task)
        try:
            reply = await self._scorers.reply(search.task.model, asked)
        except ModelError as error:
            if not error.unanswerable:
                raise
            search.refused += 1
            refusal = {"message": str(error), "code": "context_length_exceeded", "type": "invalid"}
            return web.json_response({"error": refusal, "calls": search.scorer}, status=400)
        search.scorer += choices
        if search.writes is not None and search.writes.reads:
            self._note_wrong(search, search.writes, asked, reply.text)
        return web.json_response(build_answer(body["model"], [reply] * choices, search))

    async def _propose(
        self, search: Counted, body: Mapping[str, Any], choices: int
    ) -> web.Response:
        """Let the embedded optimizer write, which knows opro's own meta-prompt alone."""
        asked = read_request(body, search.task)
        replies = []
        for number in range(choices):
            drawn = ChatRequest(asked.messages, 1.0, 80, (asked.seed or 0) + number)
            replies.append(await self._scorers.reply("embedded/tiny-optimizer", drawn))
        search.writer += choices
        return web.json_response(build_answer(body["model"], replies, search))

    @staticmethod
    def _note_wrong(search: Counted, writer: Writer, asked: ChatRequest, reply: str) -> None:
        content = asked.messages[-1].content
        ends = [(content.rfind(row[0]), row) for row in search.rows]
        last, row = max(ends, key=lambda each: each[0])  # demonstrations stand before the question
        if last >= 0 and search.task.grade(reply, row, content) < 1:
            writer.note_wrong(row[0], reply)


def read_request(body: Mapping[str, Any], task: Task) -> ChatRequest:
    """Return a request of the wire as a model gets it."""
    messages = tuple(
        Message(message["role"], _read_content(message["content"])) for message in body["messages"]
    )
    stop = body.get("stop") or task.stop
    return ChatRequest(
        messages,
        0.0,
        task.max_tokens,
        body.get("seed"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def read_text(body: Mapping[str, Any]) -> str:
    """Return all that a request says."""
    return "\n\n".join(_read_content(message["content"]) for message in body["messages"])


def _read_content(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or ())


def build_answer(model: str, replies: list[Reply], search: Counted) -> dict[str, Any]:
    """Return an answer of the wire, with the calls of the search so far."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": reply.text},
            "finish_reason": "length" if reply.cut else "stop",
        }
        for index, reply in enumerate(replies)
    ]
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": model,
        "choices": choices,
        "usage": usage,
        "calls": search.scorer,
    }


@contextlib.asynccontextmanager
async def serve(replies: Path, build: Callable[[str], ChatModel]) -> Any:
    """Open scorers and their server."""
    scorers = Scorers(Replies(replies), build)
    try:
        async with SearchServer(scorers) as server:
            yield server, scorers
    finally:
        await scorers.aclose()
