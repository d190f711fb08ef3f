"""The answers to the web view: runs, prompts, answers and comparisons, read as they grow.

Every name may come from anybody who has the address, and is looked for in the folder of runs only.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from opro_cli.app.answers import build_evaluator
from opro_cli.app.named_prompts import build_unscored_error
from opro_cli.app.open_prompts import build_whole_prompt, list_whole_prompts
from opro_cli.app.open_runs import FoundRun, OpenRuns
from opro_cli.app.opened_answers import JournalReplies, get_candidate, list_texts, read_answer
from opro_cli.app.run_settings import read_present_settings
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.task.example import Split
from opro_cli.errors import OproError, UsageError
from opro_cli.render.diff_content import summarize_diff, warn_of_seen
from opro_cli.render.html.candidates import build_all_rows
from opro_cli.render.html.page import build_article
from opro_cli.render.html.view import build_view
from opro_cli.render.safe import describe_form
from opro_cli.reports import viewed
from opro_cli.reports.comparison import compare_prompts
from opro_cli.reports.labels import find_labels
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import serialize_scale
from opro_cli.reports.selected import SelectedPrompt, select_prompt
from opro_cli.store import folders
from opro_cli.store.opened_run import Stamps, stamp_run
from opro_cli.store.summary import build_row, read_run_summary
from opro_cli.store.sweep_folder import read_sweep

_KEY = "run"
"""With which the anchors of a report begin."""
_REST = 20.0
"""Times as long as a report takes to build, it is shown before it is built again."""
MOST_SEARCHED = 24
"""Prompts whose replies a search goes through."""
MOST_COMPARED = 8
"""Prompts of a comparison."""
MOST_LISTED = 1000
"""Questions of a list."""


class RunsViewer:
    """The runs of a folder for the web view; its methods block, and may be called in any thread.

    All raise OproError: RunFolderError where there is no such run, UsageError for anything else
    that was asked for and is not there, DamagedRun for a run that cannot be read.
    """

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._runs = OpenRuns(runs_dir)
        self._rows: dict[Path, tuple[Stamps, dict[str, Any] | str]] = {}
        self._rows_lock = threading.Lock()

    def stamp_list(self) -> str:
        """Return what changes whenever the list of runs does."""
        found, sweeps = self._runs.list_all(), folders.list_sweeps(self.runs_dir)
        stamps = [(run.name, stamp_run(run.folder)) for run in found]
        changed = [(sweep.name, (sweep / folders.SWEEP).stat().st_mtime_ns) for sweep in sweeps]
        return _hash(stamps, changed)

    def stamp(self, names: Iterable[str]) -> str:
        """Return what changes whenever anything about these runs, or their prompts, does."""
        found = [self._runs.find_prompt(name)[0] for name in names]
        return _hash([(run.name, stamp_run(run.folder)) for run in found])

    def list_runs(self) -> dict[str, Any]:
        """Return all runs and sweeps, and why some could not be read."""
        rows, unread = self._read_rows()
        finished = Counter(row["sweep"] for row in rows if row["status"] == "finished")
        sweeps = []
        for folder in folders.list_sweeps(self.runs_dir):
            try:
                cells = len(read_sweep(folder).cells)
            except OproError as error:
                unread.append(f"left out: {error.message}")
                continue
            sweeps.append({"name": folder.name, "finished": finished[folder.name], "cells": cells})
        return {"runs": rows, "sweeps": sweeps, "unread": unread}

    def list_trend(self, config: str) -> dict[str, Any]:
        """Return the runs of the config of this name, by date."""
        return {"points": viewed.list_trend(self._read_rows()[0], config)}

    def _read_rows(self) -> tuple[list[dict[str, Any]], list[str]]:
        rows, unread = [], []
        with self._rows_lock:
            found = self._runs.list_all()
            for gone in self._rows.keys() - {run.folder for run in found}:
                del self._rows[gone]
            for run in found:
                row = self._read_row(run)
                if isinstance(row, str):
                    unread.append(row)
                else:
                    rows.append(row)
        self._runs.close_idle()
        return rows, unread

    def _read_row(self, run: FoundRun) -> dict[str, Any] | str:
        """Return the row of a run, or why there is none; only what has changed is read again."""
        stamps = stamp_run(run.folder)
        known = self._rows.get(run.folder)
        if known and known[0] == stamps:
            return known[1]
        row: dict[str, Any] | str
        try:
            if folders.is_locked(run.folder / "events.jsonl"):
                with self._runs.open(run) as slot:
                    row = self._build_row(run, build_row(slot.run.run, {}))
            else:
                row = self._build_row(run, read_run_summary(run.folder))
        except OproError as error:
            row = f"left out: {error.message}"
        self._rows[run.folder] = stamps, row
        return row

    @staticmethod
    def _build_row(run: FoundRun, row: Mapping[str, Any]) -> dict[str, Any]:
        tags = folders.read_tags(run.folder)
        return viewed.build_row(row, name=run.name, sweep=run.sweep, tags=tags)

    def show_run(self, name: str) -> dict[str, Any]:
        """Return a run with its report and its prompts."""
        run = self._runs.find(name)
        with self._runs.open(run) as slot:
            recorded = slot.run.run
            began = time.monotonic()
            view = build_view(recorded, _KEY, slot.run.history)
            is_due = recorded.status != "running" or began >= slot.next_article
            if slot.article_stamps != slot.stamps and is_due:
                slot.article, slot.article_stamps = build_article(view), slot.stamps
                slot.next_article = began + _REST * (time.monotonic() - began)
            closed = find_labels(recorded)
            return {
                "row": self._build_row(run, build_row(recorded, view.result)),
                "html": slot.article,
                "live": _describe_live(recorded, run.folder),
                "prompts": viewed.serialize_prompts(
                    recorded, list_whole_prompts(recorded, JournalReplies(slot.run))
                ),
                "splits": {s: size for s, size in recorded.state.sizes.items() if size},
                "labels": list(closed.labels) if closed else [],
                "answer": recorded.settings["task"].get("answer") or "",
                **serialize_scale(recorded.state.scale),
            }

    def list_rows(self, name: str) -> dict[str, str]:
        """Return the rows of all candidates, of a report that draws only some."""
        with self._runs.open(self._runs.find(name)) as slot:
            view = build_view(slot.run.run, _KEY, slot.run.history)
            return {"html": build_all_rows(view)}

    def build_grid(self, name: str, split: Split) -> dict[str, Any]:
        """Return a letter for each question of a split under each prompt."""
        with self._runs.open(self._runs.find(name)) as slot:
            state, index = slot.run.run.state, slot.run.index
            ids = [*state.candidates, *(id for id in state.baselines if id not in state.candidates)]
            marks = {id: index.get_marks(id, split) for id in ids}
            return {"size": state.sizes[split], "prompts": marks}

    def list_questions(self, name: str, split: Split, begin: int, end: int) -> dict[str, Any]:
        """Return the questions of a split from `begin` to before `end`."""
        with self._runs.open(self._runs.find(name)) as slot:
            examples = slot.run.run.examples[split]
            numbers = range(max(0, begin), min(end, len(examples), begin + MOST_LISTED))
            rows = [viewed.serialize_question(examples[number], number) for number in numbers]
            return {"questions": rows}

    def search(self, name: str, split: Split, text: str, prompts: Sequence[str]) -> dict[str, Any]:
        """Return the questions whose text, gold answer or replies contain a text.

        Args:
            name: Of the run.
            split: Whose questions.
            text: What is looked for; case does not count.
            prompts: The ids of those whose replies are searched.
        """
        if len(prompts) > MOST_SEARCHED:
            raise UsageError(
                f"the replies under {len(prompts)} prompts are too many to search",
                f"choose {MOST_SEARCHED} at most",
            )
        with self._runs.open(self._runs.find(name)) as slot:
            opened, wanted = slot.run, text.casefold()
            found = []
            for number, example in enumerate(opened.run.examples[split]):
                texts = list_texts(opened, prompts, split, number, example)
                if any(wanted in each.casefold() for each in texts):
                    found.append(number)
            return {"questions": found}

    def read_answer(self, name: str, split: Split, question: int, prompt: str) -> dict[str, Any]:
        """Return one answer with its whole exchange."""
        run = self._runs.find(name)
        with self._runs.open(run) as slot:
            opened = slot.run
            candidate = get_candidate(opened.run, prompt)
            evaluator = build_evaluator(opened.run, JournalReplies(opened))
            return read_answer(opened, run.name, candidate, split, question, evaluator)

    def read_answers(
        self, name: str, wanted: Iterable[tuple[Split, int, str]]
    ) -> Iterator[dict[str, Any]]:
        """Yield answers as `read_answer` returns them: of a split, to a question, under a prompt.

        The run is held open until the last is taken, or the iterator is closed.
        """
        run = self._runs.find(name)
        with self._runs.open(run) as slot:
            opened = slot.run
            evaluator = build_evaluator(opened.run, JournalReplies(opened))
            for split, question, prompt in wanted:
                candidate = get_candidate(opened.run, prompt)
                yield read_answer(opened, run.name, candidate, split, question, evaluator)

    def export(
        self,
        name: str,
        split: Split,
        prompts: Sequence[str],
        questions: Sequence[int] | None,
        form: str,
    ) -> bytes:
        """Return answers as a file.

        Args:
            name: Of the run.
            split: Of the questions.
            prompts: Their ids.
            questions: Their numbers; None for all.
            form: "csv" or "jsonl".
        """
        run = self._runs.find(name)
        write = viewed.format_csv if form == "csv" else viewed.format_jsonl
        with self._runs.open(run) as slot:
            opened = slot.run
            chosen = [get_candidate(opened.run, prompt) for prompt in prompts]
            asked = range(opened.run.state.sizes[split]) if questions is None else questions
            answers = (
                read_answer(opened, run.name, candidate, split, question, None)
                for question in asked
                for candidate in chosen
                if question in candidate.answers[split].by_question
            )
            return write(answers).encode("utf-8", "replace")

    def compare(self, names: Sequence[str]) -> dict[str, Any]:
        """Return prompts (RUN or RUN@2.1) compared with the first."""
        if len(names) < 2:
            raise UsageError("one prompt is not enough to compare", "name two, or more")
        if len(names) > MOST_COMPARED:
            raise UsageError(
                f"{len(names)} prompts are too many to compare", f"name {MOST_COMPARED} at most"
            )
        found = [self._runs.find_prompt(name) for name in names]
        with ExitStack() as stack:
            opened = {
                run.folder: stack.enter_context(self._runs.open(run)).run.run
                for run in sorted({run for run, _ in found})  # in one order, so that none waits
            }
            chosen = [select_prompt(opened[run.folder], selector) for run, selector in found]
            for each in chosen:
                if each.candidate is None:
                    raise build_unscored_error(each.run)
            compared = compare_prompts(chosen)
            known = {
                (folder, row["id"]): row
                for folder, run in opened.items()
                for row in viewed.serialize_prompts(run)
            }
            prompts = []
            for (run, _), each in zip(found, chosen, strict=True):
                own = known[run.folder, each.candidate.id] if each.candidate else {}
                scale = serialize_scale(each.run.state.scale)
                prompts.append({**own, "run": run.name, **scale, **_serialize_whole(each)})
            sentences = list(map(summarize_diff, compared.against_first))
            seen = list(map(warn_of_seen, compared.against_first))
            return viewed.serialize_comparison(compared, prompts, sentences, seen)


def _serialize_whole(chosen: SelectedPrompt) -> dict[str, Any]:
    """Return what a prompt has beside its text, and all of it as a model gets it."""
    candidate, side = chosen.candidate, chosen.side
    if candidate is None or side is None or not side.form:
        return {}
    return {
        "examples": [list(example) for example in side.examples],
        "form_words": describe_form(side.form),
        "whole": build_whole_prompt(chosen.run, candidate).text,
    }


def _hash(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _describe_live(run: RecordedRun, folder: Path) -> dict[str, Any] | None:
    if run.status != "running":
        return None
    try:  # a resume may have raised it
        budget = read_present_settings(folder).budget
    except OproError:
        budget = BudgetSettings()
    return viewed.describe_live(run, budget)
