r"""Read an expression as people and models write it, in LaTeX or plainly: `\frac34`, `[2, 5)`.

The result is a tree of `Node`. What is no expression becomes words, so that nothing raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from opro_cli.reading.latex_tokens import (
    FUNCTIONS,
    NoExpressionError,
    Token,
    clean_latex,
    make_key,
    tokenize,
)

DEEPEST = 30
"""Brackets inside brackets at most."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression.

    Attributes:
        kind: "number", "symbol", "words", "based", "percent"; "sum", "product", "quotient",
            "power", "negative", "both" for plus and minus, "call"; "relation", "ratio", "list",
            "set", "bracket", "union", "without", "matrix", "row".
        parts: What it is made of.
        name: A symbol, a function, digits as written, a pair of brackets, signs of a relation.
        value: Of a number; the base of a "based" one.
    """

    kind: str
    parts: tuple[Node, ...] = ()
    name: str = ""
    value: Fraction = Fraction(0)


_RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", r"\le": "<=",
    r"\leq": "<=", r"\leqslant": "<=", r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=",
    r"\lt": "<", r"\gt": ">", r"\ne": "!=", r"\neq": "!=", r"\in": "in", r"\approx": "~",
    r"\simeq": "~",
}  # fmt: skip
_TIMES = frozenset({"*", r"\cdot", r"\times", r"\ast"})
_OVER = frozenset({"/", r"\div"})
_CLOSING = {"(": ")", "[": "]", r"\{": r"\}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
_CLOSING |= {"|": "|", r"\lvert": r"\rvert", r"\vert": r"\vert", r"\langle": r"\rangle"}
_ENDS = frozenset({*_CLOSING.values(), "}", "&", "row", "end", ",", ";", ":"})


def parse_latex(text: str) -> Node:
    """Return the tree of an expression; "words" for what is none."""
    plain = clean_latex(text)
    words = Node("words", name=make_key(text).casefold())
    try:
        return _Parser(tokenize(plain)).read_all()
    except ValueError:  # NoExpressionError, or digits that Python does not convert
        return words


class _Parser:
    """Recursive descent over the tokens of one expression; raises NoExpressionError."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._bars = 0

    def read_all(self) -> Node:
        """Return the one expression that all tokens make; several between commas are a list."""
        node = self._read_items()
        if self._at < len(self._tokens):
            raise NoExpressionError
        return node[0] if len(node) == 1 else Node("list", tuple(node))

    def _peek(self, ahead: int = 0) -> Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else Token("end", "end")

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _skip(self, *texts: str) -> bool:
        if self._at < len(self._tokens) and self._peek().text in texts:
            self._at += 1
            return True
        return False

    def _read_items(self) -> list[Node]:
        """Read what commas part; several in a row are one: "2, and 3"."""
        items = [self._read_relation()]
        while self._skip(",", ";"):
            while self._skip(",", ";"):
                pass
            if self._peek().kind == "end" or self._peek().text in _ENDS:
                break
            items.append(self._read_relation())
        return items

    def _read_relation(self) -> Node:
        operands, signs = [self._read_ratio()], []
        while self._peek().text in _RELATIONS:
            signs.append(_RELATIONS[self._take().text])
            operands.append(self._read_ratio())
        # "1/3 ≈ 0.33" says 1/3, "x ≈ 0.33" says 0.33.
        about = signs.index("~") if "~" in signs else len(signs)
        if about == 0:
            named = signs and operands[0].kind in ("symbol", "words")
            return operands[1] if named else operands[0]
        return Node("relation", tuple(operands[: about + 1]), " ".join(signs[:about]))

    def _read_ratio(self) -> Node:
        parts = [self._read_union()]
        while self._skip(":"):
            parts.append(self._read_union())
        return Node("ratio", tuple(parts)) if len(parts) > 1 else parts[0]

    def _read_union(self) -> Node:
        parts = [self._read_sum()]
        while self._skip(r"\cup"):
            parts.append(self._read_sum())
        left = Node("union", tuple(parts)) if len(parts) > 1 else parts[0]
        if self._skip(r"\setminus", r"\backslash"):
            return Node("without", (left, self._read_sum()))
        return left

    def _read_sum(self) -> Node:
        parts: list[Node] = []
        sign = self._take().text if self._peek().text in ("+", "-", r"\pm", r"\mp") else "+"
        while True:
            term = self._read_product()
            kinds = {"-": "negative", r"\pm": "both", r"\mp": "both"}
            parts.append(Node(kinds[sign], (term,)) if sign in kinds else term)
            if self._peek().text not in ("+", "-", r"\pm", r"\mp"):
                return Node("sum", tuple(parts)) if len(parts) > 1 else parts[0]
            sign = self._take().text

    def _read_product(self, *, argument: bool = False) -> Node:
        """Read factors; a unit behind them is dropped. `argument` is that of "sin 2x"."""
        left = self._read_factor()
        while True:
            token = self._peek()
            if token.kind == "words" and left.kind != "words":
                self._drop_unit()
            elif token.kind == "words":
                self._at += 1
                left = Node("words", name=left.name + token.text.replace(" ", ""))
            elif token.text in _TIMES and not argument:
                self._at += 1
                left = _multiply(left, self._read_factor())
            elif token.text in _OVER and not argument:
                self._at += 1
                left = Node("quotient", (left, self._read_factor()))
            elif self._begins_factor(token) and not (
                argument and token.text in (*_CLOSING, *(f"\\{name}" for name in FUNCTIONS))
            ):
                left = self._join(left, token)
            else:
                return left

    def _join(self, left: Node, token: Token) -> Node:
        """Return a mixed number, or a product without a sign."""
        whole = left.kind == "number" and "." not in left.name
        if token.kind == "number":
            above, over, below = (self._peek(ahead) for ahead in range(3))
            if not (whole and over.text == "/" and below.kind == "number"):
                raise NoExpressionError
            self._at += 3
            part = Node("quotient", (_make_number(above.text), _make_number(below.text)))
            return Node("sum", (left, part))
        factor = self._read_factor()
        numeric = all(each.kind == "number" for each in factor.parts)
        if whole and token.text == r"\frac" and factor.kind == "quotient" and numeric:
            return Node("sum", (left, factor))
        return _multiply(left, factor)

    def _drop_unit(self) -> None:
        self._at += 1
        if self._skip("^"):
            self._read_argument()
        if self._peek().text in ("/", *_TIMES) and self._peek(1).kind in ("words", "letter"):
            self._at += 1
            if self._peek().kind == "letter":
                self._at += 1

    def _begins_factor(self, token: Token) -> bool:
        if token.kind in ("number", "letter", "begin", "repeating"):
            return True
        if token.kind == "command":
            other = token.text in _RELATIONS or token.text in _ENDS or token.text in _TIMES
            return not other and token.text not in (
                r"\div", r"\cup", r"\cap", r"\setminus", r"\backslash", r"\pm", r"\mp",
            )  # fmt: skip
        return token.text in ("(", "[", "{") or (token.text == "|" and not self._bars)

    def _read_factor(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NoExpressionError
        node = self._read_base()
        while True:
            if self._skip("^"):
                node = Node("power", (node, self._read_argument(signed=True)))
            elif self._skip("!"):
                node = Node("call", (node,), "factorial")
            elif self._skip("%"):
                node = Node("percent", (node,))
            elif self._skip("'"):
                node = Node("symbol", name=f"{node.name}'")
            elif self._skip("_"):
                node = _subscribe(node, self._read_argument())
            else:
                self._depth -= 1
                return node

    def _read_base(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return _make_number(token.text)
        if token.kind == "repeating":
            return _make_repeating(token.text)
        if token.kind in ("letter", "words"):
            kind = "symbol" if token.kind == "letter" else "words"
            return Node(kind, name=token.text.replace(" ", ""))
        if token.kind == "begin":
            return self._read_matrix()
        if token.text in ("-", "+"):
            inner = self._read_factor()
            return Node("negative", (inner,)) if token.text == "-" else inner
        if token.text == "{":
            return self._read_closed("}")
        if token.text in _CLOSING:
            return self._read_bracket(token.text)
        if token.kind == "command":
            return self._read_command(token.text[1:])
        raise NoExpressionError

    def _read_closed(self, closing: str) -> Node:
        items = self._read_items()
        if not self._skip(closing):
            raise NoExpressionError
        return items[0] if len(items) == 1 else Node("set", tuple(items))

    def _read_bracket(self, opening: str) -> Node:
        if opening == r"\{":
            items = [] if self._peek().text == r"\}" else self._read_items()
            if not self._skip(r"\}"):
                raise NoExpressionError
            return Node("set", tuple(items))
        self._bars += opening == "|"
        items = self._read_items()
        self._bars -= opening == "|"
        closing = self._take().text
        if opening in ("(", "["):
            if closing not in (")", "]") or (len(items) != 2 and closing != _CLOSING[opening]):
                raise NoExpressionError
            single = len(items) == 1
            return items[0] if single else Node("bracket", tuple(items), opening + closing)
        if closing != _CLOSING[opening]:
            raise NoExpressionError
        if opening == r"\langle":
            return Node("bracket", tuple(items), "()")
        named = {r"\lfloor": "floor", r"\lceil": "ceil"}
        return Node("call", (_take_one(items),), named.get(opening, "abs"))

    def _read_command(self, name: str) -> Node:
        if name == "frac":
            return Node(
                "quotient", (self._read_argument(digit=True), self._read_argument(digit=True))
            )
        if name == "sqrt":
            index = self._read_closed("]") if self._skip("[") else None
            root = Node("quotient", (_ONE, index or _make_number("2")))
            return Node("power", (self._read_argument(), root))
        if name in ("binom", "dbinom", "tbinom"):
            return Node(
                "call", (self._read_argument(digit=True), self._read_argument(digit=True)), "binom"
            )
        if name in ("emptyset", "varnothing"):
            return Node("set")
        if name in FUNCTIONS:
            return self._read_call(name)
        if name in ("overline", "underline", "boxed", "fbox"):
            return self._read_argument()
        if name in ("text", "begin", "end", "cap"):
            raise NoExpressionError
        return Node("symbol", name=f"\\{name}")

    def _read_call(self, name: str) -> Node:
        r"""Read what a function is of: "\sin^2 x", "\log_2 8", "\sin(2x)", "\sin 2x"."""
        base = self._read_argument() if self._skip("_") else None
        power = self._read_argument(signed=True) if self._skip("^") else None
        bracketed = self._peek().text in _CLOSING or self._peek().text == "{"
        inner = self._read_factor() if bracketed else self._read_product(argument=True)
        call = Node("call", (inner,) if base is None else (inner, base), name)
        return call if power is None else Node("power", (call, power))

    def _read_argument(self, *, digit: bool = False, signed: bool = False) -> Node:
        r"""Read "{…}" or one token; with `digit` one digit of a number, for `\frac34`."""
        token = self._peek()
        if token.text == "{":
            self._at += 1
            return self._read_closed("}")
        if digit and token.kind == "number" and len(token.text) > 1 and token.text.isdecimal():
            self._tokens[self._at] = Token("number", token.text[1:])
            return _make_number(token.text[0])
        if signed and token.text == "-":
            self._at += 1
            return Node("negative", (self._read_base(),))
        self._depth += 1
        if self._depth > DEEPEST:
            raise NoExpressionError
        node = self._read_base()
        self._depth -= 1
        return node

    def _read_matrix(self) -> Node:
        rows: list[Node] = []
        cells: list[Node] = []
        while True:
            cells.append(self._read_relation())
            token = self._take()
            if token.text == "&":
                continue
            if token.kind not in ("row", "end") or token.text == "end":
                raise NoExpressionError
            rows.append(Node("row", tuple(cells)))
            cells = []
            if token.kind == "row" and self._peek().kind == "end":
                token = self._take()
            if token.kind == "end":
                return Node("matrix", tuple(rows))


def _make_number(text: str) -> Node:
    return Node("number", name=text.replace(",", ""), value=Fraction(text.replace(",", "")))


_ONE = _make_number("1")


def _make_repeating(text: str) -> Node:
    r"""Return the value of "0.1\overline{6}"."""
    whole, once, digits = re.split(r"\.|\\overline\s*\{", text.rstrip("}"))
    nines = Fraction(int(digits), 10 ** len(digits) - 1) / 10 ** len(once)
    return Node("number", name=make_key(text), value=Fraction(f"{whole or 0}.{once or 0}") + nines)


def _multiply(left: Node, right: Node) -> Node:
    """Return a product; factors of factors stand side by side, so that no tree is deep."""
    parts = left.parts if left.kind == "product" else (left,)
    return Node("product", (*parts, right))


def _take_one(items: list[Node]) -> Node:
    if len(items) != 1:
        raise NoExpressionError
    return items[0]


def _subscribe(node: Node, index: Node) -> Node:
    """Return a number in a base, or a symbol with an index."""
    if node.kind == "number" and index.kind == "number":
        return Node("based", name=node.name, value=index.value)
    if node.kind == "symbol" and index.kind in ("number", "symbol", "words"):
        return Node("symbol", name=f"{node.name}_{index.name}")
    raise NoExpressionError
