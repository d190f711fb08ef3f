"""Search vectors put through the product: each driver gives what the vector's `output` holds."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from opro_cli.core.run.candidates import Answers, Candidate, Outcome, make_candidate_id
from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.events import Answered, Proposed
from opro_cli.core.run.exemplars import choose_paper_exemplars, count_wrong
from opro_cli.core.run.selection import sort_best_last
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import Ask
from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.read import read_settings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, SplitSettings, TaskSettings
from opro_cli.core.splits import cut_splits
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Message, Position, Split
from opro_cli.core.task.prompt import (
    MetaPromptMaterial,
    PromptFormat,
    TrajectoryEntry,
    format_question,
)
from opro_cli.core.task.template import parse_template
from opro_cli.datasets.formats import Row
from opro_cli.datasets.presets import expand_preset
from opro_cli.datasets.rows import RowReader
from opro_cli.datasets.shapes import ROW_SHAPES
from opro_cli.evaluators import InlineGrader, ModelEvaluator
from opro_cli.loop.runner import Runner
from opro_cli.metrics.paper import PaperMetric
from opro_cli.ports import ChatModel
from opro_cli.strategies import META_PROMPTS, opro
from opro_cli.strategies.opro import MetaPromptStrategy
from opro_cli.wiring import NAMES
from tests.conformance.vectors import Input

CRITERIA = {
    "random": "random",
    "constant": "constant",
    "accumulative_most_frequent": "most_wrong_so_far",
    "current_most_frequent": "most_wrong_now",
}
NOBODY = "scripted/model"


def strategy_name(case: Input) -> str:
    """The strategy that has the layout a case asks for."""
    if case["meta_prompt_type"] == "instructions_only":
        return "paper-instructions-only"
    return "paper-palm" if case["optimizer_llm_name"].lower() == "text-bison" else "paper-gpt"


def settings_of(case: Input, **search: Any) -> Settings:
    """What a case asks for as settings of ours; not checked, as only whole configs are."""
    name = strategy_name(case)
    cuts = name != "paper-instructions-only"
    buckets = case.get("num_score_buckets", 100)
    plain: dict[str, Any] = {
        "initial_instructions": tuple(case.get("initial_instructions", ("start",))),
        "strategy": name,
        "rules": "paper",
        "history": case.get("max_num_instructions", 20) if cuts else None,
        "score_threshold": case.get("old_instruction_score_threshold", 0.0) if cuts else 0.0,
        "score_buckets": None if buckets == "inf" else buckets,
        "exemplars": 3 if case.get("few_shot_qa_pairs", True) else 0,
        "exemplars_first": not case.get("instructions_before_exemplars", True),
        "drop_digits": case["dataset_name"] == "gsm8k",
    }
    position: Position = case["instruction_pos"]
    return Settings(
        task=TaskSettings(
            DataSettings("t", "q", "a"),
            "number",
            instruction_position=position,
            qa_markers=case.get("include_qa", False),
            description=description_of(case),
        ),
        scorer=ScorerSettings(NOBODY),
        optimizer=OptimizerSettings(NOBODY, concurrency=1),
        search=SearchSettings(**{**plain, **search}),
    )


def description_of(case: Input) -> str:
    """What our presets say of the dataset; for MMLU the name as given, which we put in words."""
    task = case.get("task_name", case.get("task_name_argument", ""))
    match case["dataset_name"]:
        case "gsm8k":
            return str(expand_preset("gsm8k")["description"])
        case "bbh" if task:
            return str(expand_preset(f"bbh/{task}")["description"])
        case _:
            return str(task)


def meta_prompt(case: Input) -> str:
    """History cut, layout and rounding: the text of the meta-prompt."""
    settings = settings_of(case)
    past = [_scored(text, score) for text, score, _ in case["history"]]
    given = {id(c): score for c, (_, score, _) in zip(past, case["history"], strict=True)}
    shown = sort_best_last(past, settings.search.history, settings.search.score_threshold)
    material = MetaPromptMaterial(
        trajectory=tuple(TrajectoryEntry(c.instruction, given[id(c)]) for c in shown),
        exemplars=tuple(Example(e["question"], str(e["target"]), "") for e in case["exemplars"]),
        format=PromptFormat(settings.task.instruction_position, settings.task.qa_markers),
        score_buckets=settings.search.score_buckets,
        description=settings.task.description or "",
    )
    # A run has numpy's scores; where the reference was handed plain ones it rounds as Python does.
    like_numpy = case["score_type"] == "np.float64"
    rounding = opro.numpy_round if like_numpy else round
    with mock.patch.object(opro, "numpy_round", rounding):
        (message,) = META_PROMPTS[settings.search.strategy](settings).meta_prompt(material)
    return message.content


def _scored(text: str, score: float) -> Candidate:
    answers = Answers()
    answers.add(0, Outcome("", score))
    return Candidate(make_candidate_id(text), text, 0, {"train": answers})


def scorer_prompt(case: Input) -> str:
    """A raw row of a dataset, read by our shapes, under an instruction."""
    example = _example_of(case, PaperMetric("text"))
    form = PromptFormat(case["instruction_pos"], case["include_qa"])
    return format_question(example.input, case["instruction"], form)


def gold_answer(case: Input) -> str:
    """What our metric reads as the gold answer of the row."""
    numeric = case["dataset_name"].lower() in ("gsm8k", "multiarith")
    return _example_of(case, PaperMetric("number" if numeric else "text")).target


def _example_of(case: Input, metric: PaperMetric) -> Example:
    """The example in a row of a dataset's own file, as the product reads it."""
    dataset, fields = case["dataset_name"].lower(), case["example"]
    shape = ROW_SHAPES[dataset if dataset in ROW_SHAPES else "plain"]
    if dataset == "mmlu":
        fields = dict(zip(shape.columns or (), fields["cells"], strict=True))
    question = "input" if dataset == "bbh" else "question"
    answer = "answer" if dataset in ROW_SHAPES else "target"  # shapes name it so
    reading = RowReader(parse_template(question), parse_template(answer), shape, metric)
    return reading.build_example(Row(1, fields), dataset)


