"""The rows and columns of the live view of a run, derived from its state."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar, cast

from rich.cells import cell_len
from rich.text import Text

from opro_cli.core.run import selection
from opro_cli.core.run.candidates import Answers, Candidate, Score
from opro_cli.core.run.deciding import Basis, get_basis, measure_mean
from opro_cli.core.run.progress import describe_phase
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.core.settings.search import AUTO
from opro_cli.core.task.example import Split
from opro_cli.render.safe import (
    describe_form,
    display_instruction,
    flag_leaks,
    printable,
    wrap_printable,
)
from opro_cli.reports.formats import are_shares, format_bounds, format_mean
from opro_cli.reports.prompts import serialize_form

T = TypeVar("T")

_SHARE, _VALUE = len("~99.0 %"), len("~-1.234e+306")
_INTERVAL = len("[100.0–100.0]")
_STEP = len("step")
_WIDE = 100
"""Columns of a terminal from which two spaces part columns, with whole words above them."""
_NARROW = 64
"""Columns of a terminal below which interval and step have no room."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The layout of a row; both tables of a frame share one, so that numbers line up.

    `sizes` are questions by split; `unreadable` and `dev` say whether there are such columns;
    `leaks` returns what an instruction quotes of the train questions; scores other than shares
    have no interval.
    """

    width: int
    sizes: dict[Split, int]
    unreadable: bool
    dev: bool
    leaks: Callable[[str], object]
    scale: Scale

    def draw_header(self, title: str) -> Text:
        """Return the titles of the columns, for scores on train, after the title of the rows."""
        unreadable = self._unreadable_title()
        cells = self._cells("train", "95 % interval", "n/N", unreadable, "dev", "step")
        return Text(self._fit(self._join(cells, title)), style="bold")

    def draw_row(
        self,
        candidate: Candidate,
        split: Split,
        score: Score | None,
        dev: Score | None,
        lines: int = 1,
    ) -> list[Text]:
        """Return a candidate, its instruction on at most `lines` lines."""
        size = self.sizes[split] - len(candidate.answers[split].shown)
        cells = self._cells(
            format_mean(score.mean, self.scale, estimated=score.estimated) if score else "-",
            format_bounds(score.interval.low, score.interval.high) if score else "",
            f"{score.n if score else 0}/{size}",
            str(score.unreadable) if score and score.unreadable else "",
            format_mean(dev.mean, self.scale) if dev else "",
            str(candidate.step),
        )
        room = self.width - cell_len(self._join(cells, ""))
        form = describe_form(serialize_form(candidate))
        text = flag_leaks(candidate.instruction, self.leaks(candidate.instruction), form)
        texts = wrap_printable(text, max(1, room), lines)
        indent = " " * (self.width - room)
        first = self._fit(self._join(cells, texts[0]))
        return [Text(first), *(Text(self._fit(indent + text)) for text in texts[1:])]

    def draw_proposal(self, instruction: str) -> Text:
        """Return an instruction that is not a candidate yet: nothing but its text."""
        blank = self._join(self._cells("", "", "", "", "", ""), "")
        text = printable(display_instruction(instruction), max(1, self.width - len(blank)))
        return Text(self._fit(blank + text))

    def _cells(
        self, score: str, interval: str, asked: str, unreadable: str, dev: str, step: str
    ) -> list[str]:
        most = max(self.sizes.values(), default=0)
        narrow = self.width < _NARROW
        shares = are_shares(self.scale)
        score_width = _SHARE if shares else _VALUE
        cells = [score.rjust(score_width)]
        if shares and not narrow:
            cells.append(interval.rjust(_INTERVAL))
        cells.append(asked.rjust(2 * len(str(most)) + 1))
        if self.unreadable:
            cells.append(unreadable.rjust(len(self._unreadable_title())))
        if self.dev:
            cells.append(dev.rjust(score_width))
        return cells if narrow else [*cells, step.rjust(_STEP)]

    def _unreadable_title(self) -> str:
        return "unreadable" if self.width >= _WIDE else "unread."

    def _join(self, cells: list[str], last: str) -> str:
        gap = "  " if self.width >= _WIDE else " "
        return gap.join([*cells, last])

    def _fit(self, line: str) -> str:
        line = line.rstrip()  # all of it is printable already
        return line if cell_len(line) <= self.width else printable(line, self.width)


@dataclass(frozen=True, slots=True)
class Work:
    """The work in progress; `proposals` wait for the rest of their step, not yet candidates."""

    title: str
    split: Split
    candidates: tuple[Candidate, ...]
    proposals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepScores:
    """Train means by step, of the steps from 0 on whose candidates are all scored."""

    best_so_far: tuple[float, ...]
    mean: tuple[float, ...]


class Scoreboard:
    """Looks up the scores of one run many times a second.

    Answers are only ever added, so that a score stays right until its number of answers changes:
    a long run's frame costs a look at each candidate, not at each answer.

    Attributes:
        asked: The split that the test questions are from, for the title of an evaluation.
    """

    def __init__(self) -> None:
        self.asked: Split = "test"
        self._scores: dict[tuple[str, Split], Score] = {}
        # Found once: with all train (all dev) answers in, they stay the same.
        self._finalists: list[Candidate] = []
        self._pair: list[Candidate] = []
        self._winner: Candidate | None = None
        # Of all that have their train answers, which changes only as one more has them.
        self._known = 0
        self._open: list[Candidate] = []
        self._kept: dict[str, tuple[tuple[int, ...], Any]] = {}

    def keep(self, state: RunState, name: str, compute: Callable[[], T]) -> T:
        """Return what follows from the candidates that are done, computed once for the same ones.

        Looks estimate scores anew, so that in a race with looks it is computed each time.
        """
        self._open += islice(state.candidates.values(), self._known, None)
        self._known = len(state.candidates)
        self._open = [candidate for candidate in self._open if not state.is_done(candidate)]
        mark = (self._known, len(self._open), state.step)
        known = self._kept.get(name)
        if known is not None and known[0] == mark and not state.looks:
            return cast(T, known[1])
        value = compute()
        self._kept[name] = mark, value
        return value

    def get_score(self, candidate: Candidate, split: Split) -> Score | None:
        """Return the candidate's score so far, None before the first answer."""
        n = len(candidate.answers[split].by_question)
        known = self._scores.get((candidate.id, split))
        stopped = candidate.answers[split].estimate is not None
        if known is not None and known.n == n and known.estimated == stopped:
            return known
        score = candidate.score(split)
        if score is not None:
            self._scores[candidate.id, split] = score
        return score

    def find_best(self, state: RunState, limit: int | None = None) -> list[Candidate]:
        """Return candidates whose train score counts, best first, as the winner is chosen.

        None for all of them.
        """
        if self._winner is None and selection.is_decided(state):
            self._winner = selection.find_winner(state)
        if state.is_searching and self._winner is None:  # train scores alone decide
            return self.keep(state, "best", lambda: self._sort(state))[:limit]
        return self._sort(state)[:limit]

    def _sort(self, state: RunState) -> list[Candidate]:
        everyone = state.candidates.values()
        scored = [c for c in everyone if selection.is_ranked(state, c, "train")]
        return sorted(scored, key=lambda c: self._rank(state, c))

    def find_leader(self, state: RunState) -> tuple[Basis, float] | None:
        """Return the questions that the best so far is the best on, and its mean there."""
        for candidate in self.find_best(state, 1):
            return _get_basis(state, candidate), self._get_mean(state, candidate)
        return None

    def _rank(self, state: RunState, candidate: Candidate) -> tuple[float, ...]:
        on_train = _get_basis(state, candidate) == "train"
        mean = self._get_mean(state, candidate)
        won = candidate is self._winner
        lengths = len(candidate.excluded_rows), len(candidate.instruction)
        return (not won, on_train, -mean, candidate.step, *lengths)

    def _get_mean(self, state: RunState, candidate: Candidate) -> float:
        basis = _get_basis(state, candidate)
        if basis == "train+dev" or candidate.excluded_rows:
            return measure_mean(candidate, basis)
        score = self.get_score(candidate, basis)
        return score.mean if score else 0.0

    def measure_steps(self, state: RunState) -> StepScores:
        """Return the search step by step; a step without new candidates repeats the last."""
        return self.keep(state, "steps", lambda: self._measure_steps(state))

    def _measure_steps(self, state: RunState) -> StepScores:
        means: dict[int, list[float]] = {}
        tops: dict[int, list[float]] = {}
        unfinished = state.step + 1
        for candidate in state.candidates.values():
            if state.is_done(candidate):
                score = self.get_score(candidate, "train")
                known = score.mean if score else 0.0
                means.setdefault(candidate.step, []).append(known)
                if selection.is_ranked(state, candidate, "train"):
                    tops.setdefault(candidate.step, []).append(known)
            else:
                unfinished = min(unfinished, candidate.step)
        best: list[float] = []
        mean: list[float] = []
        for step in range(unfinished):
            scores = means.get(step)
            if scores is None and not mean:
                continue
            best.append(max([*tops.get(step, ()), *best[-1:]], default=0.0))
            mean.append(average(scores) if scores else mean[-1])
        return StepScores(tuple(best), tuple(mean))

    def list_points(self, state: RunState) -> list[tuple[int, float]]:
        """Return step and train score of each candidate that is done."""
        done = (c for c in state.candidates.values() if state.is_done(c))
        scored = ((c.step, self.get_score(c, "train")) for c in done)
        return [(step, score.mean) for step, score in scored if score is not None]

    def find_work(self, state: RunState) -> Work:
        """Return the work in progress."""
        now = describe_phase(state)
        if not state.sizes["train"]:
            candidates = list(state.candidates.values())
            return self._count(f"instructions on {self.asked}", state, candidates, "test")
        if now == "test":
            if not self._pair:
                start, best = selection.find_baseline(state), selection.find_winner(state)
                if start is not None and best is not None:
                    self._pair = selection.select_compared(state, start, best)
            return self._count("start, best and baselines on test", state, self._pair, "test")
        if now == "dev":
            if not self._finalists:
                self._finalists = selection.select_finalists(state)
            return self._count("finalists on dev", state, self._finalists, "dev")
        due = selection.select_for_dev(state)
        candidates = state.of_step(state.step)
        waits_for_dev = state.sizes["dev"] and not all(state.is_scored(c, "dev") for c in due)
        if waits_for_dev and all(map(state.is_done, candidates)):
            return self._count(f"step {state.step} on dev", state, due, "dev")
        proposing = state.is_searching and (
            bool(state.proposals.arrived) or all(map(state.is_done, candidates))
        )
        if proposing:
            return _list_proposals(state)
        name = "initial instructions" if state.step == 0 else f"step {state.step}"
        if candidates and state.search.strategy == AUTO:  # which policy has its turn, and why
            name += f", {candidates[0].note.partition(':')[0]},"
        return self._count(f"{name} on train", state, candidates, "train")

    def _count(self, name: str, state: RunState, candidates: list[Candidate], split: Split) -> Work:
        done = sum(state.is_scored(c, split) for c in candidates)
        stopped = sum(map(state.is_done, candidates)) - done if split == "train" else 0
        title = f"{name}: {done + stopped} of {len(candidates)} done"
        title += f" ({stopped} stopped)" if stopped else ""
        return Work(title, split, tuple(candidates))


