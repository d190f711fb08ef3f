"""The table of all instructions, and single questions: flips and unreadable answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli.core.run.candidates import Outcome
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.html.markup import Markup, bdi, cut_beginning, element, join, paragraphs
from opro_cli.render.html.rows import Row, Score, rank_rows
from opro_cli.render.html.view import (
    MOST_SHOWN,
    RunView,
    format_basis,
    format_correct,
    limit_text,
    note,
    section,
    table,
    table_box,
)
from opro_cli.render.safe import display_instruction
from opro_cli.render.scoreboard import count_missed
from opro_cli.reports.formats import are_shares, format_bounds, format_mean, pluralize
from opro_cli.reports.paired import AnswerPair, find_flips
from opro_cli.reports.recorded import MAX_REPLIES
from opro_cli.reports.request_words import list_request_notes

_QUOTES = 2
"""Quotes shown of an instruction with more."""
_PURPOSE = 300
"""Bytes of what a candidate was made for."""
_FOLDED = 180
"""Characters shown of a long text before it is opened."""


def build_candidates(view: RunView) -> Markup:
    """Return the section with the table of instructions, the best on train first."""
    rows = [row for row in rank_rows(view.rows) if row.id in view.drawn]
    flagged, shares = _is_flagged(view), are_shares(view.scale)
    titles = ["step", "instruction", *view.splits, *_list_missed(view)]
    titles += ["flags"] if flagged else []
    named = {"instruction": view.noun, **({"train": "value"} if view.is_problem else {})}
    return section(
        view,
        "candidates",
        f"All {view.noun}s",
        note(
            f"{pluralize(len(view.rows), view.noun)}. A heading sorts by its column, a second time",
            "the other way round.",
            *(["Scores are with their 95 % interval and the right answers."] if shares else []),
        ),
        _describe_rest(view),
        element("p", "", role="status", class_="unseen"),
        table_box(
            f"Table of all {view.noun}s",
            [_build_title(title, named.get(title, title), view.scale) for title in titles],
            _build_rows(view, rows, flagged),
            kind="candidates",
        ),
    )


def build_all_rows(view: RunView) -> Markup:
    """Return the rows of all candidates, for a table that was drawn with some of them."""
    return join(_build_rows(view, rank_rows(view.rows), _is_flagged(view)))


def _build_rows(view: RunView, rows: Sequence[Row], flagged: bool) -> list[Markup]:
    limit = limit_text(len(rows))
    return [_build_row(view, row, limit, flagged) for row in rows]


def _is_flagged(view: RunView) -> bool:
    """Return whether the table has a column for quotes of train questions."""
    return any(row.data.get("leaks") for row in view.rows)


def _describe_rest(view: RunView) -> Markup | None:
    """Return which rows are drawn where not all are; the live page offers the others itself."""
    drawn, total = len(view.drawn), len(view.rows)
    if drawn == total:
        return None
    return element(
        "p",
        f"Drawn here are {drawn:,} of {total:,}: the best on train, the initial ones, and the "
        f"{view.best_name} with what it was made from. ",
        element("span", "`opro view` shows all.", class_="elsewhere"),
        class_="note left-out",
        data_total=total,
    )


def _list_missed(view: RunView) -> Sequence[str]:
    """Return the kinds of answers that may be missing: a value never is."""
    return () if view.is_problem else ("unreadable", "refused")


def _build_title(title: str, name: str, scale: Scale) -> Markup:
    best_first = "ascending" if scale.minimise else "descending"
    sort = best_first if title == "train" else "none"
    button = element("button", name, type="button")
    return element("th", button, scope="col", aria_sort=sort, class_=title)


def _build_row(view: RunView, row: Row, limit: int, flagged: bool) -> Markup:
    marks = [f"★ {view.best_name}"] if row.is_best else []
    marks += [f"■ {view.start_name}"] if row.is_start else []
    badges = [element("span", mark, class_="badge") for mark in marks]
    # The reader came for these two, so they are shown in full.
    text = fold_text(row.instruction, MOST_SHOWN if row.kind else limit)
    step = "start" if row.step == 0 else str(row.step)
    missed = [(kind, row.count_missed(kind)) for kind in _list_missed(view)]
    return element(
        "tr",
        element("td", step, class_="step", data_value=row.step),
        element("td", *badges, text, *_build_lineage(row.data), class_="instruction"),
        *(_build_score(split, row.score(split), view.scale) for split in view.splits),
        *(
            element("td", str(n), class_=kind if n else f"{kind} none", data_value=n)
            for kind, n in missed
        ),
        _build_flags(row.data.get("leaks", ())) if flagged else None,
        id=row.id,
        class_=row.kind,
        tabindex=-1,
    )


def _build_lineage(data: Mapping[str, Any]) -> list[Markup]:
    """Return the lines on what a candidate was made from, and what for; none where it is not known.

    A note may quote labels of the data.
    """
    parents, purpose = data.get("parents", ()), data.get("note", "")
    lines = [f"from {' and '.join(parents)}"] if parents else []
    made = [element("small", line) for line in lines]
    made += [element("small", " ", bdi(purpose, _PURPOSE))] if purpose else []
    return [element("div", *made)] if made else []


def fold_text(text: str, limit: int) -> Markup:
    """Return a text with its line ends, a long one folded behind its beginning."""
    whole = element("div", paragraphs(text, limit), class_="text")
    if len(text) <= _FOLDED:
        return whole
    head = text[:_FOLDED]
    words = head[: head.rfind(" ")] if " " in head[_FOLDED // 2 :] else head
    beginning = element("bdi", cut_beginning(words, 3 * _FOLDED), "…")
    summary = element("summary", beginning, element("span", "fold", class_="fold"))
    return element("details", summary, whole, class_="folded")


def _build_score(split: str, score: Score | None, scale: Scale) -> Markup:
    if score is None:
        return element("td", "–", class_=f"{split} none")
    basis = [format_basis(score, scale)]
    if are_shares(scale):
        basis = [format_correct(score), format_bounds(*score["interval"])]
    return element(
        "td",
        element("b", format_mean(score["mean"], scale, estimated=score.get("estimated", False))),
        *(part for text in basis for part in (" ", element("small", text))),
        class_=split,
        data_value=round(scale.orient(score["mean"]), 9),
    )


def _build_flags(leaks: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the cell with the first train questions that an instruction quotes."""
    if not leaks:
        return element("td", "", class_="flags none", data_value=0)
    quotes = [join([" “", bdi(leak["quote"], 80), "”"]) for leak in leaks[:_QUOTES]]
    more = f" and {len(leaks) - _QUOTES} more" if len(leaks) > _QUOTES else ""
    warning = f"⚠ quotes {pluralize(len(leaks), 'train question')}:"
    return element("td", warning, *quotes, more, class_="flags", data_value=len(leaks))


