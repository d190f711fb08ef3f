"""The tables of a frame of the live view: the best prompts, and the work in progress."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from rich.text import Text

from opro_cli.core.run import selection
from opro_cli.core.run.deciding import get_basis, name_basis
from opro_cli.core.run.state import RunState
from opro_cli.render.safe import printable
from opro_cli.render.scoreboard import Columns, Scoreboard, Work

_MIN_BEST = 4


def draw_tables(
    state: RunState, board: Scoreboard, columns: Columns, room: int, chosen: str = ""
) -> list[Text]:
    """Return the best and the work in progress, together at most `room` lines; nobody is in both.

    What competes on dev or test comes first, and the others below.
    """
    work = board.find_work(state)
    if state.ended and state.ended.reason == "finished":
        return _draw_best(state, board, columns, room - 1, chosen)[0]
    wanted = max(state.search.candidates_per_step, len(work.candidates), len(work.proposals))
    if work.split != "train":
        working = [candidate.id for candidate in work.candidates]
        lines = _draw_work(work, board, columns, max(1, min(len(working), room - 4)), chosen)
        if room - len(lines) < 3:
            return lines
        rest = _draw_best(state, board, columns, room - len(lines) - 2, chosen, without=working)[0]
        return [*lines, Text(), *rest] if len(rest) > 1 else lines
    # Room is kept for a whole step, so that the best stay put while proposals come in.
    work_rows = max(1, min(wanted, room - 3 - _MIN_BEST))
    best, shown = _draw_best(state, board, columns, room - 3 - work_rows, chosen)
    others = tuple(c for c in work.candidates if c.id not in shown)
    work = replace(work, candidates=others)
    return [*best, Text(), *_draw_work(work, board, columns, work_rows, chosen)]


def _draw_best(
    state: RunState,
    board: Scoreboard,
    columns: Columns,
    room: int,
    chosen: str,
    without: Collection[str] = (),
) -> tuple[list[Text], set[str]]:
    """Return a header with the best below it, at most `room` of them, and the ids of those shown.

    The one that is chosen is among them, wherever it ranks.
    """
    title = f"best by {name_basis(get_basis(state))} score" if columns.dev else "best so far"
    lines = [columns.draw_header("the others, best first" if without else title)]
    room = max(0, room)
    best = board.find_best(state, None if chosen or without else room)
    best = [candidate for candidate in best if candidate.id not in without]
    spare = room - len(best) > 0 or room > _MIN_BEST
    at = next((i for i, candidate in enumerate(best) if candidate.id == chosen), 0)
    first = max(0, at - room + 1 + spare)
    shown: set[str] = set()
    for index, candidate in enumerate(best[first : first + room], start=first):
        on_dev = None
        if selection.is_ranked(state, candidate, "dev"):
            on_dev = board.get_score(candidate, "dev")
        train = board.get_score(candidate, "train")
        is_best = index == 0 and not without
        rows = columns.draw_row(candidate, "train", train, on_dev, 2 if is_best and spare else 1)
        if len(lines) - 1 + len(rows) > room:
            break
        shown.add(candidate.id)
        lines += _mark(rows, "bold green" if is_best else "", chosen=candidate.id == chosen)
    if not best and not without:
        lines.append(Text("none has all its train answers yet", style="dim"))
    return lines[: room + 1], shown


def _mark(rows: list[Text], style: str, *, chosen: bool) -> list[Text]:
    for row in rows:
        row.stylize(f"{style} reverse" if chosen else style)
    return rows


def _draw_work(
    work: Work, board: Scoreboard, columns: Columns, room: int, chosen: str
) -> list[Text]:
    lines = [Text(printable(work.title, columns.width), style="bold")]
    if work.proposals:
        return lines + [columns.draw_proposal(text) for text in work.proposals][-room:]
    scored = [(c, board.get_score(c, work.split)) for c in work.candidates]
    sizes = [columns.sizes[work.split] - len(c.answers[work.split].shown) for c, _ in scored]
    first_open = next(
        (
            index
            for index, ((candidate, score), size) in enumerate(zip(scored, sizes, strict=True))
            if candidate.id == chosen
            or (not chosen and (score is None or (score.n < size and not score.estimated)))
        ),
        len(scored),
    )
    start = max(0, min(first_open, len(scored) - room))
    for candidate, score in scored[start:][:room]:
        rows = columns.draw_row(candidate, work.split, score, None)
        lines += _mark(rows, "", chosen=candidate.id == chosen)
    return lines
