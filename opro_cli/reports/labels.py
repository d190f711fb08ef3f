"""The worth of a score where answers are a few labels: constant answers, and confusion.

A prompt that makes a model say one label to everything is right as often as that label is a gold
answer. That is a baseline, and no gain over it is a gain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.core.labels import (
    LEAST_TIMES,
    MOST_LABELS,
    MOST_NUMBERS,
    ClosedSet,
    find_closed_set,
    get_kind,
)
from opro_cli.core.run.candidates import Answers, Candidate, Outcome
from opro_cli.core.scale import SHARE
from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.reading.mentions import find_mentions
from opro_cli.reading.reply_text import normalize_characters
from opro_cli.reports.formats import format_percent
from opro_cli.reports.paired import compare_candidates
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.verdict import Verdict

NEARLY_ALL = 0.9
"""The share of answers from which one answer is given "to nearly everything"."""
MOST_IN_MATRIX = 12
"""Labels of a confusion matrix at most: more is no table that anybody reads."""
MOST_GOLDS = 20
"""Gold answers that `opro check` lists."""
_SHOWN = 40
"""Characters of a label in a sentence."""


@dataclass(frozen=True, slots=True)
class OneAnswer:
    """The answer that a prompt gives to nearly every question of a split.

    Attributes:
        times: How often it was given.
        of: Answers that could be read.
    """

    answer: str
    split: Split
    times: int
    of: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each gold label was answered with each label.

    Attributes:
        rows: By gold label, the counts by the label that was read, None for an answer that is no
            label.
        no_answer: By gold label, the replies without an answer that can be read.
    """

    split: Split
    labels: tuple[str, ...]
    rows: Mapping[str, Counter[str | None]]
    no_answer: Counter[str]

    def to_json(self) -> dict[str, Any]:
        """Return the matrix as `result.json` has it: most pairs of labels never occur."""
        rows = [
            {
                "gold": gold,
                "answers": {label: n for label in self.labels if (n := self.rows[gold][label])},
                "other": self.rows[gold][None],
                "no_answer": self.no_answer[gold],
            }
            for gold in self.labels
        ]
        return {"split": self.split, "rows": rows}


def find_labels(run: RecordedRun) -> ClosedSet | None:
    """Return the labels of a run's task; None where its answers are open."""
    task = run.settings.get("task", {})
    if run.state.scale != SHARE or task.get("problem"):
        return None
    kind = get_kind(task.get("answer") or "", task.get("evaluator") or "model")
    shares = task.get("label_score") == "f1"
    return find_closed_set(kind, run.examples, shares=shares, least=1)


def answer_always(
    label: str,
    closed: ClosedSet,
    like: Candidate | None = None,
    beside: Candidate | None = None,
) -> Candidate:
    """Return a candidate under which every question is answered with one label.

    Args:
        label: The answer.
        closed: With the gold answer of each question.
        like: The prompt that it is compared with: it has answered the same questions, at the same
            times. None for all questions.
        beside: The prompt whose scores stand beside its own: what these leave out, since the scorer
            can never answer it, is left out here as well.
    """
    constant = Candidate("", label, 0, groups=closed.groups)
    for split in SPLITS:
        golds, answers = closed.golds[split], Answers()
        asked = like.answers[split].by_question if like else dict.fromkeys(range(len(golds)))
        known = beside.answers[split].by_question if beside else asked
        for question, outcome in asked.items():
            if (there := known.get(question)) and there.excluded:
                continue
            score = closed.score(label, golds[question])
            answer = (outcome or Outcome(None, None))._replace(answer=label, score=score)
            answers.add(question, answer)
        constant.answers[split] = answers
    return constant


def find_majority(closed: ClosedSet) -> str:
    """Return the answer that is worth most if it is always given, on the least seen split.

    That is its commonest gold answer; of several the one that is commonest over all splits.
    """
    golds = next(golds for split in reversed(SPLITS) if (golds := closed.golds[split]))
    return max(closed.labels, key=lambda label: sum(closed.score(label, gold) for gold in golds))


def find_one_answer(candidate: Candidate, closed: ClosedSet) -> OneAnswer | None:
    """Return what a prompt answers to nearly everything on the least seen split that it answered.

    Returns:
        None where its answers differ, and where the gold answers are as one-sided.
    """
    split = find_least_seen(candidate)
    if split is None:
        return None
    golds = closed.golds[split]
    given: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    for question, outcome in candidate.answers[split].by_question.items():
        if outcome.answer is not None:
            given[_read_label(outcome, golds[question], closed) or outcome.answer] += 1
            expected[golds[question]] += 1
    if not given:
        return None
    (answer, times), *_ = given.most_common(1)
    least = NEARLY_ALL * given.total()
    if times < least or max(expected.values()) >= least:
        return None
    return OneAnswer(answer, split, times, given.total())


def find_least_seen(candidate: Candidate) -> Split | None:
    """Return the split that the search has seen least, of those that a prompt was asked."""
    return next((s for s in reversed(SPLITS) if candidate.answers[s].by_question), None)


def _read_label(outcome: Outcome, gold: str, closed: ClosedSet) -> str | None:
    """Return the label that an answer is; None for none. A right answer is the gold one."""
    if outcome.score == 1.0:
        return gold
    return None if outcome.answer is None else closed.match(outcome.answer)


