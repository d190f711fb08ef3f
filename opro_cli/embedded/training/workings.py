"""What an answer looks like under an instruction: how much working is written before the result.

The whole of what wording does to accuracy comes from here: an instruction asks, more or less, for
written working, the text that follows it has that much working, and a model this small can only
find the result of a longer question by writing its way there.
"""

from __future__ import annotations

from opro_cli.embedded.training.grammar import Instruction
from opro_cli.embedded.training.questions import HEADINGS, Family, Question, positions, reductions

DIRECT, COARSE, MEDIUM, FULL = range(4)


def level(instruction: Instruction, family: Family) -> int:
    """How much working the instruction asks for on questions of `family`, DIRECT to FULL.

    Full working needs the family's own method together with "write everything"; each alone, or
    "step by step", asks for less; "be brief" overrides them; everything else asks for nothing.
    """
    kinds = instruction.kinds
    method = f"{family}_method" in kinds
    if "brief" in kinds:
        return DIRECT
    if method:
        return FULL if "fine" in kinds else MEDIUM
    return ("fine" in kinds) + ("steps" in kinds)


def answer(question: Question, instruction: Instruction) -> str:
    """The working that the instruction asks for and " The answer is X."; starts with a space."""
    amount = level(instruction, question.family)
    if question.family == "navigate":
        return _walk(question, amount) + f" The answer is {question.target}."
    if amount and "leftward" in instruction.kinds and "boolean_method" not in instruction.kinds:
        return _leftward(question, amount)
    return _formula(question, amount) + f" The answer is {question.target}."


def _formula(question: Question, amount: int) -> str:
    lines = reductions(question.formula)[1:]
    if amount == DIRECT:
        return ""
    if amount == COARSE:
        lines = lines[len(lines) // 2 :][:1]
    if amount == MEDIUM:
        lines = lines[2::3]
    return "".join(" = " + " ".join(line) for line in lines) + "." if lines else ""


def _leftward(question: Question, amount: int) -> str:
    """Working from left to right in disregard of precedence: carried out well, and often wrong."""
    words = [word for word in question.formula if word not in "()"]
    value, sign, middle, shown = None, True, "", []
    for word in words:
        if word == "not":
            sign = not sign
        elif word in ("and", "or"):
            middle = word
        else:
            operand = (word == "True") == sign
            sign = True
            if value is None:
                value = operand
            else:
                value = value and operand if middle == "and" else value or operand
            shown.append(str(value))
    last = shown if amount >= MEDIUM else shown[-1:]
    return " Left to right: " + ", ".join(last) + f". The answer is {shown[-1]}."


def _walk(question: Question, amount: int) -> str:
    if amount == DIRECT:
        return ""
    stride = {COARSE: 4, MEDIUM: 2, FULL: 1}[amount]
    parts = []
    states = positions(question.moves, question.fixed)
    for start in range(0, len(states), stride):
        end = min(start + stride, len(states))
        state = states[end - 1]
        facing = "" if question.fixed else HEADINGS[state.heading] + " "
        echo = f"after {end}"
        if amount >= MEDIUM:
            echo = ", ".join(
                f"{move.steps or ''} {move.word}".strip() for move in question.moves[start:end]
            )
        parts.append(f" {echo} {facing}{state.at[0]} {state.at[1]}.")
    return "".join(parts)
