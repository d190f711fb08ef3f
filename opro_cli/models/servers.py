"""Servers that people run themselves: which one answers, and with which models."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opro_cli.core.settings.models import ModelSettings
from opro_cli.errors import ModelError
from opro_cli.models import call_errors
from opro_cli.models.error_texts import make_one_line, parse_json, shorten
from opro_cli.models.openai_compatible import build_headers, build_url, read_count
from opro_cli.models.providers import (
    LOCAL_SERVERS,
    Provider,
    find_own_address,
    identify_server,
    is_loopback,
    strip_provider,
    suggest_context,
)
from opro_cli.models.redaction import redact
from opro_cli.models.wire import HttpAnswer, ModelCall

if TYPE_CHECKING:
    from opro_cli.models.http import HttpGet


PATIENCE_S = 2.0
OLLAMA_CONTEXT = 4096
"""Tokens that Ollama gives a model below 24 GiB of video memory by default."""
NUM_CTX = re.compile(r"^num_ctx[ \t]+(\d{1,9})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Server:
    """The server of one model, as far as it is known.

    Attributes:
        model, api_base: As the config names them.
        address: Where it is asked, without a key.
        asked: False for one that is not on this machine.
        problem, hint: Why no run can begin, in the words that a run would use; None when it can.
        kind: `Provider.kind`, None where the server is of no known kind.
        serves: The model that will answer, in the server's words; None where it has no list.
        context: Tokens for one request and its reply, None where the server does not say.
        at_once: Requests answered at the same time, None where the server does not say.
        others: The models that it lists, in words, where this one is not among them: a warning for
            a server of no known kind, whose list may leave out some.
    """

    model: str
    api_base: str | None
    address: str
    asked: bool = True
    problem: str | None = None
    hint: str | None = None
    kind: str | None = None
    serves: str | None = None
    context: int | None = None
    at_once: int | None = None
    others: str | None = None

    @property
    def key(self) -> tuple[str, str | None]:
        """Model and address as the config names them."""
        return self.model, self.api_base


def require_listener(settings: ModelSettings, address: str) -> None:
    """Raise ModelError when an address of this machine refuses the connection; asks nothing."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), PATIENCE_S).close()
    except ConnectionRefusedError:
        raise call_errors.build_connection_error(_build_call(settings)) from None
    except OSError:
        pass  # the first call reports any other trouble


def inspect_servers(models: Sequence[ModelSettings]) -> tuple[Server, ...]:
    """Ask each server among those of `models` that the user runs, once."""
    own = {(m.model, m.api_base): m for m in models if find_own_address(m.model, m.api_base)}
    if not any(is_loopback(find_own_address(*key) or "") for key in own):
        return tuple(replace(_build_server(model), asked=False) for model in own.values())

    async def inspect_all() -> tuple[Server, ...]:
        return tuple(await asyncio.gather(*map(inspect_server, own.values())))

    return asyncio.run(inspect_all())


async def inspect_server(settings: ModelSettings) -> Server:
    """Ask the server of one model; a problem with it is in the result, nothing is raised."""
    server = _build_server(settings)
    base = find_own_address(settings.model, settings.api_base) or ""
    if not is_loopback(base):
        return replace(server, asked=False)
    from opro_cli.models.http import HttpGet

    call = _build_call(settings)
    implied = identify_server(settings.model, settings.api_base)
    headers = build_headers(settings.model, settings.api_base)
    try:
        async with HttpGet(headers, call, PATIENCE_S) as http:
            return await _inspect(http, base, server, implied, call)
    except TimeoutError:
        hint = "is it busy, or is that another program?"
        refusal = call_errors.build_timeout_error(call, hint)
    except ModelError as error:
        refusal = error
    kind = implied.kind if implied else None
    return replace(server, problem=refusal.message, hint=refusal.hint, kind=kind)


async def _inspect(
    http: HttpGet, base: str, server: Server, implied: Provider | None, call: ModelCall
) -> Server:
    """Add the model that a server serves, and its limits; `implied`: its kind by model and port."""
    url = build_url(server.model, base, "/models")
    answer = await http.get(url)
    if answer.status in (404, 405):
        if implied is None and "/v1" in base:  # a gateway may have no list
            return server
        raise call_errors.build_missing_list_error(call, redact(url))
    rows = read_models(answer, call)
    owners = {row.owner: row for row in LOCAL_SERVERS.values() if row.owner}
    named = (row["owned_by"] for row in rows if isinstance(row.get("owned_by"), str))
    kind = next((owners[owner] for owner in named if owner in owners), implied)
    row = find_row(strip_provider(server.model), rows, kind)
    if row is None and kind is not None:
        raise call_errors.build_missing_model_error(call, kind, [row["id"] for row in rows])
    names = [row["id"] for row in rows]
    if row is None and names and not any("*" in name for name in names):
        server = replace(server, others=call_errors.describe_models(call.name, names))
    if row is not None:
        root = url.removesuffix("/models").removesuffix("/v1")
        context, at_once = await _find_limits(http, root, row, kind, call)
        serves = make_one_line(shorten(row["id"]))
        server = replace(server, serves=serves, context=context, at_once=at_once)
    return replace(server, kind=kind.kind if kind else None)


