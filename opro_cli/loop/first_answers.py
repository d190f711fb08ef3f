"""A look at the first answers of a run: does the scorer answer what is asked?

Replies that nobody can read, or answers of another kind than the gold ones, score 0 whatever a
prompt says: a search over such scores costs as much as any other and finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from opro_cli.core.labels import find_closed_set, get_kind
from opro_cli.core.run.events import Answered
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.spellings import normalize_label
from opro_cli.core.task.example import CUT, Example, Split, is_filtered
from opro_cli.errors import DoubtfulAnswers
from opro_cli.reports.request_words import describe_cut

FIRST_ANSWERS = 20
"""Answers of a run that are looked at."""
MOST_UNREADABLE = 17
"""Of them, those that a run may have gone without: one with more stops."""
_SHOWN = 3
_CHARACTERS = 300
"""Characters of a question, a gold answer or a reply in a message."""
_TYPED = frozenset({"boolean", "choice", "label", "labels"})
"""Kinds whose answers are of the right kind by themselves: what is read is a label or an option."""

CAUSES = "is task.answer right, scorer.max_tokens enough, does the prompt say what an answer is?"
GO_ON = "`--keep-going` goes on all the same"
HINT = f"{CAUSES} {GO_ON}"

Finding = Literal["unreadable", "no gold", "all wrong", ""]


@dataclass(slots=True)
class FirstAnswers:
    """The first answers of a run, over all of its sessions.

    Attributes:
        task: How answers are read.
        examples: By split.
        answers: As they came.
        max_tokens: Of one reply of the scorer; None where no limit is sent.
    """

    task: TaskSettings
    examples: Mapping[Split, Sequence[Example]]
    answers: list[Answered] = field(default_factory=list)
    max_tokens: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether as many are there as are looked at."""
        return len(self.answers) >= FIRST_ANSWERS

    def add(self, answer: Answered) -> bool:
        """Add an answer; True if it is the last that is looked at."""
        if self.is_complete or is_filtered(answer.text, answer.finish_reason):
            return False
        self.answers.append(answer)
        return self.is_complete

    def judge(self) -> Finding:
        """Return what is wrong with them; "" for nothing.

        "all wrong" is no fault: the answers are of the right kind, and none is right.
        """
        readable = [each for each in self.answers if each.answer is not None]
        if len(self.answers) - len(readable) > MOST_UNREADABLE:
            return "unreadable"
        kind = get_kind(self.task.answer, self.task.evaluator)
        if not kind or any(each.score for each in readable):
            return ""
        typed = kind in _TYPED or (kind == "number" and not find_closed_set(kind, self.examples))
        return "all wrong" if typed or self._has_gold(readable, kind) else "no gold"

    def _has_gold(self, readable: Sequence[Answered], kind: str) -> bool:
        """Return True if any answer is the gold answer of any row, or says it."""
        all_examples = (each for rows in self.examples.values() for each in rows)
        golds = {normalize_label(e.target) for each in all_examples for e in each.split_golds()}
        answers = {normalize_label(each.answer or "") for each in readable}
        if kind == "contains":
            return any(f" {gold} " in f" {answer} " for answer in answers for gold in golds)
        return not golds.isdisjoint(answers)

    def find_remedy(self) -> str:
        """Return the remedy where all unreadable answers were cut at their limit, else ""."""
        unread = [each for each in self.answers if each.answer is None]
        if not unread or any(each.finish_reason not in CUT for each in unread):
            return ""
        at = f" ({self.max_tokens})" if self.max_tokens else ""
        remedy = f"raise scorer.max_tokens{at} and start a new run"
        if any("<think>" in e.text and "</think>" not in e.text for e in unread):
            return f"no thought had an end: let the model think less, or {remedy}"
        return remedy

    def make_error(self, model: str, finding: Finding) -> DoubtfulAnswers:
        """Return the error that stops a run, with what was asked, expected and said."""
        remedy = ""
        if finding == "unreadable":
            shown = [each for each in self.answers if each.answer is None]
            what = f"{len(shown)} of its first {len(self.answers)} answers could not be read as "
            what += self.task.answer
            remedy = self.find_remedy()
        else:
            shown = [each for each in self.answers if each.answer is not None]
            what = f"no answer in its first {len(self.answers)} replies is any row's gold answer"
        lines = [f"{model}: {what}", *self.list_cut(), *self.list_replies(shown)]
        return DoubtfulAnswers("\n".join(lines), f"{remedy}; {GO_ON}" if remedy else HINT)

    def list_cut(self) -> Iterator[str]:
        """Yield how many replies could not be read because they ended at the limit, if any did."""
        cut = [each for each in self.answers if each.answer is None and each.finish_reason in CUT]
        empty = sum(not each.text.strip() for each in cut)
        counts = (len(self.answers), len(cut) - empty, empty, self.max_tokens)
        yield from (f"  {line}" for line in describe_cut("scorer", *counts))

    def list_replies(self, answers: Sequence[Answered] | None = None) -> Iterator[str]:
        """Yield question, gold answer and reply of the first of these answers, a line each."""
        for each in (self.answers if answers is None else answers)[:_SHOWN]:
            example = self.examples[each.split][each.question]
            yield f"  question  {_shorten(example.input)}"
            yield f"  expected  {_shorten(example.target)}"
            yield f"  said      {_shorten(each.text) or '(nothing)'}"


def _shorten(text: str) -> str:
    """Return a text as one line, so that it cannot pass for lines of ours."""
    line = " ".join(text[: 4 * _CHARACTERS].split())
    return line if len(line) <= _CHARACTERS else f"{line[: _CHARACTERS - 1]}…"
