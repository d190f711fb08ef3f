"""The table of all instructions, and single questions: flips and unreadable answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli.core.run.answers import Outcome
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.html.markup import Markup, bdi, cut_beginning, element, join, paragraphs
from opro_cli.render.html.view import (
    MOST_SHOWN,
    Row,
    RunView,
    Score,
    format_correct,
    format_interval,
    limit_text,
    note,
    scroll_box,
    section,
    shown,
    table,
)
from opro_cli.reports.formats import format_mean, pluralize
from opro_cli.reports.paired import AnswerPair, find_flips
from opro_cli.reports.recorded import MAX_REPLIES

_QUOTES = 2
"""That are shown of an instruction with more."""
_FOLDED = 180
"""Characters that are seen of a long instruction before it is opened."""


def build_candidates(view: RunView) -> Markup:
    """The section with the table, the best on train first."""
    rows = sorted(view.rows, key=lambda row: -(row.score("train") or {"mean": -1.0})["mean"])
    flagged = any(row.data.get("leaks") for row in rows)
    limit = limit_text(len(rows))
    titles = ["step", "instruction", *view.splits, "unreadable", "refused"]
    titles += ["flags"] if flagged else []
    body = [_row(view, row, limit, flagged) for row in rows]
    table = element(
        "table",
        element("caption", "All instructions", class_="unseen"),
        element("thead", element("tr", *(_heading(title) for title in titles))),
        element("tbody", join(body)),
        class_="candidates",
    )
    return section(
        view,
        "candidates",
        "All instructions",
        note(
            f"{pluralize(len(rows), 'instruction')}. A heading sorts by its column, a second time the",
            "other way round. Scores are with their 95 % interval and the right answers.",
        ),
        element("p", "", role="status", class_="unseen"),
        scroll_box("All instructions", table, "tall"),
    )


def _heading(title: str) -> Markup:
    sort = "descending" if title == "train" else "none"
    button = element("button", title, type="button")
    return element("th", button, scope="col", aria_sort=sort, class_=title)


def _row(view: RunView, row: Row, limit: int, flagged: bool) -> Markup:
    marks = [("★ ", view.best_name)] if row.is_best else []
    marks += [("■ ", "start prompt")] if row.is_start else []
    badges = [element("span", sign + name, class_="badge") for sign, name in marks]
    kind = "best" if row.is_best else "start" if row.is_start else None
    # What a person came for is shown in full.
    text = fold_text(row.instruction, MOST_SHOWN if row.is_best or row.is_start else limit)
    return element(
        "tr",
        _number("step", row.step, "start" if row.step == 0 else str(row.step)),
        element("td", *badges, text, class_="instruction"),
        *(_score(split, row.score(split)) for split in view.splits),
        *(_missed(kind, row.missed(kind)) for kind in ("unreadable", "refused")),
        _flags(row.data.get("leaks", ())) if flagged else None,
        id=row.id,
        class_=kind,
        tabindex=-1,
    )


def fold_text(text: str, limit: int) -> Markup:
    """A text with its line ends; of a long one the beginning, and all of it behind that."""
    whole = paragraphs(text, limit)
    if len(text) <= _FOLDED:
        return element("div", whole, class_="text")
    head = text[:_FOLDED]
    words = head[: head.rfind(" ")] if " " in head[_FOLDED // 2 :] else head
    begin = element("bdi", cut_beginning(words, 3 * _FOLDED), "…")
    return element("details", element("summary", begin), element("div", whole, class_="text"))


def _number(kind: str, value: float, told: str) -> Markup:
    return element("td", told, class_=kind, data_value=value)


def _score(split: str, score: Score | None) -> Markup:
    if score is None:
        return element("td", "–", class_=f"{split} none")
    return element(
        "td",
        *(element("b", format_mean(score["mean"], estimated=score.get("estimated", False))), " "),
        *(element("small", format_correct(score)), " ", element("small", format_interval(score))),
        class_=split,
        data_value=round(score["mean"], 9),
    )


def _missed(kind: str, missed: int) -> Markup:
    return element("td", str(missed), class_=kind if missed else f"{kind} none", data_value=missed)


def _flags(leaks: Sequence[Mapping[str, Any]]) -> Markup:
    """What an instruction quotes of the train questions; the first quotes are shown."""
    if not leaks:
        return element("td", "", class_="flags none", data_value=0)
    quotes = [join([" “", bdi(leak["quote"], 80), "”"]) for leak in leaks[:_QUOTES]]
    more = f" and {len(leaks) - _QUOTES} more" if len(leaks) > _QUOTES else ""
    told = join([f"⚠ quotes {pluralize(len(leaks), 'train question')}:", *quotes, more])
    return element("td", told, class_="flags", data_value=len(leaks))


_FEW = 8
"""Rows that are seen before all are asked for."""
_ANSWER = 300


def build_flips(view: RunView) -> Markup | None:
    """Where the winner does better or worse on test; None where there is nothing to compare."""
    if view.start is None or view.best is None or view.start is view.best:
        return None
    by_split = {each.split: each for each in find_flips(view.run, view.start, view.run, view.best)}
    flips = by_split.get("test")
    if flips is None:
        return None
    limit = limit_text(2 * (len(flips.gained) + len(flips.lost)))
    return section(
        view,
        "flips",
        "Which test questions flipped",
        note("The answers are those that were read from the replies."),
        _flips(view, f"▲ {len(flips.gained):,} gained", "gained", flips.gained, limit),
        _flips(view, f"▼ {len(flips.lost):,} lost", "lost", flips.lost, limit),
    )


def _flips(view: RunView, title: str, name: str, flips: Sequence[AnswerPair], limit: int) -> Markup:
    head = ["question", "expected", "start prompt said", f"{view.best_name} said"]
    rows = [
        [
            fold_text(flip.question, limit),
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
    return element("div", heading, *fold_rows(f"Questions {name}", head, rows))


def fold_rows(
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


def build_unreadable(view: RunView) -> Markup | None:
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
    return f"{told} of {pluralize(total, 'answer')} on {split}" if told else ""


def _replies(view: RunView) -> list[Markup]:
    """The replies themselves, where the journal was read for them."""
    replies = view.history.unreadable
    if not replies:
        return []
    limit = limit_text(3 * len(replies))
    rows = []
    for reply in replies:
        example = view.run.examples[reply.split][reply.question]
        rows.append(
            [
                fold_text(example.input, limit),
                bdi(example.target, _ANSWER),
                fold_text(reply.text or "(empty)", limit),
                bdi(shown(reply.instruction), _ANSWER),
            ]
        )
    head = ["question", "expected", "the whole reply", "under the instruction"]
    caption = f"The first {MAX_REPLIES} replies" if len(rows) == MAX_REPLIES else "Replies"
    return fold_rows(f"{caption} without an answer", head, rows)


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
        for (split, question), times in missed.most_common(MAX_REPLIES)
        if question < len(view.run.examples.get(split, ()))
    ]
    limit = limit_text(2 * len(worst))
    rows = [
        [fold_text(example.input, limit), bdi(example.target, _ANSWER), f"{times:,}"]
        for example, times in worst
    ]
    head = ["question", "expected", "times without an answer"]
    return fold_rows("Questions without an answer", head, rows) if rows else []
