from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics import create_metric

Grading = Callable[..., Grade]


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [("Yes", "yes"), ("False", "false"), ("valid ", "valid"), ("- No", "no"), ('"True."', "true")],
)
def test_target(raw: str, canonical: str) -> None:
    assert create_metric("boolean").target(raw) == canonical


@pytest.mark.parametrize("raw", ["", "maybe", "1", "yes no"])
def test_target_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="expected yes, no, true, false, valid, invalid; found"):
        create_metric("boolean").target(raw)


@pytest.mark.parametrize(
    ("reply", "target", "answer", "score"),
    [
        ("The answer is False.", "False", "false", 1.0),
        ("The answer is **Yes**, and not no.", "yes", "yes", 1.0),
        ("No, wait. There is no way. Yes.", "yes", "yes", 1.0),
        ("YES", "yes", "yes", 1.0),
        ("No", "yes", "no", 0.0),
        ("not ( True ) = False. So the answer is True", "true", "true", 1.0),
        ("The argument is invalid.", "valid", "invalid", 0.0),
        ("The answer is invalid.", "invalid", "invalid", 1.0),
        ("#### yes", "yes", "yes", 1.0),
        (r"\boxed{\text{True}}", "true", "true", 1.0),
        ('{"answer": true}', "true", "true", 1.0),
        ("yes—because it is", "yes", "yes", 1.0),
        # negated after a marker: the opposite
        ("The answer is not true.", "false", "false", 1.0),
        ("The answer: this is not *valid*", "invalid", "invalid", 1.0),
        # the other family, where the own one has no word
        ("The answer is true.", "yes", "yes", 1.0),
        ("No.", "false", "false", 1.0),
        ("There is no doubt about it. The answer is true.", "yes", "yes", 1.0),
        ("It is true. There is no other way.", "yes", "yes", 1.0),
        # negated in a sentence of its own
        ("That is not true", "true", "false", 0.0),
        ("That isn't true", "false", "false", 1.0),
        ("The argument is not deductively valid.", "invalid", "invalid", 1.0),
    ],
)
def test_reply(grade: Grading, reply: str, target: str, answer: str, score: float) -> None:
    assert grade("boolean", reply, target) == Grade(answer, score)


@pytest.mark.parametrize(
    ("reply", "target"),
    [
        ("", "yes"),
        ("unknown", "no"),
        ("I do not know", "no"),
        ("It was yesterday", "yes"),
        ("This is untrue", "true"),
        ("no-one knows", "no"),
        ("We must ask whether it is true", "true"),
        ("If it is true, we are done", "true"),
        ("yes", "valid"),
        ("true", "valid"),
        ("validity", "valid"),
    ],
)
def test_unreadable(grade: Grading, reply: str, target: str) -> None:
    assert grade("boolean", reply, target) == UNREADABLE


def test_a_target_of_no_family_is_never_read() -> None:
    assert create_metric("boolean").grade("yes", Example("", "maybe", "hand:1")) == UNREADABLE