def _get_basis(state: RunState, candidate: Candidate) -> Basis:
    """Return the questions that rank a candidate so far."""
    # Until the search is over, only those that `eval_interval` picked have dev scores.
    on_dev = not state.is_searching and selection.is_ranked(state, candidate, "dev")
    return get_basis(state) if on_dev else "train"


def _list_proposals(state: RunState) -> Work:
    proposals = state.proposals.arrived
    arrived, wanted = len(proposals), state.search.candidates_per_step
    title = f"step {state.step + 1}: waiting for the optimizer, {arrived} of {wanted} proposals"
    if state.pending:
        return Work(title, "train", tuple(state.pending.values()))
    texts = (text for sample in sorted(proposals) for text in proposals[sample].instructions)
    return Work(title, "train", (), tuple(texts))


def name_candidate(state: RunState, id: str) -> str:
    """Return how commands name a candidate, "3.2" for the second of step 3; "" for an unknown one.

    One that waits for the rest of its step has no number yet: "3.?".
    """
    if (pending := state.pending.get(id)) is not None:
        return f"{pending.step}.?"
    if (candidate := state.candidates.get(id)) is None:
        return ""
    of_step = state.of_step(candidate.step)
    return f"{candidate.step}.{of_step.index(candidate) + 1}"


def average(values: Sequence[float]) -> float:
    """Return the mean, also of losses whose sum is beyond all numbers."""
    total = sum(values)
    if math.isfinite(total):
        return total / len(values)
    return math.fsum(value / len(values) for value in values)


def count_missed(answers: Sequence[Answers]) -> dict[str, int]:
    """Return how many answers are unreadable, also by a cut reply, and how many refused."""
    return {
        "unreadable": sum(answer.unreadable for answer in answers),
        "cut at max_tokens": sum(answer.cut for answer in answers),
        "refused": sum(answer.refused for answer in answers),
    }
