"""The optional parameters of a request: how each is spelled, and which one a refusal is about.

Servers word a refusal as they like. What they share is the name of the parameter: in a field of the
JSON, in quotes of some kind, or bare beside words of refusal. A parameter that is named so is left
out, or goes by its other name, and the call is made again (`calls/metered`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opro_cli.core.settings.models import ModelSettings, ReasoningSettings
from opro_cli.core.settings.readers import find_variable
from opro_cli.core.task.example import LIMITS
from opro_cli.errors import ModelError
from opro_cli.models.error_texts import FILTERED, TOO_LONG, TOO_MANY_ASKED, parse_json
from opro_cli.models.providers import find_base, get_provider, parse_host
from opro_cli.models.redaction import guard_headers
from opro_cli.shell import describe_setting

NEEDED = frozenset({"model", "messages", "prompt"})
"""Parameters without which there is no request."""

_LIMIT = ("max_output_tokens", "max_new_tokens", "num_predict", "maxOutputTokens", "maxTokens")
_THOUGHTS = (
    *("thinking", "thinkingConfig", "thinking_config", "thinking_budget", "budget_tokens"),
    "thinking budget",
)
ALIASES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(LIMITS, _LIMIT),
    "top_p": ("topP",),
    "seed": ("random_seed", "randomSeed"),
    "n": ("candidateCount", "candidate_count", "num_generations", "best_of", "multiple candidates"),
    "stop": ("stop_sequences", "stopSequences"),
    "reasoning_effort": ("reasoning", "effort", "think", *_THOUGHTS),
    "reasoning": ("reasoning_effort", "effort", *_THOUGHTS),
    "thinking": ("reasoning_effort", *_THOUGHTS[1:]),
}
"""Other names of a parameter: those that a gateway or litellm translates it to."""

MAY_REFUSE = frozenset({400, 403, 404, 405, 406, 415, 422, 500, 501})
"""Statuses behind which a parameter may be refused."""
_QUOTES = "\"'`´“”„«»‘’‹›「」[]<>()"
# nothing behind such words is what is wrong
_LISTS_OTHERS = re.compile(
    r"(?<!not )\b(?:supported|allowed|permitted|valid|available|accepted|expected|known)\s+"
    r"(?:param\w*|keys?|fields?|arguments?|options?|properties|names?|one of|values?)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_UNKNOWN = re.compile(
    r"unsupported|not (?:\w+ )?support|n.t support|unknown|unrecogni[sz]ed|unexpected|\bextra|"
    r"not (?:\w+ )?(?:permitted|allowed|accepted|available|enabled|recogni[sz]ed)|"
    r"deprecated|removed|instead|no such|not a (?:valid|known)|cannot find field|"
    r"nicht (?:unterst|erlaubt|zul|bekannt)|unbekannt|non (?:pris|support|autoris|reconnu)|inconnu|"
    r"no (?:se )?(?:admite|permit|soport|reconoc|compatible)|desconocid|不支持|不允许|未知|"
    r"не поддерж|неизвестн|サポート|지원",
    re.IGNORECASE,
)
"""Words by which a server says that it does not take something at all."""
_WRONG = re.compile(
    r"cannot|can.t|can not|invalid|\bonly\b|\bmust\b|range|between|forbidden|incompatible|should|"
    r"not (?:be |a )?(?:valid|set|used|specified|greater|less)|ung.ltig|darf|invalide|inv[aá]lid|"
    r"无效|必须|只能|недопустим|должн",
    re.IGNORECASE,
)
"""Words by which it says that it does not take this value, or not beside another."""
_HAS_TO_BE = re.compile(r"\b(?:has to|must) be\b", re.IGNORECASE)
"""The plainest of them, as transformers says it through a server that answers 500."""
_NAMING = (
    r"(?:param\w*|field|argument|option|property|key|keyword|feld|параметр\w*|参数|パラメータ)"
)


def find_refused(status: int, body: str, meaning: str, sent: Mapping[str, Any]) -> str:
    """Return the optional parameter that a refusal is about; "" for a refusal of anything else.

    Args:
        status: Of the HTTP answer.
        body: The answer as it came.
        meaning: See `error_texts.RefusalText`.
        sent: The optional parameters of the request.
    """
    if status not in MAY_REFUSE or TOO_LONG.search(meaning) or FILTERED.search(meaning):
        return ""
    named = list(_find_fields(parse_json(body)))
    text = _LISTS_OTHERS.sub("", meaning)
    if any(re.match(r"(?:messages|model|input)\b", each) for each in named):
        return ""
    is_refusal = bool(_UNKNOWN.search(text))
    if status < 500 and is_refusal | bool(_WRONG.search(text)) | bool(named):
        found = [each for each in _list_named(named, text, sent) if _may_be(each, meaning, text)]
    else:  # a fault of the server's own, unless it says otherwise with some care
        is_refusal = is_refusal or bool(_HAS_TO_BE.search(text))
        quoted = _list_quoted(text, sent) if is_refusal else []
        found = [each for each in quoted if _may_be(each, meaning, text)]
    if {"temperature", "top_p"} <= set(found) and not named:
        # One of the two has to go: at temperature 1 nothing is lost with it.
        return "temperature" if sent["temperature"] == 1 else "top_p"
    return next(iter(found), "")


def _may_be(name: str, meaning: str, text: str) -> bool:
    """Whether a limit is refused by its name: a limit of the wrong size is the user's to change."""
    return name not in LIMITS or bool(_UNKNOWN.search(text) and not TOO_MANY_ASKED.search(meaning))


