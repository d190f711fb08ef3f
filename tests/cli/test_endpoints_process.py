"""The real command on several real servers, one of which is killed while it answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_process import CONFIG, GSM8K, Bench, new_server
from tests.server import LocalServer

ONE = 'scorer: {{model: openai/stub, api_base: "{url}", concurrency: {concurrency}}}'


def prepared(folder: Path, server: LocalServer, *places: str) -> Bench:
    """A config whose scorer is at `places`, and its optimizer at `server`."""
    assert ONE in CONFIG
    folder.mkdir()
    text = CONFIG.format(rows=GSM8K, url=server.url, concurrency=6)
    several = ", ".join(f'{{api_base: "{place}"}}' for place in places)
    one = ONE.format(url=server.url, concurrency=6)
    new = f"scorer: {{model: openai/stub, concurrency: 6, endpoints: [{several}]}}"
    (folder / "c.yaml").write_text(text.replace(one, new))
    return Bench(folder, server)


@asynccontextmanager
async def mortal() -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The url of a server, and its process to kill."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server", "--latency-ms", "30", "--answers", str(GSM8K)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip(), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def journal(at: Bench) -> list[dict[str, Any]]:
    (path,) = (at.folder / "runs").glob("[!.]*/events.jsonl")
    return [json.loads(line.split("\t")[0]) for line in path.read_text().splitlines()]


def without_calls(result: dict[str, Any]) -> dict[str, Any]:
    """A result without the tiny calls, one for each endpoint."""
    return {key: value for key, value in result.items() if key not in ("spend", "test_use")}


@pytest.mark.slow
async def test_a_server_that_is_killed_in_the_middle_costs_no_answer(tmp_path: Path) -> None:
    async with new_server() as alone:
        plain = Bench(tmp_path / "plain", alone)
        plain.folder.mkdir()
        text = CONFIG.format(rows=GSM8K, url=alone.url, concurrency=6)
        (plain.folder / "c.yaml").write_text(text)
        process = await plain.opro("optimize", "c.yaml", "--plain")
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        expected = plain.result()
    async with new_server() as first, new_server() as third, mortal() as (place, server):
        at = prepared(tmp_path / "several", first, first.url, place, third.url)
        process = await at.opro("optimize", "c.yaml", "--plain")
        assert await at.until(25, process), (await process.communicate())[1].decode()
        server.kill()
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        assert without_calls(at.result()) == without_calls(expected)
        events = journal(at)
        assert not [event for event in events if event["event"] in ("retried", "refused")]
        placed = [
            (event["candidate"], event["split"], event["question"])
            for event in events
            if event["event"] == "answered"
        ]
        assert len(set(placed)) == len(placed), "nothing is asked twice"
        # Three endpoints of the scorer, and the optimizer.
        assert sum(event["event"] == "checked" for event in events) == 4
        said = (out + err).decode()
        assert said.count(f"scorer endpoint {place} is out: ") == 1
        assert third.requests


@pytest.mark.slow
async def test_a_server_is_replaced_between_two_sessions(tmp_path: Path) -> None:
    async with new_server() as first, mortal() as (place, server):
        at = prepared(tmp_path / "runs", first, first.url, place)
        process = await at.opro("optimize", "c.yaml", "--plain")
        assert await at.until(25, process)
        process.kill()
        await process.wait()
        server.kill()
        await server.wait()
        async with new_server() as other:
            (run,) = (at.folder / "runs").glob("[!.]*")
            copy = run / "config.yaml"
            config = copy.read_text()
            assert place in config
            copy.write_text(config.replace("openai/stub", "openai/another"))
            process = await at.opro("resume", run.name, "--plain")
            _, err = await process.communicate()
            assert process.returncode == 2
            assert "scorer.model: 'openai/stub' → 'openai/another'" in err.decode()
            copy.write_text(config.replace(place, other.url))
            process = await at.opro("resume", run.name, "--plain")
            _, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            assert other.requests
