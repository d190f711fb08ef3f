"""A meta-prompt of the user's own: words with named holes, checked before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opro_cli.core.settings.prompts import describe_place, list_files
from opro_cli.core.settings.schema import Problem, nearest
from opro_cli.core.task.chat import Hole, MalformedHole, parse_turn

KEY = "search.meta_prompt"
"""The name of the text among those that files hold."""

HOLES: Mapping[str, str] = {
    "prompt": "the instruction that is to be rewritten",
    "other": "a second instruction, to be combined with it",
    "trajectory": "past instructions with their scores, the best one last",
    "failures": "answers that were wrong under it, by what went wrong",
    "contrasts": "questions that one instruction got right and another one wrong",
    "exemplars": "train questions with their gold answers",
    "description": "task.description",
    "must_stay": "what the application needs: placeholders, labels, the form of the answer",
    "aim": "what this rewrite is for; of several in a step each has its own",
    "length": "the most characters that a rewrite may have",
    "tag": "the tag around the rewrite in the reply, without its brackets",
}
"""The holes of a meta-prompt, each with what is put into it."""

TAGS = ("<INS>", "<Start>")
"""Tags that a text may name itself, in place of the hole for one."""

WITH_WORDS = ("opro", "reflect", "evolve")
"""The strategies that may ask in the user's own words."""


def spell(name: str) -> str:
    """Return the name of a hole as it is known: "must-stay" is must_stay."""
    return name.replace("-", "_").replace(" ", "_")


def list_holes(text: str) -> tuple[Hole, ...]:
    """Return the holes in a text, in order; raises MalformedHole."""
    return parse_turn("user", text).holes


def list_unused(text: str) -> tuple[str, ...]:
    """Return the holes that a text does not have, and so what its optimizer is not shown."""
    used = {spell(hole.name) for hole in list_holes(text)}
    tagged = {"tag"} if any(tag in text for tag in TAGS) else set()
    return tuple(name for name in HOLES if name not in used | tagged)


def find_meta_prompt_faults(config: Mapping[str, Any], strategy: Any) -> Iterator[Problem]:
    """Yield what is wrong with `search.meta_prompt`; the config is as it is read."""
    search = config.get("search")
    text = search.get("meta_prompt") if isinstance(search, Mapping) else None
    if not isinstance(text, str) or not text.strip():
        return
    path = ("search", "meta_prompt")
    if isinstance(strategy, str) and ":" not in strategy and strategy not in WITH_WORDS:
        message = f"found with search.strategy {strategy}, which has words of its own, or asks none"
        yield Problem(path, f"{message}; it is for {', '.join(WITH_WORDS)}")
        return
    file = list_files(config).get(KEY)
    if file is None and "{{" not in text:
        return  # the name of a file that could not be read, which has been said
    try:
        holes = list_holes(text)
    except MalformedHole as error:
        where = describe_place(file, error.line, text)
        yield Problem(path, f"{where}expected {error}, found {error.found!r}")
        return
    for hole in holes:
        if spell(hole.name) not in HOLES:
            guess = nearest(spell(hole.name), list(HOLES))
            meant = f"did you mean {{{{{guess}}}}}?" if guess else f"there are {', '.join(HOLES)}"
            where = describe_place(file, hole.line, text)
            yield Problem(path, f"{where}no hole is called {hole}; {meant}")
    names = {spell(hole.name) for hole in holes}
    where = f"{file}: " if file else ""
    if "tag" not in names and not any(tag in text for tag in TAGS):
        message = "nothing says how the reply is marked: write <{{tag}}> and </{{tag}}>"
        yield Problem(path, f"{where}{message} around the text that is asked for")
    if names.isdisjoint({"prompt", "trajectory"}):
        message = "no past instruction stands in it: write {{prompt}} or {{trajectory}}"
        yield Problem(path, f"{where}{message}")
