"""opro: finds better prompts by Optimization by PROmpting, and says what they are worth.

The Python API is here: `optimize`, `evaluate`, `load_run`, what they take and what they return.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from opro_cli.api import Run as Run
    from opro_cli.api import evaluate as evaluate
    from opro_cli.api import load_run as load_run
    from opro_cli.api import optimize as optimize
    from opro_cli.core.run.view import Ask as Ask
    from opro_cli.core.run.view import Draft as Draft
    from opro_cli.core.run.view import End as End
    from opro_cli.core.run.view import Failure as Failure
    from opro_cli.core.run.view import SearchView as SearchView
    from opro_cli.core.scale import Scale as Scale
    from opro_cli.core.task.example import ChatReply as ChatReply
    from opro_cli.core.task.example import ChatRequest as ChatRequest
    from opro_cli.core.task.example import Evaluation as Evaluation
    from opro_cli.core.task.example import Example as Example
    from opro_cli.core.task.example import Grade as Grade
    from opro_cli.core.task.example import Message as Message
    from opro_cli.core.task.problem import Reference as Reference
    from opro_cli.core.task.prompt import Demo as Demo
    from opro_cli.core.task.prompt import Layout as Layout
    from opro_cli.core.task.prompt import Prompt as Prompt
    from opro_cli.core.task.prompt import Solution as Solution
    from opro_cli.errors import BudgetReached as BudgetReached
    from opro_cli.errors import ConfigError as ConfigError
    from opro_cli.errors import DataError as DataError
    from opro_cli.errors import Interrupted as Interrupted
    from opro_cli.errors import ModelError as ModelError
    from opro_cli.errors import OproError as OproError
    from opro_cli.errors import RunBusyError as RunBusyError
    from opro_cli.errors import RunError as RunError
    from opro_cli.errors import RunFolderError as RunFolderError
    from opro_cli.errors import UsageError as UsageError
    from opro_cli.models.callable import Reply as Reply
    from opro_cli.ports import ChatModel as ChatModel
    from opro_cli.ports import Evaluator as Evaluator
    from opro_cli.ports import MeteredCall as MeteredCall
    from opro_cli.ports import Metric as Metric
    from opro_cli.ports import Problem as Problem
    from opro_cli.ports import Strategy as Strategy
    from opro_cli.reports.recorded import Answer as Answer
    from opro_cli.reports.recorded import Answers as Answers

_HOMES = {
    "opro_cli.api": ("Run", "evaluate", "load_run", "optimize"),
    "opro_cli.core.scale": ("Scale",),
    "opro_cli.core.run.view": ("Ask", "Draft", "End", "Failure", "SearchView"),
    "opro_cli.core.task.problem": ("Reference",),
    "opro_cli.core.task.prompt": ("Demo", "Layout", "Prompt", "Solution"),
    "opro_cli.core.task.example": (
        "ChatReply",
        "ChatRequest",
        "Evaluation",
        "Example",
        "Grade",
        "Message",
    ),
    "opro_cli.errors": (
        "BudgetReached",
        "ConfigError",
        "DataError",
        "Interrupted",
        "ModelError",
        "OproError",
        "RunBusyError",
        "RunError",
        "RunFolderError",
        "UsageError",
    ),
    "opro_cli.models.callable": ("Reply",),
    "opro_cli.reports.recorded": ("Answer", "Answers"),
    "opro_cli.ports": ("ChatModel", "Evaluator", "MeteredCall", "Metric", "Problem", "Strategy"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604 - these are strings


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `opro --help` imports none of them."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
