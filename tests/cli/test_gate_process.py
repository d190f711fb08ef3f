"""`opro gate` as a process over real HTTP: an outage, a budget, and kills that show nowhere."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_process import PATIENCE_S, Bench
from tests.server import Fault, LocalServer, Options
from tests.server.brain import ChatCall

CONFIG = """\
name: sums
task:
  data: {{train: rows.jsonl, input: question, target: answer, split: {{train: 1, test: 119}}}}
  answer: number
scorer: {{model: openai/stub, api_base: "{url}", concurrency: 4}}
optimizer: {{model: openai/stub, api_base: "{url}"}}
"""
GATE = ("gate", "c.yaml", "-p", "old.md", "-p", "new.md", "--plain", "--json")
KILLS = int(os.environ.get("OPRO_KILLS", "10"))


def answer(call: ChatCall, choice: int = 0) -> str:
    """Right, but for one question of four under the new prompt."""
    del choice
    if "What is" not in call.content:
        return "Ready."
    number = int(call.content.split("What is ")[1].split(" ")[0])
    return f"The answer is {2 * number + ('Add fast.' in call.content and number % 4 == 0)}."


def new_server(**options: Any) -> LocalServer:
    return LocalServer(options=Options(models=("stub",), **options), brain=answer)


def bench(folder: Path, server: LocalServer) -> Bench:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"question": f"What is {n} plus {n}?", "answer": str(2 * n)} for n in range(1, 121)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "c.yaml").write_text(CONFIG.format(url=server.url))
    (folder / "old.md").write_text("Add with care.\n")
    (folder / "new.md").write_text("Add fast.\n")
    return Bench(folder, server)


async def finish(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def finding(out: str) -> dict[str, Any]:
    """What was found, without what a kill may have cost again or another folder is called."""
    return {key: value for key, value in json.loads(out).items() if key not in ("run", "calls")}


async def test_an_outage_ends_with_1_and_the_same_command_goes_on(tmp_path: Path) -> None:
    def faults(number: int) -> Fault | None:
        return Fault.http(401, "no such key") if number >= 12 and down else None

    down = True
    async with new_server(faults=faults) as server:
        at = bench(tmp_path, server)
        code, out, err = await finish(await at.opro(*GATE, "--junit", "gate.xml"))
        assert (code, out) == (1, "")
        assert "no such key" in json.loads(err.splitlines()[-1])["error"]["message"]
        assert 'errors="1"' in (tmp_path / "gate.xml").read_text()
        down, before = False, len(server.requests)
        code, out, _ = await finish(await at.opro(*GATE))
        assert code == 4
        assert json.loads(out)["verdict"] == "worse"
        assert len(server.requests) - before < json.loads(out)["calls"]


THEN = r"""
  prompt:
    - system: 'Be kind \{{so}} and {brief}. {{instruction}}'
    - user: "One plus one?"
    - assistant: "The answer is 2."
    - user: "{{hint}}: {{question}}"
"""
NOW = r"""
  prompt:
    - system: file:system.md
    - user: "{{question}} ({{hint}}) Add fast."
