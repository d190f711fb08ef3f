"""The probe before a search: a dozen prompts of different kinds, and what the optimizer writes.

Each kind stands for one way in which wording can move a score: it names the answers, leaves room
for one, makes the model work, or weigh, or stop. Where none of them moves anything, a search over
wordings has nothing to find. The optimizer's own first proposals are among them, since they are
what the search would try.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.settings.search import BASELINES
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Position
from opro_cli.core.task.placeholders import list_kept
from opro_cli.core.task.prompt import Content, Demo, Layout, Prompt, encode_form
from opro_cli.ports import Strategy

BARE = 120
"""Characters of a start prompt up to which a prompt without it may be tried in its place."""
MOST_KINDS = 11
FROM_PROBE = "among the best of the probe before the search"
MOST_NAMED = 12
"""Labels that a prompt names, at most."""
_, STEP_BY_STEP, DEEP_BREATH = BASELINES
_ANSWERS = {
    "boolean": "yes or no",
    "choice": "the letter of the right option",
    "exact": "the answer itself",
    "contains": "the answer itself",
    "math": "one mathematical expression",
    "number": "one number",
}
"""The answer that a kind of `task.answer` asks for, in words."""
_ELSEWHERE: dict[Position, Position] = {
    "before_Q": "Q_end",
    "Q_begin": "Q_end",
    "Q_end": "Q_begin",
    "system": "Q_begin",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One prompt of the probe.

    Attributes:
        name: What it tries, for people.
        prompt: What is tried.
        groups: What it has in common with others: form, work, short, care.
        wording: A search over instructions can write it. A worked example or another position is
            for the user to take, in the config.
    """

    name: str
    prompt: Prompt
    groups: tuple[str, ...] = ()
    wording: bool = True

    @property
    def id(self) -> str:
        """Its id as a candidate."""
        return make_candidate_id(self.prompt.text, encode_form(self.prompt))


def build_kinds(
    task: TaskSettings,
    start: str,
    labels: Sequence[str] = (),
    demo: int | None = None,
    *,
    wordings: int = MOST_KINDS,
    others: int = 2,
) -> tuple[Kind, ...]:
    """Return the prompts of the probe, those first that tell most; none is the start prompt.

    Args:
        task: How questions are asked and answers read.
        start: The start prompt. One that is long, or has placeholders, is kept in all of them.
        labels: The gold answers as the data spells them, where these are a few.
        demo: A train row that may be shown as a worked example.
        wordings: Of them, those that a search can write, at most.
        others: The others, at most.
    """
    texts = _list_endings(task) if task.format.starts_answer else _list_texts(task, start, labels)
    kinds = {make_candidate_id(start): Kind("", Prompt(start))}
    for name, groups, text in texts:
        kind = Kind(name, Prompt(text), tuple(groups.split()))
        kinds.setdefault(kind.id, kind)
    return (*[*kinds.values()][1 : 1 + wordings], *_list_layouts(task, start, demo)[:others])


