"""The reference's search for the line through points, to the letter, and the pairs it deals in.

Source: google-deepmind/opro, optimization/optimize_linear_regression.py. Kept on purpose: which
bracket of a reply is read, the names in it that are not, values cut instead of rounded, and the
order of equal values, which is that of CPython's sets. Not kept: a pair that has no finite loss
ends the reference's run one step later; here it is rejected and the search goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.settings.schema import key, whole
from opro_cli.core.task.example import Message
from opro_cli.core.task.problem import Instance, decode_problem
from opro_cli.core.task.prompt import Content, Solution
from opro_cli.ports import Strategy

_TASK = (
    "Now you will help me minimize a function with two input variables w, b. I have some (w, b) "
    "pairs and the function values at those points. The pairs are arranged in descending order "
    "based on their function values, where lower values are better."
)
_REQUEST = (
    "Give me a new (w, b) pair that is different from all pairs above, and has a function value "
    "lower than any of the above. Do not write code. The output must end with a pair [w, b], "
    "where w and b are numerical values."
)

_ALL_WHOLE = 2.0**52
"""From here on doubles have no fraction."""


class Pair(NamedTuple):
    """A slope and an intercept."""

    w: float
    b: float


class Entry(NamedTuple):
    """A pair with the value of the function there."""

    w: float
    b: float
    value: float


def format_pair(pair: Pair) -> str:
    """Return a pair as a solution, "w=15, b=-0.5", from which `parse_pair` gets the same bits."""
    w, b = (repr(float(number)).removesuffix(".0") for number in pair)
    return f"w={w}, b={b}"


def parse_pair(text: str) -> Pair:
    """Return the pair that `format_pair` wrote.

    Raises:
        ValueError: It writes no pair like this; says what was expected.
    """
    w, _, b = text.removeprefix("w=").partition(", b=")
    try:
        pair = Pair(float(w), float(b))
    except ValueError:
        pair = None
    if pair is None or format_pair(pair) != text:
        raise ValueError("a pair such as w=12, b=-0.5")
    return pair


def round_half_even(number: float, decimals: int) -> float:
    """Round as numpy does: multiply, round half to even, divide; it keeps the sign of a zero.

    A number too large to be multiplied becomes infinite. Negative `decimals` round to tens.
    """
    power = float(10 ** abs(decimals))
    scaled = number / power if decimals < 0 else number * power
    if abs(scaled) < _ALL_WHOLE:
        scaled = math.copysign(round(scaled), scaled)
    return scaled * power if decimals < 0 else scaled / power


def compute_loss(pair: Pair, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the sum of the squared residuals, as the square of its root.

    The reference squares a norm: residuals of 1, 1, 1 give 2.9999999999999996, shown as 2. What
    is too large for a double is infinite.
    """
    residuals = (y - (x * pair.w + pair.b) for x, y in zip(xs, ys, strict=True))
    try:
        root = math.sqrt(math.fsum(residual * residual for residual in residuals))
    except OverflowError:  # of fsum, which is exact on the way
        return math.inf
    return root * root


def find_flaw(solution: str, instance: Instance) -> str:
    """Return why a text is no solution, as people will read it; "" for a solution."""
    try:
        pair = parse_pair(solution)
    except ValueError as error:
        return f"expected {error}"
    if not all(map(math.isfinite, pair)):
        return "not finite"
    if not math.isfinite(compute_loss(pair, instance["x"], instance["y"])):
        return "its loss is too large for a number"
    return ""


def find_bracket(reply: str) -> str:
    """Return the inside of the bracket that the reference reads, "" for none.

    It is the last one in which there is an "=", or neither of the letters w and b: a sentence in
    brackets may have them, a pair of numbers has not.
    """
    for inside in reversed(_list_brackets(reply)):
        if "=" in inside or not ("w" in inside or "b" in inside):
            return inside
    return ""


def _list_brackets(reply: str) -> list[str]:
    r"""Return what \[(.*?)] finds, in linear time: it takes quadratic time for many "["."""
    found = []
    for line in reply.split("\n"):
        start = line.find("[")
        while start >= 0 and (end := line.find("]", start)) >= 0:
            found.append(line[start + 1 : end])
            start = line.find("[", end)
    return found


def parse_numbers(inside: str) -> list[float] | None:
    """Return the numbers between the commas of a bracket; None where a part is none.

    Names before an "=" are not looked at. A number is what numpy reads from a string, which is
    what `float` reads, and NULs behind it.
    """
    parts = (part.partition("=")[2] if "=" in part else part for part in inside.split(","))
    try:
        return [float(part.strip().rstrip("\0")) for part in parts]
    except ValueError:
        return None


