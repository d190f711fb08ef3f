"""The names that parts are known by, as the reading of a config asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opro_cli.core.settings.schema import Problem


@dataclass(frozen=True, slots=True)
class NameResolver:
    """The parts that names in a config stand for.

    Attributes:
        check_answer: Raises ValueError for a name that no metric has.
        strategies: The names of the built-in ones that propose prompts.
        problem_strategies: Of those that propose solutions of a problem.
        strategy_options: The dataclass of `search.options` for each of either that has options.
        find_parameter_faults: Returns what is wrong with the name of a problem and its parameters,
            each with its path below `task`.
        task_preset: Returns the `task` section of a preset; ValueError for an unknown one.
        search_preset: Returns a config of some keys by the names of a search preset, a task
            preset and a strategy, None for what the config does not name; ValueError likewise.
        is_offered: Returns True for a kind and a name of a part from outside opro.
        find_key_variable: Returns the environment variable with the key for a model at an address,
            "" for a model that needs none.
        model_defaults: Returns the keys of a model that have another default under its name.
        searches: Whether the config is to search; given prompts are scored without an optimizer.
    """

    check_answer: Callable[[str], None]
    strategies: tuple[str, ...]
    task_preset: Callable[[str], Mapping[str, Any]]
    search_preset: Callable[[str, str | None, str | None], Mapping[str, Any]]
    is_offered: Callable[[str, str], bool] = lambda *_: False
    problem_strategies: tuple[str, ...] = ()
    strategy_options: Mapping[str, type[Any]] = field(default_factory=dict)
    find_parameter_faults: Callable[[str, Mapping[str, Any]], Sequence[Problem]] = lambda *_: ()
    find_key_variable: Callable[[str, str | None], str] = lambda *_: ""
    model_defaults: Callable[[str], Mapping[str, Any]] = lambda _: {}
    searches: bool = True
