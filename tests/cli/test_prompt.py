"""`opro prompt` and `opro apply`: the prompt that a run found, and the file that it came from."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import opro_cli
from opro_cli import Ask, Draft, SearchView, Strategy
from opro_cli.app import open_prompts
from opro_cli.app.prompt import Application, fit_into_file, write_application
from opro_cli.core.task.example import ChatRequest, Example
from opro_cli.core.task.prompt import Demo
from opro_cli.errors import UsageError
from opro_cli.models import MODELS
from opro_cli.reports.prompts import note_names
from opro_cli.testing.session import ScriptedModel
from tests.cli.conftest import Opro, only_run

CONFIG = """\
name: shop
task:
  data:
    train: rows.jsonl
    input: ticket
    target: label
    split: {train: 20, dev: 20, test: 40}
  answer: label
  prompt:
    - system: file:prompts/support.md
    - user: "{{ticket}}\\n\\n{{demos}}"
    - assistant: "Label:"
scorer: {model: scripted/scorer}
optimizer: {model: scripted/optimizer}
search: {start: "file:prompts/start.md", steps: 1, candidates_per_step: 3, baselines: []}
"""
START = "Hello {name},\n\n* **say** it\n"
FOUND = "Look carefully, {name}."


def say(request: ChatRequest) -> str:
    """Propose three prompts by seed; a scorer that was told to look carefully is right."""
    text = "\n".join(message.content for message in request.messages)
    if "Your task is to generate" in text:
        return f"<INS>{next(PROPOSALS)}</INS>"
    if "say nothing" in text:
        return "?"
    number = int(text.partition("Ticket ")[2].partition(".")[0] or 1)
    return "odd" if number % 2 or "carefully" not in text else "even"


PROPOSALS = iter(())


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a prompt in two files, and a model that a better prompt helps."""
    proposals = iter([FOUND, "Look carefully.", "Look carefully, {name} and {other}."] * 3)
    monkeypatch.setattr(sys.modules[__name__], "PROPOSALS", proposals)
    monkeypatch.setitem(MODELS, "scripted", lambda _: ScriptedModel(say))
    rows = [{"ticket": f"Ticket {n}.", "label": ("even", "odd")[n % 2]} for n in range(80)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "prompts").mkdir()
    (folder / "prompts/support.md").write_text("You are {single}.\n\n{{instruction}}\n")
    (folder / "prompts/start.md").write_text(START)
    (folder / "shop.yaml").write_text(CONFIG)
    return folder


@pytest.fixture
def start(shop: Path, opro: Opro) -> Path:
    """The file of the start prompt, of a run that found a better one."""
    assert opro("optimize", "shop.yaml", "--plain").code == 0
    return shop / "prompts/start.md"


def test_a_candidate_that_loses_or_adds_a_placeholder_is_rejected_with_that_reason(
    start: Path, opro: Opro
) -> None:
    result = opro("show", "shop", "--json").data
    assert result["proposals"]["skipped"] == {"loses {name}": 1, "adds {other}": 1}
    assert result["best"]["instruction"] == FOUND
    assert result["verdict"] == "improved"


def test_a_remedy_names_a_run_that_is_elsewhere_by_its_path(opro: Opro, shop: Path) -> None:
    assert opro("optimize", "shop.yaml", "--plain", "--runs-dir", "else where").code == 0
    (run,) = (shop / "else where").glob("shop-*")
    (shop / "prompts/start.md").write_text("Another one, {name}.\n")
    said = opro("apply", run.name, "--runs-dir", "else where", "--yes").err
    assert f"`opro prompt 'else where/{run.name}' --instruction` prints" in " ".join(said.split())


def test_a_hole_in_the_instruction_itself_is_not_taken_for_one(
    opro: Opro, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "prompts" / "start.md").write_text("Read {{ticket}} {{name}} twice.\n")
    proposals = ["Read {{ticket}} {{name}} carefully.", "Read {{ticket}}, {{name}}, {{demos}}."]
    monkeypatch.setattr(sys.modules[__name__], "PROPOSALS", iter(proposals * 3))
    said = opro("optimize", "shop.yaml", "--json")
    assert said.code == 0, said.err
    assert "adds {{demos}}" in said.data["proposals"]["skipped"]
    said = opro("prompt", "shop@start")
    assert r"Read \{{ticket}} {{name}} twice." in said.out
    assert said.out.count("{{ticket}}") == 2
    assert "nothing fills it" in " ".join(said.err.split())
    facts = opro("prompt", "shop@start", "--json").data
    assert facts["instruction"] == "Read {{ticket}} {{name}} twice.\n"
    assert any(r"Read \{{ticket}} {{name}}" in each["content"] for each in facts["messages"])


