r"""Mathematics as an answer: forms that are the same, and answers found in replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics import create_metric
from opro_cli.metrics.math import MathMetric
from opro_cli.reading.latex import DEEPEST, parse_latex
from opro_cli.reading.math import is_same_math

SAME = [
    # one value in many spellings
    (r"\frac{3}{4}", r"\dfrac34"),
    (r"\frac{3}{4}", r"\tfrac{3}4"),
    (r"\frac{3}{4}", "0.75"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"1\frac{1}{2}", r"\frac{3}{2}"),
    ("1 1/2", "1.5"),
    (r"1{,}000{,}000", "1,000,000"),
    (r"6,\!000,\!000", "6000000"),
    (r"1\,000", "1000"),
    (r"5.5 \times 10^6", "5500000"),
    (r"0.1\overline{6}", r"\frac16"),
    (r"\$32.50", "32.5"),
    (r"10\%", "10"),
    (r"10\%", "0.1"),
    (r"36^\circ", "36"),
    (r"15\text{ cm}^2", "15"),
    (r"\frac{270}7\text{ degrees}", r"\frac{270}{7}"),
    ("5!", "120"),
    (r"\binom{5}{2}", "10"),
    (r"\log_2 8", "3"),
    (r"\frac13", "0.33"),
    # roots, pi, powers
    (r"2\sqrt{3}", r"2 \sqrt 3"),
    (r"2\sqrt{3}", r"\sqrt{12}"),
    ("2√3", r"2\sqrt3"),
    (r"\sqrt[3]{8}", "2"),
    (r"12\pi", "12π"),
    (r"\frac{\pi}{2}", r"\frac12\pi"),
    (r"12\pi", "37.6991"),
    (r"\sqrt2", "1.4142"),
    (r"e^{-1}", r"\frac{1}{e}"),
    # expressions
    ("x^2+3x+2", "2 + 3x + x^2"),
    ("(x-1)(x+2)", "(x+2)(x-1)"),
    ("(x+1)(x+2)", "x^2+3x+2"),
    (r"\frac{x+2}{7}", r"\frac17x+\frac27"),
    (r"\sqrt{ab}", r"\sqrt a\sqrt b"),
    (r"\sin^2 x+\cos^2 x", "1"),
    (r"\tan 2x", r"\tan(2x)"),
    (r"|x-1|", r"|1-x|"),
    ("2+3i", "3i+2"),
    # equations
    ("x=5", "5"),
    ("y = 2x + 3", "2x+3"),
    ("2x+y=3", "4x+2y=6"),
    ("2x+y=3", "y=3-2x"),
    ("(p,q)=(3,2)", "(3,2)"),
    ("2+3=5", "5"),
    # tuples, intervals, sets, lists
    ("(2,4)", r"\left( 2, 4 \right)"),
    ("(100,200)", "(100, 200)"),
    (r"x \in [-2,7]", "[-2,7]"),
    (r"-2 \le x \le 7", "[-2,7]"),
    ("x > 2", r"(2,\infty)"),
    (r"(-\infty,2)\cup(2,\infty)", r"(2,\infty) \cup (-\infty,2)"),
    (r"\mathbb{R}", r"(-\infty,\infty)"),
    ("1,3,5", "5,3,1"),
    ("1,3,5", r"\{5,3,1\}"),
    (r"x=2 \text{ or } x=3", "3, 2"),
    (r"3 \pm 2\sqrt{2}", r"3-2\sqrt2, 3+2\sqrt2"),
    (r"\frac{1 \pm \sqrt5}{2}", r"\frac{1-\sqrt5}{2}, \frac{1+\sqrt5}{2}"),
    (r"\emptyset", r"\{\}"),
    # matrices, words, bases, ratios
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{bmatrix}1\\2\end{bmatrix}"),
    (r"\begin{pmatrix} 1 & \frac12 \end{pmatrix}", r"\begin{pmatrix}1&0.5\end{pmatrix}"),
    (r"\text{Evelyn}", "evelyn"),
    (r"\text{none}", r"\text{None}"),
    (r"\text{(C)}", "C"),
    ("11_2", "11_{2}"),
    ("4210_5", "4210"),
    ("3:2", "3 : 2"),
    # escaped twice, as in JSON
    (r"\\frac{1}{2}", "0.5"),
]  # fmt: skip

DIFFERENT = [
    ("(2,4)", "(4,2)"),
    ("[2,5)", "(2,5]"),
    ("[2,5)", "2.5"),
    ("x>2", r"x\ge 2"),
    ("x^2+3x+2", "x^2+2x+3"),
    (r"2\sqrt3", r"3\sqrt2"),
    (r"12\pi", "12"),
    (r"\frac{\pi}{2}", "2"),
    ("3x", "3"),
    ("7!", "7"),
    ("|x|", "x"),
    (r"\ln 2", r"\log 2"),
    ("1000000007", "1000000008"),
    ("2^{100}", "1267650600228229401496703205377"),
    ("1,3", "(1,3)"),
    ("1,3", "1,3,5"),
    (r"\pm 3", "3"),
    ("x=3", "y=3"),
    ("a+3z=0", "0"),
    ("11_2", "11_3"),
    ("11_2", "3"),
    ("3:2", "2:3"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 2 \\ 1 \end{pmatrix}"),
    (r"\text{Evelyn}", r"\text{Briana}"),
    (r"\emptyset", "0"),
    (r"10\%", r"20\%"),
    ("10^{10^{10}}", "10^{10^{9}}"),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=range(len(SAME)))
def test_one_answer_in_two_spellings_is_the_same(one: str, other: str) -> None:
    assert is_same_math(one, other)
    assert is_same_math(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=range(len(DIFFERENT)))
def test_two_answers_are_not_the_same(one: str, other: str) -> None:
    assert not is_same_math(one, other)
    assert not is_same_math(other, one)


@pytest.mark.parametrize(("gold", "four", "three"), [(r"\sqrt2", "1.4142", "1.414"),
                                                     (r"\pi", "3.1416", "3.142")])  # fmt: skip
def test_four_decimals_stand_for_an_irrational_gold_answer(
    gold: str, four: str, three: str
) -> None:
    assert is_same_math(four, gold)
    assert not is_same_math(three, gold)
    assert is_same_math(gold, three)  # as precise as the gold answer is


def test_a_rounded_decimal_is_right_where_the_gold_answer_is_one() -> None:
    assert is_same_math(r"12\pi", "37.7")
    assert not is_same_math("37.7", r"12\pi")


REPLIES = [
    # target, reply, score
    ("12\\pi", "The area is 12π.", 1.0),
    ("12\\pi", "The area is $12\\pi$ square units.", 1.0),
    ("12\\pi", "The area is 12.", 0.0),
    ("2", "our answer is $\\boxed 2$.", 1.0),
    ("[2,5)", "Answer: [2, 5)", 1.0),
    ("x^2+3x+2", "The answer is x^2 + 3x + 2.", 1.0),
    ("\\frac{\\sqrt3}{2}", "So the final answer is:\n\\[\n\\frac{\\sqrt{3}}{2}\n\\]", 1.0),
    ("2\\sqrt3", "Thus $AB = 2\\sqrt{3}$.", 1.0),
    ("\\ln 2", "The integral equals ln 2.", 1.0),
    # the last box counts, several that are joined are several solutions
    ("x+1", "First $\\boxed{x+2}$. Wait, that is wrong. So $\\boxed{x+1}$.", 1.0),
    ("2,3", "$x=\\boxed{2}$ or $x=\\boxed{3}$", 1.0),
    ("5", "$\\boxed{5}$ or $\\boxed{6}$", 0.0),
    ("x+1", "<think>\\boxed{x+2}</think> The answer is $x+1$.", 1.0),
    # a number and a word are read from prose as well
    ("\\frac34", "The answer is three quarters.", 1.0),
    ("5", "The answer is 5 or 6.", None),
    ("2", "So $x = \\frac{1+\\sqrt{5}}{2}$.", 0.0),
    ("\\text{Evelyn}", "The fastest student is Evelyn.", 1.0),
    ("\\text{Evelyn}", "$\\boxed{\\text{Briana}}$", 0.0),
    # none
    ("2\\sqrt3", "I do not know.", None),
    ("2\\sqrt3", "", None),
    ("2\\sqrt3", "<think>maybe \\boxed{2\\sqrt3}", None),
]


@pytest.mark.parametrize(("target", "reply", "score"), REPLIES, ids=range(len(REPLIES)))
def test_the_answer_of_a_reply_is_found(target: str, reply: str, score: float | None) -> None:
    metric = create_metric("math")
    example = Example("What is it?", metric.target(target), "hand:1")
    assert metric.grade(reply, example).score == score


def test_a_reply_that_was_cut_before_its_box_has_no_answer() -> None:
    example = Example("What is it?", "12\\pi", "hand:1")
    reply = "The circle has the area $12\\pi$ and"
    assert MathMetric().grade(reply, example, cut=True) == UNREADABLE
    assert MathMetric().grade("so \\boxed{12\\pi} and", example, cut=True).score == 1.0


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("We add.\nSo it is $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}"),
        ("$x = 3$", "x = 3"),
        ("#### 72", "72"),
        ("  (2,\n4) ", "(2, 4)"),
        ("\\boxed{#### 72}", "72"),
        ("\\BOXED{ANSWER 0", "0"),
    ],
)
def test_a_gold_solution_is_its_answer(raw: str, target: str) -> None:
    metric = create_metric("math")
    assert metric.target(raw) == target
    assert metric.target(target) == target


@pytest.mark.parametrize("raw", ["", "$$", "Because of this " * 40])
def test_a_gold_answer_without_an_expression_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        create_metric("math").target(raw)


@pytest.mark.parametrize(
    "text",
    [
        "10^{10^{10}}", "9^{9^{9^{9}}}", "1000!!!!", "9" * 6000, "x^{" + "9" * 6000 + "}",
        "(" * 500 + ")" * 500, "\\frac{1}{" * 200 + "2" + "}" * 200, "\\sqrt" * 300 + "2",
        "-" * 280 + "1", "1/" * 140 + "3", "\\pm 1" * 80, "x" + "^x" * 200, "x y z " * 100,
    ],
    ids=range(13),
)  # fmt: skip
def test_towers_and_nests_are_compared_without_being_computed(text: str) -> None:
    assert is_same_math(text, text)
    assert not is_same_math(text, "41")


def test_brackets_beyond_the_deepest_are_words() -> None:
    nested = "(" * DEEPEST + "x" + ")" * DEEPEST
    assert parse_latex(nested[1:-1]).kind == "symbol"
    assert parse_latex(nested).kind == "words"


WRITTEN = r"""\frac \sqrt { } ( ) [ ] \{ \} x 1 2.5 ^ _ | \pm = < , \cup \text{cm} ! % & \\ \infty
\sin \begin{pmatrix} \end{pmatrix} \log - / \overline{3} 0. ' ≈ :"""
PIECES = st.sampled_from([*WRITTEN.split(), " "])


@given(st.lists(PIECES, max_size=20).map("".join), st.lists(PIECES, max_size=20).map("".join))
def test_no_expression_raises_and_each_is_itself(one: str, other: str) -> None:
    assert is_same_math(one, one)
    assert is_same_math(one, other) in (True, False)
    example = Example("q", other, "drawn:1")
    assert isinstance(create_metric("math").grade(f"\\boxed{{{one}}}", example), Grade)
