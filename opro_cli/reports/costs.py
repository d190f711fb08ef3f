"""The cost of a run before it begins, and the forecast that `opro check` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from opro_cli.core.run.events import Answered
from opro_cli.core.run.progress import Role, count_endpoint_checks, estimate_calls
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import Ask, Draft, End, RehearsedView, check_proposal
from opro_cli.core.scale import Scale
from opro_cli.core.settings.models import UNUSED, ModelSettings, PriceSettings
from opro_cli.core.settings.read import read_options
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import SPLITS, Example, Message, Split
from opro_cli.core.task.prompt import Prompt, TrajectoryEntry, build_messages
from opro_cli.core.text import count_bytes
from opro_cli.errors import OproError
from opro_cli.ports import Strategy, is_built_in

ASSUMPTIONS = (
    "expected: three of four proposals are new, 4 bytes of prompt a token, replies take a quarter "
    "of max_tokens; at most: all proposals are new, 3 bytes a token, replies take max_tokens"
)
KINDS: Mapping[str, tuple[float, float]] = {"expected": (4.0, 0.25), "at_most": (3.0, 1.0)}
"""Bytes of prompt a token, and the share of max_tokens that a reply takes."""
NEW_SHARE = 0.75
NO_COST = {"prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0, "seconds": 0.0}
TYPICAL_LENGTH = 80
"""Characters of an instruction that the optimizer typically proposes."""
LONG_REPLY = 1000
"""Characters of a reply that a meta-prompt may show, which cuts it."""

Examples = Mapping[Split, Sequence[Example]]


class StartValues(NamedTuple):
    """The values of the solutions that a search starts from, which cost nothing."""

    scale: Scale
    values: Sequence[float]


def estimate_costs(
    settings: Settings,
    examples: Examples,
    strategy: Strategy,
    prices: Mapping[Role, PriceSettings | None],
    start: StartValues | None = None,
) -> dict[str, Any]:
    """Estimate calls, tokens and dollars by role and in total, expected and at most.

    Dollars are None where a price is unknown. No model is called. `start` is that of a problem.
    """
    state = _build_state(settings, examples, start)
    counts, search = _count_calls(settings, state), settings.search
    (expected, asked), (proposed, most_proposed) = counts["scorer"], counts["optimizer"]
    proposals = search.steps * search.candidates_per_step
    questions = _measure_questions(settings, examples, rounds=state.rounds)
    demos = _measure_demos(settings, examples, strategy, state)
    questions = [text + shown for text, shown in zip(questions, demos, strict=True)]
    meta_prompts = [
        _measure_meta_prompt(settings, examples, strategy, state, length)
        for length in (TYPICAL_LENGTH, _find_longest(settings))
    ]
    asked_bytes = expected * questions[0], asked * questions[1]
    proposed_bytes = proposals * meta_prompts[0], most_proposed * meta_prompts[1]
    scorer = _estimate_role(
        settings.scorer, prices.get("scorer"), asked_bytes, (round(expected), round(asked))
    )
    optimizer = _estimate_role(
        settings.optimizer,
        prices.get("optimizer"),
        proposed_bytes,
        (round(proposed), round(most_proposed)),
    )
    roles = {"scorer": scorer, "optimizer": optimizer}
    if settings.task.problem:  # which asks no scorer
        del roles["scorer"]
    total = {kind: add_costs([role[kind] for role in roles.values()]) for kind in KINDS}
    assumptions, ceiling = ASSUMPTIONS, settings.budget.calls
    if ceiling is not None and ceiling < total["at_most"]["calls"]:
        assumptions += f"; {ceiling:,} calls at most in all, by budget.calls"
        _limit_costs(roles, total, ceiling)
    return {"name": settings.name, "roles": roles, "total": total, "assumptions": assumptions}


def _limit_costs(roles: Mapping[Role, Any], total: dict[str, Any], ceiling: int) -> None:
    """Limit costs to a budget of calls.

    What is expected is fewer of the same calls of all roles. At most, each role may take all.
    """
    share = min(1.0, ceiling / max(1, total["expected"]["calls"]))
    for role in roles.values():
        most = min(1.0, ceiling / max(1, role["at_most"]["calls"]))
        for kind, of_calls in (("expected", share), ("at_most", most)):
            for name in ("calls", "prompt_tokens", "completion_tokens"):
                role[kind][name] = round(role[kind][name] * of_calls)
            if role[kind]["usd"] is not None:
                role[kind]["usd"] *= of_calls
    for kind in KINDS:
        total[kind] = add_costs([role[kind] for role in roles.values()])
        total[kind]["calls"] = min(ceiling, total[kind]["calls"])


def _count_calls(settings: Settings, state: RunState) -> dict[Role, tuple[float, float]]:
    """Count the calls of a whole run by role, expected and at most."""
    search, checks = settings.search, count_endpoint_checks(settings)
    proposals = search.steps * search.candidates_per_step
    most_proposals = proposals + search.steps * search.ask_again
    tiny_call = 1 if search.steps else 0
    asked = estimate_calls(state) - most_proposals - tiny_call + checks["scorer"]
    proposed = proposals + tiny_call + checks["optimizer"]
    if settings.optimizer.model == UNUSED:  # prompts are made by code
        proposed = proposals = most_proposals = 0
    once = len(search.initial_instructions) * state.sizes["train"]
    return {
        "scorer": (once + NEW_SHARE * (asked - once), asked),
        "optimizer": (proposed, proposed - proposals + most_proposals),
    }


def count_expected_calls(settings: Settings, state: RunState) -> int:
    """Count the calls that a whole run is expected to make, of both models."""
    counts = _count_calls(settings, state)
    if settings.task.problem:  # which asks no scorer
        del counts["scorer"]
    return sum(round(expected) for expected, _ in counts.values())


def add_costs(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum calls, tokens and dollars; dollars are unknown as soon as one row's are."""
    dollars = [row["usd"] for row in rows]
    counts = ("calls", "prompt_tokens", "completion_tokens")
    return {
        **{name: sum(row[name] for row in rows) for name in counts},
        "usd": None if None in dollars else sum(dollars),
    }