_FEW = 8
"""Rows shown before the reader asks for all."""
_ANSWER = 300
"""Bytes of an answer in a table."""


def build_flips(view: RunView) -> Markup | None:
    """Return the section about test questions won and lost, None with nothing to compare."""
    if view.start is None or view.best is None or view.start is view.best:
        return None
    by_split = {
        flips.split: flips for flips in find_flips(view.run, view.start, view.run, view.best)
    }
    flips = by_split.get("test")
    if flips is None:
        return None
    limit = limit_text(2 * (len(flips.gained) + len(flips.lost)))
    return section(
        view,
        "flips",
        "Which test questions flipped",
        note("The answers are those that were read from the replies."),
        _build_flip_table(view, "▲", "gained", flips.gained, limit),
        _build_flip_table(view, "▼", "lost", flips.lost, limit),
    )


def _build_flip_table(
    view: RunView, sign: str, name: str, flips: Sequence[AnswerPair], limit: int
) -> Markup:
    better = view.best_name if name == "gained" else "start prompt"
    title = f"{sign} {len(flips):,} {name}"
    heading = element("h4", title, " ", element("small", f"better under the {better}"))
    if not flips:
        return heading
    titles = ["question", "expected", "start prompt said", f"{view.best_name} said"]
    rows = [
        [
            element("div", fold_text(flip.question, limit), data_flip=flip.before.number),
            bdi(flip.target, _ANSWER),
            _build_answer(flip.before.outcome),
            _build_answer(flip.after.outcome),
        ]
        for flip in flips
    ]
    return element("div", heading, *fold_rows(f"Questions {name}", titles, rows, "stacked"))


