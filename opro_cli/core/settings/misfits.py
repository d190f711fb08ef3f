"""Keys of a config that are right by themselves and do not go together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opro_cli.core.settings.models import (
    EMBEDDED,
    UNUSED,
    ModelSettings,
    OptimizerSettings,
    ReasoningSettings,
    is_computed_here,
    is_control,
    is_embedded,
    is_gguf,
    is_python,
)
from opro_cli.core.settings.schema import Path, Problem, show
from opro_cli.core.settings.search import DEMOS, EVOLVE, LIST, PLACE, PRUNE
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import ALL_OF, PAPER_ANSWERS, TaskSettings
from opro_cli.core.task.pieces import split_prompt
from opro_cli.core.task.prompt import Prompt, decode_content


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


def find_unread_keys(settings: Settings) -> Iterator[Problem]:
    """Yield the keys of models that nothing would read.

    To be called before a run is made: a run that has such a key already is resumed with it.
    """
    for role, model in settings.models.items():
        if model.top_p is not None and (is_computed_here(model.model) or is_python(model.model)):
            path = (role,) if role in ("scorer", "optimizer") else ("roles", role)
            message = f"{model.model} draws by its temperature alone; leave it out"
            yield Problem((*path, "top_p"), message)


def find_misfits(settings: Settings) -> Iterator[Problem]:
    """Yield the keys that are right by themselves and wrong together."""
    for role, model in settings.models.items():
        path: Path = (role,) if role in ("scorer", "optimizer") else ("roles", role)
        yield from _find_endpoint_misfits(path, model)
        yield from _find_gguf_misfits(path, model)
        yield from _find_request_misfits(settings, path, model)
        if is_control(model.model) and not (settings.task.problem and role == "optimizer"):
            message = "proposes solutions of a task.problem, and nothing else"
            yield Problem((*path, "model"), f"{model.model} {message}")
    yield from _find_repeat_misfits(settings)
    yield from _find_start_misfits(settings)
    yield from _find_cost_misfits(settings)
    yield from _find_layout_misfits(settings)
    yield from _find_evolve_misfits(settings)
    yield from _find_description_misfits(settings)
    yield from _find_schedule_misfits(settings.optimizer)
    yield from _find_answer_misfits(settings.task)


def _find_start_misfits(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with the start prompts, their position, and the prompts to be tried."""
    task, search = settings.task, settings.search
    forms, starts = search.initial_forms, len(search.initial_instructions)
    if forms is not None and len(forms) != starts:
        message = f"expected one for each of the {starts} start prompts, found {len(forms)}"
        yield Problem(("search", "initial_forms"), message)
    if task.instruction_position == "A_begin" and not task.qa_markers and not task.prompt:
        message = 'A_begin starts the "A:" line, which qa_markers: false leaves out'
        yield Problem(("task", "instruction_position"), message)
    if (search.strategy == LIST) != (search.candidates is not None):
        listed = "missing; search.strategy list tries them"
        unused = f"found with search.strategy {search.strategy}; only list tries them"
        yield Problem(("search", "candidates"), unused if search.candidates else listed)


def _find_description_misfits(settings: Settings) -> Iterator[Problem]:
    """Yield what the paper's meta-prompt without exemplars has no words for."""
    task = settings.task
    if settings.search.strategy != "paper-instructions-only":
        return
    if task.prompt is not None:
        message = "search.strategy paper-instructions-only has no words for it; leave it out"
        yield Problem(("task", "prompt"), message)
    elif task.instruction_position in ("before_Q", "system"):
        yield Problem(
            ("task", "instruction_position"),
            f"expected Q_begin, Q_end or A_begin, found {show(task.instruction_position)}; "
            "search.strategy paper-instructions-only has words for no other place",
        )
    if task.description is None:
        yield Problem(
            ("task", "description"),
            "missing; search.strategy paper-instructions-only tells the optimizer what the "
            "questions are about, such as grade school math",
        )


def _find_schedule_misfits(optimizer: OptimizerSettings) -> Iterator[Problem]:
    """Yield what a schedule of the temperature lacks, or has no use for."""
    schedule = optimizer.temperature_schedule
    if schedule != "constant" and optimizer.temperature is None:
        message = f"found null with temperature_schedule {schedule}"
        yield Problem(
            ("optimizer", "temperature"), f"{message}, which needs a number to start from"
        )
    if (schedule == "constant") != (optimizer.temperature_end is None):
        yield Problem(
            ("optimizer", "temperature_end"),
            f"found {show(optimizer.temperature_end)} with temperature_schedule {schedule}; "
            "give it with linear_increase and only then",
        )


def _find_answer_misfits(task: TaskSettings) -> Iterator[Problem]:
    """Yield what has no meaning for answers of this kind."""
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
