"""The meaning of a config: plain data in, frozen settings out, every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opro_cli.core.settings.schema import Path, Problem, read_section, show
from opro_cli.core.settings.settings import (
    EMBEDDED,
    PAPER_ANSWERS,
    ModelSettings,
    Settings,
    is_embedded,
)
from opro_cli.errors import ConfigError, UsageError


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Settings, or the problems that kept them from being read; never both."""

    settings: Settings | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class NameResolver:
    """The parts that names in a config stand for. The functions raise ValueError for unknown ones.

    check_answer(spec): is there such a metric? strategies: their names. task_preset(name): the
    `task` section it stands for. search_preset(name, task preset, strategy): a config of which
    only some keys are given; the other two are None where the config does not name them.
    is_offered(group, name): is there such a part outside opro? asked where a name is not built in.
    """

    check_answer: Callable[[str], None]
    strategies: tuple[str, ...]
    task_preset: Callable[[str], Mapping[str, Any]]
    search_preset: Callable[[str, str | None, str | None], Mapping[str, Any]]
    is_offered: Callable[[str, str], bool] = lambda *_: False


def read_settings(raw: Any, names: NameResolver) -> ReadResult:
    """Read a whole config."""
    problems: list[Problem] = []
    if not isinstance(raw, Mapping):
        return ReadResult(None, (Problem((), f"expected keys and values, found {show(raw)}"),))
    config = dict(raw)
    config = _fill_search_preset(config, names, problems)
    if isinstance(config.get("task"), Mapping):
        config["task"] = _fill_task_preset(config["task"], names, problems)
        _check_with(names.check_answer, config["task"].get("answer"), ("task", "answer"), problems)
    if isinstance(config.get("search"), Mapping):

        def check_strategy(name: str) -> None:
            if name not in names.strategies and not names.is_offered("strategies", name):
                known = ", ".join(names.strategies)
                raise ValueError(f"expected one of {known}, found {show(name)}")

        _check_with(
            check_strategy, config["search"].get("strategy"), ("search", "strategy"), problems
        )
    _check_with(
        lambda name: _check_evaluator(name, names),
        (config.get("task") or {}).get("evaluator")
        if isinstance(config.get("task"), Mapping)
        else None,
        ("task", "evaluator"),
        problems,
    )
    problems.extend(_find_missing_models(config, names))
    settings = read_section(Settings, config, (), problems)
    if settings:
        problems.extend(_find_misfits(settings))
    return ReadResult(None if problems else settings, tuple(problems))


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
    except ValueError as error:  # of its own `__post_init__`
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


def _check_evaluator(name: str, names: NameResolver) -> None:
    if name != "model" and not names.is_offered("evaluators", name):
        raise ValueError(f"expected model or python:MODULE:NAME, found {show(name)}")


def _find_missing_models(config: Mapping[str, Any], names: NameResolver) -> Iterator[Problem]:
    """Yield the sections that the built-in parts need: parts from outside say so themselves."""
    parts = {
        "scorer": ("task", "evaluator", ("model",)),
        "optimizer": ("search", "strategy", names.strategies),
    }
    for role, (section, key, built_in) in parts.items():
        named = config.get(section)
        part = named.get(key, built_in[0]) if isinstance(named, Mapping) else built_in[0]
        if role not in config and part in built_in:
            yield Problem((role,), "missing; this key must be given")


def find_misplaced_models(settings: Settings) -> Iterator[Problem]:
    """Embedded models that are asked for what they were not trained for.

    For whoever wants to ask them: runs of before each role had a model of its own have them so,
    and are read and shown all the same. Without steps the optimizer is asked nothing.
    """
    asked = [("scorer", settings.scorer.model, "answers questions")]
    if settings.search.steps:
        asked.append(("optimizer", settings.optimizer.model, "proposes instructions"))
    for role, model, what in asked:
        if is_embedded(model) and model != EMBEDDED[role]:
            told = f"expected {EMBEDDED[role]}, the embedded model that {what}, found {model}"
            yield Problem((role, "model"), told)


def _find_misfits(settings: Settings) -> Iterator[Problem]:
    """Keys that are right by themselves and wrong together."""
    task, optimizer, search = settings.task, settings.optimizer, settings.search
    yield from _find_endpoint_misfits("scorer", settings.scorer)
    yield from _find_endpoint_misfits("optimizer", settings.optimizer)
    position = ("task", "instruction_position")
    if task.instruction_position == "A_begin" and not task.qa_markers:
        yield Problem(position, 'A_begin starts the "A:" line, which qa_markers: false leaves out')
    if search.strategy == "paper-instructions-only":
        if task.instruction_position in ("before_Q", "system"):
            yield Problem(
                position,
                f"expected Q_begin, Q_end or A_begin, found {show(task.instruction_position)}; "
                "search.strategy paper-instructions-only has words for no other place",
            )
        if task.description is None:
            yield Problem(
                ("task", "description"),
                "missing; search.strategy paper-instructions-only tells the optimizer what the "
                "questions are about, such as grade school math",
            )
    if (optimizer.temperature_schedule == "constant") != (optimizer.temperature_end is None):
        yield Problem(
            ("optimizer", "temperature_end"),
            f"found {show(optimizer.temperature_end)} with temperature_schedule "
            f"{optimizer.temperature_schedule}; give it with linear_increase and only then",
        )
    if task.scoring != "default" and task.answer not in PAPER_ANSWERS:
        yield Problem(
            ("task", "scoring"),
            f"the paper has no scoring for answer {show(task.answer)}; it has one for "
            f"{', '.join(PAPER_ANSWERS)}",
        )


def _find_endpoint_misfits(role: str, model: ModelSettings) -> Iterator[Problem]:
    if model.endpoints is None:
        return
    path = (role, "endpoints")
    if is_embedded(model.model):
        yield Problem(path, f"{model.model} ships inside opro and has no address; leave them out")
    if model.api_base is not None:
        told = "found beside api_base; keep one of them: a model is asked here or there"
        yield Problem(path, told)
    first: dict[str, int] = {}
    for place, endpoint in enumerate(model.endpoints):
        known = first.setdefault(endpoint.api_base.rstrip("/"), place)
        if known != place:
            told = f"the same address as {role}.endpoints.{known}; each may stand here once"
            yield Problem((*path, place, "api_base"), f"{told}, found {show(endpoint.api_base)}")


def _fill_task_preset(
    task: Mapping[str, Any], names: NameResolver, problems: list[Problem]
) -> dict[str, Any]:
    """The preset's task with the user's own keys on top."""
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


def _fill_search_preset(
    config: dict[str, Any], names: NameResolver, problems: list[Problem]
) -> dict[str, Any]:
    """The config with the keys of `search.preset` under the user's own."""
    search, task = config.get("search"), config.get("task")
    name = search.get("preset") if isinstance(search, Mapping) else None
    if not isinstance(search, Mapping) or not isinstance(name, str):
        return config  # what is no text is told by the reader of the key
    task_preset = task.get("preset") if isinstance(task, Mapping) else None
    strategy = search.get("strategy")
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


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below` with the keys of `above` on top, sections merged key by key."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[name] = overlay(under, value)
        else:
            merged[name] = value
    return merged


def _check_with(
    check: Callable[[Any], Any], value: Any, path: Path, problems: list[Problem]
) -> None:
    if not isinstance(value, str):
        return
    try:
        check(value)
    except ValueError as error:
        problems.append(Problem(path, str(error)))
