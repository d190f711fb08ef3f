"""`opro init --data`: a config that suits rows, and what the model will see of them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opro_cli import shell, wiring
from opro_cli.config.guessed import (
    Chosen,
    choose_prompt,
    list_reasons,
    render_answer,
    render_config,
    render_data,
    render_metric,
)
from opro_cli.config.templates import SCHEMA_FILES, WrittenTemplate, schema_text, write_files
from opro_cli.core.settings.task import HUB, LABELLED, DataSettings
from opro_cli.core.task.example import SPLITS, Example
from opro_cli.core.task.template import parse_template
from opro_cli.datasets import read_rows
from opro_cli.datasets.formats import BadRow
from opro_cli.datasets.guess import MOST_ROWS, Guess, NoGuessError, guess_task
from opro_cli.datasets.guess_kinds import OPEN
from opro_cli.datasets.loading import LoadedData, load_examples
from opro_cli.datasets.paths import find_turn, get_field, show_plain
from opro_cli.datasets.values import read_text
from opro_cli.errors import DataError, UsageError, reason_of
from opro_cli.files import read_file
from opro_cli.grading.grader import build_metric
from opro_cli.metrics import FunctionMetric
from opro_cli.metrics.label import split_gold
from opro_cli.reports.prompts import note_braces

SHOWN = 3
"""Rows that are shown as the model will see them."""
_OFFERED = re.compile(r"task\.data\.encoding: ([\w-]+)")
"""What the error on a file that is not UTF-8 offers."""

_HOLE = re.compile(r"\{\{[^{}\n]*[^{}\s][^{}\n]*\}\}")


@dataclass(frozen=True, slots=True)
class FirstConfig:
    """A config that was written from rows.

    Attributes:
        files: What was written.
        reasons: Key, value and reason of each choice.
        prompt: The start prompt.
        examples: The first rows as the model will see them, with their gold answers.
        notes: Sentences for people: rows left out, what the splits cannot tell.
        open: Nothing grades the answers exactly.
    """

    files: WrittenTemplate
    reasons: Sequence[tuple[str, str, str]]
    prompt: str
    examples: Sequence[Example]
    notes: Sequence[str]
    open: bool

    def to_json(self) -> dict[str, Any]:
        """Return what `opro init --data --json` prints under "chosen"."""
        return {
            "choices": [
                {"key": key, "value": value, "reason": reason}
                for key, value, reason in self.reasons
            ],
            "start_prompt": self.prompt,
            "questions": [
                {"source": each.source, "input": each.input, "target": each.target}
                for each in self.examples
            ],
            "notes": [*self.notes],
            "graded_exactly": not self.open,
        }


def write_first_config(
    path: Path,
    data: str,
    *,
    prompt: Path | None = None,
    inputs: Sequence[str] = (),
    target: str = "",
) -> FirstConfig:
    """Look at rows and write a config for them; no model is asked.

    Args:
        path: The config to write.
        data: A file of rows, or a hub dataset.
        prompt: A file with the start prompt.
        inputs: Fields that the question is known to need.
        target: The field that is known to hold the gold answer.

    Raises:
        DataError: The rows cannot be read, or none can be used.
        UsageError: The rows do not say what to ask; or a file is there with other content.
    """
    rows, encoding = _read_in_any_encoding(data)
    guess = replace(_guess(rows, data, inputs, target), encoding=encoding)
    metric = re.sub(r"\W", "_", path.stem) + "_metric"
    loaded = _load(guess, data, metric)
    if guess.answer in LABELLED:
        guess = replace(guess, labels=_list_labels(guess.answer, loaded.golds))
    if prompt is not None:
        text, why = _read_prompt(prompt), "your own"
    elif text := _find_system_turn(rows, guess):
        why = "the system turn of the rows"
    else:
        text, why = choose_prompt(guess), "a plain one"
    usable = sum(loaded.golds.values())
    chosen = Chosen(
        name=path.stem,
        train=_name_from(data, path),
        sizes={split: len(loaded.examples[split]) for split in SPLITS},
        rows=usable,
        bad_rows=loaded.left_out,
        prompt=text,
        prompt_file="" if prompt is None else _name_from(str(prompt), path),
        prompt_why=why,
        metric=metric,
    )
    remedy = f"name another file: opro init FILE --data {shell.quote(data)}"
    files = write_files(_render_files(path, guess, chosen), lambda _: remedy, path)
    examples = loaded.examples["train"][:SHOWN]
    reasons = list_reasons(guess, chosen)
    own = () if prompt is None else (text,)
    notes = (*loaded.notes, *_note_holes("".join(own), prompt))
    if len(guess.inputs) == 1:
        notes = (*notes, *note_braces(own, loaded.fields))
    return FirstConfig(files, reasons, text, examples, notes, guess.answer == OPEN)


def _render_files(path: Path, guess: Guess, chosen: Chosen) -> dict[Path, bytes]:
    """Return the config, its schema, and a metric to fill in where no kind of answer fits."""
    contents = {path: render_config(guess, chosen, SCHEMA_FILES["config"]).encode()}
    contents[path.parent / SCHEMA_FILES["config"]] = schema_text("config").encode()
    if guess.answer == OPEN:
        contents[path.parent / f"{chosen.metric}.py"] = render_metric().encode()
    return contents


def _list_labels(answer: str, golds: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of all rows, each once; numbers in their order."""
    each_gold = ([gold] if answer == "label" else split_gold(gold) for gold in golds)
    labels = [*dict.fromkeys(label for parts in each_gold for label in parts)]
    if all(re.fullmatch(r"-?\d{1,9}", label) for label in labels):
        labels.sort(key=int)
    return tuple(labels)


