"""A user's function or pattern that never ends, dies, prints, reads or forks: told, and no hang."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opro_cli.core.task.example import Example, Grade
from opro_cli.errors import RunError, UsageError
from opro_cli.grading.grader import WorkerGrader, check_code

EXAMPLE = Example("2+2?", "4", "train.jsonl:17")
PATTERN = "regex:(a+)+$"
MATCHED_FOR_EVER = "a" * 60 + "!"
SHORT_S, PLENTY_S = 0.3, 60.0

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a module whose function `grade` has this body; the answer that names it."""
    monkeypatch.chdir(tmp_path)

    def write_module(body: str) -> str:
        lines = "".join(f"    {line}\n" for line in body.split("\n"))
        (tmp_path / "mine.py").write_text(
            "import os, re, signal, sys, time\n\n\ndef grade(reply, target, question):\n" + lines
        )
        return "python:mine:grade"

    return write_module


@asynccontextmanager
async def grading(answer: str, seconds: float = PLENTY_S) -> AsyncIterator[WorkerGrader]:
    grader = WorkerGrader(answer, seconds)
    try:
        yield grader
    finally:
        await grader.aclose()


async def graded(answer: str, reply: str = "The answer is 4.") -> Grade:
    async with grading(answer) as grader:
        return await grader.grade(reply, EXAMPLE)


async def refused(answer: str, seconds: float = PLENTY_S, reply: str = "4") -> RunError:
    async with grading(answer, seconds) as grader:
        with pytest.raises(RunError) as caught:
            await grader.grade(reply, EXAMPLE)
        return caught.value


ENDLESS = {
    "computes": "while True: pass",
    "sleeps": "time.sleep(1_000_000)",
    "keeps Python's lock": f"re.search('(a+)+$', {MATCHED_FOR_EVER!r})",
    "ignores signals": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\nwhile True: pass",
    "waits for a child": "os.waitpid(os.fork() or time.sleep(1_000_000), 0)",
    "catches everything": "while True:\n    try: time.sleep(1_000_000)\n    except: pass",
}


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
async def test_a_function_that_never_ends_is_killed(write: Write, body: str) -> None:
    error = await refused(write(body), SHORT_S)
    assert error.message == (
        "python:mine:grade took more than 0.3 s to grade the reply to train.jsonl:17"
    )
    assert error.hint is not None
    assert "raise task.answer_timeout" in error.hint
    assert "the reply is kept" in error.hint


async def test_a_pattern_that_never_ends_is_killed() -> None:
    error = await refused(PATTERN, SHORT_S, MATCHED_FOR_EVER)
    assert error.message == "regex:(a+)+$ took more than 0.3 s to grade the reply to train.jsonl:17"
    assert error.hint is not None
    assert "no repeats within repeats" in error.hint


async def test_a_pattern_reads_as_it_does_in_this_process() -> None:
    assert await graded(r"regex:is (\d)") == Grade("4", 1.0)
    assert await graded(r"regex:is (\d)", "is 5") == Grade("5", 0.0)


async def test_the_event_loop_goes_on_while_a_function_computes(write: Write) -> None:
    answer = write("time.sleep(0.5)\nreturn 1.0")
    async with grading(answer) as grader:
        grade = asyncio.create_task(grader.grade("4", EXAMPLE))
        turns = 0
        while not grade.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert (await grade).score == 1.0
    assert turns > 50


