"""Fill in what a config leaves out.

What its other keys decide is filled in before it is checked; what has another meaning in a run that
is older than the key, when a new run begins (`fill_search`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeGuard

from opro_cli.core.settings.misfits import count_parts
from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.prompts import drop_replaced
from opro_cli.core.settings.schema import Problem
from opro_cli.core.settings.search import (
    BASELINES,
    LIST,
    MOST_A_STEP,
    PLACE,
    PROBLEM,
    PRUNE,
    SHORT,
    SearchSettings,
)
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.placeholders import list_kept

LISTED_A_STEP = 4
"""Candidates of a list in a step: with the start prompt as many as a race compares with at least.

In simulated races of 20 on 50 and 200 questions 20 to 60 % of the calls are saved (16 to 45 % with
8 in a step), and the best is stopped in 2 % of them at most.
"""
PLACES_A_STEP = 3
"""Layouts in a step: with the start prompt as many as a race compares with at least."""
MOST_LAYOUTS, MOST_WITH_EXAMPLES = 6, 13
"""Beside the layout that a prompt has already."""


def get_section(config: Any, name: str) -> Mapping[str, Any]:
    """Return a section of a config as it stands; an empty one for what is none."""
    section = config.get(name) if isinstance(config, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def fill_models(config: Mapping[str, Any], names: NameResolver) -> dict[str, Any]:
    """Return a config with the defaults that depend on the name of a model."""

    def fill(model: Any) -> Any:
        name = model.get("model") if isinstance(model, Mapping) else None
        if not isinstance(name, str):
            return model
        defaults = dict(names.model_defaults(name))
        if "temperature_schedule" in model:  # which needs a temperature
            defaults.pop("temperature", None)
        return {**defaults, **model}

    filled = dict(config)
    filled |= {role: fill(config[role]) for role in ("scorer", "optimizer") if role in config}
    if roles := get_section(config, "roles"):
        filled["roles"] = {role: fill(model) for role, model in roles.items()}
    return filled


def fill_list(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with steps enough for all of `search.candidates`, however long they are.

    Candidates are raced against those of earlier steps, so there are few in each; all of them are
    in one where nothing is raced.
    """
    search = get_section(config, "search")
    texts = search.get("candidates")
    if search.get("strategy") != LIST or not isinstance(texts, list):
        return dict(config)
    longest = max((len(text) for text in texts if isinstance(text, str)), default=0)
    races = search.get("racing") is not False and search.get("rules") != "paper"
    at_once = LISTED_A_STEP if races else MOST_A_STEP
    if _is_count(steps := search.get("steps")):
        at_once = -(-len(texts) // steps)
    at_once = max(1, min(at_once, len(texts), MOST_A_STEP))
    limits = {"max_instruction_chars": max(longest, SHORT), "candidates_per_step": at_once}
    filled = {**limits, **search}
    if _is_count(size := filled["candidates_per_step"]):
        filled.setdefault("steps", -(-len(texts) // size))
    return dict(config) | {"search": filled}


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def fill_prune(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with a step for each part of its one start prompt that may be dropped."""
    search = get_section(config, "search")
    if search.get("strategy") != PRUNE:
        return dict(config)
    starts = search.get("initial_instructions")
    start = starts[0] if isinstance(starts, list) and starts else starts
    forms = search.get("initial_forms")
    form = forms[0] if isinstance(forms, list) and forms else ""
    filled = {
        "steps": count_parts(start, form) + 1,  # the last one ends the search
        "candidates_per_step": 1,
        "exemplars": 0,
        "baselines": [],
        "noise_check": False,
        **search,
    }
    return dict(config) | {"search": filled}


def fill_place(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with steps enough for the start prompts, the best found, and the end.

    The start prompt and three layouts are as many as a race compares with at least.
    """
    search = get_section(config, "search")
    if search.get("strategy") != PLACE:
        return dict(config)
    if "steps" in search:
        return dict(config)
    filled = {"candidates_per_step": PLACES_A_STEP, **search}
    starts = search.get("initial_instructions")
    others = len(starts) - 1 if isinstance(starts, list) and starts else 0
    if _is_count(size := filled["candidates_per_step"]):
        most = MOST_WITH_EXAMPLES if search.get("initial_forms") else MOST_LAYOUTS
        stages = (most, 3 * others, most if others else 0)
        filled["steps"] = sum(-(-tried // size) for tried in stages) + 1  # the last one ends it
    return dict(config) | {"search": filled}


def fill_problem(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with the keys of its problem filled in, and its parameters in one section.

    Keys of `task` that opro does not know are parameters.
    """
    task, search = dict(config["task"]), get_section(config, "search")
    if task.get("problem") is None:
        return dict(config)
    known = {each.name for each in fields(TaskSettings)}
    own = {name: task.pop(name) for name in list(task) if name not in known}
    given = task.get("parameters", {})
    if isinstance(given, Mapping):
        task["parameters"] = {**given, **own}
    task.setdefault("evaluator", PROBLEM)
    filled = dict(config) | {"task": task}
    if isinstance(config.get("search", {}), Mapping):
        # Rules and comparisons that are about prompts.
        unused = {"baselines": [], "noise_check": False, "racing": False, "exemplars": 0}
        filled["search"] = {"strategy": PROBLEM, **unused, **search}
    return filled


def fill_task_preset(
    task: Mapping[str, Any], names: NameResolver, problems: list[Problem]
) -> dict[str, Any]:
    """Return the preset's task with the user's own keys on top."""
    own = dict(task)
    name = own.pop("preset", None)
    if name is None:
        return own
    try:
        filled = names.task_preset(str(name))
    except ValueError as error:
        problems.append(Problem(("task", "preset"), str(error)))
        return own
    return overlay(filled, own)


def fill_search_preset(
    config: dict[str, Any], names: NameResolver, problems: list[Problem]
) -> dict[str, Any]:
    """Return the config with the keys of `search.preset` under the user's own."""
    search = get_section(config, "search")
    name, strategy = search.get("preset"), search.get("strategy")
    if not isinstance(name, str):
        return config  # the reader of the key refuses it
    task_preset = get_section(config, "task").get("preset")
    try:
        filled = names.search_preset(
            name,
            task_preset if isinstance(task_preset, str) else None,
            strategy if isinstance(strategy, str) else None,
        )
    except ValueError as error:
        problems.append(Problem(("search", "preset"), str(error)))
        return config
    return overlay(filled, config)


def fill_search(search: SearchSettings, *, of_problem: bool) -> SearchSettings:
    """Return a search with what was left open filled in as a new run has it.

    Args:
        search: As it was read, with its start prompts.
        of_problem: Its candidates are solutions of a problem.
    """
    if search.baselines is None:
        search = replace(search, baselines=BASELINES)
    if search.noise_check is None:
        search = replace(search, noise_check=True)
    if search.racing is None:
        search = replace(search, racing=search.rules != "paper")
    if search.keep_placeholders is None and list_kept(search.initial_instructions):
        search = replace(search, keep_placeholders=search.rules != "paper" and not of_problem)
    if search.max_instruction_chars is None:
        longest = 0 if search.rules == "paper" else 4 * search.longest_start
        search = replace(search, max_instruction_chars=max(SHORT, longest))
    return search


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with the keys of `above` on top, sections merged key by key."""
    merged = drop_replaced(below, above)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[name] = overlay(under, value)
        else:
            merged[name] = value
    return merged
