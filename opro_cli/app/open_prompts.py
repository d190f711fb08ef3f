"""A prompt of a run as a model gets it, with holes for what comes from a row."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from opro_cli.app.run_settings import read_recorded_settings
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.replies import KeptReplies
from opro_cli.core.run.selection import find_baseline, find_winner
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.chat import ESCAPED, QUESTION, escape_holes
from opro_cli.core.task.example import Example, Message, Split
from opro_cli.core.task.prompt import GOLD, Content, Demo, Prompt, build_messages
from opro_cli.errors import OproError
from opro_cli.evaluators import choose_form, show_demo
from opro_cli.reports.prompts import WholePrompt, serialize_form
from opro_cli.reports.recorded import RecordedRun
from opro_cli.store.journal import read_numbered_events

Replies = Mapping[tuple[str, Split, int], str]
"""Train replies by candidate, split and question."""


def build_whole_prompt(
    run: RecordedRun, candidate: Candidate, replies: Replies | None = None
) -> WholePrompt:
    """Return a prompt of a run as a model gets it, with its holes open.

    Args:
        run: Of the prompt.
        candidate: The prompt.
        replies: That it may show; None to read them from the journal where it shows any.
    """
    settings = read_recorded_settings(Path(run.folder))
    messages: tuple[Message, ...] = ()
    if settings.task.problem is None and settings.task.evaluator == "model":
        messages = build_open_messages(run, candidate.content, settings, replies)
    text, form = candidate.instruction, serialize_form(candidate)
    escaped = bool(messages) and _escape(text, settings) != text
    return WholePrompt(run.name, candidate.step, text, messages, form, escaped)


def list_whole_prompts(run: RecordedRun, replies: Replies | None = None) -> dict[str, str]:
    """Return start prompt and winner as a model gets them, by id, where they are more than a text.

    One that cannot be built any more is left out.
    """
    texts = {}
    for candidate in (find_baseline(run.state), find_winner(run.state)):
        if candidate is not None and candidate.form:
            with suppress(OproError, OSError):
                texts[candidate.id] = build_whole_prompt(run, candidate, replies).text
    return texts


def build_open_messages(
    run: RecordedRun, content: Content, settings: Settings, replies: Replies | None = None
) -> tuple[Message, ...]:
    """Return the chat of a content, in which a hole for a part of a row stays as it is.

    The instruction is sent as it stands, even where it reads like a hole. So such text is escaped
    here: a program that fills the holes would put the question in twice.
    """
    form = settings.task.format
    shown = content.demos if isinstance(content, Prompt) else ()
    if replies is None:
        shows_any = any(demo.shown != GOLD for demo in shown)
        replies = read_train_replies(Path(run.folder)) if shows_any else {}
    show = partial(_show_escaped, examples=run.examples["train"], replies=replies)
    fields = {name: f"{{{{{name}}}}}" for name in form.template.fields}
    row = Example("{{question}}", "", "", fields=fields)
    if isinstance(content, Prompt):
        content = replace(content, instruction=_escape(content.instruction, settings))
    return build_messages(content, row, choose_form(content, form), show)


def _escape(instruction: str, settings: Settings) -> str:
    return escape_holes(instruction, (*QUESTION, *settings.task.format.template.fields))


def _show_escaped(demo: Demo, **where: Any) -> tuple[str, str]:
    """Return a worked example in which nothing is a hole, whatever its row says."""
    question, answer = show_demo(demo, **where)
    return question.replace("{{", ESCAPED), answer.replace("{{", ESCAPED)


def read_train_replies(folder: Path) -> dict[tuple[str, Split, int], str]:
    """Return the train replies in a run's journal by candidate, split and question."""
    kept = KeptReplies()
    kept.add_all(event for _, event in read_numbered_events(folder / "events.jsonl"))
    return kept.texts