def propose_parse(case: Input) -> dict[str, Any]:
    """Replies of whole steps to candidates, by the strategy and the state."""
    steps = case["raw_outputs_by_step"]
    served = [_kept(replies, case) for replies in steps]
    # A step of ours has as many replies as it was served; an uneven one is filled up with none.
    most = max(map(len, served))
    settings = settings_of(case, steps=len(steps), candidates_per_step=most, score_threshold=0.0)
    strategy = META_PROMPTS[settings.search.strategy](settings)
    state = RunState(settings.search, {"train": 1, "dev": 0, "test": 0})
    _answer_all(state, {})
    told = []
    for step, replies in enumerate(served, start=1):
        read = [strategy.read(reply) for reply in replies]
        for sample in range(most):
            state.apply(_proposed(step, sample, read[sample] if sample < len(read) else ()))
        _answer_all(state, {})
        told.append(_told(state, step))
    calls = sum(map(len, case["raw_outputs_by_step"])) // case["outputs_per_call"]
    return {"steps": told, "optimizer_calls": calls}


def _kept(replies: list[str], case: Input) -> list[str]:
    """The replies that the reference reads: how it is served is no part of a search of ours.

    It asks until `batch size` replies a call make up the number wanted, reads of each call what
    is still wanted of it, or all of it with instructions only.
    """
    wanted, size = case["num_generated_instructions_in_each_step"], case["outputs_per_call"]
    only = case["meta_prompt_type"] == "instructions_only"
    kept: list[str] = []
    left = wanted
    for start in range(0, len(replies), size):
        call = replies[start : start + size]
        kept += call if only else call[:left]
        left -= case["optimizer_batch_size"]
    return kept


