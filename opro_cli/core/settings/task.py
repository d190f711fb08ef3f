"""The keys of `task`: where the questions are from, how they are asked, and how graded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opro_cli.core.settings import readers
from opro_cli.core.settings.models import UNUSED
from opro_cli.core.settings.schema import (
    boolean,
    choice,
    key,
    number,
    optional,
    plain_mapping,
    section,
    text,
    whole,
)
from opro_cli.core.task.chat import parse_chat
from opro_cli.core.task.example import ChatRole, Position
from opro_cli.core.task.prompt import PromptFormat

# The kinds of answers that `task.scoring: paper` knows.
PAPER_ANSWERS = ("number", "choice", "boolean", "exact")

LABELLED = ("label", "labels")
"""The kinds of answers from a closed set that the data has, or `task.labels`."""

ALL_OF = ("exact", "contains")
"""The kinds of answers that may be asked for all of several, as `task.golds: all` does."""

HUB = "hub:"
"""The beginning of the name of a dataset of the Hugging Face hub."""


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """The number of rows that each split takes."""

    train: int | float | None = key(
        optional(readers.share),
        None,
        doc="Rows of the train split, from which the optimizer learns. null: 50, or 25 % of the "
        "rows where there are too few for the usual 50, 100 and 200.",
    )
    dev: int | float | None = key(
        optional(readers.share),
        None,
        doc="Rows of the dev split, which with train chooses the winner; 0 for none. null: 100, or "
        "35 % of the rows; all rows of a dev file.",
    )
    test: int | float | None = key(
        optional(readers.share),
        None,
        doc="Rows of the test split, on which the winner and the start prompt are compared once. "
        "null: 200, or 40 % of the rows; all rows of a test file.",
    )
    seed: int = key(whole(0), 0, doc="Seed of the shuffle that draws the splits.")
    method: str = key(
        choice("shuffle", "paper"),
        "shuffle",
        doc="How the splits are drawn: shuffled by opro, or by numpy's legacy generator in the "
        "order of the paper's reference implementation.",
    )


@dataclass(frozen=True, slots=True)
class DataSettings:
    """The source of the examples, and the fields of a row that matter."""

    train: str = key(
        text("a file, or hub:OWNER/NAME[:CONFIG][@REVISION]#SPLIT"),
        doc="Rows to draw the splits from: a jsonl, json, csv, tsv, xlsx or parquet file, or a "
        "dataset of the Hugging Face hub. A file is looked for beside the config, then in the "
        "current folder.",
    )
    input: str = key(
        readers.field_or_template,
        doc="The field that holds the question, or a template of several.",
    )
    target: str = key(
        readers.field_or_template,
        doc="The field that holds the gold answer, or a template of several.",
    )
    dev: str | None = key(
        optional(text("a file or a hub: name")),
        None,
        doc="Rows of the dev split, where they have a source of their own. null: cut from train.",
    )
    test: str | None = key(
        optional(text("a file or a hub: name")),
        None,
        doc="Rows of the test split, where they have a source of their own. null: cut from train.",
    )
    split: SplitSettings = section(SplitSettings, doc="How many rows each split takes.")
    limit: int | None = key(
        optional(whole(1)),
        None,
        doc="Questions of each split at most, the first ones of those that the split would have: "
        "for a quick try, whose train and dev answers the whole run can take from the cache. "
        "null: all.",
    )
    on_bad_row: str = key(
        choice("error", "skip"),
        "error",
        doc="A row that cannot be used stops the command, or is left out and counted in a note.",
    )
    rows: str = key(
        choice("plain", "mmlu", "aqua", "multiarith"),
        "plain",
        doc="The public dataset whose row layout is read, where field names are not enough; "
        "presets set it.",
    )
    options: str | tuple[str, ...] | None = key(
        optional(readers.fields),
        None,
        doc="For answer: choice, the field with the options of a row, or a list of such fields. "
        "They are lettered behind the question, or in place of the field in input. A field may "
        "hold a list, objects with text and label, or an object of both.",
    )
    index_from: int | None = key(
        optional(whole(0)),
        None,
        doc="What the position of the right option is counted from, 0 or 1, where target is one "
        "and the rows do not tell.",
    )
    group: str | None = key(
        optional(readers.field_or_template),
        None,
        doc="The field that says which rows belong together: a document, a person, a template. "
        "They never stand on both sides of a split, and intervals take each group as a whole. "
        "null: only nearly equal texts belong together.",
    )
    encoding: str | None = key(
        optional(readers.encoding),
        None,
        doc="The encoding of text files, such as cp1252, latin-1 or utf-16. null: UTF-8.",
    )


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """The questions that are asked, and how answers are graded."""

    data: DataSettings = section(
        DataSettings,
        lambda: DataSettings(UNUSED, UNUSED, UNUSED),
        doc="The dataset. Must be given, but for a task.problem.",
    )
    answer: str = key(
        text("a kind of answer, such as number or choice"),
        UNUSED,
        doc="How answers are read from replies: label (one of a closed set), labels (several), "
        "number, math, choice, boolean, exact, contains, "
        "regex:PATTERN, json, json:PATH or python:MODULE:FUNCTION. Must be given, but for a "
        "task.problem.",
    )
    instruction_position: Position = key(
        choice("before_Q", "Q_begin", "Q_end", "A_begin", "system"),
        "Q_begin",
        doc="Where the instruction stands: before the question's \"Q:\", at the question's "
        "beginning or end, at the answer's beginning, or in a system message.",
    )
    qa_markers: bool = key(
        boolean, True, doc='Whether "Q:" and "A:" frame the question; A_begin needs them.'
    )
    prompt: tuple[tuple[ChatRole, str], ...] | None = key(
        optional(readers.chat),
        None,
        doc="The messages that the scorer is sent, in place of instruction_position and "
        "qa_markers: a list, each {system: TEXT}, {user: TEXT} or {assistant: TEXT}, TEXT or "
        "file:PATH of one. {{instruction}} is where the optimized text stands, {{question}} the "
        "question as task.data.input builds it, {{demos}} where worked examples go, {{name}} a "
        "field of the row; `\\{{` writes {{ itself. null: the message of the five positions.",
    )
    scoring: str = key(
        choice("default", "paper", "paper-boxed"),
        "default",
        doc="Who grades: opro's reader, the paper's in a search, or the paper's evaluation script "
        "for GPT models, which looks into \\boxed{} first.",
    )
    second_round: bool = key(
        boolean,
        False,
        doc='Whether the scorer is asked again with "So the final answer is" after each reply, '
        "and the second reply is graded.",
    )
    unanswerable: str = key(
        choice("wrong", "exclude"),
        "wrong",
        doc="A question that the scorer can never answer (filtered, too long for it) counts as a "
        "wrong answer, or is left out of the score.",
    )
    answer_timeout: float = key(
        number(0, above=True),
        10.0,
        doc="Seconds that a python: function or regex: pattern may take to grade one reply; then "
        "its process is killed and the run stops, resumable.",
    )
    labels: tuple[tuple[str, str], ...] | None = key(
        optional(readers.labels),
        None,
        doc="The closed set of answer: label and labels: a list, or a map such as {0: billing, "
        "1: login} of what stands in the data. null: the distinct gold answers of the data.",
    )
    label_score: str = key(
        choice("exact", "f1"),
        "exact",
        doc="How several labels (answer: labels) are compared: as sets, or by the harmonic mean of "
        "precision and recall.",
    )
    golds: str | None = key(
        optional(choice("any", "all")),
        None,
        doc="What a list as gold answer means: any of its answers is right, or (for exact and "
        "contains) all of them are asked for. null: any; for json and python:, the list itself; "
        "for labels, all.",
    )
    evaluator: str = key(
        text(),
        "model",
        doc="What scores a candidate on one example: model (the scorer and a metric), "
        "python:MODULE:NAME, or the name of an installed one; for a task.problem, problem.",
    )
    problem: str | None = key(
        optional(text("regression, tour or python:MODULE:NAME")),
        None,
        doc="A problem whose solutions have values without a model, in place of a dataset: "
        "regression, tour or python:MODULE:NAME. Its parameters stand beside it.",
    )
    parameters: Mapping[str, Any] = plain_mapping(
        doc="Parameters of the problem, as it declares them; they may stand beside task.problem."
    )
    description: str | None = key(
        optional(text("a few words, such as grade school math")),
        None,
        doc="The subject of the questions in a few words; the strategy paper-instructions-only "
        "needs it.",
    )

    @property
    def format(self) -> PromptFormat:
        """The messages that every candidate is put into."""
        chat = parse_chat(self.prompt) if self.prompt else None
        return PromptFormat(self.instruction_position, self.qa_markers, chat)
