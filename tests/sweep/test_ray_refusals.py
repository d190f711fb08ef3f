"""What `--engine ray` says where there is no Ray, or no cluster."""

from __future__ import annotations

import socket
import sys
from types import ModuleType

import pytest

from opro_cli.errors import UsageError
from opro_cli.sweep.launch.ray import RayEngine


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="Ray is not installed") as refused:
        RayEngine("auto")
    assert refused.value.hint == "pip install 'opro-cli[ray]', or '.[ray]' in a clone"


def test_an_address_where_nobody_listens_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"--address {address}: no Ray cluster") as refused:
            RayEngine(address)
    assert "ray start --head" in (refused.value.hint or "")


def test_ray_client_cannot_be_reached_by_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    with pytest.raises(UsageError, match="it has to run on one of them"):
        RayEngine("ray://head:10001")