def test_the_best_prompt_is_printed_whole_with_its_holes(start: Path, opro: Opro) -> None:
    said = opro("prompt", "shop")
    assert (said.code, said.out) == (
        0,
        f"[system]\nYou are {{single}}.\n\n{FOUND}\n\n\n[user]\n{{{{ticket}}}}\n\n"
        "[assistant]\nLabel:",
    )
    assert opro("prompt", "shop", "--instruction").out == FOUND
    assert opro("prompt", "shop@start", "--instruction").out == START
    facts = opro("prompt", "shop", "--json").data
    assert facts["messages"] == [
        {"role": "system", "content": f"You are {{single}}.\n\n{FOUND}\n"},
        {"role": "user", "content": "{{ticket}}"},
        {"role": "assistant", "content": "Label:"},
    ]
    assert (facts["instruction"], facts["step"]) == (FOUND, 1)


def test_answers_under_a_prompt_with_holes_for_fields_show_where_they_were_read(
    shop: Path, opro: Opro
) -> None:
    text = CONFIG.replace("{{ticket}}\\n", "{{ticket}} ({{label}})\\n")
    assert text != CONFIG
    (shop / "shop.yaml").write_text(text)
    opro("optimize", "shop.yaml", "--plain")
    shown = opro("show", "shop@start", "--answers", "--json")
    assert shown.code == 0, shown.err
    spans = [
        (each["answer"], each["read_from"]) for each in shown.data["answers"] if each["replies"]
    ]
    assert spans
    assert all(span for read, span in spans if read)


