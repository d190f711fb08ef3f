"""The questions that flipped, for people: a few of them, or every one in full."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from opro_cli.reports.diff import PromptDiff
from opro_cli.reports.formats import count
from opro_cli.reports.paired import Answer, Flip
from opro_cli.ui.blocks import print_block
from opro_cli.ui.diff_rows import headline, warning
from opro_cli.ui.safe import printable, printable_lines

SHOWN = 5
_STYLES = {"+": "green", "-": "red"}


def print_some_flips(diff: PromptDiff, console: Console, *, most: int = SHOWN) -> None:
    """The headline and a few questions, a line each."""
    flips = diff.flips
    print_block(console, "  ", [headline(flips)])
    caution = warning(flips)
    if caution:
        print_block(console, "  ! ", [caution], "yellow")
    if flips is None or not most:
        return
    for sign, some in (("+", flips.gained), ("-", flips.lost)):
        shown = [_in_a_line(flip) for flip in some[:most]]
        if len(some) > most:
            shown.append(f"… and {count(len(some) - most)} more (see --flips)")
        for line in shown:
            print_block(console, f"  {sign} ", [line], _STYLES[sign])


def _in_a_line(flip: Flip) -> str:
    old, new = (
        "unreadable" if read is None else printable(read, 24)
        for read in (flip.before.outcome.answer, flip.after.outcome.answer)
    )
    return f"{old} → {new} (gold {printable(flip.target, 24)}): {printable(flip.question, 90)}"


def print_all_flips(diff: PromptDiff, console: Console) -> None:
    """Every question that flipped, the least seen split first."""
    groups = [
        (f"{flips.split}, {what}: {count(len(some))}", sign, some)
        for flips in reversed(diff.by_split)
        for sign, what, some in (
            ("+", "wrong → right", flips.gained),
            ("-", "right → wrong", flips.lost),
        )
        if some
    ]
    if not groups:
        console.print(Text("\nno question flipped"))
    for title, sign, some in groups:
        console.print(Text(f"\n{title}", style=f"bold {_STYLES[sign]}"))
        for number, flip in enumerate(some, start=1):
            _print_flip(f"{sign}{number}", flip, console)


def _print_flip(name: str, flip: Flip, console: Console) -> None:
    console.print()
    print_block(console, f"  {name} ", printable_lines(flip.question))
    print_block(console, "    gold: ", printable_lines(flip.target))
    for sign, answer in (("-", flip.before), ("+", flip.after)):
        read = answer.outcome.answer
        lines = ["unreadable"] if read is None else printable_lines(read)
        print_block(console, f"    {sign} ", lines, _STYLES[sign])
        for reply in replies_shown(answer):
            print_block(console, f"    {sign} │ ", reply, again=True)


def replies_shown(answer: Answer) -> list[list[str]]:
    """The lines of each reply, printable; none at all while the replies were not read."""
    if answer.replies is None:
        return []
    return [printable_lines(reply) for reply in answer.replies] or [["(no reply)"]]
