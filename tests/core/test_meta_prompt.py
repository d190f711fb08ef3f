"""A meta-prompt of the user's own: its holes, what is wrong with it, and how it is filled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.core.run.view import Ask, End
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.meta_prompt import HOLES, list_unused
from opro_cli.core.settings.search import StopSettings
from opro_cli.errors import ConfigError
from opro_cli.strategies.evolve import EvolveOptions, EvolveStrategy
from opro_cli.strategies.reflect import ReflectOptions, ReflectStrategy
from opro_cli.strategies.words import OwnWords, fill_holes
from tests.strategies.views import new_view

TASK = {"data": {"train": "t", "input": "q", "target": "a"}, "answer": "number"}
ENOUGH = "Improve {{prompt}}, in <{{tag}}></{{tag}}>.\n"


def plain(words: str, strategy: str = "reflect", **search: Any) -> dict[str, Any]:
    return {
        "task": TASK,
        "scorer": {"model": "openai/x"},
        "optimizer": {"model": "openai/y"},
        "search": {"strategy": strategy, "meta_prompt": words, **search},
    }


def fault(words: str, strategy: str = "reflect") -> str:
    with pytest.raises(ConfigError) as caught:
        read_plain(plain(words, strategy))
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{{promt}} {{prompt}} {{tag}}", r"no hole is called {{promt}}; did you mean {{prompt}}?"),
        ("a\n{{prompt}} {{tag}}\n{{xyz}}", "line 3: no hole is called {{xyz}}; there are prompt,"),
        ("{{prompt}} {{tag", "expected a }} behind each {{"),
        ("{{prompt}} {{tag}} {{ }}", "expected a name between {{ and }}"),
        ("{{prompt}} and no more", "nothing says how the reply is marked"),
        ("{{tag}} {{failures}}", "no past instruction stands in it"),
    ],
)
def test_what_cannot_work_is_refused(words: str, message: str) -> None:
    assert message in fault(words)


@pytest.mark.parametrize("strategy", ["list", "paper-gpt", "prune"])
def test_policies_with_words_of_their_own_take_none(strategy: str) -> None:
    assert f"found with search.strategy {strategy}" in fault(ENOUGH, strategy)


@pytest.mark.parametrize(
    "words",
    [
        ENOUGH,
        "{{trajectory}} <INS>",
        "{{ must-stay }} {{prompt}} {{tag}}",
        "{{prompt}} <Start>… \\{{ is written like this",
    ],
)
def test_what_may_stand_in_it(words: str) -> None:
    settings = read_plain(plain(words))
    assert settings.search.meta_prompt == words
    assert read_plain(convert_to_plain(settings)).search == settings.search
    assert isinstance(wiring.build_strategy(settings), ReflectStrategy)


def test_settings_without_one_are_written_as_before() -> None:
    plain_search = convert_to_plain(read_plain({**plain(ENOUGH), "search": {}}))["search"]
    assert not {"meta_prompt", "stop_when"} & plain_search.keys()
    stopping = read_plain({**plain(ENOUGH), "search": {"stop_when": {"no_gain_steps": 4}}})
    assert stopping.search.stop_when == StopSettings(4)
    assert convert_to_plain(stopping)["search"]["stop_when"] == {"no_gain_steps": 4}


def test_unused_holes_are_listed() -> None:
    assert list_unused("".join(f"{{{{{name}}}}}" for name in HOLES)) == ()
    assert "failures" in list_unused(ENOUGH)
    assert "tag" not in list_unused("{{prompt}} <INS>")


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        (ReflectStrategy, ReflectOptions()),
        (EvolveStrategy, EvolveOptions(crossover=0)),
        (OwnWords, None),
    ],
)
def test_every_hole_is_filled_under_every_policy(strategy: Any, options: Any) -> None:
    words = "\n".join(f"{name}=[{{{{{name}}}}}]" for name in HOLES)
    sheets = {"Add. Sum.": (0, 0, 1), "Count.": (1, 0, 0)}
    replies = {("Add. Sum.", 0): "9", ("Count.", 0): "0"}
    view = new_view(sheets, replies=replies, options=options)
    view.description = "sums"
    policy = strategy(words, "one number")
    proposals = policy.propose(view, 2)
    assert not isinstance(proposals, End)
    (ask, *_) = proposals
    assert isinstance(ask, Ask)
    text = ask.messages[0].content
    assert "{{" not in text
    assert all(f"{name}=[" in text for name in HOLES)
    assert "description=[sums]" in text
    assert "tag=[INS]" in text
    assert "length=[400]" in text
    assert "score:" in text
    assert "Ground truth answer" in text


def test_what_is_put_into_a_hole_is_not_looked_at_again() -> None:
    (message,) = fill_holes("{{prompt}}|{{tag}}", {"prompt": "{{tag}}", "tag": "INS"})
    assert message.content == "{{tag}}|INS"


def test_a_hole_that_nothing_is_there_for_says_so() -> None:
    (message,) = fill_holes("{{failures}} {{ must-stay }} \\{{", {"must_stay": "x"})
    assert message.content == "(none) x {{"


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_words_are_filled_or_refused(words: str, value: str) -> None:
    whole = words.replace("{{", "{ {").replace("\x00", "") + ENOUGH
    values = dict.fromkeys(HOLES, value or "x")
    (message,) = fill_holes(whole, values)
    assert message.content.count(value or "x") >= 1


@given(st.text(alphabet="{}\\ptag\n ", max_size=30))
def test_a_config_with_any_words_is_read_or_refused(words: str) -> None:
    try:
        settings = read_plain(plain(words + ENOUGH))
    except ConfigError:
        return
    assert settings.search.meta_prompt == words + ENOUGH
    ReflectStrategy(words + ENOUGH).collect(
        new_view({"a": (0,)}), new_view({"a": (0,)}).candidates()[0], "aim"
    )