def test_answers_with_several_golds_show_where_they_were_read(opro: Opro, folder: Path) -> None:
    rows = [
        {"question": f"What is {n} plus {n}?", "answer": [f"{2 * n}.5", str(2 * n)]}
        for n in range(30)
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    opro("optimize", "c.yaml", "--steps", "0")
    answers = opro("show", "@last@start", "--answers", "--json").data["answers"]
    right = [each for each in answers if each["judgement"] == "right"]
    assert right
    assert all(each["read_from"] for each in right)


def test_a_prompt_of_one_message_is_printed_as_it_is_sent(opro: Opro) -> None:
    assert opro("optimize", "c.yaml", "--plain").code == 0
    said = opro("prompt", "sums@start")
    assert said.out == "Q: Let's solve the problem.\n{{question}}\n\nA:"


def test_apply_writes_the_prompt_into_its_file_and_keeps_a_copy(start: Path, opro: Opro) -> None:
    start.chmod(0o640)
    (older := start.with_name("start.md.bak")).write_text("older")
    said = opro("apply", "shop", "--yes")
    assert said.code == 0
    assert start.read_text() == f"{FOUND}\n"
    assert stat.S_IMODE(start.stat().st_mode) == 0o640
    assert older.read_text() == "older"
    assert start.with_name("start.md.bak.1").read_text() == START
    assert f"+ {FOUND}" in said.err
    assert "- * **say** it" in said.err
    assert sorted(each.name for each in start.parent.iterdir()) == [
        "start.md",
        "start.md.bak",
        "start.md.bak.1",
        "support.md",
    ]
    again = opro("apply", "shop", "--yes")
    assert (again.code, "already" in again.err) == (0, True)
    assert not start.with_name("start.md.bak.2").exists()


def test_a_link_stays_a_link(shop: Path, opro: Opro) -> None:
    real = shop / "real.md"
    (shop / "prompts/start.md").replace(real)
    (shop / "prompts/start.md").symlink_to(real)
    assert opro("optimize", "shop.yaml", "--plain").code == 0
    assert opro("apply", "shop", "--yes").code == 0
    assert (shop / "prompts/start.md").is_symlink()
    assert real.read_text() == f"{FOUND}\n"


def test_without_a_yes_a_pipe_writes_nothing(start: Path, opro: Opro) -> None:
    for arguments in (("apply", "shop"), ("apply", "shop", "--json")):
        said = opro(*arguments)
        assert said.code == 2
        assert "say --yes" in said.err
    assert start.read_text() == START


@pytest.mark.parametrize(("typed", "content"), [("y\n", f"{FOUND}\n"), ("\n", START)])
def test_a_terminal_is_asked(
    typed: str, content: str, start: Path, opro: Opro, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.StringIO(typed)
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    said = opro("apply", "shop")
    assert said.code == 0
    assert "write it into" in said.err
    assert start.read_text() == content


def test_json_names_the_file_and_the_copy(start: Path, opro: Opro) -> None:
    facts = opro("apply", "shop", "--yes", "--json").data
    assert (facts["file"], facts["copy"]) == (str(start), f"{start}.bak")
    assert facts["written"] is True


def test_a_file_that_changed_since_is_shown_and_not_written(start: Path, opro: Opro) -> None:
    start.write_text(START + "* mine\n")
    for arguments in (("--yes",), ("--yes", "--anyway")):
        said = opro("apply", "shop", *arguments)
        assert said.code == 2
        assert "+ * mine" in said.err
        assert f"+ {FOUND}" in said.err
        assert "changed since the run began" in said.err
    assert start.read_text() == START + "* mine\n"


def test_other_line_breaks_are_no_change(start: Path, opro: Opro) -> None:
    start.write_bytes(START.replace("\n", "\r\n").encode())
    assert opro("apply", "shop", "--yes").code == 0
    assert start.read_bytes() == f"{FOUND}\r\n".encode()


def test_a_file_that_is_gone_or_read_only_is_refused(
    start: Path, opro: Opro, monkeypatch: pytest.MonkeyPatch
) -> None:
    start.chmod(0o444)
    if os.geteuid():  # root may write what it likes
        assert opro("apply", "shop", "--yes").code == 1
    start.unlink()
    said = opro("apply", "shop", "--yes")
    assert said.code == 2
    assert "--instruction > FILE" in said.err


def test_a_run_without_a_gain_is_applied_only_anyway(
    shop: Path, opro: Opro, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four test questions prove nothing."""
    config = (shop / "shop.yaml").read_text().replace("test: 40", "test: 4")
    (shop / "shop.yaml").write_text(config)
    assert opro("optimize", "shop.yaml", "--plain").code == 0
    said = opro("apply", "shop", "--yes")
    assert said.code == 2
    assert "no measurable gain" in said.err
    assert (shop / "prompts/start.md").read_text() == START
    assert opro("apply", "shop", "--yes", "--anyway").code == 0
    assert (shop / "prompts/start.md").read_text() == f"{FOUND}\n"


def test_a_start_prompt_that_won_is_not_written(
    shop: Path, opro: Opro, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "prompts/start.md").write_text("Look carefully, {name}!\n")
    assert opro("optimize", "shop.yaml", "--plain").code == 0
    said = opro("apply", "shop", "--yes", "--anyway")
    assert said.code == 2
    assert "nothing to write" in said.err


def test_a_run_from_no_file_names_the_way_by_hand(shop: Path, opro: Opro) -> None:
    text = (shop / "shop.yaml").read_text().replace('"file:prompts/start.md"', '"Hi {name}"')
    (shop / "shop.yaml").write_text(text)
    assert opro("optimize", "shop.yaml", "--plain").code == 0
    said = opro("apply", "shop", "--yes")
    assert said.code == 2
    assert "no start prompt of this run is from a file" in said.err
    assert "opro prompt shop-" in said.err


def test_a_run_goes_on_without_the_files(shop: Path, opro: Opro) -> None:
    text = (shop / "shop.yaml").read_text() + "budget: {calls: 30}\n"
    (shop / "shop.yaml").write_text(text)
    assert opro("optimize", "shop.yaml", "--plain", "--set", "search.racing=false").code == 3
    for file in ("start.md", "support.md"):
        (shop / "prompts" / file).write_text("other")
    assert opro("resume", "--last", "--budget", "calls=none", "--plain").code == 0
    assert opro("prompt", "shop@start", "--instruction").out == START


def test_two_holes_that_no_row_can_fill_are_named_by_file_and_line(shop: Path, opro: Opro) -> None:
    (shop / "prompts/support.md").write_text("You are.\n\n{{tiket}} {{instruction}}\n{{zzz}}\n")
    said = opro("check", "shop.yaml")
    assert said.code == 2
    where = shop / "prompts/support.md"
    assert f"{where}:3: {{{{tiket}}}}: rows.jsonl has no field tiket; it has ticket" in said.err
    assert f"{where}:4: {{{{zzz}}}}: rows.jsonl has no field zzz; it has ticket" in said.err
    assert 'did you mean "ticket"?' in said.err


def test_a_hole_of_the_config_is_named_by_its_key(shop: Path, opro: Opro) -> None:
    text = (shop / "shop.yaml").read_text().replace("{{ticket}}", "{{nothing}}")
    (shop / "shop.yaml").write_text(text)
    said = opro("check", "shop.yaml")
    assert "task.prompt.1.user, line 1: {{nothing}}: rows.jsonl has no field nothing" in said.err


def test_a_hole_for_what_is_no_text_is_named_by_file_and_line(shop: Path, opro: Opro) -> None:
    rows = [{"ticket": f"Ticket {n}.", "label": "ab"[n % 2], "x": {"y": 1}} for n in range(80)]
    (shop / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (shop / "prompts/support.md").write_text("{{instruction}}\n{{x}}\n")
    said = opro("check", "shop.yaml")
    assert said.code == 2
    place = shop / "prompts/support.md"
    fault = "no row of rows.jsonl can be used: field x: expected text"
    assert f"{place}:2: {{{{x}}}}: {fault}" in said.err
    assert "name a part of it" in said.err


def notes(opro: Opro, config: str) -> list[str]:
    """Return the notes of `opro check`."""
    found: list[str] = opro("check", config, "--json").data["notes"]
    return found


@pytest.mark.parametrize("spelled", ["{ticket}", "{{ticket}}", "{question}", "$ticket"])
def test_a_name_in_optimized_text_is_noted(shop: Path, opro: Opro, spelled: str) -> None:
    (shop / "prompts/start.md").write_text(f"Sort {spelled} into a label")
    (note,) = [each for each in notes(opro, "shop.yaml") if "as it stands" in each]
    assert note.startswith(f"{spelled} in a start prompt is sent as it stands, and not filled")


def test_the_hole_that_a_note_names_has_all_parts() -> None:
    (note,) = note_names(["Of {customer.since}"], ["customer"])
    assert "not filled with the field customer.since; " in note
    assert "{{customer.since}}" in note


def test_a_start_prompt_that_names_a_file_is_noted(shop: Path, opro: Opro) -> None:
    text = (shop / "shop.yaml").read_text().replace("file:prompts/start.md", "prompts/start.md")
    (shop / "shop.yaml").write_text(text)
    (note,) = [each for each in notes(opro, "shop.yaml") if "names a file" in each]
    assert "file:prompts/start.md" in note
    assert note in opro("optimize", "shop.yaml", "--plain").err  # where nobody has checked


def test_listed_prompts_that_change_a_hole_of_the_application_are_noted(
    shop: Path, opro: Opro
) -> None:
    listed = "strategy: list, start: 'Of {name}.', candidates: ['For {name}', Sort, Add], steps: 1"
    before = (shop / "shop.yaml").read_text().partition("search: {")[0]
    (shop / "shop.yaml").write_text(f"{before}search: {{{listed}, baselines: []}}\n")
    note = next(each for each in notes(opro, "shop.yaml") if "will not be scored" in each)
    assert note.startswith('2 of 3 search.candidates will not be scored: "Sort" loses {name}; ')
    said = opro("optimize", "shop.yaml", "--plain").err
    assert "2 of 3 search.candidates will not be scored" in said


def test_check_shows_the_first_prompt_of_a_chat(shop: Path, opro: Opro) -> None:
    shown = opro("check", "shop.yaml", "--json").data["scorer_prompt"]
    assert [each["role"] for each in shown] == ["system", "user", "assistant"]
    assert shown[0]["content"] == f"You are {{single}}.\n\n{START}\n"
    assert shown[1]["content"].startswith("Ticket ")


class Second(Strategy):
    """Makes a better prompt out of the second start prompt."""

    name = "second"

    def propose(self, view: SearchView, step: int) -> list[Ask | Draft]:
        return [Draft(FOUND, parents=(view.candidates()[1].id,))]

    def read(self, reply: str, ask: Ask) -> list[str]:
        return []


@pytest.mark.parametrize("lineage", [True, False])
def test_of_several_files_the_one_of_the_winners_ancestor_is_written(
    shop: Path, opro: Opro, lineage: bool
) -> None:
    """Without parents it is the start prompt that the winner was compared with: the first."""
    (shop / "other.md").write_text("Bye {name}, say nothing.")
    opro_cli.optimize(
        "shop.yaml",
        search={"start": ["file:prompts/start.md", "file:other.md"], "candidates_per_step": 1},
        strategy=Second() if lineage else None,
        name="two",
    )
    said = opro("apply", "two", "--yes")
    assert said.code == 0, said.err
    files = ["prompts/start.md", "other.md"]
    changed = [file for file in files if FOUND in (shop / file).read_text()]
    assert changed == [files[lineage]]
    assert ("was made from start prompt 2" in said.err) is lineage


def test_python_takes_the_same_keys(shop: Path) -> None:
    chat: list[dict[str, Any]] = [{"user": "{{instruction}}\n\n{{ticket}}"}]
    run = opro_cli.optimize(
        task={
            "data": {"train": "rows.jsonl", "split": {"train": 10, "dev": 10, "test": 30}},
            "input": "ticket",
            "target": "label",
            "answer": "label",
            "prompt": chat,
        },
        scorer="scripted/scorer",
        optimizer="scripted/optimizer",
        search={"start": "file:prompts/start.md", "steps": 1, "baselines": []},
    )
    assert run.best == FOUND
    with pytest.raises(opro_cli.OproError, match=r"search\.start: .*no such file"):
        opro_cli.optimize("shop.yaml", search={"start": "file:none.md"})


@pytest.mark.parametrize(
    ("prompt", "found", "written"),
    [
        ("a\nb", b"x\n", b"a\nb\n"),
        ("a\nb", b"x", b"a\nb"),
        ("a\nb\n", b"x", b"a\nb"),
        ("a\nb", b"x\r\ny\r\n", b"a\r\nb\r\n"),
        ("a\r\nb", b"x\r\n", b"a\r\nb\r\n"),
        ("a\r\nb", b"x\n", b"a\r\nb\n"),
        ("a\nb", b"x\r\ny\n", b"a\nb\n"),
        ("a", b"\xef\xbb\xbfx\n\n", b"\xef\xbb\xbfa\n\n"),
        ("ä", "ö".encode(), "ä".encode()),
    ],
)
def test_a_file_keeps_its_line_breaks_its_end_and_its_mark(
    prompt: str, found: bytes, written: bytes
) -> None:
    assert fit_into_file(prompt, found) == written


@given(text=st.text(alphabet="a\r\n\ufeffä ", min_size=1), mark=st.booleans())
def test_the_prompt_of_a_file_put_back_leaves_it_as_it_was(text: str, mark: bool) -> None:
    data = b"\xef\xbb\xbf" * mark + text.encode()
    assert fit_into_file(data.decode("utf-8-sig"), data) == data


def test_a_file_that_changes_while_one_is_asked_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "start.md"
    path.write_bytes(b"newer")
    planned = Application("run", "run", path, "old", b"old", b"won", "")
    with pytest.raises(UsageError, match="changed a moment ago"):
        write_application(planned)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"newer"]


def test_nothing_in_a_shown_row_is_a_hole() -> None:
    row = Example("Fill {{question}} and {name}.", "{{x}}", "t", 0)
    shown = open_prompts._show_escaped(Demo(0), examples=[row], replies={})
    assert shown == (r"Fill \{{question}} and {name}.", r"\{{x}}")


def test_every_command_means_the_winner_that_was_tested(opro: Opro, folder: Path) -> None:
    """A snapshot without the start prompt's estimate on dev once had another prompt win."""
    opro("init", "first.yaml")
    said = opro(
        "optimize", "first.yaml", "--budget", "calls=359", "--set", "task.data.split.test=44"
    )
    assert said.code == 0
    run = only_run(folder)
    best = json.loads((run / "result.json").read_text())["best"]
    assert best["scores"]["dev"]["estimated"]
    assert best["scores"]["test"]["n"] == 44
    assert opro("prompt", run.name, "--instruction").out == best["instruction"]
    assert opro("show", run.name, "--json").data["best"] == best
    (answers,) = (opro("show", f"{run.name}@best", "--answers", "--json").data,)
    assert answers["instruction"] == best["instruction"]
