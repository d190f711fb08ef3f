"""What went wrong when a provider was asked, as a ModelError; shared by the adapters over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import ModelError
from opro_cli.models.error_texts import (
    PAGE,
    address_hint,
    one_line,
    remedy,
    retry_after,
    said_in,
    shortened,
    verdict,
)
from opro_cli.models.keys import missing_keys
from opro_cli.models.providers import Kind, get_hint, own_address, start_hint

MOST_NAMES = 5  # of the models that a server has, in a message
MOST_COMPARED = 200  # of them with the one that is missing

LONGEST_REFUSAL = 65_536
"""Bytes of a refusal that are read; its first few hundred say what is wrong."""
BYTES_OF_AN_ENVELOPE = 65_536  # what a server says around its answers
BYTES_OF_A_TOKEN = 32  # the longest common ones, with every character escaped in JSON

# The server, or a proxy before it, gave up waiting: what was asked may still have been answered.
GAVE_UP_WAITING = frozenset({408, 499, 504, 524})


@dataclass(frozen=True, slots=True)
class Asked:
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
class Answer:
    """An HTTP answer; `body` as text, whole."""

    status: int
    headers: Mapping[str, str]
    body: str


def require_key(name: str, api_base: str | None) -> None:
    """Raise a ModelError when the key that `name` needs is not in the environment."""
    missing = missing_keys(name, api_base)
    if missing:
        raise ModelError(
            f"{name} needs an API key: {missing[0]} is not set",
            f"export {missing[0]}=…",
            transient=False,
        )


def answered(answer: Answer, asked: Asked) -> ModelError:
    """A refusal with a status and the provider's words."""
    said = said_in(answer.body, asked.secrets)
    meant = verdict(answer.status, said.meaning, asked.max_tokens)
    return ModelError(
        f"{asked.name} answered {answer.status}" + (f": {said.words}" if said.words else ""),
        remedy(answer.status, said.meaning, asked.name, asked.api_base, asked.max_tokens),
        transient=meant == "transient",
        unanswerable=meant == "unanswerable",
        status=answer.status,
        retry_after=retry_after(answer.headers, body=answer.body),
        maybe_billed=answer.status in GAVE_UP_WAITING,
    )


def redirected(answer: Answer, place: str, asked: Asked) -> ModelError:
    """An answer that names another `place` to ask, which nobody has entrusted with the key."""
    return ModelError(
        f"{asked.name} answered {answer.status}: it redirects to {one_line(place, asked.secrets)}",
        "redirects are not followed; set api_base to the address that answers itself",
        transient=False,
        status=answer.status,
    )


def unreadable(text: str, asked: Asked) -> ModelError:
    """An answer that is none: a web page, JSON that breaks off, nothing at all."""
    words = said_in(text, asked.secrets).words
    kind = "a web page" if PAGE.search(shortened(text)) else "no readable answer"
    return ModelError(
        f"{asked.name} sent {kind}: {words}" if words else f"{asked.name} sent an empty answer",
        address_hint(asked.name, asked.api_base),
        transient=True,
        maybe_billed=True,
    )


def without_choices(asked: Asked) -> ModelError:
    message = f"{asked.name} sent a reply without choices"
    return ModelError(message, transient=True, maybe_billed=True)


def too_large(asked: Asked) -> ModelError:
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


def timed_out(
    asked: Asked, hint: str = "raise the timeout, or lower the concurrency"
) -> ModelError:
    message = f"{asked.name} gave no answer within {asked.timeout:g} s"
    return ModelError(message, hint, transient=True, maybe_billed=True)


def refused_connection(asked: Asked) -> ModelError:
    """Nobody listens at the address."""
    address = asked.api_base or own_address(asked.name, None)
    where = f" at {one_line(address, asked.secrets)}" if address else ""
    hint = start_hint(asked.name, asked.api_base)
    return ModelError(f"{asked.name} refused the connection{where}", hint, transient=True)


def without_model(asked: Asked, kind: Kind, names: Sequence[str]) -> ModelError:
    """A server that has other models; `names` are its own words."""
    wanted = asked.name.partition("/")[2]
    shown = [one_line(shortened(name), asked.secrets) for name in sorted(names)[:MOST_COMPARED]]
    guess = nearest(wanted, shown)
    several = ", ".join(shown[:MOST_NAMES])
    left = len(names) - MOST_NAMES
    has = f"it has {several or 'none'}" + (f" and {left} more" if left > 0 else "")
    meant = f" (did you mean {guess}?)" if guess else ""
    hint = get_hint(asked.name, asked.api_base, kind)
    return ModelError(f"{asked.name}: the server lacks it; {has}{meant}", hint, transient=False)


def without_list(asked: Asked, url: str) -> ModelError:
    """Something answers, but has no list of models where a model server has one."""
    hint = address_hint(asked.name, asked.api_base) or "another program may listen there"
    return ModelError(f"{asked.name}: no list of models at {url}", hint, transient=False)


def broke_off(asked: Asked) -> ModelError:
    message = f"{asked.name} broke off in the middle of its answer"
    return ModelError(message, transient=True, maybe_billed=True)


def unanswered(
    words: str,
    asked: Asked,
    hint: str | None = None,
    *,
    transient: bool = True,
    maybe_billed: bool = False,
) -> ModelError:
    """No answer at all; `words` are one line without keys, see `one_line`."""
    message = f"{asked.name} did not answer" + (f": {words}" if words else "")
    return ModelError(message, hint, transient=transient, maybe_billed=maybe_billed)
