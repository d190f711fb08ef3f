"""Reading a config: plain data in, frozen settings out, every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.core.settings.filled import (
    fill_list,
    fill_models,
    fill_place,
    fill_problem,
    fill_prune,
    fill_search_preset,
    fill_task_preset,
    get_section,
)
from opro_cli.core.settings.meta_prompt import KEY as META_PROMPT
from opro_cli.core.settings.meta_prompt import find_meta_prompt_faults
from opro_cli.core.settings.misfits import find_misfits
from opro_cli.core.settings.misplaced_keys import explain_key
from opro_cli.core.settings.models import UNUSED
from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.prompts import (
    START,
    TURN,
    fill_start,
    find_prompt_faults,
    hash_prompt,
    name_start_as_given,
)
from opro_cli.core.settings.schema import Path, Problem, nearest, read_section, show
from opro_cli.core.settings.search import ASKING_NONE, AUTO, EVOLVE, PROBLEM
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import SPLITS
from opro_cli.core.text import HALF
from opro_cli.errors import ConfigError, UsageError


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Settings, or the problems that kept them from being read; never both."""

    settings: Settings | None
    problems: tuple[Problem, ...]


# A file name with bytes that are not UTF-8 holds half characters in Python.
_FILE_NAMES = frozenset({("task", "data", split) for split in SPLITS})


def find_halves(raw: Any, path: Path = ()) -> Iterator[Problem]:
    """Find half characters in a config that is plain data: no model can be sent one."""
    if isinstance(raw, str) and HALF.search(raw) and path not in _FILE_NAMES:
        yield Problem(path, f"expected text, found half a character in {show(raw)}")
    elif isinstance(raw, Mapping):
        for name, value in raw.items():
            yield from find_halves(name, path)
            yield from find_halves(value, (*path, str(name)))
    elif isinstance(raw, list | tuple):
        for value in raw:
            yield from find_halves(value, path)


def read_settings(raw: Any, names: NameResolver) -> ReadResult:
    """Read a whole config."""
    problems: list[Problem] = []
    if not isinstance(raw, Mapping):
        return ReadResult(None, (Problem((), f"expected keys and values, found {show(raw)}"),))
    problems.extend(find_prompt_faults(raw))
    problems.extend(
        find_meta_prompt_faults(raw, get_section(raw, "search").get("strategy", "opro"))
    )
    config = fill_search_preset(fill_start(raw, problems), names, problems)
    if isinstance(config.get("task"), Mapping):
        config["task"] = fill_task_preset(config["task"], names, problems)
        config = fill_problem(config)
        problems.extend(_find_missing_data(config["task"], names))
        scorer = get_section(config, "scorer").get("model", UNUSED)
        if config["task"].get("problem") is not None and scorer != UNUSED:
            message = "found beside task.problem, which asks no scorer; leave the section out"
            problems.append(Problem(("scorer",), message))
    config = fill_models(fill_place(fill_prune(fill_list(config))), names)
    problems.extend(_find_unknown_parts(config, names))
    problems.extend(_find_missing_models(config, names))
    settings = read_section(Settings, config, (), problems)
    if settings:
        settings = _drop_stale_files(settings)
        problems.extend(find_misfits(settings))
    named = tuple(
        name_start_as_given(explain_key(each, config, names.find_key_variable), raw)
        for each in problems
    )
    return ReadResult(None if named else settings, named)


def _drop_stale_files(settings: Settings) -> Settings:
    """Forget the files of texts that have been replaced since, as a sweep replaces them."""
    if settings.prompt_files is None:
        return settings
    texts = {f"{START}.{n}": each for n, each in enumerate(settings.search.initial_instructions)}
    texts |= {f"{TURN}.{n}": each for n, (_, each) in enumerate(settings.task.prompt or ())}
    texts[META_PROMPT] = settings.search.meta_prompt or ""
    kept = (f for f in settings.prompt_files if hash_prompt(texts.get(f.place, "")) == f.sha256)
    return replace(settings, prompt_files=tuple(kept) or None)


def read_options(strategy: object, given: Mapping[str, Any]) -> Any:
    """Return `search.options` as a strategy gets them.

    Args:
        strategy: If it has a dataclass `Options`, an instance is made; else the options are
            returned as they are.
        given: The options of the config.

    Raises:
        ConfigError: An option is unknown, or has a value of another type.
        UsageError: `Options` is no dataclass, or has a type that no config holds.
    """
    declared = getattr(strategy, "Options", None)
    if declared is None:
        return given
    problems: list[Problem] = []
    try:
        options = read_section(declared, given, ("search", "options"), problems)
    except ValueError as error:  # from its own `__post_init__`
        problems.append(Problem(("search", "options"), str(error)))
    except (TypeError, NameError) as error:
        raise UsageError(
            f"search.options: {declared.__qualname__} cannot be read: {error}",
            "declare a dataclass whose fields are bool, int, float, str, a Literal of texts, a "
            "tuple of one of these, or one of these or None",
        ) from error
    if problems:
        raise ConfigError("config", [f"{each.dotted}: {each.message}" for each in problems])
    return options