def _estimate_role(
    model: ModelSettings,
    price: PriceSettings | None,
    prompt_bytes: tuple[float, float],
    calls: tuple[int, int],
) -> dict[str, Any]:
    row: dict[str, Any] = {"model": model.model}
    for (kind, (bytes_a_token, share)), size, count in zip(
        KINDS.items(), prompt_bytes, calls, strict=True
    ):
        prompt = round(size / bytes_a_token)
        completion = round(count * share * model.reply_limit)
        usd = None if price is None else (prompt * price.input + completion * price.output) / 1e6
        usd = usd if count else 0.0  # whatever it would cost
        row[kind] = {
            "calls": count,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "usd": usd,
        }
    return row


def _build_state(settings: Settings, examples: Examples, start: StartValues | None) -> RunState:
    """Return the state of a run before its first call."""
    if start is None:
        repeats = settings.scorer.repeats
        return RunState.at_start(settings.search, examples, settings.task, repeats=repeats)
    state = RunState.at_start(settings.search, examples, settings.task, start.scale)
    for candidate, value in zip(state.of_step(0), start.values, strict=True):
        by_hand: dict[str, Any] = {"finish_reason": "none", "via": "local", **NO_COST}
        state.apply(Answered(0.0, candidate.id, "train", 0, "", f"{value:g}", value, **by_hand))
    return state


def estimate_tokens(characters: int) -> int:
    """Estimate the tokens of a text of so many characters, of one byte each."""
    bytes_a_token, _ = KINDS["expected"]
    return round(characters / bytes_a_token)


def _find_longest(settings: Settings) -> int:
    """Return the most characters of a proposal, which optimizer.max_tokens bounds too."""
    bytes_a_token, _ = KINDS["expected"]
    return min(
        settings.search.longest_allowed, round(bytes_a_token * settings.optimizer.reply_limit)
    )


def measure_longest_prompts(
    settings: Settings, examples: Examples, strategy: Strategy, start: StartValues | None = None
) -> dict[Role, int]:
    """Estimate the tokens of the longest prompt of each model.

    That is the longest question under the longest instruction, with a first reply where there are
    two rounds, and a meta-prompt full of such instructions. An evaluation has no train questions,
    and asks no optimizer.
    """
    state = _build_state(settings, examples, start)
    length = max(settings.search.longest_start, _find_longest(settings))
    bytes_a_token, _ = KINDS["expected"]
    longest = max(_list_question_sizes(settings, examples, length))
    reply = settings.scorer.reply_limit if state.rounds == 2 else 0
    asked = round(longest / bytes_a_token) + reply
    if not examples["train"]:
        return {"scorer": asked}
    meta_prompt = _measure_meta_prompt(settings, examples, strategy, state, length)
    return {
        "scorer": asked,
        "optimizer": round(meta_prompt / bytes_a_token),
    }


