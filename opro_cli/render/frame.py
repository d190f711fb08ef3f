"""A frame of the live view of a run: calls, spend, the best candidates, the work in progress."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.text import Text

from opro_cli.core.run import progress, selection
from opro_cli.core.run.deciding import get_basis, name_basis
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.remaining import FIRST_CALLS, estimate_calls_left, estimate_time_left
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.render.panels import (
    WIDE,
    Shares,
    WrongAnswer,
    draw_search,
    draw_wrong,
    share_room,
)
from opro_cli.render.problem import draw_problem
from opro_cli.render.safe import printable
from opro_cli.render.scoreboard import Columns, Scoreboard, StepScores, Work, count_missed
from opro_cli.reports import formats
from opro_cli.reports.formats import (
    are_shares,
    format_count,
    format_duration,
    format_mean,
    format_rough_duration,
)
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
_GROWS = 1.02
"""By how much a cost exceeds that so far before its end is told beside it."""
MEANINGFUL = 1.0
"""Seconds after which a rate says something."""


@dataclass(slots=True)
class RunView:
    """What somebody has chosen to see, and what a view has gathered of the answers.

    Attributes:
        chosen: The id of the prompt under the cursor, "" for none.
        foot: The keys, for a line at the foot; none where none are read.
        said: The reply to a key, in place of a notice.
        wrong: The last answers that were not right, the newest first.
    """

    chosen: str = ""
    foot: Sequence[str] = ()
    said: str = ""
    wrong: Sequence[WrongAnswer] = ()


def render_run(  # noqa: PLR0913 - the last three are keywords with a default
    briefing: RunHeader,
    state: RunState,
    activity: Progress,
    now: float,
    width: int,
    height: int,
    *,
    board: Scoreboard | None = None,
    encoding: str = "utf-8",
    view: RunView | None = None,
) -> Text:
    """Render a frame of at most `height` lines and `width` cells.

    `now` is a time in seconds by the clock of `activity.started`. Passing one `board` for all
    frames saves recounting and does not change the picture. A terminal of another `encoding` than
    a Unicode one gets dots of ASCII, and no chart.
    """
    board, view = board or Scoreboard(), view or RunView()
    missed = count_missed([a for c in state.candidates.values() for a in c.answers.values()])
    columns = Columns(
        width,
        state.sizes,
        unreadable=missed["unreadable"] > 0,
        dev=any(c.answers["dev"].by_question for c in state.candidates.values()),
        leaks=state.leaks_of,
        scale=state.scale,
    )
    has_letters = "utf" in encoding.lower()
    is_wide = width >= WIDE and has_letters and briefing.problem is None
    lines = _draw_head(briefing, state, activity, missed, now, width, bar=has_letters)
    room = height - len(lines) - 1 - bool(view.foot)
    share = share_room(room, state.search.candidates_per_step) if is_wide else Shares()
    if share.chart:
        lines += draw_search(state, board, width, share.chart)
    else:
        lines += _draw_sparklines(board.measure_steps(state), width, state.scale)
    lines.append(_draw_notice(state, activity, now, width, briefing.limits, view.said))
    below = draw_wrong(briefing, state, view.wrong, width, share.wrong) if share.wrong else []
    room = height - len(lines) - len(below) - bool(view.foot)
    if briefing.problem is not None and room > _TABLES:
        minimise, spare = state.scale.minimise, min(_DRAWING, room - _TABLES)
        found = list_found(state)
        drawing = draw_problem(
            briefing.problem, found, width, spare, minimise=minimise, encoding=encoding
        )
        lines += drawing
        room -= len(drawing)
    tables = _draw_tables(state, board, columns, room, view.chosen)
    if below or view.foot:
        tables += [Text()] * (room - len(tables))  # so that what stands below stays put
    lines += [*tables, *below]
    while lines and not lines[-1].plain:
        lines.pop()
    if view.foot:
        lines = lines[: max(1, height - 1)]
        lines += [Text()] * (height - 1 - len(lines))
        lines.append(draw_foot(view.foot, width))
    return build_frame(lines, width, height)


def draw_foot(keys: Sequence[str], width: int) -> Text:
    """Return the line that says what keys do, as many as there is room for."""
    line = join_fitting(keys, width)
    line.stylize("dim")
    return line


def render_end(
    briefing: RunHeader, state: RunState, activity: Progress, now: float, width: int
) -> Text:
    """Render the two lines that are left of the view of a session that is over."""
    missed = count_missed([a for c in state.candidates.values() for a in c.answers.values()])
    elapsed = now - activity.started
    calls = _list_calls(state, activity, missed, elapsed)
    tokens_in, tokens_out, cost = format_metered(state)
    parts = [*calls[:1], f"cost {cost}", f"tokens {tokens_in} in, {tokens_out} out", *calls[1:]]
    return build_frame(
        [_draw_title(briefing, state, elapsed, width), join_fitting(parts, width)], width, 2
    )


def list_choices(state: RunState, board: Scoreboard) -> list[str]:
    """Return the ids of the prompts that the tables show, from top to bottom."""
    work = board.find_work(state)
    working = [candidate.id for candidate in work.candidates]
    best = [candidate.id for candidate in board.find_best(state)]
    return list(dict.fromkeys([*best, *working] if work.split == "train" else [*working, *best]))


def _draw_title(briefing: RunHeader, state: RunState, elapsed: float, width: int) -> Text:
    at = state.ended.reason if state.ended else progress.describe_phase(state)
    return fill_between(briefing.run, f"{at}{_DOT}{format_duration(elapsed)}", width)


def _draw_head(
    briefing: RunHeader,
    state: RunState,
    activity: Progress,
    missed: Mapping[str, int],
    now: float,
    width: int,
    *,
    bar: bool,
) -> list[Text]:
    """Return the title, how much is done, the calls and the spend."""
    elapsed, done = now - activity.started, progress.count_calls(state)
    total = done + estimate_calls_left(state).total if state.ended is None else done
    return [
        _draw_title(briefing, state, elapsed, width),
        _draw_bar(state, done / total if total else 0.0, width, blocks=bar),
        join_fitting(_list_calls(state, activity, missed, elapsed, total, briefing.budget), width),
        _draw_spend(state, activity, width, briefing.budget, total / done if done else 0.0),
    ]


def _draw_bar(state: RunState, share: float, width: int, *, blocks: bool) -> Text:
    """Return a bar of the calls that are done, and the time that the others are expected to take.

    Nothing of it is left once a session is over.
    """
    if state.ended is not None:
        return Text()
    left = estimate_time_left(state)
    time = f"about {format_rough_duration(left.likely)} left" if left else "time left unknown yet"
    words = f" {min(99, int(100 * share)):>3} %{_DOT}{time}"
    room = max(0, width - cell_len(words))
    full = min(room, round(share * room))
    done, rest = ("━", "─") if blocks else ("=", "-")
    line = Text(done * full, style="green").append(rest * (room - full), style="dim")
    return line.append(words, style="")


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
    state: RunState,
    activity: Progress,
    now: float,
    width: int,
    limits: Mapping[str, int | None],
    said: str = "",
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
    elif said:
        style, notice = "bold", said
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


def _list_calls(
    state: RunState,
    activity: Progress,
    missed: Mapping[str, int],
    elapsed: float,
    total: float = 0.0,
    budget: BudgetSettings | None = None,
) -> list[str]:
    """Return the calls so far, out of how many that are expected, and how fast they are."""
    done, cached = progress.count_calls(state), progress.count_spared_calls(state)
    expected = "" if state.ended or not total else f" of about {_round_count(total)}"
    if budget is not None and budget.calls is not None:
        expected += f" (budget {format_count(budget.calls)})"
    parts = [f"calls {format_count(done)}{expected}"]
    if cached:
        parts.append(f"{format_count(cached)} cached")
    if elapsed >= MEANINGFUL and activity.session_calls:
        parts.append(formats.format_rate(activity.session_calls / elapsed))
    if budget is not None and budget.minutes is not None:
        worked = format_duration(state.working_seconds)
        parts.append(f"{worked} of {format_rough_duration(60 * budget.minutes)}")
    return parts + [f"{format_count(number)} {kind}" for kind, number in missed.items() if number]


def _round_count(number: float) -> str:
    """Return an estimate with as many digits as it is good for: "1,320", "47"."""
    digits = max(0, len(str(int(number))) - 3)
    return format_count(round(number / 10**digits) * 10**digits)


def _draw_spend(
    state: RunState, activity: Progress, width: int, budget: BudgetSettings, growth: float
) -> Text:
    """Return tokens and cost, out of a budget; `growth`: by how much a whole run exceeds this."""
    tokens_in, tokens_out, cost = format_metered(state)
    cost += formats.format_unmetered_briefly(bound_unmetered(state.spend.values()))
    tokens = f"tokens {tokens_in} in, {tokens_out} out"
    tokens += f" of {formats.format_tokens(budget.tokens)}" if budget.tokens is not None else ""
    money = f"cost {cost}"
    money += f" of {formats.format_money(budget.usd)}" if budget.usd is not None else ""
    style = ""
    if (end := _expect_cost(state, growth)) is not None:
        money += f", about {formats.format_money(end)} in the end"
        style = "yellow" if budget.usd is not None and end > budget.usd else ""
    parts = [money, tokens] if budget.usd is not None else [tokens, money]
    if activity.in_flight and not state.ended:
        in_flight = (f"{name} {number}" for name, number in activity.in_flight.items())
        parts.append(f"in flight: {', '.join(in_flight)}")
    if thoughts := sum_reported([spend.reasoning_tokens for spend in state.spend.values()]):
        parts.append(f"thoughts {formats.format_tokens(thoughts)}")
    line = join_fitting(parts, width)
    line.highlight_words([money], style)
    return line


def _expect_cost(state: RunState, growth: float) -> float | None:
    """Return what the whole run is likely to cost; None where no price or pace is known.

    Calls of both models are assumed to go on in the proportion that they have come in.
    """
    known = [spend.known_usd for spend in state.spend.values()]
    asked = state.spend_of("optimizer").calls or not state.search.steps
    if state.ended or not asked or None in known or progress.count_calls(state) < FIRST_CALLS:
        return None
    spent = sum(usd for usd in known if usd is not None)
    return spent * growth if spent and growth > _GROWS else None


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


def _draw_tables(
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
