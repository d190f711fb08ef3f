"""How one search of one method is run: opro by its command, everything else by `drive`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.search.tasks import Chat, Row, Task

ROOT = Path(__file__).parents[3]
PEERS = ROOT / ".bench" / "peers" / "bin" / "python"
SLOW = 3600
"""Seconds after which a search is given up."""
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Method:
    """A way to search.

    Attributes:
        name: As it is asked for; opro's are `opro` and `opro:STRATEGY`.
        plans: Each budget is a run of its own, because the method lays its calls out by it.
        is_peer: It runs in the environment of the released tools.
        options: For its driver.
    """

    name: str
    plans: bool = True
    is_peer: bool = True
    options: Mapping[str, Any] | None = None

    @property
    def strategy(self) -> str:
        """The `search.strategy` of opro; "" for another tool."""
        tool, _, strategy = self.name.partition(":")
        return (strategy or "opro") if tool == "opro" else ""

    def can_search(self, writer: str) -> bool:
        """Whether a writer is of use: peers know scripts alone, or need none at all."""
        if self.strategy or writer not in ("embedded", "none"):
            return True
        return writer == "none" and self.name == "dspy-random-search"


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("random", plans=False, is_peer=False),
        Method("halving", is_peer=False),
        Method("halving-8", is_peer=False),
        Method("gepa"),
        Method("mipro"),
        Method("mipro+demos"),
        Method("dspy-random-search"),
        Method("dspy-gepa"),
        Method("capo"),
        Method("capo+demos"),
        Method("promptolution-opro", plans=False),
    )
}


def find_method(name: str) -> Method:
    """Return a method by its name.

    Raises:
        KeyError: There is none.
    """
    if name == "opro" or name.startswith("opro:"):
        return Method(name, is_peer=False)
    return METHODS[name]


class SearchFailed(Exception):
    """A search ended without a result; the text has its last words."""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search: prompts, each with the scorer calls from which on it is returned."""

    timeline: Sequence[tuple[int, Chat]]
    note: str = ""

    def at(self, calls: int) -> Chat | None:
        """Return the prompt that is returned after so many calls; None before the first."""
        known = [chat for since, chat in self.timeline if since <= calls]
        return known[-1] if known else None


