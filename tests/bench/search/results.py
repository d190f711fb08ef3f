"""The results of the benchmark: a file of JSON lines, so that it resumes where it was stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.search.tasks import Chat


class Cell(NamedTuple):
    """One figure of the benchmark: a method at a budget, on a task, with a writer and a seed."""

    task: str
    writer: str
    method: str
    seed: int
    checkpoint: int


@dataclass(frozen=True, slots=True)
class Returned:
    """The prompt that a method returns after so many scorer calls.

    Attributes:
        calls: Of the scorer, as its server counted them, in the search that found the prompt.
        written: Instructions that the writer wrote.
        informed: Those of them that were written with failures in sight.
        seconds: The whole search took.
    """

    cell: Cell
    chat: Chat
    calls: int
    written: int
    informed: int
    seconds: float
    note: str = ""

    @property
    def key(self) -> str:
        """The name of its prompt on its task."""
        return name_prompt(self.cell.task, self.chat)


@dataclass(frozen=True, slots=True)
class Score:
    """A prompt on unseen rows: a digit for each row, 1 where it was right.

    Attributes:
        rows: "test" or "bbh".
        tokens: Of the prompt without a question.
    """

    key: str
    rows: str
    right: str
    tokens: int

    @property
    def accuracy(self) -> float:
        """The share of right rows."""
        return self.right.count("1") / len(self.right)


def name_prompt(task: str, chat: Chat) -> str:
    """Return a name for a prompt of a task."""
    text = json.dumps([task, chat], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


class Results:
    """The results in a folder; a line that was cut as the process died is left out.

    Of several lines for one cell the last one counts, so that a method can be run anew.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "results.jsonl"
        self.returned: dict[Cell, Returned] = {}
        self.scores: dict[tuple[str, str], Score] = {}
        for line in _read_lines(self._path):
            if "cell" in line:
                returned = Returned(**{**line, "cell": Cell(*line["cell"])})
                self.returned[returned.cell] = returned
            else:
                score = Score(**line)
                self.scores[score.key, score.rows] = score

    def keep_returned(self, found: Iterable[Returned]) -> None:
        """Keep the prompts of a search, together."""
        found = list(found)
        self._append({**asdict(each), "cell": list(each.cell)} for each in found)
        self.returned |= {each.cell: each for each in found}

    def keep_score(self, score: Score) -> None:
        """Keep the score of a prompt."""
        self._append([asdict(score)])
        self.scores[score.key, score.rows] = score

    def find_accuracy(self, cell: Cell, rows: str = "test") -> float | None:
        """Return the accuracy of what a cell returned; None while it is unknown."""
        returned = self.returned.get(cell)
        score = self.scores.get((returned.key, rows)) if returned else None
        return score.accuracy if score else None

    def _append(self, lines: Iterable[dict[str, Any]]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        with self._path.open("ab+") as file:
            if file.tell() and (file.seek(-1, 2), file.read(1))[1] != b"\n":
                file.write(b"\n")  # the line before was cut
            file.write(text.encode("utf-8", "surrogatepass"))


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # cut
            continue
