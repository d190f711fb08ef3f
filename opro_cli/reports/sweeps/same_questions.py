"""Tasks of a sweep that ask the same questions: under other templates, or from copies of a file.

They are one task, or a mean over tasks takes one result for several. They are known by what is
asked, since neither names nor templates tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence

from opro_cli.core.copies import split_words
from opro_cli.reports.paired import QuestionKey

SHARE = 0.5
"""Of the task with fewer questions, the share that the other one has as well."""
FEWEST = 8
"""Questions in common without which nothing is known."""
TEMPLATE = 0.9
"""A word in this share of a task's questions is no part of what tells them apart."""
LEAST_WORDS = 2
"""Words of its own without which a question is known by its template's words, too: "question 7" of
two tasks is no question in common."""
_RELATED = 0.3
"""Of the words of two tasks, the share in common without which they are not compared."""

Asked = tuple[tuple[str, ...], str]
"""The words of a question without those of templates, and its gold answer."""


def find_same_tasks(
    questions: Mapping[str, Collection[QuestionKey]], sources: Mapping[str, Hashable]
) -> dict[str, str]:
    """Return for each task the first one that asks the same questions, mostly itself.

    Args:
        questions: By task.
        sources: By task, what its questions are drawn from, where that is known: two tasks with
            one source are one, though they drew other questions.
    """
    first: dict[str, str] = {}
    tasks = {task: _Task(list(keys)) for task, keys in questions.items()}
    for task, own in tasks.items():
        source = sources.get(task)
        for other in dict.fromkeys(first.values()):
            drawn_alike = source is not None and source == sources.get(other)
            if drawn_alike or own.asks_as(tasks[other]):
                first[task] = other
                break
        else:
            first[task] = task
    return first


def unify_questions(
    tasks: Sequence[Collection[QuestionKey]],
) -> list[dict[QuestionKey, QuestionKey]]:
    """Return for the questions of each of several tasks the key that all of them share."""
    known = [_Task(list(keys)) for keys in tasks]
    template = frozenset().union(*(each.template for each in known))
    unified = []
    for task in known:
        seen: Counter[Asked] = Counter()
        keys = {}
        for key in task.keys:
            words, gold = asked = task.ask(key, template)
            keys[key] = QuestionKey(" ".join(words), gold, seen[asked]) if words else key
            seen[asked] += 1
        unified.append(keys)
    return unified


class _Task:
    """The questions of one task as words, and the words of its template."""

    def __init__(self, keys: Sequence[QuestionKey]) -> None:
        self.keys = keys
        self._words = {key: split_words(key.input) for key in keys}
        spread = Counter(word for words in self._words.values() for word in {*words})
        self.template = frozenset(w for w, n in spread.items() if n >= TEMPLATE * len(keys))
        self.vocabulary = spread.keys() - self.template

    def ask(self, key: QuestionKey, template: Collection[str]) -> Asked:
        """Return the words of a question without those of the template, and its gold answer.

        A question that hardly has words of its own keeps all of them.
        """
        own = tuple(word for word in self._words[key] if word not in template)
        return own if len(own) >= LEAST_WORDS else tuple(self._words[key]), key.target

    def asks_as(self, other: _Task) -> bool:
        """Return whether the larger task has half of the questions of the smaller one, or more."""
        fewer = min(len(self.vocabulary), len(other.vocabulary))
        if len(self.vocabulary & other.vocabulary) < max(1, _RELATED * fewer):
            return False
        template = self.template | other.template
        own, its = ({task.ask(key, template) for key in task.keys} for task in (self, other))
        least = min(len(own), len(its))
        return len(own & its) >= max(FEWEST, SHARE * least)
