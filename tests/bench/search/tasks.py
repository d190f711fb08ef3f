"""The tasks of the search benchmark: their rows, how they are asked, and how replies are read.

Of an embedded task all rows are drawn by the project's own generators from seeds that no training
uses: a stock of STOCK rows, of which every seed of the benchmark draws its own TRAIN and DEV, and
TEST rows that no search sees. The rows of BIG-Bench-Hard are a second set of unseen rows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from opro_cli.core.task.example import Example
from opro_cli.core.task.prompt import PromptFormat, build_scorer_messages
from opro_cli.embedded.training.corpus import bbh_questions, bbh_rows
from opro_cli.embedded.training.families import Family, draw_question
from opro_cli.embedded.training.grammar import START
from opro_cli.embedded.training.questions import normalize_question
from opro_cli.metrics import create_metric
from opro_cli.metrics.label import LabelMetric
from opro_cli.ports import Metric

STOCK, TRAIN, DEV, TEST = 400, 90, 60, 500
HOLE = "{{question}}"
Row = tuple[str, str]
Chat = list[list[str]]
"""Messages, each a role and a text, in which HOLE is the place of a question."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task: its rows, the model that answers, the form of a question and of an answer.

    Attributes:
        pool: The family whose pool a scripted writer draws from, or the name of another pool.
        description: A sentence for tools that ask for one.
    """

    name: str
    answer: str
    pool: str
    model: str
    max_tokens: int
    start: str
    position: str
    qa_markers: bool
    description: str
    stop: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    family: Family | None = None

    @property
    def form(self) -> PromptFormat:
        return PromptFormat(self.position, self.qa_markers)  # type: ignore[arg-type]

    def build_chat(self, instruction: str, demos: Sequence[Row] = ()) -> Chat:
        """Return the chat of a prompt, with a hole for the question."""
        messages = build_scorer_messages(HOLE, instruction, self.form, demos)
        return [[message.role, message.content] for message in messages]

    def grade(self, reply: str, row: Row, prompt: str = "") -> float:
        """Score a reply by opro's own strict reading; what cannot be read scores 0."""
        metric = self._build_metric()
        example = Example(row[0], metric.target(row[1]), "")
        return metric.grade(reply, example, prompt).score or 0.0

    def search_rows(self, seed: int) -> tuple[list[Row], list[Row]]:
        """Return the train and dev rows of a seed."""
        stock = list(self._read_rows()[0])
        random.Random(f"bench rows {self.name} {seed}").shuffle(stock)
        return stock[:TRAIN], stock[TRAIN : TRAIN + DEV]

    def stock_rows(self) -> tuple[Row, ...]:
        """Return the rows of which every seed draws its own."""
        return self._read_rows()[0]

    def test_rows(self) -> tuple[Row, ...]:
        """Return the rows that no search sees."""
        return self._read_rows()[1]

    def bbh_rows(self) -> tuple[Row, ...]:
        """Return the rows of BIG-Bench-Hard; none for a task of the real leg."""
        return tuple(bbh_rows(self.family)) if self.family else ()

    def _read_rows(self) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
        if self.family:
            return draw_rows(self.family)
        from tests.bench.search.real import read_rows

        return read_rows(self.pool)

    def _build_metric(self) -> Metric:
        if self.answer == "label":
            return LabelMetric(self.labels, {label: label for label in self.labels})
        return create_metric(self.answer)


@cache
def draw_rows(family: Family) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the stock of rows for searches, and the unseen rows; no question occurs twice."""
    seen: set[str] = set()

    def draw(name: str, count: int) -> tuple[Row, ...]:
        rng = random.Random(f"bench {name} {family}")
        rows: list[Row] = []
        while len(rows) < count:
            question = draw_question(rng, family, bbh_questions())
            if (normal := normalize_question(question.text)) not in seen:
                seen.add(normal)
                rows.append((question.text, question.target))
        return tuple(rows)

    return draw("stock", STOCK), draw("test", TEST)


def fill(chat: Chat, question: str) -> Chat:
    """Return a chat with the question in its place."""
    return [[role, text.replace(HOLE, question)] for role, text in chat]


def _build_task(family: Family, answer: str, max_tokens: int, about: str) -> Task:
    scorer = "embedded/tiny-mistral"
    shape = START, "Q_begin", True, about
    return Task(family, answer, family, scorer, max_tokens, *shape, family=family)


EMBEDDED = {
    task.name: task
    for task in (
        _build_task("navigate", "boolean", 200, "Say whether a walk returns to its start."),
        _build_task("boolean", "boolean", 200, "Evaluate a boolean expression."),
        _build_task("counting", "number", 200, "Count the objects of a list."),
        _build_task("dyck", "exact", 400, "Complete a sequence of brackets."),
        _build_task("tracking", "choice", 200, "Say who holds what after some swaps."),
    )
}


def find_task(name: str) -> Task:
    """Return a task of either leg; raises KeyError for a name that there is not."""
    if name in EMBEDDED:
        return EMBEDDED[name]
    from tests.bench.search.real import REAL

    return REAL[name]
