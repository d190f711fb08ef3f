"""The paper's linear regression: find the slope and the intercept behind noisy points.

Source of data and starting pairs: google-deepmind/opro, optimization/optimize_linear_regression.py,
number for number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from opro_cli.core.draws import LegacyStream, Random
from opro_cli.core.task.problem import OPTIMUM, Instance, Reference
from opro_cli.ports import Problem
from opro_cli.reading.reply_text import normalize_characters, select_answer_texts, take_tail
from opro_cli.strategies.regression import (
    Entry,
    Pair,
    compute_loss,
    find_flaw,
    format_pair,
    order_history,
    parse_pair,
    round_pair,
)

_MOST_STARTS = 100
_MOST_POINTS = 10_000
LOWEST, HIGHEST = -10, 50
"""Bounds of a blind draw, for both numbers: they hold every optimum of the paper's table."""
_LARGEST = 1e9
"""Of the true numbers: with it, the losses of the starting pairs are numbers."""


@dataclass(frozen=True)
class RegressionParameters:
    """The keys of `task` beside `problem: regression`.

    Attributes:
        w: The true slope.
        b: The true intercept.
        points: Their number; x is 1, 2, 3 ….
        noise: The standard deviation of y.
        seed: Of the noise and of the starting pairs; the reference's repetition, from 0.
        decimals: Of the pairs.
        starts: Starting pairs that are drawn; equal ones are one.
    """

    w: float = 15
    b: float = 14
    points: int = 50
    noise: float = 1
    seed: int = 0
    decimals: int = 0
    starts: int = 5

    def __post_init__(self) -> None:
        for name, number in (("w", self.w), ("b", self.b)):
            if not abs(number) <= _LARGEST:
                expected = f"a number between -{_LARGEST:g} and {_LARGEST:g}"
                raise ValueError(f"{name}: expected {expected}, found {number}")
        if not 2 <= self.points <= _MOST_POINTS:
            raise ValueError(f"points: expected 2 to {_MOST_POINTS:,}, found {self.points}")
        if not 0 <= self.noise <= _LARGEST:
            raise ValueError(f"noise: expected 0 to {_LARGEST:g}, found {self.noise}")
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, found {self.seed}")
        if not 0 <= self.decimals <= 15:
            raise ValueError(f"decimals: expected 0 to 15, found {self.decimals}")
        if not 1 <= self.starts <= _MOST_STARTS:
            raise ValueError(f"starts: expected 1 to {_MOST_STARTS}, found {self.starts}")