def _list_texts(
    task: TaskSettings, start: str, labels: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Return names, groups and texts of instructions."""
    answer = describe_answer(task, labels)
    keeps = len(start) > BARE or bool(list_kept((start,)))

    def behind(text: str) -> str:
        return f"{start.rstrip()} {text}" if start.strip() else text

    def alone(text: str) -> str:
        return behind(text) if keeps else text

    works = (
        "Weigh every possible answer and work in short steps. Then end with a line of its own: "
        f"The answer is X. X is {answer}."
    )
    careful = (
        "Judge this question on its own and weigh every possible answer. Then reply with "
        f"{answer} and nothing else."
    )
    only = f"Reply with {answer} and nothing else: no explanation."
    return [
        ("weighs, works, answers", "form work care", behind(works)),
        ("weighs, answers alone", "form short care", behind(careful)),
        ("names the answers", "form", behind(f"Answer with {answer}.")),
        ("step by step", "work", alone(STEP_BY_STEP)),
        *([] if keeps else [("no instruction", "", "")]),
        ("deep breath", "work", alone(DEEP_BREATH)),
        ("only the answer", "form short", alone(only)),
        ("weighs every answer", "care", behind("Weigh every possible answer before you decide.")),
        ("brief", "short", behind("Be brief: a few words at most.")),
        ("every result", "work", alone("Write down every intermediate result.")),
        ("reads twice", "care", behind("Read the question twice before you answer.")),
    ]


def _list_endings(task: TaskSettings) -> list[tuple[str, str, str]]:
    """Return the same of texts that begin an answer, where the instruction stands there."""
    return [
        ("step by step", "work", STEP_BY_STEP),
        ("only the answer", "form short", "The answer is"),
        ("works, then answers", "form work", "Working in short steps, and ending with the answer:"),
        ("weighs every answer", "care", "Weighing every possible answer first:"),
        ("no instruction", "", ""),
        ("deep breath", "work", DEEP_BREATH),
        ("names the answers", "form", f"The answer, {describe_answer(task, ())}, is"),
        ("every result", "work", "Writing down every intermediate result:"),
    ]


def _list_layouts(task: TaskSettings, start: str, demo: int | None) -> list[Kind]:
    """Return the start prompt with a worked example, and in another position."""
    kinds = []
    if demo is not None and (task.format.chat is None or task.format.template.shows_demos):
        kinds.append(Kind("a worked example", Prompt(start, (Demo(demo),)), wording=False))
    elsewhere = _ELSEWHERE.get(task.instruction_position)
    if elsewhere and start and task.format.chat is None:
        moved = Prompt(start, layout=Layout(position=elsewhere))
        kinds.append(Kind(f"at {elsewhere}", moved, wording=False))
    return kinds


def describe_answer(task: TaskSettings, labels: Sequence[str] = ()) -> str:
    """Return what an answer is, in words: "one of billing, login" or "one number"."""
    kind = task.answer.partition(":")[0]
    field = task.answer.partition(":")[2]
    if kind == "json":
        return f'a JSON object with the key "{field}"' if field else "one JSON value"
    if kind == "labels" and 2 <= len(labels) <= MOST_NAMED:
        return "one or several of " + ", ".join(labels)
    if kind != "choice" and 2 <= len(labels) <= MOST_NAMED:
        return "one of " + ", ".join(labels)
    return _ANSWERS.get(kind, "the answer itself")


def read_with(strategy: Strategy, reply: str, ask: Ask, *, cut: bool) -> Sequence[Content | str]:
    """Return the candidates that a strategy reads, which is told of a cut if it wants to know."""
    if "cut" in inspect.signature(strategy.read).parameters:
        read: Sequence[Content | str] = strategy.read(reply, ask, cut=cut)  # type: ignore[call-arg]
        return read
    return strategy.read(reply, ask)


class _Around(Strategy):
    """A strategy that adds to another one, which reads all replies and rejects candidates."""

    def __init__(self, inner: Strategy) -> None:
        self.inner, self.name = inner, inner.name
        self.Options, self.needs, self.halves = inner.Options, inner.needs, inner.halves
        self.keeps_placeholders = inner.keeps_placeholders

    def read(self, reply: str, ask: Ask, *, cut: bool = False) -> Sequence[Content | str]:
        """Return the candidates that the other strategy reads in a reply."""
        return read_with(self.inner, reply, ask, cut=cut)

    def reject(self, candidate: Content, view: SearchView) -> str:
        """Return why the other strategy would not score a candidate."""
        return self.inner.reject(candidate, view)


class HeadroomStrategy(_Around):
    """Tries the kinds, and the first proposals of the search's own strategy, in one step.

    Attributes:
        kinds: The prompts.
        inner: The strategy of the search.
        proposals: How many of its proposals are tried.
    """

    def __init__(self, kinds: Sequence[Kind], inner: Strategy, proposals: int) -> None:
        super().__init__(inner)
        self.name, self.kinds, self.proposals = "headroom", tuple(kinds), proposals

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        """Return all of them in the first step, and end the search in the second."""
        if step > 1:
            return End("all kinds were tried")
        drafts = [Draft(kind.prompt) for kind in self.kinds]
        return [*drafts, *self._take_first(view)]

    def _take_first(self, view: SearchView) -> list[Ask | Draft]:
        """Return the first proposals of the search's own strategy, drawn anew.

        Else the search would be given the same proposals, where its requests are the same.
        """
        if not self.proposals:
            return []
        proposed = self.inner.propose(view, 1)
        taken: list[Ask | Draft] = []
        left = self.proposals
        for each in () if isinstance(proposed, End) else proposed:
            samples = min(left, each.samples) if isinstance(each, Ask) else 1
            if left <= 0:
                break
            taken.append(
                replace(each, samples=samples, draw="probe") if isinstance(each, Ask) else each
            )
            left -= samples
        return taken


class ProbedStrategy(_Around):
    """A search that has been probed: in its first step it tries the best of the probe, too.

    Attributes:
        inner: The strategy of the search.
        drafts: Instructions of the probe.
    """

    def __init__(self, inner: Strategy, drafts: Sequence[str]) -> None:
        super().__init__(inner)
        self.drafts = tuple(drafts)

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        """Return the proposals of the search, in the first step behind those of the probe."""
        proposed = self.inner.propose(view, step)
        if step > 1 or isinstance(proposed, End):
            return proposed
        return [*(Draft(each, note=FROM_PROBE) for each in self.drafts), *proposed]
