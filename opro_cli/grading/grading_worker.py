"""The process that grades with the user's own code: `answer: python:module:function` or a pattern.

`grader` starts it. Both exchange lines of JSON over its stdin and stdout.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from opro_cli.core.task.example import Example
from opro_cli.errors import OproError, UsageError
from opro_cli.metrics import FunctionMetric, create_metric
from opro_cli.metrics.custom import CALLED_WITH
from opro_cli.models.redaction import redact
from opro_cli.plugins import load_part
from opro_cli.ports import Metric
from opro_cli.processes import take_pipe


def import_function(spec: str, folders: Sequence[Path] = ()) -> Any:
    """Import the function that "python:module:function" names.

    Runs the module's code: only a config that asks for it by name gets here.

    Args:
        spec: The name.
        folders: Searched for the module first, before the current folder and the path.

    Raises:
        UsageError: It cannot be imported or called.
    """
    function = load_part(f'answer "{spec}"', spec, [*folders, Path.cwd()]).value
    if not callable(function):
        _, module_name, name = spec.split(":")
        raise UsageError(f'answer "{spec}": {name} of {module_name} cannot be called')
    _require_signature(spec, function)
    return function


def _require_signature(spec: str, function: Any) -> None:
    """Check that a function can be called as metrics are.

    Raises:
        UsageError: It takes other arguments, or has to be awaited.
    """
    if inspect.iscoroutinefunction(function):
        raise UsageError(f'answer "{spec}": found an async function', "define it with def alone")
    try:
        inspect.signature(function).bind("reply", "target", "question")
    except TypeError as error:
        raise UsageError(f'answer "{spec}": {error}', CALLED_WITH) from None
    except ValueError:  # written in C, and it does not say
        return


def import_when_called(spec: str, folders: Sequence[Path]) -> Callable[[str, str, str], Any]:
    """Return a function that imports the one that "python:module:function" names when called."""

    def call(reply: str, target: str, question: str) -> Any:
        return import_function(spec, folders)(reply, target, question)

    return call


def describe_code(spec: str, function: Any) -> str:
    """Say in a sentence that the user's code grades, and which file it is from."""
    try:
        where = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:  # built in, or an object that can be called
        where = getattr(sys.modules.get(spec.split(":")[1]), "__file__", None)
    return f"answers are graded by {spec}, code from {where or 'no file'}"


PR_SET_PDEATHSIG = 1
LONGEST_WORDS = 4_000  # characters of an error


def die_with_parent(stdin: int) -> queue.SimpleQueue[bytes]:
    """Return the lines of stdin, from a thread that kills this process group when they end.

    On Windows it ends the process alone.

    A C function may hold Python's lock, and with it the thread, forever; on Linux the kernel ends
    the process all the same.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        with os.fdopen(stdin, "rb") as stream:
            for line in stream:
                lines.put(line)
            if hasattr(os, "killpg"):
                os.killpg(0, signal.SIGKILL)
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    return lines


def take_pipes() -> tuple[int, BinaryIO]:
    """Take stdin and stdout away from the metric.

    Its output goes to stderr, its input is empty, and a process that it forks cannot answer in
    place of this one.
    """
    stdin, stdout = take_pipe(0), take_pipe(1)

    def close_both() -> None:
        os.close(stdin)
        os.close(stdout)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=close_both)
    return stdin, os.fdopen(stdout, "wb")


def load_metric(answer: str, folders: Sequence[Path]) -> tuple[Metric, str]:
    """Return the metric that a config names, and a sentence about its code; raises OproError."""
    if answer.startswith("python:"):
        function = import_function(answer, folders)
        return FunctionMetric(function, redact), describe_code(answer, function)
    return create_metric(answer), ""


def answer_lines(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the answer to each line."""
    try:
        job = json.loads(next(lines))
        metric, code = load_metric(job["answer"], [Path(each) for each in job["folders"]])
        yield {"code": code}
    except OproError as error:
        yield encode_error(error)
        return
    for line in lines:
        question = json.loads(line)
        example = Example(question["input"], question["target"], question["source"])
        try:
            grade = metric.grade(question["reply"], example)
            yield {"answer": grade.answer, "score": grade.score}
        except OproError as error:
            yield encode_error(error)


def encode_error(error: OproError) -> dict[str, Any]:
    """Return an error as the parent process reads it."""
    return {"error": redact(error.message)[:LONGEST_WORDS], "hint": error.hint}


def main() -> None:
    """Grade until the end of stdin."""
    own_pid = os.getpid()
    stdin, out = take_pipes()
    lines = die_with_parent(stdin)
    for result in answer_lines(iter(lines.get, b"")):
        if os.getpid() != own_pid:  # the metric forked, and this is its child
            os._exit(0)
        out.write(json.dumps(result).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
