"""The reference's search for short tours, to the letter, and our own reading of tours.

Source of its meta-prompt, reading and lengths: google-deepmind/opro, optimize_tsp.py, commit
e81b2f5. Kept on purpose: only the first <trace> is read, parts that are no numbers are skipped,
negative numbers count from the end (such a tour can be shorter than the optimum), and 0 or fewer
shown entries mean all or all but the worst. Entries of equal length are in the order in which they
came, where the reference's order is that of a set of texts, another one in every process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opro_cli.core.run.view import Ask, End, SearchView
from opro_cli.core.task.example import Message
from opro_cli.core.task.problem import decode_problem
from opro_cli.core.task.prompt import Content, Solution
from opro_cli.ports import Strategy
from opro_cli.strategies.problem import NoOptions, find_hopeless

NO_TOUR = -1
"""The length of a tour with a number that is no index."""


@dataclass(frozen=True)
class PaperTour(Strategy):
    """The meta-prompt for the travelling salesman.

    The reference asks without end for a tour that never comes; here a step that asked for it again
    and again (`search.ask_again`) and got none is the last one.
    """

    name = "paper-tour"
    Options = NoOptions

    def propose(self, view: SearchView, step: int) -> Sequence[Ask] | End:  # noqa: ARG002
        """Ask for all samples of a step with the same meta-prompt."""
        if (end := find_hopeless(view)) is not None:
            return end
        instance = decode_problem(view.train).instance
        scored = (
            (each.instruction, view.state.scale.orient(view.score(each)))
            for each in view.candidates()
        )
        decimals = int(instance["decimals"])
        history = [(text, value if decimals > 0 else int(value)) for text, value in scored]
        text = meta_prompt(instance["x"], instance["y"], history, view.search.history or 0)
        return (Ask((Message("user", text),), view.search.candidates_per_step),)

    def read(self, reply: str, ask: Ask | None = None) -> tuple[Solution, ...]:  # noqa: ARG002
        """Return the numbers in the first <trace>; nothing for a reply without any."""
        numbers = extract_numbers(reply)
        return (Solution(write_tour(numbers)),) if numbers else ()

    def reject(self, candidate: Content, view: SearchView) -> str:
        """Return why the reference asks again; "" for a tour that it accepts."""
        instance = decode_problem(view.train).instance
        return find_fault(read_numbers(candidate.text), len(instance["x"]))


def meta_prompt(
    x: Sequence[float],
    y: Sequence[float],
    history: Iterable[tuple[str, float]],
    max_num_pairs: int,
) -> str:
    """Return the meta-prompt; an entry of the history that stands twice is shown once.

    Args:
        x: Coordinates of the points, shown as Python writes them.
        y: The same.
        history: Tours and their lengths, in the order in which they came.
        max_num_pairs: Entries shown, the shortest ones; 0 for all, -k for all but the k longest.
    """
    points = ", ".join(f"({i}): ({a}, {b})" for i, (a, b) in enumerate(zip(x, y, strict=True)))
    # Stable, so that entries of equal length stay as they came.
    entries = sorted(dict.fromkeys(history), key=lambda entry: -entry[1])[-max_num_pairs:]
    shown = "\n\n".join(f"<trace> {text} </trace>\nlength:\n{value}" for text, value in entries)
    return (
        f"You are given a list of points with coordinates below:\n{points}.\n\n"
        "Below are some previous traces and their lengths. The traces are arranged in descending "
        f"order based on their lengths, where lower values are better.\n\n{shown}\n\n"
        "Give me a new trace that is different from all traces above, and has a length lower than "
        "any of the above. The trace should traverse all points exactly once. The trace should "
        "start with '<trace>' and end with </trace>."
    )


def extract_numbers(reply: str) -> list[int]:
    """Return the numbers between the first <trace> and the </trace> after it; [] without both."""
    _, opening, rest = reply.partition("<trace>")
    inside, closing, _ = rest.partition("</trace>")
    return read_numbers(inside) if opening and closing else []


def read_numbers(text: str) -> list[int]:
    """Return the whole numbers among the parts between commas, as Python's `int` reads them.

    A part that is not a number is skipped, and so is one of more than 4,300 digits.
    """
    numbers = []
    for part in text.split(","):
        try:
            numbers.append(int(part))
        except ValueError:
            continue
    return numbers


def write_tour(tour: Iterable[int]) -> str:
    """Return the text of a tour, "0,3,1,2"."""
    return ",".join(map(str, tour))


def find_fault(tour: Sequence[int], nodes: int) -> str:
    """Return why the reference does not accept a tour, "" where it does."""
    if len(tour) != nodes:
        return f"expected {nodes} numbers, found {len(tour)}"
    if len(set(tour)) != len(tour):
        return "a number stands twice"
    if tour[0] != 0:
        return f"expected 0 first, found {shorten(tour[0])}"
    strange = next((each for each in tour if not -nodes <= each < nodes), None)
    if strange is not None:
        return f"expected points up to {nodes - 1}, found {shorten(strange)}"
    return ""


def shorten(number: int | str, limit: int = 12) -> str:
    """Return a number for a message: one with many digits is cut."""
    text = str(number)
    return text if len(text) <= limit else f"{text[:limit]}…"


def length(
    x: Sequence[float], y: Sequence[float], tour: Sequence[int], decimals: int = 0
) -> int | float:
    """Return the length of a closed tour: the edges summed in order, the closing one last.

    Args:
        x: Coordinates of the points, in any unit; negative numbers count from the end.
        y: The same.
        tour: Numbers of points.
        decimals: 0 or fewer: cut toward zero to an int; else rounded as numpy does.

    Returns:
        The length in the unit of the coordinates; NO_TOUR where a number is no index.

    Raises:
        IndexError: The tour is empty, or its single number is no index.
        TypeError: Its single number is none.
        OverflowError: The length is infinite, and to be cut.
    """
    total = 0.0
    try:
        for here, there in pairwise(tour):
            total += _measure(x, y, here, there)
    except (IndexError, TypeError, OverflowError):
        return NO_TOUR
    total += _measure(x, y, tour[-1], tour[0])
    return round_length(total, decimals)


def round_length(value: float, decimals: int) -> int | float:
    """Return a length or coordinate as the reference keeps it.

    With 0 or fewer decimals it is cut toward zero to an int, else rounded as numpy does: times
    the power of ten, half to even, and back. A negative zero stays one.
    """
    if decimals <= 0:
        return int(value)
    power: int = 10**decimals
    scaled = value * power
    if not math.isfinite(scaled):
        return scaled
    return math.copysign(round(scaled) / power, value)


def measure_edge(dx: float, dy: float) -> float:
    """Return the length of an edge, to the last bit of numpy's."""
    # A power, as numpy takes it: in one of a thousand cases its last bit is not the product's.
    try:
        square = dx**2 + dy**2
    except OverflowError:
        return math.inf
    return math.sqrt(square)


