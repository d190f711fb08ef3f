"""What every strategy promises, whatever texts the models and the data hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import Example, Position
from opro_cli.core.task.prompt import MetaPromptMaterial, PromptFormat, TrajectoryEntry
from opro_cli.strategies import META_PROMPTS
from opro_cli.strategies.opro import MetaPromptStrategy

POSITIONS: tuple[Position, ...] = ("before_Q", "Q_begin", "Q_end", "A_begin", "system")
MARKS = ["<INS>", "</INS>", "<Start>", "</Start>", "<TEXT>", "</TEXT>", "[", "]", "**", "{", "\n"]
TEXTS = st.text(st.characters()) | st.lists(st.sampled_from([*MARKS, "a", " ", "\ud83d", "ß"])).map(
    "".join
)


def built(name: str, position: Position, exemplars: int, first: bool) -> MetaPromptStrategy:
    """A strategy of the table, from settings as a run has them."""
    settings = Settings(
        task=TaskSettings(DataSettings("t", "q", "a"), "number", instruction_position=position),
        scorer=ScorerSettings("scripted/scorer"),
        optimizer=OptimizerSettings("scripted/optimizer"),
        search=SearchSettings(strategy=name, exemplars=exemplars, exemplars_first=first),
    )
    return META_PROMPTS[name](settings)


@pytest.mark.parametrize("name", META_PROMPTS)
@given(data=st.data())
def test_no_text_can_break_a_meta_prompt(name: str, data: st.DataObject) -> None:
    texts = data.draw(st.lists(TEXTS, max_size=3))
    position = data.draw(st.sampled_from(POSITIONS))
    strategy = built(name, position, len(texts), data.draw(st.booleans()))
    material = MetaPromptMaterial(
        trajectory=tuple(TrajectoryEntry(text, data.draw(st.floats(0, 1))) for text in texts),
        exemplars=tuple(Example(text, text, "t:1") for text in texts),
        format=PromptFormat(position, data.draw(st.booleans())),
        score_buckets=data.draw(st.none() | st.integers(1, 1000)),
        description=data.draw(TEXTS),
    )
    (message,) = strategy.meta_prompt(material)
    assert message.role == "user"
    assert all(text in message.content for text in texts)


@pytest.mark.parametrize("name", META_PROMPTS)
@given(position=st.sampled_from(POSITIONS), reply=TEXTS)
def test_no_reply_can_break_the_reading(name: str, position: Position, reply: str) -> None:
    texts = built(name, position, 1, False).read(reply)
    assert len(texts) <= 1
    plain = reply.replace("**", "").encode("utf-16", "surrogatepass")
    for text in texts:
        # Nothing is made up; the first letter may be another one, or three ("ΐ" in upper case).
        assert text[3:] in reply or text[3:] in plain.decode("utf-16", "surrogatepass")


HALVES = ["\ud83d", "**", "\ude00", "<INS>", "</INS>", "[", "]", "a"]


@pytest.mark.parametrize("name", META_PROMPTS)
@given(written=st.lists(st.sampled_from(HALVES)).map(lambda parts: json.dumps("".join(parts))))
def test_what_is_read_survives_the_journal(name: str, written: str) -> None:
    # Replies come as JSON, in which two halves of a character side by side are the character.
    for text in built(name, "Q_begin", 1, False).read(json.loads(written)):
        assert json.loads(json.dumps(text)) == text


@pytest.mark.parametrize("position", ["Q_begin", "A_begin"])
@pytest.mark.parametrize("name", META_PROMPTS)
@pytest.mark.parametrize("mark", MARKS)
def test_a_megabyte_of_marks_is_read_in_one_go(name: str, position: Position, mark: str) -> None:
    # With a search from every mark to the end this would take hours.
    reply = mark * (2**20 // len(mark))
    (*texts,) = built(name, position, 1, False).read(reply)
    assert all(len(text) <= len(reply) for text in texts)


@pytest.mark.parametrize("name", META_PROMPTS)
@pytest.mark.parametrize("unit", [*MARKS, *"(<a \0", "<INS></INS>", "<INS>\n", "[a]"])
def test_a_reply_of_a_megabyte_of_one_thing_is_read(name: str, unit: str) -> None:
    """In no time, or this takes hours: whatever is slow on such a text is quadratic at least."""
    strategy = built(name, "Q_begin", 3, first=False)
    text = unit * (1_000_000 // len(unit))
    for reply in (text, f"<INS>{text}", f"{text}</INS>", f"[{text}"):
        assert isinstance(strategy.read(reply), tuple)
