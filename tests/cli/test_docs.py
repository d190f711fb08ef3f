"""`opro docs` and `opro schema`: the manual and the schemas that ship."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

from opro_cli.app.manual import list_topics
from opro_cli.cli.setup import _topics
from opro_cli.config.templates import schema_text
from tests.cli.conftest import Opro
from tests.manual import DOCS


def test_docs_lists_every_page_with_a_line(opro: Opro) -> None:
    out = opro("docs").out
    for topic in list_topics():
        assert f"  {topic.name} " in out
        assert topic.summary in out
    assert out.index("Guide:") < out.index("Method:") < out.index("Reference:")


@pytest.mark.parametrize("topic", [topic.name for topic in list_topics()])
def test_a_page_goes_into_a_pipe_as_it_is(opro: Opro, topic: str) -> None:
    if topic != "json":  # written apart
        assert opro("docs", topic).out == (DOCS / f"{topic}.md").read_text("utf-8")


def test_a_mistyped_topic_is_corrected(opro: Opro) -> None:
    run = opro("docs", "verdict")
    assert run.code == 2
    assert 'no topic "verdict" in the manual; there are own-data,' in run.err
    assert "hint: did you mean verdicts?" in run.err
    assert "hint: `opro docs` lists the topics" in opro("docs", "../../README").err


def test_a_topic_is_completed_with_its_summary() -> None:
    assert _topics("e") == [
        (topic.name, topic.summary) for topic in list_topics() if topic.name[0] == "e"
    ]
    assert list(dict(_topics("ev"))) == ["eval", "evolve"]


def shown_on_a_terminal(tmp_path: Path, topic: str, *, named: bool = True) -> str:
    """Return what `opro docs TOPIC` sends to the pager, in a terminal of 80 columns.

    Args:
        tmp_path: For the pager.
        topic: Of the manual.
        named: $PAGER names it; else it is the `less` of $PATH.
    """
    pager = tmp_path / "less"
    pager.write_text('#!/bin/sh\necho "LESS=$LESS $@"\nexec cat\n')
    pager.chmod(0o755)
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    for name in ("LESS", "PAGER", "MANPAGER"):
        environment.pop(name, None)
    way = {"PAGER": str(pager)} if named else {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environment |= way
    shown: str = pexpect.run(
        f"{sys.executable} -m opro_cli docs {topic}",
        env=environment,
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 80),
    )
    return shown


def test_a_terminal_shows_the_page_through_the_pager(tmp_path: Path) -> None:
    shown = shown_on_a_terminal(tmp_path, "config")
    assert ("LESS=FRX" in shown) == (sys.version_info < (3, 13))  # then pydoc has its own
    assert re.search(r"LESS=.*FRX", shown_on_a_terminal(tmp_path, "config", named=False))
    assert "\x1b[" in shown  # rendered
    assert "**" not in shown
    assert "<!--" not in shown
    words = re.sub(r"\x1b\[[\d;]*m", "", shown).split()
    assert "sweeps (opro docs sweeps)" in " ".join(words)


@pytest.mark.parametrize("topic", ["providers", "scaling", "run-folder"])
def test_a_table_is_not_cut(tmp_path: Path, topic: str) -> None:
    page = (DOCS / f"{topic}.md").read_text("utf-8")
    assert shown_on_a_terminal(tmp_path, topic).count("…") == page.count("…")


@pytest.mark.parametrize("arguments", [[], ["--sweep"]], ids=str)
def test_the_schema_is_the_one_that_ships(opro: Opro, arguments: list[str]) -> None:
    kind = "sweep" if arguments else "config"
    assert opro("schema", *arguments).out == (DOCS / f"{kind}.schema.json").read_text("utf-8")


def test_init_writes_the_schema_that_the_first_line_names(opro: Opro, folder: Path) -> None:
    (folder / "new").mkdir()
    (folder / "new" / ".opro.schema.json").write_text("{}")  # of an older opro
    assert opro("init", "new/my grid.yaml", "--template", "embedded-sweep").code == 0
    for name, kind in (("my grid", "sweep"), ("quickstart", "config")):
        line = (folder / "new" / f"{name}.yaml").read_text().partition("\n")[0]
        schema = folder / "new" / line.removeprefix("# yaml-language-server: $schema=")
        assert schema.read_text("utf-8") == schema_text("sweep" if kind == "sweep" else "config")


def test_a_written_config_names_its_own_file(opro: Opro, folder: Path) -> None:
    opro("init", "mine.yaml")
    text = (folder / "mine.yaml").read_text("utf-8")
    assert "#   opro optimize mine.yaml\n" in text
    assert "configs/" not in text
    assert opro("check", "mine.yaml").code == 0


def test_no_name_of_a_file_can_end_the_comment_that_it_stands_in(opro: Opro, folder: Path) -> None:
    name = "a\nname: evil\n.yaml"
    assert opro("init", name).code == 0
    assert "evil" in (folder / name).read_text("utf-8")
    assert opro("check", name).code == 0