def _told(state: RunState, step: int) -> dict[str, Any]:
    here = [each for each in state.proposals.texts if each.step == step]
    entered = [candidate.instruction for at, candidate in state.history if at == step]

    def skipped(why: str) -> list[str]:
        return [each.text for each in here if each.skipped == why]

    return {
        "step": step - 1,
        "generated": [each.text for each in here],
        "generated_scored": [make_candidate_id(each.text) in state.candidates for each in here],
        "evaluated_set": sorted(entered),
        "already_evaluated": skipped("repeated"),
        "too_long": sorted(skipped("too long")),
        "contains_digits": sorted(skipped("digits")),
        "contains_INS": sorted(skipped("tag")),
    }


def splits(case: Input) -> dict[str, Any]:
    """Rows of train and dev, or the exemplars of every step."""
    if case["kind"] == "few_shot":
        return _few_shot(case)
    settings = SplitSettings(
        train=case["train_ratio"],
        dev=case["eval_ratio"],
        seed=case["seed"],
        method="paper",
    )
    rows = cut_splits({"train": case["num_examples"]}, settings).rows
    output: dict[str, Any] = {
        "train_index": list(rows["train"]),
        "eval_index": list(rows["dev"]),
    }
    if case["kind"] == "main_split":
        return {**output, "run_evolution_arguments": _arguments(case)}
    return {**output, "n_train": len(rows["train"]), "n_eval": len(rows["dev"])}


def _arguments(case: Input) -> dict[str, Any]:
    """What the reference's command line hands to its search, said from our presets.

    How its models are served (batches, servers) is no part of a search of ours.
    """
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in case["flags"])
    dataset = flags["dataset"]
    task = {"gsm8k": "gsm8k", "mmlu": "mmlu/anatomy"}.get(dataset, f"bbh/{flags['task']}")
    settings = _paper_settings(flags["optimizer"], task, flags["instruction_pos"])
    scored = _paper_settings(flags["scorer"], task, flags["instruction_pos"])
    split, choose = settings.task.data.split, {ours: theirs for theirs, ours in CRITERIA.items()}
    assert (split.method, split.seed) == ("paper", case["seed"])
    last = case["tasks_in_listing_order"][-1]
    return {
        "num_search_steps": settings.search.steps,
        "old_instruction_score_threshold": scored.search.score_threshold,
        "scorer_llm_dict": {
            "model_type": flags["scorer"],
            "max_decode_steps": scored.scorer.max_tokens,
            "temperature": scored.scorer.temperature,
            "batch_size": 1,
            "num_servers": 1,
            **({} if flags["scorer"] == "text-bison" else {"num_decodes": 1}),
        },
        "optimizer_llm_dict": {
            "max_decode_steps": settings.optimizer.max_tokens,
            "temperature": settings.optimizer.temperature,
            "batch_size": 1,
            **(
                {"model_type": "text-bison", "num_servers": 1, "num_decodes": 8}
                if flags["optimizer"] == "text-bison"
                else {"num_decodes": 1}
            ),
        },
        "extract_final_answer_by_prompting_again": settings.task.second_round,
        "include_qa": settings.task.qa_markers,
        "evaluate_in_parallel": False,
        "train_ratio": split.train,
        "eval_ratio": split.dev,
        "test_ratio": 1 - (split.train or 0) - (split.dev or 0),
        "dataset_name": dataset,
        "task_name": last[1] if isinstance(last, list) else last,
        "num_examples": case["num_examples"],
        "optimizer_llm_temperature": settings.optimizer.temperature,
        "initial_instructions": list(settings.search.initial_instructions),
        "instruction_pos": settings.task.instruction_position,
        "prediction_treat_as_number": settings.task.answer == "number",
        "prediction_treat_as_bool": settings.task.answer == "boolean",
        "few_shot_qa_pairs": settings.search.exemplars > 0,
        "num_score_buckets": settings.search.score_buckets,
        "max_num_instructions": settings.search.history,
        "meta_prompt_type": "both_instructions_and_exemplars",
        "meta_prompt_instructions_before_exemplars": not settings.search.exemplars_first,
        "few_shot_selection_criteria": choose[settings.search.exemplar_choice],
        "optimizer_llm_name": flags["optimizer"],
        "num_generated_instructions_in_each_step": settings.search.candidates_per_step,
        "evaluate_generated_ins_on_few_shot": False,
        "num_few_shot_questions_for_instruction_refinement": settings.search.exemplars,
        "evaluate_old_ins_on_few_shot": False,
        "eval_interval": settings.search.eval_interval,
    }


