"""The generated training text: right answers, the tool's own prompts, no real row."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from opro_cli.embedded.training.corpus import bbh_questions, bbh_rows, scorer_prompt, turns
from opro_cli.embedded.training.grammar import (
    EMPTY,
    KINDS,
    START,
    WORDINGS,
    Clause,
    Instruction,
    Kind,
    draw_clause,
    held_out,
)
from opro_cli.embedded.training.metaprompts import Scored, meta_prompt, propose
from opro_cli.embedded.training.questions import (
    Move,
    Question,
    draw_question,
    normalised,
    positions,
    reductions,
)
from opro_cli.embedded.training.workings import COARSE, DIRECT, FULL, MEDIUM, answer, level

FORMULA = Question(
    "boolean", "True and not False is", "True", formula=("True", "and", "not", "False")
)
WALK = Question(
    "navigate", "", "No", moves=(Move("", 3), Move("left", 0), Move("", 2)), fixed=False
)


def instruction(*kinds: Kind) -> Instruction:
    return Instruction(tuple(Clause(kind, WORDINGS[kind][0]) for kind in kinds))


def test_reductions_go_inside_out_and_not_before_and_before_or() -> None:
    lines = reductions(("True", "or", "not", "(", "False", "or", "True", ")", "and", "False"))
    assert [" ".join(line) for line in lines] == [
        "True or not ( False or True ) and False",
        "True or not ( True ) and False",
        "True or not True and False",
        "True or False and False",
        "True or False",
        "True",
    ]


def test_formula_values_agree_with_python() -> None:
    rng = random.Random(0)
    for _ in range(300):
        question = draw_question(rng, "boolean")
        assert str(eval(" ".join(question.formula))) == question.target


def test_positions_follow_turns_and_sides() -> None:
    states = positions(WALK.moves, fixed=False)
    assert [(state.heading, state.at) for state in states] == [
        (0, (0, 3)),
        (3, (0, 3)),
        (3, (-2, 3)),
    ]
    sided = positions((Move("backward", 4), Move("right", 1)), fixed=True)
    assert sided[-1].at == (1, -4)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), DIRECT),
        (("neutral", "pep"), DIRECT),
        (("steps",), COARSE),
        (("steps", "fine"), MEDIUM),
        (("boolean_method",), MEDIUM),
        (("boolean_method", "fine"), FULL),
        (("navigate_method", "fine"), COARSE),
        (("boolean_method", "fine", "brief"), DIRECT),
    ],
)
def test_levels_on_booleans(kinds: tuple[Kind, ...], expected: int) -> None:
    assert level(instruction(*kinds), "boolean") == expected


def test_answers_show_the_working_that_was_asked_for() -> None:
    full = answer(FORMULA, instruction("boolean_method", "fine"))
    assert full == " = True and True = True. The answer is True."
    assert answer(FORMULA, EMPTY) == " The answer is True."
    walk = answer(WALK, instruction("navigate_method", "fine"))
    assert walk == " 3 north 0 3. left west 0 3. 2 west -2 3. The answer is No."


def test_no_real_row_is_trained_on() -> None:
    real = bbh_questions()
    assert len(real) == 250
    for turn in islice(turns(20230907, 0.8), 4000):
        text = normalised(turn.prompt)
        assert not any(f" {row}" in text or text.startswith(row) for row in real)


def test_a_real_row_that_is_drawn_is_thrown_away() -> None:
    rng = random.Random(1)
    plain = [draw_question(rng, "boolean").text for _ in range(500)]
    excluded = frozenset(map(normalised, plain[:250]))
    rng = random.Random(1)
    drawn = {normalised(draw_question(rng, "boolean", excluded).text) for _ in range(500)}
    assert not drawn & excluded


def test_held_out_wordings_are_not_trained_on() -> None:
    rng = random.Random(2)
    for kind in KINDS:
        drawn = {draw_clause(rng, kind).text for _ in range(300)}
        assert not drawn & set(held_out(kind))
        assert START not in held_out(kind)


def test_the_meta_prompt_has_the_reference_layout() -> None:
    question, target = bbh_rows("navigate")[0]
    shown = Question("navigate", question, target)
    text = meta_prompt([Scored(Instruction((Clause("neutral", START),)), 44)], [shown])
    assert text.startswith("Your task is to generate the instruction <INS>. Below are")
    assert (
        "ranges from 0 to 100.\n\ntext:\nLet's solve the problem.\nscore:\n44\n\n\n"
        "Below are some problems.\n\ninput:\nQ: <INS>\nIf you" in text
    )
    assert "\nA:\nGround truth answer:\nNo\n\n\nGenerate an instruction that is different" in text


def test_a_proposal_builds_on_what_scored_well() -> None:
    rng = random.Random(3)
    good, bad = instruction("navigate_method", "fine"), instruction("brief", "pep")
    history = [Scored(bad, 10), Scored(good, 90)]
    kinds = [propose(rng, "navigate", history).kinds for _ in range(300)]
    helped = sum("fine" in chosen for chosen in kinds)
    assert helped > 2 * sum("brief" in chosen for chosen in kinds)


def test_prompts_of_the_scorer() -> None:
    assert scorer_prompt("", "True is") == "Q: True is\n\nA:"
    assert scorer_prompt(START, "True is") == f"Q: {START}\nTrue is\n\nA:"