def read_models(answer: HttpAnswer, call: ModelCall) -> list[dict[str, Any]]:
    """Read the rows of {"object": "list", "data": [{"id": …}]}; raises ModelError without them."""
    if answer.status >= 300:
        raise call_errors.build_refusal(answer, call)
    data = parse_json(answer.body)
    if isinstance(data, dict) and data.get("error") and "data" not in data:
        raise call_errors.build_error_in_answer(data["error"], answer, call)
    rows = data.get("data") if isinstance(data, dict) else None
    if rows is None and isinstance(data, dict) and data.get("object") == "list":
        return []  # Ollama without a model says null
    if not isinstance(rows, list):
        raise call_errors.build_unreadable_error(answer.body, call)
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def find_row(
    model: str, rows: Sequence[Mapping[str, Any]], kind: Provider | None
) -> Mapping[str, Any] | None:
    """Return the row of the model that would answer, None where the server lists none such."""
    dialect = kind.dialect if kind else "openai"
    # a router of llama.cpp has several models, and a status in their rows
    if dialect == "llama.cpp" and len(rows) == 1 and "status" not in rows[0]:
        return rows[0]
    ids = {row["id"]: row for row in rows}
    if dialect == "ollama":  # capitals do not count, and a name without a tag is the latest
        ids = {name.lower(): row for name, row in ids.items()}
        return ids.get(model.lower()) or ids.get(f"{model.lower()}:latest")
    return ids.get(model)


async def _find_limits(
    http: HttpGet, root: str, row: Mapping[str, Any], kind: Provider | None, call: ModelCall
) -> tuple[int | None, int | None]:
    """Return tokens of context and requests at once, each None where the server does not say."""
    dialect = kind.dialect if kind else "openai"
    if dialect == "ollama":
        return await _find_ollama_context(http, root, row["id"]), None
    if dialect == "lm_studio":
        data = await http.get_json(f"{root}/api/v1/models")
        return find_lm_studio_context(data, row["id"]), None
    if dialect == "llama.cpp" and "status" not in row:
        try:
            answer = await http.get(f"{root}/props")
        except (ModelError, TimeoutError):  # older ones answer between two batches
            return None, None
        if answer.status in (401, 403, 503):  # the list needs no key, and is there while it loads
            raise call_errors.build_refusal(answer, call)
        props = parse_json(answer.body)
        settings = props.get("default_generation_settings") if isinstance(props, dict) else None
        return read_count(settings, "n_ctx") or None, read_count(props, "total_slots") or None
    return read_count(row, "max_model_len") or None, None  # vLLM, and servers that imitate it


async def _find_ollama_context(http: HttpGet, root: str, name: str) -> int | None:
    """Return the context of the model in memory, or else the one in its Modelfile."""
    if name.endswith(("-cloud", ":cloud")):  # it runs elsewhere
        return None
    for row in _read_rows(await http.get_json(f"{root}/api/ps"), "models"):
        if row.get("name") == name and read_count(row, "context_length"):
            return read_count(row, "context_length")
    shown = await http.get_json(f"{root}/api/show", {"model": name})
    parameters = shown.get("parameters") if isinstance(shown, dict) else None
    context = NUM_CTX.search(parameters) if isinstance(parameters, str) else None
    return int(context[1]) or None if context else None


def find_lm_studio_context(data: Any, name: str) -> int | None:
    """Find the context in memory: {"models": [{"loaded_instances": [{"id", "config"}]}]}."""
    for row in _read_rows(data, "models"):
        for instance in _read_rows(row, "loaded_instances"):
            if name in (instance.get("id"), row.get("key")):
                return read_count(instance.get("config"), "context_length") or None
    return None


def _read_rows(data: Any, key: str) -> list[dict[str, Any]]:
    rows = data.get(key) if isinstance(data, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def build_server_notes(server: Server, settings: ModelSettings, prompt: int) -> tuple[str, ...]:
    """Say where a server is too small for a config; `prompt`: tokens of the longest one."""
    notes = (
        [f"{server.model}: the server does not list it; {server.others}"] if server.others else []
    )
    kind = LOCAL_SERVERS[server.kind] if server.kind else None
    is_ollama = kind is not None and kind.dialect == "ollama"
    needed = prompt + settings.reply_limit
    context = server.context or (OLLAMA_CONTEXT if is_ollama else None)
    if server.problem is None and context is not None and needed > context:
        holds = f"{context:,} tokens" + ("" if server.context else " (its default)")
        cuts = ", and Ollama cuts the prompt without a word" if is_ollama else ""
        notes.append(
            f"{server.model}: a prompt of up to {prompt:,} tokens and max_tokens "
            f"{settings.reply_limit:,} do not fit into its context of {holds}{cuts}: "
            + suggest_context(server.model, kind, needed)
        )
    if server.at_once is not None and settings.concurrency > server.at_once:
        name = kind.title if kind else "the server"
        notes.append(
            f"{server.model}: {name} answers {server.at_once} requests at once; of concurrency "
            f"{settings.concurrency} the others wait"
        )
    return tuple(notes)


def _build_server(settings: ModelSettings) -> Server:
    model, api_base = settings.model, settings.api_base
    return Server(model, api_base, redact(find_own_address(model, api_base) or ""))


def _build_call(settings: ModelSettings) -> ModelCall:
    return ModelCall(settings.model, settings.api_base, PATIENCE_S, settings.reply_limit)
