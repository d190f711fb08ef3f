"""Read yes/no answers: their words, negations, and answers that restate the question."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from opro_cli.reading import prose
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, read_answer
from opro_cli.reading.reply_text import is_repetition
from opro_cli.reading.truth_words import FAMILIES, Family, build_word_pattern

_EQUIVALENTS = {
    FAMILIES[0]: FAMILIES[:2],
    FAMILIES[1]: (FAMILIES[1], FAMILIES[0]),
    FAMILIES[2]: FAMILIES[2:],
}
"""Families to read for each: a question with "yes" may be answered with "true"."""

# "no-one", "yes'" and "untrue" are other words than "no", "yes" and "true". "No" before a noun
# denies the noun: "there is no doubt".
_AFTER = r"(?![\w'’]|-\w)"
_NO_NOUN = r"(?:[.,;:!?—–)。，、！(\[{|=>-]|(?<=\s)/|[^\w\s\x00-\x7f\"'“”‘’«»])"
"""The sign behind a "no" that is no adjective: "No (odd)", "No ✓"."""
_WORDS = {
    ("yes", "no"): re.compile(
        rf"(?<![\w'’-])(?:yes{_AFTER}|no(?=[\s*_\"'”’)\]}}`]*(?:{_NO_NOUN}|\Z|\n)"
        rf"|\s(?:because|since|as|you|it|he|she|they|we|i|this|that|not)(?![^\W_])){_AFTER})",
        re.IGNORECASE,
    ),
    ("true", "false"): re.compile(rf"(?<![\w'’-])(?:true|false){_AFTER}", re.IGNORECASE),
    ("valid", "invalid"): re.compile(rf"(?<![\w'’-])(?:valid|invalid){_AFTER}", re.IGNORECASE),
}
_PAIRS = {
    (left, right): re.compile(
        rf"(?<![^\W_])[*\"'“]?(?:{left}[*\"'”]?(?:\s?/\s?|,?\s(?P<both>and)\s|,?\sor\s(?:else\s)?)[*\"'“]?{right}"
        rf"|{right}[*\"'”]?(?:\s?/\s?|,?\s(?:and|or)\s)[*\"'“]?{left}){_AFTER}",
        re.IGNORECASE,
    )
    for left, right in FAMILIES
}
_NEGATED = re.compile(
    r"(?:(?<![^\W_])(?:not|never|cannot|hardly)|n['’]t)[\s*_\"'`(]{1,4}"
    r"(?:(?:be|a|an|the|really|quite|necessarily|always|deductively|logically|actually|entirely"
    r"|strictly|formally|answer|considered|both)\s){0,3}[*_\"'`(]{0,3}\Z",
    re.IGNORECASE,
)
# Considered, not asserted: "whether it is valid", "if the premises are true".
_WEIGHED = re.compile(
    r"(?<![^\W_])(?:whether|if|when|whenever|suppose|supposing|assume|assuming|unless|could|might"
    r"|may|were|would(?!\s(?:say|answer|be|go|guess|conclude|have)))(?![^\W_])[^,;:.]{0,200}\Z",
    re.IGNORECASE,
)
# "The statement is incorrect" judges the statement in the question.
_JUDGED = re.compile(
    r"(?<![^\W_])(?:statement|claim|sentence|assertion|that|this|it|which|everything)"
    r"(?:\s(?:is|are|was)|['’]s)(?P<denied>n['’]t|\snot)?(?:\s(?:therefore|thus|indeed|clearly|actually"
    r"|factually|completely|entirely|also))?\s(?P<in>in)?(?:correct|accurate|(?P<wrong>wrong)|right)"
    r"(?=\s?(?:[.,;:!—–*]|\Z|because|since|as))",
    re.IGNORECASE,
)
# "to make sure that everything is correct", "whether it is correct"
_AIMED = re.compile(
    r"(?<![^\W_])(?:ensure|make\ssure|sure|check|hope|whether|if)\s(?:that\s|the\s|an?\s)*\Z", re.I
)
# "False is not a possible answer" says nothing about the question.
_SUBJECT = re.compile(
    r"[*\"'”`]{0,3}\s(?:is|are|was)\s?n(?:ot|['’]t)\s(?:an?|the)\s", re.IGNORECASE
)
# "not True and False or True": an expression repeated, not a value stated.
_EXPRESSION = re.compile(
    r"(?<![\w'’-])(?:(?:not|\()\s?){0,6}(?:true|false)(?:[\s()]{1,6}(?:and|or)[\s()]{1,6}"
    r"(?:(?:not|\()\s?){0,6}(?:true|false))+(?![\w'’])",
    re.IGNORECASE,
)
# "False is false and True is true": parts of an expression, and no value of the whole.
_TERMS = r"(?:(?:not|true|false|and|or|[()])[\s,]{0,3}){1,20}"
_PARTS = re.compile(
    rf"\W{{0,4}}{_TERMS}is:?\s(?:true|false)(?:,?\s(?:and|but|or)\s{_TERMS}is:?\s(?:true|false))+\W*",
    re.IGNORECASE,
)
# "A typical person would answer "No" to the question whether": no more is needed.
_ANSWERED = re.compile(
    r"(?<![^\W_])(?:answers?|answered|says?|said)\s(?:with\s)?[\"“'*]{1,3}(\w{2,7})[.,]?[\"”'*]{1,3}",
    re.IGNORECASE,
)
# "Yes, I'd be happy to help you with that." is said to the request.
_OBLIGING = re.compile(
    r"yes,?\s(?:of\scourse,?\s)?i(?:['’]d|['’]ll|\swould|\scan|\swill|['’]m|\sam)\s"
    r"(?:certainly\s|definitely\s|gladly\s)?(?:(?:be\s)?(?:happy|glad)\sto\s|able\sto\s)?"
    r"(?:help|assist)\s(?:you(?![^\W_])|with\s(?:that|this|your)(?![^\W_]))",
    re.IGNORECASE,
)
_POSITIVE = rf"جی ہاں|{build_word_pattern('yes', 'true', 'valid', informal=True)}"
_NEGATIVE = (
    r"(?:absolutely|certainly|definitely|of\scourse)\snot|not\sat\sall|by\sno\smeans|아니다|جی نہیں"
    rf"|{build_word_pattern('no', 'false', 'invalid', informal=True)}"
)
_FOREIGN = re.compile(
    rf"[\s*_\"'“(¡«「]{{0,6}}(?:(?P<positive>{_POSITIVE})|(?P<negative>{_NEGATIVE}))"
    r"(?=[\s*_\"'”)»」]{0,6}(?:[.,;:!。，、！،؛।۔]|\Z|\n|[-–—]))",
    re.IGNORECASE,
)
# "Die Aussage ist falsch.", "Non è vero."
_FOREIGN_JUDGED = re.compile(
    r"(?<![^\W_])(?:(?P<denied>no|non|não|nie|nem|не)\s)?(?:ist|wäre|est|es|è|é|is|är|er|jest|je|это)\s(?:also|somit|daher|donc|dus)?"
    rf"\s?[*_\"'“«]{{0,3}}(?:(?P<positive>{build_word_pattern('true', 'valid')})"
    rf"|(?P<negative>{build_word_pattern('false', 'invalid')}))[\s*_\"'”».!]{{0,6}}\Z",
    re.IGNORECASE,
)
_STOP = re.compile(r"[\s*_\"'”)]{0,4}(?:[.,;!]|\Z)")
_BIT = re.compile(r"[\s*_\"'`($]{0,6}([01TFYN])[\s*_\"'`)$.]{0,6}")


@dataclass(frozen=True, slots=True)
class _Verdict:
    """One of the two words in a text, with negations applied to `word`."""

    word: str
    start: int
    end: int


def _find_verdict(text: str, family: Family, *, last: bool = False) -> _Verdict | None:
    """Return the first or last word of `family` that `text` asserts, negated as its opposite.

    Omits words that are only weighed, pairs ("valid or invalid"), and parts of an expression.
    """
    if _PARTS.fullmatch(text):
        return None
    pairs = [pair.span() for pair in _PAIRS[family].finditer(text)]
    expressions = [found.span() for found in _EXPRESSION.finditer(text)]
    words = list(_WORDS[family].finditer(text))
    for match in reversed(words) if last else words:
        start, end = match.span()
        if any(left <= start < right for left, right in pairs):
            continue
        if any(left <= start < right for left, right in expressions) or _SUBJECT.match(text, end):
            continue
        before = text[max(0, start - 200) : start]
        if _WEIGHED.search(before) or _OBLIGING.match(text, start):
            continue
        negative = match[0].lower() == family[1]
        if _NEGATED.search(before[-60:]):
            negative = not negative
        return _Verdict(family[negative], start, end)
    return None


def _has_both_words(text: str, family: Family) -> bool:
    """Return whether `text` answers with both words: "Yes and no."."""
    pairs = _PAIRS[family].finditer(text)
    return any(pair["both"] and _STOP.match(text, pair.end()) for pair in pairs)


def _read_both(text: str, family: Family) -> Word:
    """Return what a text whose lines begin with either word concludes: "True: …", "False: …".

    UNDECIDED if it does not conclude, None if its lines do not begin so.
    """
    words = {_read_beginning(line, family) for line in prose.split_lines(text)} - {None}
    if len(words) < len(family) or prose.has_retraction(text):
        return None
    concluding = filter(prose.has_conclusion, reversed(prose.split_text(text)))
    found = (_read_assertion(each, family, last=True) for each in concluding)
    return next(filter(None, found), UNDECIDED)


def _read_foreign(text: str, family: Family) -> str | None:
    """Return the word of `family` in another language: "Nein, …", "Das ist falsch."."""
    word = _FOREIGN.match(text) or _FOREIGN_JUDGED.search(text)
    if word is None:
        return None
    is_denied = word.groupdict().get("denied") is not None
    return family[(word["negative"] is not None) != is_denied]


def _read_judgement(text: str, family: Family) -> str | None:
    """Return the word of `family` for "the statement is (in)correct"; None for valid/invalid."""
    judgement = _JUDGED.search(text) if family in FAMILIES[:2] else None
    if judgement is None or _AIMED.search(text, 0, judgement.start()):
        return None
    negative = (judgement["in"] or judgement["wrong"]) is not None
    return family[negative != (judgement["denied"] is not None)]


def _read_bit(text: str, family: Family) -> str | None:
    """Return the word of `family` if `text` is nothing but 1 or 0, T or F, Y or N."""
    bit = _BIT.fullmatch(text)
    return family[bit[1] in "0FN"] if bit else None


QUESTION_LIMIT = 4000
"""Characters at the end of a question in which its last question sentence is searched."""

# The last question of a text: "Does Tess tell the truth?", "Is the coin still heads up?"
_ASKED = re.compile(
    r"(?<![^\W_])(?P<verb>does|do|did|is|are|was|were|can|could|will|would|should|has|have|had)\s"
    r"(?P<what>[^?\n.:]{3,160})\?",
    re.IGNORECASE,
)
# "Is the following sentence plausible?"
_QUALITY = re.compile(
    r"(?:following|this|statement|sentence)\s.*?(?P<quality>[^\W\d_]{4,20})\Z", re.I
)
# "Do you want an answer or some help?": an answer is enough.
_OR = re.compile(r"\sor\s", re.IGNORECASE)
_WANTS = (
    r"(?:\s(?:wants?|needs?|seeks?|requests?|asks?\sfor)|\s(?:is|are)(n['’]t|\snot)?"
    r"\s(?:seeking|requesting|asking\sfor|looking\sfor))"
)
_WANTED = "assistance|help|response|reply|answer"
_QUOTED = r"(?:\s[\"“][^\"”\n]{1,300}[\"”])?"
MAX_SUBJECT = 10
"""Words of the longest subject tried."""

_ADVERBS = (
    r"(?:\s(?:indeed|actually|really|also|therefore|thus|always|quite|still|likely"
    r"|entirely|completely|fully|very)){0,2}"
)
_DENIED = re.compile(
    r"(?<![^\W_])(?:unlikely|impossible|doubtful|no\sevidence|not\s(?:likely|true|possible|the\scase))\s"
    r"(?:that\s)?(?:the\s|an?\s)?\Z",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"(?<![^\W_])(?:says?|said|saying|claims?|claimed|(?<!im)(?<!not\s)possible)\s"
    r"(?:that\s)?\Z",
    re.IGNORECASE,
)


def find_question(prompt: str, question: str) -> str:
    """Return the first question of a prompt beside the one that it is filled in with.

    "Does the writer want help?", where the question is the writer's message; "" for none.
    """
    asked = _ASKED.search(prompt.replace(question, "\n"))
    return asked[0] if asked else ""


def read_restatement(sentence: str, question: str) -> bool | None:
    """Return True if `sentence` affirms the question, False if it denies it, None for neither.

    Possibilities ("if you return") and reports ("Ann says you return") are neither, nor is one
    that says both of two alternatives: that is the question again.
    """
    pattern = _compile_statement(question[-QUESTION_LIMIT:])
    if pattern is None or sentence.endswith("?"):
        return None
    affirmed: bool | None = None
    for statement in pattern.finditer(sentence):
        before = sentence[max(0, statement.start() - 200) : statement.start()]
        if not _WEIGHED.search(before) and not _REPORTED.search(before):
            denials = [denial for denial in statement.groups() if denial is not None]
            affirmed = (len(denials) % 2 == 1) == bool(_DENIED.search(before))
    other = _OR.search(question)
    both = other and question[other.start() :].rstrip("?").casefold() in sentence.casefold()
    return None if affirmed and both else affirmed


@functools.lru_cache(maxsize=1024)
def _compile_statement(question: str) -> re.Pattern[str] | None:
    """Return a pattern of statements that answer `question`; its groups match the denials."""
    asked = list(_ASKED.finditer(question))
    if not asked:
        return None
    verb, wishes = asked[-1]["verb"].lower(), _OR.split(asked[-1]["what"])
    words = wishes[0].split()
    if quality := _QUALITY.search(asked[-1]["what"]):
        subject = rf"(?:it|this|that|(?:sentence|statement){_QUOTED})"
        forms = [_build_statement(subject, verb, rf"(un|im|in)?{re.escape(quality['quality'])}")]
    else:
        # The subject may end after any word; a predicate needs a word of some length.
        forms = [
            _build_statement(_build_subject(words[:end]), verb, _build_predicate(words[end:], verb))
            for end in range(1, min(len(words), MAX_SUBJECT + 1))
            if any(len(word) > 3 for word in words[end:])
        ]
    if "want" in words[1:]:
        subject = _build_subject(words[: words.index("want")])
        objects = "|".join(re.escape(wish.split()[-1]) for wish in wishes)
        forms.append(rf"{subject}{_WANTS}\s(?:(?:an?|any|some|the)\s)?(?:{objects}|{_WANTED})")
    if [word.lower() for word in words[-3:]] == ["tell", "the", "truth"]:
        forms.append(_build_subject(words[:-3]) + r"\s(lies|lied|is\slying)")
    if not forms:
        return None
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(forms)})(?![^\W_])", re.IGNORECASE)


def _build_subject(words: list[str]) -> str:
    name = _join_words(words)
    if "of" in words[1:-1]:  # "the writer", for "the writer of the message"
        end = words.index("of", 1)
        name = rf"{_join_words(words[:end])}(?:\s{_join_words(words[end:])})?"
    return "(?:you|we|i)" if name.lower() == "you" else f"(?:{name}|it|he|she|they)"


def _build_predicate(words: list[str], verb: str) -> str:
    if words[0].lower() in ("still", "also", "really", "ever") and len(words) > 1:
        words = words[1:]
    if verb in ("does", "do", "did"):
        inflected = rf"{re.escape(words[0])}(?:e?s|e?d)?"
        return r"\s".join([inflected, *map(re.escape, words[1:])])
    return _join_words(words)


def _build_statement(subject: str, verb: str, predicate: str) -> str:
    """Return a pattern of a statement; its groups match the denials: "you (do not) return"."""
    if verb in ("does", "do", "did"):
        auxiliary = r"(?:\s(?:do|does|did)(\s?n['’]t|\snot)?|(\snever))?"
    else:
        form = {"can": "can|ca(?=n)", "will": "will|wo(?=n)"}.get(verb, verb)
        seems = "|seems?|sounds?|looks?" if verb in ("is", "are", "was", "were") else ""
        auxiliary = rf"\s(?:{form}|would{seems})(n['’]t|\s?not|\snever|\sno\slonger)?"
    return rf"{subject}{auxiliary}{_ADVERBS}\s{predicate}"


def _join_words(words: list[str]) -> str:
    return r"\s".join(map(re.escape, words))


MAX_SENTENCES = 3
"""Sentences that are read for a verdict, from the end of a reply."""

_LED_BY = re.compile(r"[\W_]{0,8}(?:(?:so|well|therefore|thus|hence)[\s,]{1,2})?[\W_]{0,4}\Z", re.I)
_STOPPED = re.compile(r"[\s*_\"'”’)]{0,6}(?:[.,;:!—–-]|\Z|\n)")
Word = str | Undecided | None


def read_truth(
    text: str, family: Family, question: str, instruction: str = "", *, cut: bool = False
) -> str | None:
    """Return the word of `family` that `text` answers `question` with, or None.

    Beside the last marker the first word wins. Without a marker it is the word that the text
    begins with ("Yes, …") unless it is retracted, else the word that the last sentences assert.
    Possibilities ("whether it is valid") and pairs ("yes or no") assert nothing. A text may answer
    with the words of an equivalent family or of other languages, with 1 or 0, T or F alone, or
    with the adjective that the question asks about. A text that was `cut` counts for its first
    sentence. `instruction` may hold another question that a sentence affirms or denies.
    """

    def conclude(text: str) -> Word:
        return _read_conclusion(text, family, (question, instruction), cut=cut)

    return read_answer(text, lambda mark: _read_mark(mark, family, conclude), conclude)


def _read_mark(mark: Mark, family: Family, conclude: Callable[[str], Word]) -> Word:
    if mark.form == "correction":
        return conclude(mark.rest)
    line = prose.drop_denied(mark.line)
    if _has_both_words(line, family):
        return UNDECIDED
    word = _read_assertion(line, family) or _read_foreign(line, family)
    word = word or _read_bit(line, family)
    if word is None and mark.form == "label" and mark.rest != mark.line:
        return conclude(mark.rest)
    return word


def _read_conclusion(text: str, family: Family, asked: tuple[str, str], *, cut: bool) -> Word:
    """Return the word with which a text without a marker begins or concludes."""
    body = prose.drop_denied(prose.drop_closing(text))
    sentences = prose.split_text(body)
    if not sentences or is_repetition(text, asked[0]):
        return None
    if _has_both_words(sentences[0], family):
        return UNDECIDED
    if both := _read_both(body, family):
        return both
    word: Word = _read_bit(body, family) if len(sentences) == 1 else None
    if word is None and not prose.has_retraction(body):
        word = _read_beginning(sentences[0], family)
    if word:
        return word
    if not (cut or prose.is_cut_off(body) or prose.is_unfinished(sentences[-1], body)):
        word = _read_end(sentences, family, asked)
    if word is None and (len(sentences) > 1 or not cut):
        word = _read_statement(sentences[0], family, asked)
    elif word is None:
        word = _restate(prose.drop_unfinished(sentences[0]), family, asked)
        answered = _ANSWERED.search(sentences[0])
        word = word or (answered and _read_beginning(f"{answered[1]}.", family))
    return word


def _read_beginning(sentence: str, family: Family) -> str | None:
    """Return the word that `sentence` begins with, set off from the rest: "No, they cannot."."""
    for words in _EQUIVALENTS[family]:
        if (verdict := _find_verdict(sentence, words)) is None:
            continue
        leads = _LED_BY.fullmatch(sentence, 0, verdict.start)
        if leads and _STOPPED.match(sentence, verdict.end):
            return family[verdict.word == words[1]]
    return _read_foreign(sentence, family)


def _read_end(sentences: list[str], family: Family, asked: tuple[str, str]) -> Word:
    """Return the word that one of the last sentences asserts, the last one first."""
    for index, sentence in enumerate(islice(reversed(sentences), MAX_SENTENCES)):
        # "She does not want an answer" answers whether she wants one.
        declines = prose.is_refusal(sentence) and not _restate(sentence, family, asked)
        if declines or _has_both_words(sentence, family):
            return UNDECIDED
        asks = sentence.endswith("?")
        word = None if asks else _read_assertion(sentence, family, last=True)
        word = word or _read_foreign(sentence, family)
        if word is None and (index == 0 or prose.has_conclusion(sentence)):
            word = _read_statement(sentence, family, asked)
        word = word or _read_judgement(sentence, family)
        if word is not None:
            return word
    return None


def _read_statement(sentence: str, family: Family, asked: tuple[str, str]) -> str | None:
    """Return the word of a sentence that affirms or denies the question, or judges it."""
    word = _read_judgement(sentence, family)
    return word or _restate(sentence, family, asked)


def _restate(sentence: str, family: Family, asked: tuple[str, str]) -> str | None:
    """Return the word of a sentence that affirms or denies one of the questions `asked`."""
    if family not in FAMILIES[:2]:
        return None
    found = (read_restatement(sentence, question) for question in asked)
    affirmed = next((each for each in found if each is not None), None)
    return None if affirmed is None else family[not affirmed]


def _read_assertion(text: str, family: Family, *, last: bool = False) -> str | None:
    """Return the first or last word of `family` in `text`, else of an equivalent one."""
    for words in _EQUIVALENTS[family]:
        if verdict := _find_verdict(text, words, last=last):
            return family[verdict.word == words[1]]
    return None
