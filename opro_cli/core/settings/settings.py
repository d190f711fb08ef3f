"""The keys of a config: the values that each accepts, its default and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.settings import readers
from opro_cli.core.settings.models import (
    EMBEDDED,
    UNUSED,
    EndpointSettings,
    ModelSettings,
    OptimizerSettings,
    PriceSettings,
    ScorerSettings,
    is_embedded,
)
from opro_cli.core.settings.prompts import PromptFile
from opro_cli.core.settings.schema import (
    boolean,
    choice,
    key,
    named_sections,
    number,
    optional,
    optional_section,
    plain_mapping,
    required_section,
    section,
    sections,
    text,
    whole,
)
from opro_cli.core.task.chat import parse_chat
from opro_cli.core.task.example import ChatRole, Position
from opro_cli.core.task.prompt import PromptFormat

__all__ = [
    "ALL_OF",
    "BASELINES",
    "EMBEDDED",
    "MARGIN",
    "PAPER_ANSWERS",
    "PRUNE",
    "SHORT",
    "UNUSED",
    "BudgetSettings",
    "DataSettings",
    "EndpointSettings",
    "ModelSettings",
    "ObjectivesSettings",
    "OptimizerSettings",
    "PriceSettings",
    "ScorerSettings",
    "SearchSettings",
    "Settings",
    "SplitSettings",
    "StopSettings",
    "TaskSettings",
    "is_embedded",
]

# The kinds of answers that `task.scoring: paper` knows.
PAPER_ANSWERS = ("number", "choice", "boolean", "exact")

LABELLED = ("label", "labels")
"""The kinds of answers from a closed set that the data has, or `task.labels`."""

ALL_OF = ("exact", "contains")
"""The kinds of answers that may be asked for all of several, as `task.golds: all` does."""

CostKind = Literal["usd_per_1000", "tokens_per_1000"]

ExemplarChoice = str  # random | constant | most_wrong_so_far | most_wrong_now

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
        "for a quick try, whose answers the whole run can take from the cache. null: all.",
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


BASELINES = (
    "",
    "Let's think step by step.",
    "Take a deep breath and work on this problem step-by-step.",
)
"""No instruction, and the best known ones (Kojima et al. 2022; the paper, table 1)."""


PRUNE = "prune"
"""The strategy that drops parts of the start prompt."""
LIST, DEMOS, PLACE = "list", "demos", "place"
"""Those that try the instructions of `search.candidates`, worked examples, and layouts."""
ASKING_NONE = (LIST, PRUNE, DEMOS, PLACE)
"""The strategies that ask no optimizer."""
PROBLEM = "problem"
"""The evaluator of a task with a problem, and its strategy unless another one is named."""
EVOLVE = "evolve"
"""The strategy that combines prompts, by code where there is no optimizer."""
AUTO = "auto"
"""The strategy that has others take turns, with an optimizer or without."""

MARGIN = 2.0
"""Points that a cheaper prompt may lose unless the config says otherwise."""


@dataclass(frozen=True, slots=True)
class ObjectivesSettings:
    """The objectives of a search beside the score."""

    cost: CostKind = key(
        choice("usd_per_1000", "tokens_per_1000"),
        "tokens_per_1000",
        doc="The cost of 1,000 answers, prompts and replies: in US dollars as they were billed "
        "(cached prompts at their price), or in tokens, for models without a price.",
    )


SHORT = 500
"""The paper's limit of a proposal, in characters."""