class Regression(Problem):
    """Pairs w, b on a grid of so many decimals; the value is the sum of squared residuals."""

    name = "regression"
    Options = RegressionParameters
    minimise = True

    def draw(self, options: RegressionParameters) -> Instance:
        """Return the reference's points, with what is needed to draw the starting pairs."""
        true = Pair(float(options.w), float(options.b))
        xs = [float(x) for x in range(1, options.points + 1)]
        return {
            "x": xs,
            "y": draw_observations(true, xs, options.noise, options.seed),
            "w": true.w,
            "b": true.b,
            "seed": options.seed,
            "decimals": options.decimals,
            "starts": options.starts,
        }

    def describe(self, instance: Instance) -> str:
        """Return what is wanted; the points are not shown, as in the paper."""
        decimals = instance["decimals"]
        numbers = {0: "whole numbers", 1: "numbers with one decimal place"}.get(
            decimals, f"numbers with {decimals} decimal places"
        )
        return (
            "There is a function of two input variables w and b, and its formula is not known. "
            "Find the w and the b for which its value is lowest. Both are "
            f"{numbers}, and either may be negative. A solution is written w=…, b=…, with the "
            "numbers in place of the dots."
        )

    def start(self, instance: Instance) -> Sequence[str]:
        """Return the reference's starting pairs, sorted; equal ones are one."""
        pairs = draw_starting_pairs(instance["seed"], instance["starts"])
        rounded = (round_pair(pair, instance["decimals"]) for pair in pairs)
        entries = order_history((0, Entry(*pair, 0.0)) for pair in rounded)
        return [format_pair(Pair(entry.w, entry.b)) for entry in entries]

    def value(self, solution: str, instance: Instance) -> float:
        """Return the sum of the squared residuals."""
        return compute_loss(parse_pair(solution), instance["x"], instance["y"])

    def check(self, solution: str, instance: Instance) -> str:
        """Return why a text is no pair with a loss."""
        return find_flaw(solution, instance)

    def read(self, reply: str, instance: Instance) -> str:
        """Return the last pair in a reply, rounded to the grid; "" for none.

        A pair stands in brackets of any kind, or its numbers have names, in either order, or
        they are all of a line; markup does not matter. Text in <solution> tags comes first, then
        text outside of thoughts. A comma is never a part of a number: 1,500 is 1 and 500.
        """
        everything = normalize_characters(take_tail(reply))
        for text in (*select_answer_texts(reply), everything):
            for part in (super().read(text, instance), text):
                pair = find_pair(part)
                if pair is not None:
                    # Adding 0.0 makes 0.0 of -0.0: equal pairs have one form.
                    w, b = (round(number, instance["decimals"]) + 0.0 for number in pair)
                    return format_pair(Pair(w, b))
        return ""

    def references(self, instance: Instance) -> Sequence[Reference]:
        """Return the true pair, that of least squares, and the best one of the grid."""
        fit = Fit.of(instance)
        known = {
            "true pair": Pair(instance["w"], instance["b"]),
            "least squares": Pair(float(fit.best_w), float(fit.find_best_b(fit.best_w))),
            OPTIMUM: find_optimum(fit, instance),
        }
        return [
            Reference(name, format_pair(pair), compute_loss(pair, instance["x"], instance["y"]))
            for name, pair in known.items()
        ]

    def draw_solution(self, instance: Instance, rng: Random) -> str:
        """Return a pair of the grid between LOWEST and HIGHEST, all equally likely."""
        scale = 10 ** instance["decimals"]
        w, b = (rng.randint(LOWEST * scale, HIGHEST * scale) / scale for _ in range(2))
        return format_pair(Pair(w, b))

    def improve(self, solution: str, instance: Instance, rng: Random) -> str:
        """Return a better pair whose w is near, or any neighbour where there is no better one.

        Again and again, it leads to the optimum. Of the present w and those that are 1, 0.1, 0.01
        … away, down to a unit of the grid, each with the b that goes best with it, one that is
        better is drawn.
        """
        fit, scale = Fit.of(instance), 10 ** instance["decimals"]
        w, b = (round(Fraction(number) * scale) for number in parse_pair(solution))
        jumps = {0, *(10**power for power in range(instance["decimals"] + 1))}
        better = []
        present = self.value(solution, instance)
        for near in sorted({w + sign * jump for jump in jumps for sign in (1, -1)}):
            pair = Pair(near / scale, fit.find_best_unit_of_b(near, scale) / scale)
            if compute_loss(pair, instance["x"], instance["y"]) < present:
                better.append(pair)
        if better:
            return format_pair(rng.choice(better))
        dw, db = rng.choice([(1, 0), (-1, 0), (0, 1), (0, -1)])
        return format_pair(Pair((w + dw) / scale, (b + db) / scale))


def draw_observations(true: Pair, xs: Sequence[float], noise: float, seed: int) -> list[float]:
    """Return the reference's y for repetition `seed`, counted from 0."""
    deviates = LegacyStream(seed + 1).normal(len(xs))
    return [x * true.w + true.b + noise * each for x, each in zip(xs, deviates, strict=True)]


def draw_starting_pairs(seed: int, count: int) -> list[Pair]:
    """Return the reference's starting pairs for repetition `seed`, not rounded."""
    ws, bs = (LegacyStream((seed + 1) * factor).uniform(10.0, 20.0, count) for factor in (10, 100))
    return list(map(Pair, ws, bs))


@dataclass(frozen=True, slots=True)
class Fit:
    """The line of least squares through the points, exactly.

    Attributes:
        mean_x: The mean of x.
        mean_y: The mean of y.
        best_w: The slope.
    """

    mean_x: Fraction
    mean_y: Fraction
    best_w: Fraction

    @classmethod
    def of(cls, instance: Instance) -> Fit:
        """Return the fit to the points of an instance."""
        xs, ys = (list(map(Fraction, instance[name])) for name in ("x", "y"))
        mean_x, mean_y = sum(xs, Fraction()) / len(xs), sum(ys, Fraction()) / len(ys)
        products = sum(((x - mean_x) * y for x, y in zip(xs, ys, strict=True)), Fraction())
        return cls(mean_x, mean_y, products / sum((x - mean_x) ** 2 for x in xs))

    def find_best_b(self, w: Fraction) -> Fraction:
        """Return the best intercept for a slope."""
        return self.mean_y - w * self.mean_x

    def find_best_unit_of_b(self, w: int, scale: int) -> int:
        """Return the best intercept for a slope, both in units of a grid.

        For one slope the loss is a parabola over b, so it is the nearest unit.
        """
        return round(self.find_best_b(Fraction(w, scale)) * scale)


