"""Cells on a real Ray cluster of two nodes on this machine, one of which is killed.

Needs the extra `ray`; `pytest -m ray` runs it, and CI does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from opro_cli.sweep.launch.local import LocalEngine
from opro_cli.sweep.launch.ray import RayEngine
from tests.contracts.sweep_engine import NewEngine, SweepEngineContract, without_calls
from tests.server import LocalServer
from tests.sweep.sweeps import Said, cells_at, lasts, results, slow_server, worked_on

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that works on nothing, and a node for one cell at a time."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def new_engine(cluster: Any) -> Iterator[NewEngine]:
    engines: list[RayEngine] = []

    def new(places: int) -> RayEngine:
        for each in engines:
            each.close()
        port = cluster.address.rpartition(":")[2]
        engines.append(RayEngine(f"127.0.0.1:{port}", places))
        return engines[-1]

    yield new
    for each in engines:
        each.close()


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with slow_server() as server:
        yield server


class TestRayEngine(SweepEngineContract):
    pass


async def test_a_node_that_is_killed_in_the_middle_of_a_cell_changes_nothing(
    tmp_path: Path, cluster: Any, new_engine: NewEngine, server: LocalServer
) -> None:
    second = cluster.add_node(num_cpus=1)
    cells = cells_at(tmp_path, server.url, "matrix: {search.seed: 0..2}")
    said: Said = []
    work = asyncio.create_task(worked_on(new_engine(2), cells, tmp_path / "runs", said=said))

    def answered(name: str) -> int:
        journal = tmp_path / "runs" / name / "events.jsonl"
        return journal.read_bytes().count(b'"event":"answered"') if journal.exists() else 0

    async with asyncio.timeout(120):
        while not (answered("seed0") >= 5 and answered("seed1") >= 5):
            await asyncio.sleep(0.01)
    await asyncio.to_thread(cluster.remove_node, second, allow_graceful=False)
    await work
    assert {what["ended"] for what in lasts(said).values()} == {"finished"}
    journals = {
        each: (tmp_path / "runs" / each / "events.jsonl").read_bytes() for each in lasts(said)
    }
    begun = {name: lines.count(b'"event":"session_started"') for name, lines in journals.items()}
    assert sorted(begun.values()) == [1, 1, 2]
    await worked_on(LocalEngine(2), cells, tmp_path / "local")
    assert without_calls(results(tmp_path / "runs")) == without_calls(results(tmp_path / "local"))


async def test_the_package_and_the_weights_reach_the_nodes_in_the_runtime_environment(
    new_engine: NewEngine,
) -> None:
    import ray

    new_engine(1)

    def sent() -> list[tuple[str, list[str]]]:
        """Where the package was unpacked there, with which weights."""
        places = [path for path in sys.path if "runtime_resources" in path]
        weights = (sorted(p.parent.name for p in Path(at).rglob("*.safetensors")) for at in places)
        return list(zip(places, weights, strict=True))

    ((place, weights),) = await ray.remote(sent).remote()
    assert weights == ["tiny_mistral", "tiny_optimizer"]
    # As a cell's process is started there.
    command = "import opro_cli.sweep.launch.cell_process as cell; print(cell.__file__)"
    began = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", command),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": place},
    )
    said, _ = await began.communicate()
    assert said.decode().startswith(place)
