"""The best instruction of each task, chosen without test scores, and its worth elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from opro_cli.core.run.answers import Score
from opro_cli.core.run.candidates import Candidate, candidate_id
from opro_cli.core.run.selection import deciding_split
from opro_cli.core.task.example import Split
from opro_cli.reports.paired import PairedComparison, compare_candidates
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.measured import MeasuredCell

RULE = (
    "A task's winner is the run whose chosen instruction scored highest on what the runs "
    "themselves chose by: dev questions, or train questions where there is no dev split "
    "(then behind all that have one). Ties go to the earlier cell. Test scores have no say, so "
    "they tell honestly what the winner is worth."
)


@dataclass(frozen=True, slots=True)
class Winner:
    """The best finished run of a task under one scorer.

    chosen_by, chosen_score: the split that decided and the score on it. of: finished runs that it
    was chosen among. test: its score there, start: that of the start prompt; gain: one against the
    other, None for the start prompt itself and where nothing is shared. is_first: no other scorer
    has a better one on this task.
    """

    cell: MeasuredCell
    scorer: str
    chosen_by: Split
    chosen_score: Score
    of: int
    start: Score | None
    test: Score | None
    gain: PairedComparison | None
    is_first: bool

    @property
    def task(self) -> str:
        return self.cell.place.task

    @property
    def instruction(self) -> str:
        if self.cell.best is None:
            raise AssertionError("a winner that chose nothing")
        return self.cell.best.instruction


def choose_winners(cells: Sequence[MeasuredCell]) -> tuple[Winner, ...]:
    """One for each task and scorer that has a finished run, in the order of the cells."""
    finished = [c for c in cells if c.status == "finished" and _find_decision(c) is not None]
    tasks = dict.fromkeys(c.place.task for c in finished)
    found: list[Winner] = []
    for task in tasks:
        own = [c for c in finished if c.place.task == task]
        first = max(own, key=_rank)  # the earliest of equal ones
        for scorer in dict.fromkeys(c.scorer for c in own):
            rivals = [c for c in own if c.scorer == scorer]
            best = max(rivals, key=_rank)
            found.append(_build_winner(best, len(rivals), is_first=best is first))
    return tuple(found)


def _find_decision(cell: MeasuredCell) -> tuple[Split, Score] | None:
    """What its run chose its best by."""
    if cell.run is None or cell.best is None:
        return None
    split = deciding_split(cell.run.state)
    score = cell.best.score(split)
    return None if score is None else (split, score)


def _rank(cell: MeasuredCell) -> tuple[bool, float]:
    chosen = _find_decision(cell)
    if chosen is None:
        raise AssertionError("only finished runs are ranked")
    split, score = chosen
    return split == "dev", score.mean


def _build_winner(cell: MeasuredCell, of: int, *, is_first: bool) -> Winner:
    chosen, start, best = _find_decision(cell), cell.start, cell.best
    if chosen is None or best is None:
        raise AssertionError("only finished runs are ranked")
    return Winner(
        cell=cell,
        scorer=str(cell.scorer),
        chosen_by=chosen[0],
        chosen_score=chosen[1],
        of=of,
        start=start.score("test") if start else None,
        test=best.score("test"),
        gain=None if start is None or cell.kept_start else _gain(cell, start, best),
        is_first=is_first,
    )


def _gain(cell: MeasuredCell, start: Candidate, best: Candidate) -> PairedComparison | None:
    side_by_side = cell.run is None or cell.run.state.interleaves
    return compare_candidates(start, best, side_by_side=side_by_side)


@dataclass(frozen=True, slots=True)
class Target:
    """One task under one scorer. data: the run whose test questions are asked.

    scorer: the run that says how this model is asked. start: what the task began with.
    """

    task: str
    model: str
    data: RecordedRun
    scorer: RecordedRun
    start: str

    @property
    def key(self) -> tuple[str, str]:
        return self.task, self.model


def list_targets(cells: Sequence[MeasuredCell], winners: Sequence[Winner]) -> tuple[Target, ...]:
    """Every task that has test questions under every scorer of the sweep, in order.

    Where cells of a task split its data in different ways, the questions are those of its winner,
    which that one has not seen.
    """
    known = [c for c in cells if c.run is not None]
    models = list(dict.fromkeys(str(c.scorer) for c in known))
    asked = [c for c in known if c.run and c.run.state.sizes["test"]]
    first = {id(winner.cell) for winner in winners if winner.is_first}
    found: list[Target] = []
    for task in dict.fromkeys(c.place.task for c in asked):
        own = [c for c in asked if c.place.task == task]
        source = next((c for c in own if id(c) in first), own[0])
        data = source.run
        for model in models:
            here = [c.run for c in known if c.scorer == model and c.place.task == task]
            anywhere = [c.run for c in known if c.scorer == model]
            scorer = (here or anywhere)[0]
            if data is not None and scorer is not None:
                found.append(Target(task, model, data, scorer, _find_start(source)))
    return tuple(found)


def _find_start(cell: MeasuredCell) -> str:
    if cell.start is not None:
        return cell.start.instruction
    if cell.run is None:
        raise AssertionError("a target without a run")
    return cell.run.state.search.initial_instructions[0]


def list_prompts(found: Sequence[Winner], at: Sequence[Target]) -> tuple[str, ...]:
    """All instructions to ask: the start prompt of each task, then the winners; each once."""
    return tuple(dict.fromkeys([*(t.start for t in at), *(w.instruction for w in found)]))


@dataclass(frozen=True, slots=True)
class Worth:
    """A prompt on a target. score: None where it was not asked, or where nothing was unseen.

    against_start: against the start prompt of the target's task, on the same questions. seen:
    questions left out, since its search had them.
    """

    score: Score | None
    against_start: PairedComparison | None
    seen: int = 0


NOT_ASKED = Worth(None, None)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A row for each winner, a column for each target; starts: the start prompts' worth there.

    run: of each target's evaluation; None where there is none.
    """

    winners: tuple[Winner, ...]
    targets: tuple[Target, ...]
    starts: tuple[Worth, ...]
    rows: tuple[tuple[Worth, ...], ...]

    @property
    def asked(self) -> bool:
        """Is there anything to show?"""
        return any(w.score is not None or w.seen for row in (self.starts, *self.rows) for w in row)

    @property
    def missing(self) -> int:
        """Squares that nothing was asked for, start prompts among them."""
        return sum(
            worth.score is None and not worth.seen
            for row in (self.starts, *self.rows)
            for worth in row
        )

    @property
    def seen(self) -> int:
        """Squares that leave questions out because the winner's search had them."""
        return sum(worth.seen > 0 for row in self.rows for worth in row)


