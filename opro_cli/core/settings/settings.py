"""A whole config: its sections, each with its keys, their defaults and their meanings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opro_cli.core.settings import readers
from opro_cli.core.settings.models import UNUSED, ModelSettings, OptimizerSettings, ScorerSettings
from opro_cli.core.settings.prompts import PromptFile
from opro_cli.core.settings.schema import (
    key,
    named_sections,
    number,
    optional,
    required_section,
    section,
    sections,
    whole,
)
from opro_cli.core.settings.search import ASKING_NONE, SearchSettings
from opro_cli.core.settings.task import TaskSettings


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """Ceilings over both models and all sessions of a run together."""

    usd: float | None = key(
        optional(number(0, above=True)), None, doc="US dollars at most. null: no ceiling."
    )
    calls: int | None = key(
        optional(whole(1)),
        None,
        doc="Calls at most; a search that they do not buy whole is laid out by them, with "
        "search.racing and without search.eval_interval, search.rules: paper and search.strategy: "
        "prune. Any other may end at them without a verdict. null: no ceiling.",
    )
    tokens: int | None = key(
        optional(whole(1)), None, doc="Tokens of prompts and replies at most. null: no ceiling."
    )
    minutes: float | None = key(
        optional(number(0, above=True)),
        None,
        doc="Minutes of work at most, pauses between sessions excepted. Calls in flight are waited "
        "for, so that it may be longer by the `timeout` of the model. null: no ceiling.",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole config."""

    task: TaskSettings = required_section(
        TaskSettings, doc="The questions, and how answers are graded."
    )
    scorer: ScorerSettings = section(
        ScorerSettings,
        lambda: ScorerSettings(UNUSED),
        doc="The model that answers the questions under each instruction. May be left out where "
        "task.evaluator asks none.",
    )
    optimizer: OptimizerSettings = section(
        OptimizerSettings,
        lambda: OptimizerSettings(UNUSED),
        doc="The model that proposes instructions. May be left out for search.strategy evolve, "
        "list and prune, and where one from outside opro asks none.",
    )
    roles: Mapping[str, ModelSettings] = named_sections(
        ModelSettings, doc="Models of further roles, such as judge, for evaluators that ask them."
    )
    name: str = key(
        readers.run_name,
        "run",
        doc="The first part of the run folder's name; that of the config's file unless given.",
    )
    search: SearchSettings = section(SearchSettings, doc="The search.")
    budget: BudgetSettings = section(
        BudgetSettings, doc="Ceilings over both models and all sessions of the run together."
    )

    prompt_files: tuple[PromptFile, ...] | None = sections(
        PromptFile,
        doc="The files that prompts of this config were read from, which has their texts; opro "
        "writes it into a run's own config, for `opro apply`.",
    )

    @property
    def asks_optimizer(self) -> bool:
        """Whether a search is made that asks the optimizer, where the config has one."""
        search = self.search
        return bool(search.steps) and search.strategy not in ASKING_NONE

    @property
    def models(self) -> dict[str, ModelSettings]:
        """The models that the config has, by role."""
        known = {"scorer": self.scorer, "optimizer": self.optimizer, **self.roles}
        return {role: model for role, model in known.items() if model.model != UNUSED}

    @property
    def asked_models(self) -> dict[str, ModelSettings]:
        """Those that a run may ask: one whose strategy asks no optimizer can do without its key.

        An evaluator of another kind may ask any of them.
        """
        asks = self.asks_optimizer or self.task.evaluator != "model"
        return {role: each for role, each in self.models.items() if asks or role != "optimizer"}
