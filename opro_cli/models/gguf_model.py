"""Models whose GGUF files opro serves itself, asked as any OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opro_cli.core.run.progress import Role
from opro_cli.core.settings.models import GgufSettings, ModelSettings, is_gguf
from opro_cli.core.settings.read import read_options
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Split
from opro_cli.errors import ModelError
from opro_cli.models.gguf_files import fetch_file, read_gguf
from opro_cli.models.gguf_plan import ServerPlan, count_needed_tokens, plan_server
from opro_cli.models.gguf_process import ModelServer, OwnServer, SharedServer
from opro_cli.models.openai_compatible import OpenAICompatibleModel
from opro_cli.models.parameters import NO_EXTRAS, Extras, build_extras
from opro_cli.ports import Strategy
from opro_cli.reports.costs import StartValues, estimate_tokens, measure_longest_prompts

DEMOS = 4
"""A prompt with demonstrations is some four times as long as one without, at least."""
DEMO_CHARACTERS = 4000
"""Characters of the demonstrations of a prompt, where the strategy says nothing else."""


class GgufModel:
    """A ChatModel over a server that opro started.

    Free of charge. A base model, without a chat template, gets the texts of a chat joined.

    Args:
        name: As the config names it.
        server: May be shared by several models; it is closed with the first of them, since they
            are closed together.
        timeout: Seconds of one call, which begins when a slot is free and the model is loaded.
        extras: What the config adds to every request.
    """

    def __init__(
        self, name: str, server: ModelServer, timeout: float, extras: Extras = NO_EXTRAS
    ) -> None:
        self._name = name
        self._extras = extras
        self._server = server
        self._timeout = timeout
        self._client: OpenAICompatibleModel | None = None
        self._address = ""

    @property
    def name(self) -> str:
        """The model as the config names it."""
        return self._name

    @property
    def loading(self) -> str:
        """Return the line shown while the model loads, "" otherwise."""
        return self._server.loading

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request; a server that has died is started anew.

        Raises:
            ModelError: Transient where the server died, until it has died too often in a row.
        """
        async with self._server.room:
            address = await self._server.open()
            client = await self._connect(address)
            try:
                answer = await client.reply(request)
            except ModelError as error:
                failure = await self._server.explain(error, address)
                failure.maybe_billed = False  # it is free
                raise failure from None
            self._server.note_answer()
            return answer

    async def aclose(self) -> None:
        """Close the connections, and end the server."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        await self._server.close()

    async def _connect(self, address: str) -> OpenAICompatibleModel:
        """Return the client of an address; a server that was started anew has another one."""
        if self._client is None or self._address != address:
            old, self._address = self._client, address
            self._client = OpenAICompatibleModel(
                self._name,
                f"{address}/v1",
                self._timeout,
                joined=self._server.plan.is_base,
                extras=self._extras,
            )
            if old is not None:
                await old.aclose()
        return self._client


ServerKey = tuple[str, GgufSettings]
"""Models with an equal one are served by one server."""


def get_server_key(model: ModelSettings) -> ServerKey:
    """Return what decides which server serves a model."""
    return model.model, model.gguf or GgufSettings()


def plan_servers(
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    strategy: Strategy,
    start: StartValues | None = None,
) -> dict[ServerKey, ServerPlan]:
    """Size the servers of a run's gguf/ models; `start` is that of a problem.

    Raises:
        UsageError: A file is missing or damaged.
    """
    models = {role: each for role, each in settings.asked_models.items() if is_gguf(each.model)}
    if not models:
        return {}
    longest = _measure_prompts(settings, examples, strategy, start)
    plans: dict[ServerKey, ServerPlan] = {}
    for key in {get_server_key(model): None for model in models.values()}:
        served = {role: each for role, each in models.items() if get_server_key(each) == key}
        asked = {role: each for role, each in served.items() if role in longest} or served
        model = next(iter(asked.values()))
        path = fetch_file(model.model)
        tokens = max(count_needed_tokens(longest.get(role, 0), m) for role, m in asked.items())
        concurrency = sum(each.concurrency for each in asked.values())
        header = read_gguf(model.model, path)
        plans[key] = plan_server(model, path, header, concurrency, tokens)
    return plans


def _measure_prompts(
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    strategy: Strategy,
    start: StartValues | None,
) -> dict[Role, int]:
    """Return the tokens of the longest prompt of each role that is asked anything."""
    longest = measure_longest_prompts(settings, examples, strategy, start)
    if not settings.search.steps:  # an evaluation, which proposes nothing
        longest.pop("optimizer", None)
    if "demos" in strategy.needs:  # a candidate shows some, which nobody has chosen yet
        options = read_options(strategy, settings.search.options)
        characters = getattr(options, "characters", None) or DEMO_CHARACTERS
        longest["scorer"] += max((DEMOS - 1) * longest["scorer"], estimate_tokens(characters))
    # What an evaluator asks further roles is its own affair: a question and a reply, most likely.
    others = longest["scorer"] + settings.scorer.reply_limit
    return {**dict.fromkeys(settings.roles, others), **longest}


def build_gguf_models(
    settings: Settings,
    examples: Mapping[Split, Sequence[Example]],
    strategy: Strategy,
    start: StartValues | None = None,
) -> dict[Role, GgufModel]:
    """Return the gguf/ models of a run by role, with servers that start when they are asked.

    Raises:
        UsageError: A file is missing or damaged.
    """
    return connect_models(settings, plan_servers(settings, examples, strategy, start))


def connect_models(
    settings: Settings,
    plans: Mapping[ServerKey, ServerPlan],
    make_server: Callable[[ServerPlan], ModelServer] = OwnServer,
) -> dict[Role, GgufModel]:
    """Return the gguf/ models of a run by role; those with equal keys share a server."""
    servers: dict[ServerKey, ModelServer] = {}
    built: dict[Role, GgufModel] = {}
    for role, model in settings.asked_models.items():
        if is_gguf(model.model):
            key = get_server_key(model)
            if key not in servers:
                servers[key] = make_server(plans[key])
            built[role] = GgufModel(model.model, servers[key], model.timeout, build_extras(model))
    return built


def connect_shared(
    settings: Settings, told: Mapping[Role, Mapping[str, Any]]
) -> dict[Role, GgufModel]:
    """Return models at servers that another process has.

    Args:
        settings: Of the run.
        told: By role, the fields of the server's plan and its `address`.
    """
    servers: dict[str, SharedServer] = {}
    built: dict[Role, GgufModel] = {}
    for role, fields in told.items():
        plan = dict(fields)
        address = plan.pop("address")
        if address not in servers:
            servers[address] = SharedServer(ServerPlan(**plan), address)
        model = settings.models[role]
        built[role] = GgufModel(model.model, servers[address], model.timeout, build_extras(model))
    return built


def build_lone_model(model: ModelSettings) -> GgufModel:
    """Return a model by itself, with a server and the longest context that it can have.

    Raises:
        UsageError: Its file is missing or damaged.
    """
    path = fetch_file(model.model)
    header = read_gguf(model.model, path)
    plan = plan_server(model, path, header, model.concurrency, header.trained_context or 0)
    return GgufModel(model.model, OwnServer(plan), model.timeout, build_extras(model))