def build_confusion(
    candidate: Candidate, closed: ClosedSet, split: Split | None = None
) -> Confusion | None:
    """Count gold labels by the labels that were read.

    Args:
        candidate: The prompt.
        closed: The labels.
        split: On which; None for test, or else train.

    Returns:
        None where nothing was answered, and for more labels than a table can show.
    """
    if len(closed.labels) > MOST_IN_MATRIX:
        return None
    if split is None:
        split = "test" if candidate.answers["test"].by_question else "train"
    rows: dict[str, Counter[str | None]] = {label: Counter() for label in closed.labels}
    no_answer: Counter[str] = Counter()
    for question, outcome in candidate.answers[split].by_question.items():
        gold = closed.golds[split][question]
        if outcome.answer is None:
            no_answer[gold] += 1
        else:
            rows[gold][_read_label(outcome, gold, closed)] += 1
    if not candidate.answers[split].by_question:
        return None
    return Confusion(split, closed.labels, rows, no_answer)


def qualify(verdict: Verdict, best: Candidate | None, closed: ClosedSet | None) -> Verdict:
    """Put before the sentence of a verdict what a reader could be fooled about.

    The verdict keeps its word, and the sentence says what it means: better than the start prompt,
    which may be worse than no prompt at all.
    """
    if best is None or closed is None:
        return verdict
    is_better = verdict.outcome == "improved"
    rival = _describe_rival(best, closed) if is_better else ""
    warnings = [rival] if rival else []
    if one := find_one_answer(best, closed):
        whose = "its" if rival else "the winner's"
        readable = f"{one.times} of {whose} {one.of} readable answers on {one.split}"
        warnings.append(f"{readable} are {quote(one.answer)}")
    if not warnings:
        return verdict
    words = ", and ".join(warnings)
    if is_better:  # so that nobody takes the warning for a contradiction
        return replace(
            verdict, sentence=f"better than the start prompt, but {words}: {verdict.sentence}"
        )
    return replace(verdict, sentence=f"{words}; {verdict.sentence}")


def _describe_rival(best: Candidate, closed: ClosedSet) -> str:
    """Say that the winner is not better than a constant answer on test; "" where it is."""
    label = find_majority(closed)
    compared = compare_candidates(answer_always(label, closed, best), best)
    if compared is None or (compared.difference > 0 and compared.p_value < ALPHA):
        return ""
    score = format_percent(compared.before)
    always = f"always answering {quote(label)} ({score})"
    return f"{'not measurably' if compared.difference > 0 else 'no'} better than {always}"


def quote(label: str) -> str:
    """Return a label in quotes, cut where it is long."""
    return f"'{_shorten(label)}'"


@dataclass(frozen=True, slots=True)
class GoldAnswers:
    """The gold answers of a task's rows.

    Attributes:
        counts: How often each occurs, the commonest first.
        notes: What is odd about them.
    """

    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `opro check --json` has as `gold_answers`."""
        first = list(self.counts.items())[:MOST_GOLDS]
        return {
            "rows": sum(self.counts.values()),
            "distinct": len(self.counts),
            "commonest": [{"answer": gold, "rows": count} for gold, count in first],
        }


def describe_golds(
    counts: Mapping[str, int],
    labels: Sequence[str],
    prompts: Sequence[str],
    asked: str,
    answer: str = "",
) -> GoldAnswers:
    """Return the gold answers with notes for people.

    Args:
        counts: How often each gold answer occurs.
        labels: The closed set of `answer: label` and `labels`, else empty.
        prompts: Those that the search starts with, and those that it is given to race.
        asked: The first question as the scorer gets it: it may name the labels too.
        answer: `task.answer`.
    """
    notes = []
    if _are_class_numbers(counts, answer):
        numbers = sorted(counts, key=float)
        notes.append(
            f"the gold answers are a few bare numbers ({_list_some(numbers)}): if they stand for "
            "classes, use task.answer: label and name them with task.labels: {0: …, 1: …}"
        )
    if len(counts) == 1:
        notes.append(
            f"every gold answer is {_shorten(next(iter(counts)))}: a prompt that makes the model "
            "always say it is always right"
        )
    return GoldAnswers(counts, (*notes, *_note_labels(labels, (*prompts, asked))))


def _note_labels(labels: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    """Yield what a model cannot know of a closed set of labels from the texts that it gets."""
    if not labels:
        return
    if all(label.lstrip("-").isdecimal() for label in labels):
        yield (
            f"the labels are bare numbers ({_list_some(labels)}), and no model knows what they "
            "mean; name them with task.labels: {0: …, 1: …}"
        )
        return
    plain = map(normalize_characters, texts)
    named = {mention.label for text in plain for mention in find_mentions(text, labels)}
    if unnamed := [each for each in labels if each not in named]:
        yield (
            f"no prompt names {_list_some(unnamed)}: a model that is not told the labels has "
            "to guess them; name them in search.start or in the question"
        )


def _are_class_numbers(counts: Mapping[str, int], answer: str) -> bool:
    """Return whether gold answers may be the numbers of classes: a few whole ones, each often."""
    most = MOST_NUMBERS if answer == "number" else MOST_LABELS
    return (
        answer in ("exact", "contains", "number")
        and 2 <= len(counts) <= most
        and sum(counts.values()) >= LEAST_TIMES * len(counts)
        and all(_WHOLE.fullmatch(each) for each in counts)
    )


_WHOLE = re.compile(r"-?\d{1,3}(?:\.0+)?")


def _list_some(labels: Sequence[str]) -> str:
    return ", ".join(map(_shorten, labels[:8])) + (", …" if len(labels) > 8 else "")


def _shorten(label: str) -> str:
    return label if len(label) <= _SHOWN else f"{label[: _SHOWN - 1]}…"
