"""OPRO's own way to ask for instructions (Yang et al. 2023, section 4.2 and appendix C.2).

The wording of the meta-prompt is the paper's for GPT models, laid out as the reference does
(google-deepmind/opro, prompt_utils / opt_utils.gen_meta_prompt), because it is what the
published results were obtained with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from opro_cli.core.model import Example, Message
from opro_cli.core.prompts import MetaPromptMaterial, PromptFormat


@dataclass(frozen=True, slots=True)
class _Words:
    """What the meta-prompt calls the text it asks for, and the tag it stands in."""

    tag: str
    singular: str
    plural: str
    noun: str
    sentences: str
    problems: str


_INSTRUCTION = _Words(
    "INS", "the instruction", "instructions", "instruction", "instructions <INS>", "problems"
)
_ANSWER_START = _Words(
    "Start",
    "the answer starting sentence",
    "starting sentences",
    "starting sentence",
    "<Start> sentences",
    "QA pairs",
)


@dataclass(frozen=True, slots=True)
class OproStrategy:
    """The meta-prompt of the paper; replies are read from their tag.

    max_chars: longer instructions are dropped (the reference drops those above 500).
    """

    max_chars: int = 500

    def meta_prompt(self, material: MetaPromptMaterial) -> tuple[Message, ...]:
        """One user message: past instructions ascending by score, exemplars, the request."""
        words = _words_for(material.format)
        head = (
            f"Your task is to generate {words.singular} <{words.tag}>. Below are some previous "
            f"{words.plural} with their scores. The score ranges from 0 to "
            f"{material.score_buckets}.\n"
        )
        past = "".join(
            f"\ntext:\n{entry.instruction}\nscore:\n{round(entry.score * material.score_buckets)}\n"
            for entry in material.trajectory
        )
        problems = ""
        if material.exemplars:
            shown = "".join(_exemplar(e, material.format, words.tag) for e in material.exemplars)
            problems = f"\n\nBelow are some problems.\n{shown}"
        return (Message("user", f"{head}{past}{problems}\n\n{_request(words)}"),)

    def read(self, reply: str) -> tuple[str, ...]:
        """The text in the first complete tag; one instruction a reply.

        Taken as it stands but for surrounding whitespace. A reply with no closed tag, an
        empty one, or a tag inside the text gives nothing: the reference scores such remains
        as instructions (its oddities 16 and 17), which pays for nonsense.
        """
        found = re.search(r"<(INS|Start)>(.*?)</\1>", reply, flags=re.DOTALL)
        if found is None:
            return ()
        text = found.group(2).strip()
        if not text or len(text) > self.max_chars or re.search(r"</?(INS|Start)>", text):
            return ()
        return (text,)


def _words_for(form: PromptFormat) -> _Words:
    return _ANSWER_START if form.position == "A_begin" else _INSTRUCTION


def _exemplar(example: Example, form: PromptFormat, tag: str) -> str:
    """One problem with the tag where the instruction will stand, and its gold answer."""
    question, mark = example.input, f"<{tag}>"
    end = f"\nGround truth answer:\n{example.target}\n"
    if form.position == "A_begin":
        return f"\nQ: {question}\nA: {mark}{end}"
    if not form.qa_markers:
        body = f"{question}\n{mark}" if form.position == "Q_end" else f"{mark}\n{question}"
        return f"\nProblem:\n{body}\n{end}"
    match form.position:
        case "Q_begin":
            body = f"Q: {mark}\n{question}"
        case "Q_end":
            body = f"Q: {question}\n{mark}"
        case _:
            body = f"{mark}\nQ: {question}"
    return f"\ninput:\n{body}\nA:{end}"


def _request(words: _Words) -> str:
    article = "an" if words.noun[0] in "aeiou" else "a"
    return (
        f"Generate {article} {words.noun} that is different from all the {words.sentences} above, "
        f"and has a higher score than all the {words.sentences} above. The {words.noun} should "
        f"begin with <{words.tag}> and end with </{words.tag}>. The {words.noun} should be "
        f"concise, effective, and generally applicable to all {words.problems} above."
    )
