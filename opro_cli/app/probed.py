"""The answers, prompts and spend that a run has of the probe before it, as in its run.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from opro_cli.calls.budget import read_clock
from opro_cli.core.run.answer_costs import PICO, RECALLED, ReplyCost, add_reply_cost, sum_costs
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.events import Answered, Event, FirstReply, Probed
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import BROKEN_OFF, CUT, Split, is_filtered
from opro_cli.core.task.prompt import encode_form
from opro_cli.errors import OproError
from opro_cli.store.journal import read_numbered_events

Asked = tuple[str, Split, int]
"""Candidate, split and question."""
FOLDER = "headroom"
"""Where probes are kept in the folder of the runs, out of the way of their names."""
MOST_DRAFTS = 4
"""Prompts of a probe that a search tries."""


def describe_probe(
    folders: list[str],
    outcome: str | None = None,
    spent: list[Probed] | None = None,
    drafts: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what run.json says of the probes that a run takes its answers from.

    Args:
        folders: Their names.
        outcome: What the last one of them found; None where the command made none.
        spent: What it cost in this command.
        drafts: Their best instructions, which the search tries first.
    """
    plain = [
        {key: value for key, value in asdict(each).items() if key != "at"} for each in spent or ()
    ]
    probe = {"folders": folders, "outcome": outcome, "spent": plain, "drafts": list(drafts)}
    return {"headroom": probe}


def list_drafts(identity: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the instructions of the probe that a run tries first."""
    return tuple((identity.get("headroom") or {}).get("drafts", ()))


def choose_drafts(state: RunState) -> tuple[str, ...]:
    """Return the best instructions of a probe: those that it asked the most rows.

    Worked examples and other positions are for the user to take, in the config.
    """
    tried = [*state.of_step(1), *state.pending.values()]
    worded = [each for each in tried if not encode_form(each.content)]
    worded.sort(key=_rank, reverse=True)
    return tuple(each.instruction for each in worded[:MOST_DRAFTS])


def _rank(candidate: Candidate) -> tuple[int, float]:
    rows = len(candidate.answers["train"].by_question)
    return rows, measure_mean(candidate, "train") if rows else 0.0


def list_probed(identity: Mapping[str, Any]) -> list[Probed]:
    """Return what the probe cost in the command that began a run, as events of the run."""
    spent = (identity.get("headroom") or {}).get("spent", ())
    return [Probed(at=read_clock(), **each) for each in spent]


def read_known(runs_dir: Path, identity: Mapping[str, Any]) -> dict[Asked, Answered]:
    """Return the answers of the probes that a run names, by candidate, split and question.

    Those of a probe that is gone, or damaged, are asked for again. So are filtered ones. A reply
    that was cut to nothing is an answer, and asking again would be another draw of it.
    """
    known: dict[Asked, Answered] = {}
    for name in (identity.get("headroom") or {}).get("folders", ()):
        path = runs_dir / FOLDER / name / "events.jsonl"
        try:
            events = [event for _, event in read_numbered_events(path)] if path.is_file() else []
        except OproError:
            continue
        for asked, answer in _sum_up(events).items():
            known.setdefault(asked, answer)
    return known


def _sum_up(events: Iterable[Event]) -> dict[Asked, Answered]:
    """Return the answers of one probe, each with what all replies to its question have cost."""
    answers: dict[Asked, Answered] = {}
    costs: dict[Asked, ReplyCost] = {}
    cut: set[Asked] = set()
    for event in events:
        if not isinstance(event, Answered | FirstReply):
            continue
        asked = event.candidate, event.split, event.question
        if event.finish_reason in CUT:
            cut.add(asked)
        if isinstance(event, FirstReply):
            costs[asked] = add_reply_cost(event, costs.get(asked))
        elif event.finish_reason not in BROKEN_OFF and not is_filtered(
            event.text, event.finish_reason
        ):
            answers[asked] = _charge(event, sum_costs(event, costs.get(asked)), asked in cut)
    return answers


def _charge(answer: Answered, cost: ReplyCost, is_cut: bool) -> Answered:
    """Return an answer as if it were one reply at this cost; None for tokens that nobody knows."""
    reason = "stop" if answer.finish_reason == RECALLED else answer.finish_reason
    return replace(
        answer,
        finish_reason="length" if is_cut else reason,
        prompt_tokens=cost.prompt or None,
        completion_tokens=cost.completion if cost.prompt else None,
        usd=None if cost.pico_usd is None else cost.pico_usd / PICO,
        reasoning_tokens=None,
    )


def measure_spend(before: RunState | None, after: RunState, folder: str) -> list[Probed]:
    """Return what a session of a probe cost, by role.

    Args:
        before: The state that it began from; None for nothing.
        after: The state that it left.
        folder: The name of the probe.
    """
    spent = []
    seconds = after.working_seconds - (before.working_seconds if before else 0.0)
    for role, now in after.spend.items():
        then = before.spend_of(role) if before else type(now)()
        lost, lost_before = now.uncounted, then.uncounted
        unpriced = lost.unpriced_tokens - lost_before.unpriced_tokens
        spent.append(
            Probed(
                at=0,
                role=role,
                calls=now.calls - then.calls,
                prompt_tokens=now.counted_prompt - then.counted_prompt,
                completion_tokens=now.counted_completion - then.counted_completion,
                usd=(now.counted_pico_usd - then.counted_pico_usd) / 1e12,
                unpriced=now.unpriced_answers - then.unpriced_answers,
                lost_calls=lost.unanswered - lost_before.unanswered,
                lost_tokens=lost.tokens - lost_before.tokens,
                lost_usd=None if unpriced else (lost.pico_usd - lost_before.pico_usd) / 1e12,
                seconds=round(max(0.0, seconds), 3),
                folder=folder,
            )
        )
        seconds = 0.0  # it counts once, and not for each model
    return [
        each for each in spent if each.calls or each.lost_calls or each.lost_tokens or each.seconds
    ]
