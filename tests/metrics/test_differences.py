"""Where the default parser differs from the reference's on purpose, each with its case.

The manual shows this table. Of a row: what is decided, the kind of answer, the gold answer, the
reply, whether the reference counts it as right, and what we make of it (None: unreadable).
"""

from __future__ import annotations

import pytest

from opro_cli.core.task.example import Example
from opro_cli.metrics import create_metric
from opro_cli.metrics.paper import PaperMetric
from tests.metrics.agreement import REFERENCE_KINDS

OPTIONS = "What is the capital?\n(A) Rome\n(B) Paris\n(C) Lyon"

# fmt: off
DIFFERENCES: tuple[tuple[str, str, str, str, bool, float | None], ...] = (
    ("a word inside another is no answer", "boolean", "no", "I do not know.", True, None),
    ("a word inside another is no answer", "boolean", "valid", "The argument is invalid.", True, 0.0),
    ("a letter inside a word is no choice", "choice", "A", "I can't say.", True, None),
    ("an article is no choice", "exact", "A", "a bare guess", True, 0.0),
    ("number words count whole", "number", "18", "The answer is eighteen.", False, 1.0),
    ("number words count whole", "number", "25", "The answer is twenty-five.", False, 1.0),
    ("a whole number is met exactly", "number", "18", "The answer is 17.6.", True, 0.0),
    ("a decimal is met at the gold answer's digits", "number", "0.33", "The answer is 1/3.", False, 1.0),
    ("decimals are decimals", "number", "3.5", "The answer is 3.5.", False, 1.0),
    ("thousands may be dotted where the language does", "number", "1200", "Die Antwort ist 1.200 Euro.", False, 1.0),
    ("powers and scales are read", "number", "5000", "The answer is 5k.", False, 1.0),
    ("fractions are numbers", "number", "0.75", r"The answer is $\frac{3}{4}$.", False, 1.0),
    ("boxes nest", "number", "18", r"So it is \boxed{\text{18 eggs}}, as 3 * 6 shows.", False, 1.0),
    ("a percent sign is a unit", "number", "0.25", "The answer is 25%.", False, 1.0),
    ("what is denied is no answer", "number", "14", "The answer is not 12 but 14.", False, 1.0),
    ("the last word counts", "number", "14", "The answer is 12. Wait, that is wrong. The answer is 14.", True, 1.0),
    ("any script has digits", "number", "18", "答案是１８。", False, 1.0),
    ("other languages have markers", "number", "18", "La respuesta es 18, porque son 21 menos 3.", False, 1.0),
    ("an option's own text is the option", "choice", "(B)", "It is Paris.", True, 1.0),
    ("a question that goes on is not the answer", "choice", "(B)", "(B)\n\nQ: Next? (C)", True, 1.0),
    ("two options are no choice", "choice", "(B)", "Either (B) or (C).", True, None),
    ("a letter and the text of another option are two", "choice", "(C)", "(C) Rome", True, None),
    ("brackets are compared as brackets", "exact", "] )", "} }", True, 0.0),
    ("nothing is no answer", "exact", "] )", "", True, None),
    ("how a list is set does not matter", "exact", "ant bee cat", "1. ant\n2. bee\n3. cat", False, 1.0),
    ("a refusal is no answer", "number", "3", "I'm sorry, I can't help with those 3 questions.", True, None),
    ("what was cut off is no answer", "number", "9", "She has 16 - 7 = 9 eggs left, which she sells at", True, None),
)
# fmt: on


@pytest.mark.parametrize(
    ("kind", "target", "reply", "reference", "ours"),
    [row[1:] for row in DIFFERENCES],
    ids=[f"{row[0]}: {row[3][:30]}" for row in DIFFERENCES],
)
def test_each_difference_is_one(
    kind: str, target: str, reply: str, reference: bool, ours: float | None
) -> None:
    question = OPTIONS if kind == "choice" else "What is it?"
    metric, paper = create_metric(kind), PaperMetric(REFERENCE_KINDS[kind])
    theirs = paper.grade(reply, Example(question, paper.target(target), "t:1"), question)
    assert (theirs.score == 1.0) is reference
    assert metric.grade(reply, Example(question, metric.target(target), "t:1")).score == ours
