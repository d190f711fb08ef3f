"""The manual's page on prompts, done as it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.task.example import ChatRequest
from opro_cli.models import MODELS
from opro_cli.testing.session import ScriptedModel
from tests.cli.conftest import Opro
from tests.documented import blocks
from tests.manual import DOCS

PAGE = DOCS / "prompts.md"
NAMED = re.compile(r"^`([\w/.]+)`[^\n]*:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILES = dict(NAMED.findall(PAGE.read_text("utf-8")))
BETTER = "Dear {agent},\n\n* name the team that the words of the ticket belong to"


def say(request: ChatRequest) -> str:
    """Answer rightly under the better prompt, and with one team under any other."""
    text = "\n".join(message.content for message in request.messages)
    if "Your task is to generate" in text:
        return f"<INS>{BETTER}</INS>"
    if "belong to" not in text:
        return "billing"
    return next(team for word, team in TEAMS.items() if word in text.rpartition("since")[2])


TEAMS = {"card": "billing", "password": "login", "parcel": "shipping"}


@pytest.fixture
def page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page, its row among others."""
    monkeypatch.setitem(MODELS, "scripted", lambda _: ScriptedModel(say))
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text.replace("openai/gpt-4o-mini", "scripted/any"))
    rows: list[dict[str, Any]] = [json.loads(FILES["tickets.jsonl"])]
    for number in range(199):
        word = list(TEAMS)[number % 3]
        ticket = f"The {word} of order {number} is wrong."
        rows.append({"ticket": ticket, "customer": {"since": 2000}, "team": TEAMS[word]})
    (folder / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_page_has_the_files_that_it_tells_of() -> None:
    assert [*FILES] == ["support.yaml", "prompts/support.md", "prompts/start.md", "tickets.jsonl"]


def test_the_page_does_as_it_says(page: Path, opro: Opro) -> None:
    shown = opro("check", "support.yaml", "--json").data
    system, user = (each["content"] for each in shown["scorer_prompt"])
    start = FILES["prompts/start.md"]
    assert system == FILES["prompts/support.md"].replace("{{instruction}}", start)
    assert re.match(r"Customer since 20\d\d\n\n\w", user)
    assert "{agent}" in shown["meta_prompt"][0]["content"].rpartition("placeholders")[2]
    assert opro("optimize", "support.yaml", "--plain").code == 0
    for block in blocks(PAGE, "console"):
        for line in block.splitlines():
            said = opro(*shlex.split(line.partition(" >")[0])[1:])
            asked = line == "opro apply support"  # which a pipe cannot answer
            assert said.code == (2 if asked else 0), said.err
    assert (page / "prompts/start.md").read_text() == f"{BETTER}\n"
    assert (page / "prompts/start.md.bak").read_text() == FILES["prompts/start.md"]
