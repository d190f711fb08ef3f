"""Runs, prompts, answers and comparisons as plain data, for the web view.

Scores are as people read them: a loss is positive, and the lower the better.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from opro_cli.core.run.answer_costs import PICO, RECALLED, ReplyCost, add_reply_cost, sum_costs
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Answered, Event, Feedback, FirstReply
from opro_cli.core.run.progress import count_calls, describe_phase, estimate_calls
from opro_cli.core.run.remaining import estimate_time_left
from opro_cli.core.run.selection import find_baseline, find_winner
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.task.example import SPLITS, Example, Message, Split
from opro_cli.reports.answers import GradedAnswer
from opro_cli.reports.comparison import PromptComparison, PromptDiff
from opro_cli.reports.formats import disarm_formula
from opro_cli.reports.labels import build_confusion, find_labels
from opro_cli.reports.prompts import serialize_form
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import serialize_score
from opro_cli.reports.selected import SelectedPrompt
from opro_cli.reports.spend import serialize_spend

MOST_SHOWN = 400
"""Characters of a question in a list."""
MOST_NEWEST = 8
"""Proposals of a run at work that are shown, the newest first."""
_LEAST_SEEN = tuple(reversed(SPLITS))


def build_row(
    row: Mapping[str, Any], *, name: str, sweep: str | None, tags: Sequence[str]
) -> dict[str, Any]:
    """Return a run as a row of the list.

    Args:
        row: As `opro runs` has it.
        name: By which the run is asked for; SWEEP/CELL for a cell.
        sweep: The name of its sweep's folder.
        tags: Of the user's own.
    """
    scale = Scale(**row["scale"]) if "scale" in row else SHARE
    best, difference = row["best"], row["difference"]
    seen = (best["scores"] if best else {}).items()
    split = next((s for s in _LEAST_SEEN if dict(seen).get(s)), None)
    gain = difference and {**difference, "p": row["p_value"]}
    return {
        "run": name,
        "created": row["created"],
        "status": row["status"],
        "verdict": row["verdict"],
        "gain": gain,
        "scorer": row["models"]["scorer"],
        "optimizer": row["models"]["optimizer"],
        "calls": row["spend"]["calls"],
        "usd": row["spend"]["usd"],
        "spark": [scale.orient(mean) for mean in row["spark"]],
        "best": {"split": split, **_orient_score(best["scores"][split], scale)} if split else None,
        "steps_done": row["steps_done"],
        "steps": row["steps"],
        "tags": list(tags),
        "config": row["config"],
        "sweep": sweep,
        **({"scale": asdict(scale)} if scale != SHARE else {}),
    }


def _orient_score(score: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
    """Return mean and interval as people read them."""
    ends = sorted(map(scale.orient, score["interval"]))
    return {"mean": scale.orient(score["mean"]), "interval": ends}


def serialize_prompts(
    run: RecordedRun, whole: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return all prompts of a run: its candidates as they joined, then its baselines.

    Args:
        run: The run.
        whole: Of some prompts by id, all of it as a model gets it.
    """
    state = run.state
    start, best = find_baseline(state), find_winner(state)
    counts: dict[int, int] = {}
    rows = []
    for candidate in state.candidates.values():
        number = counts[candidate.step] = counts.get(candidate.step, 0) + 1
        own: dict[str, Any] = {"is_start": candidate is start, "is_best": candidate is best}
        if whole and candidate.id in whole:
            own["whole"] = whole[candidate.id]
        rows.append({**serialize_prompt(candidate, state, f"{candidate.step}.{number}"), **own})
    for number, candidate in enumerate(state.baselines.values(), start=1):
        if candidate.id not in state.candidates and candidate.is_asked:
            own = {"is_start": False, "is_best": False, "is_baseline": True}
            rows.append({**serialize_prompt(candidate, state, f"baseline {number}"), **own})
    return rows


def serialize_prompt(candidate: Candidate, state: RunState, name: str) -> dict[str, Any]:
    """Return one prompt; `name` is what stands behind the @ of RUN@2.1."""
    scores = {split: _serialize_score(candidate, split, state.scale) for split in SPLITS}
    cost = measure_answer(candidate, SPLITS)
    return {
        "id": candidate.id,
        "name": name,
        "step": candidate.step,
        "text": candidate.instruction,
        "form": serialize_form(candidate),
        "note": candidate.note,
        "parents": list(candidate.parents),
        "scores": {split: score for split, score in scores.items() if score},
        "tokens_in": cost["tokens_in"],
        "tokens_out": cost["tokens_out"],
    }


def _serialize_score(candidate: Candidate, split: Split, scale: Scale) -> dict[str, Any] | None:
    score = serialize_score(candidate.score(split))
    return score and {"estimated": False, **score, **_orient_score(score, scale)}


