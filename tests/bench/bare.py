"""A client that does nothing but ask: `python -m tests.bench.bare URL REQUESTS CONCURRENCY`.

What any client over aiohttp costs at least; the job is measured against it.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp

QUESTION = (
    "Q: Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. "
    "How much did she earn?\nA: Let's solve the problem."
)


async def ask(url: str, requests: int, concurrency: int) -> None:
    body = {
        "model": "stub",
        "messages": [{"role": "user", "content": QUESTION}],
        "temperature": 0,
        "max_tokens": 512,
        "seed": 7,
    }
    left = iter(range(requests))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            for _ in left:
                async with session.post(f"{url}/chat/completions", json=body) as response:
                    reply = json.loads(await response.read())
                    assert reply["choices"][0]["message"]["content"]

        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work())


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
