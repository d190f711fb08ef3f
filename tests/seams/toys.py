"""Toy parts, written against the seams alone: one that needs more shows a seam too narrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli.core.run.view import Ask, Draft, SearchView
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import Evaluation, Example, Message
from opro_cli.core.task.problem import Instance, Reference
from opro_cli.core.task.prompt import Content, Layout, Prompt, Solution
from opro_cli.ports import Evaluator, MeteredCall, Need, Problem, Strategy


class Reflect(Strategy):
    """Shows the optimizer what went wrong under a parent drawn at random."""

    name = "reflect"
    needs: frozenset[Need] = frozenset({"failures"})

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:
        parent = view.rng("parent").choice(view.candidates())
        failed = [f"{f.example.input} -> {f.reply}" for f in view.failures(parent)[:2]]
        text = "\n".join([f"Your task is to generate: {parent.instruction}", *failed])
        return [Ask((Message("user", text),), samples=2, parents=(parent.id,))]

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:
        return [reply.removeprefix("<INS>").removesuffix("</INS>")]


class Enumerate(Strategy):
    """Tries texts of its own; no model proposes anything. A step may be of any size."""

    name = "enumerate"

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:
        best = max(view.candidates(), key=view.score)
        return [Draft(f"{best.instruction} {n}", (best.id,)) for n in "ab" * (step != 2)]

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:
        return []

    def reject(self, candidate: Content, view: SearchView) -> str:
        return "ends in b" if candidate.text.endswith("b") else ""


class TwoLayouts(Strategy):
    """Tries the start prompt in two places."""

    name = "two-layouts"

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:
        text = view.candidates()[0].instruction
        return [Draft(Prompt(text, layout=Layout(at))) for at in ("system", "Q_end")]

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:
        return []


class Judged(Evaluator):
    """The scorer answers, and another model judges."""

    name, roles = "judged", ("scorer", "judge")

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        asked = Message("user", f"{candidate.text}\n{example.input}")
        answer = await call("scorer", (asked,), "answer")
        verdict = await call("judge", (Message("user", f"Good? {answer.recorded}"),), "verdict")
        good = verdict.recorded.startswith("yes")
        return Evaluation(float(good), verdict.recorded, {"good": float(good)}, "said the judge")


class Loss(Evaluator):
    """Squared distance to the target, times 1e300; no model is asked."""

    name, scale, splits = "loss", Scale(minimise=True, bounded=False), False

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        loss = 1e300 * (float(candidate.text) - float(example.target)) ** 2
        return Evaluation(loss, f"{loss:g}")


class Descend(Strategy):
    """Halves the distance that it cannot see, by trying both sides."""

    name = "descend"

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:
        best = max(view.candidates(), key=view.score)
        at, width = float(best.instruction), 512.0 / 2**step
        return [Draft(Solution(f"{at + side}"), (best.id,)) for side in (-width, width)]

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:
        return []


class Knapsack(Problem):
    """Packs items, by their letters, into a sack that holds so much: a problem of a user's own."""

    name = "knapsack"
    minimise = False

    def draw(self, options: Mapping[str, Any]) -> Instance:
        weights = options.get("weights", {"a": 3, "b": 5, "c": 9})
        return {"weights": weights, "room": options.get("room", 12)}

    def describe(self, instance: Instance) -> str:
        return f"Pack letters that weigh {instance['weights']} into {instance['room']}."

    def start(self, instance: Instance) -> Sequence[str]:
        return ["a", "b"]

    def check(self, solution: str, instance: Instance) -> str:
        if not set(solution) <= set(instance["weights"]) or len(set(solution)) < len(solution):
            return "names an item that is not there, or one twice"
        return "too heavy" if self.value(solution, instance) > instance["room"] else ""

    def value(self, solution: str, instance: Instance) -> float:
        return float(sum(instance["weights"][item] for item in solution))

    def read(self, reply: str, instance: Instance) -> str:
        return "".join(sorted(super().read(reply, instance)[:100]))

    def references(self, instance: Instance) -> Sequence[Reference]:
        return [Reference("optimum", "ac", 12.0)]
