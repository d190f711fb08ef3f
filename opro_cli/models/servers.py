"""Servers that people run themselves: which one answers, and with which models."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opro_cli.core.settings.settings import ModelSettings
from opro_cli.errors import ModelError
from opro_cli.models.error_texts import make_one_line, parse_json, shorten
from opro_cli.models.keys import redact
from opro_cli.models.openai_answers import build_error_in_answer, build_refusal, read_count
from opro_cli.models.openai_compatible import build_headers, build_url, strip_provider
from opro_cli.models.providers import (
    NAMES,
    OF_OWNER,
    Kind,
    find_own_address,
    identify_server,
    is_loopback,
    suggest_context,
)
from opro_cli.models.refusals import (
    HttpAnswer,
    ModelCall,
    build_connection_error,
    build_missing_list_error,
    build_missing_model_error,
    build_timeout_error,
    build_unreadable_error,
)

if TYPE_CHECKING:
    from opro_cli.models.http import HttpGet


PATIENCE_S = 2.0
OLLAMA_CONTEXT = 4096
"""Tokens that Ollama gives a model below 24 GiB of video memory, unless told otherwise."""
NUM_CTX = re.compile(r"^num_ctx[ \t]+(\d{1,9})\s*$", re.MULTILINE)
ANY_NAME: frozenset[Kind | None] = frozenset({"llama.cpp", "llamafile"})
"""They have one model, and answer with that whatever name they are asked for."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server of one model, as far as it told.

    model, api_base: as the config names them. address: where that is, without a key.
    asked: False for one that is not on this machine.
    problem, hint: why no run can begin, in the words that a run would use; None when it can.
    serves: the model that will answer, in the server's words; None where it has no list.
    context: tokens for one request and its reply, None where it did not say.
    at_once: requests that are answered at the same time, None where it did not say.
    """

    model: str
    api_base: str | None
    address: str
    asked: bool = True
    problem: str | None = None
    hint: str | None = None
    kind: Kind | None = None
    serves: str | None = None
    context: int | None = None
    at_once: int | None = None

    @property
    def key(self) -> tuple[str, str | None]:
        return self.model, self.api_base


def require_listener(settings: ModelSettings, address: str) -> None:
    """ModelError when the connection to an address of this machine is refused; asks nothing."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), PATIENCE_S).close()
    except ConnectionRefusedError:
        asked = ModelCall(settings.model, settings.api_base, PATIENCE_S, settings.max_tokens)
        raise build_connection_error(asked) from None
    except OSError:
        pass  # whatever else it is, the first call tells it


def inspect_servers(models: Sequence[ModelSettings]) -> tuple[Server, ...]:
    """The servers of `models` that somebody runs themselves, each asked once."""
    own = {(m.model, m.api_base): m for m in models if find_own_address(m.model, m.api_base)}
    if not any(is_loopback(find_own_address(*key) or "") for key in own):
        return tuple(not_asked(m) for m in own.values())
    return asyncio.run(_all_of(tuple(own.values())))


async def _all_of(models: Sequence[ModelSettings]) -> tuple[Server, ...]:
    return tuple(await asyncio.gather(*map(inspect_server, models)))


def not_asked(settings: ModelSettings) -> Server:
    return Server(*_named(settings), asked=False)


async def inspect_server(settings: ModelSettings) -> Server:
    """Ask the server of one model; what is wrong with it is in the answer, nothing is raised."""
    base = find_own_address(settings.model, settings.api_base) or ""
    if not is_loopback(base):
        return not_asked(settings)
    from opro_cli.models.http import HttpGet

    asked = ModelCall(settings.model, settings.api_base, PATIENCE_S, settings.max_tokens)
    headers = build_headers(settings.model, settings.api_base)
    try:
        async with HttpGet(headers, asked, PATIENCE_S) as http:
            return await _inspect(http, base, settings, asked)
    except TimeoutError:
        refusal = build_timeout_error(asked, "is it busy, or is that another program?")
    except ModelError as error:
        refusal = error
    kind = identify_server(settings.model, settings.api_base)
    return Server(*_named(settings), problem=refusal.message, hint=refusal.hint, kind=kind)


async def _inspect(http: HttpGet, base: str, settings: ModelSettings, asked: ModelCall) -> Server:
    url = build_url(settings.model, base, "/models")
    answer = await http.get(url)
    kind = identify_server(settings.model, settings.api_base)
    if answer.status in (404, 405):
        if kind is None and "/v1" in base:  # a gateway may have no list
            return Server(*_named(settings))
        raise build_missing_list_error(asked, redact(url))
    rows = read_models(answer, asked)
    kind = next((OF_OWNER[row["owned_by"]] for row in rows if _is_owned(row)), kind)
    row = find_row(strip_provider(settings.model), rows, kind)
    if row is None and kind is not None:
        raise build_missing_model_error(asked, kind, [each["id"] for each in rows])
    context, at_once = await _find_limits(http, url.removesuffix("/models"), row, kind, asked)
    return Server(
        *_named(settings),
        kind=kind,
        serves=make_one_line(shorten(row["id"])) if row else None,
        context=context,
        at_once=at_once,
    )


