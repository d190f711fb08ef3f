"""The best instruction of each task, chosen without test scores, and its scores elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from opro_cli.core.run.candidates import Candidate, Score, make_candidate_id
from opro_cli.core.run.deciding import Basis, get_basis, measure_score
from opro_cli.core.scale import SHARE, Scale
from opro_cli.reports.paired import PairedComparison, compare_candidates
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.measured import MeasuredCell

RULE = (
    "A task's winner is the run whose chosen instruction scored highest on what the runs "
    "themselves chose by: train and dev questions together, or train questions alone where "
    "there is no dev split (then behind all that have one); dev questions alone in runs of "
    "earlier versions and in the paper's. Ties go to the earlier cell. Test scores have no say, so "
    "they tell honestly what the winner is worth."
)


@dataclass(frozen=True, slots=True)
class Winner:
    """The best finished run of a task under one scorer.

    Attributes:
        chosen_by: The questions that decided.
        chosen_score: The score on them.
        chosen_among: The number of finished runs.
        start: The start prompt's score on test.
        test: The winner's score on test.
        gain: The winner compared with the start prompt; None for the start prompt itself, and
            where no question is shared.
        is_first: No other scorer has a better winner on this task.
    """

    cell: MeasuredCell
    run: RecordedRun
    scorer: str
    instruction: str
    chosen_by: Basis
    chosen_score: Score
    chosen_among: int
    start: Score | None
    test: Score | None
    gain: PairedComparison | None
    is_first: bool

    @property
    def task(self) -> str:
        """The name of the task."""
        return self.cell.key.task


class _Finalist(NamedTuple):
    """A finished run with its best prompt and the score that it was chosen by."""

    cell: MeasuredCell
    run: RecordedRun
    best: Candidate
    basis: Basis
    score: Score

    def rank(self) -> tuple[bool, float]:
        """Return a key to sort by: with a dev split before those without, then the higher one."""
        return self.basis != "train", self.score.mean


def choose_winners(cells: Sequence[MeasuredCell]) -> tuple[Winner, ...]:
    """Return a winner for each task and scorer with a finished run, in the order of the cells."""
    by_task: dict[str, list[_Finalist]] = {}
    for finalist in _find_finalists(cells):
        by_task.setdefault(finalist.cell.key.task, []).append(finalist)
    winners: list[Winner] = []
    for own in by_task.values():
        first = max(own, key=_Finalist.rank)  # the earliest of equal ones
        for scorer in dict.fromkeys(finalist.cell.scorer for finalist in own):
            rivals = [finalist for finalist in own if finalist.cell.scorer == scorer]
            best = max(rivals, key=_Finalist.rank)
            winners.append(_build_winner(best, len(rivals), is_first=best is first))
    return tuple(winners)


def _find_finalists(cells: Sequence[MeasuredCell]) -> Iterator[_Finalist]:
    for cell in cells:
        if cell.status == "finished" and cell.run is not None and cell.best is not None:
            basis = get_basis(cell.run.state)
            score = measure_score(cell.best, basis)
            if score is not None:
                yield _Finalist(cell, cell.run, cell.best, basis, score)


def _build_winner(finalist: _Finalist, chosen_among: int, *, is_first: bool) -> Winner:
    cell, run, best, basis, score = finalist
    gain, start = None, cell.start
    if start is not None and not cell.kept_start:
        state = run.state
        gain = compare_candidates(start, best, side_by_side=state.interleaves, scale=state.scale)
    return Winner(
        cell=cell,
        run=run,
        scorer=str(cell.scorer),
        instruction=best.instruction,
        chosen_by=basis,
        chosen_score=score,
        chosen_among=chosen_among,
        start=start.score("test") if start else None,
        test=best.score("test"),
        gain=gain,
        is_first=is_first,
    )


@dataclass(frozen=True, slots=True)
class Target:
    """One task under one scorer.

    Attributes:
        data: The run whose test questions are asked.
        scorer: The run with the settings of this model.
        start: The start prompt of the task.
    """

    task: str
    model: str
    data: RecordedRun
    scorer: RecordedRun
    start: str

    @property
    def key(self) -> tuple[str, str]:
        """Task and model."""
        return self.task, self.model


def list_targets(cells: Sequence[MeasuredCell], winners: Sequence[Winner]) -> tuple[Target, ...]:
    """Return every task that has test questions under every scorer of the sweep, in order.

    Where cells of a task split its data in different ways, the questions are those of its winner,
    whose search has not seen them.
    """
    swept = [(cell, cell.run) for cell in cells if cell.run is not None]
    models = list(dict.fromkeys(str(cell.scorer) for cell, _ in swept))
    first = {id(winner.cell) for winner in winners if winner.is_first}
    sources: dict[str, tuple[MeasuredCell, RecordedRun]] = {}
    for cell, run in swept:
        task = cell.key.task
        if run.state.sizes["test"] and (task not in sources or id(cell) in first):
            sources[task] = cell, run
    targets = []
    for task, (source, data) in sources.items():
        initial = data.state.search.initial_instructions[0]
        start = source.start.instruction if source.start else initial
        for model in models:
            anywhere = [(cell, run) for cell, run in swept if cell.scorer == model]
            here = [run for cell, run in anywhere if cell.key.task == task]
            scorer = here[0] if here else anywhere[0][1]
            targets.append(Target(task, model, data, scorer, start))
    return tuple(targets)


def list_prompts(winners: Sequence[Winner], targets: Sequence[Target]) -> tuple[str, ...]:
    """Return all instructions to ask: the start prompts, then the winners, each once."""
    starts, best = (t.start for t in targets), (w.instruction for w in winners)
    return tuple(dict.fromkeys([*starts, *best]))


@dataclass(frozen=True, slots=True)
class Worth:
    """A prompt on a target.

    Attributes:
        score: None where it was not asked, and where it has seen every question.
        against_start: Compared with the start prompt of the target's task, on shared questions.
        seen: Questions left out because its search used them.
        scale: How the score is read.
    """

    score: Score | None = None
    against_start: PairedComparison | None = None
    seen: int = 0
    scale: Scale = SHARE


@dataclass(frozen=True, slots=True)
class Transfer:
    """The worth of each winner (a row) on each target (a column); starts: of the start prompts."""

    winners: tuple[Winner, ...]
    targets: tuple[Target, ...]
    starts: tuple[Worth, ...]
    rows: tuple[tuple[Worth, ...], ...]

    @property
    def asked(self) -> bool:
        """Whether there is anything to show."""
        return self.missing < len(self.starts) * (1 + len(self.rows))

    @property
    def missing(self) -> int:
        """The number of cells without any answer, start prompts included."""
        return sum(w.score is None and not w.seen for row in (self.starts, *self.rows) for w in row)

    @property
    def seen(self) -> int:
        """The number of cells that leave out questions seen by the winner's search."""
        return sum(worth.seen > 0 for row in self.rows for worth in row)


