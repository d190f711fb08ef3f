"""Idle clauses pruned off winners: `python -m tests.bench.prune [FAMILY …] [--seed=N] [--known]`.

For each task of the embedded models: a search of the product's own on generated questions gives a
winner (`--known` takes an instruction that is known to be good instead), which is padded with idle
clauses, and `opro prune` shortens that. Its questions are generated, too: 200 of train, 300 of dev
and 1,500 of test, none of which is in a training text or in the search. Old and new prompt then
answer 1,500 further questions, which no run has seen, through the model alone; "not worse" there is
the product's test once more. About two minutes a task on two cores.

Tokens are those of the model's own tokenizer: of the prompt alone, and of question and reply too.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from opro_cli.core.stats.paired import compare_scores, refute_loss
from opro_cli.embedded.config import SCORER
from opro_cli.embedded.prompts import ChatFormat
from opro_cli.embedded.training.corpus import bbh_questions, scorer_prompt
from opro_cli.embedded.training.evaluate import Player
from opro_cli.embedded.training.families import FAMILIES, Family, draw_question
from opro_cli.embedded.training.grammar import START
from opro_cli.embedded.training.questions import normalize_question

MARGIN = 2.0
SEARCHED, SIZES, FRESH = (40, 40, 45), (200, 300, 1500), 1500
ANSWERS: dict[Family, str] = {
    "boolean": "boolean",
    "navigate": "boolean",
    "counting": "number",
    "tracking": "choice",
    "dyck": "exact",
}
KNOWN: dict[Family, str] = {
    "boolean": "Simplify the expression one operator at a time. Mind the brackets. Leave nothing "
    "out.",
    "navigate": "Track the position after each move. Mind each turn. Write every intermediate "
    "result.",
    "counting": "Keep a running total. Go from left to right. Count only what is asked for.",
    "tracking": "Write who has what after each swap. Skip no step. Keep the people in the same "
    "order.",
    "dyck": "Keep a stack of the open brackets. Close the last opened bracket first. Check your "
    "work.",
}
"""Instructions that the scorer's rule puts at its top level, each clause needed."""
IDLE = (
    "This is very important to me and to you.",
    "We trust you to do your best here.",
    "I believe in you.",
    "This is a very important matter for our company.",
)
"""Sentences that change no answer of a family's by more than chance, one at a time (measured)."""
CLAUSE = ", and I trust that you will do your best"


@dataclass(frozen=True)
class Outcome:
    """A padded prompt and what is left of it, on the run's test and on fresh questions."""

    family: Family
    padded: str
    pruned: str
    sentence: str
    proven: bool
    p_run: float
    before: float
    after: float
    p_fresh: float
    difference: float
    low: float
    high: float
    prompt_tokens: tuple[int, int]
    all_tokens: tuple[float, float]
    calls: int
    seconds: float

    @property
    def saved(self) -> float:
        """The share of the prompt's tokens that went."""
        return 1 - self.prompt_tokens[1] / self.prompt_tokens[0]

    @property
    def hit(self) -> bool:
        """Whether a quarter of the tokens went, proven by the run and by fresh questions."""
        return self.saved >= 0.25 and self.proven and self.p_fresh < 0.05


def draw_rows(family: Family, seed: int) -> Iterator[dict[str, str]]:
    """Yield different questions without end, none of them in a training text."""
    rng = random.Random(f"prune bench {family} {seed}")
    known: set[str] = set()
    while True:
        question = draw_question(rng, family, bbh_questions())
        if (key := normalize_question(question.text)) not in known:
            known.add(key)
            yield {"input": question.text, "target": question.target}


def pad(winner: str) -> str:
    """Return a prompt with an idle sentence before and behind each of its own, and a clause."""
    own = [each + "." for each in winner.rstrip(".").split(". ")]
    own[-1] = own[-1].rstrip(".!") + CLAUSE + "."
    parts = [IDLE[0]]
    for number, sentence in enumerate(own):
        parts += (
            [sentence, IDLE[(number + 1) % len(IDLE)]] if number < len(IDLE) - 1 else [sentence]
        )
    return " ".join(parts)


