"""The wording of the paper's meta-prompts, for GPT and for PaLM models.

Quoted from Yang et al. 2023 (figures 3, 17 and appendix C.2) and laid out as
google-deepmind/opro, opt_utils.gen_meta_prompt does, because it is what the published results
were obtained with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opro_cli.core.run.view import Ask, Draft, SearchView, judge_candidate
from opro_cli.core.task.example import Example, Message
from opro_cli.core.task.prompt import Content, MetaPromptMaterial, PromptFormat, TrajectoryEntry
from opro_cli.ports import Strategy
from opro_cli.reading.tagged import find_tagged
from opro_cli.strategies.chats import describe_kept, mark_chat


@dataclass(frozen=True, slots=True)
class Wanted:
    """A GPT meta-prompt's word for the text it asks for, and the tag around that text."""

    tag: str
    singular: str
    plural: str
    noun: str
    article: str
    sentences: str
    problems: str


INSTRUCTION = Wanted(
    "INS", "the instruction", "instructions", "instruction", "an", "instructions <INS>", "problems"
)
ANSWER_START = Wanted(
    "Start",
    "the answer starting sentence",
    "starting sentences",
    "starting sentence",
    "a",
    "<Start> sentences",
    "QA pairs",
)

PALM_TASK = (
    "I have some texts along with their corresponding scores. The texts are arranged in "
    "ascending order based on their scores, where higher scores indicate better quality.\n\n"
)
PALM_EXEMPLARS = (
    "The following exemplars show how to apply your text: you replace <INS> in each input with "
    "your text, then read the input and give an output. We say your output is wrong if your "
    "output is different from the given output, and we say your output is correct if they are "
    "the same. When replacing <INS> with an old piece of text above, we get wrong outputs on the "
    "following inputs.\n\n"
)
PALM_REQUEST = (
    "Write your new text that is different from the old ones and has a score as high as "
    "possible. Write the text in square brackets."
)
GPT_EXEMPLARS = "Below are some problems.\n"

POSITIONS = {
    "Q_begin": "at the beginning of the question",
    "Q_end": "at the end of the question",
    "A_begin": "at the beginning of the answer",
}


def choose_words(form: PromptFormat) -> Wanted:
    """Return the words for a text: at A_begin it starts the answer, elsewhere it instructs."""
    return ANSWER_START if form.starts_answer else INSTRUCTION


def gpt_task(words: Wanted, top: int) -> str:
    """Return the first paragraph; `top` is the highest score that can be shown."""
    return (
        f"Your task is to generate {words.singular} <{words.tag}>. Below are some previous "
        f"{words.plural} with their scores. The score ranges from 0 to {top}.\n"
    )


def gpt_request(words: Wanted) -> str:
    """Return the last paragraph."""
    return (
        f"Generate {words.article} {words.noun} that is different from all the "
        f"{words.sentences} above, and has a higher score than all the {words.sentences} above. "
        f"The {words.noun} should begin with <{words.tag}> and end with </{words.tag}>. "
        f"The {words.noun} should be concise, effective, and generally applicable to all "
        f"{words.problems} above."
    )


def scored_texts(
    trajectory: Iterable[TrajectoryEntry], buckets: int | None, *, unreadable: bool = False
) -> str:
    """Return the past instructions with their scores, in the order given.

    Args:
        trajectory: The instructions.
        buckets: As in `shown_score`.
        unreadable: Say also what share of the replies could not be read, which the paper does not.
    """
    return "".join(
        f"\ntext:\n{entry.instruction}\nscore:\n{_describe_score(entry, buckets, unreadable)}\n"
        for entry in trajectory
    )


def _describe_score(entry: TrajectoryEntry, buckets: int | None, unreadable: bool) -> str:
    """Return a score; of a candidate stopped early also its interval (the paper has none)."""
    score, remarks = shown_score(entry.score, buckets), []
    if entry.interval is not None:
        low, high = (shown_score(end, buckets) for end in (entry.interval.low, entry.interval.high))
        asked, of = entry.asked
        remarks.append(f"between {low} and {high}: stopped after {asked} of {of} problems")
    if unreadable and entry.unreadable:
        share = max(1, round(100 * entry.unreadable))
        remarks.append(f"in {share}% of the replies no answer could be read")
    return f"{score} ({'; '.join(remarks)})" if remarks else score


