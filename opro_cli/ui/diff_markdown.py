"""`opro diff --markdown`: a comparison for a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opro_cli.core.model import Split
from opro_cli.reports.comparison import Comparison
from opro_cli.reports.diff import PromptDiff, Side
from opro_cli.reports.folding import Folded, as_lines, fold_lines
from opro_cli.reports.formats import count, plural
from opro_cli.reports.paired import Flip
from opro_cli.ui import diff_rows
from opro_cli.ui.flips_view import replies_shown
from opro_cli.ui.grids import Grid, Theirs
from opro_cli.ui.markdown import code, fenced, sentence, table
from opro_cli.ui.safe import MOST_CHARACTERS, printable

MOST_LINES = 400
"""Of a prompt's diff in a page."""
_SIGNS = {"same": "  ", "removed": "- ", "added": "+ "}


def as_markdown(comparison: Comparison, *, every_flip: bool = False) -> str:
    """Two prompts in detail; more in a table first."""
    if len(comparison.against_first) == 1:
        lines = _two(comparison.against_first[0], every_flip=every_flip)
    else:
        lines = _many(comparison, every_flip=every_flip)
    return "\n".join(lines).rstrip("\n") + "\n"


def _two(diff: PromptDiff, *, every_flip: bool) -> list[str]:
    lines = ["## Prompts compared", "", *_sides(diff), *_prompt(diff, "###")]
    if diff.before and diff.after:
        scores = diff_rows.scores_of_two(diff.before, diff.after)
        lines += ["### Scores", "", *table(scores)]
    lines += _flips(diff, "###", every_flip=every_flip)
    settings = diff_rows.settings_of_two(diff)
    differ = table(settings) if settings.rows else ["none", ""]
    return [*lines, "### Settings that differ", "", *differ]


def _many(comparison: Comparison, *, every_flip: bool) -> list[str]:
    names = (f"{number}. {code(c.name)}" for number, c in enumerate(comparison.columns, start=1))
    lines = ["## Prompts compared", "", *names, ""]
    lines += table(diff_rows.side_by_side(comparison))
    lines += [diff_rows.holm_said(len(comparison.against_first)), ""]
    for number, diff in enumerate(comparison.against_first, start=2):
        lines += [f"### {number} against 1", "", *_sides(diff), *_prompt(diff, "####")]
        adjusted = comparison.adjusted[number - 2]
        lines += _flips(diff, "####", adjusted, every_flip=every_flip)
    return lines


def _sides(diff: PromptDiff) -> list[str]:
    sides = [(sign, *_about(side)) for sign, side in (("-", diff.before), ("+", diff.after))]
    notes = [f"- **Note:** {sentence(caveat)}" for caveat in diff.caveats]
    return [
        *table(Grid(("", "prompt", "step", "run"), tuple(sides))),
        *notes,
        *([""] if notes else []),
    ]


def _about(side: Side | None) -> tuple[str, str, str]:
    if side is None:
        return "no candidate scored yet", diff_rows.NOTHING, diff_rows.NOTHING
    return Theirs(side.name), f"{side.step} of {side.steps_done}", side.status


def _prompt(diff: PromptDiff, level: str) -> list[str]:
    if not (diff.before and diff.after):
        return []
    shown: list[str] = []
    left = MOST_CHARACTERS
    lines = fold_lines(as_lines(diff.prompt))
    for line in lines:
        if left <= 0 or len(shown) == MOST_LINES:
            shown.append(f"@@ {plural(len(lines) - len(shown), 'more line')} @@")
            break
        if isinstance(line, Folded):
            shown.append(f"@@ {plural(line.lines, 'line')} the same @@")
            continue
        shown.append(_SIGNS[line.kind] + printable(line.text, left))
        left -= len(line.text)
    same = all(piece.kind == "same" for piece in diff.prompt)
    title = f"{level} Prompt" + (" (the same in both)" if same else "")
    return [title, "", *fenced(shown, "diff")]


def _flips(
    diff: PromptDiff,
    level: str,
    adjusted: Mapping[Split, float] | None = None,
    *,
    every_flip: bool,
) -> list[str]:
    caution = diff_rows.warning(diff.flips)
    lines = [f"{level} Questions that flipped", "", diff_rows.headline(diff.flips), ""]
    lines += [f"Note: {caution}", ""] if caution else []
    if diff.by_split:
        lines += table(diff_rows.splits(diff, adjusted))
    if every_flip:
        for flips in reversed(diff.by_split):
            lines += _listed(f"{flips.split}, wrong → right", flips.gained)
            lines += _listed(f"{flips.split}, right → wrong", flips.lost)
    return lines


def _listed(title: str, flips: Sequence[Flip]) -> list[str]:
    rows = tuple(
        (
            str(number),
            Theirs(flip.question),
            Theirs(flip.target),
            *(_read(answer.outcome.answer) for answer in (flip.before, flip.after)),
        )
        for number, flip in enumerate(flips, start=1)
    )
    if not rows:
        return []
    lines = [f"**{title}: {count(len(flips))}**", ""]
    lines += table(Grid(("", "question", "gold", "-", "+"), rows))
    for number, flip in enumerate(flips, start=1):
        for sign, answer in (("-", flip.before), ("+", flip.after)):
            for reply in replies_shown(answer):
                lines += [f"Reply to {number} under {sign}:", "", *fenced(reply)]
    return lines


def _read(answer: str | None) -> str:
    return "unreadable" if answer is None else Theirs(answer)
