"""Layouts of well-known data sets, with rows of our own, and the config that suits each."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opro_cli.datasets.guess import Guess

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set's layout and what `opro init --data` is expected to make of it.

    Attributes:
        name: The data set.
        rows: As its files have them.
        input: Fields or paths that the question needs.
        target: Paths of which one is the gold answer.
        answer: Kinds of answers of which one suits; "open" for free text that nothing grades.
        options: Fields that hold the options of a choice.
        extra: Fields that the question may have besides.
        file: Name of the file, whose ending is its format.
        delimiter: Of a csv file.
    """

    name: str
    rows: Sequence[Row]
    input: frozenset[str]
    target: frozenset[str]
    answer: frozenset[str]
    options: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()
    file: str = "data.jsonl"
    delimiter: str = ","


def expect(name: str, rows: Sequence[Row], **expected: Any) -> Layout:
    """Return a layout; sets may be given as a text of words."""
    sets = ("input", "target", "answer", "options", "extra")
    given: dict[str, Any] = {
        k: frozenset(v.split()) if k in sets and isinstance(v, str) else v
        for k, v in expected.items()
    }
    return Layout(name, rows, **given)


def find_misses(layout: Layout, guess: Guess) -> list[str]:
    """Return what of a guess is otherwise than a layout expects, a sentence each."""
    inputs = {_cut(path) for path in guess.inputs}
    options = set(guess.options.paths) if guess.options else set()
    right = {
        f"input {sorted(inputs)}": layout.input <= inputs <= layout.input | layout.extra,
        f"target {guess.target}": _is_within(guess.target, layout.target),
        f"answer {guess.answer}": guess.answer in layout.answer,
        f"options {sorted(options)}": bool(options) == bool(layout.options)
        and all(_is_within(path, layout.options) for path in options),
    }
    return [miss for miss, holds in right.items() if not holds]


def _cut(path: str) -> str:
    return path.partition("[")[0]


def _is_within(path: str, allowed: frozenset[str]) -> bool:
    return any(_cut(path) == each or path.startswith(f"{each}.") for each in allowed)


def write_rows(layout: Layout, folder: Path) -> Path:
    """Write the rows of a layout in its format."""
    path = folder / layout.file
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", encoding="utf-8", newline="") as stream:
            delimiter = "\t" if path.suffix == ".tsv" else layout.delimiter
            writer = csv.DictWriter(stream, list(layout.rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(layout.rows)
        return path
    rows = [json.dumps(row, ensure_ascii=False) for row in layout.rows]
    text = "\n".join(rows) if path.suffix == ".jsonl" else f"[{','.join(rows)}]"
    path.write_text(f"{text}\n", encoding="utf-8")
    return path
