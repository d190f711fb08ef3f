"""What people get wrong with problems is told in a sentence, before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import opro_cli
from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.core.run.view import End
from opro_cli.core.settings.read import read_options
from opro_cli.core.task.problem import Instance, Reference
from opro_cli.errors import ConfigError, OproError, UsageError
from opro_cli.models.control import ControlModel
from opro_cli.ports import Problem
from opro_cli.problems.guarded import GuardedProblem
from opro_cli.problems.tour import Tour
from opro_cli.testing.session import new_problem_session, run_session
from tests.seams.toys import Knapsack

CONTROL = {"model": "control/random"}


def settle(task: dict[str, Any], **search: Any) -> Any:
    plain = {"task": task, "optimizer": CONTROL, "search": search}
    return wiring.fill_in_new(read_plain(plain))


@pytest.mark.parametrize(
    ("task", "start", "kept"),
    [
        ({"problem": "regression"}, ["w=1.0, b=2"], ("w=1, b=2",)),
        ({"problem": "regression"}, ["w = 1, b=2", "[1, 2]"], ("w=1, b=2",)),
        ({"problem": "tour", "nodes": 5}, ["<trace>0 -> 4 -> 3 -> 2 -> 1</trace>"], ("0,1,2,3,4",)),
    ],
)
def test_solutions_to_start_from_are_read_as_a_model_writes_them(
    task: dict[str, Any], start: list[str], kept: tuple[str, ...]
) -> None:
    assert settle(task, initial_instructions=start).search.initial_instructions == kept


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ({"problem": "regression"}, "hello"),
        ({"problem": "regression"}, "w=1e400, b=1"),
        ({"problem": "regression"}, "w=1, b=nan"),
        ({"problem": "tour", "nodes": 5}, "hello"),
        ({"problem": "tour", "nodes": 5}, ""),
        ({"problem": "tour", "nodes": 5}, "0,0,0,0,0"),
        ({"problem": "tour", "nodes": 5}, "0,1"),
        ({"problem": "tour", "nodes": 5}, "0,1,2,3,7"),
    ],
)
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_what_is_no_solution_starts_nothing(task: dict[str, Any], text: str, preset: str) -> None:
    name = f"paper-{task['problem']}" if preset == "paper" else preset
    with pytest.raises(UsageError, match=f"is no solution of {task['problem']}: "):
        settle(task, initial_instructions=[text], preset=name)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (
            {"task": {"problem": "regression"}, "search": {"preset": "paper-tour"}},
            "search.strategy: expected one of problem, paper-regression for task.problem "
            "regression, found 'paper-tour'",
        ),
        (
            {"task": {"problem": "tour"}, "search": {"strategy": "paper-regression"}},
            "search.strategy: expected one of problem, paper-tour for task.problem tour",
        ),
        (
            {"task": {"problem": "tour"}, "scorer": {"model": "openai/x"}},
            "scorer: found beside task.problem, which asks no scorer",
        ),
        (
            {"task": {"problem": "tour"}, "optimizer": {"model": "control/rndom"}},
            'did you mean "control/random"?',
        ),
        ({"task": {"problem": "tour", "nods": 3}}, 'task.nods: no such key; did you mean "nodes"?'),
        ({"task": {"problem": "tuor"}}, 'did you mean "tour"?'),
        ({"task": {"problem": "tour", "answer": "number"}}, "task.answer: found beside task.prob"),
        ({"task": {"problem": "tour", "nodes": 2}}, "nodes: expected a whole number from 3"),
        ({"task": {"problem": "regression", "points": 10**7}}, "points: expected 2 to 10,000"),
    ],
)
def test_what_does_not_fit_is_told(config: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_plain({"optimizer": CONTROL, **config})
    assert problem in str(error.value)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"options.foo: found with search.strategy problem"):
        settle({"problem": "tour"}, options={"foo": 1})
    strategy = wiring.build_strategy(settle({"problem": "tour"}))
    with pytest.raises(ConfigError, match=r"search.options.foo"):  # where a run has it since before
        read_options(strategy, {"foo": 1})


def test_a_control_without_its_method_is_refused_and_repeating_needs_none() -> None:
    with pytest.raises(UsageError, match="needs a method draw_solution"):
        ControlModel("control/random", GuardedProblem("python:a:B", Knapsack()), {})
    session = new_problem_session(Knapsack(), {}, optimizer="control/repeat-best")
    run_session(session)
    assert {c.instruction for c in session.state.candidates.values()} == {"a", "b"}


def test_one_reply_without_a_solution_ends_no_search() -> None:
    session = new_problem_session(Tour(), {"nodes": 6}, steps=3, candidates_per_step=1)

    async def reply(_: Any) -> Any:
        return opro_cli.ChatReply("no idea", "stop", 0, 0, 0.0)

    session.models["optimizer"][0].reply = reply  # type: ignore[assignment,method-assign]
    run_session(session)
    assert session.state.step == 3
    assert session.state.search_ended == ""


class Fine(Knapsack):
    """Lets a test replace what a method returns, or have it raise."""

    def __init__(self, method: str = "", found: Any = None) -> None:
        self.method, self.found = method, found

    def _say(self, method: str, otherwise: Any) -> Any:
        if method != self.method:
            return otherwise
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found

    def draw(self, options: Mapping[str, Any]) -> Instance:
        return self._say("draw", super().draw(options))  # type: ignore[no-any-return]

    def describe(self, instance: Instance) -> str:
        return self._say("describe", super().describe(instance))  # type: ignore[no-any-return]

    def start(self, instance: Instance) -> Sequence[str]:
        return self._say("start", super().start(instance))  # type: ignore[no-any-return]

    def value(self, solution: str, instance: Instance) -> float:
        return self._say("value", super().value(solution, instance))  # type: ignore[no-any-return]

    def check(self, solution: str, instance: Instance) -> str:
        return self._say("check", super().check(solution, instance))  # type: ignore[no-any-return]

    def read(self, reply: str, instance: Instance) -> str:
        return self._say("read", super().read(reply, instance))  # type: ignore[no-any-return]

    def references(self, instance: Instance) -> Sequence[Reference]:
        return self._say("references", super().references(instance))  # type: ignore[no-any-return]


CALLS: dict[str, tuple[Any, ...]] = {
    "draw": ({},),
    "describe": ({"weights": {"a": 3}, "room": 12},),
    "start": ({"weights": {"a": 3}, "room": 12},),
    "value": ("a", {"weights": {"a": 3}, "room": 12}),
    "check": ("a", {"weights": {"a": 3}, "room": 12}),
    "read": ("<solution>a</solution>", {"weights": {"a": 3}, "room": 12}),
    "references": ({"weights": {"a": 3}, "room": 12},),
}
NONSENSE: dict[str, tuple[Any, ...]] = {
    "draw": (None, [1], {"x": object()}),
    "describe": (None, 3),
    "start": (None, "abc", [1, 2], []),
    "value": (float("nan"), float("inf"), "3", None, True),
    "check": (None, False),
    "read": (None, 3, ["a"]),
    "references": (None, "x", [("optimum", "a", 1)], [Reference("o", "a", float("nan"))]),
}
RAISED = (KeyError("boom"), SystemExit(3), RecursionError())


@pytest.mark.parametrize("method", CALLS)
def test_whatever_a_users_problem_does_is_told_in_a_sentence(method: str) -> None:
    for found in (*NONSENSE[method], *RAISED):
        problem = GuardedProblem("python:mine:Packing", Fine(method, found))
        with pytest.raises(OproError) as error:
            getattr(problem, method)(*CALLS[method])
        assert error.value.message.startswith("task.problem python:mine:Packing")
        assert method in error.value.message
    fine = GuardedProblem("python:mine:Packing", Fine())
    given, own = (getattr(each, method)(*CALLS[method]) for each in (fine, Knapsack()))
    assert (given if isinstance(own, str | float | dict) else list(given)) == own


def test_no_method_can_change_the_instance() -> None:
    class Changing(Knapsack):
        def value(self, solution: str, instance: Instance) -> float:
            instance["weights"].clear()
            return 1.0

    instance = {"weights": {"a": 3}, "room": 12}
    GuardedProblem("x", Changing).value("a", instance)
    assert instance["weights"] == {"a": 3}


def test_what_is_missing_is_named() -> None:
    class Half(Problem):
        name = "half"

        def describe(self, instance: Instance) -> str:
            return "?"

    with pytest.raises(UsageError, match="python:a:Half has no method start"):
        GuardedProblem("python:a:Half", Half)
    with pytest.raises(UsageError, match=r"is no opro_cli\.Problem"):
        GuardedProblem("python:a:dict", {})


def test_a_problem_from_a_program(tmp_path: Path) -> None:
    class Drawn(Knapsack):
        def draw_solution(self, instance: Instance, rng: Any) -> str:
            return "".join(sorted(rng.sample("abc", 2)))

    run = opro_cli.optimize(
        task={"problem": Drawn},
        optimizer=CONTROL,
        search={"steps": 9, "candidates_per_step": 4},
        budget={"calls": 2},
        runs_dir=tmp_path,
    )
    assert run.status == "stopped"
    with pytest.raises(UsageError, match="the problem of this run is an object"):
        opro_cli.load_run(run.folder).resume(budget=["calls=+50"])
    done = opro_cli.load_run(run.folder).resume(budget=["calls=+50"], problem=Drawn())
    assert done.status == "finished"
    assert done.result["problem"]["found"]
    with pytest.raises(UsageError, match="searches for solutions, whose values are exact"):
        opro_cli.evaluate("x", {"optimizer": CONTROL, "task": {"problem": "tour"}})


def test_end_is_public() -> None:
    assert opro_cli.End is End
