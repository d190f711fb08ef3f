"""All hostile texts at once on a real terminal: the live view, and every table after it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.hostile.cases import CASES
from tests.hostile.conftest import obeyed_in
from tests.render.test_live import screen_after

ROWS, COLUMNS = 300, 160
# What rich itself sends: styles, cursor moves within the frame, erasing, the cursor's visibility.
OURS = re.compile(
    r"\x1b\[(?:[0-9;]*m|[0-9]*[AGK]|[0-9]?J|H|\?(?:25|2004)[lh])|\r"
    r"|\x1b\]8;;[!-[\]-~]*\x1b\\"  # a link, whose address is percent-encoded
)

SCRIPT = """
import os, re, sys
os.chdir({folder!r})
os.environ["PAGER"] = "cat"
from opro_cli.models import MODELS
from opro_cli.cli import app
from opro_cli.testing.session import ScriptedModel
from tests.hostile.cases import CASES
from tests.hostile.scripted import Mouth

mouth = Mouth(CASES)
MODELS["scripted"] = lambda settings: ScriptedModel(mouth.say)
from opro_cli.calls import attempts as retries
retries.wait_after = lambda *_: 0.0
commands = {commands!r}
for command in commands:
    sys.argv = ["opro", *command]
    try:
        app.main()
    except SystemExit as ended:
        print("ended", ended.code)
"""
ODD = "\x1b]52;c;cm0K\x07\u202e\x9b2J"
COMMANDS = [
    ["optimize", "c.yaml", "--no-preflight", "--runs-dir", f"runs{ODD}"],
    ["optimize", "c.yaml", "--no-preflight", "--json"],
    ["show", "c-"],
    ["runs"],
    ["diff", "c-", "c-"],
    ["diff", "c-@start", "c-@1.1", "--replies"],
    ["diff", "c-@start", "c-@1.1", "c-@1.2", "--markdown", "--replies"],
    ["check", "c.yaml"],
    ["diff", "--", ODD, ODD],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"q": f"{case.text} (row {row})", "a": case.text}
        for row, case in enumerate(CASES)
        if case.is_data
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {
        "task": {
            "data": {
                "train": "t.jsonl",
                "input": "q",
                "target": "a",
                "split": {"train": 4, "dev": 0, "test": 4},
            },
            "answer": "exact",
        },
        "scorer": {"model": f"scripted/{ODD}"},
        "optimizer": {"model": "scripted/optimizer"},
        "search": {
            "steps": 1,
            "candidates_per_step": len(CASES),
            "max_instruction_chars": 10_000,
            "exemplars": 4,
        },
    }
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    return tmp_path


def test_no_text_reaches_the_terminal_as_anything_but_text(folder: Path) -> None:
    script = SCRIPT.format(folder=str(folder), commands=COMMANDS)
    lines, raw = screen_after(script, ROWS, COLUMNS)
    text = "\n".join(lines)
    assert text.count("ended 0") + text.count("ended None") == len(COMMANDS) - 1, text
    assert text.count("ended 2") == 1
    assert "Traceback" not in text
    for line in OURS.sub("", raw).split("\n"):
        assert not obeyed_in(line), line
    for case in CASES:
        # One of ours by chance: the text of "colour" begins as any style does.
        assert case.text not in raw or not obeyed_in(case.text), case.name
    shown = {case.name for case in CASES if case.text.isascii() and case.text.isprintable()}
    missing = {n for n in shown if next(c for c in CASES if c.name == n).text not in text}
    assert not missing