def write_config(
    folder: Path,
    name: str,
    rows: Sequence[dict[str, str]],
    sizes: tuple[int, int, int],
    **more: Any,
) -> Path:
    """Write a config on these rows; `more` are sections of it."""
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    split = dict(zip(("train", "dev", "test"), sizes, strict=True))
    source = {"train": str(data), "input": "input", "target": "target", "split": split}
    longest = 400 if "dyck" in name else 200
    config = {
        "name": name,
        "task": {"data": source, "answer": ANSWERS[name.partition("-")[0]]},  # type: ignore[index]
        "scorer": {"model": "embedded/tiny-mistral", "temperature": 0, "max_tokens": longest}
        | {"concurrency": 64},
        "optimizer": {"model": "embedded/tiny-optimizer", "temperature": 1.0, "max_tokens": 80},
        **more,
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    return path


def run_opro(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a command in a process of its own, and return its JSON."""
    states = {"OPRO_STATE_DIR": str(folder / "state"), "OPRO_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "opro_cli", *arguments, "--json", "-q"]
    command += ["--runs-dir", str(folder / "runs")]
    done = subprocess.run(
        command, env={**os.environ, **states}, check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def prune_one(family: Family, seed: int, known: bool) -> Outcome:
    """Search, pad, prune, and score both prompts on fresh questions."""
    began = time.monotonic()
    rows = draw_rows(family, seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        winner = KNOWN[family]
        if not known:
            few = [next(rows) for _ in range(sum(SEARCHED))]
            search: dict[str, Any] = {"steps": 12, "candidates_per_step": 4, "exemplars": 2}
            search |= {"initial_instructions": [START], "baselines": [], "seed": seed}
            config = write_config(folder, f"{family}-search", few, SEARCHED, search=search)
            winner = run_opro(folder, "optimize", str(config))["best"]["instruction"]
        padded = pad(winner)
        many = [next(rows) for _ in range(sum(SIZES))]
        still: dict[str, Any] = {"steps": 0, "initial_instructions": [padded], "baselines": []}
        still |= {"noise_check": False, "seed": seed}
        config = write_config(folder, f"{family}-padded", many, SIZES, search=still)
        run = run_opro(folder, "optimize", str(config))["run"]
        result = run_opro(folder, "prune", run, "--margin", f"{MARGIN:g}")
    return score_fresh(family, padded, result, [next(rows) for _ in range(FRESH)], began)


def score_fresh(
    family: Family, padded: str, result: dict[str, Any], fresh: list[dict[str, str]], began: float
) -> Outcome:
    """Ask the model alone, without the product's loop, and test the loss once more."""
    pruned, test = result["best"]["instruction"], result["not_worse"] or {}
    player, form = Player(SCORER), ChatFormat(SCORER)
    scores, tokens = [], []
    for prompt in (padded, pruned):
        asked = [scorer_prompt(prompt, row["input"]) for row in fresh]
        replies = player.replies(asked)
        ends = (f"The answer is {row['target']}." for row in fresh)
        scores.append([float(a.endswith(b)) for a, b in zip(replies, ends, strict=True)])
        counts = (len(form.ids(text)) for text in asked)
        written = (len(form.ids(reply)) for reply in replies)
        tokens.append(fmean(a + b for a, b in zip(counts, written, strict=True)))
    differences = [after - before for before, after in zip(*scores, strict=True)]
    compared = compare_scores(list(zip(*scores, strict=True)))
    empty = len(form.ids(scorer_prompt("", fresh[0]["input"])))
    own = [len(form.ids(scorer_prompt(p, fresh[0]["input"]))) - empty for p in (padded, pruned)]
    return Outcome(
        family,
        padded,
        pruned,
        result["verdict_sentence"],
        bool(test.get("proven")),
        test.get("p_value", 1.0),
        fmean(scores[0]),
        fmean(scores[1]),
        refute_loss(differences, MARGIN / 100, graded=False),
        compared.difference,
        compared.interval.low,
        compared.interval.high,
        (own[0], own[1]),
        (tokens[0], tokens[1]),
        result["spend"]["calls"],
        time.monotonic() - began,
    )


def print_outcome(found: Outcome) -> None:
    """Print one task."""
    print(f"\n{found.family}: {'hit' if found.hit else 'MISSED'} ({found.seconds:.0f} s)")
    print(f"  padded  {found.padded}\n  pruned  {found.pruned}\n  run     {found.sentence}")
    tokens, whole = found.prompt_tokens, found.all_tokens
    print(
        f"  prompt {tokens[0]} → {tokens[1]} tokens (-{100 * found.saved:.0f} %), with question "
        f"and reply {whole[0]:.1f} → {whole[1]:.1f} (-{100 * (1 - whole[1] / whole[0]):.0f} %); "
        f"{found.calls:,} calls"
    )
    print(
        f"  fresh {FRESH:,}: {100 * found.before:.1f} → {100 * found.after:.1f} %, "
        f"{100 * found.difference:+.1f} [{100 * found.low:+.1f} to {100 * found.high:+.1f}], "
        f"loss of {MARGIN:g} points refuted with p = {found.p_fresh:.2g}",
        flush=True,
    )


def main() -> None:
    arguments = sys.argv[1:]
    seed = next((int(a.partition("=")[2]) for a in arguments if a.startswith("--seed=")), 0)
    chosen = [each for each in FAMILIES if each in arguments] or list(FAMILIES)
    found = []
    for family in chosen:
        found.append(prune_one(family, seed, "--known" in arguments))
        print_outcome(found[-1])
    print(f"\n{sum(each.hit for each in found)} of {len(found)} tasks hit")


if __name__ == "__main__":
    main()
