"""What went wrong when a provider was asked, as a ModelError; shared by the adapters over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import ModelError
from opro_cli.models.error_texts import (
    PAGE,
    classify,
    make_one_line,
    read_refusal,
    read_retry_after,
    shorten,
    suggest_address,
    suggest_remedy,
)
from opro_cli.models.keys import find_missing_keys
from opro_cli.models.providers import Kind, find_own_address, suggest_model, suggest_start

MOST_NAMES = 5  # of the models that a server has, in a message
MOST_COMPARED = 200  # of them with the one that is missing

LONGEST_REFUSAL = 65_536
"""Bytes of a refusal that are read; its first few hundred say what is wrong."""
BYTES_OF_AN_ENVELOPE = 65_536  # what a server says around its answers
BYTES_OF_A_TOKEN = 32  # the longest common ones, with every character escaped in JSON

# The server, or a proxy before it, gave up waiting: what was asked may still have been answered.
GAVE_UP_WAITING = frozenset({408, 499, 504, 524})


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What was asked of whom, as far as a refusal needs to know.

    timeout: the seconds that the call was given.
    max_tokens: of each of its answers; every request has one.
    secrets: what must not be repeated, beside the keys in the environment.
    choices: answers that were asked for.
    """

    name: str
    api_base: str | None
    timeout: float
    max_tokens: int
    secrets: tuple[str, ...] = ()
    choices: int = 1

    @property
    def most_bytes(self) -> int:
        """The longest body that an answer of this length can need."""
        return BYTES_OF_AN_ENVELOPE + BYTES_OF_A_TOKEN * self.max_tokens * self.choices


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer; `body` as text, whole."""

    status: int
    headers: Mapping[str, str]
    body: str


def require_key(name: str, api_base: str | None) -> None:
    """Raise a ModelError when the key that `name` needs is not in the environment."""
    missing = find_missing_keys(name, api_base)
    if missing:
        raise ModelError(
            f"{name} needs an API key: {missing[0]} is not set",
            f"export {missing[0]}=…",
            transient=False,
        )


def build_status_error(answer: HttpAnswer, asked: ModelCall) -> ModelError:
    """A refusal with a status and the provider's words."""
    said = read_refusal(answer.body, asked.secrets)
    meant = classify(answer.status, said.meaning, asked.max_tokens)
    return ModelError(
        f"{asked.name} answered {answer.status}" + (f": {said.words}" if said.words else ""),
        suggest_remedy(answer.status, said.meaning, asked.name, asked.api_base, asked.max_tokens),
        transient=meant == "transient",
        unanswerable=meant == "unanswerable",
        status=answer.status,
        retry_after=read_retry_after(answer.headers, body=answer.body),
        maybe_billed=answer.status in GAVE_UP_WAITING,
    )


def build_redirect_error(answer: HttpAnswer, place: str, asked: ModelCall) -> ModelError:
    """An answer that names another `place` to ask, which nobody has entrusted with the key."""
    return ModelError(
        f"{asked.name} answered {answer.status}: it redirects to {make_one_line(place, asked.secrets)}",
        "redirects are not followed; set api_base to the address that answers itself",
        transient=False,
        status=answer.status,
    )


def build_unreadable_error(text: str, asked: ModelCall) -> ModelError:
    """An answer that is none: a web page, JSON that breaks off, nothing at all."""
    words = read_refusal(text, asked.secrets).words
    kind = "a web page" if PAGE.search(shorten(text)) else "no readable answer"
    return ModelError(
        f"{asked.name} sent {kind}: {words}" if words else f"{asked.name} sent an empty answer",
        suggest_address(asked.name, asked.api_base),
        transient=True,
        maybe_billed=True,
    )


def build_no_choices_error(asked: ModelCall) -> ModelError:
    message = f"{asked.name} sent a reply without choices"
    return ModelError(message, transient=True, maybe_billed=True)


def build_too_large_error(asked: ModelCall) -> ModelError:
    """An answer far longer than the request allows.

    Not transient: asked again, the server would send as much again, and each time is paid for.
    """
    several = f" and {asked.choices} choices" if asked.choices > 1 else ""
    return ModelError(
        f"{asked.name} sent more than {asked.most_bytes:,} bytes for max_tokens "
        f"{asked.max_tokens}{several}: the rest was not read",
        "the server does not keep to max_tokens; raise it if answers may be that long, or ask "
        "another server",
        transient=False,
        unanswerable=True,
        maybe_billed=True,
    )


def build_timeout_error(
    asked: ModelCall, hint: str = "raise the timeout, or lower the concurrency"
) -> ModelError:
    message = f"{asked.name} gave no answer within {asked.timeout:g} s"
    return ModelError(message, hint, transient=True, maybe_billed=True)


def build_connection_error(asked: ModelCall) -> ModelError:
    """Nobody listens at the address."""
    address = asked.api_base or find_own_address(asked.name, None)
    where = f" at {make_one_line(address, asked.secrets)}" if address else ""
    hint = suggest_start(asked.name, asked.api_base)
    return ModelError(f"{asked.name} refused the connection{where}", hint, transient=True)


def build_missing_model_error(asked: ModelCall, kind: Kind, names: Sequence[str]) -> ModelError:
    """A server that has other models; `names` are its own words."""
    wanted = asked.name.partition("/")[2]
    shown = [make_one_line(shorten(name), asked.secrets) for name in sorted(names)[:MOST_COMPARED]]
    guess = nearest(wanted, shown)
    several = ", ".join(shown[:MOST_NAMES])
    left = len(names) - MOST_NAMES
    has = f"it has {several or 'none'}" + (f" and {left} more" if left > 0 else "")
    meant = f" (did you mean {guess}?)" if guess else ""
    hint = suggest_model(asked.name, asked.api_base, kind)
    return ModelError(f"{asked.name}: the server lacks it; {has}{meant}", hint, transient=False)


def build_missing_list_error(asked: ModelCall, url: str) -> ModelError:
    """Something answers, but has no list of models where a model server has one."""
    hint = suggest_address(asked.name, asked.api_base) or "another program may listen there"
    return ModelError(f"{asked.name}: no list of models at {url}", hint, transient=False)


def build_broken_off_error(asked: ModelCall) -> ModelError:
    message = f"{asked.name} broke off in the middle of its answer"
    return ModelError(message, transient=True, maybe_billed=True)


def build_no_answer_error(
    words: str,
    asked: ModelCall,
    hint: str | None = None,
    *,
    transient: bool = True,
    maybe_billed: bool = False,
) -> ModelError:
    """No answer at all; `words` are one line without keys, see `flatten`."""
    message = f"{asked.name} did not answer" + (f": {words}" if words else "")
    return ModelError(message, hint, transient=transient, maybe_billed=maybe_billed)
