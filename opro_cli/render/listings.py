"""The tables of `opro runs` and `opro show`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opro_cli.render.page import align_rows
from opro_cli.render.safe import (
    display_instruction,
    flag_leaks,
    measure_width,
    printable,
    wrap_printable,
)
from opro_cli.reports.formats import format_cost, format_count, format_mean, format_percent

if TYPE_CHECKING:
    from opro_cli.render.page import Page

INSTRUCTION = 2000
"""Cells of an instruction, or of a note, in a table at most."""
_GAP = "   "
_NARROWEST = 10
"""Columns that an instruction, or a run's name, has on any terminal."""
WIDE = 110
"""Columns from which a table of runs has room for the prompts."""


def print_runs(rows: Sequence[Mapping[str, Any]], page: Page) -> None:
    """Runs, newest last: status, steps, best score on the least seen split, spend."""
    wide = page.width >= WIDE
    titles = ("status", "steps", "best", "cost")
    figures = align_rows([titles, *map(_run_figures, rows)], right=(1, 2, 3))
    taken = max(map(len, figures)) + len(_GAP)
    room = max(_NARROWEST, (page.width // 2 if wide else page.width) - taken)
    names = [wrap_printable(printable(row["run"]), room, INSTRUCTION) for row in rows]
    longest = max(measure_width(line) for lines in [["run"], *names] for line in lines)
    prompts = [_best_prompt(row, page.width - longest - taken - len(_GAP)) for row in rows]
    lines = []
    for name, each, prompt in zip(names, figures[1:], prompts, strict=True):
        first = name[0] + " " * (longest - measure_width(name[0])) + _GAP + each
        lines += [f"{first}{_GAP}{prompt}" if wide else first, *name[1:]]
    title = "run".ljust(longest) + _GAP + figures[0] + (f"{_GAP}best prompt" if wide else "")
    _print(title, lines, page)


def _run_figures(row: Mapping[str, Any]) -> tuple[str, ...]:
    steps = f"{row['steps_done']}/{row['steps']}"
    return row["status"], steps, _best_score(row["best"]), format_cost(row["spend"])


def _best_prompt(row: Mapping[str, Any], room: int) -> str:
    best = row["best"]
    return printable(display_instruction(best["instruction"]) if best else "–", room)


def print_candidates(rows: Sequence[Mapping[str, Any]], page: Page) -> None:
    """All candidates, best on train last, so that the best is next to the prompt."""
    titles = ("step", "train", "dev", "test", "unreadable")
    placed = sorted(_placed(rows), key=lambda placed: _by_train(placed[1]))
    figures = [(place, *_figures(row)) for place, row in placed]
    heads = [line + _GAP for line in align_rows([titles, *figures], right=range(len(titles)))]
    room = max(_NARROWEST, page.width - len(heads[0]))
    lines = []
    for head, (_, row) in zip(heads[1:], placed, strict=True):
        text = printable(flag_leaks(row["instruction"], row.get("leaks")), INSTRUCTION)
        first, *more = wrap_printable(text, room, INSTRUCTION)
        lines += [head + first, *(" " * len(head) + line for line in more)]
    _print(f"{heads[0]}instruction", lines, page)
    if any((row["scores"]["train"] or {}).get("estimated") for row in rows):
        page.line("~ stopped early, so estimated; --json has the interval", "dim")


def _print(title: str, lines: Sequence[str], page: Page) -> None:
    """A table that is laid out; what the page has no room for is cut."""
    page.line(printable(title, page.width), "bold")
    page.write(*(printable(line, page.width) for line in ["─" * page.width, *lines]))


def _figures(row: Mapping[str, Any]) -> tuple[str, ...]:
    scores = row["scores"]
    unreadable = sum(score["unreadable"] for score in scores.values() if score)
    means = (_mean(scores[split]) for split in ("train", "dev", "test"))
    return (*means, format_count(unreadable) if unreadable else "–")


def _placed(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each with its place in the run, "3.2", as `opro diff RUN@3.2` takes it."""
    joined: Counter[int] = Counter()
    for row in rows:
        joined[row["step"]] += 1
        yield f"{row['step']}.{joined[row['step']]}", row


def _best_score(best: Mapping[str, Any] | None) -> str:
    """The score on the split that was seen least, and which one that is."""
    for split in ("test", "dev", "train"):
        if best and best["scores"].get(split):
            return f"{split} {format_percent(best['scores'][split]['mean'])}"
    return "–"


def _mean(score: Mapping[str, Any] | None) -> str:
    if not score:
        return "–"
    return format_mean(score["mean"], estimated=score.get("estimated", False))


def _by_train(row: Mapping[str, Any]) -> float:
    score = row["scores"]["train"]
    return float(score["mean"]) if score else -1.0
