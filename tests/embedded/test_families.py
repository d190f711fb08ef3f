"""Generated questions: the working by hand, and the real rows worked through by the same code."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from opro_cli.embedded.training.corpus import bbh_questions, bbh_rows
from opro_cli.embedded.training.families import FAMILIES, Family, counting, dyck, navigate, tracking
from opro_cli.embedded.training.families import draw_question as draw
from opro_cli.embedded.training.families.boolean import ask_formula
from opro_cli.embedded.training.questions import Question, normalize_question


def test_formulas_are_resolved_inside_out_and_not_before_and_before_or() -> None:
    question = ask_formula(("True", "or", "not", "(", "False", "or", "True", ")", "and", "False"))
    assert question.text == "True or not ( False or True ) and False is"
    assert question.lines == (
        "False or True = True",
        "True or not ( True ) and False",
        "( True ) = True",
        "True or not True and False",
        "not True = False",
        "True or False and False",
        "False and False = False",
        "True or False",
        "True or False = True",
        "True",
    )
    assert question.answers[:6] == ("True", "True", "True", "True", "True", "False")


def test_walks_follow_turns_and_sides() -> None:
    walk = (navigate.Move("", 3), navigate.Move("left", 0), navigate.Move("", 2))
    question = navigate.ask_walk(walk, fixed=False)
    assert question.text == (
        "If you follow these instructions, do you return to the starting point? Take 3 steps."
        " Turn left. Take 2 steps.\nOptions:\n- Yes\n- No"
    )
    assert question.lines == ("3 north 0 3", "left west 0 3", "2 west -2 3")
    assert question.answers == ("Yes", "No", "No", "No")
    sided = navigate.ask_walk((navigate.Move("backward", 1), navigate.Move("right", 4)), fixed=True)
    assert "Always face forward. Take 1 step backward. Take 4 steps right." in sided.text
    assert sided.lines == ("1 backward 0 -1", "4 right 4 -1")


def test_what_is_of_another_group_counts_for_nothing() -> None:
    question = counting.ask_count(
        ["a piano", "two goats", "three flutes"], [1, 0, 3], "instruments"
    )
    asked = "I have a piano, two goats, and three flutes. How many instruments do I have?"
    assert question.text == asked
    assert question.lines == ("a piano 1", "two goats 1", "three flutes 4")
    assert question.answers == ("0", "1", "1", "4")


def test_swaps_exchange_what_two_people_have() -> None:
    things = ["red ball", "blue ball", "pink ball"]
    question = tracking.ask_owner(tracking.STORIES[0], things, [(0, 1), (1, 2), (0, 1)], 2)
    assert "First, Alice and Bob swap balls. Then, Bob and Claire swap balls. F" in question.text
    assert question.text.endswith(
        "Claire has the\nOptions:\n(A) red ball\n(B) blue ball\n(C) pink ball"
    )
    assert question.lines == ("Alice Bob B A C", "Bob Claire B C A", "Alice Bob C B A")
    assert question.answers == ("(C)", "(C)", "(A)", "(A)")


def test_brackets_are_closed_from_the_last_opened() -> None:
    question = dyck.ask_brackets(["[", "{", "}", "<"])
    assert question.lines == ("[ : [", "{ : [ {", "} : [", "< : [ <")
    assert question.answers == ("-", "]", "} ]", "]", "> ]")


def read_boolean(text: str) -> Question:
    return ask_formula(tuple(text.split()[:-1]))


def read_navigate(text: str) -> Question:
    fixed = navigate.FORWARD in text
    moves = []
    for verb, words in re.findall(r"(Take|Turn) ([^.]*)\.", text):
        if verb == "Turn":
            moves.append(navigate.Move(words, 0))
        else:
            number, *_, last = words.split()
            moves.append(navigate.Move(last if fixed else "", int(number)))
    return navigate.ask_walk(tuple(moves), fixed)


def read_counting(text: str) -> Question:
    found = re.fullmatch(r"I have (.*), and (.*)\. How many (.*) do I have\?", text)
    assert found
    told, counts = [*found[1].split(", "), found[2]], []
    for thing in told:
        number, name = thing.split(" ", 1)
        quantity = 1 if number in ("a", "an") else counting.NUMBERS.index(number)
        (group,) = (
            group
            for group, names in counting.GROUPS.items()
            if any(thing == one or name == more for one, more in names)
        )
        counts.append(quantity if group == found[3] else 0)
    return counting.ask_count(told, counts, found[3])


def read_tracking(text: str) -> Question:
    (story,) = (story for story in tracking.STORIES if story.begin in text)
    things = [line[4:] for line in text.split("Options:\n")[1].split("\n")]
    pairs = re.findall(r"(?:First|Then|Finally), (\w+) and (\w+)", text)
    swaps = [tuple(map(tracking.PEOPLE.index, pair)) for pair in pairs]
    asked = re.search(re.escape(story.end) + r" (\w+)", text)
    assert asked
    return tracking.ask_owner(story, things, swaps, tracking.PEOPLE.index(asked[1]))


def read_dyck(text: str) -> Question:
    return dyck.ask_brackets(text.split("Input: ")[1].split())


READERS: dict[Family, Callable[[str], Question]] = {
    "boolean": read_boolean,
    "navigate": read_navigate,
    "counting": read_counting,
    "tracking": read_tracking,
    "dyck": read_dyck,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_real_rows_are_written_and_answered_as_the_generators_do(family: Family) -> None:
    for text, target in bbh_rows(family):
        question = READERS[family](text)
        assert (question.text, question.target) == (text, target)


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_questions_read_back_with_the_same_working(family: Family) -> None:
    rng = random.Random(0)
    for _ in range(200):
        question = draw(rng, family)
        assert READERS[family](question.text) == question
        assert len(question.answers) == len(question.lines) + 1


def test_formula_values_agree_with_python() -> None:
    rng = random.Random(0)
    for _ in range(300):
        question = draw(rng, "boolean")
        assert str(eval(question.text.removesuffix(" is"))) == question.target


def test_half_of_the_walks_come_back() -> None:
    rng = random.Random(1)
    back = sum(draw(rng, "navigate").target == "Yes" for _ in range(400))
    assert 150 < back < 250


def test_a_real_row_that_is_drawn_is_thrown_away() -> None:
    rng = random.Random(1)
    plain = [draw(rng, "boolean").text for _ in range(500)]
    excluded = frozenset(map(normalize_question, plain[:250]))
    rng = random.Random(1)
    drawn = {normalize_question(draw(rng, "boolean", excluded).text) for _ in range(500)}
    assert not drawn & excluded


def test_the_real_rows_are_all_excluded() -> None:
    assert len(bbh_questions()) == sum(len({q for q, _ in bbh_rows(f)}) for f in FAMILIES)
