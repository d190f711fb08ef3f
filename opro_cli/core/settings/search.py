"""The keys of `search`: the strategy, its steps, and how the winner is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.settings import readers
from opro_cli.core.settings.schema import (
    boolean,
    choice,
    key,
    number,
    optional,
    optional_section,
    plain_mapping,
    section,
    text,
    whole,
)

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

MOST_A_STEP = 10_000
MOST = 1_000_000
"""Of steps, finalists or score buckets: a larger number is a slip of the finger."""

SHORT = 500
"""The paper's limit of a proposal, in characters."""

CostKind = Literal["usd_per_1000", "tokens_per_1000"]

ExemplarChoice = str  # random | constant | most_wrong_so_far | most_wrong_now


@dataclass(frozen=True, slots=True)
class ObjectivesSettings:
    """The objectives of a search beside the score."""

    cost: CostKind = key(
        choice("usd_per_1000", "tokens_per_1000"),
        "tokens_per_1000",
        doc="The cost of 1,000 answers, prompts and replies: in US dollars as they were billed "
        "(cached prompts at their price), or in tokens, for models without a price.",
    )


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
        "told to keep them. So for every strategy but the paper's. null: true where it has any.",
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
    steps: int = key(  # paper: 200
        whole(0, MOST), 20, doc="Steps of the search, one meta-prompt each."
    )
    candidates_per_step: int = key(
        whole(1, MOST_A_STEP), 8, doc="Proposals that are asked for in each step."
    )
    ask_again: int = key(
        whole(0),
        0,
        doc="Replies without anything to score that are asked for again in each step, at most: "
        "without a text, or with one that is too long, has a digit where these are dropped, quotes "
        "a question where leaks are, or is rejected by the strategy. One that repeats a text is "
        "not asked for again.",
    )
    history: int | None = key(
        optional(whole(1)),
        20,
        doc="Past instructions in the meta-prompt at most, the best ones. null: all.",
    )
    score_buckets: int | None = key(
        optional(whole(1, MOST)),
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
        whole(1, MOST),
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
        doc="Whether the start prompt is asked the test questions, once, where no candidate is "
        "reliably better on train and dev. The verdict needs none of them then. Under budget.calls "
        "they are asked where the search leaves so many. A sweep asks them in any case, since it "
        "compares its runs.",
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
        "search.margin points against it, by a test on train and dev. They are tested from the "
        "dearest down, and the first that fails ends it (`opro docs cheaper`).",
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
