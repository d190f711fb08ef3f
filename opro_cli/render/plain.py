"""What is said once, before the first call."""

from __future__ import annotations

from typing import TextIO

from opro_cli.core.run.answers import Score
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import (
    Answered,
    Event,
    LimitExceeded,
    Proposed,
    Pruned,
    Refused,
    Retried,
    SessionEnded,
    SessionStarted,
)
from opro_cli.core.run.progress import (
    Activity,
    RunHeader,
    calls_done,
    calls_spared,
    expected_calls,
    phase,
)
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.frame import format_outage, format_stopping
from opro_cli.render.safe import flag_leaks, printable
from opro_cli.reports import formats
from opro_cli.reports.formats import describe_excess, format_count, format_unmetered, pluralize
from opro_cli.reports.result import bound_unmetered, count_metered


def format_opening(briefing: RunHeader) -> list[str]:
    """The run, its models, its data; untrusted text in them is still as it came."""
    sizes = ", ".join(f"{split} {format_count(briefing.sizes.get(split, 0))}" for split in SPLITS)
    graded = "graded by" if briefing.answer.startswith("python:") else "read as"
    lines = [
        f"run {briefing.run}",
        f"  folder {briefing.folder}",
        f"  scorer {briefing.scorer}, optimizer {briefing.optimizer}",
        f"  questions: {sizes}; answers are {graded} {briefing.answer}",
    ]
    lines += [f"  note: {note}" for note in briefing.notes]
    if briefing.resumed:
        lines.append(f"  resuming: {pluralize(briefing.resumed, 'answer')} already on disk")
    return lines


QUIET = 30.0
"""Seconds without a line after which one says that the run is alive."""
RETRY_EVERY = 10.0
"""Seconds between two lines about retries; those between are counted."""
_OPENING = 500
_INSTRUCTION = 100
_ERROR = 200


