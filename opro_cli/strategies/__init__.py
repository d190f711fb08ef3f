"""Search policies. Adding a built-in one is a module and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opro_cli.core.settings.models import UNUSED, is_embedded
from opro_cli.core.settings.settings import Settings
from opro_cli.ports import Problem, Strategy
from opro_cli.strategies.auto import AutoStrategy
from opro_cli.strategies.demos import DemosStrategy
from opro_cli.strategies.evolve import EvolveStrategy
from opro_cli.strategies.headroom import describe_answer
from opro_cli.strategies.listed import ListStrategy
from opro_cli.strategies.opro import MetaPromptStrategy, OproStrategy
from opro_cli.strategies.paper import PaperGpt, PaperInstructionsOnly, PaperPalm
from opro_cli.strategies.place import PlaceStrategy
from opro_cli.strategies.problem import ProblemStrategy
from opro_cli.strategies.prune import PruneStrategy
from opro_cli.strategies.reflect import ReflectStrategy
from opro_cli.strategies.regression import PaperRegression
from opro_cli.strategies.tour import PaperTour
from opro_cli.strategies.words import OwnWords


def _knows_roles(settings: Settings) -> bool:
    """Return False for a scorer that gets the texts of a chat joined into one."""
    return not is_embedded(settings.scorer.model)


def _find_room(settings: Settings) -> int | None:
    """Return the tokens of a prompt at most, as far as the config tells."""
    served = settings.scorer.gguf
    if served is None or served.context is None:
        return None
    return max(0, served.context - settings.scorer.reply_limit)


META_PROMPTS: dict[str, Callable[[Settings], MetaPromptStrategy]] = {
    "opro": lambda s: OproStrategy(s.search.exemplars_first),
    "paper-gpt": lambda s: PaperGpt(
        exemplars=s.search.exemplars > 0,
        exemplars_first=s.search.exemplars_first,
        answer_start=s.task.format.starts_answer,
    ),
    "paper-palm": lambda s: PaperPalm(s.search.exemplars > 0, s.search.exemplars_first),
    "paper-instructions-only": lambda _: PaperInstructionsOnly(),
}
"""Those that show an optimizer instructions with their scores, shares of right answers."""


def _build_opro(settings: Settings) -> Strategy:
    """Return OPRO with its own meta-prompt, or with the user's."""
    if (words := settings.search.meta_prompt) is None:
        return META_PROMPTS["opro"](settings)
    return OwnWords(words, describe_answer(settings.task))


def _build_auto(settings: Settings) -> Strategy:
    """Return all policies that this task and this optimizer can serve, taking turns.

    Those come first of which more is to be expected, since a small budget has few turns.
    """
    task, model = settings.task, settings.optimizer.model
    asks = model != UNUSED and not is_embedded(model)  # which knows opro's meta-prompt alone
    fits = {
        "reflect": asks,
        "demos": task.evaluator == "model" and task.format.template.shows_demos,
        "opro": model != UNUSED,
        "place": task.evaluator == "model" and task.prompt is None,
    }
    policies = {name: STRATEGIES[name](settings) for name, fit in fits.items() if fit}
    if "place" in policies:
        policies["place"] = PlaceStrategy(_knows_roles(settings))  # its turn is one step
    policies["evolve"] = EvolveStrategy(EvolveStrategy.words, describe_answer(task), asks=asks)
    return AutoStrategy(policies, policies["evolve"])


STRATEGIES: dict[str, Callable[[Settings], Strategy]] = {
    **META_PROMPTS,
    "opro": _build_opro,
    "reflect": lambda s: ReflectStrategy(
        s.search.meta_prompt or ReflectStrategy.words, describe_answer(s.task)
    ),
    "evolve": lambda s: EvolveStrategy(
        s.search.meta_prompt or EvolveStrategy.words,
        describe_answer(s.task),
        asks=s.optimizer.model != UNUSED,
    ),
    "list": lambda s: ListStrategy(s.search.candidates or ()),
    "prune": lambda _: PruneStrategy(),
    "demos": lambda s: DemosStrategy(_knows_roles(s), _find_room(s)),
    "place": lambda s: PlaceStrategy(_knows_roles(s), s.search.candidates_per_step),
    "auto": _build_auto,
}
"""Those that propose prompts."""

SHOW_SCORES = ("reflect", "evolve", "auto")
"""Further ones that show an optimizer shares of right answers, or failures by them."""

PROBLEM_STRATEGIES: dict[str, Callable[[Settings, Problem], Strategy]] = {
    "problem": lambda _, problem: ProblemStrategy(problem),
    "paper-regression": lambda s, _: PaperRegression(s.task.parameters.get("decimals", 0)),
    "paper-tour": lambda *_: PaperTour(),
}
"""Those that propose solutions of a problem."""

OPTIONS: dict[str, type[Any]] = {
    each.name: each.Options
    for each in (DemosStrategy, EvolveStrategy, PaperRegression, PlaceStrategy, ReflectStrategy)
}
"""The `search.options` of those that have any."""
