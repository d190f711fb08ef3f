"""The training text: instructions and what they ask for, the tool's own prompts, no real row."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from opro_cli.core.task.prompt import PromptFormat
from opro_cli.embedded.training.battery import battery
from opro_cli.embedded.training.climb import Rule, find_kinds
from opro_cli.embedded.training.corpus import (
    LATE,
    _misspelt,
    bbh_questions,
    scorer_prompt,
    scorer_turns,
)
from opro_cli.embedded.training.families import FAMILIES, Family, dyck, tracking
from opro_cli.embedded.training.grammar import (
    CLASSICS,
    KINDS,
    START,
    WORDINGS,
    Clause,
    Instruction,
    Kind,
    draw_clause,
    draw_instruction,
    held_out,
    outlines,
)
from opro_cli.embedded.training.metaprompts import layouts, optimizer_turns, play
from opro_cli.embedded.training.posterior import Posterior, Scored, find_best, propose
from opro_cli.embedded.training.questions import Question, normalize_question
from opro_cli.embedded.training.workings import ALL, BUDGETS, TOP, answer, level

BRACKETS = dyck.ask_brackets(["[", "{"])


def instruction(*kinds: Kind) -> Instruction:
    return Instruction(tuple(Clause(kind, WORDINGS[kind][0]) for kind in kinds))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), 1),
        (("neutral", "pep"), 1),
        (("steps",), 2),
        (("boolean_method",), 4),
        (("boolean_method", "boolean_rule"), 6),
        (("boolean_method", "boolean_rule", "fine"), TOP),
        (("boolean_method", "brief"), 2),
        (("navigate_method", "fine"), 1),
        (("brief",), 0),
        (("brief", "foreign", "order"), 0),
    ],
)
def test_levels_on_booleans(kinds: tuple[Kind, ...], expected: int) -> None:
    assert level(kinds, "boolean") == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_the_top_takes_three_ideas_and_is_rare(family: Family) -> None:
    chances = outlines(family)
    assert sum(chances.values()) == pytest.approx(1)
    top = {kinds: chance for kinds, chance in chances.items() if level(kinds, family) == TOP}
    assert min(map(len, top)) == 3
    assert 0 < sum(top.values()) < 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_more_levels_are_more_steps(family: Family) -> None:
    budgets = BUDGETS[family]
    assert len(budgets) == TOP + 1
    assert list(budgets) == sorted(set(budgets))


def test_answers_stop_where_they_were_told_to() -> None:
    assert answer(BRACKETS, 0) == " 0 steps: The answer is -."
    assert answer(BRACKETS, 1) == " 1 steps: 1 [ : [; The answer is ]."
    assert answer(BRACKETS, ALL) == " All steps: 1 [ : [; 2 { : [ {; The answer is } ]."


def holds(text: str, row: str) -> bool:
    """Whether the question `row` stands in `text`, not as the beginning of a longer sequence."""
    return any(
        after.split()[:1] not in [[bracket] for bracket in "[]{}()<>"]
        for after in f" {text}".split(f" {row}")[1:]
    )


def test_no_real_row_is_trained_on() -> None:
    real = bbh_questions()
    assert all(holds(f"q: x {row} a:", row) for row in real)
    for turns in (scorer_turns(20230907, LATE), optimizer_turns(20230907)):
        for turn in islice(turns, 600):
            text = normalize_question(turn.prompt)
            assert not any(holds(text, row) for row in real)


def test_held_out_wordings_are_not_trained_on() -> None:
    rng = random.Random(2)
    for kind in KINDS:
        drawn = {draw_clause(rng, kind).text for _ in range(300)}
        assert not drawn & set(held_out(kind))
        assert not {START, *CLASSICS} & set(held_out(kind))


def test_no_wording_stands_for_two_kinds() -> None:
    texts = [text for kind in KINDS for text in set(WORDINGS[kind])]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_battery_is_forty_instructions_on_every_level(family: Family) -> None:
    probes = battery(family)
    assert len({probe.instruction.text for probe in probes}) == 40
    assert {level(probe.instruction.kinds, family) for probe in probes} == set(range(TOP + 1))
    for probe in probes:
        for clause in probe.instruction.clauses:
            assert probe.unseen or clause.text not in held_out(clause.kind)


def test_prompts_of_the_scorer() -> None:
    assert scorer_prompt("", "True is") == "Q: True is\n\nA:"
    assert scorer_prompt(START, "True is") == f"Q: {START}\nTrue is\n\nA:"
    system = PromptFormat("system", qa_markers=True)
    assert scorer_prompt(START, "True is", system) == f"{START}\nQ: True is\n\nA:"


def test_a_meta_prompt_is_what_the_tool_writes_and_its_reply_what_it_reads() -> None:
    for turn in islice(optimizer_turns(5), 300):
        known = layouts(PromptFormat("Q_begin", qa_markers=True))
        known += layouts(PromptFormat("A_begin", qa_markers=True))
        for reply in turn.replies:
            layout = next(each for each, _ in known if reply.startswith(each.marks[0]))
            (text,) = layout.strategy.read(reply)
            assert f"{layout.marks[0]}{text}{layout.marks[1]}" == reply


def test_listed_instructions_ascend_and_a_proposal_is_new() -> None:
    rng = random.Random(6)
    for _ in range(10):
        for listed, proposed in play(rng, "boolean"):
            scores = [entry.score for entry in listed]
            assert scores == sorted(scores)
            known = {entry.instruction.text for entry in listed}
            assert not known & {proposal.text for proposal in proposed}


def scored(value: float, *kinds: Kind) -> Scored:
    return Scored(instruction(*kinds), value)


def test_the_posterior_credits_the_clause_that_every_good_instruction_has() -> None:
    history = [
        scored(20, "pep", "steps"),
        scored(22, "brief", "steps"),
        scored(70, "pep", "fine"),
        scored(72, "fine", "brief"),
    ]
    rng = random.Random(0)
    draws = [Posterior(history).draw(rng) for _ in range(200)]
    fine, pep = KINDS.index("fine"), KINDS.index("pep")
    assert sum(draw[fine] > draw[pep] for draw in draws) > 190


def test_a_proposal_is_the_best_of_the_variations_by_worth() -> None:
    worth = [10.0 if kind == "check" else 0.0 for kind in KINDS]
    history = [scored(50, "neutral")]
    rng = random.Random(1)
    assert "check" in find_best(rng, "boolean", history, worth).kinds


def test_proposals_build_on_what_scored_well() -> None:
    rng = random.Random(3)
    history = [scored(10, "brief", "pep"), scored(90, "navigate_method", "fine")]
    kinds = [each.kinds for each in propose(rng, "navigate", history, 200)]
    assert sum("fine" in each for each in kinds) > 2 * sum("brief" in each for each in kinds)


def test_instructions_of_the_grammar_have_one_to_three_different_clauses() -> None:
    rng = random.Random(4)
    for _ in range(200):
        drawn = draw_instruction(rng, "dyck")
        assert 1 <= len(drawn.clauses) == len(drawn.kinds) <= 3


def test_a_word_less_never_turns_an_instruction_round() -> None:
    """ "Do show your working." would teach the opposite of what it is written for."""
    rng, text = random.Random(0), "Do not show your working."
    told = {_misspelt(rng, text) for _ in range(500)}
    assert "Do not your working." in told
    assert all("not" in each for each in told)


def test_the_rule_in_the_scorers_place() -> None:
    """The whole working is right, the one step of level 1 is not."""
    question = tracked_question()
    rule, rows = Rule("tracking", [question]), [(question.text, question.target)]
    best = "Update both people at each swap. Write each partial result. Read it twice."
    assert find_kinds(best) == {"tracking_method", "fine", "check"}
    assert level(find_kinds(best), "tracking") == TOP
    assert rule.accuracy(best, rows) == 1.0
    assert rule.accuracy("Nobody wrote this.", rows) == 0.0  # one swap: she has her C


def tracked_question() -> Question:
    """Alice's A goes to Bob and on to Claire, who is asked about."""
    things = ["black ball", "blue ball", "red ball"]
    return tracking.ask_owner(tracking.STORIES[0], things, [(0, 1), (1, 2), (0, 1)], 2)
