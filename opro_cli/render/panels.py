"""The panels of a wide live view: scores by step, the best prompt in full, wrong answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from opro_cli.core.run.events import Answered, Event
from opro_cli.core.run.progress import RunHeader
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Example, Split
from opro_cli.render.chart import StepChart, draw_chart
from opro_cli.render.safe import (
    describe_form,
    display_instruction,
    find_shared_ends,
    format_origin,
    measure_width,
    printable,
    printable_difference,
    printable_ends,
    printable_lines,
    wrap_printable,
)
from opro_cli.render.scoreboard import Scoreboard, name_candidate
from opro_cli.reports.formats import format_mean
from opro_cli.reports.prompts import serialize_form

WIDE = 100
"""Columns from which there are panels."""
_LEAST_CHART, _MOST_CHART = 6, 17
"""Lines of the chart and the best prompt, with their title."""
_LEAST_WRONG = 5
"""Lines of the wrong answers, with a blank line and their title."""
_EACH_WRONG = 3
"""Lines of a wrong answer: its question, where there is room for it the end of its reply."""
_MOST_WRONG = 6
_BESIDE = 3
"""Cells between the chart and the best prompt."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Lines of each panel, none for one that has no room."""

    chart: int = 0
    wrong: int = 0


def share_room(room: int, per_step: int) -> Shares:
    """Share `room` lines among the panels and the tables, which need some for themselves."""
    tables = min(7 + min(per_step, 8), max(10, room // 2))
    spare = room - tables
    if spare < _LEAST_CHART:
        return Shares()
    chart = min(_MOST_CHART, max(_LEAST_CHART, round(0.55 * spare)))
    wrong = min(spare - chart, 2 + _EACH_WRONG * _MOST_WRONG)
    if wrong < _LEAST_WRONG:
        return Shares(min(_MOST_CHART, spare))
    return Shares(chart, wrong - (wrong - 2) % _EACH_WRONG)


def draw_search(state: RunState, board: Scoreboard, width: int, height: int) -> list[Text]:
    """Return scores by step on the left, the best prompt on the right, in `height` lines."""
    left = (width - _BESIDE) // 2
    right = width - _BESIDE - left
    charts = _draw_steps(state, board, left, height)
    prompt = _draw_prompt(state, board, right, height)
    lines = []
    for index in range(height):
        line = charts[index] if index < len(charts) else Text()
        line.append(" " * (width - right - cell_len(line.plain)))
        lines.append(line.append_text(prompt[index]) if index < len(prompt) else line)
    return lines


def _draw_steps(state: RunState, board: Scoreboard, width: int, height: int) -> list[Text]:
    steps, scale = board.measure_steps(state), state.scale
    title = Text(printable("train score by step", width), style="bold")
    if not steps.mean:
        return [title, Text("nothing is scored yet", style="dim")]
    latest = (
        (f"best {format_mean(steps.best_so_far[-1], scale, estimated=state.looks)}", "bold green"),
        (f"mean {format_mean(steps.mean[-1], scale, estimated=state.looks)}", "yellow"),
        ("· each", "dim"),
    )
    for text, style in latest:
        if cell_len(title.plain) + 2 + cell_len(text) <= width:
            title.append("  ").append(text, style=style)

    def draw() -> list[Text]:
        points = board.list_points(state)
        chart = StepChart(steps.best_so_far, steps.mean, points, state.search.steps)
        return draw_chart(chart, width, height - 1, lambda value: format_mean(value, scale))

    drawn = board.keep(state, f"chart {width}x{height}", draw)
    return [title, *(line.copy() for line in drawn)]


def _draw_prompt(state: RunState, board: Scoreboard, width: int, height: int) -> list[Text]:
    best = next(iter(board.find_best(state, 1)), None)
    if best is None:
        start = next(iter(state.candidates.values()), None)
        title, candidate = "start prompt", start
    else:
        score = board.get_score(best, "train")
        train = f" · train {format_mean(score.mean, state.scale)}" if score else ""
        name = name_candidate(state, best.id)
        title, candidate = f"best so far: {name} ({format_origin(best.step)}){train}", best
    if candidate is None:
        return []
    lines = [Text(printable(title, width), style="bold")]
    if form := describe_form(serialize_form(candidate)):
        lines.append(Text(printable(f"[{form}]", width), style="dim"))
    text = display_instruction(candidate.instruction)
    return lines + clip_lines(text, width, height - len(lines))


def wrap_lines(text: str, width: int) -> list[str]:
    """Return a text of several lines as lines of `width` printable cells, broken at spaces."""
    lines: list[str] = []
    for line in printable_lines(text):
        count = 1 + 2 * measure_width(line) // max(1, width)
        lines += wrap_printable(line, max(1, width), count)
    return lines


def clip_lines(text: str, width: int, room: int) -> list[Text]:
    """Return a text on at most `room` lines; the last one says how many more there are."""
    lines = wrap_lines(text, width)
    if len(lines) <= room:
        return [Text(line) for line in lines]
    kept = max(0, room - 1)
    more = Text(printable(f"… {len(lines) - kept} more lines", width), style="dim")
    return [*(Text(line) for line in lines[:kept]), *([more] if room > 0 else [])]


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """An answer that was not right."""

    candidate: str
    split: Split
    question: int
    answer: str | None
    reply: str


class WrongAnswers:
    """Keeps the last wrong answers, and shows the same ones for as long as it takes to read them.

    No question is there twice, and none of the test split: what is wrong there shall steer nobody.
    """

    HOLD = 4.0
    """Seconds for which the same ones are shown."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: list[WrongAnswer] = []
        self._shown: tuple[WrongAnswer, ...] = ()
        self._since = float("-inf")

    def add(self, event: Event) -> None:
        """Keep the answer of an event, if it is one and is wrong."""
        if isinstance(event, Answered) and event.split != "test" and not event.score:
            where = event.candidate, event.split, event.question
            others = [each for each in self._last if (each.split, each.question) != where[1:]]
            self._last = [*others, WrongAnswer(*where, event.answer, event.text)][-_MOST_WRONG:]

    def show(self) -> tuple[WrongAnswer, ...]:
        """Return those to be shown now, the newest first."""
        now = self._clock()
        if now - self._since >= self.HOLD or len(self._shown) < min(len(self._last), 2):
            self._shown, self._since = tuple(reversed(self._last)), now
        return self._shown


def draw_wrong(
    briefing: RunHeader,
    state: RunState,
    wrong: Sequence[WrongAnswer],
    width: int,
    height: int,
    *,
    ends: dict[Split, tuple[int, int]],
) -> list[Text]:
    """Return a blank line, a title, and as many of the wrong answers as there is room for.

    `ends` keeps what all questions of a split begin and end with from one frame to the next.
    """
    lines = [Text(), Text("last wrong answers", style="bold")]
    if not wrong:
        return [*lines, Text("none yet", style="dim"), *[Text()] * (height - 3)]
    for each in wrong[: (height - 2) // _EACH_WRONG]:
        rows = briefing.examples.get(each.split, ())
        if each.split not in ends:
            ends[each.split] = find_shared_ends([row.input for row in rows])
        lines += _draw_one(each, rows, ends[each.split], state, width)
    return [*lines, *[Text()] * (height - len(lines))]


def _draw_one(
    wrong: WrongAnswer,
    rows: Sequence[Example],
    ends: tuple[int, int],
    state: RunState,
    width: int,
) -> list[Text]:
    example = rows[wrong.question] if wrong.question < len(rows) else None
    name = name_candidate(state, wrong.candidate)
    head = Text(f"✗ {wrong.split} {wrong.question} under {name}", style="red")
    expected = printable(example.target, 40) if example else "unknown"
    read = "(nothing read)" if wrong.answer is None else printable(wrong.answer, 40)
    head.append("  expected ", style="dim").append(expected, style="default not dim")
    head.append("  said ", style="dim").append(read, style="bold")
    question = ""
    if example is not None:
        question = printable_difference(example.input, ends, width - 2)
    lines = [head, Text(f"  {question}")]
    reply = printable_ends(wrong.reply.strip() or "(empty)", width - 9)
    return [*lines, Text(f"  reply: {reply}", style="dim")]
