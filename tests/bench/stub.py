"""A server of chat completions that costs next to nothing: what is measured is the client.

python -m tests.bench.stub DELAY_MS ROWS

Its first line of output is its url. ROWS: a jsonl file of GSM8K; each question put to it is
answered with some row's working, wrapped as a chat model does. A meta-prompt gets a new
instruction each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sys
import time
from itertools import count, cycle, product
from pathlib import Path

OPENINGS = (
    "Let's work through this one step at a time.",
    "To solve the problem, we first write down what is known and then calculate.",
    "First, I will find each quantity that is needed.",
    "Sure! Here is the solution, with every intermediate result.",
)
CLOSINGS = ("#### {}", "The answer is {}.", "So the answer is **{}**.", "Final answer: {}")
CALCULATION = re.compile(r"<<[^>]*>>")
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def workings(rows: Path) -> list[str]:
    """Replies of about 400 characters that end in an answer, no two alike."""
    told = [json.loads(line)["answer"] for line in rows.read_text("utf-8").splitlines()]
    replies = []
    for opening, closing, answer in product(OPENINGS, CLOSINGS, told):
        working, _, number = CALCULATION.sub("", answer).rpartition("\n#### ")
        replies.append(f"{opening}\n\n{working}\n\n{closing.format(number)}")
    return replies


def completion(text: str, prompt_tokens: int) -> bytes:
    """A whole HTTP answer with one choice."""
    body = {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "stub",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": len(text) // 4,
            "total_tokens": prompt_tokens + len(text) // 4,
        },
    }
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    return head.encode() + b"Server: stub\r\n\r\n" + data


class Stub(asyncio.Protocol):
    """One connection, kept alive; a request is answered after `delay` seconds."""

    def __init__(self, delay: float, answers: cycle[bytes], ideas: count[int]) -> None:
        self._delay, self._answers, self._ideas = delay, answers, ideas
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, blank, body = self._read.partition(b"\r\n\r\n")
        if not blank:
            return
        length = LENGTH.search(head)
        if length is None:
            self._transport.close()
            return
        size = int(length[1])
        if len(body) < size:
            return
        self._read = body[size:]
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._answer, body)
        else:
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        if b"<INS>" in body:
            idea = f"<INS>Idea {next(self._ideas)}: write down every step, then the answer.</INS>"
            self._transport.write(completion(idea, 600))
        else:
            self._transport.write(next(self._answers))


async def serve(delay: float, rows: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    answers = cycle([completion(text, 120) for text in workings(rows)])
    ideas = count()
    server = await loop.create_server(lambda: Stub(delay, answers, ideas), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await stop.wait()
    server.close()
    with contextlib.suppress(BrokenPipeError):
        print(f"{time.process_time():.3f}", flush=True)  # of this process, in seconds


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 1000, Path(sys.argv[2])))