class LineWriter:
    """Writes lines while somebody reads them, in letters that the stream has."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def write(self, line: str) -> None:
        """One line, at once."""
        if self._stream is None:
            return
        encoding = self._stream.encoding or "utf-8"
        safe = line.encode(encoding, "backslashreplace").decode(encoding)
        try:
            self._stream.write(safe + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader is gone (`| head`) or the stream closed
            self._stream = None


class PlainLog:
    """Writes lines such as "[02:05] step 3: 82.5 % [68.1–91.3] 33/40 · Let's think …".

    Times are those of the events, counted from the start of their session.
    """

    def __init__(self, stream: TextIO) -> None:
        self._lines = LineWriter(stream)
        self._started: float | None = None
        self._said = 0.0
        self._retry_said: float | None = None
        self._retries_kept = 0
        self._activity = Activity()
        self._told_out: set[str] = set()

    def begin(
        self,
        briefing: RunHeader,
        state: RunState,  # noqa: ARG002 - an Observer's
        activity: Activity,
    ) -> None:
        """Say what is about to run."""
        self._activity = activity
        for line in format_opening(briefing):
            self._lines.write(printable(line, _OPENING))

    def after(self, event: Event, state: RunState) -> None:
        """Say what the event completed, if it completed anything."""
        if self._started is None or isinstance(event, SessionStarted):
            self._started = self._said = event.at
        self._after_outage(event.at)
        match event:
            case SessionStarted():
                self._say(event.at, f"started, {phase(state)}")
            case Answered() | Refused():
                self._after_answer(event, state)
            case Pruned():
                self._after_stop(event, state)
            case Proposed():
                self._after_proposal(event, state)
            case LimitExceeded():
                self._say(event.at, f"note: {_limit_words(event)}")
            case Retried():
                self._after_retry(event)
            case SessionEnded():
                detail = f" ({printable(event.detail, _ERROR)})" if event.detail else ""
                self._say(event.at, f"{event.reason}{detail}: {_spent(state)}")
        if event.at - self._said >= QUIET:
            self._say(event.at, f"{phase(state)}: {_spent(state)}")

    def stopping(self) -> None:
        """Say what a clean stop waits for."""
        self._lines.write(format_stopping(self._activity))

    def end(self) -> None:
        """Nothing is left to say: every line was flushed as it came."""

    def _after_answer(self, event: Answered | Refused, state: RunState) -> None:
        candidate = state.asked(event.candidate)
        if not state.is_scored(candidate, event.split):
            return
        where = _place(candidate.step) if event.split == "train" else event.split
        if candidate.id in state.again:
            where += ", asked again"
        leaks = state.leaks_of(candidate.instruction)
        self._say(event.at, f"{where}: {_scored(candidate, event.split, leaks)}")
        if event.split == "train":
            self._after_candidate(event.at, candidate, state)

    def _after_stop(self, event: Pruned, state: RunState) -> None:
        candidate = state.asked(event.candidate)
        line = _scored(candidate, "train", state.leaks_of(candidate.instruction))
        self._say(event.at, f"{_place(candidate.step)}: stopped early, {line}")
        self._after_candidate(event.at, candidate, state)

    def _after_candidate(self, at: float, candidate: Candidate, state: RunState) -> None:
        if state.is_step_done(candidate.step):
            self._say_step(at, state.of_step(candidate.step), state)

    def _after_proposal(self, event: Proposed, state: RunState) -> None:
        if state.step < event.step:
            return
        here = state.of_step(event.step)
        asked = formats.pluralize(state.search.candidates_per_step, "proposal")
        new = formats.pluralize(len(here), "new candidate") if here else "no new candidate"
        self._say(event.at, f"{_place(event.step)}: {new} from {asked}")
        if here and state.is_step_done(event.step):  # scored while the last proposal was awaited
            self._say_step(event.at, here, state)

    def _after_retry(self, event: Retried) -> None:
        if self._retry_said is not None and event.at - self._retry_said < RETRY_EVERY:
            self._retries_kept += 1
            return
        more = f" (and {self._retries_kept} more since the last such line)"
        error = printable(event.error, _ERROR)
        said = f"{event.role} failed, try {event.attempt + 1} in {event.wait:.1f} s: {error}"
        self._say(event.at, said + (more if self._retries_kept else ""))
        self._retry_said, self._retries_kept = event.at, 0

    def _after_outage(self, at: float) -> None:
        """Tell of each endpoint once: it may come and go."""
        for endpoint, why in self._activity.out.items():
            if endpoint not in self._told_out:
                self._told_out.add(endpoint)
                self._say(at, printable(format_outage(endpoint, why), _ERROR))

    def _say_step(self, at: float, here: list[Candidate], state: RunState) -> None:
        everyone = state.candidates.values()
        best = max(score.mean for score in _train_scores(list(everyone), state))
        means = [score.mean for score in _train_scores(here, state)]
        mean = sum(means) / len(means)
        place = here[0].step
        of = f"/{state.search.steps}" if place else ""
        self._say(
            at,
            f"{_place(place)}{of} done: best so far {formats.format_percent(best)}, "
            f"mean {formats.format_percent(mean)}, {_spent(state)}",
        )

    def _say(self, at: float, text: str) -> None:
        self._said = at
        started = at if self._started is None else self._started
        self._lines.write(f"[{formats.format_clock(at - started)}] {text}")


def _place(step: int) -> str:
    return f"step {step}" if step else "initial"


def _scored(candidate: Candidate, split: Split, leaks: object) -> str:
    score = candidate.score(split)
    if score is None:
        return ""
    low, high = score.interval.low, score.interval.high
    line = formats.format_score(score.mean, low, high, score.correct, score.n)
    line = f"~{line}" if score.estimated else line
    unreadable = f", {score.unreadable} unreadable" if score.unreadable else ""
    refused = f", {score.refused} refused" if score.refused else ""
    text = printable(flag_leaks(candidate.instruction, leaks), _INSTRUCTION)
    return f"{line}{unreadable}{refused} · {text}"


def _train_scores(candidates: list[Candidate], state: RunState) -> list[Score]:
    scores = (c.score("train") for c in candidates if state.is_done(c))
    return [score for score in scores if score is not None]


def _spent(state: RunState) -> str:
    """Calls, tokens and money of all sessions."""
    roles = list(state.spend.values())
    known = count_metered(roles)
    tokens_in = formats.format_tokens(known["prompt_tokens"])
    tokens_out = formats.format_tokens(known["completion_tokens"])
    cost = formats.format_money_by_role(
        {name: role.known_usd for name, role in state.spend.items()}
    )
    done, cached = calls_done(state), calls_spared(state)
    most = max(done, expected_calls(state) - cached)
    calls = f"{formats.format_count(done)} of at most {formats.format_count(most)} calls"
    calls += f", {formats.format_count(cached)} cached" if cached else ""
    more = format_unmetered(bound_unmetered(roles))
    line = f"{calls}, tokens {tokens_in} in / {tokens_out} out, cost {cost}"
    return f"{line}, {more}" if more else line


def _limit_words(event: LimitExceeded) -> str:
    return describe_excess(event.role, event.longest_reply, event.prompt_overhead)
