"""The addresses of the web view: what each asks for, and what is refused."""

from __future__ import annotations

import json
import math
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli import __version__
from opro_cli.app.open_runs import DamagedRun
from opro_cli.app.view import RunsViewer
from opro_cli.core.task.example import SPLITS
from opro_cli.errors import OproError, RunFolderError, UsageError

MOST = 1_000_000_000
"""No number in an address is larger."""


class Query:
    """The part of an address after its question mark.

    Args:
        values: By name, in the order in which they were given.
    """

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def get(self, name: str, default: str | None = None) -> str:
        """Return a value; UsageError without one, unless there is a default."""
        found = self._values.get(name)
        if found:
            return found[-1]
        if default is None:
            raise UsageError(f"{name} is missing", f"add {name}=… to the address")
        return default

    def get_all(self, name: str) -> list[str]:
        """Return all values of a name that may be repeated."""
        return list(self._values.get(name, ()))

    def get_list(self, name: str) -> list[str]:
        """Return the parts of a value between commas; [] without one."""
        return [part for part in self.get(name, "").split(",") if part]

    def get_number(self, name: str, default: int | None = None) -> int:
        """Return a whole number, 0 or more."""
        return _parse_number(name, self.get(name, None if default is None else str(default)))

    def get_numbers(self, name: str) -> list[int] | None:
        """Return whole numbers between commas; None where the name is not there."""
        if name not in self._values:
            return None
        return [_parse_number(name, part) for part in self.get_list(name)]

    def get_split(self) -> Any:
        """Return the split that is asked for."""
        split = self.get("split")
        if split not in SPLITS:
            raise UsageError(f"split: expected one of {', '.join(SPLITS)}, found {split!r:.40}")
        return split


def _parse_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise UsageError(f"{name}: expected a whole number from 0 on, found {text!r:.40}")
    return int(text)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to a browser.

    Attributes:
        filename: Under which a browser saves it; "" for what it shows.
    """

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    filename: str = ""


def encode_data(data: Any) -> bytes:
    """Return data as JSON, half characters as escapes; what is no finite number is null."""
    try:
        return json.dumps(data, allow_nan=False, separators=(",", ":")).encode("ascii")
    except ValueError:
        return json.dumps(_drop_infinite(data), separators=(",", ":")).encode("ascii")


def _drop_infinite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, Mapping):
        return {key: _drop_infinite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_drop_infinite(value) for value in data]
    return data


def refuse(error: Exception) -> Reply:
    """Return a refusal.

    404 is for no such run, 400 for a request that makes no sense, 422 for a damaged run, and 500
    for a defect of opro.
    """
    if isinstance(error, OproError):
        damaged = isinstance(error, DamagedRun) or not isinstance(error, UsageError)
        missing = 404 if isinstance(error, RunFolderError) else 400
        return _refuse(error.message, error.hint, 422 if damaged else missing)
    if isinstance(error, OSError):  # a folder that is gone since it was found
        return _refuse(f"cannot be read: {error.strerror or error}", "ask again", 422)
    message = f"this is a defect in opro {__version__}: {error!r}"
    return _refuse(message, "please report this", 500)


def _refuse(message: str, hint: str | None, status: int) -> Reply:
    return Reply(encode_data({"error": message, "hint": hint}), status=status)


def _list_runs(viewer: RunsViewer, _: Query) -> Any:
    return viewer.list_runs()


def _list_trend(viewer: RunsViewer, query: Query) -> Any:
    return viewer.list_trend(query.get("config"))


def _show_run(viewer: RunsViewer, query: Query) -> Any:
    return viewer.show_run(query.get("name"))


def _list_rows(viewer: RunsViewer, query: Query) -> Any:
    return viewer.list_rows(query.get("name"))


def _build_grid(viewer: RunsViewer, query: Query) -> Any:
    return viewer.build_grid(query.get("run"), query.get_split())


def _list_questions(viewer: RunsViewer, query: Query) -> Any:
    ends = query.get_number("from", 0), query.get_number("to", MOST - 1)
    return viewer.list_questions(query.get("run"), query.get_split(), *ends)


def _search(viewer: RunsViewer, query: Query) -> Any:
    split, text = query.get_split(), query.get("text")
    return viewer.search(query.get("run"), split, text, query.get_list("prompts"))


def _read_answer(viewer: RunsViewer, query: Query) -> Any:
    split, question = query.get_split(), query.get_number("question")
    return viewer.read_answer(query.get("run"), split, question, query.get("prompt"))


def _compare(viewer: RunsViewer, query: Query) -> Any:
    return viewer.compare(query.get_all("prompts"))


@dataclass(frozen=True, slots=True)
class _Address:
    """One address below `api/`.

    Attributes:
        answer: Returns what is sent as JSON, or a whole reply.
        runs: The parameter that names the runs which the answer depends on; "" for all runs.
    """

    answer: Callable[[RunsViewer, Query], Any]
    runs: str


def _export(viewer: RunsViewer, query: Query) -> Reply:
    run, split, form = query.get("run"), query.get_split(), query.get("format", "csv")
    if form not in ("csv", "jsonl"):
        raise UsageError(f"format: expected csv or jsonl, found {form!r:.40}")
    prompts = query.get_list("prompts")
    if not prompts:
        raise UsageError("prompts is missing", "add prompts=ID,ID to the address")
    body = viewer.export(run, split, prompts, query.get_numbers("questions"), form)
    if form == "csv":
        body = BOM_UTF8 + body  # without it spreadsheets take it for another encoding
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    return Reply(body, kind, filename=f"answers-{split}.{form}")


ADDRESSES: Mapping[str, _Address] = {
    "runs": _Address(_list_runs, ""),
    "trend": _Address(_list_trend, ""),
    "run": _Address(_show_run, "name"),
    "rows": _Address(_list_rows, "name"),
    "grid": _Address(_build_grid, "run"),
    "questions": _Address(_list_questions, "run"),
    "search": _Address(_search, "run"),
    "answer": _Address(_read_answer, "run"),
    "export": _Address(_export, "run"),
    "compare": _Address(_compare, "prompts"),
}


def stamp(viewer: RunsViewer, name: str, query: Query) -> str:
    """Return what changes whenever the answer of an address may, for its ETag.

    Raises:
        OproError: A run that it names is not there.
    """
    parameter = ADDRESSES[name].runs
    return viewer.stamp(query.get_all(parameter)) if parameter else viewer.stamp_list()


def answer(viewer: RunsViewer, name: str, query: Query) -> Reply:
    """Return the answer of an address.

    Raises:
        OproError: It cannot be given.
    """
    data = ADDRESSES[name].answer(viewer, query)
    return data if isinstance(data, Reply) else Reply(encode_data(data))
