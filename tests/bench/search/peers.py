"""The released tools, each by its public API; run by `drive` in an environment of their own.

All of them ask the same scorer with the same form of a question, from the same start prompt, on
the same train and dev rows, and read replies as opro does. Where a tool leaves the size of its
parts to the caller (rows to validate on, trials), they follow its budget, so that a small one buys
a whole search; README.md beside this file says how.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.bench.search.client import Chat, Row, Search

OVER = 1.1
"""How far beyond its budget a step may end and still count."""


def _choose_validation(search: Search) -> list[Row]:
    """Return the dev rows that a tool validates on: a tenth of its budget, from 10 to all."""
    wanted = max(10, min(len(search.dev), search.budget // 10))
    return random.Random(f"validation {search.seed}").sample(search.dev, wanted)


def run_gepa(search: Search) -> None:
    """gepa.optimize with its defaults, and feedback that has the reply and the right answer."""
    import gepa
    from gepa.core.adapter import EvaluationBatch

    class Adapter:
        propose_new_texts = None

        def evaluate(
            self, batch: list[Row], candidate: dict[str, str], capture_traces: bool = False
        ) -> Any:
            replies, scores = search.evaluate(search.build_chat(candidate["instruction"]), batch)
            traces = list(zip(batch, replies, scores, strict=True)) if capture_traces else None
            return EvaluationBatch(outputs=replies, scores=scores, trajectories=traces)

        def make_reflective_dataset(
            self, candidate: dict[str, str], eval_batch: Any, components: list[str]
        ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
            records = [
                {
                    "Inputs": question,
                    "Generated Outputs": reply,
                    "Feedback": "Right." if score else f"Wrong: the right answer is {target}.",
                }
                for (question, target), reply, score in eval_batch.trajectories
            ]
            return dict.fromkeys(components, records)

    result = gepa.optimize(
        seed_candidate={"instruction": search.start},
        trainset=search.train,
        valset=_choose_validation(search),
        adapter=Adapter(),
        reflection_lm=search.write,
        max_metric_calls=search.budget,
        seed=search.seed,
    )
    search.returns(search.build_chat(result.best_candidate["instruction"]))


def run_capo(search: Search) -> None:
    """CAPO without examples, its population and its blocks as small as the budget needs them."""
    _run_capo(search, shots=0)


def run_capo_with_demos(search: Search) -> None:
    """CAPO with up to two examples."""
    _run_capo(search, shots=2)


def _run_capo(search: Search, shots: int) -> None:
    from promptolution.optimizers.capo import CAPO

    from tests.bench.search.drive import propose

    is_small = search.budget < 400
    parts = _build_promptolution(search, rows=5 if is_small else 10, strategy="sequential_block")
    optimizer = CAPO(
        *parts,
        initial_prompts=[search.start, *(propose(search) for _ in range(2 if is_small else 3))],
        crossovers_per_iter=2 if is_small else 4,
        max_n_blocks_eval=4 if is_small else 6,
        upper_shots=shots,
        callbacks=[_watch(search)],
    )
    optimizer.optimize(10_000)  # until the callback stops it


def run_promptolution_opro(search: Search) -> None:
    """OPRO of promptolution, each proposal on the same 20 rows."""
    from promptolution.optimizers.opro import OPRO

    parts = _build_promptolution(search, rows=20, strategy="sequential_block")
    OPRO(*parts, initial_prompts=[search.start], callbacks=[_watch(search)]).optimize(10_000)


def _watch(search: Search) -> Any:
    from promptolution.utils.callbacks import BaseCallback

    class Watch(BaseCallback):  # type: ignore[misc]
        def on_step_end(self, optimizer: Any) -> bool:
            pairs = zip(optimizer.scores, optimizer.prompts, strict=True)
            best = max(pairs, key=lambda pair: pair[0])[1]
            if search.calls <= OVER * search.budget:  # a step that began in time may end late
                search.returns(search.build_chat(str(best)))
            return search.calls < search.budget

    return Watch()


def _build_promptolution(search: Search, rows: int, strategy: str) -> tuple[Any, Any, Any]:
    """Return a predictor, a task and a writer for an optimizer of promptolution."""
    import numpy as np
    import pandas as pd
    from promptolution.llms.base_llm import BaseLLM
    from promptolution.predictors.base_predictor import BasePredictor
    from promptolution.tasks.reward_tasks import RewardTask

    random.seed(search.seed)
    np.random.seed(search.seed)
    targets = dict(search.rows)

    class Writer(BaseLLM):  # type: ignore[misc]
        def _get_response(self, prompts: list[str], system_prompts: list[str]) -> list[str]:
            return [search.write(prompt) for prompt in prompts]

    class Predictor(BasePredictor):  # type: ignore[misc]
        def predict(
            self, prompts: str | list[str], xs: list[str], system_prompts: Any = None
        ) -> tuple[list[str], list[str]]:
            texts = [prompts] * len(xs) if isinstance(prompts, str) else prompts
            replies = _ask_all(search, [search.build_chat(text) for text in texts], xs)
            scores = search.grade(replies, [(x, targets[x]) for x in xs]) if xs else []
            # CAPO shows replies that are right as examples: it compares predictions with targets.
            kept = [targets[x] if score else "" for x, score in zip(xs, scores, strict=True)]
            return kept, [f"{x}\n{reply}" for x, reply in zip(xs, replies, strict=True)]

        def _extract_preds(self, preds: list[str]) -> list[str]:
            return preds

    shuffled = random.Random(f"rows {search.seed}").sample(search.rows, len(search.rows))
    task = RewardTask(
        df=pd.DataFrame(shuffled, columns=["x", "y"]).assign(target=lambda frame: frame["y"]),
        reward_function=lambda prediction, target: float(prediction == target),
        reward_columns=["target"],
        y_column="y",
        task_description=search.description,
        n_subsamples=rows,
        eval_strategy=strategy,
        seed=search.seed,
    )
    writer = Writer()
    return Predictor(writer), task, writer


def _ask_all(search: Search, chats: Sequence[Chat], questions: Sequence[str]) -> list[str]:
    from concurrent.futures import ThreadPoolExecutor

    from tests.bench.search.client import AT_ONCE

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(search.ask, chats, questions))


def _build_dspy(search: Search) -> tuple[Any, Any, Any, Any]:
    """Configure DSPy, and return its module, the start program, a metric and the writer."""
    import dspy
    from dspy.adapters.chat_adapter import ChatAdapter

    class Plain(ChatAdapter):  # type: ignore[misc]
        """Asks the task's question as all other tools do, and everything else as DSPy does."""

        def format(
            self, signature: Any, demos: list[dict[str, Any]], inputs: dict[str, Any]
        ) -> Any:
            if set(signature.input_fields) != {"question"}:
                return super().format(signature, demos, inputs)
            chat = _show_demos(search, signature.instructions, demos)
            return [
                {"role": role, "content": text.replace("{{question}}", inputs["question"])}
                for role, text in chat
            ]

        def parse(self, signature: Any, completion: str) -> dict[str, Any]:
            if set(signature.input_fields) != {"question"}:
                parsed: dict[str, Any] = super().parse(signature, completion)
                return parsed
            return {"answer": completion}

    url = f"{search.url}/v1"
    given = {"api_base": url, "api_key": "none", "cache": False, "num_retries": 0}
    scorer = dspy.LM("openai/scorer", temperature=0.0, max_tokens=search.max_tokens, **given)
    writer = dspy.LM("openai/writer", temperature=1.0, max_tokens=500, **given)
    dspy.configure(lm=scorer, adapter=Plain(), num_threads=8)

    def metric(example: Any, prediction: Any, trace: Any = None, *_: Any) -> float:
        return search.grade([prediction.answer or ""], [(example.question, example.answer)])[0]

    program = dspy.Predict(dspy.Signature("question -> answer", search.start))
    return dspy, program, metric, writer


