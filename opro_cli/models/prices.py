"""List prices, read from the table that litellm ships, without its import of three seconds."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from opro_cli.core.settings.settings import ModelSettings, PriceSettings, is_embedded
from opro_cli.models.providers import (
    OPENAI_HOST,
    find_base,
    get_provider,
    is_on_this_machine,
    parse_host,
)

_TABLE = "model_prices_and_context_window_backup.json"
_FREE = PriceSettings(0.0, 0.0)
_TUNED = re.compile(r"ft:[^:]+")  # a fine-tuned model is listed without the names its owner gave it
_THRESHOLD = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; cached (read from a cache) and written (to one) are part of prompt."""

    prompt: int
    completion: int
    cached: int = 0
    written: int = 0


def find_price(settings: ModelSettings) -> PriceSettings | None:
    """Return US dollars per million tokens: the config's price, else the list price.

    None where the price is unknown; 0 in the table counts as unknown, as for single calls.
    """
    if settings.price is not None:
        return settings.price
    here = (is_on_this_machine(model.model, model.api_base) for model in settings.deployments)
    if is_embedded(settings.model) or all(here):
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
        self._is_free = is_on_this_machine(name, api_base)
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
