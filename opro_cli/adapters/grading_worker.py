"""`python -m opro_cli.adapters.grading_worker`: a metric in a process of its own, fed by pipes.

Lines of JSON. In, on stdin: {"answer": …}, the metric as a config names it; then, one at a time,
{"reply": …, "target": …, "input": …, "source": …}. Out, on stdout, one line for each: first
{"code": …}, a sentence that says whose code grades, "" for opro's own; then {"answer": …,
"score": …}. Or {"error": …, "hint": …} instead. The end of stdin ends it and whatever it started,
so it outlives nobody.

A process, because a user's code or pattern may take for ever, end the process, write to stdout or
read from stdin.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

from opro_cli.adapters.models.provider_keys import redact
from opro_cli.adapters.python_function import describe_code, function_named
from opro_cli.core.model import Example
from opro_cli.errors import OproError
from opro_cli.metrics import FunctionMetric, metric_named
from opro_cli.ports import Metric

PR_SET_PDEATHSIG = 1
LONGEST_WORDS = 4_000  # characters of an error


def die_with_parent(stdin: int) -> queue.SimpleQueue[bytes]:
    """The lines of stdin, from a thread that ends this process group when they end.

    A C function may keep Python's lock, and with it the thread, for as long as it likes; Linux
    ends the process all the same.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        with os.fdopen(stdin, "rb") as stream:
            for line in stream:
                lines.put(line)
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=listen, daemon=True).start()
    return lines


def take_pipes() -> tuple[int, BinaryIO]:
    """Take stdin and stdout for ourselves.

    What the metric prints goes to stderr, what it reads is empty, and a process that it forks
    cannot speak for this one.
    """
    stdin, stdout = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def let_go() -> None:
        os.close(stdin)
        os.close(stdout)

    os.register_at_fork(after_in_child=let_go)
    return stdin, os.fdopen(stdout, "wb")


def load_metric(answer: str) -> tuple[Metric, str]:
    """The metric that a config names, and a sentence about its code; raises OproError."""
    if answer.startswith("python:"):
        function = function_named(answer)
        return FunctionMetric(function, redact), describe_code(answer, function)
    return metric_named(answer), ""


def answer_lines(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the answer to each line."""
    try:
        metric, code = load_metric(json.loads(next(lines))["answer"])
        yield {"code": code}
    except OproError as error:
        yield refusal(error)
        return
    for line in lines:
        asked = json.loads(line)
        example = Example(asked["input"], asked["target"], asked["source"])
        try:
            grade = metric.grade(asked["reply"], example)
            yield {"answer": grade.answer, "score": grade.score}
        except OproError as error:
            yield refusal(error)


def refusal(error: OproError) -> dict[str, Any]:
    return {"error": error.message[:LONGEST_WORDS], "hint": error.hint}


def main() -> None:
    """Grade until the end of stdin."""
    us = os.getpid()
    stdin, out = take_pipes()
    lines = die_with_parent(stdin)
    for result in answer_lines(iter(lines.get, b"")):
        if os.getpid() != us:  # the metric forked, and this is its child
            os._exit(0)
        out.write(json.dumps(result).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