def read_pair(reply: str) -> Pair | None:
    """Return the pair that the reference reads in a reply, not rounded; None for none."""
    numbers = parse_numbers(find_bracket(reply))
    return Pair(*numbers) if numbers is not None and len(numbers) == 2 else None


def round_pair(pair: Pair, decimals: int) -> Pair:
    """Return a pair as the reference evaluates it."""
    return Pair(*(round_half_even(number, decimals) for number in pair))


def list_history(view: SearchView) -> list[Entry]:
    """Return the pairs of a run with their losses, in the order of `order_history`."""
    scale = view.state.scale
    # A loss of 0 is kept as a score of -0.0, which would be shown with its sign.
    return order_history(
        (
            candidate.step,
            Entry(*parse_pair(candidate.instruction), scale.orient(view.score(candidate)) + 0.0),
        )
        for candidate in view.candidates()
    )


def order_history(evaluated: Iterable[tuple[int, Entry]]) -> list[Entry]:
    """Return entries, each with its step, in the order in which the reference evaluates them.

    That is by step, then by w, then by b. Equal ones are one, the first: -0.0 equals 0.0.
    """
    in_order = sorted(evaluated, key=lambda each: (each[0], each[1].w, each[1].b))
    return list(dict.fromkeys(entry for _, entry in in_order))


def meta_prompt(
    history: Iterable[tuple[float, float, float]],
    input_decimals: int,
    output_decimals: int,
    max_num_pairs: int,
) -> str:
    """Return the reference's request for a better pair.

    Args:
        history: w, b and value of each evaluation, in order.
        input_decimals: Of w and b.
        output_decimals: Of values.
        max_num_pairs: The number of entries to show, the best ones; 0 shows all, and -k leaves
            out the k worst.

    Raises:
        ValueError, OverflowError: A number to be shown without decimals is not finite.
    """
    # Entries with equal values come in the order of these two sets, which is the same in every
    # process, because numbers hash alike; a dict would show them in another order.
    shown = [
        (
            make_showable(w, input_decimals),
            make_showable(b, input_decimals),
            make_showable(value, output_decimals),
        )
        for w, b, value in set(history)
    ]
    ordered = sorted(set(shown), key=lambda entry: -entry[2])[-max_num_pairs:]
    pairs = "\n\n".join(f"input:\nw={w}, b={b}\nvalue:\n{value}" for w, b, value in ordered)
    return f"{_TASK}\n\n{pairs}\n\n{_REQUEST}"


def make_showable(number: float, decimals: int) -> float:
    """Return a number as the reference shows it: an int cut toward zero, or rounded.

    An int stays one. Raises ValueError or OverflowError for one that has no int.
    """
    if decimals <= 0 or isinstance(number, int):
        return int(number)
    return round_half_even(number, decimals)


@dataclass(frozen=True)
class RegressionOptions:
    """The `search.options` of paper-regression."""

    decimals: int = key(
        whole(0, 15),
        0,
        doc="Of the values in the meta-prompt; with 0 they are cut to whole numbers.",
    )


@dataclass(frozen=True)
class PaperRegression(Strategy):
    """The meta-prompt of the paper's section 3.1, its reading of replies, and its end.

    Attributes:
        input_decimals: Of the pairs, proposed and shown.
    """

    name = "paper-regression"
    Options = RegressionOptions
    input_decimals: int = 0

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:  # noqa: ARG002
        """Ask for all samples of a step alike; end when the true pair was proposed.

        As in the reference, having it among the starting pairs ends nothing, but proposing it
        then does.
        """
        instance = decode_problem(view.train).instance
        true = (instance["w"], instance["b"])
        if any(parse_pair(proposed.text) == true for proposed in view.state.proposals.texts):
            return End("the true pair was found")
        text = meta_prompt(
            list_history(view),
            self.input_decimals,
            view.options.decimals,
            view.search.history or 0,
        )
        return (Ask((Message("user", text),), view.search.candidates_per_step),)

    def read(self, reply: str, ask: Ask | None = None) -> tuple[Solution, ...]:  # noqa: ARG002
        """Return the pair in a reply, rounded; nothing for a reply without one."""
        pair = read_pair(reply)
        if pair is None:
            return ()
        return (Solution(format_pair(round_pair(pair, self.input_decimals))),)

    def reject(self, candidate: Content, view: SearchView) -> str:
        """Return why a pair cannot be scored: the reference scores it and dies of it."""
        return find_flaw(candidate.text, decode_problem(view.train).instance)