def _paper_settings(model: str, task: str, position: str) -> Settings:
    """A config that names a preset and little else, as `opro` reads it."""
    preset = "paper-palm" if model == "text-bison" else "paper-gpt"
    result = read_settings(
        {
            "task": {"preset": task, "instruction_position": position},
            "scorer": {"model": NOBODY},
            "optimizer": {"model": NOBODY},
            "search": {"preset": preset},
        },
        NAMES,
    )
    assert result.settings is not None, result.problems
    return result.settings


def _few_shot(case: Input) -> dict[str, Any]:
    first, *others = case["history"]
    search = SearchSettings(
        initial_instructions=(first[0],),
        steps=case["steps"],
        candidates_per_step=case["num_generated_per_step"],
        rules="paper",
        history=case["max_num_instructions"],
        score_threshold=case["old_instruction_score_threshold"],
        exemplars=case["num_few_shot"],
        exemplar_choice=CRITERIA[case["criteria"]],
        seed=case["numpy_legacy_seed_on_entry"],
    )
    rows = case["train_index"]
    state = RunState(search, {"train": len(rows), "dev": 0, "test": 0}, rows)
    _answer_all(state, case["correct_by_instruction"])
    chosen = {}
    for step in range(case["steps"]):
        chosen[str(step)] = [rows[index] for index in choose_paper_exemplars(state)]
        new = [text for text, _, at in others if at == step]
        for sample, text in enumerate(new):
            state.apply(_proposed(step + 1, sample, (text,)))
        _answer_all(state, case["correct_by_instruction"])
    return {"few_shot_index_list_by_step": chosen, "wrong_questions_counter": _wrong(state)}


def _wrong(state: RunState) -> dict[str, int]:
    counts = count_wrong(state, (candidate for _, candidate in state.history))
    return {str(row): count for row, count in counts.items()}


def _answer_all(state: RunState, right: Mapping[str, Mapping[str, int]]) -> None:
    """Every open train question answered: as told by instruction and row, else rightly."""
    for candidate in state.candidates.values():
        for index in state.missing(candidate, "train"):
            row = str(state.train_rows[index])
            score = float(right.get(candidate.instruction, {}).get(row, 1))
            state.apply(_answered(candidate.id, index, score))


def _answered(candidate: str, question: int, score: float) -> Answered:
    return Answered(0.0, candidate, "train", question, "", "", score, "stop", 0, 0, 0.0, 0.0)


def _proposed(step: int, sample: int, texts: tuple[str, ...]) -> Proposed:
    return Proposed(0.0, step, sample, "", texts, "stop", 0, 0, 0.0, 0.0)


@dataclass
class _Scorer:
    """Answers from the vector's table; what is not in it is asked after the reference's end."""

    table: Mapping[str, str]
    asked: set[str] = field(default_factory=set)
    name: str = NOBODY

    async def reply(self, request: ChatRequest) -> ChatReply:
        key = _md5(request.messages[-1].content)
        if key in self.table:
            self.asked.add(key)
        return ChatReply(self.table.get(key, "unknown to the table"), "stop", 0, 0, 0.0)

    async def aclose(self) -> None:
        pass


@dataclass
class _Optimizer:
    """Serves the replies to each meta-prompt in their order."""

    table: Mapping[str, Sequence[str]]
    served: Counter[str] = field(default_factory=Counter)
    name: str = NOBODY

    async def reply(self, request: ChatRequest) -> ChatReply:
        key = _md5(request.messages[-1].content)
        text = self.table[key][self.served[key]]
        self.served[key] += 1
        return ChatReply(text, "stop", 0, 0, 0.0)

    async def aclose(self) -> None:
        pass


