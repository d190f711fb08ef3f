"""A row of numbers as a row of blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from opro_cli.core.run.progress import (
    Activity,
    RunHeader,
    calls_done,
    calls_spared,
    expected_calls,
    phase,
)
from opro_cli.core.run.state import RunState
from opro_cli.render.safe import printable
from opro_cli.render.scoreboard import Bench, Columns, Scoreboard, StepScores, count_missed
from opro_cli.reports import formats
from opro_cli.reports.formats import describe_excess, format_unmetered_briefly
from opro_cli.reports.result import bound_unmetered, count_metered, find_excess

_BLOCKS = "▁▂▃▄▅▆▇█"


def draw_sparkline(values: Sequence[float], low: float, high: float, width: int) -> str:
    """One block a value between `low` and `high`; at most `width`, both ends kept."""
    if width < 1 or not values:
        return ""
    spread = high - low
    if spread <= 0:  # all the same: neither a floor nor a peak
        return _BLOCKS[3] * min(width, len(values))
    top = len(_BLOCKS) - 1
    levels = (round((value - low) / spread * top) for value in _sampled(values, width))
    return "".join(_BLOCKS[max(0, min(top, level))] for level in levels)


def _sampled(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    if width == 1:
        return [values[-1]]
    return [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]


_DOT = " · "
_MIN_BEST = 4
MEANINGFUL = 1.0
"""Seconds after which a rate says something."""


def render_run(
    briefing: RunHeader,
    state: RunState,
    activity: Activity,
    now: float,
    width: int,
    height: int,
    board: Scoreboard | None = None,
) -> Text:
    """A frame of at most `height` lines and `width` cells.

    now: seconds of the clock of `activity.started`. board: kept from frame to frame, it saves
    counting again what was counted before; it never changes the picture.
    """
    board = board or Scoreboard()
    missed = count_missed(state.candidates.values())
    columns = Columns(
        width,
        state.sizes,
        unreadable=missed["unreadable"] > 0,
        dev=any(c.answers["dev"].by_question for c in state.candidates.values()),
        leaks=state.leaks_of,
    )
    lines = [
        _header(briefing, state, activity, now, width),
        _notice(state, activity, now, width),
        _calls_line(state, activity, missed, now, width),
        _spend_line(state, activity, width),
        *_sparklines(board.by_step(state), width),
        Text(),
    ]
    lines += _tables(state, board, columns, height - len(lines))
    while lines and not lines[-1].plain:
        lines.pop()
    lines = lines[: max(0, height)]
    for line in lines:
        line.truncate(width)  # most fit by themselves, down to some 50 cells
    frame = Text("\n").join(lines)
    frame.no_wrap = True
    frame.overflow = "crop"
    return frame


def _header(
    briefing: RunHeader, state: RunState, activity: Activity, now: float, width: int
) -> Text:
    at = state.ended.reason if state.ended else phase(state)
    return fill_between(
        briefing.run, f"{at}{_DOT}{formats.format_duration(now - activity.started)}", width
    )


def fill_between(left: str, right: str, width: int) -> Text:
    """The first line of a picture: what it shows, and how it stands at the other end."""
    name = printable(left, max(0, width - cell_len(right) - 2))
    gap = max(1, width - cell_len(name) - cell_len(right))
    return Text(printable(name + " " * gap + right, width), style="bold")


def _notice(state: RunState, activity: Activity, now: float, width: int) -> Text:
    """The one line that says why nothing moves, or who is missing; blank when all is well."""
    if state.ended:
        return Text(printable(state.ended.detail, width), style="yellow")
    if activity.stopping:
        return Text(printable(format_stopping(activity), width), style="bold yellow")
    seconds = math.ceil(activity.waiting_until - now)
    if activity.waiting and seconds > 0:
        why = f"waiting {formats.format_duration(seconds)}: {activity.waiting}"
        return Text(printable(why, width), style="yellow")
    for endpoint, reason in activity.out.items():
        return Text(printable(format_outage(endpoint, reason), width), style="yellow")
    for role, most in find_excess(state.spend).items():
        return Text(printable(describe_excess(role, **most), width), style="yellow")
    return Text()


def format_outage(endpoint: str, why: str) -> str:
    """Which endpoint gets no calls, in words of the outside."""
    return f"{endpoint} is out: {why}"


def format_stopping(activity: Activity) -> str:
    """What a clean stop waits for, and how not to wait."""
    calls = formats.pluralize(sum(activity.in_flight.values()), "call")
    return f"stopping: waiting for {calls} in flight (Ctrl-C again to stop at once)"


def _calls_line(
    state: RunState, activity: Activity, missed: Mapping[str, int], now: float, width: int
) -> Text:
    done, cached = calls_done(state), calls_spared(state)
    expected = expected_calls(state) - cached
    finished = state.ended is not None and state.ended.reason == "finished"
    most = "" if finished else f" of at most {formats.format_count(max(done, expected))}"
    parts = [f"calls {formats.format_count(done)}{most}"]
    if cached:
        parts.append(f"{formats.format_count(cached)} cached")
    elapsed = now - activity.started
    if elapsed >= MEANINGFUL and activity.session_calls:
        rate = activity.session_calls / elapsed
        parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{rate:.2f}/s")
        if not state.ended:
            left = formats.format_duration(max(0, expected - done) / rate)
            parts.append(f"at most {left} left")
    parts += [f"{formats.format_count(many)} {what}" for what, many in missed.items() if many]
    return join_fitting(parts, width)


def _spend_line(state: RunState, activity: Activity, width: int) -> Text:
    roles = list(state.spend.values())
    known = count_metered(roles)
    tokens_in = formats.format_tokens(known["prompt_tokens"])
    tokens_out = formats.format_tokens(known["completion_tokens"])
    cost = formats.format_money_by_role(
        {name: role.known_usd for name, role in state.spend.items()}
    )
    cost += format_unmetered_briefly(bound_unmetered(roles))
    parts = [f"tokens {tokens_in} in, {tokens_out} out", f"cost {cost}"]
    if activity.in_flight and not state.ended:
        flying = (f"{name} {activity.in_flight[name]}" for name in activity.in_flight)
        parts.append(f"in flight: {', '.join(flying)}")
    return join_fitting(parts, width)


def join_fitting(parts: Iterable[str], width: int) -> Text:
    """The parts that fit, in this order; a cut number would be a wrong one."""
    first, *others = parts
    line = printable(first, width)
    for part in others:
        if cell_len(line) + len(_DOT) + cell_len(part) <= width:
            line += _DOT + part
    return Text(line)


def _sparklines(scores: StepScores, width: int) -> list[Text]:
    if not scores.mean:
        return []
    low, high = min(scores.mean), scores.best_so_far[-1]
    rows = (("best so far", scores.best_so_far, "green"), ("step mean", scores.mean, ""))
    lines = []
    for label, values, style in rows:
        first, last = formats.format_percent(values[0]).rjust(7), formats.format_percent(values[-1])
        bars = draw_sparkline(values, low, high, width - 30)
        text = f"{label:<11} {first} {bars} {last}" if len(values) > 1 else f"{label:<11} {first}"
        lines.append(Text(printable(text, width), style=style))
    return lines


def _tables(state: RunState, board: Scoreboard, columns: Columns, room: int) -> list[Text]:
    """The best above, whom the run is busy with below; together at most `room` lines."""
    bench = board.bench(state)
    if state.ended and state.ended.reason == "finished":
        return _best_rows(state, board, columns, room - 1)
    # Room is kept for a whole step, so that the best stay put while proposals come in.
    wanted = max(state.search.candidates_per_step, len(bench.candidates), len(bench.proposals))
    bench_rows = max(1, min(wanted, room - 3 - _MIN_BEST))
    best = _best_rows(state, board, columns, room - 3 - bench_rows)
    return [*best, Text(), *_bench_rows(bench, board, columns, bench_rows)]


def _best_rows(state: RunState, board: Scoreboard, columns: Columns, room: int) -> list[Text]:
    title = "best by dev score" if columns.dev else "best so far"
    lines = [columns.header(title)]
    best = board.best(state, max(0, room))
    for place, candidate in enumerate(best):
        on_dev = board.score(candidate, "dev") if state.is_scored(candidate, "dev") else None
        train = board.score(candidate, "train")
        spare = room - len(best) > 0 or room > _MIN_BEST
        rows = columns.row(candidate, "train", train, on_dev, 2 if place == 0 and spare else 1)
        if place == 0:
            for row in rows:
                row.stylize("bold green")
        lines += rows
    if not best:
        lines.append(Text("none has all its train answers yet", style="dim"))
    return lines[: max(0, room) + 1]


def _bench_rows(bench: Bench, board: Scoreboard, columns: Columns, room: int) -> list[Text]:
    lines = [columns.title(bench.title)]
    if bench.proposals:
        return [*lines, *_last(map(columns.proposal, bench.proposals), room)]
    scored = [board.score(c, bench.split) for c in bench.candidates]
    size = columns.sizes[bench.split]
    open_from = next(
        (i for i, s in enumerate(scored) if s is None or (s.n < size and not s.estimated)),
        len(scored),
    )
    start = max(0, min(open_from, len(scored) - room))
    for candidate, score in list(zip(bench.candidates, scored, strict=True))[start:][:room]:
        lines += columns.row(candidate, bench.split, score, None)
    return lines


def _last(lines: Iterable[Text], room: int) -> list[Text]:
    return list(lines)[-room:]
