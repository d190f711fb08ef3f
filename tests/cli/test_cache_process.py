"""Answers across runs, as processes over real HTTP: who is asked, who is not, and kills."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_process import Bench, bench, new_server
from tests.loop.runs import drop_costs
from tests.server import LocalServer, LogEntry


async def ready(folder: Path, server: LocalServer, scorer: str = "") -> Bench:
    """A config whose runs ask no question twice on purpose."""
    at = await bench(folder, server)
    rewrite(at, "search: {", "search: {noise_check: false, ")
    rewrite(at, "scorer: {", f"scorer: {{{scorer}")
    return at


def rewrite(at: Bench, old: str, new: str) -> None:
    path = at.folder / "c.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


COMPARED = 5 * 8
"""Questions of the test split that are asked of the scorer in every run: of five prompts here."""


def to_the_scorer(server: LocalServer) -> list[LogEntry]:
    texts = [entry.body["messages"][-1]["content"] for entry in server.requests]
    return [
        entry
        for entry, text in zip(server.requests, texts, strict=True)
        if "Your task is to generate" not in text and "one word" not in text
    ]


async def whole_run(at: Bench, *arguments: str) -> dict[str, Any]:
    process = await at.opro("optimize", "c.yaml", "--json", *arguments)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    result: dict[str, Any] = drop_costs(json.loads(out))
    del result["spend"]["uncounted"]
    return {k: v for k, v in result.items() if k not in ("run", "seconds", "started", "test_use")}


@pytest.mark.slow
async def test_a_second_run_asks_what_is_compared_and_another_address_all(tmp_path: Path) -> None:
    async with new_server() as server, new_server() as other:
        at = await ready(tmp_path / "runs", server)
        first = await whole_run(at)
        asked = len(to_the_scorer(server))
        second = await whole_run(at)
        assert len(to_the_scorer(server)) == asked + COMPARED
        spent, spent_again = first.pop("spend"), second.pop("spend")
        assert first == second
        assert (spent["cached_calls"], spent_again["cached_calls"]) == (0, asked - COMPARED)
        assert spent_again["calls"] == spent["calls"] - asked + COMPARED
        rewrite(at, server.url, other.url)
        third = await whole_run(at)
        assert third.pop("spend") == spent
        assert third == first
        assert len(to_the_scorer(other)) == asked


@pytest.mark.slow
@pytest.mark.parametrize(("cache", "again"), [("", True), ("cache: true, ", False)])
async def test_a_warm_scorer_is_asked_anew_unless_told_otherwise(
    tmp_path: Path, cache: str, again: bool
) -> None:
    async with new_server() as server:
        at = await ready(tmp_path / "runs", server, f"temperature: 0.7, {cache}")
        first = await whole_run(at)
        asked = len(to_the_scorer(server))
        second = await whole_run(at)
        assert len(to_the_scorer(server)) == asked + (asked if again else COMPARED)
        del first["spend"], second["spend"]
        assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("--no-cache",)])
async def test_a_killed_run_comes_to_the_same_result_with_the_cache_and_without(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Some of the answers are known from a shorter run; then it is killed."""
    async with new_server() as server:
        plain = await ready(tmp_path / "plain", server)
        rewrite(plain, "steps: 2", "steps: 3")
        expected = await whole_run(plain, "--no-cache")
        at = await ready(tmp_path / "killed", server)
        rewrite(at, "steps: 2", "steps: 1")
        await whole_run(at, "--runs-dir", "before")
        rewrite(at, "steps: 1", "steps: 3")
        before = len(to_the_scorer(server))
        process = await at.opro("optimize", "c.yaml", *arguments)
        assert await at.until(60, process)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        await at.server_is_quiet()
        process = await at.opro("resume", "--last", "--json", *arguments)
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        result = at.result()
        cached = result.pop("spend")["cached_calls"]
        calls = expected.pop("spend")["calls"]
        assert result == expected
        assert (cached == 0) == bool(arguments)
        if not arguments:
            # What was in flight at the kill is asked again, and is far less.
            assert len(to_the_scorer(server)) - before < calls - cached // 2
