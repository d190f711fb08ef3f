"""The contract of `SweepEngine`, without Ray; tests/sweep/test_ray.py has a cluster."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest

from opro_cli.sweep.launch.local import LocalEngine
from opro_cli.sweep.launch.ray import RayEngine
from tests.contracts.sweep_engine import NewEngine, SweepEngineContract
from tests.fakes.ray_here import RayHere
from tests.server import LocalServer
from tests.sweep.sweeps import slow_server


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with slow_server() as server:
        yield server


@pytest.mark.slow
class TestLocalEngine(SweepEngineContract):
    @pytest.fixture
    def new_engine(self) -> NewEngine:
        return LocalEngine


@pytest.mark.slow
class TestRayEngine(SweepEngineContract):
    """Its nodes are in this process, and the cells in processes of their own."""

    @pytest.fixture
    def new_engine(self, monkeypatch: pytest.MonkeyPatch) -> NewEngine:
        def new(places: int) -> RayEngine:
            monkeypatch.setitem(sys.modules, "ray", RayHere(nodes=1))
            return RayEngine("auto", places)

        return new
