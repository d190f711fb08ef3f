"""A frame of the live view of a run: calls, spend, the best candidates, the work in progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rich.text import Text

from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import Split
from opro_cli.render.frame_head import (
    draw_head,
    draw_notice,
    draw_title,
    format_metered,
    join_fitting,
    list_calls,
    measure_time,
)
from opro_cli.render.frame_tables import draw_tables
from opro_cli.render.panels import WIDE, Shares, WrongAnswer, draw_search, draw_wrong, share_room
from opro_cli.render.problem import draw_problem
from opro_cli.render.safe import printable
from opro_cli.render.scoreboard import Columns, Scoreboard, StepScores, count_missed
from opro_cli.reports.formats import are_shares, format_mean
from opro_cli.reports.problem import list_found

_BLOCKS = "▁▂▃▄▅▆▇█"
_TABLES = 10
"""Lines for the tables, which a drawing leaves to them."""
_DRAWING = 13
"""Lines of the drawing of a problem at most."""


@dataclass(slots=True)
class RunView:
    """The choices of the user, and the answers that a view has gathered.

    Attributes:
        chosen: The id of the prompt under the cursor, "" for none.
        foot: The keys, for a line at the foot; none where none are read.
        notice: The reply to a key, where the run has nothing to say.
        wrong: The last answers that were not right, the newest first.
        ends: Characters that all questions of a split begin and end with, once they are known.
    """

    chosen: str = ""
    foot: Sequence[str] = ()
    notice: str = ""
    wrong: Sequence[WrongAnswer] = ()
    ends: dict[Split, tuple[int, int]] = field(default_factory=dict)


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
    board.asked = briefing.asked
    missed = count_missed([a for c in state.candidates.values() for a in c.answers.values()])
    columns = _choose_columns(state, width, unreadable=missed["unreadable"] > 0)
    has_letters = "utf" in encoding.lower()
    is_wide = width >= WIDE and has_letters and briefing.problem is None
    lines = draw_head(briefing, state, activity, missed, now, width, bar=has_letters)
    room = height - len(lines) - 1 - bool(view.foot)
    share = share_room(room, state.search.candidates_per_step) if is_wide else Shares()
    if not are_shares(state.scale):
        share = replace(share, wrong=0)  # nothing is wrong about a value
    if share.chart:
        lines += draw_search(state, board, width, share.chart)
    else:
        lines += _draw_sparklines(board.measure_steps(state), width, state.scale)
    lines.append(draw_notice(state, activity, now, width, briefing.limits, view.notice))
    below: list[Text] = []
    if share.wrong:
        below = draw_wrong(briefing, state, view.wrong, width, share.wrong, ends=view.ends)
    room = height - len(lines) - len(below) - bool(view.foot)
    if briefing.problem is not None and room > _TABLES:
        spare = min(_DRAWING, room - _TABLES)
        drawing = draw_problem(
            briefing.problem,
            list_found(state),
            width,
            spare,
            minimise=state.scale.minimise,
            encoding=encoding,
        )
        lines += drawing
        room -= len(drawing)
    tables = draw_tables(state, board, columns, room, view.chosen)
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


def _choose_columns(state: RunState, width: int, *, unreadable: bool) -> Columns:
    """Return the columns of the tables; `unreadable`: some answers could not be read."""
    return Columns(
        width,
        state.sizes,
        unreadable=unreadable,
        dev=any(c.answers["dev"].by_question for c in state.candidates.values()),
        leaks=state.leaks_of,
        scale=state.scale,
    )


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
    elapsed = measure_time(activity, now)
    calls = list_calls(state, missed, elapsed)
    tokens_in, tokens_out, cost = format_metered(state)
    parts = [*calls[:1], f"cost {cost}", f"tokens {tokens_in} in, {tokens_out} out", *calls[1:]]
    return build_frame(
        [draw_title(briefing, state, elapsed, width), join_fitting(parts, width)], width, 2
    )


def list_choices(state: RunState, board: Scoreboard) -> list[str]:
    """Return the ids of the prompts that the tables show, from top to bottom."""
    work = board.find_work(state)
    working = [candidate.id for candidate in work.candidates]
    best = [candidate.id for candidate in board.find_best(state)]
    return list(dict.fromkeys([*best, *working] if work.split == "train" else [*working, *best]))


def build_frame(lines: Sequence[Text], width: int, height: int) -> Text:
    """Return the lines that fit as one text, none wider than `width` cells."""
    lines = lines[: max(0, height)]
    for line in lines:
        line.truncate(width)  # most fit by themselves, down to some 50 cells
    frame = Text("\n").join(lines)
    frame.no_wrap = True
    frame.overflow = "crop"
    return frame


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
