"""The tables of `opro runs`, `opro show` and `opro check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.reports.formats import about, count, money, percent
from opro_cli.ui.safe import (
    flagged,
    instruction_shown,
    printable,
    printable_blocks,
    printable_lines,
)

INSTRUCTION = 2000
"""Cells of an instruction, or of a note, in a table at most."""
_GAP = "   "
_NARROWEST = 10
"""Columns that an instruction has on any terminal."""
WIDE = 110
"""Columns from which a table of runs has room for the prompts."""


def print_runs(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Runs, newest last: status, steps, best score on the least seen split, spend."""
    table = _table()
    wide = console.width >= WIDE
    table.add_column("run", overflow="fold", ratio=1)
    table.add_column("status", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    if wide:
        table.add_column("best prompt", ratio=1, no_wrap=True, overflow="ellipsis")
    for row in rows:
        best = row["best"]
        prompt = Text(printable(instruction_shown(best["instruction"]), 200) if best else "–")
        table.add_row(
            Text(printable(row["run"])),
            Text(row["status"]),
            Text(f"{row['steps_done']}/{row['steps']}"),
            Text(_best_score(best)),
            Text(money(row["spend"]["usd"])),
            *([prompt] if wide else []),
        )
    console.print(table)


def print_candidates(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """All candidates, best on train last, so that the best is next to the prompt."""
    # Laid out here: a table of rich takes a second and more for the rows of a long search.
    titles = ("step", "train", "dev", "test", "unreadable")
    placed = sorted(_placed(rows), key=lambda placed: _by_train(placed[1]))
    cells = [(place, *_figures(row)) for place, row in placed]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    heads = [_GAP.join(map(str.rjust, each, widths)) + _GAP for each in (titles, *cells)]
    room = max(_NARROWEST, console.width - len(heads[0]))
    lines = []
    for head, (_, row) in zip(heads[1:], placed, strict=True):
        text = printable(flagged(row["instruction"], row.get("leaks")), INSTRUCTION)
        first, *more = printable_blocks(text, room, INSTRUCTION)
        lines += [head + first, *(" " * len(head) + line for line in more)]
    console.print(Text(f"{heads[0]}instruction", style="bold"), no_wrap=True, overflow="crop")
    console.print(Text("\n".join(["─" * console.width, *lines])), no_wrap=True, overflow="crop")


def _figures(row: Mapping[str, Any]) -> tuple[str, ...]:
    scores = row["scores"]
    unreadable = sum(score["unreadable"] for score in scores.values() if score)
    means = (_mean(scores[split]) for split in ("train", "dev", "test"))
    return (*means, count(unreadable) if unreadable else "–")


def _placed(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each with its place in the run, "3.2", as `opro diff RUN@3.2` takes it."""
    joined: Counter[int] = Counter()
    for row in rows:
        joined[row["step"]] += 1
        yield f"{row['step']}.{joined[row['step']]}", row


def print_forecast(facts: Mapping[str, Any], console: Console) -> None:
    """What a run would do, with the first prompt that each model would get."""
    sizes = " · ".join(f"{split} {count(size)}" for split, size in facts["sizes"].items())
    grid = Table.grid(padding=(0, 2))
    for name, value in [
        ("config", f"{facts['name']}: fine"),
        ("scorer", facts["models"]["scorer"]),
        ("optimizer", facts["models"]["optimizer"]),
        ("answers", facts["answer"]),
        ("questions", sizes),
        ("calls", f"at most {count(facts['calls_at_most'])} in {count(facts['steps'])} steps"),
        *(("note", note) for note in facts["notes"]),
    ]:
        grid.add_row(Text(name), Text(printable(value, INSTRUCTION)))
    console.print(grid)
    _print_prompt(console, "first prompt for the scorer", facts["scorer_prompt"])
    console.print(Text(f"  gold answer: {printable(facts['gold_answer'], INSTRUCTION)}"))
    _print_prompt(console, "first meta-prompt for the optimizer", facts["meta_prompt"])


def _print_prompt(console: Console, title: str, messages: Sequence[Mapping[str, str]]) -> None:
    console.print(Text(f"\n{title}:", style="bold"))
    grid = Table.grid()
    for message in messages:
        if message["role"] != "user":
            grid.add_row("", Text(f"({message['role']})"))
        for line in printable_lines(message["content"]):
            grid.add_row("  │ ", Text(line))
    console.print(grid)


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False)


def _best_score(best: Mapping[str, Any] | None) -> str:
    """The score on the split that was seen least, and which one that is."""
    for split in ("test", "dev", "train"):
        if best and best["scores"].get(split):
            return f"{split} {percent(best['scores'][split]['mean'])}"
    return "–"


def _mean(score: Mapping[str, Any] | None) -> str:
    if not score:
        return "–"
    return about(score["mean"], estimated=score.get("estimated", False))


def _by_train(row: Mapping[str, Any]) -> float:
    score = row["scores"]["train"]
    return float(score["mean"]) if score else -1.0
