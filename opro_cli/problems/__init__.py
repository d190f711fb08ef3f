"""Problems that need no model: the built-in ones by name, and those from outside opro."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from opro_cli.core.scale import Scale
from opro_cli.core.settings import schema
from opro_cli.core.settings.search import PROBLEM, SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Evaluation, Example, Split
from opro_cli.core.task.problem import Instance, RecordedProblem, decode_problem
from opro_cli.core.task.prompt import Content
from opro_cli.errors import ConfigError, UsageError
from opro_cli.plugins import SUPPLIED, is_outside, load_part
from opro_cli.ports import MeteredCall, Problem
from opro_cli.problems.guarded import GuardedProblem
from opro_cli.problems.regression import Regression
from opro_cli.problems.tour import Tour
from opro_cli.reports.costs import StartValues
from opro_cli.threads import run_in_thread

PROBLEMS: Mapping[str, type[Problem]] = {"regression": Regression, "tour": Tour}


def build_problem(name: str, folders: Sequence[Path] = ()) -> Problem:
    """Return the problem that `task.problem` names.

    Args:
        name: Of PROBLEMS, or python:MODULE:NAME.
        folders: Where a part from outside opro is looked for first.

    Raises:
        UsageError: It cannot be imported, or is no Problem.
    """
    if name in PROBLEMS:
        return PROBLEMS[name]()
    if name.startswith(SUPPLIED):
        raise UsageError(
            "the problem of this run is an object of the program that began it",
            "resume it from Python: opro_cli.load_run(RUN).resume(problem=…)",
        )
    part = load_part("task.problem", name, [*folders, Path.cwd()])
    return GuardedProblem(name, part.value)


def find_parameter_faults(name: str, parameters: Mapping[str, Any]) -> list[schema.Problem]:
    """Return what is wrong with the name of a problem and its parameters.

    The parameters of one from outside opro are checked when it is built.
    """
    if is_outside(name):
        return []
    if name not in PROBLEMS:
        guess = schema.nearest(name, list(PROBLEMS))
        meant = f' (did you mean "{guess}"?)' if guess else ""
        expected = f"expected {', '.join(PROBLEMS)} or python:MODULE:NAME{meant}"
        found = schema.show(name)
        return [schema.Problem(("task", "problem"), f"{expected}, found {found}", found)]
    return _read_parameters(PROBLEMS[name](), parameters)[1]


def draw_instance(task: TaskSettings, problem: Problem) -> Instance:
    """Return the instance that a task describes.

    Raises:
        ConfigError: A parameter is unknown or has no sense.
        OproError: The parameters do not fit together, their file cannot be read, or the problem
            fails.
    """
    options, faults = _read_parameters(problem, task.parameters)
    if faults:
        raise ConfigError("config", [f"{each.dotted}: {each.message}" for each in faults])
    try:
        return problem.draw(options)
    except ValueError as error:  # of a built-in one; others are guarded
        raise UsageError(f"task: {error}") from None


def record_problem(task: TaskSettings, problem: Problem) -> RecordedProblem:
    """Return the problem of a task as its run records it, with the solutions that are known."""
    instance = draw_instance(task, problem)
    return RecordedProblem(str(task.problem), instance, tuple(problem.references(instance)))


def choose_start(settings: Settings, problem: Problem) -> tuple[str, ...]:
    """Return the different solutions that a search starts from: those of the config, or drawn.

    They are in the one form that equal solutions share; those of the paper's strategies stay as
    they are, if they are solutions.

    Raises:
        UsageError: One is no solution.
    """
    task, search = settings.task, settings.search
    instance, name = draw_instance(task, problem), str(task.problem)
    given = search.initial_instructions != NEVER_GIVEN
    texts = search.initial_instructions if given else problem.start(instance)
    start = tuple(
        dict.fromkeys(
            problem.read(f"<solution>{text}</solution>", instance) or text
            if search.strategy == PROBLEM or problem.check(text, instance)
            else text
            for text in texts
        )
    )
    for text in start:
        if fault := problem.check(text, instance):
            raise UsageError(
                f"search.initial_instructions: {text!r:.60} is no solution of {name}: {fault}",
                "leave the key out to start from drawn ones"
                if given
                else "its method start returned it, and its method check refuses it",
            )
    return start


NEVER_GIVEN = SearchSettings().initial_instructions
"""The start of a search for prompts, which no problem has a use for."""


class ProblemEvaluator:
    """Gives a solution its value; asks no model.

    Args:
        spec: The problem as the config names it.
        problem: The problem.
    """

    name = PROBLEM
    roles: Sequence[str] = ()
    splits = False

    def __init__(self, spec: str, problem: Problem) -> None:
        self._spec, self._problem = spec, problem
        self.scale = Scale(minimise=problem.minimise, bounded=False)

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        """Return the value of a solution; a user's own code may take its time.

        Raises:
            RunError: The problem fails, or gives no number.
        """
        work = partial(self.value, candidate.text, decode_problem([example]).instance)
        if is_outside(self._spec):
            value = await call.unless_stopped(run_in_thread(work))
        else:
            value = work()
        return Evaluation(value, f"{value:g}")

    def value(self, solution: str, instance: Instance) -> float:
        """Return the value of a solution.

        Raises:
            RunError: A user's problem fails, or gives no number.
        """
        return float(self._problem.value(solution, instance))


def value_start(
    settings: Settings, examples: Mapping[Split, Sequence[Example]], folders: Sequence[Path] = ()
) -> StartValues | None:
    """Return the values of the solutions that a search starts from; None for prompts.

    Raises:
        RunError: The problem fails, or gives no number.
    """
    if settings.task.problem is None:
        return None
    evaluator = ProblemEvaluator(
        settings.task.problem, build_problem(settings.task.problem, folders)
    )
    instance = decode_problem(examples["train"]).instance
    start = settings.search.initial_instructions
    return StartValues(evaluator.scale, [evaluator.value(each, instance) for each in start])


def _read_parameters(
    problem: Problem, parameters: Mapping[str, Any]
) -> tuple[Any, list[schema.Problem]]:
    if problem.Options is None:
        return dict(parameters), []
    faults: list[schema.Problem] = []
    if not dataclasses.is_dataclass(problem.Options):
        raise UsageError(f"task.problem: {problem.name}.Options is no dataclass")
    try:
        return schema.read_section(problem.Options, parameters, ("task",), faults), faults
    except ValueError as error:  # from its own `__post_init__`
        return None, [schema.Problem(("task",), str(error))]
    except (TypeError, NameError) as error:
        raise UsageError(f"task.problem: {problem.name}.Options cannot be read: {error}") from None
