"""Failures of a prompt by kind, and questions that tell two prompts apart.

All of it is read off answers and replies that the run has; nothing is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opro_cli.core.draws import Random
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.exemplars import deal_out
from opro_cli.core.run.view import Failure, SearchView
from opro_cli.core.spellings import is_same_label, normalize_label

NAMED = 5
"""Kinds of failures that are told apart; the rarer ones are one kind together."""
BARE = 12
"""Words of a reply that gives its answer at once."""
MOST_QUESTION, MOST_REPLY = 600, 400
"""Characters of a question and of a reply that are shown; of a longer one its two ends."""
_LABEL = 40

NO_REPLY = "no reply: it was refused, or the question is too long"
EMPTY = "an empty reply"
CUT = "the reply ends at its limit of tokens, before an answer"
UNREADABLE = "no answer could be read from the reply"
UNDECIDED = "the reply names several of the answers, and decides for none"
MENTIONED = "no answer could be read, though the reply mentions the right one"
PARTLY = "a partly right answer"
AT_ONCE = "a wrong answer, given at once"
REASONED = "a wrong answer behind some reasoning"
OTHERS = "something else"


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one kind; `name` is the kind, for people and for the optimizer."""

    name: str
    failures: tuple[Failure, ...]

    def describe(self, total: int) -> str:
        """Return the kind with its share of all failures."""
        return f"{self.name} ({len(self.failures)} of {total})"


def name_failure(failure: Failure, label: str = "", labels: Sequence[str] = ()) -> str:
    """Return the kind of a failure, as far as the grade and the reply tell.

    Args:
        failure: The failure.
        label: The gold label, "" where answers are open.
        labels: All labels.
    """
    if failure.score is None:
        return _name_unread(failure, label or failure.example.target, labels)
    if label:
        given = next((each for each in labels if is_same_label(failure.answer or "", each)), None)
        if given is None:
            return "an answer outside the labels"
        return f"“{_cut(given, _LABEL)}” given for “{_cut(label, _LABEL)}”"
    if failure.score > 0:
        return PARTLY
    return AT_ONCE if len((failure.reply or "").split()) <= BARE else REASONED


def _name_unread(failure: Failure, gold: str, labels: Sequence[str]) -> str:
    reply = failure.reply
    if reply is None:
        return NO_REPLY
    if failure.cut:
        return CUT
    if not reply.strip():
        return EMPTY
    if sum(_mentions(reply, each) for each in labels) > 1:
        return UNDECIDED
    return MENTIONED if _mentions(reply, gold) else UNREADABLE


def _mentions(reply: str, gold: str) -> bool:
    """Return whether the words of a gold answer stand in a reply, as words of their own."""
    wanted = normalize_label(gold).split()
    words = [normalize_label(word) for word in reply.split()]
    spans = range(len(words) - len(wanted) + 1)
    return bool(wanted) and any(words[at : at + len(wanted)] == wanted for at in spans)


def group_failures(view: SearchView, candidate: Candidate) -> list[FailureGroup]:
    """Return the failures of a candidate by kind, the largest group first."""
    groups: defaultdict[str, list[Failure]] = defaultdict(list)
    labels = tuple(dict.fromkeys(view.labels))
    for failure in view.failures(candidate):
        label = view.labels[failure.index] if view.labels else ""
        groups[name_failure(failure, label, labels)].append(failure)
    ranked = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    named = [FailureGroup(name, tuple(found)) for name, found in ranked[:NAMED]]
    rest = [failure for _, found in ranked[NAMED:] for failure in found]
    return named + ([FailureGroup(OTHERS, tuple(rest))] if rest else [])


def choose_shown(
    view: SearchView, groups: Sequence[FailureGroup], count: int, rng: Random
) -> list[list[Failure]]:
    """Return the failures of each group that are shown, `count` together.

    The groups take turns, and within a group the gold labels do, so that a large group or a common
    label does not crowd out the others.
    """
    orders = [_deal_out(view, group.failures, rng) for group in groups]
    shown: list[list[Failure]] = [[] for _ in groups]
    for turn in range(max(map(len, orders), default=0)):
        for order, chosen in zip(orders, shown, strict=True):
            if turn < len(order) and sum(map(len, shown)) < count:
                chosen.append(order[turn])
    return shown


def _deal_out(view: SearchView, failures: Iterable[Failure], rng: Random) -> list[Failure]:
    """Shuffle failures so that each gold label comes once before any comes again."""
    by_index = {failure.index: failure for failure in failures}
    order = list(by_index)
    rng.shuffle(order)
    dealt = deal_out(order, view.labels) if view.labels else order
    return [by_index[index] for index in dealt]


def describe_failures(view: SearchView, candidate: Candidate, count: int, room: float = 1.0) -> str:
    """Return the failures of a candidate by kind, with some examples of each; "" for none.

    Args:
        view: The run.
        candidate: The prompt.
        count: Examples at most.
        room: The share of the usual length that texts may have.
    """
    groups, rng = group_failures(view, candidate), view.rng("failures")
    total = sum(len(group.failures) for group in groups)
    parts = []
    for group, chosen in zip(groups, choose_shown(view, groups, count, rng), strict=True):
        examples = (_describe_failure(failure, room) for failure in chosen)
        parts.append("\n\n".join([f"* {group.describe(total)}", *examples]))
    return "\n\n".join(parts)


def _describe_failure(failure: Failure, room: float) -> str:
    reply = "(none)" if failure.reply is None else failure.reply.strip() or "(empty)"
    lines = [
        f"Question: {_cut(failure.example.input, int(MOST_QUESTION * room))}",
        f"Right answer: {_cut(failure.example.target, MOST_REPLY)}",
        f"Reply: {_cut(reply, int(MOST_REPLY * room))}",
    ]
    if failure.answer is not None and failure.answer.strip() != reply:
        lines.append(f"Read as: {_cut(failure.answer, _LABEL)}")
    if failure.feedback:
        lines.append(f"Remark: {_cut(failure.feedback, int(MOST_REPLY * room))}")
    return "\n".join(lines)


def describe_contrasts(
    view: SearchView, candidate: Candidate, count: int, room: float = 1.0
) -> str:
    """Return questions that a candidate got wrong and another one right, with both replies.

    The other is the one that is right most often where the candidate is wrong; of equal ones the
    one that is better on the whole. "" where nobody is.
    """
    failed = {failure.index: failure for failure in view.failures(candidate)}
    ranked: list[tuple[int, float, Candidate, list[int]]] = []
    for other in view.candidates():
        outcomes = other.answers["train"].by_question
        right = [q for q in failed if q in outcomes and outcomes[q].score == 1.0]
        if right and other.id != candidate.id:
            ranked.append((len(right), view.score(other), other, right))
    if not ranked or count < 1:
        return ""
    _, _, other, right = max(ranked, key=lambda each: each[:2])  # ties: the earlier
    rng = view.rng("contrasts")
    pairs = []
    for failure in _deal_out(view, (failed[question] for question in right), rng)[:count]:
        reply = view.read_reply(other.id, "train", failure.index) or ""
        room_for_reply = int(MOST_REPLY * room)
        pairs.append(
            f"{_describe_failure(failure, room)}\n"
            f"Reply under the other: {_cut(reply.strip(), room_for_reply)}"
        )
    head = f"This instruction got the questions below right:\n{other.instruction}"
    return "\n\n".join([head, *pairs])


def _cut(text: str, most: int) -> str:
    """Return a text, a long one without its middle."""
    if len(text) <= most:
        return text
    half = max(1, (most - 3) // 2)
    return f"{text[:half]} … {text[-half:]}"
