"""The fate of a run's requests at its servers: parameters refused, replies and prompts cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import ParameterRefused, PromptsCut
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import SPLITS
from opro_cli.reports.formats import format_count
from opro_cli.reports.request_words import describe_refused, describe_window
from opro_cli.reports.verdict import Verdict

Limits = Mapping[str, int | None]
"""The max_tokens of each role, None where none is sent."""
MOST_CUT = 0.1
"""Share of a prompt's answers from which on its score is one of the limit as well."""
MOST_CUT_TO_CLAIM = 0.5
"""Share of the start prompt's test answers that may be cut where a gain over it is claimed."""


def describe_requests(state: RunState, limits: Limits) -> dict[str, Any]:
    """Return `requests` of `result.json`."""
    cut = {
        role: {
            "replies": spend.replies,
            "cut": spend.cut,
            "cut_empty": spend.cut_empty,
            "max_tokens": limits.get(role),
        }
        for role, spend in state.spend.items()
        if spend.cut or spend.cut_empty
    }
    refused = [
        {
            "role": each.role,
            "model": each.address,
            "parameter": each.parameter,
            "value": each.value,
            "error": each.error,
        }
        for each in state.refused_parameters
    ]
    prompts = {
        role: {"tokens": each.tokens, "prompts": each.prompts}
        for role, each in state.prompts_cut.items()
    }
    return {"refused": refused, "cut": cut, "prompts_cut": prompts}


def describe_event(event: ParameterRefused | PromptsCut, state: RunState) -> str:
    """Say what an event tells about a server."""
    if isinstance(event, PromptsCut):
        return describe_window(event.role, event.tokens, event.prompts)
    refusal = (event.role, event.parameter, event.value, event.error)
    return describe_refused(*refusal, state.list_unsent(event.role, event.address))


def blame_limit(verdict: Verdict, limits: Limits, *candidates: Candidate | None) -> Verdict:
    """Put before a verdict's sentence that replies were cut, where many were.

    Args:
        verdict: Of the run.
        limits: Of its roles.
        candidates: The prompts that it is about.
    """
    answers = [
        c.answers[split] for c in {id(c): c for c in candidates if c}.values() for split in SPLITS
    ]
    asked, cut = (
        sum(counts)
        for counts in ((len(each.by_question) for each in answers), (each.cut for each in answers))
    )
    if not asked or cut < MOST_CUT * asked:
        return verdict
    limit = limits.get("scorer")
    key = f"scorer.max_tokens ({limit})" if limit else "the server's limit of tokens"
    measured = "so that the scores measure the limit, not the prompt; raise it"
    sentence = f"{cut} of {format_count(asked)} replies were cut at {key}, {measured}"
    verdict = replace(verdict, sentence=f"{sentence}; {verdict.sentence}")
    if verdict.outcome == "improved" and candidates[0] and _is_mostly_cut(candidates[0]):
        # A prompt that says less gains whatever it says.
        return replace(verdict, outcome=None, headline="")
    return verdict


def _is_mostly_cut(candidate: Candidate) -> bool:
    test = candidate.answers["test"]
    return test.cut > MOST_CUT_TO_CLAIM * len(test.by_question)
