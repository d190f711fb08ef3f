"""A reply with the time that it took, and how the journal tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opro_cli.core.events import Via
from opro_cli.core.model import ChatReply
from opro_cli.engine.clock import now


@dataclass(frozen=True, slots=True)
class TimedReply:
    """A reply, the seconds that the successful call took, and whether there was one."""

    reply: ChatReply
    seconds: float
    via: Via = "call"


def said(answered: TimedReply) -> dict[str, Any]:
    """What every event of an answered request says about the answer."""
    return {**told(answered), "via": answered.via}


def told(answered: TimedReply) -> dict[str, Any]:
    """The same without whether there was a call: where there always is one."""
    reply = answered.reply
    return {
        "at": now(),
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "usd": reply.usd,
        "seconds": answered.seconds,
    }
