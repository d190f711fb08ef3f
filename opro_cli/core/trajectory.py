"""The optimization trajectory: the past instructions that the meta-prompt shows (section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable

from opro_cli.core.candidates import Candidate
from opro_cli.core.model import Split
from opro_cli.core.state import RunState


def trajectory(state: RunState) -> list[Candidate]:
    """Those shown in the next meta-prompt. Only those that are done on train take part."""
    scored = (candidate for _, candidate in state.history if state.is_done(candidate))
    return best_last(scored, state.search.history, state.search.score_threshold)


def best_last(
    candidates: Iterable[Candidate], history: int | None, threshold: float
) -> list[Candidate]:
    """Train scores ascending, the best `history` of them, none below `threshold`.

    Ties keep the order in which they entered (the reference sorts stably and cuts from the
    front; opt_utils.gen_ins_and_score_pairs_substr).
    """
    scored = [(mean(candidate, "train"), candidate) for candidate in candidates]
    scored.sort(key=lambda pair: pair[0])
    shown = scored if history is None else scored[-history:]
    return [candidate for score, candidate in shown if score >= threshold]


def mean(candidate: Candidate, split: Split) -> float:
    """Its mean on a split, for comparing; -1 (below every score) before the first answer."""
    known = candidate.answers[split].mean()
    return -1.0 if known is None else known