def _note_holes(text: str, prompt: Path | None) -> Iterator[str]:
    """Yield a sentence on what looks like a hole in a prompt that has none."""
    hole = _HOLE.search(text)
    if hole is not None:
        yield (
            f"{prompt}: {hole.group()} is sent as it stands; task.prompt is the place for a "
            "template with holes (opro docs prompts)"
        )


def _read_prompt(prompt: Path) -> str:
    try:
        text = read_file(prompt).decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{prompt}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise UsageError(f"{prompt}: cannot be read: {reason_of(error)}") from None
    if not text.strip():
        raise UsageError(f"{prompt}: expected a start prompt, found an empty file")
    return text


def _read_in_any_encoding(data: str) -> tuple[list[Mapping[str, object]], str]:
    """Return some rows, and the encoding in which a file that is not UTF-8 can be read."""
    try:
        return _read_some_rows(data, None), ""
    except DataError as error:
        offered = _OFFERED.search(error.hint or "")
        if offered is None:
            raise
        return _read_some_rows(data, offered[1]), offered[1]


def _read_some_rows(data: str, encoding: str | None) -> list[Mapping[str, object]]:
    """Return the fields of rows from all over a source: many are sorted by their label.

    Raises:
        DataError: It has no row that is an object, or cannot be read.
    """
    rows = [*read_rows(data, encoding=encoding)]
    fields = [row.fields for row in rows if not isinstance(row, BadRow)]
    bad = next((row for row in rows if isinstance(row, BadRow)), None)
    if not fields and bad is not None:
        raise DataError(f"{data}: no row can be used\n{data}:{bad.number}: {bad.reason}")
    if not fields:
        raise DataError(f"{data}: expected rows, found none", "name a file that has some")
    return fields[:: max(1, math.ceil(len(fields) / MOST_ROWS))]


def _guess(
    rows: Sequence[Mapping[str, object]], data: str, inputs: Sequence[str], target: str
) -> Guess:
    for name, option in [*((each, "--input") for each in inputs), (target, "--target")]:
        if name and not any(_has(row, name) for row in rows):
            listed = ", ".join(map(show_plain, rows[0]))
            raise UsageError(f"{option}: {data} has no field {name}; it has {listed}")
    if target in inputs:
        raise UsageError(f"--input and --target: {target} cannot be both question and gold answer")
    try:
        return guess_task(rows, inputs=inputs, target=target)
    except NoGuessError as error:
        fields = ", ".join(map(show_plain, error.fields))
        what = "gold answer" if error.missing == "target" else "question"
        raise UsageError(
            f"{data}: no field is clearly the {what}; it has {fields}",
            f"name it: --{error.missing} NAME",
        ) from None


def _has(row: Mapping[str, object], name: str) -> bool:
    try:
        get_field(row, name)
    except ValueError:
        return False
    return True


def _load(guess: Guess, data: str, metric: str) -> LoadedData:
    """Return the rows as a run with the config would have them; bad ones are left out."""
    plain: dict[str, Any] = {
        "name": "init",
        "task": {
            "data": {**render_data(guess, data), "on_bad_row": "skip"},
            "answer": "exact" if guess.answer == OPEN else render_answer(guess, metric),
        },
        "scorer": {"model": "openai/gpt-4o-mini"},
        "optimizer": {"model": "openai/gpt-4o-mini"},
    }
    settings = wiring.parse_settings(plain)
    if settings is None or not _holds_names(settings.task.data, guess):
        raise UsageError(
            f"{data}: its fields have names that a config cannot hold", "rename them: letters only"
        )
    if guess.answer == OPEN:
        return load_examples(settings.task, FunctionMetric(lambda *_: None))
    return load_examples(settings.task, build_metric(settings))


def _holds_names(data: DataSettings, guess: Guess) -> bool:
    """Return whether settings mean the fields of a guess; some names with braces they cannot."""
    return (*parse_template(data.input).fields, *parse_template(data.target).fields) == (
        *guess.inputs,
        guess.target,
    )


def _find_system_turn(rows: Sequence[Mapping[str, object]], guess: Guess) -> str:
    """Return the system turn that all chats share; "" for none."""
    found = set()
    for row in rows:
        asked = find_turn(row, guess.inputs[0])
        if asked is None:
            continue  # a row that is left out
        first = find_turn(row, f"{asked.chat}[0]")
        system = first is not None and first.role == "system"
        try:
            found.add(read_text(row, f"{asked.chat}[0]") if system else "")
        except ValueError:
            found.add("")
    return found.pop() if len(found) == 1 else ""


def _name_from(name: str, config: Path) -> str:
    """Return how a config names a file: from its own folder, but for an absolute path."""
    if name.startswith(HUB):
        return name
    if Path(name).is_absolute():
        return name
    return Path(os.path.relpath(name, config.parent)).as_posix()
