"""The plain logs of a run and of a sweep, for a pipe or a file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TextIO

from opro_cli.core.run import events, progress
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.remaining import estimate_time_left
from opro_cli.core.run.state import RunState
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render import sweep
from opro_cli.render.frame_head import format_metered, format_outage, format_stopping
from opro_cli.render.safe import describe_form, flag_leaks, format_origin, printable
from opro_cli.render.scoreboard import average
from opro_cli.render.streams import STAND_IN
from opro_cli.reports import formats
from opro_cli.reports.formats import format_count, format_mean, pluralize
from opro_cli.reports.prompts import serialize_form
from opro_cli.reports.request_words import describe_cut
from opro_cli.reports.requests import describe_event, describe_requests
from opro_cli.reports.spend import bound_unmetered

QUIET = 30.0
"""Seconds without a line after which one says how far the work is."""
RETRY_EVERY = 10.0
"""Seconds between two lines about retries; those between are counted."""
_OPENING = 500
_INSTRUCTION = 100
_ERROR = 200
_CELL_ERROR = 500


def format_opening(briefing: RunHeader) -> list[str]:
    """Return lines about the run, its models and its data; untrusted text is still as it came."""
    sizes = ", ".join(f"{split} {format_count(briefing.sizes.get(split, 0))}" for split in SPLITS)
    graded = "graded by" if briefing.answer.startswith("python:") else "read as"
    optimizer = f", optimizer {briefing.optimizer}" if briefing.optimizer else ""
    about = [
        f"  scorer {briefing.scorer}{optimizer}",
        f"  questions: {sizes}; answers are {graded} {briefing.answer}",
    ]
    lines = [
        f"run {briefing.run}",
        f"  folder {briefing.folder}",
        *([f"  optimizer {briefing.optimizer}"] if briefing.problem else about),
        *(f"  note: {note}" for note in briefing.notes),
    ]
    if briefing.resumed:
        lines.append(f"  resuming: {pluralize(briefing.resumed, 'answer')} already on disk")
    return lines


class LineWriter:
    """Writes lines until the reader is gone, with stand-ins for what its encoding lacks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def write(self, line: str) -> None:
        """Write a line at once."""
        if self._stream is None:
            return
        encoding = self._stream.encoding or "utf-8"
        safe = line.encode(encoding, STAND_IN).decode(encoding)
        try:
            self._stream.write(safe + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader is gone (`| head`) or the stream closed
            self._stream = None


class PlainLog:
    """Writes lines such as "[02:05] step 3: 82.5 % [68.1–91.3] 33/40 · Let's think …".

    Times are those of the events, counted from the start of their session.
    """

    def __init__(self, stream: TextIO, *, verbose: bool = False, dated: bool = False) -> None:
        """Write to a stream.

        Args:
            stream: Gets the lines.
            verbose: Write a line for each answer as well, with its tokens and seconds.
            dated: Write the date and time of each event in UTC, for a file of several sessions.
        """
        self._lines = LineWriter(stream)
        self._verbose, self._dated = verbose, dated
        self._started: float | None = None
        self._last_line = 0.0
        self._last_retry: float | None = None
        self._retries_skipped = 0
        self._activity = Progress()
        self._outages: set[str] = set()
        self._proposals = 0
        """Of the present step."""
        self._name_split: Callable[[str], str] = str
        self._limits: Mapping[str, int | None] = {}
        self._has_told_of_cuts = False
        self._fruitless = Counter[str]()
        """Replies of the steps before that gave no new candidate, by reason."""

    def begin(
        self,
        briefing: RunHeader,
        state: RunState,
        activity: Progress,
    ) -> None:
        """Write what is about to run."""
        self._activity, self._proposals = activity, len(state.proposals.arrived)
        self._limits, self._name_split = briefing.limits, briefing.name_split
        self._fruitless = Counter(state.proposals.fruitless_by)
        for line in format_opening(briefing):
            self._lines.write(printable(line, _OPENING))

    def after(self, event: Event, state: RunState) -> None:
        """Write what the event completed, if it completed anything."""
        if self._started is None or isinstance(event, events.SessionStarted):
            self._started = self._last_line = event.at
        self._write_outages(event.at)
        if self._verbose:
            self._write_call(event, state)
        match event:
            case events.SessionStarted():
                self._write(event.at, f"started, {self._describe_phase(state)}")
            case events.Answered() | events.Refused():
                self._write_answer(event, state)
            case events.Pruned():
                candidate = state.get_candidate(event.candidate)
                score = _format_candidate(candidate, "train", state)
                self._write(event.at, f"{format_origin(candidate.step)}: stopped early, {score}")
                self._write_step_of(event.at, candidate, state)
            case events.StepPlanned():
                if event.ended:
                    self._write(event.at, f"search ended: {printable(event.ended, _ERROR)}")
            case events.Proposed():
                self._write_proposals(event, state)
            case events.LimitExceeded():
                most = event.longest_reply, event.prompt_overhead
                self._write(event.at, f"note: {formats.describe_excess(event.role, *most)}")
            case events.ParameterRefused() | events.PromptsCut():
                note = printable(describe_event(event, state), _CELL_ERROR)
                self._write(event.at, f"note: {note}")
            case events.Retried():
                self._write_retry(event)
            case events.SessionEnded():
                detail = f" ({printable(event.detail, _ERROR)})" if event.detail else ""
                self._write(event.at, f"{event.reason}{detail}: {_format_spend(state)}")
        if event.at - self._last_line >= QUIET:
            far = f"{self._describe_phase(state)}: {_format_spend(state)}"
            self._write(event.at, far + _format_time_left(state))

    def stopping(self) -> None:
        """Write what a clean stop waits for."""
        self._lines.write(format_stopping(self._activity))

    def end(self) -> None:
        """Do nothing: every line was flushed as it came."""

    def _describe_phase(self, state: RunState) -> str:
        return self._name_split(progress.describe_phase(state))

    def _write_call(self, event: Event, state: RunState) -> None:
        """Write what one call brought: its answer and score, or its candidates."""
        match event:
            case events.Answered() | events.Refused():
                candidate = state.get_candidate(event.candidate)
                where = f"{format_origin(candidate.step)} · {self._name_split(event.split)} "
                where += str(event.question + 1)
                if isinstance(event, events.Refused):
                    self._write(event.at, f"{where}: refused: {printable(event.reason, _ERROR)}")
                    return
                read = "unreadable" if event.answer is None else repr(event.answer)
                score = "" if event.score is None else f" → {event.score:g}"
                answer = printable(read, _INSTRUCTION)
                self._write(event.at, f"{where}: {answer}{score} · {_describe_call(event)}")
            case events.Proposed():
                texts = [printable(text, _INSTRUCTION) for text in event.instructions]
                read = " | ".join(texts) or f"nothing ({event.finish_reason})"
                self._write(event.at, f"step {event.step} · proposal: {read}")

    def _write_answer(self, event: events.Answered | events.Refused, state: RunState) -> None:
        candidate = state.get_candidate(event.candidate)
        if not state.is_scored(candidate, event.split):
            return
        split = self._name_split(event.split)
        where = format_origin(candidate.step) if event.split == "train" else split
        if candidate.id in state.again:
            where += ", asked again"
        self._write(event.at, f"{where}: {_format_candidate(candidate, event.split, state)}")
        self._write_cut(event.at, state)
        if event.split == "train":
            self._write_step_of(event.at, candidate, state)

    def _write_proposals(self, event: events.Proposed, state: RunState) -> None:
        self._proposals += 1
        if state.step < event.step:
            return
        candidates = state.of_step(event.step)
        asked, self._proposals = pluralize(self._proposals, "proposal"), 0
        new = pluralize(len(candidates), "new candidate") if candidates else "no new candidate"
        by_reason = state.proposals.fruitless_by
        why = ", ".join(
            f"{n} {reason}" for reason, n in (Counter(by_reason) - self._fruitless).items()
        )
        self._fruitless = Counter(by_reason)
        line = f"{format_origin(event.step)}: {new} from {asked}"
        self._write(event.at, f"{line} ({printable(why, _ERROR)})" if why else line)
        if candidates:  # which may have been scored while the last proposal was awaited
            self._write_step_of(event.at, candidates[0], state)

    def _write_cut(self, at: float, state: RunState) -> None:
        """Write once that replies of the scorer are cut at their limit."""
        cut = describe_requests(state, self._limits)["cut"].get("scorer")
        if cut and not self._has_told_of_cuts:
            self._has_told_of_cuts = True
            for note in describe_cut("scorer", **cut):
                self._write(at, f"note: {note}")

    def _write_retry(self, event: events.Retried) -> None:
        if self._last_retry is not None and event.at - self._last_retry < RETRY_EVERY:
            self._retries_skipped += 1
            return
        line = f"{event.role} failed, try {event.attempt + 1} in {event.wait:.1f} s: "
        line += printable(event.error, _ERROR)
        if self._retries_skipped:
            line += f" (and {self._retries_skipped} more since the last such line)"
        self._write(event.at, line)
        self._last_retry, self._retries_skipped = event.at, 0

    def _write_outages(self, at: float) -> None:
        """Write each endpoint once: it may come and go; and the note on the first answers."""
        if self._activity.note and self._activity.note not in self._outages:
            self._outages.add(self._activity.note)
            self._write(at, f"note: {self._activity.note}")
        for endpoint, reason in self._activity.out.items():
            if endpoint not in self._outages:
                self._outages.add(endpoint)
                self._write(at, printable(format_outage(endpoint, reason), _ERROR))

    def _write_step_of(self, at: float, candidate: Candidate, state: RunState) -> None:
        """Write how the candidate's step went, once all of it is scored."""
        step = candidate.step
        if not state.is_step_done(step):
            return
        best = max(_list_means(state.candidates.values(), state))
        mean = average(_list_means(state.of_step(step), state))
        of = f"/{state.search.steps}" if step else ""
        best_so_far, of_step = (
            format_mean(each, state.scale, estimated=state.looks) for each in (best, mean)
        )
        self._write(
            at,
            f"{format_origin(step)}{of} done: best so far {best_so_far}, mean {of_step}, "
            f"{_format_spend(state)}"
            f"{_format_time_left(state)}",
        )

    def _write(self, at: float, text: str) -> None:
        self._last_line = at
        started = at if self._started is None else self._started
        clock = formats.format_clock(at - started)
        if self._dated:
            clock = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        self._lines.write(f"[{clock}] {text}")


def _describe_call(event: events.Answered) -> str:
    """Say where an answer came from, how long it took and what it used."""
    if event.via != "call":
        return event.via
    known = event.prompt_tokens is not None and event.completion_tokens is not None
    tokens = f", {event.prompt_tokens} + {event.completion_tokens} tokens" if known else ""
    return f"{event.seconds:.1f} s{tokens}, {event.finish_reason}"


def _format_candidate(candidate: Candidate, split: Split, state: RunState) -> str:
    score = candidate.score(split)
    if score is None:
        return ""
    low, high = score.interval.low, score.interval.high
    line = "~" if score.estimated else ""
    line += formats.format_score(score.mean, low, high, score.correct, score.n, state.scale)
    line += f", {score.unreadable} unreadable" if score.unreadable else ""
    line += f" ({score.cut} cut at max_tokens)" if score.cut else ""
    line += f", {score.refused} refused" if score.refused else ""
    leaks = state.leaks_of(candidate.instruction)
    text = flag_leaks(candidate.instruction, leaks, describe_form(serialize_form(candidate)))
    return f"{line} · {printable(text, _INSTRUCTION)}"


def _list_means(candidates: Iterable[Candidate], state: RunState) -> list[float]:
    scores = (c.score("train") for c in candidates if state.is_done(c))
    return [score.mean for score in scores if score is not None]


def _format_spend(state: RunState) -> str:
    """Return calls, tokens and money of all sessions."""
    tokens_in, tokens_out, cost = format_metered(state)
    done, cached = progress.count_calls(state), progress.count_spared_calls(state)
    most = max(done, progress.estimate_calls(state) - cached)
    calls = f"{format_count(done)} of at most {format_count(most)} calls"
    calls += f", {format_count(cached)} cached" if cached else ""
    line = f"{calls}, tokens {tokens_in} in / {tokens_out} out, cost {cost}"
    unmetered = formats.format_unmetered(bound_unmetered(state.spend.values()))
    return f"{line}, {unmetered}" if unmetered else line


def _format_time_left(state: RunState) -> str:
    left = estimate_time_left(state)
    return "" if left is None else f", {formats.format_time_left(left.likely, left.at_most)}"


class PlainSweep:
    """Writes lines such as "[02:05] navigate_seed1: finished, 51.1 % → 93.3 % on test (+42.2)".

    Times are counted from the start of the session.
    """

    def __init__(self, lines: LineWriter, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = lines
        self._clock = clock
        self._status: dict[str, str] = {}

    def begin(self, table: SweepTable) -> None:
        """Write how many cells there are, and how many are finished."""
        self._table = table
        self._started = self._last_line = self._clock()
        statuses = ", ".join(sweep.count_statuses(table))
        self._lines.write(f"sweep {printable(table.name)}: {statuses}")

    def after(self, row: CellRow) -> None:
        """Write the new status of a cell; after a while without one, that of all cells."""
        if self._status.get(row.name) != row.status:
            self._status[row.name] = row.status
            self._write(f"{printable(row.name)}: {_describe_cell(row)}")
        elif self._clock() - self._last_line >= QUIET:
            parts = (*sweep.count_statuses(self._table), *sweep.format_spend(self._table))
            calls = format_count(self._table.sum_spend().calls)
            self._write(f"{', '.join(parts)}, {calls} calls")

    def stopping(self) -> None:
        """Write what a clean stop waits for."""
        self._write(sweep.format_sweep_stopping(self._table))

    def end(self) -> None:
        """Do nothing: the table follows."""

    def _write(self, text: str) -> None:
        self._last_line = self._clock()
        self._lines.write(f"[{formats.format_clock(self._last_line - self._started)}] {text}")


def _describe_cell(row: CellRow) -> str:
    match row.status:
        case "failed":
            return printable(f"failed: {row.error}", _CELL_ERROR)
        case "stopped":
            return printable(sweep.explain_stop(row), _CELL_ERROR)
        case "elsewhere":
            return f"left out: {sweep.ELSEWHERE}"
        case "finished":
            start, best, difference = sweep.format_test_scores(row.result)
            scores = f", {start} → {best} on test ({difference})" if start != sweep.NONE else ""
            return f"finished{scores}, {pluralize(row.calls, 'call')}"
        case _:
            answered = f", {format_count(row.calls)} are answered" if row.calls else ""
            return f"{row.status}, about {pluralize(row.expected, 'call')}{answered}"
