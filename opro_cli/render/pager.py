"""Pages that are read with keys: a prompt in full, and the answers under a prompt.

A pager draws itself and takes keys; the live view lays one over its frame, and `run_pager`
(`render/pager_screen`) shows one on a terminal of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from rich.text import Text

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import SPLITS
from opro_cli.render.answers import BESIDE, SIGNS, list_lines
from opro_cli.render.frame import draw_foot
from opro_cli.render.panels import wrap_lines
from opro_cli.render.safe import (
    describe_form,
    display_instruction,
    display_prompt,
    find_shared_ends,
    measure_width,
    printable,
    printable_difference,
    wrap_hanging,
    wrap_printable,
)
from opro_cli.render.scoreboard import Scoreboard, name_candidate
from opro_cli.reports.answers import GradedAnswer, ShownAnswers
from opro_cli.reports.formats import format_count, format_score, pluralize
from opro_cli.reports.prompts import serialize_form

_HANGING = 60
"""Columns from which the lines of a text begin below its first one, beside its name."""
_WITH_HEADS = 20
"""Lines from which a line names the columns of the list."""
_LEAST_LIST = 3
"""Lines of the list of questions at least."""


class Pager(Protocol):
    """Something to read."""

    def press(self, key: str) -> bool:
        """Take a key; return False where it leaves the pager."""

    def render(self, width: int, height: int) -> Text:
        """Return `height` lines of at most `width` cells."""


class _Scroll:
    """Where a text is scrolled to."""

    def __init__(self) -> None:
        self.top = 0
        self.page = 1

    def press(self, key: str) -> bool:
        """Scroll, if the key is for that."""
        by = {"page down": self.page, " ": self.page, "page up": -self.page, "b": -self.page}
        if key not in by:
            return False
        self.top += by[key]
        return True

    def cut(self, lines: Sequence[Text], height: int) -> list[Text]:
        """Return the lines to be shown, exactly `height`."""
        self.page = max(1, height - 1)
        self.top = max(0, min(self.top, len(lines) - height))
        shown = list(lines[self.top : self.top + height])
        return shown + [Text()] * (height - len(shown))


def _join(lines: Sequence[Text], width: int) -> Text:
    for line in lines:
        line.truncate(width)
    page = Text("\n").join(lines)
    page.no_wrap, page.overflow = True, "crop"
    return page


class TextPager:
    """A text in full.

    Args:
        lines: Printable, of any width.
        answers: Opens the answers that belong to it; None where there are none.
    """

    def __init__(self, lines: Sequence[Text], answers: Callable[[], None] | None = None) -> None:
        self._lines = lines
        self._answers = answers
        self._scroll = _Scroll()

    def press(self, key: str) -> bool:
        """Take a key; return False where it leaves the pager."""
        if key == "a" and self._answers is not None:
            self._answers()
            return True
        if key in ("up", "k", "down", "j"):
            self._scroll.top += 1 if key in ("down", "j") else -1
        elif not self._scroll.press(key):
            return key not in ("esc", "q", "enter")
        return True

    def render(self, width: int, height: int) -> Text:
        """Return `height` lines of at most `width` cells."""
        lines = [part for line in self._lines for part in _wrap(line, width)]
        keys = ["Esc back", "↑↓ Space scroll", *(["a answers"] if self._answers else [])]
        shown = self._scroll.cut(lines, max(1, height - 1))
        rest = len(lines) - self._scroll.top - len(shown)
        keys += [pluralize(rest, "more line")] if rest > 0 else []
        return _join([*shown, draw_foot(keys, width)], width)


def _wrap(line: Text, width: int) -> list[Text]:
    parts = wrap_printable(line.plain, max(1, width), 1 + 2 * measure_width(line.plain) // width)
    return [Text(part, style=line.style) for part in parts]


def describe_prompt(state: RunState, board: Scoreboard, candidate: Candidate) -> list[Text]:
    """Return a prompt in full, behind its name, its scores and what it was made from."""
    name = name_candidate(state, candidate.id)
    lines = [Text(f"prompt {name}{' (initial)' if not candidate.step else ''}", style="bold")]
    for split in SPLITS:
        if (score := board.get_score(candidate, split)) is not None:
            low, high = score.interval.low, score.interval.high
            figures = format_score(score.mean, low, high, score.correct, score.n, state.scale)
            early = " (stopped early: an estimate)" if score.estimated else ""
            missed = f", {score.unreadable} unreadable" if score.unreadable else ""
            lines.append(Text(f"{split:<6} {figures}{missed}{early}"))
    if candidate.parents:
        names = (name_candidate(state, parent) or parent for parent in candidate.parents)
        lines.append(Text(printable(f"from   {', '.join(names)}")))
    if candidate.note:
        lines.append(Text(printable(f"for    {candidate.note}")))
    if form := describe_form(serialize_form(candidate)):
        lines.append(Text(printable(f"with   {form}")))
    lines.append(Text())
    text = display_instruction(candidate.instruction)
    return lines + [Text(line) for line in wrap_lines(text, 10_000)]


class AnswersPager:
    """Questions in a list, the one under the cursor below it with its reply.

    The part of the reply that the answer was read from is marked.
    """

    def __init__(self, shown: ShownAnswers) -> None:
        self._shown = shown
        self._answers: Sequence[GradedAnswer] = shown.answers
        self._at = 0
        self._scroll = _Scroll()
        self._search = ""
        self._typing = False
        self._notice = ""
        self._ends = find_shared_ends([answer.input for answer in shown.answers])

    def press(self, key: str) -> bool:
        """Take a key; return False where it leaves the pager."""
        self._notice = ""
        if self._typing:
            self._type(key)
            return True
        match key:
            case "q":
                return False
            case "esc":
                if not self._search:
                    return False
                self._find("")
            case "down" | "j":
                self._move(1)
            case "up" | "k":
                self._move(-1)
            case "home" | "g":
                self._move(-len(self._answers))
            case "end" | "G":
                self._move(len(self._answers))
            case "n" | "N":
                self._move_to_wrong(1 if key == "n" else -1)
            case "/":
                self._typing = True
            case "enter":
                self._scroll.press(" ")
            case _:
                self._scroll.press(key)
        return True

    def _type(self, key: str) -> None:
        match key:
            case "enter":
                self._typing = False
            case "esc":
                self._typing = False
                self._find("")
            case "backspace":
                self._find(self._search[:-1])
            case _ if len(key) == 1:
                self._find(self._search + key)

    def _find(self, text: str) -> None:
        """Keep the questions with a text in them, in their replies or answers."""
        current = self._answers[self._at] if self._answers else None
        self._search, wanted = text, text.casefold()
        self._answers = [a for a in self._shown.answers if wanted in _list_words(a)]
        self._at = self._answers.index(current) if current in self._answers else 0
        self._scroll.top = 0

    def _move(self, by: int) -> None:
        self._at = max(0, min(len(self._answers) - 1, self._at + by))
        self._scroll.top = 0

    def _move_to_wrong(self, by: int) -> None:
        at = self._at + by
        while 0 <= at < len(self._answers):
            if self._answers[at].judgement not in ("right", "valued"):
                self._at, self._scroll.top = at, 0
                return
            at += by
        self._notice = "no other wrong answer " + ("below" if by > 0 else "above")

    def render(self, width: int, height: int) -> Text:
        """Return `height` lines of at most `width` cells."""
        body = max(2, height - 2)
        rows = min(len(self._answers), max(_LEAST_LIST, body // 3)) or 1
        if body < 2 * _LEAST_LIST:
            rows = 1
        lines = [self._draw_title(width)]
        if height >= _WITH_HEADS and self._answers:
            wide = max(len(f"{a.split} {a.question}") for a in self._answers)
            lines.append(Text(f"{'':<{wide + 4}}expected / read", style="dim"))
        lines += self._draw_list(width, rows)
        lines.append(Text("─" * width, style="dim"))
        room = height - 1 - len(lines)
        if room > 0:
            detail = self._draw_answer(width) if self._answers else []
            lines += self._scroll.cut(detail, room)
        return _join([*lines[: height - 1], self._draw_foot(width)], width)

    def _draw_title(self, width: int) -> Text:
        right = sum(answer.judgement == "right" for answer in self._shown.answers)
        of = len(self._shown.answers)
        counts = f"{format_count(right)} of {pluralize(of, 'answer')} right"
        if self._search or len(self._answers) < of:
            counts = f"{format_count(len(self._answers))} of {format_count(of)} found"
        name = printable(self._shown.prompt, max(8, width - len(counts) - 2))
        title = Text(f"{name}  ", style="bold").append(counts, style="not bold")
        prompt = display_prompt({"instruction": self._shown.instruction, **self._shown.form})
        room = width - measure_width(title.plain) - 2
        if room > 20:
            title.append("  ").append(printable(prompt, room), style="dim not bold")
        return title

    def _draw_list(self, width: int, rows: int) -> list[Text]:
        if not self._answers:
            return [Text("nothing found", style="dim")]
        top = max(0, min(self._at - rows // 2, len(self._answers) - rows))
        names = [f"{a.split} {a.question}" for a in self._answers[top : top + rows]]
        wide = max(len(f"{a.split} {a.question}") for a in self._answers)
        lines = []
        for index, answer in enumerate(self._answers[top : top + rows], start=top):
            sign, style = SIGNS[answer.judgement]
            read = "–" if answer.answer is None else answer.answer
            verdict = f"{printable(answer.target, 12)} / {printable(read, 12)}"
            verdict = f"{verdict:<17}" if width >= 60 else verdict
            line = Text(f"{sign} ", style=style)
            line.append(f"{names[index - top]:<{wide}}  {verdict}  ", style="default")
            room = width - measure_width(line.plain)
            question = printable_difference(answer.input, self._ends, room) if room > 8 else ""
            line.append(question, style="default")
            if index == self._at:
                line.stylize("reverse")
            lines.append(line)
        return lines

    def _draw_answer(self, width: int) -> list[Text]:
        answer = self._answers[self._at]
        sign, style = SIGNS[answer.judgement]
        lines = [Text(f"{sign} {answer.split} {answer.question} · {answer.judgement}", style=style)]
        for text, start, end in list_lines(answer):
            at, indent = 0, 0
            room = max(8, width - len(BESIDE)) if width >= _HANGING else width
            count = 1 + 2 * measure_width(text) // room
            for part in wrap_hanging(text, width, width - room, count):
                at = max(at, text.find(part, at))
                line = Text(part)
                line.stylize("bold reverse", max(0, start - at), max(0, end - at))
                lines.append(Text(" " * indent).append_text(line))
                at += len(part)
                indent = width - room
        return lines

    def _draw_foot(self, width: int) -> Text:
        if self._typing:
            typed = printable(f"/{self._search}", max(1, width - 34))
            return Text(f"{typed}▏ Enter keeps, Esc clears", style="bold")
        if self._notice:
            return Text(printable(self._notice, width), style="bold")
        keys = ["q back", "↑↓ question", "n next wrong", "/ search", "Space scroll"]
        if self._search:
            keys = [f"/{printable(self._search, 20)}", "Esc all of them", *keys[1:]]
        return draw_foot(keys, width)


def _list_words(answer: GradedAnswer) -> str:
    texts = (answer.input, answer.target, answer.answer or "", *answer.replies)
    return "\n".join(texts).casefold()