def measure_answer(candidate: Candidate, splits: Sequence[Split]) -> dict[str, float | None]:
    """Return what an answer took on these splits, on average over those that were metered."""
    costs = [candidate.answers[split].costs for split in splits]
    metered, priced = sum(c.metered for c in costs), sum(c.priced for c in costs)
    return {
        "tokens_in": sum(c.prompt for c in costs) / metered if metered else None,
        "tokens_out": sum(c.completion for c in costs) / metered if metered else None,
        "usd": sum(c.pico_usd for c in costs) / PICO / priced if priced else None,
    }


def describe_live(run: RecordedRun, budget: BudgetSettings) -> dict[str, Any]:
    """Return how a run at work is getting on, under these ceilings.

    What is in flight is in no journal, so that nothing is said of it.
    """
    state, spend = run.state, serialize_spend(run.state)
    left, counted = estimate_time_left(state), spend["counted"]
    tokens = [counted["prompt_tokens"], counted["completion_tokens"]]
    return {
        "phase": _describe_phase(state),
        "newest": _list_newest(state),
        "spent": {
            "calls": spend["calls"],
            "usd": counted["usd"],
            "tokens": None if None in tokens else sum(tokens),
            "minutes": state.working_seconds / 60,
        },
        "budget": asdict(budget),
        "left": left and left.likely,
        "left_at_most": left and left.at_most,
        "calls_done": count_calls(state),
        "calls_expected": estimate_calls(state),
    }


def _describe_phase(state: RunState) -> str:
    """Return the phase in words: "step 2 of 8: scoring"."""
    phase = describe_phase(state)
    if phase.startswith("step "):
        step = phase.removeprefix("step ").replace("/", " of ")
        asking = len(state.proposals.arrived) < state.samples and not state.pending
        here = all(map(state.is_done, state.of_step(state.step)))
        return f"step {step}: {'proposing' if asking and here else 'scoring'}"
    words = {"initial": "scoring the start prompts", "dev": "dev: choosing the winner"}
    return words.get(phase, "test: comparing with the start prompt")


def _list_newest(state: RunState) -> list[str]:
    """Return the texts that were proposed last, the newest first."""
    pending = [candidate.instruction for candidate in state.pending.values()]
    joined = [each.instruction for each in state.candidates.values() if each.step]
    return [*joined, *pending][: -MOST_NEWEST - 1 : -1]


def serialize_question(example: Example, number: int) -> dict[str, Any]:
    """Return a question in a list, cut where it is long."""
    return {
        "question": number,
        "input": example.input[:MOST_SHOWN],
        "target": example.target[:MOST_SHOWN],
    }


def serialize_answer(
    answer: GradedAnswer,
    events: Sequence[Event],
    chats: Sequence[Sequence[Message]],
    *,
    run: str,
    prompt: str,
) -> dict[str, Any]:
    """Return one answer with its exchange.

    Args:
        answer: As it was graded.
        events: About this question under this prompt, in their order.
        chats: What was sent, a chat a round; empty where it is not known.
        run: The name of its run.
        prompt: The id of its prompt.
    """
    replies = [each for each in events if isinstance(each, FirstReply | Answered)]
    own = [each for each in replies if each.finish_reason != RECALLED]
    cost = _sum_costs(replies)
    messages = [[asdict(message) for message in chat] for chat in chats]
    return {
        "run": run,
        "prompt": prompt,
        "split": answer.split,
        "question": answer.question,
        "input": answer.input,
        "target": answer.target,
        "judgement": answer.judgement,
        "answer": answer.answer,
        "score": answer.score,
        "read_from": answer.read_from and list(answer.read_from),
        "read_each": list(answer.read_each),
        "messages": messages[0] if messages else [],
        "rounds": messages,
        "replies": list(answer.replies),
        "cut": answer.cut,
        "finish_reason": own[-1].finish_reason if own else None,
        "tokens_in": cost.prompt,
        "tokens_out": cost.completion,
        "usd": None if cost.pico_usd is None else cost.pico_usd / PICO,
        "seconds": sum(each.seconds for each in own) if own else None,
        "cached": any(each.via == "cache" for each in replies),
        "feedback": "\n".join(each.text for each in events if isinstance(each, Feedback)),
    }


def _sum_costs(replies: Iterable[FirstReply | Answered]) -> ReplyCost:
    """Return what the replies to a question took together; nothing is known of cached ones."""
    before: ReplyCost | None = None
    for reply in replies:
        if isinstance(reply, Answered):
            return sum_costs(reply, before)
        before = add_reply_cost(reply, before)
    return before or ReplyCost(None, None, None)


EXPORTED = (
    *("run", "prompt", "split", "question", "input", "target", "judgement", "answer", "score"),
    *("replies", "cut", "finish_reason", "tokens_in", "tokens_out", "seconds", "feedback"),
)
"""The columns of an export."""


