"""Loaded before every test: no test can reach a paid model, nor answers or uses of another test."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import settings

pytest_plugins = ["tests.guards"]

# An example takes as long as a busy machine needs; speed is measured by `make bench`.
settings.register_profile("opro", deadline=None)
settings.load_profile("opro")


@pytest.fixture(autouse=True)
def cache_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that nobody else has; the folder is made by who writes there."""
    name = f"cache-{secrets.token_hex(8)}"
    monkeypatch.setenv("OPRO_CACHE_DIR", str(tmp_path_factory.getbasetemp() / name))


@pytest.fixture(autouse=True)
def ledger_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger of test sets that nobody else has; the file is made by who writes there."""
    name = f"state-{secrets.token_hex(8)}"
    monkeypatch.setenv("OPRO_STATE_DIR", str(tmp_path_factory.getbasetemp() / name))
