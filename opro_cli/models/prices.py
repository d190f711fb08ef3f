"""Prices of calls to a model.

Prices are read from the table that litellm ships, without its import of three seconds.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from opro_cli.core.run.progress import Role
from opro_cli.core.settings.models import ModelSettings, PriceSettings, is_computed_here, is_gguf
from opro_cli.core.settings.settings import Settings
from opro_cli.models.providers import (
    OPENAI_HOST,
    find_base,
    find_provider,
    get_provider,
    has_own_server,
    is_on_this_machine,
    parse_host,
)

_TABLE = "model_prices_and_context_window_backup.json"
_FREE = PriceSettings(0.0, 0.0)
_TUNED = re.compile(r"ft:[^:]+")  # a fine-tuned model is listed without the names its owner gave it
_THRESHOLD = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; cached (read from a cache) and written (to one) are part of prompt.

    reasoning: the part of completion that was thoughts; None where that was not reported.
    """

    prompt: int
    completion: int
    cached: int = 0
    written: int = 0
    reasoning: int | None = None


def find_price(settings: ModelSettings) -> PriceSettings | None:
    """Return US dollars per million tokens: the config's price, else the list price.

    None where the price is unknown; 0 in the table counts as unknown, as for single calls.
    """
    if settings.price is not None:
        return settings.price
    here = (is_on_this_machine(model.model, model.api_base) for model in settings.deployments)
    if is_computed_here(settings.model) or is_gguf(settings.model) or all(here):
        return _FREE
    row = _find_row(settings.model)
    prompt, completion = row.get("input_cost_per_token"), row.get("output_cost_per_token")
    if not prompt or completion is None:
        return None
    return PriceSettings(prompt * 1e6, completion * 1e6)


class CallPrices:
    """List prices of the calls to one model.

    A server of the user's on this machine costs 0. Everywhere else the list price of the model
    named counts (also behind a gateway, which may charge differently), and its 0 counts as unknown.
    """

    def __init__(self, name: str, api_base: str | None) -> None:
        self._is_free = is_gguf(name) or is_on_this_machine(name, api_base)
        self._row = {} if self._is_free else find_listing(name)
        # OpenAI charges more on the hosts that keep data in a region, eu.api.openai.com.
        region, _, host = parse_host(find_base(name, api_base) or "").partition(".")
        uplift = self._row.get(f"regional_processing_uplift_multiplier_{region}")
        self._uplift = float(uplift or 1.0) if host == OPENAI_HOST else 1.0

    def compute_usd(self, usage: Usage | None, tier: str = "") -> float | None:
        """Return the US dollars of one call, None where unknown.

        Args:
            usage: None where the server sent no counts.
            tier: The service tier that the answer names ("flex", "priority"), if any.
        """
        if self._is_free:
            return 0.0
        if usage is None or not self._row.get("input_cost_per_token"):
            return None
        amounts = {
            "input_cost_per_token": max(usage.prompt - usage.cached - usage.written, 0),
            "cache_read_input_token_cost": usage.cached,
            "cache_creation_input_token_cost": usage.written,
            "output_cost_per_token": usage.completion,
        }
        dollars = 0.0
        for kind, tokens in amounts.items():
            dollars += tokens * self._find_rate(kind, usage.prompt, tier)
        return dollars * self._uplift or None

    def _find_rate(self, kind: str, prompt: int, tier: str) -> float:
        """Return the dollars of one token.

        A long prompt and a service tier have keys of their own; tokens of a cache without a price
        cost what any token of the prompt costs.
        """
        thresholds = {int(match[1]) for match in map(_THRESHOLD.fullmatch, self._row) if match}
        passed = sorted((k for k in thresholds if prompt > k * 1000), reverse=True)
        for above in (*(f"_above_{k}k_tokens" for k in passed), ""):
            for end in (f"_{tier}", "") if tier else ("",):
                price = self._row.get(f"{kind}{above}{end}")
                if price is not None:
                    return float(price)
        if kind == "output_cost_per_token":
            return 0.0
        return self._find_rate("input_cost_per_token", prompt, tier)


def is_listed(name: str) -> bool:
    """Return whether litellm's table has the model or another one of its provider."""
    prefix = name.partition("/")[0]
    table = _load_table()
    return name in table or any(row.get("litellm_provider") == prefix for row in table.values())


def list_providers() -> list[str]:
    """Return the providers in litellm's table."""
    return sorted({str(row.get("litellm_provider")) for row in _load_table().values()})


def find_listing(name: str) -> Mapping[str, Any]:
    """Return the table's row of a model at its own provider, {} where it has none."""
    row = _find_row(name)
    return row if row.get("litellm_provider") == get_provider(name) else {}


def _find_row(name: str) -> Mapping[str, Any]:
    """Return the table's row of a model at any provider, {} where it has none."""
    model = name.partition("/")[2]
    tuned = _TUNED.match(model or name)
    rows = (_load_table().get(key) for key in (name, model, tuned[0] if tuned else ""))
    return next(filter(None, rows), {})


@cache
def _load_table() -> dict[str, Any]:
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    try:
        table: dict[str, Any] = json.loads((Path(spec.origin).parent / _TABLE).read_bytes())
    except (OSError, ValueError):
        return {}  # a litellm that keeps its prices elsewhere: they are unknown then
    return table


def find_capped_prices(settings: Settings) -> dict[Role, PriceSettings | None]:
    """Return the price that each model's calls are bounded by, if there is a ceiling in dollars.

    A prompt may be written to a cache of the provider's, which costs more than reading it.
    """
    if settings.budget.usd is None:
        return {}
    return {role: _find_dearest_price(model) for role, model in settings.asked_models.items()}


def _find_dearest_price(settings: ModelSettings) -> PriceSettings | None:
    price = find_price(settings)
    if price is None or settings.price is not None or price == _FREE:
        return price
    written = _find_row(settings.model).get("cache_creation_input_token_cost") or 0.0
    return replace(price, input=max(price.input, written * 1e6))


def reports_cost(settings: ModelSettings) -> bool:
    """Return whether the answers of a model may say what they cost: a gateway's do."""
    return all(
        find_provider(model.model).reports_cost or has_own_server(model.model, model.api_base)
        for model in settings.deployments
    )


def list_prices(settings: Settings) -> dict[Role, PriceSettings | None]:
    """Return the price of each model, None where nobody knows."""
    return {role: find_price(model) for role, model in settings.models.items()}
