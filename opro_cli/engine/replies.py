"""A reply with the time that it took, and how the journal tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.core.events import Via
from opro_cli.core.model import ChatReply
from opro_cli.engine.clock import now


@dataclass(frozen=True, slots=True)
class TimedReply:
    """A reply, the seconds that the successful call took, and whether there was one.

    reply: as it came; it is read and graded, and not kept. redacted: the same without keys that
    were sent, for the journal and the cache; None where it holds none.
    """

    reply: ChatReply
    seconds: float
    via: Via = "call"
    redacted: ChatReply | None = None

    @property
    def recorded(self) -> ChatReply:
        """The reply as it may be written down."""
        return self.redacted or self.reply


def without_keys(reply: ChatReply, redact: Callable[[str], str]) -> ChatReply:
    """The reply with `redact` applied to every text of it."""
    more = (
        replace(each, text=redact(each.text), finish_reason=redact(each.finish_reason))
        for each in reply.more
    )
    return replace(
        reply,
        text=redact(reply.text),
        finish_reason=redact(reply.finish_reason),
        more=tuple(more),
    )


def said(answered: TimedReply) -> dict[str, Any]:
    """What every event of an answered request says about the answer."""
    return {**told(answered), "via": answered.via}


def told(answered: TimedReply) -> dict[str, Any]:
    """The same without whether there was a call: where there always is one."""
    reply = answered.recorded
    return {
        "at": now(),
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "usd": reply.usd,
        "seconds": answered.seconds,
    }