DEADLY = {
    "exits at once": ("os._exit(3)", "exit code 3"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL"),
    "crashes": ("import ctypes\nctypes.string_at(0)", "signal SIGSEGV"),
    "aborts": ("os.abort()", "signal SIGABRT"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "says why": ("print('out of luck', file=sys.stderr)\nos._exit(1)", "exit code 1: out of luck"),
}


@pytest.mark.parametrize(("body", "how"), DEADLY.values(), ids=DEADLY)
async def test_a_function_that_ends_its_process_is_told(write: Write, body: str, how: str) -> None:
    error = await refused(write(f"sys.stderr.flush()\n{body}"))
    assert error.message.startswith("python:mine:grade ended the process that grades (")
    assert how in error.message
    assert error.message.endswith(" on train.jsonl:17")


RAISING = {
    "raises": ("raise RuntimeError('why')", "metric function grade raised RuntimeError: why on"),
    "exits": ("sys.exit('why')", "metric function grade raised SystemExit: why on"),
    "recurses": ("return grade(reply, target, question)", "grade raised RecursionError"),
    "returns a function": ("return lambda: 1", "metric function grade returned <function"),
    "returns much": ("return 'x' * 50_000_000", "metric function grade returned 'xxx"),
    "reads a line": ("return float(input())", "grade raised EOFError"),
}


@pytest.mark.parametrize(("body", "message"), RAISING.values(), ids=RAISING)
async def test_a_function_that_fails_is_told_as_ever(write: Write, body: str, message: str) -> None:
    error = await refused(write(body))
    assert message in error.message
    assert len(error.message) < 1_200


HARMLESS = {
    "prints": "print('x' * 1_000_000)\nsys.stdout.flush()",
    "writes to its files": "os.write(1, b'{}\\n')\nos.write(2, b'x' * 1_000_000)",
    "reads": "assert sys.stdin.read() == ''",
    "runs a program": "import subprocess\nsubprocess.run(['cat'], check=True)",
    "forks": "if os.fork() == 0: return 0.0",
    "forks, and its child stays": "if os.fork() == 0: time.sleep(1_000_000)",
    "uses processes": (
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(1) as pool: assert pool.map(abs, [-1])"
    ),
    "uses an alarm": "signal.alarm(100)\nsignal.alarm(0)",
    "goes elsewhere": "os.chdir('/')",
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
async def test_a_function_may_do_what_it_likes(
    write: Write, body: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with grading(write(f"{body}\nreturn float(target in reply)")) as grader:
        for reply, score in (("4", 1.0), ("5", 0.0), ("4", 1.0)):
            assert (await grader.grade(reply, EXAMPLE)).score == score
    assert capfd.readouterr() == ("", "")


def processes_in(folder: Path) -> list[int]:
    """Those that work in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if path.readlink() == folder:
                found.append(int(path.parent.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("body", [*ENDLESS.values(), HARMLESS["forks, and its child stays"]])
async def test_no_process_is_left(write: Write, body: str, tmp_path: Path) -> None:
    """Not the one that grades, and none that it started."""
    async with grading(write(f"{body}\nreturn 1.0")) as grader:
        grade = asyncio.create_task(grader.grade("4", EXAMPLE))
        while len(processes_in(tmp_path)) < 1 + 1:  # ours works there too
            await asyncio.sleep(0.01)
        await asyncio.wait((grade,), timeout=0.3)
        grade.cancel()
        await asyncio.gather(grade, return_exceptions=True)
    over = time.monotonic() + PLENTY_S
    while processes_in(tmp_path) != [os.getpid()]:
        assert time.monotonic() < over
        await asyncio.sleep(0.01)


BROKEN = {
    "fails": ("1/0", "importing mine failed: ZeroDivisionError: division by zero"),
    "exits": ("raise SystemExit('why')", "importing mine failed: SystemExit: why"),
    "ends its process": ("import os; os._exit(7)", "importing it ended its process (exit code 7)"),
}


@pytest.mark.parametrize(("code", "message"), BROKEN.values(), ids=BROKEN)
def test_a_module_that_cannot_be_imported(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(UsageError) as caught:
        check_code("python:mine:grade")
    assert caught.value.message == f'answer "python:mine:grade": {message}'


def test_a_module_is_not_imported_into_this_process(write: Write) -> None:
    check_code(write("return 1.0"))
    assert "mine" not in sys.modules