def _list_named(named: Iterable[str], text: str, sent: Mapping[str, Any]) -> list[str]:
    """List the parameters that a refusal names, by fields of its JSON, in quotes, or bare."""
    by_spelling = {spelling: name for name in sent for spelling in _spell(name)}
    by_spelling |= {name: name for name in sent}
    fields = [part for each in named for part in re.split(r"[./\[\]]", each)]
    return (
        [by_spelling[part] for part in fields if part in by_spelling]
        or _list_quoted(text, sent)
        or _list_bare(text, sent)
    )


def _list_quoted(text: str, sent: Mapping[str, Any]) -> list[str]:
    quote = f"[{re.escape(_QUOTES)}]"
    return _list_found(text, sent, lambda word: rf"{quote}(?:\w+\.)*{word}(?:[.=:]\S*?)?{quote}")


def _list_bare(text: str, sent: Mapping[str, Any]) -> list[str]:
    return _list_found(text, sent, _write_bare)


def _write_bare(word: str) -> str:
    """Return a pattern of a name without quotes; a single letter needs more beside it."""
    if len(word) > 1:
        return rf"(?<![\w-]){word}(?![\w-])"
    return rf"\b{_NAMING}\W{{1,3}}{word}\b|\b{word}\s*(?:[=>]|must\b|is\b|should\b)"


_SHORT = 5
"""Letters of a parameter's name that is a word of its own: seed, stop, think."""


def _list_found(text: str, sent: Mapping[str, Any], write: Callable[[str], str]) -> list[str]:
    """List the parameters that a text names, the first one first.

    Args:
        text: Of the refusal.
        sent: The optional parameters of the request.
        write: Returns the pattern of a name.
    """
    first_at: dict[str, int] = {}
    for name in sent:
        found = (
            # "Seed funding" at the beginning of a sentence is no parameter.
            re.search(write(re.escape(word)), text, re.IGNORECASE if len(word) > _SHORT else 0)
            for word in _spell(name)
        )
        starts = [match.start() for match in found if match]
        if starts:
            first_at[name] = min(starts)
    return sorted(first_at, key=first_at.__getitem__)


def _spell(name: str) -> tuple[str, ...]:
    return (name, *ALIASES.get(name, ()))


