"""A server that says the key which it was sent: nobody else learns it, and grading sees it."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.run.events import Answered, Checked, Event, FirstReply, Proposed
from opro_cli.core.task.example import ChatReply, ChatRequest, Choice
from opro_cli.metrics.text import ExactMetric
from opro_cli.models.accounts import collect_sent_keys
from opro_cli.models.redaction import Spellings, build_redactor, redact
from opro_cli.testing.session import ScriptedModel
from tests.cli.conftest import CONFIG, Opro
from tests.fakes.memory_cache import MemoryCache
from tests.hostile.key_readers import ENCODINGS, KEY, holds
from tests.loop.runs import MemoryJournal, model_evaluator, new_runner, say
from tests.server import Fault, LocalServer, Options
from tests.server.brain import Brain, ChatCall
from tests.server.threaded import serving

encodings = pytest.mark.parametrize("encoding", ENCODINGS)


@encodings
def test_a_key_is_found_however_it_is_written(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_API_KEY", KEY)
    spelt = ENCODINGS[encoding](KEY)
    assert holds(f"before {spelt} behind".encode())
    for text in (spelt, f"before {spelt} behind", f"{{{spelt}}}", f"{spelt}\n{spelt}"):
        without = build_redactor([KEY])(text)
        assert "[redacted]" in without
        assert not holds(without.encode())
        assert not holds(redact(text).encode())


@given(
    key=st.text("abcdefXYZ0189-_./+=", min_size=12, max_size=60),
    before=st.binary(max_size=5),
    behind=st.binary(max_size=5),
)
def test_base64_of_any_key_is_found_wherever_it_stands(
    key: str, before: bytes, behind: bytes
) -> None:
    for encode in (b64encode, urlsafe_b64encode):
        spelt = encode(before + key.encode() + behind).decode()
        assert holds(spelt.encode(), key)
        for text in (spelt, spelt.rstrip("=")):
            assert not holds(Spellings(key).remove_from(text).encode(), key)


@pytest.mark.parametrize(
    "text", ["", "The answer is 7.", "sk-abcdefgh1234", "Bearer of news", "50 % of \\u0041 \\x41"]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert build_redactor([KEY])(text) is text
    assert build_redactor([])(text) is text


@pytest.mark.parametrize("key", ["no-key-needed", "EMPTY", "none", "lm-studio", "elevenchars"])
def test_a_dummy_is_no_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPRO_API_KEY", key)
    assert collect_sent_keys("openai/m", "http://127.0.0.1:1/v1") == frozenset()


@pytest.mark.parametrize(
    ("name", "base", "variable"),
    [
        ("openai/gpt-4o-mini", None, "OPENAI_API_KEY"),
        ("gpt-4o-mini", None, "OPENAI_API_KEY"),
        ("openai/m", "http://127.0.0.1:1/v1", "OPRO_API_KEY"),
        ("hosted_vllm/m", "http://127.0.0.1:1/v1", "HOSTED_VLLM_API_KEY"),
        ("gemini/gemini-2.0-flash", None, "GOOGLE_API_KEY"),
        ("replicate/m", None, "REPLICATE_API_TOKEN"),
        ("bedrock/m", None, "AWS_SESSION_TOKEN"),
    ],
)
def test_the_keys_of_a_model_are_those_that_are_sent_to_it(
    name: str, base: str | None, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_OTHER_API_KEY", "the-key-of-somebody-else")
    monkeypatch.setenv(variable, f"{KEY}\n")
    assert collect_sent_keys(name, base) == {KEY}


def texts_of(event: Event) -> list[str]:
    if isinstance(event, Proposed):
        return [event.text, *event.instructions, event.finish_reason]
    if isinstance(event, Answered):
        return [event.text, event.answer or "", event.finish_reason]
    return [event.text] if isinstance(event, FirstReply | Checked) else []


def saying(spelt: str) -> ScriptedModel:
    """A model that has the key in each reply, beside the answer, and in each instruction."""

    def reply(request: ChatRequest) -> ChatReply:
        said = say(request).replace("<INS>", f"<INS>{spelt} ")
        more = tuple(Choice(said + str(n), spelt) for n in range(1, request.choices))
        return ChatReply(f"{said}\n{spelt}", spelt, 5, 5, 0.0, more)

    return ScriptedModel(reply)


@encodings
@pytest.mark.parametrize("task", [{}, {"second_round": True}], ids=["one round", "two rounds"])
async def test_nothing_is_recorded_kept_or_sent_on_with_a_key(
    encoding: str, task: dict[str, Any]
) -> None:
    journal, cache = MemoryJournal(), MemoryCache()
    model = saying(ENCODINGS[encoding](KEY))
    runner = new_runner(
        journal, scorer=model, task=task, caches={"scorer": cache}, proposing={"cache": True}
    )
    runner.redact = runner._calls.redact = build_redactor([KEY])
    assert await runner.run() == "finished"
    texts = [text for event in journal.events for text in texts_of(event)]
    assert "[redacted]" in " ".join(texts)
    texts += [request.messages[-1].content for request in model.requests]
    texts += [reply.text + reply.finish_reason for reply in cache.answers.values()]
    assert not [text for text in texts if holds(text.encode())]


async def test_a_reply_is_graded_as_it_came() -> None:
    """The right answer is the key itself: it is right, and what is written is not it."""
    journal = MemoryJournal()
    model = ScriptedModel(lambda request: f"The answer is {len(request.messages)}{KEY}.")
    runner = new_runner(journal, scorer=model, steps=0)
    runner.examples = runner._scoring.examples = {
        split: [type(each)(each.input, f"1{KEY}", each.source) for each in rows]
        for split, rows in runner.examples.items()
    }
    runner._scoring.evaluator = model_evaluator(runner.settings, ExactMetric())
    runner._calls.redact = build_redactor([KEY])
    assert await runner.run() == "finished"
    answered = [event for event in journal.events if isinstance(event, Answered)]
    assert {(each.answer, each.score) for each in answered} == {("1[redacted]", 1.0)}


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai/stub", "OPRO_API_KEY"),
        pytest.param("mistral/stub", "MISTRAL_API_KEY", marks=pytest.mark.slow),  # by litellm
    ],
)
def test_a_run_leaves_no_key_on_disk_nor_on_the_terminal(
    opro: Opro, folder: Path, name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says it in answers, in instructions and in errors, in every encoding."""
    monkeypatch.setenv(variable, KEY)
    monkeypatch.setenv("OPRO_CACHE_DIR", str(folder / "cache"))
    spelt = list(ENCODINGS.values())
    brain = Brain({f"What is {n} plus {n}?": str(2 * n) for n in range(1, 31)})

    def reply(call: ChatCall, choice: int) -> str:
        form = spelt[len(call.content) % len(spelt)](KEY)
        return brain.reply(call, choice).replace("<INS>", f"<INS>{form} ") + f"\n\n{form}"

    errors = {
        5 + 4 * n: Fault.http(500, f"no: {form(KEY)}", Retry_After_Ms="1")
        for n, form in enumerate(spelt)
    }
    options = Options(models=("stub",), faults=errors)
    with serving(LocalServer(options=options, brain=reply)) as server:
        config = yaml.safe_load(CONFIG)
        config["scorer"] = config["optimizer"] = {"model": name, "api_base": server.url}
        config["optimizer"] = {**config["optimizer"], "cache": True}
        (folder / "c.yaml").write_text(yaml.safe_dump(config))
        said = opro("optimize", "c.yaml", "--no-preflight")
        assert said.code == 0
        assert server.requests[0].authorization == f"Bearer {KEY}"
    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (journal,) = (data for path, data in written.items() if path.name == "events.jsonl")
    assert journal.count(b'"retried"') >= len(spelt) / 2
    assert [path for path, data in written.items() if holds(data)] == []
    assert not holds((said.out + said.err).encode())
    assert journal.count(b"[redacted]") > 100