"""
SYSTEM = "{{instruction}}\n\nNo \\{{more}} than that.\n"


async def test_every_message_of_a_changed_chat_is_sent_as_its_own_config_would_send_it(
    tmp_path: Path,
) -> None:
    # Hostile rows: what stands in a question is no hole of the other side's chat.
    hints = ["{{question}}", r"\{{instruction}}", "plain"]
    rows = [
        {"question": f"What is {n} plus {n}?", "answer": str(2 * n), "hint": hints[n % 3]}
        for n in range(1, 121)
    ]
    async with new_server() as server:
        at = bench(tmp_path, server)
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / "start.md").write_text("Add {both} numbers.")
        (tmp_path / "system.md").write_text(SYSTEM)
        start = "search: {start: file:start.md}\n"
        config = CONFIG.format(url=server.url) + start
        (tmp_path / "c.yaml").write_text(
            config.replace("  answer: number\n", f"{THEN}  answer: number\n")
        )
        commit_all(tmp_path)
        (tmp_path / "c.yaml").write_text(
            config.replace("  answer: number\n", f"{NOW}  answer: number\n")
        )
        gate = ("gate", "c.yaml", "--against", "HEAD", "--no-preflight", "--plain", "--json")
        code, out, err = await finish(await at.opro(*gate))
        assert code == 4, err
        sent = [[tuple(each.values()) for each in e.body["messages"]] for e in server.requests]
    asked = json.loads(out)["asked"]
    assert len(sent) == 2 * asked
    by_side = [[chat for chat in sent if len(chat) == length] for length in (4, 2)]
    assert [len(chats) for chats in by_side] == [asked, asked]
    questions = [row for row in rows if any(row["question"] in chat[-1][1] for chat in by_side[1])]
    assert sorted(by_side[0]) == sorted(
        [
            ("system", "Be kind {{so}} and {brief}. Add {both} numbers."),
            ("user", "One plus one?"),
            ("assistant", "The answer is 2."),
            ("user", f"{row['hint']}: {row['question']}"),
        ]
        for row in questions
    )
    assert sorted(by_side[1]) == sorted(
        [
            ("system", "Add {both} numbers.\n\nNo {{more}} than that.\n"),
            ("user", f"{row['question']} ({row['hint']}) Add fast."),
        ]
        for row in questions
    )


def commit_all(folder: Path) -> None:
    names = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in WHO}
    empty = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    environment = {**os.environ, **names, **empty}
    for arguments in (("init", "-q", "."), ("add", "-A"), ("commit", "-qm", "then")):
        subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


WHO = ("NAME", "EMAIL")


@pytest.mark.slow
async def test_a_ceiling_ends_with_3_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    async with new_server() as server:
        at = bench(tmp_path, server)
        code, out, err = await finish(await at.opro(*GATE, "--budget", "calls=20"))
        assert code == 3
        assert json.loads(out)["verdict"] == "unfinished"
        assert "the same command with --budget calls=+AMOUNT goes on" in err
        code, out, _ = await finish(await at.opro(*GATE))
        assert code == 4
        asked = Counter(json.dumps(entry.body, sort_keys=True) for entry in server.requests)
        assert max(asked.values()) == 1
        assert sum(asked.values()) == json.loads(out)["calls"]


@pytest.mark.slow
async def test_killed_at_any_moment_a_gate_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    moments = random.Random(int(os.environ.get("OPRO_KILL_SEED", "1")))
    async with new_server(latency_ms=15) as server:
        whole = bench(tmp_path / "whole", server)
        code, expected, _ = await finish(await whole.opro(*GATE))
        assert code == 4
        questions = Counter(json.dumps(entry.body, sort_keys=True) for entry in server.requests)
        for kill in range(KILLS):
            at = bench(tmp_path / f"killed-{kill}", server)
            for _ in range(2):
                before = len(server.requests)
                process = await at.opro(*GATE)
                wanted = before + moments.randint(0, 60)
                while process.returncode is None and len(server.requests) < wanted:
                    await asyncio.sleep(0.003)
                if process.returncode is None:
                    process.kill()
                await process.communicate()
                await at.server_is_quiet()
                if list(at.folder.glob("runs/gates/*/result.json")):
                    break
            if not list(at.folder.glob("runs/gates/*/result.json")):
                code, out, _ = await finish(await at.opro(*GATE))
                assert code == 4
                assert finding(out) == finding(expected)
            (journal,) = at.folder.glob("runs/gates/[!.]*/events.jsonl")
            lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
            asked = Counter(
                (line["candidate"], line["question"])
                for line in lines
                if line["event"] == "answered"
            )
            assert max(asked.values()) == 1
            assert len(asked) == sum(questions.values())