def find_optimum(fit: Fit, instance: Instance) -> Pair:
    """Return the pair of the grid with the lowest loss.

    Up to a constant the loss of w, b is S·(w - w*)² + n·(b - b*(w))², with n points, the pair w*,
    b* of least squares and S = n·(n² - 1)/12 for x = 1 … n. The w nearest to w*, at most half a
    unit u away, has a b at most half a unit from b*(w), and so at most (S + n)·u²/4. A w that is
    as good has S·(w - w*)² no larger: it is at most u/2·sqrt(1 + 12/(n² - 1)) from w*, which is
    1.12·u for two points and less for more: the nearest one, or one beside it.

    Losses of neighbours that differ by less than a double shows, as with more than eight decimals,
    may come out in another order.
    """
    scale = 10 ** instance["decimals"]
    nearest = round(fit.best_w * scale)
    candidates: list[tuple[float, Pair]] = []
    for w in range(nearest - 1, nearest + 2):
        floor = math.floor(fit.find_best_b(Fraction(w, scale)) * scale)
        for b in (floor, floor + 1):
            pair = Pair(w / scale, b / scale)
            candidates.append((compute_loss(pair, instance["x"], instance["y"]), pair))
    return min(candidates)[1]


# What models write around numbers: quotes, code, formulas; and dashes for minus signs.
_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "\"'`´“”„‘’«»′$"), None),
    **dict.fromkeys(map(ord, "−‐‑‒–﹣"), "-"),
}
_MARKUP = re.compile(r"\\(?:[a-zA-Z]+|[,;:! ])|</?[a-zA-Z]{1,8}>")
_SPACES = re.compile(r"[^\S\n]+")
_LINE_ENDS = re.compile(r" ?\n[ \n]*")

# No part gives back what it took, and white space is single: a failed match costs its length.
_NUMBER = r"([+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?\d++)?+)(?![\w%])"
_COMMA = r"\s?[,;，；、]\s?"
_IS = r"(?:_\w{1,12})?\s?(?::?={1,2}|[:≈]|is\b)\s?"
_PAIR = re.compile(
    # [15, 14], (15, 14), [w=15, 14]
    rf"[\[({{]\s?(?:w{_IS})?{_NUMBER}{_COMMA}(?:b{_IS})?{_NUMBER}\s?[\])}}]"
    # w = 15, b = 14; b: 14 and new w: 15; w = [15], b = [14]; one a line. No sum, and no 1,500.
    rf"|(?<![\w.])(?P<name>[wb]){_IS}[\[({{]?{_NUMBER}\s?[\])}}]?(?:[\s,;，；、&|/•*-]|and\b)*+"
    rf"(?:[a-z]{{2,12}}\s){{0,2}}"
    rf"(?!(?P=name))[wb]{_IS}[\[({{]?{_NUMBER}(?!,\d| ?[-+*/^×÷] ?[\d(])",
    re.IGNORECASE,
)
_LINE = re.compile(
    rf"(?:^|\w\w:|\bw ?, ?b ?=) ?{_NUMBER} ?[,;，；、] ?{_NUMBER}$", re.IGNORECASE | re.MULTILINE
)


def find_pair(text: str) -> Pair | None:
    """Return the last pair of finite numbers in a text; None for none. In linear time."""
    plain = _MARKUP.sub(" ", text.translate(_CHARACTERS)).replace("\\", "")
    plain = re.sub(r"\*+", _drop_emphasis, plain)
    plain = _LINE_ENDS.sub("\n", _SPACES.sub(" ", plain)).strip()
    for pattern in (_PAIR, _LINE):
        found = [_order_numbers(match) for match in pattern.finditer(plain)]
        for pair in reversed(found):
            if all(map(math.isfinite, pair)):
                return pair
    return None


def _drop_emphasis(stars: re.Match[str]) -> str:
    """Return "" for stars that open or close emphasis, and others as they are: 2**3, 2 * 3."""
    start, end = stars.span()
    before, after = stars.string[max(0, start - 1) : start], stars.string[end : end + 1]
    opens = not before.isalnum() and bool(after.strip())
    closes = not after.isalnum() and bool(before.strip())
    return "" if opens or closes else stars.group()


def _order_numbers(match: re.Match[str]) -> Pair:
    """Return the numbers of a match as w, b, by their names where it has them."""
    name = match.groupdict().get("name")
    first, second = (float(group) for group in match.groups() if group not in (None, name))
    return Pair(second, first) if name in ("b", "B") else Pair(first, second)
