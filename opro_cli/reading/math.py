r"""Compare mathematical answers: `\frac34` and 0.75, `[2,5)` and 2 ≤ x < 5, `(x-1)(x+2)`.

Expressions are equal where they have equal values at a few points.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from fractions import Fraction

from opro_cli.reading.latex import Node, parse_latex
from opro_cli.reading.latex_tokens import clean_latex, make_key
from opro_cli.reading.math_values import CLOSE, evaluate_both, find_symbols, is_close
from opro_cli.reading.numerals import is_same_number, read_sole_numeral

MOST_ITEMS = 30
"""Members of a set that are compared in any order."""
LEAST_DECIMALS = 4
"""Decimals of a number that may stand for an irrational value: 37.6991 for 12π."""
LEAST_ROUNDED = 2
"""The same for a fraction: 0.33 for 1/3, as `numerals.is_same_number` has it."""

_OPPOSITE = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!=", "in": "in"}
_INFINITY = Node("symbol", name=r"\infty")
_REALS = Node("bracket", (Node("negative", (_INFINITY,)), _INFINITY), "()")


@functools.lru_cache(maxsize=8192)
def is_same_math(given: str, target: str) -> bool:
    """Return whether two answers say the same.

    Sets, lists without brackets, unions and several solutions are compared in any order; tuples,
    intervals and matrices by place. Units, degrees, dollars and "x =" before a value are dropped.
    Numbers alone are compared as `numerals.is_same_number` does.
    """
    if make_key(given) == make_key(target):
        return True
    left, right = (read_sole_numeral(clean_latex(text)) for text in (given, target))
    if left and right:
        return is_same_number(left, right)
    return _is_same(_settle(parse_latex(given)), _settle(parse_latex(target)))


def is_plain_number(target: str) -> bool:
    """Return whether an answer is one number, as `answer: number` would compare it."""
    return read_sole_numeral(clean_latex(target)) is not None


def is_formula(text: str) -> bool:
    """Return whether a text has a value and is more than a number: "2√3", "(1+√5)/2"."""
    node = _settle(parse_latex(text))
    node = node.parts[0] if node.kind == "named" else node
    return node.kind in _COMPUTED and not find_symbols(node) and not is_plain_number(text)


_WRAPPED = re.compile(r"\\[a-zA-Z]+\s*\{([^{}]*)\}")


def read_words(target: str) -> str | None:
    r"""Return a text without its LaTeX, "Evelyn" for "\text{Evelyn}"; None for an expression."""
    if parse_latex(target).kind != "words":
        return None
    return " ".join(_WRAPPED.sub(r"\1", target).replace("$", " ").split()) or None


def _settle(node: Node) -> Node:
    """Return an answer in the form in which equal ones are alike in kind."""
    if node.kind == "symbol" and node.name == r"\R":
        return _REALS
    if node.kind == "relation":
        return _settle_relation(node)
    if node.kind == "negative" and node.parts[0].kind == "both":
        return _settle(node.parts[0])
    if node.kind in ("list", "set"):
        members = [_settle(each) for each in node.parts]
        spread = list(dict.fromkeys(each for member in members for each in _spread(member)))
        return spread[0] if len(spread) == 1 else Node("set", tuple(spread))
    if node.kind in ("bracket", "union", "matrix", "row", "ratio", "without"):
        return Node(node.kind, tuple(map(_settle, node.parts)), node.name)
    both = _spread(node)
    return both[0] if len(both) == 1 else Node("set", tuple(both))


def _spread(node: Node) -> list[Node]:
    """Return the two values of an expression with plus and minus."""
    if node.kind == "set":
        return list(node.parts)
    signed = {each.kind == "both" for each in node.parts} if node.kind == "sum" else set()
    if node.kind == "both":
        return [node.parts[0], Node("negative", node.parts)]
    if True not in signed:
        inner = node.parts[0] if node.kind in ("quotient", "product") else node
        if inner is not node and len(pair := _spread(inner)) == 2:
            return [Node(node.kind, (each, *node.parts[1:])) for each in pair]
        return [node]
    plus = tuple(each.parts[0] if each.kind == "both" else each for each in node.parts)
    minus = tuple(
        Node("negative", each.parts) if each.kind == "both" else each for each in node.parts
    )
    return [Node("sum", plus), Node("sum", minus)]


def _settle_relation(node: Node) -> Node:
    """Return the value of "x = 5" with its name, an interval for "2 < x", else the relation."""
    signs, parts = node.name.split(), node.parts
    if set(signs) <= {"=", "in"} and (_is_label(parts[0]) or _is_measured(parts)):
        return Node("named", (_settle(parts[-1]), node), _write_word(parts[0]))
    if len(signs) == 1 and signs[0] in ("<", ">", "<=", ">="):
        return _settle_inequality(parts[0], signs[0], parts[1]) or node
    if len(signs) == 2 and parts[1].kind == "symbol":
        if {each[0] for each in signs} == {">"}:
            signs = [_OPPOSITE[each] for each in reversed(signs)]
            parts = tuple(reversed(parts))
        if {each[0] for each in signs} == {"<"}:
            ends = ("[" if signs[0] == "<=" else "(") + ("]" if signs[1] == "<=" else ")")
            return Node("bracket", (parts[0], parts[2]), ends)
    return node


def _settle_inequality(left: Node, sign: str, right: Node) -> Node | None:
    if right.kind == "symbol" and left.kind != "symbol":
        left, sign, right = right, _OPPOSITE[sign], left
    if left.kind != "symbol" or find_symbols(right):
        return None
    if sign[0] == ">":
        return Node("bracket", (right, _INFINITY), "[)" if sign == ">=" else "()")
    ends = "(]" if sign == "<=" else "()"
    return Node("bracket", (Node("negative", (_INFINITY,)), right), ends)


def _is_label(node: Node) -> bool:
    """Return whether a side of "=" is a name: x, AB, f(x), "length"."""
    if node.kind == "product":
        return all(map(_is_label, node.parts))
    return node.kind in ("symbol", "words")


def _is_measured(parts: Sequence[Node]) -> bool:
    """Return whether a value is given to what has no number in it: "(p, q) = (3, 2)"."""
    named = parts[0].kind in ("bracket", "ratio", "quotient", "call")
    return named and not _has_number(parts[0]) and not find_symbols(parts[-1])


def _has_number(node: Node) -> bool:
    return node.kind == "number" or any(map(_has_number, node.parts))


def _is_same(given: Node, target: Node) -> bool:
    if given == target:
        return True
    if "named" in (given.kind, target.kind):
        return _is_same_named(given, target)
    if given.kind != target.kind and "relation" in (given.kind, target.kind):
        results = _take_result(given), _take_result(target)
        return results != (given, target) and _is_same(*results)
    if "words" in (given.kind, target.kind):
        return _write_word(given) == _write_word(target) != ""
    if given.kind == target.kind == "relation":
        return _is_same_relation(given, target)
    if "based" in (given.kind, target.kind):
        return _is_same_based(given, target)
    return _is_same_in_parts(given, target)


def _is_same_in_parts(given: Node, target: Node) -> bool:
    if {given.kind, target.kind} <= _VALUES:
        return _is_same_value(given, target)
    if given.kind != target.kind or len(given.parts) != len(target.parts):
        return False
    if given.kind in ("set", "union"):
        return _is_same_set(given.parts, target.parts)
    return given.name == target.name and all(map(_is_same, given.parts, target.parts))


_COMPUTED = frozenset({"sum", "product", "quotient", "power", "call"})
_VALUES = _COMPUTED | {"number", "symbol", "percent", "negative"}


def _is_same_named(given: Node, target: Node) -> bool:
    """Compare "x = 5" and 5; "x = 3" and "y = 3" are two lines."""
    if "relation" in (given.kind, target.kind):
        return _is_same_relation(*(_take_equation(each) for each in (given, target)))
    left, right = (each.parts[0] if each.kind == "named" else each for each in (given, target))
    both = given.kind == target.kind
    if both and given.name != target.name and not find_symbols(right):
        return False
    return _is_same(left, right)


def _take_equation(node: Node) -> Node:
    return node.parts[1] if node.kind == "named" else node


def _take_result(node: Node) -> Node:
    """Return the last part of a calculation: 5 of "2 + 3 = 5"."""
    equal = node.kind == "relation" and set(node.name.split()) == {"="}
    calculated = equal and not find_symbols(node)
    return _settle(node.parts[-1]) if calculated else node


def _write_word(node: Node) -> str:
    if node.kind == "words":
        return node.name.strip("().").casefold()
    if node.kind == "product":
        return "".join(map(_write_word, node.parts))
    return node.name.casefold() if node.kind == "symbol" else ""


def _is_same_based(given: Node, target: Node) -> bool:
    """Compare numbers in a base; one side may leave it out, as the question names it."""
    bases = [each.value for each in (given, target) if each.kind == "based"]
    return given.name == target.name != "" and len(set(bases)) == 1


def _is_same_set(given: Sequence[Node], target: Sequence[Node]) -> bool:
    if len(given) > MOST_ITEMS:
        return False
    left = list(given)
    for each in target:
        found = next((i for i, other in enumerate(left) if _is_same(other, each)), None)
        if found is None:
            return False
        del left[found]
    return True


def _is_same_relation(given: Node, target: Node) -> bool:
    """Compare equations up to a factor, and inequalities also turned round."""
    if given.name == target.name and all(map(_is_same, given.parts, target.parts)):
        return True
    turned = " ".join(_OPPOSITE[sign] for sign in reversed(given.name.split()))
    if turned == target.name and all(map(_is_same, reversed(given.parts), target.parts)):
        return True
    if given.name != "=" or target.name != "=":
        return False
    left, right = (_subtract(each) for each in (given, target))
    pairs = evaluate_both(left, right)
    ratios = [a / b for a, b in pairs if b]
    return len(ratios) > 1 and all(each and is_close(each, ratios[0]) for each in ratios)


def _subtract(equation: Node) -> Node:
    return Node("sum", (equation.parts[0], Node("negative", (equation.parts[1],))))


def _is_same_value(given: Node, target: Node) -> bool:
    """Compare two expressions at points; a decimal has the precision that it is written with."""
    if "percent" in (given.kind, target.kind) and given.kind != target.kind:
        plain = [each.parts[0] if each.kind == "percent" else each for each in (given, target)]
        if _is_same_value(*plain):
            return True
    pairs = evaluate_both(given, target)
    if not pairs:
        return False
    if all(is_close(left, right) for left, right in pairs):
        return True
    decimals = _count_decimals(target)
    if not decimals:
        rational = all(isinstance(right, Fraction) for _, right in pairs)
        decimals = _count_decimals(given)
        if decimals < (LEAST_ROUNDED if rational else LEAST_DECIMALS):
            return False
    half = 0.5 / 10**decimals + CLOSE
    return all(abs(complex(left) - complex(right)) <= half for left, right in pairs)


def _count_decimals(node: Node) -> int:
    if node.kind == "negative":
        return _count_decimals(node.parts[0])
    written = node.name if node.kind == "number" else ""
    return len(written.partition(".")[2]) if "\\" not in written else 0