def _measure_questions(settings: Settings, examples: Examples, *, rounds: int) -> list[float]:
    """Return the mean bytes of the scorer's prompt, expected and at most."""
    lengths = (TYPICAL_LENGTH, _find_longest(settings))
    texts = [fmean(_list_question_sizes(settings, examples, length)) for length in lengths]
    # A second round has the whole first reply in its prompt.
    replies = [
        bytes_a_token * share * settings.scorer.reply_limit / 2 if rounds == 2 else 0.0
        for bytes_a_token, share in KINDS.values()
    ]
    return [text + reply for text, reply in zip(texts, replies, strict=True)]


def _list_question_sizes(settings: Settings, examples: Examples, length: int) -> list[float]:
    """Return the bytes of the scorer's prompt for each question, without a first reply."""
    instruction, form = "x" * length, settings.task.format
    return [
        _count_bytes(build_messages(Prompt(instruction), example, form))
        for split in SPLITS
        for example in examples[split]
    ]


def _measure_meta_prompt(
    settings: Settings, examples: Examples, strategy: Strategy, state: RunState, length: int
) -> float:
    """Return the bytes of a meta-prompt with a full history of instructions of this length.

    Solutions of a problem are about as long as those at the start, which the state has.
    """
    search = settings.search
    proposals = search.steps * search.candidates_per_step + len(search.initial_instructions)
    shown = min(proposals, proposals if search.history is None else search.history)
    mean_shown = shown if search.history is not None else shown / 2
    if settings.task.problem:
        known = len(list(filter(state.is_done, state.of_step(0))))
        bare = _measure_first(settings, examples, strategy, _build_state(settings, examples, None))
        full = _measure_first(settings, examples, strategy, state)
        return bare + (full - bare) / max(1, known) * mean_shown
    trajectory = (TrajectoryEntry("x" * length, 0.5),) * round(mean_shown)
    return _measure_first(settings, examples, strategy, state, trajectory)


def _measure_first(
    settings: Settings,
    examples: Examples,
    strategy: Strategy,
    state: RunState,
    trajectory: tuple[TrajectoryEntry, ...] = (),
) -> float:
    reply = "x" * LONG_REPLY
    rehearsed = _rehearse(settings, examples, strategy, state, trajectory, reply)
    if rehearsed.fault:  # a guess: what it is most likely to show
        return float(sum(count_bytes(entry.instruction) for entry in trajectory))
    return max((_count_bytes(request.messages) for request in rehearsed.asks), default=0.0)


def _measure_demos(
    settings: Settings, examples: Examples, strategy: Strategy, state: RunState
) -> tuple[float, float]:
    """Return the bytes of worked examples in the prompts of the first step, on average and most.

    Of a strategy from outside opro, whose first step may have none yet, that is a guess.
    """
    if not examples["train"] or "demos" not in strategy.needs:
        return 0.0, 0.0
    first, train = _rehearse(settings, examples, strategy, state).proposals, examples["train"]
    drafts = [each for each in first if isinstance(each, Draft)]
    prompts = [each.content for each in drafts if isinstance(each.content, Prompt)]
    shown = [
        [train[demo.row] for demo in prompt.demos if 0 <= demo.row < len(train)]
        for prompt in prompts
    ]
    sizes = [
        float(sum(count_bytes(each.input) + count_bytes(each.target) for each in rows))
        for rows in shown
    ]
    return (fmean(sizes), max(sizes)) if sizes else (0.0, 0.0)


class Rehearsed(NamedTuple):
    """The proposals that a strategy would make in the first step.

    Attributes:
        proposals: None of them where it is at its end, or failed.
        fault: Why a strategy from outside opro could not be rehearsed; "" where it could.
    """

    proposals: Sequence[Ask | Draft]
    fault: str = ""

    @property
    def asks(self) -> list[Ask]:
        """The requests to the optimizer."""
        return [proposal for proposal in self.proposals if isinstance(proposal, Ask)]