def build_transfer(
    found: Sequence[Winner],
    at: Sequence[Target],
    evaluated: Mapping[tuple[str, str], RecordedRun],
) -> Transfer:
    """The matrix. evaluated: by task and model, as `Target.key`, what was asked there."""
    starts = [_measure_worth(evaluated.get(t.key), t.start, t.start, frozenset()) for t in at]
    rows = [
        tuple(
            _measure_worth(evaluated.get(t.key), w.instruction, t.start, _list_seen(w)) for t in at
        )
        for w in found
    ]
    return Transfer(tuple(found), tuple(at), tuple(starts), tuple(rows))


def _list_seen(winner: Winner) -> AbstractSet[str]:
    """The questions that a winner's search trained on or chose by."""
    run = winner.cell.run
    if run is None:
        raise AssertionError("a winner without a run")
    return {each.input for each in (*run.examples["train"], *run.examples["dev"])}


def _measure_worth(
    run: RecordedRun | None, instruction: str, start: str, seen: AbstractSet[str]
) -> Worth:
    if run is None:
        return NOT_ASKED
    asked, reference = _find_answered(run, instruction), _find_answered(run, start)
    if asked is None:
        return NOT_ASKED
    left_out = {index for index, each in enumerate(run.examples["test"]) if each.input in seen}
    kept = _drop_questions(asked, left_out)
    against = None
    if reference is not None and instruction != start:
        beside = run.state.interleaves
        against = compare_candidates(reference, kept, side_by_side=beside)  # on what both have
    return Worth(kept.score("test"), against, len(left_out))


def _find_answered(run: RecordedRun, instruction: str) -> Candidate | None:
    """An instruction that has all its answers."""
    found = run.state.candidates.get(candidate_id(instruction))
    if found is None or len(found.answers["test"].by_question) < run.state.sizes["test"]:
        return None
    return found


def _drop_questions(candidate: Candidate, left_out: AbstractSet[int]) -> Candidate:
    """The same with fewer test answers."""
    kept = Candidate(candidate.id, candidate.instruction, candidate.step)
    for question, outcome in candidate.answers["test"].by_question.items():
        if question in left_out:
            continue
        if outcome.excluded:
            kept.answers["test"].refuse(question, exclude=True)
        else:
            kept.answers["test"].add(question, outcome)
    return kept
