"""Asking an optimizer in words with holes: opro's own, or those of the user's own meta-prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.view import Ask, Draft, End, SearchView, judge_candidate
from opro_cli.core.settings.meta_prompt import list_holes, spell
from opro_cli.core.task.chat import Hole, parse_turn
from opro_cli.core.task.example import Message
from opro_cli.core.task.placeholders import list_kept
from opro_cli.core.task.prompt import Content, Prompt
from opro_cli.ports import Need, Strategy
from opro_cli.reading.tagged import find_tagged
from opro_cli.strategies.failures import describe_contrasts, describe_failures
from opro_cli.strategies.front import find_best
from opro_cli.strategies.opro import choose_words, gpt_exemplar, scored_texts

ROOMY = 400
"""Characters that a rewrite may have in any case."""
MOST_NAMED = 12
"""Labels that are named, at most."""
NOTHING = "(none)"
"""What stands in a hole that there is nothing for."""


SHOWN: frozenset[Need] = frozenset({"replies", "failures"})


@dataclass(frozen=True, slots=True)
class RewriteAsk(Ask):
    """A request for a new instruction that stands as `content` stands."""

    content: Prompt | None = None


def fill_holes(words: str, values: Mapping[str, str]) -> tuple[Message, ...]:
    """Return a meta-prompt with its holes filled; what is put in is not looked at again."""
    parts = parse_turn("user", words.strip()).parts
    filled = (
        (values.get(spell(part.name)) or NOTHING) if isinstance(part, Hole) else part
        for part in parts
    )
    return (Message("user", "".join(filled)),)


@dataclass(frozen=True)
class WordedStrategy(Strategy):
    """A search policy that asks for rewrites of a prompt.

    Attributes:
        words: The meta-prompt, with holes.
        answer: The form of an answer in words, "one number"; "" where that is not known.
        failures: Answers that were wrong, as many as are shown.
        contrasts: Questions that tell two prompts apart, likewise.
    """

    needs = SHOWN
    halves = True
    words: str = ""
    answer: str = ""
    failures: int = 6
    contrasts: int = 2

    def collect(self, view: SearchView, parent: Candidate, aim: str) -> dict[str, str]:
        """Return what stands in the holes for a rewrite of `parent`."""
        used = {spell(hole.name) for hole in list_holes(self.words)}
        room = 0.5**view.times_shortened
        makers: dict[str, Callable[[], str]] = {
            "prompt": lambda: parent.instruction,
            "trajectory": lambda: _describe_trajectory(view),
            "failures": lambda: describe_failures(view, parent, round(self.failures * room), room),
            "contrasts": lambda: describe_contrasts(
                view, parent, round(self.contrasts * room), room
            ),
            "exemplars": lambda: _describe_exemplars(view),
            "description": lambda: view.description,
            "must_stay": lambda: describe_musts(view, self.answer),
            "aim": lambda: aim,
            "length": lambda: str(find_limit(view)),
            "tag": lambda: choose_words(view.start_format).tag,
        }
        return {name: make() for name, make in makers.items() if name in used}

    def ask(
        self,
        view: SearchView,
        parent: Candidate,
        aim: str,
        note: str,
        samples: int = 1,
        other: Candidate | None = None,
    ) -> RewriteAsk:
        """Return the request for rewrites of `parent`, with those of `other` combined."""
        values = self.collect(view, parent, aim)
        values["other"] = other.instruction if other else ""
        parents = (parent.id, other.id) if other else (parent.id,)
        content = parent.content
        stands_as = content if isinstance(content, Prompt) else Prompt(content.text)
        messages = fill_holes(self.words, values)
        return RewriteAsk(messages, samples, parents=parents, note=note, content=stands_as)

    def read(self, reply: str, ask: Ask, *, cut: bool = False) -> Sequence[Content | str]:
        """Return the text in the last complete tag, with the examples and the place of its parent.

        As `opro` reads it.
        """
        asked = "\n".join(message.content for message in ask.messages)
        text = find_tagged(reply, asked, cut=cut)
        if not text:
            return ()
        content = ask.content if isinstance(ask, RewriteAsk) else None
        return (replace(content, instruction=text) if content else text,)

    def reject(self, candidate: Content, view: SearchView) -> str:
        """Return why a rewrite is not scored: what it lost, its length, or a quote of a question.

        Unlike a plain search this one shows the optimizer many questions: what it copies from
        them is no better instruction. A quote that a start prompt has may stay.
        """
        limit = find_limit(view)
        if change := judge_candidate(candidate, view):
            return change
        if len(candidate.text) > limit:
            return f"longer than {limit} characters"
        state = view.state
        starts = {
            leak.question for each in state.of_step(0) for leak in state.leaks_of(each.instruction)
        }
        if any(leak.question not in starts for leak in state.leaks_of(candidate.text)):
            return "quotes a train question"
        return ""

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        """Return the proposals of a step."""
        raise NotImplementedError


def _describe_trajectory(view: SearchView) -> str:
    return scored_texts(view.entries(), view.search.score_buckets, unreadable=True).strip()


def _describe_exemplars(view: SearchView) -> str:
    return "".join(gpt_exemplar(example, view.start_format) for example in view.exemplars()).strip()


def find_limit(view: SearchView) -> int:
    """Return the most characters of a rewrite: twice the longest start prompt, or a few lines.

    Rewrites of rewrites would otherwise grow without end.
    """
    return min(view.search.longest_allowed, max(ROOMY, 2 * view.search.longest_start))


def describe_musts(view: SearchView, answer: str) -> str:
    """Return what a rewrite has to keep, a line for each thing; "" for nothing."""
    lines = []
    if view.search.keep_placeholders and (kept := list_kept(view.search.initial_instructions)):
        lines.append(
            f"a program fills in these placeholders: {', '.join(kept)}; keep each of them exactly "
            "as it is spelled, and add no others"
        )
    labels = tuple(dict.fromkeys(view.labels))
    if 0 < len(labels) <= MOST_NAMED:
        lines.append(f"the only right answers are {', '.join(labels)}, in this spelling")
    elif answer:
        lines.append(f"the answer that is read from a reply is {answer}")
    if view.start_format.starts_answer:
        lines.append("the text is the beginning of the model's own answer, and no order to it")
    return "\n".join(f"- {line}" for line in lines)


HIGHER = (
    "Write an instruction that is different from all those above and has a higher score than any "
    "of them. It should be concise, effective, and generally applicable to all such questions."
)


@dataclass(frozen=True)
class OwnWords(WordedStrategy):
    """The search policy `opro` with a meta-prompt of the user's own."""

    name = "opro"

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:  # noqa: ARG002
        """Ask for all samples of the step with the same meta-prompt."""
        samples = view.search.candidates_per_step
        return (self.ask(view, find_best(view), HIGHER, "", samples),)

    def reject(self, candidate: Content, view: SearchView) -> str:
        """Return which placeholders a candidate loses or adds."""
        return judge_candidate(candidate, view)
