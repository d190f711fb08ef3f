"""The exemplars of a meta-prompt: which train questions it shows with their gold answers.

The counts for their choice are computed once (`Memo`): a step would otherwise look at every answer
of the run so far, and cost more the later it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from opro_cli.core.draws import LegacyStream, create_rng
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import sort_best_last
from opro_cli.core.run.state import RunState

Someone = TypeVar("Someone")


@dataclass(slots=True)
class Memo:
    """Counts over the candidates that have all their answers, which do not change any more.

    Attributes:
        wrong: How often each question was answered wrongly by the first `counted` of them.
        stream: The generator of the paper's `most_wrong_now`.
        drawn: The questions that it drew, by step.
    """

    wrong: Counter[int] = field(default_factory=Counter)
    counted: int = 0
    stream: LegacyStream | None = None
    drawn: list[list[int]] = field(default_factory=list)

    def wrong_under(
        self,
        candidates: Sequence[Someone],
        is_scored: Callable[[Someone], bool],
        wrong: Callable[[Someone], Iterable[int]],
    ) -> Counter[int]:
        """Count the candidates that got each question wrong, in order of the first.

        `candidates` are those of the last call, followed by any that joined since.
        """
        while self.counted < len(candidates) and is_scored(candidates[self.counted]):
            self.wrong.update(wrong(candidates[self.counted]))
            self.counted += 1
        counts = self.wrong.copy()
        for candidate in candidates[self.counted :]:
            counts.update(wrong(candidate))
        return counts


def choose_exemplars(
    state: RunState,
    shown: Sequence[Candidate],
    memo: Memo | None = None,
    labels: Sequence[str] = (),
) -> tuple[int, ...]:
    """Return indices of train questions for the next step's meta-prompt, in the order shown.

    random: drawn anew each step. constant: drawn once. most_wrong_so_far: most often wrong under
    all candidates. most_wrong_now: most often wrong under those `shown`. Where `labels` are given
    there are as many of each label as can be; in a run that began before journal format 9 only
    with random.
    """
    search = state.search
    if search.rules == "paper":
        return choose_paper_exemplars(state, memo)
    total = state.sizes["train"]
    count = min(search.exemplars, total)
    step = 0 if search.exemplar_choice == "constant" else state.step + 1
    order = list(range(total))
    create_rng(search.seed, "exemplars", step).shuffle(order)
    if search.exemplar_choice.startswith("most_wrong"):
        known, everyone = Memo(), shown
        if search.exemplar_choice == "most_wrong_so_far":
            known, everyone = memo or Memo(), list(state.candidates.values())
        # Under looks a candidate may be asked more later on, unless it was asked everything.
        settled = _is_whole(state) if state.looks else state.is_done
        wrong = known.wrong_under(everyone, settled, _list_wrong)
        order.sort(key=lambda question: -wrong[question])  # stable: ties stay shuffled
    if labels and (search.exemplar_choice == "random" or state.began_with(9)):
        order = deal_out(order, labels)
    return tuple(sorted(order[:count]))


def _is_whole(state: RunState) -> Callable[[Candidate], bool]:
    return lambda candidate: state.is_scored(candidate, "train")


def _list_wrong(candidate: Candidate) -> list[int]:
    outcomes = candidate.answers["train"].by_question
    return [question for question, outcome in outcomes.items() if outcome.score != 1.0]


def deal_out(order: Iterable[int], labels: Sequence[str]) -> list[int]:
    """Sort questions so that each label comes once before any comes again; ties keep the order."""
    times: Counter[str] = Counter()
    rounds: dict[int, int] = {}
    for question in order:
        rounds[question] = times[labels[question]]
        times[labels[question]] += 1
    return sorted(rounds, key=lambda question: rounds[question])


def choose_paper_exemplars(state: RunState, memo: Memo | None = None) -> tuple[int, ...]:
    """Return indices of train questions for the next step, in the order in which they are shown."""
    memo = memo or Memo()
    rows, count = state.train_rows, state.search.exemplars
    step = state.step  # the reference counts from 0
    match state.search.exemplar_choice:
        case "constant":
            chosen = _draw(rows, count, LegacyStream(0))
        case "most_wrong_so_far":
            wrong = count_wrong(state, (candidate for _, candidate in state.history), memo)
            chosen = _draw(_sort_most_first(wrong), count, LegacyStream(step))
        case "most_wrong_now":
            chosen = _choose_now_wrong(state, count, memo)
        case _:
            chosen = _draw(rows, count, LegacyStream(step))
    index_of = {row: index for index, row in enumerate(rows)}
    return tuple(index_of[row] for row in chosen)


def _choose_now_wrong(state: RunState, count: int, memo: Memo) -> list[int]:
    """Choose rows that those shown got wrong, by a stream that earlier steps have drawn from."""
    everyone = [candidate for _, candidate in state.history]
    settled = all(state.is_scored(candidate, "train") for candidate in everyone)
    known = memo if settled else Memo()
    stream = known.stream = known.stream or LegacyStream(state.search.seed)
    for step in range(len(known.drawn), state.step + 1):
        entered = [candidate for at, candidate in state.history if at <= step]
        # At the first step the reference counts those below its threshold too.
        threshold = state.search.score_threshold if step else 0.0
        wrong = count_wrong(state, sort_best_last(entered, state.search.history, threshold))
        most = max(wrong.values(), default=0)
        tied = [row for row in wrong if wrong[row] == most]
        if len(tied) < count:
            chosen = _sort_most_first(wrong)[:count]
        else:
            chosen = sorted(stream.choice(tied, count))
        known.drawn.append(chosen)
    return known.drawn[state.step]


def count_wrong(
    state: RunState, candidates: Iterable[Candidate], known: Memo | None = None
) -> Counter[int]:
    """Count the `candidates` that got each row of train wrong, in the order of the first.

    Wrong is a score of 0; an unreadable answer has none and counts as 0.
    """

    def wrong(candidate: Candidate) -> set[int]:
        outcomes = candidate.answers["train"].by_question
        # A set on purpose: its order is the reference's.
        return {
            row
            for index, row in enumerate(state.train_rows)
            if index in outcomes and not outcomes[index].score
        }

    return (known or Memo()).wrong_under(
        tuple(candidates), lambda each: state.is_scored(each, "train"), wrong
    )


def _draw(items: Sequence[int], count: int, stream: LegacyStream) -> list[int]:
    """Draw `count` of the items, ascending; if there are no more, return all as they stand."""
    if len(items) <= count:
        return list(items)
    return sorted(stream.choice(items, count))


def _sort_most_first(wrong: Counter[int]) -> list[int]:
    return sorted(wrong, key=lambda row: -wrong[row])
