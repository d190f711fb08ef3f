"""One prompt of a run, as RUN@3.2 names it, and as a side of a comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from opro_cli.core.run.candidates import Candidate, Score
from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.selection import find_baseline, find_winner
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.core.task.prompt import GOLD, Prompt
from opro_cli.errors import UsageError
from opro_cli.reports.cheaper import serialize_costs
from opro_cli.reports.prompts import serialize_form
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import count_steps_done, list_models, serialize_score, summarize_run
from opro_cli.reports.spend import serialize_spend

_SELECTOR = re.compile(r"(?P<name>best|start)|(?P<step>[0-9]{1,9})(\.(?P<number>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class PromptSelector:
    """The selector of one prompt of a run: the part of RUN@3.2 after the @.

    Attributes:
        kind: "best" for the winner so far, "start" for the instruction that it is measured
            against, "step" for a candidate of one step.
        number: The candidate of the step, from 1; None for the step's best on train.
    """

    kind: Literal["best", "start", "step"]
    step: int = 0
    number: int | None = None

    def __str__(self) -> str:
        if self.kind != "step":
            return self.kind
        return str(self.step) if self.number is None else f"{self.step}.{self.number}"


BEST = PromptSelector("best")


def parse_selector(text: str) -> PromptSelector | None:
    """Parse the part of RUN@3.2 after the @; None if it is no selector."""
    match = _SELECTOR.fullmatch(text)
    if match is None:
        return None
    if match["name"]:
        return PromptSelector("best" if match["name"] == "best" else "start")
    number = int(match["number"]) if match["number"] else None
    return PromptSelector("step", int(match["step"]), number)


@dataclass(frozen=True, slots=True)
class SelectedPrompt:
    """One prompt of a run; candidate: None while best or start is unknown."""

    run: RecordedRun
    selector: PromptSelector
    candidate: Candidate | None

    @property
    def name(self) -> str:
        """RUN for its best prompt, else RUN@SELECTOR."""
        return self.run.name if self.selector == BEST else f"{self.run.name}@{self.selector}"

    @property
    def models(self) -> Mapping[str, str]:
        """The model names of its run by role."""
        return list_models(self.run)

    @property
    def side(self) -> Side | None:
        """The prompt as one side of a comparison; None while it is unknown."""
        run, candidate = self.run, self.candidate
        if candidate is None:
            return None
        return Side(
            name=self.name,
            run=run.name,
            selector=str(self.selector),
            status=run.status,
            instruction=candidate.instruction,
            step=candidate.step,
            steps_done=count_steps_done(run.state),
            scores={split: candidate.score(split) for split in SPLITS},
            scale=run.state.scale,
            spend=serialize_spend(run.state),
            form=serialize_form(candidate),
            examples=_list_examples(run, candidate),
            costs=serialize_costs(candidate),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the prompt and its run as `opro diff --json` prints a column."""
        row, side = summarize_run(self.run), self.side
        keys = ("status", "steps_done", "steps", "models", "spend")
        prompt = side and side.to_json()
        return {"name": self.name, **{key: row[key] for key in keys}, "prompt": prompt}


def select_prompt(run: RecordedRun, selector: PromptSelector = BEST) -> SelectedPrompt:
    """Return the selected prompt; UsageError when the run has no such step or candidate."""
    match selector.kind:
        case "best":
            return SelectedPrompt(run, selector, find_winner(run.state))
        case "start":
            return SelectedPrompt(run, selector, find_baseline(run.state))
        case "step":
            return SelectedPrompt(run, selector, _select_from_step(run, selector))


def _select_from_step(run: RecordedRun, selector: PromptSelector) -> Candidate:
    last, step = run.state.step, selector.step
    if step > last:
        steps = f"steps 0-{last}" if last else "only step 0"
        raise UsageError(
            f"no step {step}: {run.name} has {steps}",
            "`opro show` lists its candidates with their steps",
        )
    joined = run.state.of_step(step)
    if not joined:
        raise UsageError(f"step {step} of {run.name} brought no new candidate", "name another step")
    if selector.number is not None:
        if not 1 <= selector.number <= len(joined):
            raise UsageError(
                f"step {step} of {run.name} has no candidate {selector.number}",
                f"it has {len(joined)}, counted from 1 in the order in which they joined",
            )
        return joined[selector.number - 1]
    scored = [candidate for candidate in joined if run.state.is_done(candidate)]
    if not scored:
        raise UsageError(
            f"no candidate of step {step} of {run.name} has all its train answers yet",
            f"name one of its {len(joined)}: {run.name}@{step}.1",
        )
    return max(scored, key=lambda candidate: measure_mean(candidate, "train"))  # ties: the earlier


class ShownExample(NamedTuple):
    """A worked example as a prompt shows it."""

    question: str
    answer: str


def _list_examples(run: RecordedRun, candidate: Candidate) -> tuple[ShownExample, ...]:
    """Return what the worked examples of a candidate show; a reply of the scorer by that name."""
    content, rows = candidate.content, run.examples["train"]
    return tuple(
        ShownExample(
            rows[demo.row].input,
            rows[demo.row].split_golds()[0].target if demo.shown == GOLD else "the scorer's reply",
        )
        for demo in (content.demos if isinstance(content, Prompt) else ())
    )


@dataclass(frozen=True, slots=True)
class Side:
    """One prompt of a comparison and its run.

    Attributes:
        name: RUN, or RUN@SELECTOR when it is not the best prompt.
        selector: Which prompt of the run, the part after the @.
        scores: By split; None for a split that it did not answer.
        scale: How they are read.
        spend: As in `result.json`.
        form: Worked examples and layout, likewise.
        examples: What the worked examples show, in their order.
        costs: What its answers took, likewise.
    """

    name: str
    run: str
    selector: str
    status: str
    instruction: str
    step: int
    steps_done: int
    scores: Mapping[Split, Score | None]
    scale: Scale
    spend: Mapping[str, Any]
    form: Mapping[str, Any]
    examples: tuple[ShownExample, ...] = ()
    costs: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the side as `opro diff --json` prints it."""
        return {
            "run": self.run,
            "place": self.selector,
            **{key: getattr(self, key) for key in ("status", "instruction", "step", "steps_done")},
            "scores": {split: serialize_score(score) for split, score in self.scores.items()},
            "spend": self.spend,
            **self.form,
        }
