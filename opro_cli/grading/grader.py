"""The metric that a config names, and the same at work.

A user's function or pattern works in processes that can be killed. It needs a name to be imported
by: a bare callable would run in a thread of this process, where nothing bounds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import LABELLED, TaskSettings
from opro_cli.core.task.example import Example, Grade
from opro_cli.errors import RunError, UsageError
from opro_cli.evaluators import InlineGrader
from opro_cli.grading.grading_worker import import_when_called
from opro_cli.metrics import METRICS, FunctionMetric, create_metric
from opro_cli.metrics.paper import PAPER_KINDS, PaperMetric, SecondRound
from opro_cli.models.redaction import redact
from opro_cli.models.wire import Deadline
from opro_cli.plugins import find_entry_point
from opro_cli.ports import Grader, Metric
from opro_cli.processes import (
    count_cores,
    get_pipes,
    kill_with_children,
    read_tail,
    start_module,
)

MOST = 4
"""Processes at most: each has the modules of the user's code in memory."""
LOADING_S = 120.0
"""Seconds that the import of a user's module may take."""
CLOSING_S = 5.0
"""Seconds to wait for the end of a killed process."""
LONGEST_WORDS = 300  # characters of a process's last line on stderr in a message
SUPPLIED_METRIC = "callable"
"""`task.answer` of a run whose metric is an object of the program that began it."""


def build_metric(settings: Settings, folders: Sequence[Path] = ()) -> Metric:
    """Return the metric that `task.answer` and `task.scoring` name."""
    task = settings.task
    if task.scoring != "default":
        return PaperMetric(
            PAPER_KINDS[task.answer],
            second_round=task.second_round,
            boxed=task.scoring == "paper-boxed",
        )
    if task.answer == SUPPLIED_METRIC:
        raise UsageError(
            "the metric of this run is a function of the program that began it",
            "resume it from Python: opro_cli.load_run(RUN).resume(metric=…)",
        )
    if task.answer.startswith("python:"):
        return FunctionMetric(import_when_called(task.answer, folders), redact)
    if task.answer in LABELLED:
        return _build_label_metric(task)
    if task.golds == "all":
        return _build_metric_of_all(task.answer)
    metric = _create_metric(task.answer)
    # The other kinds look for a text of their own, and would find it in the cue.
    reads_sentences = task.answer in PAPER_KINDS
    return SecondRound(metric) if task.second_round and reads_sentences else metric


def _build_label_metric(task: TaskSettings) -> Metric:
    from opro_cli.metrics.label import LabelMetric, LabelSetMetric

    names = dict(task.labels or ())
    labels = tuple(dict.fromkeys(names.values()))
    if task.answer == "label":
        return LabelMetric(labels, names)
    return LabelSetMetric(labels, names, task.label_score)


def _build_metric_of_all(answer: str) -> Metric:
    from opro_cli.metrics.golds import AllOf
    from opro_cli.metrics.text import ContainsMetric, ExactMetric

    return AllOf(ExactMetric() if answer == "exact" else ContainsMetric())


def build_grader(settings: Settings, folders: Sequence[Path] = ()) -> Grader:
    """Return the metric at work, for one event loop.

    A user's function or pattern is in a process that can be killed.

    Raises:
        UsageError: There is no such function.
    """
    task = settings.task
    if not task.answer.startswith(("python:", "regex:")):
        return InlineGrader(build_metric(settings, folders))
    describe_grading(settings, folders)
    return WorkerGrader(task.answer, task.answer_timeout, folders)


def describe_grading(settings: Settings, folders: Sequence[Path] = ()) -> tuple[str, ...]:
    """Return notes on the grading: that code of the user's own does it, if it does.

    Raises:
        UsageError: That code cannot be imported.
    """
    if not settings.task.answer.startswith("python:"):
        return ()
    return (check_code(settings.task.answer, folders),)


def _create_metric(spec: str) -> Metric:
    """Create a metric of the table, or one that an installed distribution offers."""
    name, _, argument = spec.partition(":")
    part = None if name in METRICS else find_entry_point("metrics", name)
    if part is None:
        return create_metric(spec)
    metric: Metric = part.value(argument)
    return metric


class ProcessEndedError(Exception):
    """A process ended instead of answering; the text says how."""


