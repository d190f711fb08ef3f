"""Write a config for a task that was guessed from its rows, with the reason of each choice."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.task.example import Split
from opro_cli.core.task.template import escape_field, write_hole
from opro_cli.datasets.guess import Guess
from opro_cli.datasets.guess_kinds import OPEN

MOST_LABELS = 30
"""Labels that a config and its start prompt name; of more, the data has the list."""
LONGEST_REASON = 160

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_RESERVED = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
_TOKENS = {"label": 100, "labels": 100, "boolean": 200, "exact": 200, OPEN: 600, "json": 600}
_LONGEST_ANSWER = 1000
_LEFT_SHOWN = 8
_NO_BRACES = {ord("{"): None, ord("}"): None}

_FREE_TEXT = (
    "  # No kind of answer grades free text exactly. The function beside this config scores the",
    "  # words that a reply shares with the gold answer: a rough stand-in, to be edited. Or:",
    "  # answer: contains, where the gold answer is to stand in the reply word for word; or an",
    "  # evaluator of your own that asks a judge (opro docs extending).",
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The parts of a config that are no part of the guess.

    Attributes:
        name: Of its runs.
        train: The file of the rows, as the config names it.
        sizes: Rows of each split; None where they are not known to be enough.
        rows: How many usable rows there are.
        bad_rows: How many rows cannot be used, and are left out.
        prompt: The start prompt.
        prompt_file: The file that has it, "" for none.
        prompt_why: The reason for it.
        metric: Name of the module that grades free text.
    """

    name: str
    train: str
    sizes: Mapping[Split, int]
    rows: int
    bad_rows: int
    prompt: str
    prompt_file: str
    prompt_why: str
    metric: str


def quote(text: str) -> str:
    """Return a text as YAML has it on one line; a text of the data is never more than a text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def render_input(guess: Guess) -> str:
    """Return `task.data.input`: a field, or a template that names each of several."""
    if len(guess.inputs) == 1:
        return escape_field(guess.inputs[0])
    return "\n".join(f"{_call(path)}: {write_hole(path)}" for path in guess.inputs)


def render_answer(guess: Guess, metric: str) -> str:
    """Return `task.answer`."""
    if guess.answer == OPEN:
        return f"python:{metric}:score"
    return guess.answer


def render_data(guess: Guess, train: str) -> dict[str, object]:
    """Return `task.data` as plain data, but for the splits."""
    data: dict[str, object] = {"train": train, "input": render_input(guess)}
    data["target"] = escape_field(guess.target)
    if guess.encoding:
        data["encoding"] = guess.encoding
    if guess.options:
        paths = guess.options.paths
        data["options"] = list(paths) if len(paths) > 1 else paths[0]
        if guess.options.form.startswith("position"):
            data["index_from"] = int(guess.options.form[-1])
    return data


def render_config(guess: Guess, chosen: Chosen, schema: str) -> str:
    """Return a config as YAML with comments, each with the reason for what stands beside it."""
    data = render_data(guess, chosen.train)
    why = {
        "train": "",
        "index_from": "what the positions are counted from",
        "encoding": "the file is not UTF-8: look whether its letters are right",
        **guess.why,
    }
    lines = [
        f"# yaml-language-server: $schema={schema}",
        "# Written from the rows by `opro init --data`. Each comment is the reason for a choice:",
        "# change what is wrong, and ask `opro check` what it makes of it.",
        "",
        f"name: {quote(chosen.name)}",
        "",
        "task:",
        "  data:",
        *(f"    {key}: {_write(value)}{_comment(why[key])}" for key, value in data.items()),
        *_render_splits(chosen),
    ]
    if chosen.bad_rows:
        count = f"{chosen.bad_rows} rows" if chosen.bad_rows > 1 else "1 row"
        lines.append(f"    on_bad_row: skip{_comment(f'{count} cannot be used; see opro check')}")
    lines += [f"    # not used: {_shorten(left)}" for left in _list_left(guess)]
    lines += [
        *_render_answer_lines(guess, chosen),
        f"  instruction_position: system{_comment('as most products send a prompt')}",
        "  qa_markers: false",
        "",
        *_render_models(guess),
        "",
        "search:",
        *_render_prompt(chosen),
        "  # strategy: demos  # worked examples, and no optimizer: `opro docs demos`; or place",
        "  steps: 5",
        "  candidates_per_step: 4",
        f"  exemplars: {min(3, chosen.sizes['train'])}",
        "  max_instruction_chars: 2000",
        "",
        "budget: {usd: 1}  # also calls, tokens, minutes; `opro optimize --dry-run` estimates it",
    ]
    return "\n".join(lines) + "\n"


def _render_splits(chosen: Chosen) -> list[str]:
    sizes = ", ".join(f"{split}: {size}" for split, size in chosen.sizes.items())
    usual = sum(chosen.sizes.values()) == 350
    share = "the usual sizes" if usual else "about 25, 35 and 40 %"
    reason = f"{share} of {chosen.rows} usable rows"
    return [f"    split: {{{sizes}, seed: 0}}{_comment(reason)}"]


def _list_left(guess: Guess) -> list[str]:
    left = [f"{name}: {reason}" for name, reason in guess.left_out.items()]
    more = len(left) - _LEFT_SHOWN
    return left[:_LEFT_SHOWN] + ([f"and {more} more"] if more > 0 else [])


def _render_answer_lines(guess: Guess, chosen: Chosen) -> list[str]:
    answer = quote(render_answer(guess, chosen.metric))
    lines = [f"  answer: {answer}{_comment(guess.why['answer'])}"]
    if guess.answer == OPEN:
        lines += _FREE_TEXT
    if guess.answer in ("label", "labels") and 0 < len(guess.labels) <= MOST_LABELS:
        numbers = all(re.fullmatch(r"-?\d+", label) for label in guess.labels)
        if numbers:
            named = ", ".join(
                f"{quote(label)}: {quote(label)}" for label in sorted(guess.labels, key=int)
            )
            lines.append(f"  labels: {{{named}}}{_comment('numbers: give each the name it has')}")
        else:
            named = ", ".join(map(quote, guess.labels))
            lines.append(f"  labels: [{named}]{_comment('each as the data has it most often')}")
    return lines


def _render_models(guess: Guess) -> list[str]:
    tokens = _TOKENS.get(guess.answer, _LONGEST_ANSWER)
    return [
        "# Or anthropic/…, gemini/…, openrouter/…, ollama/…: opro docs providers, local-models.",
        f"scorer:    {{model: openai/gpt-4o-mini, temperature: 0, max_tokens: {tokens}, "
        "concurrency: 16}",
        "optimizer: {model: openai/gpt-4o-mini, temperature: 1.0, max_tokens: 400}",
    ]


def _render_prompt(chosen: Chosen) -> list[str]:
    reason = (
        f"  # The search starts from this prompt, {chosen.prompt_why}, and is measured against it."
    )
    if chosen.prompt_file:
        return [reason, f"  start: {quote(f'file:{chosen.prompt_file}')}"]
    return [reason, f"  start: {quote(chosen.prompt)}"]


def choose_prompt(guess: Guess) -> str:
    """Return a start prompt for the kind of answer."""
    named = ", ".join(guess.labels) if len(guess.labels) <= MOST_LABELS else ""
    prompts = {
        "label": f"Classify the text. Answer with one of these labels and nothing else: {named}."
        if named
        else "Classify the text. Answer with its label and nothing else.",
        "labels": f"Name every label that fits the text, parted by commas: {named}."
        if named
        else "Name every label that fits the text, parted by commas.",
        "boolean": _ask_yes_or_no(guess),
        "choice": "Choose the right option. End with: The answer is (X).",
        "number": "Solve the problem step by step. End with: The answer is N.",
        "math": "Solve the problem step by step. Put the final answer into \\boxed{}.",
        "exact": "Answer the question in as few words as possible.",
        "json": "Answer with JSON and nothing else.",
    }
    words = set(re.findall(r"[a-z]+", guess.target.lower()))
    if words & {"summary", "highlights"}:
        return "Summarize the text in one or two sentences."
    if guess.why.get("input") == "the other language":
        return "Translate the text."
    return prompts.get(guess.answer, "Do what the text asks.")


_ASKING = frozenset({"question", "query", "claim", "statement", "hypothesis", "problem", "prompt"})
_NAMELESS = frozenset({"answer", "label", "target", "gold", "truth", "output", "y", "correct"})
"""Words in the names of columns that ask something, and of those that do not say what is asked."""


def _ask_yes_or_no(guess: Guess) -> str:
    """Return a start prompt; where the rows ask nothing, the gold column's name says what to."""
    asked = {word for path in guess.inputs for word in _split_name(path)}
    named = _split_name(guess.target)
    if asked & _ASKING or not named or set(named) & _NAMELESS:
        return "Answer the question. Begin with yes or no."
    return f"Decide about the text: {' '.join(named)}? Begin with yes or no."


