"""The view of a program that calls opro: progress if it wants it, and errors in its own terms."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from opro_cli import wiring
from opro_cli.app.arguments import check_arguments
from opro_cli.app.resume import remove_unanswered
from opro_cli.errors import DoubtfulAnswers, ModelError, OproError, RunError, asks_for_new_run
from opro_cli.models.control import ControlModel
from opro_cli.ports import Observer
from opro_cli.problems import ProblemEvaluator

P = ParamSpec("P")
T = TypeVar("T")


def list_observers(*, show: bool) -> list[Observer]:
    """Return what shows the progress of a session, as the command does in a pipe."""
    if not show:
        return []
    from opro_cli.render.consoles import make_observer

    return [make_observer(plain=True)]


_ARGUMENTS = {
    "--budget": "budget",
    "--keep-going": "keep_going=True",
    "--ledger": "ledger",
    "--no-cache": "cached=False",
    "--no-preflight": "preflight=False",
    "--runs-dir": "runs_dir",
    "--split": "split",
}
"""What a program has in place of an option of the command line."""
_COMMAND = r"`opro [^`]*`"
_CEILING = re.compile(r"--budget (?P<change>\w+=[^\s`]+)")
_OPTION = re.compile(rf"{_COMMAND}|--[a-z-]+")


def check_call(function: Callable[P, T]) -> Callable[P, T]:
    """Refuse arguments of a wrong type, and let every refusal name arguments, not options."""
    signature = inspect.signature(function)

    @wraps(function)
    def call(*positional: P.args, **named: P.kwargs) -> T:
        try:
            given = signature.bind(*positional, **named).arguments
        except TypeError:
            return function(*positional, **named)  # Python says so, with the function's name
        if "self" in given and "budget" in given:
            given["changes"] = given.pop("budget")
        with _name_arguments():
            check_arguments(given)
            return function(*positional, **named)

    return call


@contextmanager
def _name_arguments() -> Iterator[None]:
    """Let an error name the arguments of a function in place of options of the command line."""
    try:
        yield
    except OproError as error:
        error.message = _replace_options(error.message)
        error.hint = _replace_options(error.hint) if error.hint else error.hint
        error.args = (error.message,)
        raise


def _replace_options(text: str) -> str:
    """Return a text without options, those of a command in it excepted."""
    text = _CEILING.sub(r'budget=["\g<change>"]', text)
    return _OPTION.sub(lambda found: _ARGUMENTS.get(found[0], found[0]), text)


@contextmanager
def explain_failure(folder: Path, supplied: wiring.Supplied, *, is_new: bool) -> Iterator[None]:
    """Let an error of a session say where the run is, and how to resume it.

    Args:
        folder: Of the run.
        supplied: The objects that it was begun with, which a resume in another process needs.
        is_new: The caller has just begun it: nothing is kept of a run without any answer, in which
            there is nothing that a second start would not have.
    """
    try:
        yield
    except OproError as error:
        asked_in_vain = type(error) is RunError or isinstance(error, ModelError)
        if is_new and asked_in_vain and remove_unanswered(folder):
            raise
        error.folder = str(folder)
        error.where = error.where or str(folder)
        if isinstance(error, DoubtfulAnswers) or not asks_for_new_run(error.hint):
            way_on = f"go on with {_format_resume(folder, supplied, error)}"
            error.hint = f"{error.hint}; {way_on}" if error.hint else way_on
        raise


def _format_resume(folder: Path, supplied: wiring.Supplied, error: OproError) -> str:
    """Return the call that resumes a run."""
    models = {r for r, model in supplied.models.items() if not isinstance(model, ControlModel)}
    is_problem = isinstance(supplied.evaluator, ProblemEvaluator)  # which chose its strategy
    parts = {
        "scorer": "scorer" in models,
        "optimizer": "optimizer" in models,
        "roles": models - {"scorer", "optimizer"},
        "metric": supplied.metric is not None,
        "problem": is_problem,
        "strategy": supplied.strategy is not None and not is_problem,
        "evaluator": supplied.evaluator is not None and not is_problem,
    }
    arguments = [f"{name}=…" for name, is_supplied in parts.items() if is_supplied]
    if isinstance(error, DoubtfulAnswers):
        arguments.append("keep_going=True")
    return f'opro_cli.load_run("{folder}").resume({", ".join(arguments)})'
