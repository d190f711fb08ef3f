"""Which train questions the paper's reference shows in a meta-prompt, draw for draw.

Source: google-deepmind/opro, opt_utils.run_evolution, whose four criteria are `random`,
`constant`, `accumulative_most_frequent` (here most_wrong_so_far) and `current_most_frequent`
(most_wrong_now). Steps seed numpy's legacy generator with their number from 0, `constant`
with 0; most_wrong_now does not seed, and draws from one stream over the whole run, which here
starts with `search.seed`.

The order of tied questions is that in which they were first found wrong: candidate by
candidate, each one's wrong rows in the order of a CPython set of integers, which is not
ascending. Where the reference would crash, for want of questions, all there are are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from opro_cli.core.candidates import Candidate
from opro_cli.core.memo import Memo
from opro_cli.core.numpy_legacy import LegacyStream
from opro_cli.core.state import RunState
from opro_cli.core.trajectory import best_last


def paper_exemplars(state: RunState) -> tuple[int, ...]:
    """Indices of train questions for the next step, in the order in which they are shown."""
    search, rows = state.search, state.train_rows
    step = state.step  # the reference counts from 0
    count = search.exemplars
    match search.exemplar_choice:
        case "constant":
            chosen = _drawn(rows, count, LegacyStream(0))
        case "most_wrong_so_far":
            wrong = wrong_counts(state, (candidate for _, candidate in state.history), state.memo)
            chosen = _drawn(_most_first(wrong), count, LegacyStream(step))
        case "most_wrong_now":
            chosen = _now_wrong(state, count)
        case _:
            chosen = _drawn(rows, count, LegacyStream(step))
    index_of = {row: index for index, row in enumerate(rows)}
    return tuple(index_of[row] for row in chosen)


def wrong_counts(
    state: RunState, candidates: Iterable[Candidate], known: Memo | None = None
) -> Counter[int]:
    """How many of `candidates` got a row of train wrong, in the order of first being wrong.

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


def _drawn(items: Sequence[int], count: int, stream: LegacyStream) -> list[int]:
    """`count` of the items, ascending; when there are no more than that all, as they stand."""
    if len(items) <= count:
        return list(items)
    return sorted(stream.choice(items, count))


def _most_first(wrong: Counter[int]) -> list[int]:
    return sorted(wrong, key=lambda row: -wrong[row])


def _now_wrong(state: RunState, count: int) -> list[int]:
    """The wrong rows of those shown, from a stream that earlier steps have drawn from."""
    everyone = [candidate for _, candidate in state.history]
    settled = all(state.is_scored(candidate, "train") for candidate in everyone)
    known = state.memo if settled else Memo()
    stream = known.stream = known.stream or LegacyStream(state.search.seed)
    for step in range(len(known.drawn), state.step + 1):
        entered = [candidate for at, candidate in state.history if at <= step]
        # At the first step the reference counts those below its threshold too.
        threshold = state.search.score_threshold if step else 0.0
        wrong = wrong_counts(state, best_last(entered, state.search.history, threshold))
        most = max(wrong.values(), default=0)
        tied = [row for row in wrong if wrong[row] == most]
        if len(tied) < count:
            chosen = _most_first(wrong)[:count]
        else:
            chosen = sorted(stream.choice(tied, count))
        known.drawn.append(chosen)
    return known.drawn[state.step]