def _split_name(path: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path).lower())


def render_metric() -> str:
    """Return a module that grades free text by the words it shares with the gold answer."""
    return r'''"""Grades replies for the config beside it: edit it until it says what is good.

`opro` calls score(reply, target, question). Return 0.0 to 1.0, or None for a reply that cannot be
read. Shared words are a rough stand-in for quality: two texts may share few and mean the same.
"""

import re
from collections import Counter


def score(reply, target, question):
    """Return the harmonic mean of precision and recall of the words of a reply."""
    given = Counter(re.findall(r"\w+", reply.casefold()))
    wanted = Counter(re.findall(r"\w+", target.casefold()))
    if not given:
        return None
    shared = (given & wanted).total()
    return 2 * shared / (given.total() + wanted.total())
'''


def _call(path: str) -> str:
    """Return a field's name for people: "sentence1" is "Sentence 1"."""
    words = re.findall(r"[^\W\d_]+|\d+", path.rpartition(".")[2])
    return " ".join(words).capitalize() or path.translate(_NO_BRACES)


def _write(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(quote, value))}]"
    return quote(value) if isinstance(value, str) else str(value)


def _comment(reason: str) -> str:
    return f"  # {_shorten(reason)}" if reason else ""


def _shorten(text: str) -> str:
    """Return a text of the data as it may stand in a comment: one line, only what prints."""
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= LONGEST_REASON else plain[: LONGEST_REASON - 1] + "…"


def list_reasons(guess: Guess, chosen: Chosen) -> Sequence[tuple[str, str, str]]:
    """Return key, value and reason of each choice, for people."""
    data = render_data(guess, chosen.train)
    rows = [(key, str(value), guess.why[key]) for key, value in data.items() if key in guess.why]
    answer = (render_answer(guess, chosen.metric), guess.why["answer"])
    start = chosen.prompt_file or chosen.prompt
    return [*rows, ("answer", *answer), ("start prompt", start, chosen.prompt_why)]
