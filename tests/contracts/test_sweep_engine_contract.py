"""The contract of `SweepEngine` for cells on this machine; tests/sweep/test_ray.py has Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from opro_cli.sweep.local import LocalEngine
from tests.contracts.sweep_engine import NewEngine, SweepEngineContract
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