def shown_score(score: float, buckets: int | None, decimals: int = 3) -> str:
    """Return a score as the optimizer reads it: its bucket, or rounded to `decimals`."""
    if buckets is not None:
        return str(round(score * buckets))
    return str(numpy_round(score, decimals))


def numpy_round(score: float, decimals: int) -> float:
    """Round as numpy does, and so the reference: multiply, round half to even, divide.

    1/80 is 0.012, where Python's exact rounding gives 0.013.
    """
    power: int = 10**decimals
    return round(score * power) / power


def gpt_exemplar(example: Example, form: PromptFormat) -> str:
    """Return one problem, with the tag in the instruction's position, and its gold answer."""
    mark = f"<{choose_words(form).tag}>"
    answer = f"\nGround truth answer:\n{example.target}\n"
    if form.chat is not None:
        return f"\nProblem:\n{mark_chat(example, form, mark)}\n{answer}"
    if form.position == "A_begin":
        return f"\nQ: {example.input}\nA: {mark}{answer}"
    body = _mark_question(example.input, form, mark)
    if form.qa_markers:
        return f"\ninput:\n{body}\nA:{answer}"
    return f"\nProblem:\n{body}\n{answer}"


def palm_exemplar(example: Example, form: PromptFormat) -> str:
    """Return one input, with <INS> in the text's position, and the gold output."""
    answer = f"\noutput:\n{example.target}\n"
    if form.chat is not None:
        return f"\ninput:\n{mark_chat(example, form, '<INS>')}\n{answer}"
    if form.position == "A_begin":
        return f"\ninput:\nQ: {example.input}\nA: <INS>{answer}"
    body = _mark_question(example.input, form, "<INS>")
    if form.qa_markers:
        return f"\ninput:\n{body}\nA:{answer}"
    return f"\ninput:\n{body}\n{answer}"


def _mark_question(question: str, form: PromptFormat, mark: str) -> str:
    """Return the question with `mark` in the instruction's position; not for A_begin."""
    q = "Q: " if form.qa_markers else ""
    match form.position:
        case "Q_begin":
            return f"{q}{mark}\n{question}"
        case "Q_end":
            return f"{q}{question}\n{mark}"
        case _:  # before_Q and system: the instruction comes before all
            return f"{mark}\n{q}{question}"


class MetaPromptStrategy(Strategy):
    """A search policy of one meta-prompt a step, as the paper's."""

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """Return the request to the optimizer."""
        raise NotImplementedError

    def read(self, reply: str, ask: Ask | None = None) -> tuple[str, ...]:
        """Return the instructions in one reply, in order; empty when there is none."""
        raise NotImplementedError

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft]:  # noqa: ARG002
        """Ask for all samples of the step with the same meta-prompt."""
        return (Ask(self.meta_prompt(view.material()), view.search.candidates_per_step),)


@dataclass(frozen=True)
class OproStrategy(MetaPromptStrategy):
    """The meta-prompt of the paper for GPT models; replies are read from their tag.

    Attributes:
        exemplars_first: The problems come before the past instructions.
    """

    name = "opro"
    exemplars_first: bool = False

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """Return one user message: past instructions ascending by score, exemplars, the request.

        The range of scores is the true one; the reference says "0 to 100" whatever it shows.
        """
        words = choose_words(material.format)
        buckets = material.score_buckets
        past = scored_texts(material.trajectory, buckets, unreadable=True)
        parts = [gpt_task(words, buckets or 1) + past]
        if material.exemplars:
            shown = (gpt_exemplar(example, material.format) for example in material.exemplars)
            parts.append(GPT_EXEMPLARS + "".join(shown))
        if self.exemplars_first:
            parts.reverse()
        request = describe_kept(material.kept, words.singular) + gpt_request(words)
        return (Message("user", "\n\n".join([*parts, request])),)

    def reject(self, candidate: Content, view: SearchView) -> str:
        """Return which placeholders a candidate loses or adds, as in runs of any age."""
        return judge_candidate(candidate, view)

    def read(self, reply: str, ask: Ask | None = None, *, cut: bool = False) -> tuple[str, ...]:
        """Return the text in the last complete tag behind the thoughts, as it stands.

        A reply that only speaks of the tags, echoes the request or ends within a tag at its limit
        gives nothing: the reference scores such remains as instructions, which pays for nonsense.
        """
        asked = "\n".join(message.content for message in ask.messages) if ask else ""
        text = find_tagged(reply, asked, cut=cut)
        return (text,) if text else ()
