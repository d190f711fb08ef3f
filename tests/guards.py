"""A test cannot reach a paid model: no socket leaves this machine, and no key is in reach.

A pytest plugin; `tests/conftest.py` loads it with pytest_plugins = ["tests.guards"].
"""

from __future__ import annotations

import os
import re
import socket
from typing import Any

import pytest

LOOPBACK = re.compile(r"localhost$|127(\.\d+){3}$|::1$|::ffff:127(\.\d+){3}$")
KEY_VARIABLE = re.compile(r"_(API_KEY|API_TOKEN|AD_TOKEN)$|^HF_TOKEN$")
# an address in the environment would send an innocent test elsewhere
ADDRESS_VARIABLE = re.compile(r"^[A-Z_]+_(API_BASE|BASE_URL)$")

allowed_connect, allowed_connect_ex = socket.socket.connect, socket.socket.connect_ex
allowed_getaddrinfo = socket.getaddrinfo


class TestReachedTheNetwork(AssertionError):
    """A test tried to leave this machine; give it a `tests.server.LocalServer` or a fake."""

    __test__ = False  # the name begins like a test class


def check(address: object) -> None:
    host = address[0] if isinstance(address, tuple) else None
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if isinstance(name, str) and not LOOPBACK.match(name):
        raise TestReachedTheNetwork(
            f"a test tried to connect to {address!r}; tests may use loopback and unix sockets only"
        )


def guarded_connect(self: socket.socket, address: Any) -> None:
    check(address)
    return allowed_connect(self, address)


def guarded_connect_ex(self: socket.socket, address: Any) -> int:
    check(address)
    return allowed_connect_ex(self, address)


def guarded_getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    """A name of another machine is not even looked up; None and "" stand for this one."""
    if host and host != "0.0.0.0":
        check((host, port))
    return allowed_getaddrinfo(host, port, *args, **kwargs)


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr == "hub":  # asked for by name: these tests are about the network
        return
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    for variable in os.environ:
        if KEY_VARIABLE.search(variable) or ADDRESS_VARIABLE.search(variable):
            patch.delenv(variable)
    config.add_cleanup(patch.undo)