@dataclass(frozen=True, slots=True)
class StopSettings:
    """Conditions under which a search ends before its last step."""

    no_gain_steps: int | None = key(
        optional(whole(1)),
        None,
        doc="Steps in a row without a prompt that is better on train than all before. null: none "
        "are too many.",
    )


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The OPRO loop; defaults are the paper's (section 5.1) unless a comment says otherwise."""

    initial_instructions: tuple[str, ...] = key(
        readers.start,
        ("Let's solve the problem.",),
        doc="The older name of search.start, under which a run's own config has them.",
    )
    # Read into `initial_instructions`, and None in settings.
    start: tuple[str, ...] | None = key(
        optional(readers.start),
        None,
        doc="The prompts that the search starts from: one, or a list of different ones; "
        "`file:PATH` is one in a file, RUN@best one of an earlier run (RUN@start, RUN@3, RUN@3.2). "
        "The best of them is the start prompt that the winner is "
        "compared with. null: initial_instructions.",
    )
    # None in a run from before there were any means False.
    keep_placeholders: bool | None = key(
        optional(boolean),
        None,
        doc="Whether a proposal that loses or adds a placeholder of your application ({name}, %s, "
        "$name, <tag>), which the start prompt has, is dropped, unscored, and the optimizer is "
        "told to keep them. null: true where it has any.",
    )
    preset: str = key(
        text(),
        "default",
        doc="Values for the keys that are not given: default, or paper-gpt, paper-palm, "
        "paper-regression or paper-tour for the paper's experiments.",
    )
    strategy: str = key(
        text(),
        "opro",
        doc="How the optimizer is asked: opro, paper-gpt, paper-palm, paper-instructions-only, "
        "reflect (shown what goes wrong under the best prompt), evolve (shown prompts that lead on "
        "different questions; without an optimizer their sentences are recombined), "
        "list (not at all: search.candidates are tried), prune (not at all: sentences of the start "
        "prompt are dropped), demos (not at all: worked examples are tried), place (not at all: "
        "positions of the instruction are tried), auto (opro, reflect, evolve, demos and place in "
        "turn, by what each has gained for its calls), "
        "python:MODULE:NAME, or the name of an installed strategy; for a task.problem, problem, "
        "paper-regression or paper-tour.",
    )
    candidates: tuple[str, ...] | None = key(
        optional(readers.candidates),
        None,
        doc="The instructions that search.strategy: list tries: a list, or file:PATH of a text "
        "with one a line, or several lines each between lines of ---.",
    )
    options: Mapping[str, Any] = plain_mapping(doc="Options of the strategy, as it declares them.")
    meta_prompt: str | None = key(
        optional(text("a file, or a text with holes such as {{prompt}}")),
        None,
        doc="Your own words for asking the optimizer, for search.strategy opro, reflect and "
        "evolve: a file (`opro init FILE.md --template meta-prompt` writes one), or the text "
        "itself. Holes such as {{prompt}}, {{failures}} and {{tag}} are filled (`opro docs "
        "meta-prompt`). null: the strategy's own.",
    )
    stop_when: StopSettings = section(
        StopSettings, doc="What ends the search before its last step."
    )
    rules: str = key(
        choice("opro", "paper"),
        "opro",
        doc="With paper, exemplars are drawn by the reference's generator, an initial instruction "
        "that is proposed again enters the history again, and proposals with a tag in them are "
        "dropped.",
    )
    steps: int = key(whole(0), 20, doc="Steps of the search, one meta-prompt each.")  # paper: 200
    candidates_per_step: int = key(whole(1), 8, doc="Proposals that are asked for in each step.")
    ask_again: int = key(
        whole(0),
        0,
        doc="Replies without anything to score that are asked for again in each step, at most.",
    )
    history: int | None = key(
        optional(whole(1)),
        20,
        doc="Past instructions in the meta-prompt at most, the best ones. null: all.",
    )
    score_buckets: int | None = key(
        optional(whole(1)),
        100,
        doc="The meta-prompt shows scores as whole numbers from 0 to this one. null: decimals.",
    )
    score_threshold: float = key(
        number(0, 1),
        0.0,
        doc="Train score below which a past instruction is not shown to the optimizer.",
    )
    exemplars: int = key(
        whole(0), 3, doc="Train questions with their gold answers in each meta-prompt."
    )
    exemplar_choice: ExemplarChoice = key(
        choice("random", "constant", "most_wrong_so_far", "most_wrong_now"),
        "random",
        doc="Which questions these are: drawn anew for each step, drawn once, or those that were "
        "answered wrong most often, under all candidates or under those in the meta-prompt. Where "
        "gold answers are a few labels there are as many of each as can be.",
    )
    exemplars_first: bool = key(
        boolean, False, doc="Whether exemplars stand before the past instructions, not after them."
    )
    # None in a run from before it could be left open means SHORT.
    max_instruction_chars: int | None = key(
        optional(whole(1)),
        None,
        doc="Characters of a proposal at most; longer ones are dropped, unscored. null: four times "
        "the longest of search.initial_instructions, at least 500; for search.rules: paper 500.",
    )
    # They quote a question more often than not; the reference drops them on GSM8K.
    drop_digits: bool = key(
        boolean, False, doc="Whether proposals that contain a digit are dropped, unscored."
    )
    eval_interval: int | None = key(
        optional(whole(1)),
        None,
        doc="Steps from one scoring of the new candidates on dev to the next, the first step "
        "included. null: only the finalists are scored on dev, at the end.",
    )
    # Not in the paper, which has no dev split.
    finalists: int = key(
        whole(1),
        5,
        doc="Candidates with the best train scores that are scored on dev; train and dev together "
        "choose the winner.",
    )
    # None in a run from before there were any means none.
    baselines: tuple[str, ...] | None = key(
        optional(readers.baselines),
        None,
        doc="Instructions that are scored on test beside the winner. null: the empty one, \"Let's "
        'think step by step." and "Take a deep breath and work on this problem step-by-step."',
    )
    # None in a run from before there were baselines means False.
    noise_check: bool | None = key(
        optional(boolean),
        None,
        doc="Whether the start prompt's test questions are asked a second time, word for word, to "
        "measure how much the scorer changes by itself. null: true.",
    )
    test_unbeaten_start: bool = key(
        boolean,
        False,
        doc="Whether the start prompt is asked the test questions, once, where no candidate did "
        "better on dev. The verdict needs none of them then. A sweep asks them in any case, since "
        "it compares its runs.",
    )
    # None in a run from before there were races means False.
    racing: bool | None = key(
        optional(boolean),
        None,
        doc="Whether a candidate that can no longer be the best is not asked its remaining "
        "questions. null: true, but for search.rules: paper.",
    )
    objectives: ObjectivesSettings | None = optional_section(
        ObjectivesSettings,
        doc="What counts beside the score: its front of score against cost is shown. null: the "
        "score alone.",
    )
    prefer: str = key(
        choice("best", "cheapest_not_worse"),
        "best",
        doc="The winner: the finalist with the best score, or the cheapest one that does not lose "
        "search.margin points against it, by a test on train and dev.",
    )
    margin: float = key(
        number(0, 100, above=True),
        MARGIN,
        doc="Points of a loss that would matter, for search.prefer and search.strategy: prune.",
    )
    leaks: str = key(
        choice("flag", "keep_out", "drop"),
        "flag",
        doc="What happens to a proposal that quotes a train question: it is marked, kept from "
        "winning, or not scored at all.",
    )
    seed: int = key(
        whole(0), 0, doc="Seed of every random choice of the search, the splits' excepted."
    )
    gate_margin: float | None = key(
        optional(number(0, 1, above=True)),
        None,
        doc="The loss, as a share, that `opro gate` rules out; opro writes it into the config of "
        "a gate's own run, where the first two prompts are compared. It means nothing elsewhere.",
    )
    initial_forms: tuple[str, ...] | None = key(
        optional(readers.forms),
        None,
        doc="The parts of the start prompts beside their texts, one for each, as the journal has "
        "them; `opro gate` and `opro prune` write it into the config of a run of theirs.",
    )

    @property
    def longest_allowed(self) -> int:
        """The characters of a proposal at most."""
        return self.max_instruction_chars or SHORT

    @property
    def longest_start(self) -> int:
        """The characters of the longest prompt that the search starts from."""
        return max(map(len, self.initial_instructions))


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """Ceilings over both models and all sessions of a run together."""

    usd: float | None = key(
        optional(number(0, above=True)), None, doc="US dollars at most. null: no ceiling."
    )
    calls: int | None = key(
        optional(whole(1)),
        None,
        doc="Calls at most; a search that they do not buy whole is laid out by them. null: no "
        "ceiling.",
    )
    tokens: int | None = key(
        optional(whole(1)), None, doc="Tokens of prompts and replies at most. null: no ceiling."
    )
    minutes: float | None = key(
        optional(number(0, above=True)),
        None,
        doc="Minutes of work at most, pauses between sessions excepted. null: no ceiling.",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole config."""

    task: TaskSettings = required_section(
        TaskSettings, doc="The questions, and how answers are graded."
    )
    scorer: ScorerSettings = section(
        ScorerSettings,
        lambda: ScorerSettings(UNUSED),
        doc="The model that answers the questions under each instruction. May be left out where "
        "task.evaluator asks none.",
    )
    optimizer: OptimizerSettings = section(
        OptimizerSettings,
        lambda: OptimizerSettings(UNUSED),
        doc="The model that proposes instructions. May be left out for search.strategy evolve, "
        "list and prune, and where one from outside opro asks none.",
    )
    roles: Mapping[str, ModelSettings] = named_sections(
        ModelSettings, doc="Models of further roles, such as judge, for evaluators that ask them."
    )
    name: str = key(
        readers.run_name,
        "run",
        doc="The first part of the run folder's name; that of the config's file unless given.",
    )
    search: SearchSettings = section(SearchSettings, doc="The search.")
    budget: BudgetSettings = section(
        BudgetSettings, doc="Ceilings over both models and all sessions of the run together."
    )

    prompt_files: tuple[PromptFile, ...] | None = sections(
        PromptFile,
        doc="The files that prompts of this config were read from, which has their texts; opro "
        "writes it into a run's own config, for `opro apply`.",
    )

    @property
    def asks_optimizer(self) -> bool:
        """Whether a search is made that asks the optimizer, where the config has one."""
        search = self.search
        return bool(search.steps) and search.strategy not in ASKING_NONE

    @property
    def models(self) -> dict[str, ModelSettings]:
        """The models that the config has, by role."""
        known = {"scorer": self.scorer, "optimizer": self.optimizer, **self.roles}
        return {role: model for role, model in known.items() if model.model != UNUSED}
