"""What a config may say: every key, its default and what it accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, Self

from opro_cli.core.settings import schema
from opro_cli.core.settings.schema import (
    boolean,
    choice,
    key,
    named_sections,
    number,
    optional,
    optional_section,
    plain_mapping,
    required_section,
    section,
    section_if_needed,
    sections,
    text,
    whole,
)
from opro_cli.core.task.example import Position

EMBEDDED = {"scorer": "embedded/tiny-mistral", "optimizer": "embedded/tiny-optimizer"}
"""The models that ship inside opro, by the role that each was trained for."""

# The kinds of answers that `task.scoring: paper` knows.
PAPER_ANSWERS = ("number", "choice", "boolean", "exact")

ExemplarChoice = str  # random | constant | most_wrong_so_far | most_wrong_now

UNUSED = "none/unused"
"""The model of a role whose section the config leaves out."""

HUB = "hub:"
"""How the name of a dataset of the Hugging Face hub begins."""


def _model_name(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^\s/]+/\S+", value):
        raise ValueError(
            "PROVIDER/MODEL, such as openai/gpt-4o-mini, ollama_chat/mistral or "
            "embedded/tiny-mistral"
        )
    if is_embedded(value) and value not in EMBEDDED.values():
        raise ValueError(
            f"{EMBEDDED['scorer']}, which answers questions, or {EMBEDDED['optimizer']}, which "
            "proposes instructions: the two that ship inside opro"
        )
    return value


def is_embedded(model: str) -> bool:
    """Is it a model that ships inside opro?"""
    return model.startswith("embedded/")


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """How many rows each split takes; None: sized from the data (see `splits`).

    method: how they are drawn, by ourselves or as the paper's reference does.
    """

    train: int | float | None = key(optional(schema.share), None)
    dev: int | float | None = key(optional(schema.share), None)
    test: int | float | None = key(optional(schema.share), None)
    seed: int = key(whole(0), 0)
    method: str = key(choice("shuffle", "paper"), "shuffle")


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Where examples come from and which fields of a row matter."""

    train: str = key(text("a file, or hub:OWNER/NAME[:CONFIG][@REVISION]#SPLIT"))
    input: str = key(schema.field_or_template)
    target: str = key(schema.field_or_template)
    dev: str | None = key(optional(text("a file or a hub: name")), None)
    test: str | None = key(optional(text("a file or a hub: name")), None)
    split: SplitSettings = section(SplitSettings)
    on_bad_row: str = key(choice("error", "skip"), "error")
    # Which public dataset the rows are of, where its shape needs more than field names.
    rows: str = key(choice("plain", "mmlu", "aqua", "multiarith"), "plain")


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """What is asked and how answers are graded."""

    data: DataSettings = required_section(DataSettings)
    answer: str = key(text("a kind of answer, such as number or choice"))
    instruction_position: Position = key(
        choice("before_Q", "Q_begin", "Q_end", "A_begin", "system"), "Q_begin"
    )
    qa_markers: bool = key(boolean, True)
    # paper: graded as the reference grades in a search; paper-boxed: as its evaluation script
    # grades GPT models, which looks into \boxed{} first.
    scoring: str = key(choice("default", "paper", "paper-boxed"), "default")
    # Ask again with "So the final answer is" after each answer, and grade what comes then.
    second_round: bool = key(boolean, False)
    # What scores a candidate on one example.
    evaluator: str = key(text(), "model")
    # A question that the scorer can never answer (filtered, too long for it): a wrong answer, or
    # left out of the score.
    unanswerable: str = key(choice("wrong", "exclude"), "wrong")
    # Seconds that grading one reply may take where the user's own code or pattern does it
    # (python:, regex:); then its process is killed and the run stops.
    answer_timeout: float = key(number(0, above=True), 10.0)
    # What the questions are about, "grade school math"; only some strategies say it.
    description: str | None = key(optional(text("a few words, such as grade school math")), None)


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """What a model costs, in US dollars per million tokens."""

    input: float = key(number(0))
    output: float = key(number(0))


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """One of several deployments of a model.

    weight: its part of the calls beside the others'. concurrency: calls at a time; None: its part
    of the model's by weight, at least one.
    """

    api_base: str = key(schema.url)
    weight: float = key(number(0, 1000, above=True), 1.0)
    concurrency: int | None = key(optional(whole(1)), None)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model and how it is asked; timeout in seconds. The defaults are the scorer's.

    requests_per_minute, tokens_per_minute: what the provider allows; calls queue for it. price:
    where it is not the provider's list price, or has none.
    """

    model: str = key(_model_name)
    api_base: str | None = key(optional(schema.url), None)
    temperature: float = key(number(0, 2), 0.0)
    max_tokens: int = key(whole(1), 1024)
    # A reply ends before the first of these texts; None: only at the model's own end mark.
    stop: tuple[str, ...] | None = key(optional(schema.stop_texts), None)
    concurrency: int = key(whole(1), 32)
    timeout: float = key(number(0, above=True), 120.0)
    requests_per_minute: int | None = key(optional(whole(1)), None)
    tokens_per_minute: int | None = key(optional(whole(1)), None)
    price: PriceSettings | None = optional_section(PriceSettings)
    # Take answers that an equal request got before, in this run or any other, from the cache; None:
    # at temperature 0 only, since elsewhere a new run is meant to draw anew.
    cache: bool | None = key(optional(boolean), None)
    # Deployments that share the calls, in place of `api_base`.
    endpoints: tuple[EndpointSettings, ...] | None = sections(EndpointSettings)

    @property
    def address(self) -> str:
        """The model and where it is: alike for all calls under the same limits of a provider."""
        return f"{self.model} {self.api_base or ''}".rstrip()

    @property
    def deployments(self) -> tuple[Self, ...]:
        """The model at each of its endpoints, with the concurrency there; itself without any."""
        if self.endpoints is None:
            return (self,)
        weights = [endpoint.weight for endpoint in self.endpoints]
        # Rounded as running totals, so that the parts add up to the whole.
        ends = [round(self.concurrency * w / sum(weights)) for w in accumulate(weights, initial=0)]
        return tuple(
            replace(
                self,
                api_base=endpoint.api_base,
                concurrency=endpoint.concurrency or max(1, upto - so_far),
                endpoints=None,
            )
            for endpoint, (so_far, upto) in zip(self.endpoints, pairwise(ends), strict=True)
        )

    @property
    def at_once(self) -> int:
        """Calls at a time at most, all endpoints together."""
        return sum(deployment.concurrency for deployment in self.deployments)


@dataclass(frozen=True, slots=True)
class ScorerSettings(ModelSettings):
    """The model that answers questions."""


@dataclass(frozen=True, slots=True)
class OptimizerSettings(ModelSettings):
    """The model that proposes instructions: it must vary, and is asked seldom."""

    temperature: float = key(number(0, 2), 1.0)
    max_tokens: int = key(whole(1), 512)
    concurrency: int = key(whole(1), 8)
    # From `temperature` at the first step towards `temperature_end` after the last (section 5.4
    # of the paper looks at both).
    temperature_schedule: str = key(choice("constant", "linear_increase"), "constant")
    temperature_end: float | None = key(optional(number(0, 2)), None)

    def temperature_at(self, step: int, steps: int) -> float:
        """The temperature of a step, counted from 1, of `steps`."""
        if self.temperature_schedule == "constant" or self.temperature_end is None:
            return self.temperature
        return self.temperature + (step - 1) / steps * (self.temperature_end - self.temperature)


BASELINES = (
    "",
    "Let's think step by step.",
    "Take a deep breath and work on this problem step-by-step.",
)
"""No instruction, and the best known ones (Kojima et al. 2022; the paper, table 1)."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The OPRO loop; defaults are the paper's (section 5.1) unless a comment says otherwise.

    history: past instructions shown at most, None for all. score_buckets: None shows scores
    as decimals. preset: what filled in the keys that were not given.
    """

    initial_instructions: tuple[str, ...] = key(schema.instructions, ("Let's solve the problem.",))
    preset: str = key(text(), "default")
    strategy: str = key(text(), "opro")
    # Options of the strategy, which reads them itself.
    options: Mapping[str, Any] = plain_mapping()
    # paper: exemplars are drawn by the reference's generator, an initial instruction that is
    # proposed again enters the history again, and texts with a tag in them are not scored.
    rules: str = key(choice("opro", "paper"), "opro")
    steps: int = key(whole(0), 20)  # the paper: 200
    candidates_per_step: int = key(whole(1), 8)
    history: int | None = key(optional(whole(1)), 20)
    score_buckets: int | None = key(optional(whole(1)), 100)
    score_threshold: float = key(number(0, 1), 0.0)
    exemplars: int = key(whole(0), 3)
    exemplar_choice: ExemplarChoice = key(
        choice("random", "constant", "most_wrong_so_far", "most_wrong_now"), "random"
    )
    exemplars_first: bool = key(boolean, False)  # before the past instructions, not after
    max_instruction_chars: int = key(whole(1), 500)  # the reference drops longer ones too
    # Do not score instructions with digits in them: they quote a question more often than not
    # (the reference drops them on GSM8K).
    drop_digits: bool = key(boolean, False)
    # Score the new candidates on dev every so many steps, from the first on; None: only the
    # finalists, at the end.
    eval_interval: int | None = key(optional(whole(1)), None)
    # How many of the best on train are scored on dev, where the winner is chosen (not in the
    # paper, which has no dev split).
    finalists: int = key(whole(1), 5)
    # Instructions that are scored on test beside the winner; None: those of `BASELINES` in a new
    # run, none in a run of before there were any.
    baselines: tuple[str, ...] | None = key(optional(schema.baselines), None)
    # Ask the start prompt's test questions a second time, word for word, to see how much the
    # scorer changes its mind by itself; None: as with `baselines`.
    noise_check: bool | None = key(optional(boolean), None)
    # Stop asking about candidates that can no longer be the best; None: True in a new run that does
    # not follow the paper's rules, False in one of before there were races.
    racing: bool | None = key(optional(boolean), None)
    # What becomes of instructions that quote training questions: only told, kept out of winning,
    # or not scored at all.
    leaks: str = key(choice("flag", "keep_out", "drop"), "flag")
    seed: int = key(whole(0), 0)


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """Ceilings over both models and all sessions of a run together; None: no ceiling."""

    usd: float | None = key(optional(number(0, above=True)), None)
    calls: int | None = key(optional(whole(1)), None)
    tokens: int | None = key(optional(whole(1)), None)
    minutes: float | None = key(optional(number(0, above=True)), None)


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole config."""

    task: TaskSettings = required_section(TaskSettings)
    scorer: ScorerSettings = section_if_needed(ScorerSettings, lambda: ScorerSettings(UNUSED))
    optimizer: OptimizerSettings = section_if_needed(
        OptimizerSettings, lambda: OptimizerSettings(UNUSED)
    )
    # Models of other roles than these two, for the evaluators that ask them.
    roles: Mapping[str, ModelSettings] = named_sections(ModelSettings)
    name: str = key(schema.run_name, "run")
    search: SearchSettings = section(SearchSettings)
    budget: BudgetSettings = section(BudgetSettings)

    @property
    def models(self) -> dict[str, ModelSettings]:
        """The models that the config has, by role."""
        known = {"scorer": self.scorer, "optimizer": self.optimizer, **self.roles}
        return {role: model for role, model in known.items() if model.model != UNUSED}
