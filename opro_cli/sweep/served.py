"""The servers of gguf/ models that the cells of a sweep share; the sweep's own process has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opro_cli import wiring
from opro_cli.app import startable
from opro_cli.core.settings.models import is_gguf
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import Example, Split
from opro_cli.errors import ModelError, UsageError
from opro_cli.problems import value_start
from opro_cli.sweep.file import SweepCell

if TYPE_CHECKING:
    from opro_cli.models.gguf_model import ServerKey
    from opro_cli.models.gguf_plan import ServerPlan
    from opro_cli.models.gguf_process import OwnServer

Note = Callable[[str], object]


def refuse_far_cells(cells: Sequence[SweepCell]) -> None:
    """Raise UsageError for a gguf/ model in cells that run on other machines."""
    for cell in cells:
        for model in cell.settings.asked_models.values():
            if is_gguf(model.model):
                raise UsageError(
                    f"{cell.name}: {model.model} is served on the sweep's own machine, and cells "
                    "on a Ray cluster cannot reach it",
                    "leave out --engine ray, or run a server of your own and name its api_base",
                )


@asynccontextmanager
async def serve_models(
    cells: Sequence[SweepCell], note: Note
) -> AsyncIterator[Callable[[Settings], dict[str, Any]]]:
    """Load each gguf/ model of the cells once, and serve it until the context ends.

    A server that dies is started anew at the same address.

    Args:
        cells: Those that will be worked on.
        note: Gets sentences for people.

    Yields:
        A function that returns what a cell is told of its servers, for `connect`.

    Raises:
        UsageError, ModelError: A model cannot be served.
    """
    plans = _plan(cells)
    if not plans:
        yield lambda _: {}
        return
    from opro_cli.models.gguf_model import get_server_key
    from opro_cli.models.gguf_process import OwnServer

    def describe(settings: Settings) -> dict[str, Any]:
        return {
            role: {"address": addresses[key], **asdict(plans[key])}
            for role, model in settings.asked_models.items()
            if (key := get_server_key(model)) in plans
        }

    servers = {key: OwnServer(plan, keeps_port=True) for key, plan in plans.items()}
    addresses: dict[ServerKey, str] = {}
    keepers: list[asyncio.Task[None]] = []
    try:
        for key, server in servers.items():
            note(f"loading {server.plan.name}")
            addresses[key] = await server.open()
            keepers.append(asyncio.create_task(_keep(server, note)))
        yield describe
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*(server.close() for server in servers.values()))


def connect(settings: Settings, told: Mapping[str, Mapping[str, Any]]) -> wiring.Supplied:
    """Return the models of a cell, at the servers that its sweep has told it of."""
    if not told:
        return wiring.NOTHING_SUPPLIED
    from opro_cli.models.gguf_model import connect_shared

    return wiring.Supplied(models=connect_shared(settings, told))


async def _keep(server: OwnServer, note: Note) -> None:
    """Start a server anew whenever it has died, until it cannot be."""
    while True:
        await server.wait_for_death()
        try:
            await server.open()
        except ModelError as error:
            if not error.transient:
                note(error.message)
                return


def _plan(cells: Sequence[SweepCell]) -> dict[ServerKey, ServerPlan]:
    """Size each server for the cell that needs most of it."""
    plans: dict[ServerKey, ServerPlan] = {}
    data: dict[str, Mapping[Split, Sequence[Example]]] = {}
    for cell in cells:
        settings, folders = cell.settings, [Path(cell.part_folder)]
        if not any(is_gguf(model.model) for model in settings.asked_models.values()):
            continue
        from opro_cli.models.gguf_model import plan_servers

        startable.require_files(settings)
        task = repr(settings.task)
        if task not in data:  # read once for all cells of a task
            data[task] = wiring.load_data(settings, folders=folders).examples
        strategy = wiring.build_strategy(settings, folders)
        start = value_start(settings, data[task], folders)
        for key, plan in plan_servers(settings, data[task], strategy, start).items():
            known = plans.get(key, plan)
            plans[key] = replace(
                plan,
                slots=max(plan.slots, known.slots),
                context=max(plan.context, known.context),
            )
    return plans