def _find_fields(data: Any, depth: int = 0) -> Iterator[str]:
    """Yield what a refusal in JSON names as the place of the fault: OpenAI's param, pydantic's loc.

    Gemini's field violations are two levels further down.
    """
    if isinstance(data, str) and data.startswith(("{", "[")):
        data = parse_json(data)
    if depth > 6:
        return
    if isinstance(data, list):
        for item in data:
            yield from _find_fields(item, depth + 1)
    elif isinstance(data, dict):
        for key in ("param", "parameter", "field"):
            if isinstance(data.get(key), str) and data[key]:
                yield data[key]
        location = data.get("loc")
        if isinstance(location, list):
            yield ".".join(str(part) for part in location if part != "body")
        for item in data.values():
            yield from _find_fields(item, depth + 1)


def choose_limit(preferred: str, without: Iterable[str]) -> str:
    """Return the name by which the limit of a reply is sent; "" once both were refused."""
    refused = set(without)
    other = LIMITS[LIMITS[0] == preferred]
    return next((name for name in (preferred, other) if name not in refused), "")


def describe_value(value: Any) -> str:
    """Return the value of a parameter for people, short."""
    text = f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass(frozen=True, slots=True)
class Extras:
    """Parameters and headers that a config adds to every request.

    Attributes:
        reasoning: Parameters that bound the model's thoughts, in the words of its provider.
        body: Further parameters as they stand.
        headers: HTTP headers as the config has them, each with the name of a variable.
    """

    reasoning: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def fill_headers(self) -> dict[str, str]:
        """Return the headers with the values of the environment as it is now.

        Raises:
            ModelError: A variable is not set.
        """
        filled = {}
        for name, text in self.headers.items():
            variable = find_variable(text)
            value = os.environ.get(variable, "").strip()
            if not value:
                hint = describe_setting(variable)
                raise ModelError(
                    f"the header {name} needs {variable}, which is not set", hint, transient=False
                )
            filled[name] = text.replace(f"${{{variable}}}", value)
        return filled


NO_EXTRAS = Extras()
# litellm translates such a budget for these; the others take an effort alone
_TAKES_BUDGET = frozenset({"anthropic", "bedrock", "gemini", "vertex_ai", "databricks"})


def build_extras(settings: ModelSettings) -> Extras:
    """Return what a model's section adds to its requests."""
    extra = settings.extra
    if extra is not None:
        guard_headers(extra.headers)
    reasoning = build_reasoning(settings.model, settings.api_base, settings.reasoning)
    return Extras(reasoning, extra.body if extra else {}, extra.headers if extra else {})


def build_reasoning(
    name: str, api_base: str | None, reasoning: ReasoningSettings | None
) -> dict[str, Any]:
    """Return the parameters that bound a model's thoughts, in the words of its provider.

    OpenRouter takes one of the two, and a number says more. Ollama's own `think` is not read on its
    OpenAI route, where reasoning_effort is (docs/api/openai-compatibility).
    """
    if reasoning is None:
        return {}
    effort, budget = reasoning.effort, reasoning.max_tokens
    if is_openrouter(name, api_base):
        return {"reasoning": {"max_tokens": budget} if budget else {"effort": effort}}
    if budget and get_provider(name) in _TAKES_BUDGET:
        return {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return {"reasoning_effort": effort} if effort else {}


def is_openrouter(name: str, api_base: str | None) -> bool:
    """Whether OpenRouter is asked, by name or by address."""
    host = parse_host(find_base(name, api_base) or "")
    return get_provider(name) == "openrouter" or host.endswith("openrouter.ai")


def note_unsaid_reasoning(role: str, settings: ModelSettings) -> str:
    """Say which part of `reasoning` a model's provider has no parameter for; "" for none."""
    reasoning = settings.reasoning
    if reasoning is None:
        return ""
    sent = json.dumps(build_reasoning(settings.model, settings.api_base, reasoning))
    if reasoning.max_tokens and str(reasoning.max_tokens) not in sent:
        return (
            f"{role}.reasoning.max_tokens is not sent: {settings.model} takes an effort only "
            f"(a parameter of the server's own goes under {role}.extra.body)"
        )
    if reasoning.effort and reasoning.effort not in sent:
        return f"{role}.reasoning.effort is not sent: reasoning.max_tokens says more"
    return ""
