"""The prompts of a probe: what they say, for which kinds of answers, and what they keep."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.prompt import Demo, Layout, Prompt
from opro_cli.ports import Strategy
from opro_cli.strategies.headroom import BARE, FROM_PROBE, Kind, ProbedStrategy, build_kinds

START = "Let's solve the problem."


def kinds_of(
    start: str = START, labels: tuple[str, ...] = (), demo: int | None = 9, **task: Any
) -> tuple[Kind, ...]:
    return build_kinds(TaskSettings(DataSettings("t", "q", "a"), **task), start, labels, demo)


def texts(kinds: tuple[Kind, ...]) -> dict[str, str]:
    return {kind.name: kind.prompt.text for kind in kinds}


@pytest.mark.parametrize(
    ("answer", "labels", "named"),
    [
        ("number", (), "one number"),
        ("boolean", ("True", "False"), "one of True, False"),
        ("boolean", (), "yes or no"),
        ("choice", ("A", "B"), "the letter of the right option"),
        ("label", ("billing", "login"), "one of billing, login"),
        ("labels", ("billing", "login"), "one or several of billing, login"),
        ("json:team", (), 'a JSON object with the key "team"'),
        ("json", (), "one JSON value"),
        ("math", (), "one mathematical expression"),
        ("exact", tuple(map(str, range(50))), "the answer itself"),
        ("python:m:f", (), "the answer itself"),
    ],
)
def test_formats_name_the_answers(answer: str, labels: tuple[str, ...], named: str) -> None:
    said = texts(kinds_of(labels=labels, answer=answer))
    assert said["names the answers"] == f"{START} Answer with {named}."
    assert named in said["only the answer"]
    assert named in said["weighs, works, answers"]


def test_all_are_different_and_none_is_the_start_prompt() -> None:
    for start in (START, "", "Let's think step by step.", "x" * 500):
        kinds = kinds_of(start, answer="number")
        assert len({kind.id for kind in kinds}) == len(kinds)
        assert all(kind.prompt.text != start or not kind.wording for kind in kinds)


def test_a_worked_example_and_another_position_are_no_wordings() -> None:
    others = [kind for kind in kinds_of(answer="number") if not kind.wording]
    assert [kind.name for kind in others] == ["a worked example", "at Q_end"]
    assert others[0].prompt.demos == (Demo(9),)
    assert others[1].prompt.layout == Layout(position="Q_end")
    assert {kind.prompt.text for kind in others} == {START}
    assert len(build_kinds(TaskSettings(answer="number"), START, (), None, others=1)) == 12


def test_a_chat_of_the_users_own_keeps_its_layout() -> None:
    own = (("user", "{{instruction}}\n{{question}}"),)
    others = [k for k in kinds_of(answer="number", prompt=own) if not k.wording]
    assert [kind.name for kind in others] == ["a worked example"]


@pytest.mark.parametrize("start", ["x" * (BARE + 1), "Answer {name}.", "Say it in %s."])
def test_what_a_start_prompt_holds_is_kept(start: str) -> None:
    assert all(kind.prompt.text.startswith(start) for kind in kinds_of(start, answer="number"))


def test_a_short_one_is_replaced_too() -> None:
    said = texts(kinds_of(answer="number"))
    assert said["no instruction"] == ""
    assert said["step by step"] == "Let's think step by step."


def test_beginnings_of_an_answer_begin_one() -> None:
    said = texts(kinds_of(answer="number", instruction_position="A_begin"))
    assert said["only the answer"] == "The answer is"
    assert all("Reply" not in text for text in said.values())


def test_none_has_a_digit_or_a_tag() -> None:
    """Which a search may drop."""
    for answer in ("number", "choice", "json"):
        for kind in kinds_of(answer=answer):
            assert not any(sign.isdigit() or sign in "<>" for sign in kind.prompt.text)


class Short(Strategy):
    """Asks for one sample in each of two steps, and is told of replies that were cut."""

    name = "short"
    needs = frozenset({"failures"})
    ask = Ask(())

    def propose(self, view: SearchView, step: int) -> list[Ask | Draft] | End:
        return End("enough") if step > 2 else [self.ask]

    def read(self, reply: str, ask: Ask, *, cut: bool = False) -> list[str]:
        return [f"{reply} (cut)" if cut else reply]

    def reject(self, candidate: Any, view: SearchView) -> str:
        return "never"


def test_the_best_of_a_probe_are_tried_first_beside_the_proposals_of_the_search() -> None:
    view: Any = None
    inner = Short()
    probed = ProbedStrategy(inner, ("One.", "Two."))
    drafts = [Draft(each, note=FROM_PROBE) for each in ("One.", "Two.")]
    assert probed.propose(view, 1) == [*drafts, inner.ask]
    assert probed.propose(view, 2) == [inner.ask]
    assert probed.propose(view, 3) == End("enough")
    assert (probed.name, probed.needs, probed.Options) == ("short", inner.needs, None)
    assert probed.read("x", inner.ask, cut=True) == ["x (cut)"]
    assert probed.reject(Prompt("x"), view) == "never"