def _show_demos(search: Search, instruction: str, demos: Sequence[Any]) -> Chat:
    return search.build_chat(instruction, [(demo["question"], demo["answer"]) for demo in demos])


def _as_examples(dspy: Any, rows: Sequence[Row]) -> list[Any]:
    examples = (dspy.Example(question=text, answer=target) for text, target in rows)
    return [example.with_inputs("question") for example in examples]


def _return_program(search: Search, program: Any) -> None:
    predictor = program.predictors()[0]
    search.returns(_show_demos(search, predictor.signature.instructions, predictor.demos))


def run_mipro(search: Search) -> None:
    """MIPROv2 without demonstrations."""
    _run_mipro(search, demos=0)


def run_mipro_with_demos(search: Search) -> None:
    """MIPROv2 with up to two demonstrations."""
    _run_mipro(search, demos=2)


def _run_mipro(search: Search, demos: int) -> None:
    dspy, program, metric, writer = _build_dspy(search)
    validation = _choose_validation(search)
    # The start prompt and every trial are scored on all of them, and every instruction that is
    # proposed takes some five calls for the examples that the writer is shown.
    trials = max(2, (search.budget - len(validation)) // (len(validation) + 5))
    optimizer = dspy.MIPROv2(
        metric=metric,
        prompt_model=writer,
        auto=None,
        num_candidates=max(3, trials // 2) if demos else trials,
        max_bootstrapped_demos=demos,
        max_labeled_demos=demos,
        seed=search.seed,
    )
    # A set of examples is looked for in all train rows where few are answered right: on a tenth of
    # the budget it does not take more calls than the search itself.
    rows = random.Random(f"train {search.seed}").sample(search.train, len(search.train))
    found = optimizer.compile(
        program,
        trainset=_as_examples(dspy, rows[: max(8, search.budget // 12)]),
        valset=_as_examples(dspy, validation),
        num_trials=trials,
        minibatch=False,
        seed=search.seed,
    )
    _return_program(search, found)


def run_dspy_random_search(search: Search) -> None:
    """BootstrapFewShotWithRandomSearch with up to two demonstrations of its own and two gold."""
    dspy, program, metric, _ = _build_dspy(search)
    validation = _choose_validation(search)
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=metric,
        max_bootstrapped_demos=2,
        max_labeled_demos=2,
        # Three sets are always tried, and each costs some calls for bootstrapping beside.
        num_candidate_programs=max(1, search.budget // (len(validation) + 4) - 3),
    )
    train = random.Random(f"train {search.seed}").sample(search.train, len(search.train))
    found = optimizer.compile(
        program, trainset=_as_examples(dspy, train), valset=_as_examples(dspy, validation)
    )
    _return_program(search, found)


def run_dspy_gepa(search: Search) -> None:
    """GEPA in DSPy, with feedback that has the right answer."""
    dspy, program, metric, writer = _build_dspy(search)

    def judge(gold: Any, prediction: Any, *_: Any) -> Any:
        score = metric(gold, prediction)
        feedback = "Right." if score else f"Wrong: the right answer is {gold.answer}."
        return dspy.Prediction(score=score, feedback=feedback)

    optimizer = dspy.GEPA(
        metric=judge, max_metric_calls=search.budget, reflection_lm=writer, seed=search.seed
    )
    found = optimizer.compile(
        program,
        trainset=_as_examples(dspy, search.train),
        valset=_as_examples(dspy, _choose_validation(search)),
    )
    _return_program(search, found)


PEERS: dict[str, Callable[[Search], None]] = {
    "gepa": run_gepa,
    "capo": run_capo,
    "capo+demos": run_capo_with_demos,
    "promptolution-opro": run_promptolution_opro,
    "mipro": run_mipro,
    "mipro+demos": run_mipro_with_demos,
    "dspy-random-search": run_dspy_random_search,
    "dspy-gepa": run_dspy_gepa,
}
