"""Reasons why replies of the optimizer gave nothing to try, in words, and the remedy."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from opro_cli.core.run.proposals import (
    CUT_SHORT,
    DECLINED,
    EMPTY,
    LEAKS,
    NO_TAGS,
    REFUSED,
    REPEATED,
    SHOWS_ALL,
    TOO_LONG,
)
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import LIST

NOTHING_TRIED = "no candidate was tried"
_TAGGED = ("opro", "reflect", "evolve", "paper-gpt", "paper-instructions-only")
"""Strategies that read a text between tags."""
_PLAIN = {
    EMPTY: "empty",
    REFUSED: "refused by the provider",
    DECLINED: "declined",
    REPEATED: "repeated",
    LEAKS: "quoting train questions",
    SHOWS_ALL: "showing all train questions",
    "digits": "with digits",
    "tag": "with a tag in them",
}


def describe_untried(state: RunState, max_tokens: int | None) -> str:
    """Return the one sentence about a search that has tried no candidate.

    Args:
        state: Of the run.
        max_tokens: Of the optimizer; None where it is not known.
    """
    reasons = describe_reasons(state, max_tokens)
    ended = f"the strategy ended the search: {state.search_ended}" if state.search_ended else ""
    return f"{NOTHING_TRIED}: {', '.join(reasons) or ended or 'the strategy proposed none'}"


def describe_reasons(state: RunState, max_tokens: int | None) -> list[str]:
    """Return "4 cut at optimizer.max_tokens (512)" and the like, the most frequent first."""
    search = state.search
    limit = "the server's own limit" if max_tokens is None else max_tokens
    words = {
        **_PLAIN,
        CUT_SHORT: f"cut at optimizer.max_tokens ({limit})",
        TOO_LONG: f"too long (search.max_instruction_chars is {search.longest_allowed})",
        NO_TAGS: f"with no {'tags' if search.strategy in _TAGGED else 'proposal'}",
    }
    return [f"{count} {words.get(why, f'rejected ({why})')}" for why, count in _rank(state)]


def _rank(state: RunState) -> list[tuple[str, int]]:
    """Return the reasons with their counts, the most frequent first."""
    return Counter(state.proposals.fruitless_by).most_common()


class Remedy(NamedTuple):
    """A change that may give a search a candidate; resumes: a resume takes it."""

    change: str
    resumes: bool


def suggest_change(state: RunState) -> Remedy:
    """Return the remedy for the most frequent reason why nothing was tried.

    A race under a budget that is over is not taken up again.
    """
    remedy = _suggest_change(state)
    if state.looks and state.race_is_over and remedy.resumes:
        return Remedy(remedy.change or "name another optimizer.model", resumes=False)
    return remedy


def _suggest_change(state: RunState) -> Remedy:
    (why, _), *_ = [*_rank(state), ("", 0)]
    if state.search.strategy == LIST and why not in ("", TOO_LONG):  # nobody else to blame
        return Remedy("give other search.candidates", False)
    more = "" if state.is_searching else "search.steps"
    if why in (CUT_SHORT, EMPTY):
        both = f" and {more}" if more else ""
        return Remedy(f"raise optimizer.max_tokens{both} (a model's thoughts count too)", True)
    if why == REPEATED:
        return Remedy(f"raise {more}" if more else "", True)
    if why == TOO_LONG:
        return Remedy("raise search.max_instruction_chars", False)
    if not why and state.search_ended:  # no model was asked, and the strategy says why
        return Remedy("change what ended the search", False)
    return Remedy("name another optimizer.model", False)


def serialize_proposals(state: RunState, max_tokens: int | None) -> dict[str, Any]:
    """Return the part of `result.json` about the optimizer's replies.

    nothing_new: of the replies, those without a new candidate; reasons: the same by reason, and
    why: in words. said: the beginning of the first one of words without a proposal.
    shown: what a request that was too long had in place of all exemplars and past prompts.
    drafts: true where no model was asked, so that all are prompts of the strategy's own.
    """
    proposals, optimizer = state.proposals, state.spend_of("optimizer")
    drafts = bool(proposals.replies) and not optimizer.calls + optimizer.cached
    return {
        "replies": proposals.replies,
        "nothing_new": proposals.empty,
        "reasons": dict(_rank(state)),
        "why": describe_reasons(state, max_tokens),
        "said": proposals.unread_reply or None,
        "shown": proposals.shown or None,
        "skipped": count_skipped(state),
        **({"drafts": True} if drafts else {}),
    }


def count_skipped(state: RunState) -> dict[str, int]:
    """Count the proposed texts that were not scored, by reason, the most frequent first."""
    return dict(Counter(p.skipped for p in state.proposals.texts if p.skipped).most_common())
