"""The real leg: small pretrained models through opro's own llama.cpp server, on label sets."""

from __future__ import annotations

from tests.bench.search.pool import Entry
from tests.bench.search.tasks import Chat, Row, Task
from opro_cli.ports import ChatModel

REAL: dict[str, Task] = {}


def build_real_model(name: str) -> ChatModel:
    """Return a model that opro serves itself."""
    raise NotImplementedError


def read_rows(name: str) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows for searches, and the unseen rows."""
    raise NotImplementedError


def read_pool(name: str) -> tuple[Entry, ...]:
    """Return the instructions that a scripted writer draws from."""
    raise NotImplementedError


def count_tokens(task: Task, chat: Chat) -> int:
    """Return the tokens of a prompt without its question, as the embedded scorer counts them."""
    from opro_cli.embedded.config import SCORER
    from opro_cli.embedded.prompts import ChatFormat

    text = "\n".join(text for _, text in chat).replace("{{question}}", "")
    return len(ChatFormat(SCORER).ids(text))