def _is_owned(row: Mapping[str, Any]) -> bool:
    owner = row.get("owned_by")
    return isinstance(owner, str) and owner in OF_OWNER


def read_models(answer: HttpAnswer, asked: ModelCall) -> list[dict[str, Any]]:
    """The rows of {"object": "list", "data": [{"id": …}]}; raises ModelError when it is none."""
    if answer.status >= 300:
        raise build_refusal(answer, asked)
    data = parse_json(answer.body)
    if isinstance(data, dict) and data.get("error") and "data" not in data:
        raise build_error_in_answer(data["error"], answer, asked)
    rows = data.get("data") if isinstance(data, dict) else None
    if rows is None and isinstance(data, dict) and data.get("object") == "list":
        return []  # Ollama without a model says null
    if not isinstance(rows, list):
        raise build_unreadable_error(answer.body, asked)
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def find_row(
    model: str, rows: Sequence[Mapping[str, Any]], kind: Kind | None
) -> Mapping[str, Any] | None:
    """The row of the model that would answer, None where the server lists none such."""
    if kind in ANY_NAME and len(rows) == 1 and "status" not in rows[0]:  # a router has a status
        return rows[0]
    ids = {row["id"]: row for row in rows}
    if kind == "ollama":  # where capitals do not count, and a name without a tag is the latest
        ids = {name.lower(): row for name, row in ids.items()}
        return ids.get(model.lower()) or ids.get(f"{model.lower()}:latest")
    return ids.get(model)


async def _find_limits(
    http: HttpGet, base: str, row: Mapping[str, Any] | None, kind: Kind | None, asked: ModelCall
) -> tuple[int | None, int | None]:
    """Tokens of context and requests at once, each None where the server does not say."""
    root = base.removesuffix("/v1")
    if row is None:
        return None, None
    if kind == "ollama":
        return await _find_ollama_context(http, root, row["id"]), None
    if kind == "lm_studio":
        return find_lm_studio_context(await http.data(f"{root}/api/v1/models"), row["id"]), None
    if kind in ANY_NAME and "status" not in row:
        try:
            answer = await http.get(f"{root}/props")
        except (ModelError, TimeoutError):  # older ones answer between two batches
            return None, None
        if answer.status in (401, 403, 503):  # the list needs no key, and is there while it loads
            raise build_refusal(answer, asked)
        props = parse_json(answer.body)
        settings = props.get("default_generation_settings") if isinstance(props, dict) else None
        return read_count(settings, "n_ctx") or None, read_count(props, "total_slots") or None
    return read_count(row, "max_model_len") or None, None  # vLLM, and those that do as it does


async def _find_ollama_context(http: HttpGet, root: str, name: str) -> int | None:
    """That of the model in memory, or else what its Modelfile says."""
    if name.endswith(("-cloud", ":cloud")):  # somebody else's machine has it
        return None
    for row in read_rows(await http.data(f"{root}/api/ps"), "models"):
        if row.get("name") == name and read_count(row, "context_length"):
            return read_count(row, "context_length")
    shown = await http.data(f"{root}/api/show", {"model": name})
    parameters = shown.get("parameters") if isinstance(shown, dict) else None
    told = NUM_CTX.search(parameters) if isinstance(parameters, str) else None
    return int(told[1]) or None if told else None


def find_lm_studio_context(data: Any, name: str) -> int | None:
    """That of the model in memory: {"models": [{"loaded_instances": [{"id", "config"}]}]}."""
    for row in read_rows(data, "models"):
        for instance in read_rows(row, "loaded_instances"):
            if name in (instance.get("id"), row.get("key")):
                return read_count(instance.get("config"), "context_length") or None
    return None


def read_rows(data: Any, key: str) -> list[dict[str, Any]]:
    rows = data.get(key) if isinstance(data, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def build_server_notes(server: Server, settings: ModelSettings, prompt: int) -> tuple[str, ...]:
    """What a person should know before a run; `prompt`: tokens of the longest."""
    notes = []
    needed = prompt + settings.max_tokens
    context = server.context or (OLLAMA_CONTEXT if server.kind == "ollama" else None)
    if server.problem is None and context is not None and needed > context:
        holds = f"{context:,} tokens" + ("" if server.context else " (its default)")
        cuts = ", and Ollama cuts the prompt without a word" if server.kind == "ollama" else ""
        notes.append(
            f"{server.model}: a prompt of up to {prompt:,} tokens and max_tokens "
            f"{settings.max_tokens:,} do not fit into its context of {holds}{cuts}: "
            + suggest_context(server.model, server.kind, needed)
        )
    if server.at_once is not None and settings.concurrency > server.at_once:
        name = NAMES[server.kind] if server.kind else "the server"
        notes.append(
            f"{server.model}: {name} answers {server.at_once} requests at once; of concurrency "
            f"{settings.concurrency} the others wait"
        )
    return tuple(notes)


def _named(settings: ModelSettings) -> tuple[str, str | None, str]:
    model, api_base = settings.model, settings.api_base
    return model, api_base, redact(find_own_address(model, api_base) or "")
