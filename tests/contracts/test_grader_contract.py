"""What every Grader promises (`opro_cli.ports.Grader`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.evaluators import InlineGrader
from opro_cli.grading.grader import WorkerGrader
from opro_cli.metrics import FunctionMetric, create_metric
from opro_cli.ports import Grader

PATTERN = r"regex:answer is (\S+)"
PLENTY_S = 60.0


def ends_with(reply: str, target: str, question: str) -> float | None:
    """A metric function such as a user writes."""
    if question == "broken?":
        raise KeyError(reply)
    return float(reply.endswith(target)) if "answer is" in reply else None


def inline_pattern() -> Grader:
    return InlineGrader(create_metric(PATTERN))


def inline_function() -> Grader:
    return InlineGrader(FunctionMetric(ends_with))


def worker_pattern() -> Grader:
    return WorkerGrader(PATTERN, PLENTY_S)


def worker_function() -> Grader:
    return WorkerGrader(f"python:{__name__}:ends_with", PLENTY_S)


BUILDERS: list[Callable[[], Grader]] = [
    *(inline_pattern, inline_function),
    *(worker_pattern, worker_function),
]


@pytest.fixture(params=BUILDERS, ids=lambda builder: builder.__name__)
async def grader(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Grader]:
    monkeypatch.chdir(request.config.rootpath)  # where tests.contracts is found
    grader = request.param()
    yield grader
    await grader.aclose()


def example(target: str, question: str = "q") -> Example:
    return Example(question, target, "train.jsonl:17")


async def test_a_reply_is_right_wrong_or_unreadable(grader: Grader) -> None:
    right = await grader.grade("the answer is 72", example("72"))
    assert (right.score, right.answer is not None) == (1.0, True)
    assert (await grader.grade("the answer is 72", example("73"))).score == 0.0
    assert await grader.grade("I do not know", example("72")) == UNREADABLE


async def test_many_at_once_get_their_own_grades(grader: Grader) -> None:
    grades = await asyncio.gather(
        *(grader.grade(f"the answer is {n}", example(str(n - n % 2))) for n in range(200))
    )
    assert [grade.score for grade in grades] == [1.0, 0.0] * 100


@pytest.mark.parametrize("text", ["", "\x00", "\ud800 half", "\u2028\n\r\n", "é" * 1_000_000, "{}"])
async def test_any_text_is_graded(grader: Grader, text: str) -> None:
    grade = await grader.grade(f"{text} the answer is 7", example("7", text))
    assert grade.score == 1.0
    assert isinstance(await grader.grade(text, example(text or "7", text)), Grade)


async def test_a_cancelled_grade_spoils_no_other(grader: Grader) -> None:
    others = [asyncio.create_task(grader.grade("the answer is 7", example("7"))) for _ in range(9)]
    await asyncio.sleep(0)
    for each in others[::2]:
        each.cancel()
    assert (await grader.grade("the answer is 7", example("7"))).score == 1.0
    results = await asyncio.gather(*others, return_exceptions=True)
    assert {each.score for each in results if isinstance(each, Grade)} <= {1.0}
    assert all(isinstance(each, Grade | asyncio.CancelledError) for each in results)


async def test_closing_twice_or_unused_is_fine(grader: Grader) -> None:
    await grader.aclose()
    await grader.aclose()