def _measure(x: Sequence[float], y: Sequence[float], here: int, there: int) -> float:
    return measure_edge(x[here] - x[there], y[here] - y[there])


def canonize(tour: Sequence[int]) -> list[int]:
    """Return the same closed tour from 0 on, its second point lower than its last."""
    start = tour.index(0)
    turned = [*tour[start:], *tour[:start]]
    return turned if turned[1:2] <= turned[-1:] else [0, *turned[:0:-1]]


# Coordinates that a reply copies: "(0): (38, -33.5)" is no list of numbers.
_COORDINATES = re.compile(r"\(\s*+[-+−]?\d++(?:\.\d++)?\s*+,\s*+[-+−]?\d++(?:\.\d++)?\s*+\)")
_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_TAG = re.compile(r"<(/?)\s*+(?:solution|trace)\s*+>", re.IGNORECASE)
# A sign behind a digit is a dash between two numbers.
_NUMBER = re.compile(r"(?:(?<!\d)[-−])?\d+(?:\.\d+)?")
_DECORATION = " \t\r\n\xa0*`'\"_"
_BETWEEN = {
    *(",", ";", "|", "，", "、", "-", "--", "–", "—", "−", ">", "->", "-->", "=>", "→", "⇒", "⟶"),
    *("➔", "➜", "➝", "to", "then", ", then", r"\to", r"\rightarrow", r"$\to$", r"$\rightarrow$"),
}


def find_tour(reply: str, nodes: int) -> str:
    """Return the tour in a reply in the form of `canonize`, read as models write.

    It is the one in the last complete <solution> or <trace> with numbers, else the last list of
    numbers that is a whole tour: with commas, blanks or arrows, in brackets or none, with the way
    back or without, from any point on. Thoughts count where there is nothing after them.

    Args:
        reply: Any text; the time is linear in its length.
        nodes: Points of a tour, at least 3.

    Returns:
        The tour; the numbers in a tag that are no tour, "0,1,1,2"; "" for nothing.
    """
    text = _COORDINATES.sub(":", reply)
    answer = _THOUGHT.split(text)[-1]
    found = (_find_tour(each, nodes) for each in dict.fromkeys((answer, text)))
    return next(filter(None, found), "")


def _find_tour(text: str, nodes: int) -> str:
    """Return the tour, or the tagged numbers that do not form one; "" for nothing."""
    for inside in reversed(list(_list_tagged(text))):
        # A tour with a gap, "0,2,1,…", is the form of one, quoted.
        runs = [] if "…" in inside or "..." in inside else _list_runs(inside)
        numbers = [number for run in runs for number in run]
        if numbers:
            return _pick_tour([numbers, *runs], nodes) or ",".join(_open(numbers))
    return _pick_tour(_list_runs(text), nodes)


def _list_tagged(text: str) -> Iterator[str]:
    """Yield the texts between an opening tag and a closing one, whatever their names."""
    begin = None
    for tag in _TAG.finditer(text):
        if not tag[1]:
            begin = tag.end()
        elif begin is not None:
            yield text[begin : tag.start()]
            begin = None


def _list_runs(text: str) -> list[list[str]]:
    """Return the lists of numbers in a text: commas, arrows, dashes or blanks between them."""
    runs: list[list[str]] = []
    end = None
    for match in _NUMBER.finditer(text):
        number = _normalize(match[0])
        if not number:
            end = None
            continue
        if end is not None and _is_between(text[end : match.start()]):
            runs[-1].append(number)
        else:
            runs.append([number])
        end = match.end()
    return runs


def _normalize(number: str) -> str:
    """Return the one text of a whole number, "" for one with decimals; a long one stays."""
    whole, _, fraction = number.replace("−", "-").partition(".")
    if fraction.strip("0"):
        return ""
    return str(int(whole)) if len(whole) < 19 else whole


def _is_between(gap: str) -> bool:
    """Return True for what stands between two numbers of a list; a line break alone does not."""
    bare = gap.strip(_DECORATION)
    return bare in _BETWEEN or (not bare and "\n" not in gap)


def _open(numbers: list[str]) -> list[str]:
    """Return a list of numbers without the way back to its first one."""
    return numbers[:-1] if len(numbers) > 1 and numbers[0] == numbers[-1] else numbers


def _pick_tour(runs: Sequence[list[str]], nodes: int) -> str:
    """Return the last list of numbers that is a whole tour; "" for none."""
    for run in reversed(runs):
        tour = _open(run)
        if len(tour) == nodes and set(tour) == set(map(str, range(nodes))):
            return write_tour(canonize([int(number) for number in tour]))
    return ""
