"""A real, deterministic, OpenAI-compatible server on loopback, for tests and for running by hand.

In a test:   async with LocalServer(answers={"2+2?": "4"}) as server: ... server.url
By hand:     python -m tests.server --port 0 --latency-ms 30 --answers train.jsonl
"""

from tests.server.app import LocalServer, Options
from tests.server.brain import Brain, ChatCall, load_answers
from tests.server.faults import Fault
from tests.server.log import LogEntry, RequestLog

__all__ = [
    "Brain",
    "ChatCall",
    "Fault",
    "LocalServer",
    "LogEntry",
    "Options",
    "RequestLog",
    "load_answers",
]