def _rehearse(
    settings: Settings,
    examples: Examples,
    strategy: Strategy,
    state: RunState,
    trajectory: tuple[TrajectoryEntry, ...] = (),
    reply: str = "(the reply of the scorer)",
) -> Rehearsed:
    """Return what a strategy would propose in the first step, after this trajectory.

    One from outside opro may look at anything that its first step will see, so that the start
    prompts are done in its view. What it meets there is made up all the same: where it fails, the
    run may not, and an estimate goes without it.
    """
    own = is_built_in(strategy)
    if not own and not state.has_answers():
        state = _build_state(settings, examples, None)
        _answer_start(state, settings)
    view = RehearsedView(
        state,
        examples["train"],
        settings.task.format,
        settings.task.description or "",
        read_options(strategy, settings.search.options),
        labels=state.labels.get("train", ()),
        made_up=trajectory,
        made_up_reply=reply,
        read_reply=lambda *_: reply,
    )
    try:
        proposals = strategy.propose(view, 1)
        if isinstance(proposals, End):
            return Rehearsed(())
        proposals = list(proposals)
        for proposal in proposals:
            check_proposal(proposal)
    except OproError:
        raise
    except (Exception, SystemExit) as error:
        if own:
            raise
        words = str(error).partition("\n")[0]
        return Rehearsed((), f"{type(error).__name__}: {words}")
    return Rehearsed(proposals)


def _answer_start(state: RunState, settings: Settings) -> None:
    """Make up answers of the start prompts to all train questions, every second one right."""
    by_hand: dict[str, Any] = {"finish_reason": "none", "via": "local", **NO_COST}
    for candidate in state.of_step(0):
        for question in state.missing(candidate, "train"):
            score = 0.0 if settings.task.problem else float(question % 2)
            state.apply(
                Answered(0.0, candidate.id, "train", question, "", f"{score:g}", score, **by_hand)
            )


def _count_bytes(messages: Sequence[Message]) -> float:
    return float(sum(count_bytes(message.content) for message in messages))


def build_forecast(
    settings: Settings,
    examples: Examples,
    notes: Sequence[str],
    strategy: Strategy,
    missing_keys: Sequence[str],
    start: StartValues | None = None,
) -> dict[str, Any]:
    """Return what `opro check --json` prints of a run: sizes, models, calls and first prompts.

    The meta-prompt shown has scores of 0, since nothing is scored yet.
    """
    state = _build_state(settings, examples, start)
    instructions = settings.search.initial_instructions
    trajectory = tuple(TrajectoryEntry(instruction, 0.0) for instruction in instructions)
    rehearsed = _rehearse(settings, examples, strategy, state, trajectory)
    meta_prompt = rehearsed.asks[0].messages if rehearsed.asks else ()
    if rehearsed.fault:
        name = settings.search.strategy
        why = f"failed on a first step with made-up scores: {rehearsed.fault}"
        notes = [*notes, f"search.strategy {name} {why}; estimates go without its meta-prompts"]
    first, problem = examples["train"][0], settings.task.problem
    asked = () if problem else build_messages(Prompt(instructions[0]), first, settings.task.format)
    most = estimate_calls(state) + sum(count_endpoint_checks(settings).values())
    ceiling = settings.budget.calls
    limit = most if ceiling is None else min(most, ceiling)
    return {
        "name": settings.name,
        "models": {"scorer": settings.scorer.model, "optimizer": settings.optimizer.model},
        **({"problem": problem} if problem else {}),
        "answer": settings.task.answer,
        "sizes": dict(state.sizes),
        "notes": list(notes),
        "steps": settings.search.steps,
        "calls_expected": min(limit, count_expected_calls(settings, state)),
        "calls_at_most": limit,
        **({"calls_limited_by": "budget.calls"} if limit < most else {}),
        "missing_keys": list(missing_keys),
        "longest_prompts": measure_longest_prompts(settings, examples, strategy, start),
        "scorer_prompt": _serialize_messages(asked),
        "gold_answer": first.target,
        "meta_prompt": _serialize_messages(meta_prompt),
        "meta_prompt_tokens": estimate_tokens(round(_count_bytes(meta_prompt))),
    }


def _serialize_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]
