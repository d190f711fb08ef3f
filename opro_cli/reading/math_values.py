"""Compute the values of an expression, exactly where it can be; nothing is evaluated as code."""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import cast

from opro_cli.reading.latex import Node

LARGEST = 4096
"""Bits of a number that is computed exactly."""
POINTS = 6
"""Points at which expressions are compared; two of them must lie in the domain of both."""
CLOSE = 1e-9
"""Relative difference of two values that are equal."""

Value = Fraction | float | complex


def find_symbols(node: Node) -> frozenset[str]:
    """Return the variables of an expression."""
    if node.kind == "symbol":
        return frozenset() if node.name in (r"\pi", "e", "i") else frozenset({node.name})
    return frozenset().union(*map(find_symbols, node.parts))


def evaluate_both(left: Node, right: Node) -> list[tuple[Value, Value]]:
    """Return the values of both at points where both have one; [] for fewer than two.

    Real numbers are tried first: a root of a product is the product of the roots where they are.
    """
    symbols = sorted(find_symbols(left) | find_symbols(right))
    for real in (True, False):
        pairs: list[tuple[Value, Value]] = []
        for index in range(POINTS if symbols else 1):
            point = {name: _place(index, order) for order, name in enumerate(symbols)}
            try:
                pairs.append((_evaluate(left, point, real), _evaluate(right, point, real)))
            except (ArithmeticError, ValueError, RecursionError):
                continue
        if len(pairs) > 1 or (pairs and not symbols):
            return pairs
    return []


def _place(index: int, order: int) -> Fraction:
    """Return one coordinate of a point: not round, of either sign."""
    sign = -1 if index % 3 == 2 else 1
    return sign * Fraction(1009 + 613 * index + 389 * order, 811 + 97 * order + 31 * index)


def is_close(left: Value, right: Value) -> bool:
    """Return whether two values are equal: exactly for fractions, else up to CLOSE."""
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return left == right
    left, right = complex(left), complex(right)
    return cmath.isclose(left, right, rel_tol=CLOSE, abs_tol=1e-12)


def _evaluate(node: Node, point: Mapping[str, Fraction], real: bool) -> Value:
    """Return the value of an expression at a point.

    Raises:
        ArithmeticError, ValueError: It has none, or one too large.
    """
    if node.kind in ("number", "symbol"):
        return _evaluate_leaf(node, point, real)
    parts = [_evaluate(each, point, real) for each in node.parts]
    if node.kind == "sum":
        return _bound(functools.reduce(lambda a, b: a + b, parts))
    if node.kind == "product":
        return _bound(functools.reduce(lambda a, b: a * b, parts))
    if node.kind == "quotient":
        return _bound(parts[0] / parts[1])
    if node.kind == "negative":
        return -parts[0]
    if node.kind == "percent":
        return parts[0] / 100
    if node.kind == "power":
        return _raise(parts[0], parts[1], real)
    if node.kind == "call":
        return _call(node.name, parts, real)
    raise ValueError(f"{node.kind} has no value")


def _evaluate_leaf(node: Node, point: Mapping[str, Fraction], real: bool) -> Value:
    if node.kind == "number":
        return _bound(node.value)
    if node.name == r"\pi":
        return math.pi
    if node.name == "e":
        return math.e
    if node.name == "i":
        if real:
            raise ValueError("not real")
        return 1j
    return point[node.name]


def _bound(value: Value) -> Value:
    """Return a value as it is, or a large fraction as a float."""
    if isinstance(value, Fraction):
        size = value.numerator.bit_length() + value.denominator.bit_length()
        return value if size <= LARGEST else float(value)
    if cmath.isfinite(value):
        return value
    raise OverflowError


def _raise(base: Value, exponent: Value, real: bool) -> Value:
    if isinstance(exponent, Fraction) and isinstance(base, Fraction):
        size = base.numerator.bit_length() + base.denominator.bit_length()
        if exponent.denominator == 1 and abs(exponent) * size <= LARGEST:
            return base**exponent.numerator
        odd = exponent.denominator % 2 == 1 and exponent.denominator > 1
        if odd and base < 0 and real:  # the real root
            sign = -1 if exponent.numerator % 2 else 1
            return sign * math.pow(-base, exponent)
    if real:
        result = float(base) ** float(exponent)  # type: ignore[arg-type]
        if isinstance(result, complex):
            raise ValueError("not real")
        return _bound(result)
    return _bound(complex(base) ** complex(exponent))


def _call(name: str, parts: Sequence[Value], real: bool) -> Value:
    value = parts[0]
    if name in ("factorial", "binom"):
        return _count(name, parts)
    if name == "abs":
        return cast("Value", abs(value))
    if name in ("floor", "ceil"):
        if isinstance(value, complex):
            raise ValueError("not real")
        return Fraction(math.floor(value) if name == "floor" else math.ceil(value))
    if name in ("log", "ln", "lg"):
        base = parts[1] if len(parts) > 1 else math.e if name == "ln" else 10
        return _bound(_apply("log", value, real) / _apply("log", base, real))
    if len(parts) > 1:
        raise ValueError(f"{name} has no base")
    inverse = {"cot": "tan", "sec": "cos", "csc": "sin"}.get(name)
    if inverse:
        return _bound(1 / _apply(inverse, value, real))
    return _bound(_apply(name.replace("arc", "a"), value, real))


def _count(name: str, parts: Sequence[Value]) -> Value:
    numbers = [int(each) for each in parts if isinstance(each, Fraction) and each.denominator == 1]
    if len(numbers) != len(parts) or not all(0 <= each <= 300 for each in numbers):
        raise ValueError("no whole number of a size that is counted")
    result = math.factorial(numbers[0]) if name == "factorial" else math.comb(*numbers)
    return _bound(Fraction(result))


def _apply(name: str, value: Value, real: bool) -> Value:
    module = math if real else cmath
    function: Callable[[Value], float | complex] = getattr(module, name)
    return function(float(value) if real else complex(value))  # type: ignore[arg-type]
