"""A frame of the live view of a run: calls, spend, the best candidates, the work in progress."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from opro_cli.core.run import progress, selection
from opro_cli.core.run.deciding import get_basis, name_basis
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.remaining import estimate_time_left
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.render.problem import draw_problem
from opro_cli.render.safe import printable
from opro_cli.render.scoreboard import Columns, Scoreboard, StepScores, Work, count_missed
from opro_cli.reports import formats
from opro_cli.reports.formats import are_shares, format_count, format_duration, format_mean
from opro_cli.reports.problem import list_found
from opro_cli.reports.request_words import list_request_notes
from opro_cli.reports.requests import describe_requests
from opro_cli.reports.result import bound_unmetered, count_metered, find_excess, sum_reported

_BLOCKS = "▁▂▃▄▅▆▇█"
_DOT = " · "
_MIN_BEST = 4
_TABLES = 10
"""Lines for the tables, which a drawing leaves to them."""
_DRAWING = 13
"""Lines of the drawing of a problem at most."""
MEANINGFUL = 1.0
"""Seconds after which a rate says something."""


def render_run(
    briefing: RunHeader,
    state: RunState,
    activity: Progress,
    now: float,
    width: int,
    height: int,
    *,
    board: Scoreboard | None = None,
    encoding: str = "utf-8",
) -> Text:
    """Render a frame of at most `height` lines and `width` cells.

    `now` is a time in seconds by the clock of `activity.started`. Passing one `board` for all
    frames saves recounting and does not change the picture. A terminal of another `encoding` than
    a Unicode one gets dots of ASCII.
    """
    board = board or Scoreboard()
    missed = count_missed([a for c in state.candidates.values() for a in c.answers.values()])
    columns = Columns(
        width,
        state.sizes,
        unreadable=missed["unreadable"] > 0,
        dev=any(c.answers["dev"].by_question for c in state.candidates.values()),
        leaks=state.leaks_of,
        scale=state.scale,
    )
    at = state.ended.reason if state.ended else progress.describe_phase(state)
    elapsed = now - activity.started
    lines = [
        fill_between(briefing.run, f"{at}{_DOT}{format_duration(elapsed)}", width),
        _draw_notice(state, activity, now, width, briefing.limits),
        _draw_calls(state, activity, missed, elapsed, width),
        _draw_spend(state, activity, width),
        *_draw_sparklines(board.measure_steps(state), width, state.scale),
        Text(),
    ]
    if briefing.problem is not None and (room := height - len(lines) - _TABLES) > 0:
        minimise, room = state.scale.minimise, min(_DRAWING, room)
        found = list_found(state)
        lines += draw_problem(
            briefing.problem, found, width, room, minimise=minimise, encoding=encoding
        )
    lines += _draw_tables(state, board, columns, height - len(lines))
    while lines and not lines[-1].plain:
        lines.pop()
    return build_frame(lines, width, height)


def build_frame(lines: Sequence[Text], width: int, height: int) -> Text:
    """Return the lines that fit as one text, none wider than `width` cells."""
    lines = lines[: max(0, height)]
    for line in lines:
        line.truncate(width)  # most fit by themselves, down to some 50 cells
    frame = Text("\n").join(lines)
    frame.no_wrap = True
    frame.overflow = "crop"
    return frame


def fill_between(left: str, right: str, width: int) -> Text:
    """Return the first line of a frame: a name on the left, its status on the right."""
    name = printable(left, max(0, width - cell_len(right) - 2))
    gap = max(1, width - cell_len(name) - cell_len(right))
    return Text(printable(name + " " * gap + right, width), style="bold")


def _draw_notice(
    state: RunState, activity: Progress, now: float, width: int, limits: Mapping[str, int | None]
) -> Text:
    """Return the line about a stop, a wait, an outage, an excess or what servers did to requests.

    Blank when there is none.
    """
    style, notice = "yellow", ""
    if state.ended:
        notice = state.ended.detail
    elif activity.stopping:
        style, notice = "bold yellow", format_stopping(activity)
    elif loading := activity.loading():
        notice = loading
    elif activity.waiting and (seconds := math.ceil(activity.waiting_until - now)) > 0:
        notice = f"waiting {format_duration(seconds)}: {activity.waiting}"
    elif activity.note and not activity.out:
        notice = activity.note
    elif activity.out:
        notice = format_outage(*next(iter(activity.out.items())))
    elif excess := find_excess(state.spend):
        role, most = next(iter(excess.items()))
        notice = formats.describe_excess(role, **most)
    else:
        requests = {"requests": describe_requests(state, limits)}
        notice = next(list_request_notes(requests), "")
    return Text(printable(notice, width), style=style)


def format_outage(endpoint: str, reason: str) -> str:
    """Say which endpoint gets no calls, and why."""
    return f"{endpoint} is out: {reason}"


def format_stopping(activity: Progress) -> str:
    """Say what a clean stop waits for, and how not to wait."""
    calls = formats.pluralize(sum(activity.in_flight.values()), "call")
    return f"stopping: waiting for {calls} in flight (Ctrl-C again to stop at once)"


def _draw_calls(
    state: RunState, activity: Progress, missed: Mapping[str, int], elapsed: float, width: int
) -> Text:
    done, cached = progress.count_calls(state), progress.count_spared_calls(state)
    expected = progress.estimate_calls(state) - cached
    finished = state.ended is not None and state.ended.reason == "finished"
    most = "" if finished else f" of at most {format_count(max(done, expected))}"
    parts = [f"calls {format_count(done)}{most}"]
    if cached:
        parts.append(f"{format_count(cached)} cached")
    if elapsed >= MEANINGFUL and activity.session_calls:
        rate = activity.session_calls / elapsed
        parts.append(formats.format_rate(rate))
        if (left := estimate_time_left(state)) is not None:
            parts.append(formats.format_time_left(left.likely, left.at_most))
    parts += [f"{format_count(number)} {kind}" for kind, number in missed.items() if number]
    return join_fitting(parts, width)


def _draw_spend(state: RunState, activity: Progress, width: int) -> Text:
    tokens_in, tokens_out, cost = format_metered(state)
    cost += formats.format_unmetered_briefly(bound_unmetered(state.spend.values()))
    parts = [f"tokens {tokens_in} in, {tokens_out} out", f"cost {cost}"]
    if thoughts := sum_reported([spend.reasoning_tokens for spend in state.spend.values()]):
        parts.append(f"thoughts {formats.format_tokens(thoughts)}")
    if activity.in_flight and not state.ended:
        in_flight = (f"{name} {number}" for name, number in activity.in_flight.items())
        parts.append(f"in flight: {', '.join(in_flight)}")
    return join_fitting(parts, width)


def format_metered(state: RunState) -> tuple[str, str, str]:
    """Return the metered tokens in, tokens out and cost of all sessions."""
    metered = count_metered(state.spend.values())
    return (
        formats.format_tokens(metered["prompt_tokens"]),
        formats.format_tokens(metered["completion_tokens"]),
        formats.format_money_by_role({name: r.known_usd for name, r in state.spend.items()}),
    )


def join_fitting(parts: Iterable[str], width: int) -> Text:
    """Return the parts that fit, in this order; none is cut, since a cut number would be wrong."""
    first, *others = parts
    line = printable(first, width)
    for part in others:
        if cell_len(line) + len(_DOT) + cell_len(part) <= width:
            line += _DOT + part
    return Text(line)


def _draw_sparklines(scores: StepScores, width: int, scale: Scale) -> list[Text]:
    if not scores.mean:
        return []
    low, high = min(scores.mean), scores.best_so_far[-1]
    rows = (("best so far", scores.best_so_far, "green"), ("step mean", scores.mean, ""))
    lines = []
    room = len("100.0 %" if are_shares(scale) else "-1.234e+306")
    for label, values, style in rows:
        text = f"{label:<11} {format_mean(values[0], scale):>{room}}"
        if len(values) > 1:
            bars = draw_sparkline(values, low, high, width - 2 * room - 16)
            text += f" {bars} {format_mean(values[-1], scale)}"
        lines.append(Text(printable(text, width), style=style))
    return lines


def draw_sparkline(values: Sequence[float], low: float, high: float, width: int) -> str:
    """Return one block for each value from `low` to `high`: at most `width`, both ends kept."""
    if width < 1 or not values:
        return ""
    spread = high / 2 - low / 2  # halves, because the whole of two losses may be no number
    if spread <= 0:  # all the same: neither a floor nor a peak
        return _BLOCKS[3] * min(width, len(values))
    if len(values) > width:
        last = len(values) - 1
        picked = [round(i * last / (width - 1)) for i in range(width)] if width > 1 else [last]
        values = [values[index] for index in picked]
    top = len(_BLOCKS) - 1
    levels = (round((value / 2 - low / 2) / spread * top) for value in values)
    return "".join(_BLOCKS[max(0, min(top, level))] for level in levels)


def _draw_tables(state: RunState, board: Scoreboard, columns: Columns, room: int) -> list[Text]:
    """Return the best above and the work in progress below, together at most `room` lines."""
    work = board.find_work(state)
    if state.ended and state.ended.reason == "finished":
        return _draw_best(state, board, columns, room - 1)
    # Room is kept for a whole step, so that the best stay put while proposals come in.
    wanted = max(state.search.candidates_per_step, len(work.candidates), len(work.proposals))
    work_rows = max(1, min(wanted, room - 3 - _MIN_BEST))
    best = _draw_best(state, board, columns, room - 3 - work_rows)
    return [*best, Text(), *_draw_work(work, board, columns, work_rows)]


def _draw_best(state: RunState, board: Scoreboard, columns: Columns, room: int) -> list[Text]:
    title = f"best by {name_basis(get_basis(state))} score" if columns.dev else "best so far"
    lines = [columns.draw_header(title)]
    best = board.find_best(state, max(0, room))
    spare = room - len(best) > 0 or room > _MIN_BEST
    for index, candidate in enumerate(best):
        counts = selection.is_ranked(state, candidate, "dev")
        on_dev = board.get_score(candidate, "dev") if counts else None
        train = board.get_score(candidate, "train")
        rows = columns.draw_row(candidate, "train", train, on_dev, 2 if index == 0 and spare else 1)
        if index == 0:
            for row in rows:
                row.stylize("bold green")
        lines += rows
    if not best:
        lines.append(Text("none has all its train answers yet", style="dim"))
    return lines[: max(0, room) + 1]


def _draw_work(work: Work, board: Scoreboard, columns: Columns, room: int) -> list[Text]:
    lines = [Text(printable(work.title, columns.width), style="bold")]
    if work.proposals:
        return lines + [columns.draw_proposal(text) for text in work.proposals][-room:]
    scored = [(c, board.get_score(c, work.split)) for c in work.candidates]
    sizes = [columns.sizes[work.split] - len(c.answers[work.split].shown) for c, _ in scored]
    first_open = next(
        (
            index
            for index, ((_, score), size) in enumerate(zip(scored, sizes, strict=True))
            if score is None or (score.n < size and not score.estimated)
        ),
        len(scored),
    )
    start = max(0, min(first_open, len(scored) - room))
    for candidate, score in scored[start:][:room]:
        lines += columns.draw_row(candidate, work.split, score, None)
    return lines
