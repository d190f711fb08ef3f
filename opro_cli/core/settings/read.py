"""Reading a config: plain data in, frozen settings out, every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from opro_cli.core.settings.meta_prompt import KEY as META_PROMPT
from opro_cli.core.settings.meta_prompt import find_meta_prompt_faults
from opro_cli.core.settings.misplaced_keys import explain_key
from opro_cli.core.settings.models import (
    ReasoningSettings,
    is_computed_here,
    is_control,
    is_gguf,
    is_python,
)
from opro_cli.core.settings.prompts import (
    START,
    TURN,
    drop_replaced,
    fill_start,
    find_prompt_faults,
    hash_prompt,
    name_start_as_given,
)
from opro_cli.core.settings.schema import Path, Problem, nearest, read_section, show
from opro_cli.core.settings.settings import (
    ALL_OF,
    ASKING_NONE,
    AUTO,
    DEMOS,
    EMBEDDED,
    LIST,
    PAPER_ANSWERS,
    PLACE,
    PRUNE,
    SHORT,
    UNUSED,
    ModelSettings,
    Settings,
    TaskSettings,
    is_embedded,
)
from opro_cli.core.task.example import SPLITS
from opro_cli.core.task.pieces import split_prompt
from opro_cli.core.task.prompt import Prompt, decode_content
from opro_cli.core.text import HALF
from opro_cli.errors import ConfigError, UsageError


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Settings, or the problems that kept them from being read; never both."""

    settings: Settings | None
    problems: tuple[Problem, ...]


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
    config = _fill_search_preset(fill_start(raw, problems), names, problems)
    if isinstance(config.get("task"), Mapping):
        config["task"] = _fill_task_preset(config["task"], names, problems)
        config = _fill_problem(config)
        problems.extend(_find_missing_data(config["task"], names))
        scorer = get_section(config, "scorer").get("model", UNUSED)
        if config["task"].get("problem") is not None and scorer != UNUSED:
            message = "found beside task.problem, which asks no scorer; leave the section out"
            problems.append(Problem(("scorer",), message))
    config = _fill_models(_fill_place(_fill_prune(_fill_list(config))), names)
    problems.extend(_find_unknown_parts(config, names))
    problems.extend(_find_missing_models(config, names))
    settings = read_section(Settings, config, (), problems)
    if settings:
        settings = _drop_stale_files(settings)
        problems.extend(_find_misfits(settings))
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


def get_section(config: Any, name: str) -> Mapping[str, Any]:
    """Return a section of a config as it stands; an empty one for what is none."""
    section = config.get(name) if isinstance(config, Mapping) else None
    return section if isinstance(section, Mapping) else {}


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


def _find_unknown_parts(config: Mapping[str, Any], names: NameResolver) -> Iterator[Problem]:
    """Yield the names that stand for no part, as far as they are texts."""
    problem = get_section(config, "task").get("problem")
    of_problem = problem is not None
    built_in = names.strategies
    if of_problem:  # the paper's are each for one problem
        built_in = tuple(
            name
            for name in names.problem_strategies
            if PAPER_PROBLEMS.get(name, problem) == problem
        )
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


def _fill_models(config: Mapping[str, Any], names: NameResolver) -> dict[str, Any]:
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

EVOLVE = "evolve"
"""The strategy that combines prompts, by code where there is no optimizer."""