async def run_driver(
    method: Method, url: str, task: Task, rows: tuple[list[Row], list[Row]], seed: int, budget: int
) -> Found:
    """Run a search of anything but opro.

    Raises:
        SearchFailed: The tool ended without a prompt.
    """
    if method.is_peer and not PEERS.exists():
        raise SearchFailed(f"{method.name} is not installed: `make bench-search` does it")
    python = str(PEERS) if method.is_peer else sys.executable
    given = {
        "url": url,
        "seed": seed,
        "budget": budget,
        "start": task.start,
        "train": rows[0],
        "dev": rows[1],
        "position": task.position,
        "qa_markers": task.qa_markers,
        "description": task.description,
        "stop": list(task.stop),
        "max_tokens": task.max_tokens,
        "options": dict(method.options or {}),
    }
    with tempfile.TemporaryDirectory() as folder:
        offline = {"DSPY_CACHEDIR": folder, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        environment = {**os.environ, **offline, "PYTHONPATH": str(ROOT)}
        command = (python, "-m", "tests.bench.search.drive", method.name)
        stdout, stderr, code = await _run(command, folder, environment, json.dumps(given))
    last = stdout.rstrip().rpartition("\n")[2]
    if code or not last.startswith("{"):
        raise SearchFailed(f"{method.name}: exit code {code}: {stderr[-2000:]}")
    timeline = json.loads(last)["timeline"]
    return Found([(int(since), chat) for since, chat in timeline])


async def run_opro(
    method: Method,
    url: str,
    task: Task,
    rows: tuple[list[Row], list[Row]],
    seed: int,
    budget: int,
    *,
    writes: bool = True,
    tree: Path = ROOT,
    settings: Mapping[str, Any] | None = None,
) -> Found:
    """Run `opro optimize` under a budget of calls, and ask `opro prompt` for what it found.

    Args:
        method: Its strategy.
        url: Of the servers.
        task: Which one.
        rows: Train and dev.
        seed: Of the search.
        budget: Calls of both models together.
        writes: Whether there is an optimizer.
        tree: The checkout of opro that runs.
        settings: Keys of the config's `search` section in place of the defaults.

    Raises:
        SearchFailed: It ended in another way than finished, or stopped by its budget.
    """
    folder = Path(tempfile.mkdtemp(prefix="opro-bench-"))
    try:
        for name, split in zip(("train", "dev"), rows, strict=True):
            lines = [json.dumps({"input": text, "target": gold}) for text, gold in split]
            (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        model = {"api_base": f"{url}/v1", "concurrency": AT_ONCE, "cache": False}
        scorer = {**model, "model": "hosted_vllm/scorer", "temperature": 0}
        scorer["max_tokens"] = task.max_tokens
        if task.stop:
            scorer["stop"] = list(task.stop)
        config: dict[str, Any] = {
            "name": "bench",
            "task": {
                "data": {
                    "train": "train.jsonl",
                    "dev": "dev.jsonl",
                    "input": "input",
                    "target": "target",
                    "split": {"train": len(rows[0]), "dev": len(rows[1]), "test": 0},
                },
                "answer": task.answer,
                "instruction_position": task.position,
                "qa_markers": task.qa_markers,
            },
            "scorer": scorer,
            "optimizer": {**model, "model": "hosted_vllm/writer"},
            "search": {
                "strategy": method.strategy,
                "initial_instructions": [task.start],
                "seed": seed,
                **(settings or {}),
            },
            "budget": {"calls": budget},
        }
        if not writes:
            del config["optimizer"]
        (folder / "bench.yaml").write_text(json.dumps(config), "utf-8")
        return await _search_and_read(folder, tree, task)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _search_and_read(folder: Path, tree: Path, task: Task) -> Found:
    state = {f"OPRO_{name}_DIR": str(folder / name.lower()) for name in ("STATE", "CACHE")}
    environment = {**os.environ, **state, "PYTHONPATH": str(tree), "NO_COLOR": "1"}
    opro = (sys.executable, "-m", "opro_cli")
    # Under the start prompt of a small pretrained model hardly a reply can be read: opro asks what
    # is wrong, and is told to search all the same, as the others do.
    command: tuple[str, ...] = (*opro, "optimize", "bench.yaml", "--keep-going")
    _, stderr, code = await _run(command, str(folder), environment)
    found = next(iter((folder / "runs").glob("*/result.json")), None)
    if found is None:
        raise SearchFailed(f"opro: exit code {code}: {stderr[-2000:]}")
    result = json.loads(found.read_text("utf-8"))
    if result["status"] not in ("finished", "stopped"):
        raise SearchFailed(f"opro: {result['status']}, exit code {code}: {stderr[-2000:]}")
    command = (*opro, "prompt", found.parent.name, "--json")
    stdout, _, failed = await _run(command, str(folder), environment)
    if failed:  # no candidate has a score: the user still has the start prompt
        return Found([(0, task.build_chat(task.start))], f"{result['status']}, nothing scored")
    messages = json.loads(stdout)["messages"]
    chat = [[message["role"], message["content"]] for message in messages]
    return Found([(0, chat)], result["status"])


async def _run(
    command: Sequence[str], folder: str, environment: Mapping[str, str], stdin: str = ""
) -> tuple[str, str, int]:
    """Run a process to its end, or until SLOW; it is ended with this one."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=dict(environment), stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(SLOW):
            stdout, stderr = await process.communicate(stdin.encode())
    except TimeoutError as error:
        raise SearchFailed(f"{' '.join(command)}: no end after {SLOW} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return (
        stdout.decode("utf-8", "replace"),
        stderr.decode("utf-8", "replace"),
        process.returncode or 0,
    )
