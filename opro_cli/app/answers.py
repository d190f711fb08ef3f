"""Show the replies behind the scores of one prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from opro_cli import wiring
from opro_cli.app.named_prompts import build_unscored_error, find_prompt
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.task.chat import find_asked
from opro_cli.core.task.example import UNREADABLE, Example, Grade, Split
from opro_cli.core.task.prompt import Content
from opro_cli.errors import RunError
from opro_cli.evaluators import InlineGrader, ModelEvaluator, Repeats
from opro_cli.grading.grader import build_metric
from opro_cli.metrics import METRICS
from opro_cli.reports.answers import GradedAnswer, ShownAnswers, list_answers
from opro_cli.reports.prompts import serialize_form
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.selected import BEST, select_prompt
from opro_cli.store.folders import Note
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_run

Only = Literal["wrong", "unreadable"]
NO_REPLIES: Mapping[tuple[str, Split, int], str] = {}


def read_answers(
    runs_dir: Path,
    name: str,
    *,
    only: Only | None = None,
    split: Split | None = None,
    note: Note | None = None,
) -> ShownAnswers:
    """Return the answers under the prompt that RUN or RUN@PLACE names.

    Args:
        runs_dir: Where runs are kept.
        name: RUN for its best prompt, RUN@start, RUN@STEP or RUN@STEP.NUMBER.
        only: Those that were read and are not right, or those that could not be read.
        split: Those to questions of this split; None for all.
        note: Gets which run a name means where several have it.

    Raises:
        UsageError: The run has no such prompt, or none with a score yet.
    """
    folder, selector = find_prompt(runs_dir, name, note)
    chosen = select_prompt(read_run(folder), selector)
    if chosen.candidate is None:
        raise build_unscored_error(chosen.run)
    named = f"{folder.name}@{BEST}" if selector == BEST else chosen.name
    return _read(folder, chosen.run, chosen.candidate, named, only=only, split=split)


def read_answers_of(folder: Path, candidate: str) -> ShownAnswers:
    """Return all answers so far under the candidate of this id, of a run that may be at work.

    Raises:
        RunFolderError, JournalError: The run cannot be read.
        UsageError: The journal does not have the candidate.
    """
    run = read_run(folder)
    try:
        found = run.state.get_candidate(candidate)
    except KeyError:
        raise build_unscored_error(run) from None
    of_step = run.state.of_step(found.step)
    number = f".{of_step.index(found) + 1}" if found in of_step else ""
    return _read(folder, run, found, f"{folder.name}@{found.step}{number}")


def _read(
    folder: Path,
    run: RecordedRun,
    candidate: Candidate,
    name: str,
    *,
    only: Only | None = None,
    split: Split | None = None,
) -> ShownAnswers:
    events = read_events(folder / "events.jsonl")
    answers = list_answers(run, candidate, events)
    answers = [answer for answer in answers if split in (None, answer.split)]
    wanted = {"wrong": ("wrong", "partly right"), "unreadable": ("unreadable",)}
    shown = [each for each in answers if only is None or each.judgement in wanted[only]]
    evaluator = build_evaluator(run)
    if evaluator is not None:
        content, examples = candidate.content, run.examples
        shown = [
            locate_answer(each, content, evaluator, examples[each.split][each.question])
            for each in shown
        ]
    return ShownAnswers(
        prompt=name,
        run=folder.name,
        instruction=candidate.instruction,
        step=candidate.step,
        answered=len(answers),
        answers=shown,
        form=serialize_form(candidate),
        only=only or "",
    )


def build_evaluator(
    run: RecordedRun, replies: Mapping[tuple[str, Split, int], str] = NO_REPLIES
) -> ModelEvaluator | None:
    """Return what asked the scorer of a run; None for evaluators of another kind.

    Args:
        run: The run.
        replies: To train questions, for worked examples that show one.
    """
    settings = wiring.parse_settings(run.settings)
    if settings is None or settings.task.evaluator != "model":
        return None
    task, scorer = settings.task, settings.scorer
    return ModelEvaluator(
        InlineGrader(build_metric(settings)) if _is_quick(task.answer) else Unread(),
        task.format,
        task.second_round,
        run.examples["train"],
        replies,
        repeats=Repeats(scorer.repeats, scorer.repeat_score),
    )


def _is_quick(answer: str) -> bool:
    """Return whether a metric is opro's own, and takes no time; a pattern may take for ever."""
    kind = answer.partition(":")[0]
    return kind in METRICS and kind != "regex"


class Unread:
    """Stands for a metric that is not asked again."""

    is_immediate = True

    async def grade(self, *_: object, **__: object) -> Grade:
        """Read nothing."""
        return UNREADABLE

    async def aclose(self) -> None:
        """Do nothing: there is nothing to give back."""


def locate_answer(
    answer: GradedAnswer, content: Content, evaluator: ModelEvaluator, example: Example
) -> GradedAnswer:
    """Return an answer with the place in its reply that it was read from, by reading it again.

    An older opro may have read it otherwise: then the place is not known.
    """
    if (
        answer.answer is None
        or not answer.replies
        or not isinstance(evaluator.grader, InlineGrader)
    ):
        return answer
    try:
        prompt = find_asked(evaluator.write_messages(content, example)).content
    except RunError:  # shows a reply, which is not at hand
        return answer
    if (count := evaluator.repeats.count) > 1:
        rounds = max(1, len(answer.replies) // count)
        graded = answer.replies[rounds - 1 :: rounds]
        return replace(answer, read_each=_read_each(graded, evaluator.grader, example, prompt))
    for one in example.split_golds():
        grade = evaluator.grader.grade_now(answer.replies[-1], one, prompt, cut=answer.cut)
        if grade.answer == answer.answer and grade.score == answer.score:
            return replace(answer, read_from=grade.span)
    return answer


def _read_each(
    replies: Sequence[str], grader: InlineGrader, example: Example, prompt: str
) -> tuple[str | None, ...]:
    """Return what is read from each reply, by the right answer that it is nearest to."""
    read = []
    for reply in replies:
        grades = [grader.grade_now(reply, one, prompt) for one in example.split_golds()]
        read.append(max(grades, key=lambda grade: grade.score or 0.0).answer)
    return tuple(read)