def _fill_list(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config whose one step tries all of `search.candidates`, however long they are."""
    search = get_section(config, "search")
    texts = search.get("candidates")
    if search.get("strategy") != LIST or not isinstance(texts, list):
        return dict(config)
    longest = max((len(text) for text in texts if isinstance(text, str)), default=0)
    limits = {"max_instruction_chars": max(longest, SHORT), "candidates_per_step": len(texts)}
    filled = {"steps": 1, **limits, **search}
    return dict(config) | {"search": filled}


def _fill_prune(config: Mapping[str, Any]) -> dict[str, Any]:
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


def _fill_place(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with steps enough for the start prompts, the best found, and the end."""
    search = get_section(config, "search")
    if search.get("strategy") != PLACE:
        return dict(config)
    return dict(config) | {"search": {"steps": 4, **search}}


PROBLEM = "problem"
"""The evaluator of a task with a problem, and its strategy unless another one is named."""


def _fill_problem(config: Mapping[str, Any]) -> dict[str, Any]:
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


def find_misplaced_models(settings: Settings) -> Iterator[Problem]:
    """Yield the embedded models that would be asked in a role they were not trained for.

    To be called before they are asked. Runs that began before each role had an embedded model of
    its own have them so, and are read and shown all the same. Without steps the optimizer is asked
    nothing.
    """
    asked = [("scorer", settings.scorer.model, "answers questions")]
    if settings.search.steps:
        asked.append(("optimizer", settings.optimizer.model, "proposes instructions"))
    for role, model, what in asked:
        if is_embedded(model) and model != EMBEDDED[role]:
            message = f"expected {EMBEDDED[role]}, the embedded model that {what}, found {model}"
            yield Problem((role, "model"), message)


def _find_misfits(settings: Settings) -> Iterator[Problem]:
    """Yield the keys that are right by themselves and wrong together."""
    task, optimizer, search = settings.task, settings.optimizer, settings.search
    for role, model in settings.models.items():
        path: Path = (role,) if role in ("scorer", "optimizer") else ("roles", role)
        yield from _find_endpoint_misfits(path, model)
        yield from _find_gguf_misfits(path, model)
        yield from _find_request_misfits(settings, path, model)
        if is_control(model.model) and not (task.problem and role == "optimizer"):
            message = "proposes solutions of a task.problem, and nothing else"
            yield Problem((*path, "model"), f"{model.model} {message}")
    yield from _find_repeat_misfits(settings)
    forms, starts = search.initial_forms, len(search.initial_instructions)
    if forms is not None and len(forms) != starts:
        message = f"expected one for each of the {starts} start prompts, found {len(forms)}"
        yield Problem(("search", "initial_forms"), message)
    position = ("task", "instruction_position")
    if task.instruction_position == "A_begin" and not task.qa_markers and not task.prompt:
        yield Problem(position, 'A_begin starts the "A:" line, which qa_markers: false leaves out')
    if (search.strategy == LIST) != (search.candidates is not None):
        listed = "missing; search.strategy list tries them"
        unused = f"found with search.strategy {search.strategy}; only list tries them"
        yield Problem(("search", "candidates"), unused if search.candidates else listed)
    yield from _find_cost_misfits(settings)
    yield from _find_layout_misfits(settings)
    yield from _find_evolve_misfits(settings)
    if search.strategy == "paper-instructions-only":
        if task.prompt is not None:
            message = "search.strategy paper-instructions-only has no words for it; leave it out"
            yield Problem(("task", "prompt"), message)
        elif task.instruction_position in ("before_Q", "system"):
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
    if optimizer.temperature_schedule != "constant" and optimizer.temperature is None:
        message = f"found null with temperature_schedule {optimizer.temperature_schedule}"
        yield Problem(
            ("optimizer", "temperature"), f"{message}, which needs a number to start from"
        )
    if (optimizer.temperature_schedule == "constant") != (optimizer.temperature_end is None):
        yield Problem(
            ("optimizer", "temperature_end"),
            f"found {show(optimizer.temperature_end)} with temperature_schedule "
            f"{optimizer.temperature_schedule}; give it with linear_increase and only then",
        )
    if task.data.options is not None and task.answer.partition(":")[0] not in ("choice", "python"):
        message = f"are for answer choice, not for {show(task.answer)}"
        yield Problem(("task", "data", "options"), message)
    if task.data.index_from not in (None, 0, 1):
        message = f"expected 0 or 1, found {show(task.data.index_from)}"
        yield Problem(("task", "data", "index_from"), message)
    if task.golds == "all" and (task.answer not in ALL_OF or task.scoring != "default"):
        message = f"all is for {' and '.join(ALL_OF)}, not for answer {show(task.answer)}"
        yield Problem(("task", "golds"), message)
    if task.scoring != "default" and task.answer not in PAPER_ANSWERS:
        yield Problem(
            ("task", "scoring"),
            f"the paper has no scoring for answer {show(task.answer)}; it has one for "
            f"{', '.join(PAPER_ANSWERS)}",
        )


def _find_repeat_misfits(settings: Settings) -> Iterator[Problem]:
    """Yield what speaks against asking each question several times."""
    if settings.scorer.repeats == 1:
        return
    evaluator, found = settings.task.evaluator, show(settings.scorer.repeats)
    if settings.search.rules == "paper":
        message = f"found {found} with search.rules paper, which asks each question once"
        yield Problem(("scorer", "repeats"), f"{message}; leave it out")
    if evaluator != "model":
        message = f"found {found} with task.evaluator {evaluator}, which asks as it likes"
        yield Problem(("scorer", "repeats"), f"{message}; leave it out")


def count_parts(start: Any, form: Any) -> int:
    """Return how many parts of a start prompt may be dropped; 0 for what is no prompt."""
    if not isinstance(start, str):
        return 0
    parts = len(split_prompt(start).list_units())
    try:
        content = decode_content(start, form or "") if isinstance(form or "", str) else None
    except ValueError:
        return parts
    return parts + (len(content.demos) if isinstance(content, Prompt) else 0)


def _find_evolve_misfits(settings: Settings) -> Iterator[Problem]:
    """Yield what leaves nothing to recombine, or nobody to read a meta-prompt."""
    search = settings.search
    if search.strategy != EVOLVE or settings.optimizer.model != UNUSED:
        return
    if search.meta_prompt is not None:
        message = "found without an optimizer, which alone would read it"
        yield Problem(("search", "meta_prompt"), message)
    starts = search.initial_instructions
    if len(starts) == 1 and count_parts(starts[0], None) < 2:
        message = "expected a prompt of several sentences, or several prompts: without an optimizer"
        yield Problem(
            ("search", "start"), f"{message} evolve recombines their sentences, found a single one"
        )


def _find_cost_misfits(settings: Settings) -> Iterator[Problem]:
    """Yield what cannot be asked of a search for cheaper prompts."""
    search = settings.search
    form = search.initial_forms[0] if search.initial_forms else ""
    if search.strategy == PRUNE and len(search.initial_instructions) != 1:
        count = len(search.initial_instructions)
        message = f"expected one prompt, which search.strategy prune shortens, found {count}"
        yield Problem(("search", "start"), message)
    elif search.strategy == PRUNE and count_parts(search.initial_instructions[0], form) < 2:
        message = "expected a prompt of several sentences, which search.strategy prune drops one by"
        yield Problem(("search", "start"), f"{message} one, found a single one")
    if settings.task.problem is not None:
        for name, default in (("objectives", None), ("prefer", "best")):
            if getattr(search, name) != default:
                message = "found beside task.problem, whose solutions are no prompts"
                yield Problem(("search", name), message)
    for each in search.initial_forms or ():
        if not isinstance(decode_content("", each), Prompt):
            message = f"expected the form of a prompt, found {show(each)}"
            yield Problem(("search", "initial_forms"), message)


def _find_layout_misfits(settings: Settings) -> Iterator[Problem]:
    """Yield what leaves no place for worked examples, or for an instruction anywhere else."""
    task, strategy = settings.task, settings.search.strategy
    if strategy not in (DEMOS, PLACE):
        return
    if task.evaluator != "model":
        yield Problem(
            ("search", "strategy"),
            f"found {strategy} with task.evaluator {task.evaluator}, which writes messages of its "
            "own; it needs task.evaluator model",
        )
    elif task.prompt is not None and strategy == PLACE:
        message = "found with search.strategy place, which moves the instruction; leave it out, or"
        yield Problem(("task", "prompt"), f"{message} search with another strategy")
    elif not task.format.template.shows_demos:
        message = "expected a hole {{demos}} for the worked examples of search.strategy demos"
        yield Problem(("task", "prompt"), f"{message}, found none")


def _find_gguf_misfits(path: Path, model: ModelSettings) -> Iterator[Problem]:
    """Yield what a model that opro serves itself has no use for, and it alone has."""
    if not is_gguf(model.model):
        if model.gguf is not None:
            yield Problem(
                (*path, "gguf"), f"found with {model.model}; it is for gguf/ models alone"
            )
        return
    for name in ("api_base", "endpoints"):
        if getattr(model, name) is not None:
            message = f"{model.model} is served by opro itself and has no address; leave it out"
            yield Problem((*path, name), message)


def _find_request_misfits(
    settings: Settings, path: Path, model: ModelSettings
) -> Iterator[Problem]:
    """Yield what a request cannot say, and a ceiling that it would not keep."""
    section = ".".join(map(str, path))
    if is_computed_here(model.model) or is_python(model.model):
        for name in ("reasoning", "extra"):
            if getattr(model, name) is not None:
                message = f"{model.model} is no model of a provider's; leave it out"
                yield Problem((*path, name), message)
    if model.reasoning is not None and model.reasoning == ReasoningSettings():
        yield Problem((*path, "reasoning"), "expected effort, max_tokens or both, found neither")
    body = model.extra.body if model.extra else {}
    for name in ("reasoning", "reasoning_effort", "thinking", "think"):
        if model.reasoning is not None and name in body:
            yield Problem(
                (*path, "extra", "body", name),
                f"it says the same as {section}.reasoning; keep one of them",
            )
    limit = model.reasoning.max_tokens if model.reasoning else None
    if limit is not None and limit >= model.reply_limit:
        yield Problem(
            (*path, "reasoning", "max_tokens"),
            f"expected fewer tokens than {section}.max_tokens, {model.reply_limit}, which thoughts "
            f"and answer share, found {limit}",
        )
    for ceiling in ("usd", "tokens"):
        if model.max_tokens is None and getattr(settings.budget, ceiling) is not None:
            message = f"expected a number under budget.{ceiling}, which needs a limit for each call"
            yield Problem((*path, "max_tokens"), f"{message}, found null")


def _find_endpoint_misfits(path: Path, model: ModelSettings) -> Iterator[Problem]:
    if model.endpoints is None:
        return
    section, path = ".".join(map(str, path)), (*path, "endpoints")
    if is_computed_here(model.model):
        yield Problem(path, f"{model.model} ships inside opro and has no address; leave them out")
    if model.api_base is not None:
        message = "found beside api_base; keep one of them: a model is asked here or there"
        yield Problem(path, message)
    first: dict[str, int] = {}
    for index, endpoint in enumerate(model.endpoints):
        known = first.setdefault(endpoint.api_base.rstrip("/"), index)
        if known != index:
            yield Problem(
                (*path, index, "api_base"),
                f"the same address as {section}.endpoints.{known}; each may stand here once, "
                f"found {show(endpoint.api_base)}",
            )


def _fill_task_preset(
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


def _fill_search_preset(
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