def find_option_faults(settings: Settings, names: NameResolver) -> Iterator[Problem]:
    """Yield what a built-in strategy would refuse in `search.options`, or never look at.

    To be called before a run begins. Runs that began when such options were passed over have them
    still, and go on.
    """
    strategy, given = settings.search.strategy, settings.search.options
    if strategy not in (*names.strategies, *names.problem_strategies):
        return  # one from outside opro is imported first
    if strategy not in names.strategy_options:
        for name in given:
            message = f"found with search.strategy {strategy}, which has no options; leave it out"
            yield Problem(("search", "options", name), message)
        return
    problems: list[Problem] = []
    read_section(names.strategy_options[strategy], given, ("search", "options"), problems)
    yield from problems
    for name, value in given.items():
        if value == []:
            yield Problem(("search", "options", name), "expected at least one, found []", "[]")


def _list_strategies(problem: Any, names: NameResolver) -> tuple[str, ...]:
    """Return the built-in strategies of a task; of the paper's each is for one problem."""
    if problem is None:
        return tuple(names.strategies)
    known = names.problem_strategies
    return tuple(name for name in known if PAPER_PROBLEMS.get(name, problem) == problem)


def _find_unknown_parts(config: Mapping[str, Any], names: NameResolver) -> Iterator[Problem]:
    """Yield the names that stand for no part, as far as they are texts."""
    problem = get_section(config, "task").get("problem")
    of_problem = problem is not None
    built_in = _list_strategies(problem, names)
    evaluator = PROBLEM if of_problem else "model"

    def check_strategy(name: str) -> None:
        if name not in built_in and not names.is_offered("strategies", name):
            where = (
                f" for task.problem {problem}" if of_problem else " for a task without a problem"
            )
            where = where if name in (*names.strategies, *names.problem_strategies) else ""
            guess = None if where else nearest(name, list(built_in))
            meant = f' (did you mean "{guess}"?)' if guess else ""
            raise ValueError(
                f"expected one of {', '.join(built_in)}{where}{meant}, found {show(name)}"
            )

    def check_evaluator(name: str) -> None:
        if name != evaluator and (of_problem or not names.is_offered("evaluators", name)):
            others = "" if of_problem else " or python:MODULE:NAME"
            raise ValueError(f"expected {evaluator}{others}, found {show(name)}")

    checks = {
        ("task", "answer"): names.check_answer,
        ("search", "strategy"): check_strategy,
        ("task", "evaluator"): check_evaluator,
    }
    for (section, key), check in checks.items():
        name = get_section(config, section).get(key)
        if isinstance(name, str):
            try:
                check(name)
            except ValueError as error:
                yield Problem((section, key), str(error))


def _find_missing_models(config: Mapping[str, Any], names: NameResolver) -> Iterator[Problem]:
    """Yield the sections that the built-in parts need: parts from outside say so themselves."""
    asking = [name for name in names.strategies if name not in (*ASKING_NONE, EVOLVE, AUTO)]
    asking += names.problem_strategies
    parts = {
        "scorer": ("task", "evaluator", ("model",)),
        "optimizer": ("search", "strategy", asking if names.searches else ()),
    }
    for role, (section, key, built_in) in parts.items():
        part = get_section(config, section).get(key, "model" if role == "scorer" else "opro")
        if config.get(role) is None and part in built_in:  # null is no section either
            yield Problem((role,), "missing; this key must be given")


PAPER_PROBLEMS = {"paper-regression": "regression", "paper-tour": "tour"}
"""The problem of each of the paper's strategies for one."""


def _find_missing_data(task: Mapping[str, Any], names: NameResolver) -> Iterator[Problem]:
    """Yield what a task lacks: a dataset with its kind of answer, or a sound problem.

    Both are one too many.
    """
    problem, parameters = task.get("problem"), task.get("parameters", {})
    if problem is None:
        for name in ("data", "answer"):
            if name not in task:
                yield Problem(("task", name), "missing; this key must be given")
        if parameters:
            yield Problem(
                ("task", "parameters"), "found without task.problem, which they belong to"
            )
        return
    for name in {"data", "answer"} & task.keys():
        message = "found beside task.problem, which has no dataset; keep one of them"
        yield Problem(("task", name), message)
    if isinstance(problem, str) and isinstance(parameters, Mapping):
        yield from names.find_parameter_faults(problem, parameters)
