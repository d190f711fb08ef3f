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
from urllib.parse import urlsplit

from opro_cli.core.settings.settings import ModelSettings, PriceSettings, is_embedded
from opro_cli.models.keys import OPENAI_HOST, get_provider
from opro_cli.models.providers import find_base, is_on_this_machine

_TABLE = "model_prices_and_context_window_backup.json"
_FREE = PriceSettings(0.0, 0.0)
_TUNED = re.compile(r"ft:[^:]+")  # a fine-tuned model is listed without the names its owner gave it
_THRESHOLD = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one call; cached (read from a cache) and written (to one) are of the prompt."""

    prompt: int
    completion: int
    cached: int = 0
    written: int = 0


def find_price(settings: ModelSettings) -> PriceSettings | None:
    """What a model costs per million tokens: the config's price, else its list price.

    None where nobody knows; 0 in the table counts as unknown, as it does for single calls.
    """
    if settings.price is not None:
        return settings.price
    here = (is_on_this_machine(each.model, each.api_base) for each in settings.deployments)
    if is_embedded(settings.model) or all(here):
        return _FREE
    row = _find_row(settings.model)
    prompt, completion = row.get("input_cost_per_token"), row.get("output_cost_per_token")
    if not prompt or completion is None:
        return None
    return PriceSettings(prompt * 1e6, completion * 1e6)


def compute_usd(
    name: str, api_base: str | None, usage: Usage | None, tier: str = ""
) -> float | None:
    """US dollars of one call, None where unknown; `usage` None: the server sent no counts.

    A self-hosted server on this machine costs 0. Everywhere else the list price of the model named
    counts (also behind a gateway, which may charge differently), and its 0 counts as unknown.
    tier: the service tier that the answer names ("flex", "priority"), where it has a price.
    """
    if is_on_this_machine(name, api_base):
        return 0.0
    row = find_listing(name)
    if usage is None or not row.get("input_cost_per_token"):
        return None
    rates = _Rates(row, usage.prompt, tier)
    fresh = max(usage.prompt - usage.cached - usage.written, 0)
    dollars = (
        fresh * rates.of("input_cost_per_token")
        + usage.cached * rates.of("cache_read_input_token_cost")
        + usage.written * rates.of("cache_creation_input_token_cost")
        + usage.completion * rates.of("output_cost_per_token")
    )
    return dollars * _find_uplift(row, find_base(name, api_base) or "") or None


def find_listing(name: str) -> Mapping[str, Any]:
    """What litellm's table says about a model at its own provider, empty where it says nothing."""
    row = _find_row(name)
    return row if row.get("litellm_provider") == get_provider(name) else {}


def _find_row(name: str) -> Mapping[str, Any]:
    """What the table says about a model at any provider."""
    model = name.partition("/")[2]
    tuned = _TUNED.match(model or name)
    rows = (_load_table().get(key) for key in (name, model, tuned[0] if tuned else ""))
    return next(filter(None, rows), {})


@dataclass(frozen=True, slots=True)
class _Rates:
    """Dollars a token of one row of the table, for a prompt of so many tokens."""

    row: Mapping[str, Any]
    prompt: int
    tier: str

    def of(self, kind: str) -> float:
        """A long prompt and a service tier have names of their own; tokens of a cache that have no
        price cost what any token of the prompt costs."""
        ends = [f"_{self.tier}", ""] if self.tier else [""]
        keys = [f"{kind}{above}{end}" for above in (*self._passed(), "") for end in ends]
        price = next((self.row[key] for key in keys if self.row.get(key) is not None), None)
        if price is None:
            return 0.0 if kind == "output_cost_per_token" else self.of("input_cost_per_token")
        return float(price)

    def _passed(self) -> list[str]:
        """The thresholds that the prompt exceeds, the highest first: "_above_272k_tokens"."""
        found = {int(k[1]) for key in self.row if (k := _THRESHOLD.fullmatch(key))}
        return [
            f"_above_{k}k_tokens" for k in sorted(found, reverse=True) if self.prompt > k * 1000
        ]


def _find_uplift(row: Mapping[str, Any], base: str) -> float:
    """OpenAI charges more on the hosts that keep data in a region, eu.api.openai.com."""
    region, _, host = (urlsplit(base).hostname or "").partition(".")
    key = f"regional_processing_uplift_multiplier_{region}"
    return float(row.get(key) or 1.0) if host == OPENAI_HOST else 1.0


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
