"""The tables of `opro runs`, `opro show` and `opro check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.reports.formats import count, money, percent
from opro_cli.ui.safe import flagged, instruction_shown, printable, printable_lines

INSTRUCTION = 2000
"""Cells of an instruction, or of a note, in a table at most."""
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
    table = _table()
    table.add_column("step", justify="right", no_wrap=True)
    for split in ("train", "dev", "test"):
        table.add_column(split, justify="right", no_wrap=True)
    table.add_column("unreadable", justify="right", no_wrap=True)
    table.add_column("instruction", ratio=1, overflow="fold")
    for place, row in sorted(_placed(rows), key=lambda placed: _by_train(placed[1])):
        scores = row["scores"]
        unreadable = sum(score["unreadable"] for score in scores.values() if score)
        table.add_row(
            Text(place),
            *(Text(_mean(scores[split])) for split in ("train", "dev", "test")),
            Text(count(unreadable) if unreadable else "–"),
            Text(printable(flagged(row["instruction"], row.get("leaks")), INSTRUCTION)),
        )
    console.print(table)


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
    return percent(score["mean"]) if score else "–"


def _by_train(row: Mapping[str, Any]) -> float:
    score = row["scores"]["train"]
    return float(score["mean"]) if score else -1.0