class WorkerGrader:
    """A Grader with a process for each core, started as needed; one that is too slow is killed.

    Args:
        answer: The metric as the config names it, "python:module:function" or "regex:…".
        seconds: How long one grade may take.
        folders: Searched first for the module of a function.
    """

    is_immediate = False

    def __init__(self, answer: str, seconds: float, folders: Sequence[Path] = ()) -> None:
        self._answer, self._seconds, self._folders = answer, seconds, folders
        self._free = asyncio.Semaphore(min(MOST, count_cores()))
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    async def grade(
        self,
        reply: str,
        example: Example,
        prompt: str = "",  # noqa: ARG002
        *,
        cut: bool = False,  # noqa: ARG002 - a function of the user's has its own idea of a reply
    ) -> Grade:
        """Grade one reply; raises RunError when the metric fails, dies or takes too long."""
        question = {name: getattr(example, name) for name in ("input", "target", "source")}
        question["reply"] = reply
        async with self._free:
            worker = self._idle.pop() if self._idle else await self._start()
            try:
                async with Deadline(self._seconds):
                    result = await worker.ask(question)
            except TimeoutError:
                raise _build_timeout_error(self._answer, self._seconds, example.source) from None
            except ProcessEndedError as ending:
                raise RunError(
                    f"{self._answer} ended the process that grades ({ending}) on {example.source}",
                    "mend it; the reply is kept until then",
                ) from None
            finally:
                if worker.is_asked:
                    worker.kill()  # nobody needs its answer
                else:
                    self._idle.append(worker)
        if "error" in result:
            raise RunError(result["error"], result["hint"])
        return Grade(result["answer"], result["score"])

    async def aclose(self) -> None:
        """End the processes at once; calling it twice is fine."""
        workers, self._all, self._idle = self._all, set(), []
        await asyncio.gather(*(worker.close() for worker in workers))

    async def _start(self) -> _Worker:
        worker = _Worker()
        self._all.add(worker)
        try:
            await worker.load(self._answer, self._folders)
        except UsageError as error:  # it was importable when the run began
            raise RunError(error.message, error.hint) from None
        return worker


def check_code(answer: str, folders: Sequence[Path] = ()) -> str:
    """Import the function that "python:module:function" names, in a process of its own.

    Not for use within an event loop.

    Args:
        answer: The name.
        folders: Searched for the module first, before the current folder and the path.

    Returns:
        A sentence that says whose code grades.

    Raises:
        UsageError: It cannot be imported.
    """
    return _check_code(answer, (*folders, Path.cwd()))


@cache
def _check_code(answer: str, folders: tuple[Path, ...]) -> str:
    async def load() -> str:
        worker = _Worker()
        try:
            return await worker.load(answer, folders)
        finally:
            await worker.close()

    return asyncio.run(load())


class _Worker:
    """One process; `is_asked` while its answer is outstanding."""

    def __init__(self) -> None:
        self.is_asked = False
        self._process: asyncio.subprocess.Process | None = None
        self._errors: asyncio.Task[bytes] | None = None

    async def load(self, answer: str, folders: Sequence[Path]) -> str:
        """Start, and import the metric; return a sentence about the user's code, "" for ours."""
        try:
            async with Deadline(LOADING_S):
                result = await self.ask({"answer": answer, "folders": [*map(str, folders)]})
        except TimeoutError:
            why = f"took more than {LOADING_S:g} s"
        except ProcessEndedError as ending:
            why = f"ended its process ({ending})"
        else:
            if "error" in result:
                raise UsageError(result["error"], result["hint"])
            return str(result["code"])
        self.kill()
        raise UsageError(f'answer "{answer}": importing it {why}')

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send a line and wait for its answer; raises ProcessEndedError without one."""
        self.is_asked = True
        if self._process is None:
            self._process = await start_module("opro_cli.grading.grading_worker")
            self._errors = asyncio.create_task(read_tail(get_pipes(self._process).stderr))
        stdin, stdout, _ = get_pipes(self._process)
        with contextlib.suppress(ConnectionError):  # it has ended: there is no answer either
            stdin.write(json.dumps(question).encode() + b"\n")
            await stdin.drain()
        line = await stdout.readline()
        if not line.endswith(b"\n"):
            raise ProcessEndedError(await self._describe_end(self._process))
        self.is_asked = False
        answer: dict[str, Any] = json.loads(line)
        return answer

    def kill(self) -> None:
        """End the process and what it started, now."""
        if self._process is not None:
            kill_with_children(self._process)

    async def close(self) -> None:
        """End the process and wait for its end."""
        self.kill()
        if self._process is not None and self._errors is not None:
            get_pipes(self._process).stdin.close()
            with contextlib.suppress(TimeoutError):  # some child of its lives on
                await asyncio.wait_for(self._process.wait(), CLOSING_S)
                await asyncio.wait_for(self._errors, CLOSING_S)

    async def _describe_end(self, process: asyncio.subprocess.Process) -> str:
        """Say how the process ended, and what it wrote last."""
        code = await process.wait()
        self.kill()  # its children hold its stderr open
        end = b""
        with contextlib.suppress(TimeoutError):  # on Windows some child of its may live on
            end = await asyncio.wait_for(self._errors, CLOSING_S) if self._errors else b""
        words = end.decode("utf-8", "replace").strip().splitlines()
        last = redact(words[-1])[:LONGEST_WORDS] if words else ""
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"{how}: {last}" if last else how


def _build_timeout_error(answer: str, seconds: float, source: str) -> RunError:
    raising = "raise task.answer_timeout in the run's config.yaml"
    hint = f"make it faster, or {raising}; the reply is kept until then"
    if answer.startswith("regex:"):
        hint = (
            "start a new run with a pattern that has no repeats within repeats, such as (a+)+, or "
            f"{raising}; the reply is kept until then"
        )
    return RunError(f"{answer} took more than {seconds:g} s to grade the reply to {source}", hint)