def build_transfer(
    winners: Sequence[Winner],
    targets: Sequence[Target],
    evaluated: Mapping[tuple[str, str], RecordedRun],
) -> Transfer:
    """Return the transfer matrix; evaluated: the evaluation of each target by `Target.key`."""
    runs = [(target, evaluated.get(target.key)) for target in targets]
    starts = [_measure_worth(run, target.start, target.start, frozenset()) for target, run in runs]
    rows = []
    for winner in winners:
        examples = winner.run.examples
        seen = {example.input for example in (*examples["train"], *examples["dev"])}
        worths = (_measure_worth(run, winner.instruction, t.start, seen) for t, run in runs)
        rows.append(tuple(worths))
    return Transfer(tuple(winners), tuple(targets), tuple(starts), tuple(rows))


def _measure_worth(
    run: RecordedRun | None, instruction: str, start: str, seen: AbstractSet[str]
) -> Worth:
    """Return the worth of an instruction in an evaluation, without the questions in `seen`."""
    asked = None if run is None else _find_answered(run, instruction)
    if run is None or asked is None:
        return Worth()
    reference = _find_answered(run, start)
    left_out = {index for index, row in enumerate(run.examples["test"]) if row.input in seen}
    kept = _drop_questions(asked, left_out)
    against = None
    if reference is not None and instruction != start:
        state = run.state
        against = compare_candidates(
            reference, kept, side_by_side=state.interleaves, scale=state.scale
        )
    return Worth(kept.score("test"), against, len(left_out), run.state.scale)


def _find_answered(run: RecordedRun, instruction: str) -> Candidate | None:
    """Return the candidate of an instruction; None before it has all its test answers."""
    candidate = run.state.candidates.get(make_candidate_id(instruction))
    if candidate is None:
        return None
    answers = candidate.answers["test"].by_question
    return candidate if len(answers) >= run.state.sizes["test"] else None


def _drop_questions(candidate: Candidate, left_out: AbstractSet[int]) -> Candidate:
    """Return a copy without the test answers to some questions."""
    kept = Candidate(candidate.id, candidate.instruction, candidate.step, groups=candidate.groups)
    for question, outcome in candidate.answers["test"].by_question.items():
        if question in left_out:
            continue
        if outcome.excluded:
            kept.answers["test"].refuse(question, exclude=True)
        else:
            kept.answers["test"].add(question, outcome)
    return kept
