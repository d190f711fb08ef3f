"""Single questions: those that flip between start prompt and winner, and unreadable answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from opro_cli.core.answers import Outcome
from opro_cli.core.model import SPLITS, Split
from opro_cli.reports.formats import plural
from opro_cli.reports.history import MOST_REPLIES
from opro_cli.reports.html.candidates import folded
from opro_cli.reports.html.markup import Markup, bdi, element
from opro_cli.reports.html.view import RunView, note, section, shown, table, text_limit
from opro_cli.reports.paired import Flip, paired

_FEW = 8
"""Rows that are seen before all are asked for."""
_ANSWER = 300


def flip_section(view: RunView) -> Markup | None:
    """Where the winner does better or worse on test; None where there is nothing to compare."""
    if view.start is None or view.best is None or view.start is view.best:
        return None
    by_split = {each.split: each for each in paired(view.run, view.start, view.run, view.best)}
    flips = by_split.get("test")
    if flips is None:
        return None
    limit = text_limit(2 * (len(flips.gained) + len(flips.lost)))
    return section(
        view,
        "flips",
        "Which test questions flipped",
        note("The answers are those that were read from the replies."),
        _flips(view, f"▲ {len(flips.gained):,} gained", "gained", flips.gained, limit),
        _flips(view, f"▼ {len(flips.lost):,} lost", "lost", flips.lost, limit),
    )


def _flips(view: RunView, title: str, name: str, flips: Sequence[Flip], limit: int) -> Markup:
    head = ["question", "expected", "start prompt said", f"{view.best_name} said"]
    rows = [
        [
            folded(flip.question, limit),
            bdi(flip.target, _ANSWER),
            _said(flip.before.outcome),
            _said(flip.after.outcome),
        ]
        for flip in flips
    ]
    better = view.best_name if name == "gained" else "start prompt"
    heading = element("h4", title, " ", element("small", f"better under the {better}"))
    if not rows:
        return heading
    return element("div", heading, *first_few(f"Questions {name}", head, rows))


def first_few(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[Markup | str]]
) -> list[Markup]:
    """A table of the first rows, and one of the others that is opened on request."""
    shown = [table(caption, head, rows[:_FEW])]
    if rest := rows[_FEW:]:
        summary = element("summary", f"show all {len(rows):,}")
        more = table(f"{caption}, continued", head, rest)
        shown.append(element("details", summary, more, class_="all"))
    return shown


def _said(outcome: Outcome) -> Markup:
    right = outcome.score == 1.0
    partly = outcome.score is not None and 0.0 < outcome.score < 1.0
    sign = "✓ " if right else "≈ " if partly else "✗ "
    answer = bdi(outcome.answer, _ANSWER) if outcome.answer is not None else _no_answer()
    return element("span", sign, answer, class_="right" if right else "wrong")


def _no_answer() -> Markup:
    return element("i", "no answer read")


def unreadable_section(view: RunView) -> Markup | None:
    """How many answers no metric could read, and what they were; None where all were read."""
    told = [words for split in SPLITS if (words := _missed_on(view, split))]
    if not told:
        return None
    how = "are left out" if view.result.get("unanswerable") == "exclude" else "count as wrong too"
    return section(
        view,
        "unreadable",
        "Unreadable answers",
        note(f"{'; '.join(told)}. Unreadable answers count as wrong, refused questions {how}."),
        *(_replies(view) or _most_missed(view)),
    )


def _missed_on(view: RunView, split: Split) -> str:
    """ "4 unreadable of 320 answers on train", "" where none was missed."""
    answers = [candidate.answers[split] for candidate in view.run.state.candidates.values()]
    numbers = {
        "unreadable": sum(each.unreadable for each in answers),
        "refused": sum(each.refused for each in answers),
    }
    told = " and ".join(f"{number:,} {kind}" for kind, number in numbers.items() if number)
    total = sum(len(each.by_question) for each in answers)
    return f"{told} of {plural(total, 'answer')} on {split}" if told else ""


def _replies(view: RunView) -> list[Markup]:
    """The replies themselves, where the journal was read for them."""
    replies = view.history.unreadable
    if not replies:
        return []
    limit = text_limit(3 * len(replies))
    rows = []
    for reply in replies:
        example = view.run.examples[reply.split][reply.question]
        rows.append(
            [
                folded(example.input, limit),
                bdi(example.target, _ANSWER),
                folded(reply.text or "(empty)", limit),
                bdi(shown(reply.instruction), _ANSWER),
            ]
        )
    head = ["question", "expected", "the whole reply", "under the instruction"]
    caption = f"The first {MOST_REPLIES} replies" if len(rows) == MOST_REPLIES else "Replies"
    return first_few(f"{caption} without an answer", head, rows)


def _most_missed(view: RunView) -> list[Markup]:
    """Otherwise the questions that went without an answer most often."""
    missed: Counter[tuple[Split, int]] = Counter(
        (split, question)
        for candidate in view.run.state.candidates.values()
        for split in SPLITS
        if candidate.answers[split].unreadable or candidate.answers[split].refused
        for question, outcome in candidate.answers[split].by_question.items()
        if outcome.score is None
    )
    worst = [
        (view.run.examples[split][question], times)
        for (split, question), times in missed.most_common(MOST_REPLIES)
        if question < len(view.run.examples.get(split, ()))
    ]
    limit = text_limit(2 * len(worst))
    rows = [
        [folded(example.input, limit), bdi(example.target, _ANSWER), f"{times:,}"]
        for example, times in worst
    ]
    head = ["question", "expected", "times without an answer"]
    return first_few("Questions without an answer", head, rows) if rows else []