def format_csv(answers: Iterable[Mapping[str, Any]]) -> str:
    """Return answers as CSV with a heading; a question with several replies has them as JSON.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(EXPORTED)
    for answer in answers:
        replies = answer["replies"]
        row = {**answer, "replies": replies[0] if len(replies) == 1 else json.dumps(replies)}
        writer.writerow([_guard(row[name]) for name in EXPORTED])
    return text.getvalue()


def _guard(value: Any) -> Any:
    return disarm_formula(value) if isinstance(value, str) else value


def format_jsonl(answers: Iterable[Mapping[str, Any]]) -> str:
    """Return answers as JSON, one a line."""
    rows = ({name: answer[name] for name in EXPORTED} for answer in answers)
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def serialize_comparison(
    compared: PromptComparison,
    prompts: Sequence[Mapping[str, Any]],
    sentences: Sequence[str],
    seen_caveats: Sequence[str],
) -> dict[str, Any]:
    """Return prompts compared with the first.

    Args:
        compared: The comparison.
        prompts: All of them as the page has them, in the same order.
        sentences: How each further one differs, as `opro diff` says it.
        seen_caveats: Why the questions of each comparison flatter; "" where they do not.
    """
    first = compared.columns[0]
    pairs = [
        _serialize_pair(diff, sentence, same_run=other.run.folder == first.run.folder)
        for diff, sentence, other in zip(
            compared.against_first, sentences, compared.columns[1:], strict=True
        )
    ]
    splits = [split for split in _LEAST_SEEN if all(map(_has_answers(split), compared.columns))]
    split = pairs[0]["split"] or (splits[0] if splits else None)
    confusion = [_serialize_confusion(each, split) for each in compared.columns]
    return {
        "prompts": list(prompts),
        **pairs[0],
        "split": split,
        "confusion": confusion if any(confusion) else None,
        "cost": [
            measure_answer(each.candidate, [split] if split else SPLITS)
            for each in compared.columns
            if each.candidate
        ],
        "caveats": list(
            dict.fromkeys(
                caveat
                for diff, seen in zip(compared.against_first, seen_caveats, strict=True)
                for caveat in (*diff.caveats, *filter(None, [seen]))
            )
        ),
        "against_first": pairs,
    }


def _has_answers(split: Split) -> Any:
    return lambda chosen: bool(chosen.candidate and chosen.candidate.answers[split].by_question)


def _serialize_pair(diff: PromptDiff, sentence: str, *, same_run: bool) -> dict[str, Any]:
    """Return one prompt against the first; questions are numbered as in the first one's run."""
    flips, found = diff.flips, {"gained": list[int](), "lost": list[int]()}
    other: dict[str, list[int]] = {"gained": [], "lost": []}
    if flips is not None:
        for kind, pairs in (("gained", flips.gained), ("lost", flips.lost)):
            found[kind] = [pair.before.number for pair in pairs]
            other[kind] = [pair.after.number for pair in pairs]
    return {
        "diff": [[piece.kind, piece.text] for piece in diff.prompt],
        "flips": {**found, **({} if same_run else {"other": other})},
        "split": flips.split if flips else None,
        "difference": flips
        and {
            "mean": flips.difference,
            "interval": [flips.interval.low, flips.interval.high],
            "p": flips.p_value,
        },
        "text": sentence,
    }


def _serialize_confusion(chosen: SelectedPrompt, split: Split | None) -> dict[str, Any] | None:
    """Return the confusion matrix of a prompt on the split that is compared, a row a gold label.

    The last two columns count answers that are no label, and replies without an answer.
    """
    closed = find_labels(chosen.run)
    matrix = None
    if closed and chosen.candidate:
        matrix = build_confusion(chosen.candidate, closed, split)
    if matrix is None:
        return None
    return {
        "split": matrix.split,
        "labels": list(matrix.labels),
        "rows": [
            [
                *(matrix.rows[gold][label] for label in matrix.labels),
                matrix.rows[gold][None],
                matrix.no_answer[gold],
            ]
            for gold in matrix.labels
        ],
    }


def list_trend(rows: Iterable[Mapping[str, Any]], config: str) -> list[dict[str, Any]]:
    """Return the runs of one config, the oldest first, from rows of the list."""
    chosen = [row for row in rows if row["config"] == config]
    return [
        {
            "run": row["run"],
            "created": row["created"],
            "score": row["best"] and row["best"]["mean"],
            "interval": row["best"] and row["best"]["interval"],
            "split": row["best"] and row["best"]["split"],
            "gain": row["gain"] and row["gain"]["mean"],
            "verdict": row["verdict"],
            "status": row["status"],
            **({"scale": row["scale"]} if "scale" in row else {}),
        }
        for row in sorted(chosen, key=lambda row: row["created"] or "")
    ]
