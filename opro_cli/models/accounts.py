"""A model's account: the API key it needs, kept out of everything that is shown, and its prices.

Prices are read from the table that litellm ships, without its import of three seconds.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from opro_cli.core.run.progress import Role
from opro_cli.core.settings.models import is_computed_here, is_gguf
from opro_cli.core.settings.readers import find_variable
from opro_cli.core.settings.settings import ModelSettings, PriceSettings, Settings
from opro_cli.errors import ModelError
from opro_cli.models.providers import (
    OPENAI_HOST,
    find_base,
    find_provider,
    get_provider,
    has_own_server,
    is_on_this_machine,
    parse_host,
)
from opro_cli.plugins import is_outside
from opro_cli.reports.request_words import name_role

REDACTED = "[redacted]"
SHORTEST_ENCODED = 12
"""Characters of a secret whose encodings are looked for; a shorter one may be a common word."""

_BASE64 = "[A-Za-z0-9+/_-]"
_HEX_ESCAPE = re.compile(r"\\(?:u00|x)([0-9A-Fa-f]{2})")
_SKIPPED = (0, 2, 3)
"""Characters of base64 that belong to 0, 1 or 2 bytes before the secret, at least in part."""


class Spellings:
    """One secret, and its removal from texts.

    The forms that are plain strings are looked for first, at the speed of `in`: a text without the
    secret costs some microseconds.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._base64: list[tuple[str, re.Pattern[str]]] = []
        forms = {secret}
        if len(secret) >= SHORTEST_ENCODED:
            data = secret.encode("utf-8", "surrogateescape")
            forms |= {data.hex(), data.hex().upper(), json.dumps(secret)[1:-1]}
            forms |= {quote(secret, safe=""), quote_plus(secret), secret.replace("/", "\\/")}
            self._base64 = list(_spell_in_base64(data))
        self._forms = sorted(forms, key=len, reverse=True)

    def remove_from(self, text: str) -> str:
        """Return `text` with REDACTED for the secret, the same object where it holds none."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, REDACTED)
        for core, pattern in self._base64:
            if core in text:
                text = pattern.sub(REDACTED, text)
        if self._base64 and self._is_escaped_in(text):
            text = _compile_escaped(self._secret).sub(REDACTED, text)
        return text

    def _is_escaped_in(self, text: str) -> bool:
        r"""Whether `text` has the secret with some characters as %41, \u0041 or \x41."""
        if "%" in text and self._secret in unquote(text):
            return True
        if "\\u00" not in text and "\\x" not in text:
            return False
        return self._secret in _HEX_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


get_spellings = lru_cache(maxsize=64)(Spellings)  # its patterns take a while to compile


def _spell_in_base64(data: bytes) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield the base64 of a secret at each of the three offsets in a group of bytes.

    Each time the characters that it alone decides, and a pattern with those at its ends, which
    also depend on the bytes before and behind.
    """
    for before, skipped in enumerate(_SKIPPED):
        bits = 8 * (before + len(data))
        encoded = b64encode(bytes(before) + data).decode()[skipped : bits // 6]
        head = f"{_BASE64}?" if before else ""
        tail = f"{_BASE64}?" if bits % 6 else ""
        for core in {encoded, encoded.translate({ord("+"): "-", ord("/"): "_"})}:
            yield core, re.compile(f"{head}{re.escape(core)}{tail}={{0,2}}")


@lru_cache(maxsize=64)
def _compile_escaped(secret: str) -> re.Pattern[str]:
    """Compile a pattern of the secret with any of its characters escaped; it is slow to search."""
    return re.compile(
        "".join(rf"(?:{re.escape(char)}|(?i:(?:%|\\u00|\\x){ord(char):02x}))" for char in secret)
    )


PLACEHOLDER_KEY = "no-key-needed"  # the openai client refuses to be built without any key
# An OPENAI_API_KEY is OpenAI's: a config whose api_base names somebody else's server must not hand
# it over. A server that wants a key gets this one.
OWN_SERVER_KEY = "OPRO_API_KEY"

SECRET_NAMES = re.compile(r"_(API_KEY|KEY|TOKEN|SECRET|PASSWORD)$")
SHORTEST_SECRET = 6  # a shorter value is a test's "x" or "none" and would blot out common words
# Behind a name a key has a letter or a digit; "…", "..." and "***" are stand-ins for one.
SECRET_SHAPES = re.compile(
    r"\bsk-(?=[*.-]*\w)[\w*.-]{4,}"  # OpenAI, Anthropic, OpenRouter; echoed half masked
    r"|(?<=Bearer )(?=[^\s\"',]*\w)[^\s\"',]+"
    r"|(?<=[?&]key=)(?=[^\s\"'&]*\w)[^\s\"'&]+"  # Gemini carries the key in its url
    r"|(?i:(?<=[_-]key=)|(?<=token=)|(?<=secret=)|(?<=password=))(?=[^\s\"'&]*\w)[^\s\"'&]+"
    r"|(?<=://)[^\s/@]+(?=@)"  # name and password of a network proxy
)


def find_key_variable(model_name: str, api_base: str | None) -> str | None:
    """Return the environment variable whose key is sent for a model, None where none is known.

    An address in the environment (OPENAI_BASE_URL) belongs with the OPENAI_API_KEY beside it, as
    OpenAI's own client has it.
    """
    if api_base and has_own_server(model_name, api_base):
        return OWN_SERVER_KEY
    return next(iter(find_provider(model_name).keys), None)


def name_key_variable(model_name: str, api_base: str | None) -> str:
    """Return the customary variable of a model's key, "" where the model needs none."""
    if is_computed_here(model_name) or is_gguf(model_name) or is_outside(model_name):
        return ""
    prefix = get_provider(model_name) or "openai"
    return find_key_variable(model_name, api_base) or f"{prefix.upper()}_API_KEY"


def choose_client_key(model_name: str, api_base: str | None) -> str | None:
    """Return the key that a client must be given, None where it finds the right one itself."""
    if not has_own_server(model_name, api_base):
        return None
    variable = find_key_variable(model_name, api_base)
    return (os.environ.get(variable) if variable else None) or PLACEHOLDER_KEY


def find_missing_keys(model_name: str, api_base: str | None = None) -> tuple[str, ...]:
    """Return the environment variables that must be set before `model_name` can be called.

    Only the customary variable where several would serve. A server that the user runs needs none.
    """
    provider = find_provider(model_name)
    if provider.kind or has_own_server(model_name, api_base):
        return ()
    missing = () if any(map(os.environ.get, provider.keys)) else provider.keys[:1]
    needed = () if api_base else provider.addresses
    missing += tuple(name for name in needed if not os.environ.get(name))
    # what has a default is told with the others, and is no reason to stop
    return missing + tuple(n for n in provider.defaulted if missing and not os.environ.get(n))


def require_key(name: str, api_base: str | None) -> None:
    """Raise a ModelError when the key that `name` needs is not in the environment."""
    missing = find_missing_keys(name, api_base)
    if missing:
        message, hint = keys_not_set(missing)
        raise ModelError(f"{name} {message.replace('no', 'needs an', 1)}", hint, transient=False)


def find_unset_headers(settings: Settings) -> dict[str, str]:
    """Return the headers whose variable is not set, each as its key in the config."""
    unset = {}
    for role, model in settings.models.items():
        for name, text in (model.extra.headers if model.extra else {}).items():
            variable = find_variable(text)
            if not os.environ.get(variable, "").strip():
                unset[f"{name_role(role)}.extra.headers.{name}"] = variable
    return unset


def keys_not_set(variables: Sequence[str]) -> tuple[str, str]:
    """Word the refusal of models whose keys are missing.

    Args:
        variables: The environment variables that must be set; at least one.

    Returns:
        The message, "no API key: OPENAI_API_KEY is not set", and the hint, a line a variable.
    """
    what = "no API key" if any(map(SECRET_NAMES.search, variables)) else "no address"
    *others, last = variables
    names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    lines = [f"export {variable}=…" for variable in variables]
    lines[-1] += "  (keys are read from the environment and never written)"
    return f"{what}: {names} not set", "\n".join(lines)


def collect_sent_keys(model_name: str, api_base: str | None) -> frozenset[str]:
    """Return the keys that go out with requests to a model, from the environment as it is now.

    A stand-in for a key is left out: it is no secret, and may be a common word.
    """
    given = choose_client_key(model_name, api_base)
    provider = find_provider(model_name)
    prefix = provider.key_prefix or f"{get_provider(model_name).upper()}_"
    variables = provider.keys or [
        name for name in os.environ if name.startswith(prefix) and SECRET_NAMES.search(name)
    ]
    values = [given] if given else [os.environ.get(name, "") for name in variables]
    keys = {value.strip() for value in values if len(value.strip()) >= SHORTEST_ENCODED}
    return frozenset(keys - {PLACEHOLDER_KEY})


def build_redactor(keys: Iterable[str]) -> Callable[[str], str]:
    """Build a function that removes these keys, plain or encoded, and nothing else from a text.

    A model may write something that looks like a key, or a word that some variable holds.
    """
    spellings = [get_spellings(key) for key in sorted(keys, key=len, reverse=True)]

    def redact_reply(text: str) -> str:
        for key in spellings:
            text = key.remove_from(text)
        return text

    return redact_reply


_header_variables: set[str] = set()


def guard_headers(headers: Mapping[str, str]) -> None:
    """Have `redact` remove what these headers of a config send, whatever its variables' names."""
    _header_variables.update(map(find_variable, headers.values()))


def redact(text: str) -> str:
    """Remove the values of key-like environment variables, and everything shaped like a key.

    The variables that headers of a config name are among them.
    """
    values = {
        value
        for name, value in os.environ.items()
        if name in _header_variables or SECRET_NAMES.search(name)
    }
    for secret in sorted(values, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = get_spellings(secret).remove_from(text)
    return SECRET_SHAPES.sub(REDACTED, text)


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


def make_redactor(settings: Settings) -> Callable[[str], str]:
    """Build the function that removes from a model's words the keys sent to either model."""
    models = list_deployments(settings)
    sent = (collect_sent_keys(each.model, each.api_base) for each in models)
    headers = (
        find_variable(text) for each in models if each.extra for text in each.extra.headers.values()
    )
    values = {os.environ.get(name, "").strip() for name in headers}
    own = frozenset(value for value in values if len(value) >= SHORTEST_ENCODED)
    return build_redactor(own.union(*sent))


def list_deployments(settings: Settings) -> tuple[ModelSettings, ...]:
    """Return all models at all of their endpoints."""
    return tuple(each for model in settings.models.values() for each in model.deployments)


def find_capped_prices(settings: Settings) -> dict[Role, PriceSettings | None]:
    """Return the price that each model's calls are bounded by, if there is a ceiling in dollars.

    A prompt may be written to a cache of the provider's, which costs more than reading it.
    """
    if settings.budget.usd is None:
        return {}
    return {role: _find_dearest_price(model) for role, model in settings.models.items()}


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