@dataclass
class _Watched(MetaPromptStrategy):
    """A strategy that notes what each meta-prompt was made of, and the state at that time."""

    strategy: MetaPromptStrategy
    state: RunState
    seen: list[dict[str, Any]] = field(default_factory=list)
    name = "watched"

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        messages = self.strategy.meta_prompt(material)
        self.seen.append(
            {
                "few_shot_index_list": [example.row for example in material.exemplars],
                "meta_prompt_md5": _md5(messages[0].content),
                "meta_prompt": messages[0].content,
                "wrong_question_counter_before_step": _wrong(self.state),
            }
        )
        return messages

    def read(self, reply: str, ask: Ask | None = None) -> tuple[str, ...]:
        return self.strategy.read(reply, ask)


class _Journal:
    def append(self, *events: Any) -> None:
        pass

    def sync(self) -> None:
        pass


def trajectory(case: Input) -> dict[str, Any]:
    """A whole run by the engine, with the vector's tables as models."""
    settings = settings_of(
        case,
        steps=case["steps"],
        candidates_per_step=case["num_generated_instructions_in_each_step"],
        exemplars=case["num_few_shot"],
        exemplar_choice=CRITERIA[case["few_shot_selection_criteria"]],
        eval_interval=case["eval_interval"],
        seed=case["numpy_legacy_seed_on_entry"],
    )
    metric = PaperMetric(_kind_of(case))
    rows: dict[Split, list[int]] = {
        "train": case["train_index"],
        "dev": case["eval_index"],
        "test": [],
    }
    examples = {
        split: [_numbered(case, row, metric) for row in indices] for split, indices in rows.items()
    }
    state = RunState.at_start(settings.search, examples, settings.task)
    strategy = _Watched(META_PROMPTS[settings.search.strategy](settings), state)
    scorer, optimizer = _Scorer(case["scorer_table"]), _Optimizer(case["optimizer_table"])
    task = settings.task
    form = PromptFormat(task.instruction_position, task.qa_markers)
    evaluator = ModelEvaluator(InlineGrader(metric), form, task.second_round)
    models: dict[str, tuple[ChatModel]] = {"scorer": (scorer,), "optimizer": (optimizer,)}
    runner = Runner(settings, examples, state, models, evaluator, strategy, _Journal())
    assert asyncio.run(runner.run()) == "finished"
    calls = sum(optimizer.served.values())
    return {
        "initial": [[c.instruction, measure_mean(c, "train")] for c in state.of_step(0)],
        "steps": [_step(state, step, seen) for step, seen in enumerate(strategy.seen)],
        "final_wrong_question_counter": _wrong(state),
        "optimizer_calls": calls // case["optimizer_batch_size"],
        "distinct_scorer_prompts": len(scorer.asked),
    }


def _step(state: RunState, step: int, seen: Mapping[str, Any]) -> dict[str, Any]:
    texts = [each.text for each in state.proposals.texts if each.step == step + 1]
    known = [state.candidates.get(make_candidate_id(text)) for text in texts]
    entered = [candidate for at, candidate in state.history if at == step + 1]
    due = step % (state.search.eval_interval or 1) == 0
    return {
        "step": step,
        **seen,
        "generated": texts,
        "generated_score_or_null": [measure_mean(c, "train") if c else None for c in known],
        "scored": sorted([c.instruction, measure_mean(c, "train")] for c in entered),
        "eval": sorted([c.instruction, _eval(c)] for c in known if c) if due else [],
    }


def _eval(candidate: Candidate) -> float | str:
    score = candidate.score("dev")
    return score.mean if score else "nan"


def _kind_of(case: Input) -> Any:
    if case["treat_as_number"]:
        return "number"
    if case["treat_as_bool"]:
        return "boolean"
    return "choice" if case["is_multiple_choice"] else "text"


def _numbered(case: Input, row: int, metric: PaperMetric) -> Example:
    raw = case["examples"][str(row)]
    return Example(raw["question"], metric.target(str(raw["target"])), "", row)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
