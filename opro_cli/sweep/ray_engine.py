"""The cells of a sweep on a Ray cluster: a task each, on whatever node Ray finds for it.

What a node that is lost was working on, Ray begins anew on another; the run goes on there from the
journal that the sweep has (folder_line.py). The package, with the weights of the embedded models,
reaches the nodes in the runtime environment; what it depends on they must have.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opro_cli.errors import UsageError
from opro_cli.sweep.away import work_away
from opro_cli.sweep.cells import Job
from opro_cli.sweep.engine import Told
from opro_cli.sweep.folder_line import LentFolders
from opro_cli.sweep.server import Service

PATIENCE_S = 5.0
"""Seconds until the head node of a cluster should have answered."""
MANY = 1 << 30
"""Ray begins them as its nodes have room."""


class RayEngine:
    """Connected to a cluster; at most so many cells at a time, None for as many as it takes.

    address: "auto" for the cluster that this machine is part of, HOST:PORT of its head node, or
    "local" for one of its own. Raises UsageError where there is none, or no Ray.
    """

    def __init__(self, address: str, at_a_time: int | None = None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError:
            raise UsageError(
                "--engine ray: Ray is not installed", "pip install 'opro-cli[ray]'"
            ) from None
        _require_listener(address)
        package = Path(__file__).resolve().parents[1]
        try:
            ray.init(
                address,
                runtime_env={"py_modules": [str(package)], "excludes": ["**/__pycache__"]},
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _no_cluster(address, str(error).splitlines()[0]) from None
        self._ray = ray
        self._places = asyncio.Semaphore(at_a_time or MANY)
        self._folders: LentFolders | None = None
        self._tasks: dict[str, Any] = {}

    @property
    def host(self) -> str:
        """This machine as the other nodes know it."""
        return str(self._ray.util.get_node_ip_address())

    def services(self, told: Told) -> dict[str, Service]:
        """Their folders."""
        self._folders = LentFolders(told)
        return {"folder": self._folders.serve}

    async def run(self, jobs: Sequence[Job], told: Told) -> None:
        """As `SweepEngine`."""
        folders = self._folders
        if folders is None:
            raise AssertionError("nobody serves the folders")
        folders.jobs = {job.name: job for job in jobs}
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(self._work(job, folders, told))

    def drain(self) -> None:
        """As `SweepEngine`."""
        if self._folders is not None:
            self._folders.draining = True
            for name, task in self._tasks.items():
                if not self._folders.is_lent(name):
                    self._ray.cancel(task)

    def stop(self) -> None:
        """As `SweepEngine`."""
        if self._folders is not None:
            self._folders.stop()
        self.drain()

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()

    async def _work(self, job: Job, folders: LentFolders, told: Told) -> None:
        async with self._places:
            if folders.draining:
                return
            work = self._ray.remote(work_away).options(name=f"opro {job.name}")
            task = self._tasks[job.name] = work.remote(asdict(job))
            try:
                last = await task
            except self._ray.exceptions.TaskCancelledError:
                return
            except self._ray.exceptions.RayError as error:
                why = str(error).strip().splitlines()
                last = {"error": f"Ray gave it up: {why[0]}", "hint": why[-1]}
            finally:
                del self._tasks[job.name]
            if job.name not in folders.over and not folders.draining:
                told(job.name, last)


def _require_listener(address: str) -> None:
    """UsageError where nobody listens: Ray itself takes minutes to say so.

    Also for Ray Client: what connects from outside cannot be connected to by the nodes.
    """
    host, separator, port = address.rpartition(":")
    if "://" in address:
        raise UsageError(
            f"--address {address}: the nodes of a cluster ask the sweep for their calls, so it has "
            "to run on one of them",
            "run `opro sweep` there, with --address auto",
        )
    if separator and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), PATIENCE_S).close()
        except (OSError, OverflowError) as error:
            raise _no_cluster(address, str(error)) from None


def _no_cluster(address: str, why: str) -> UsageError:
    return UsageError(
        f"--address {address}: no Ray cluster: {why}",
        "begin one with `ray start --head`, join one with `ray start --address=HOST:PORT`, or say "
        "--address local for one of this sweep alone",
    )