def fold_rows(
    caption: str,
    titles: Sequence[str],
    rows: Sequence[Sequence[Markup | str]],
    kind: str | None = None,
) -> list[Markup]:
    """Return a table of the first rows, and a folded one of the others."""
    tables = [table(caption, titles, rows[:_FEW], kind=kind)]
    if rest := rows[_FEW:]:
        summary = element("summary", f"show all {len(rows):,}")
        more = table(f"{caption}, continued", titles, rest, kind=kind)
        tables.append(element("details", summary, more, class_="all"))
    return tables


def _build_answer(outcome: Outcome) -> Markup:
    right = outcome.score == 1.0
    partly = outcome.score is not None and 0.0 < outcome.score < 1.0
    sign = "✓ " if right else "≈ " if partly else "✗ "
    answer = outcome.answer
    shown = element("i", "no answer read") if answer is None else bdi(answer, _ANSWER)
    return element("span", sign, shown, class_="right" if right else "wrong")


def build_unreadable(view: RunView) -> Markup | None:
    """Return the section about answers that no metric could read, None where all were read."""
    counts = [words for split in SPLITS if (words := _count_missed(view, split))]
    if not counts:
        return None
    rule = "are left out" if view.result.get("unanswerable") == "exclude" else "count as wrong too"
    return section(
        view,
        "unreadable",
        "Unreadable answers",
        note(f"{'; '.join(counts)}. Unreadable answers count as wrong, refused questions {rule}."),
        *map(note, list_request_notes(view.result, ("cut",))),
        *(_list_replies(view) or _list_most_missed(view)),
    )


def _count_missed(view: RunView, split: Split) -> str:
    """Return "4 unreadable of 320 answers on train", "" where none was missed."""
    answers = [candidate.answers[split] for candidate in view.run.state.candidates.values()]
    numbers = count_missed(answers)
    missed = " and ".join(f"{number:,} {kind}" for kind, number in numbers.items() if number)
    total = sum(len(answer.by_question) for answer in answers)
    return f"{missed} of {pluralize(total, 'answer')} on {split}" if missed else ""


def _list_replies(view: RunView) -> list[Markup]:
    """Return the unreadable replies, where the journal was read for them."""
    replies = view.history.unreadable
    if not replies:
        return []
    limit = limit_text(3 * len(replies))
    asked = [(reply, view.run.examples[reply.split][reply.question]) for reply in replies]
    rows = [
        [
            fold_text(example.input, limit),
            bdi(example.target, _ANSWER),
            fold_text(reply.text or "(empty)", limit),
            bdi(display_instruction(reply.instruction), _ANSWER),
        ]
        for reply, example in asked
    ]
    titles = ["question", "expected", "the whole reply", "under the instruction"]
    caption = f"The first {MAX_REPLIES} replies" if len(rows) == MAX_REPLIES else "Replies"
    return fold_rows(f"{caption} without an answer", titles, rows, "stacked")


def _list_most_missed(view: RunView) -> list[Markup]:
    """Return the questions that most often went without an answer."""
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
        for (split, question), times in missed.most_common(MAX_REPLIES)
        if question < len(view.run.examples.get(split, ()))
    ]
    limit = limit_text(2 * len(worst))
    rows = [
        [fold_text(example.input, limit), bdi(example.target, _ANSWER), f"{times:,}"]
        for example, times in worst
    ]
    titles = ["question", "expected", "times without an answer"]
    return fold_rows("Questions without an answer", titles, rows) if rows else []
