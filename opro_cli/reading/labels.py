"""Read which label of a closed set a reply gives, or which of them.

Labels are compared as whole words, blind to case, "_", "-" and markup. A label counts where a reply
gives it: alone, at its beginning, behind a marker, in a conclusion, in a sentence that says what
something is. One that is denied ("not billing"), offered in a list of others ("billing, login or
shipping"), or part of the question's own words is no answer.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opro_cli.reading.answer_text import normalize_text
from opro_cli.reading.final_answer import find_final_answer_in
from opro_cli.reading.prose import (
    drop_unfinished_sentence,
    has_conclusion,
    is_refusal,
    is_void,
    split_sentences,
)
from opro_cli.reading.reply_text import SPACELESS, Part
from opro_cli.reading.stated_text import read_set_off_beginning

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_BOUNDARY = re.compile(r"[.!?;:\n]")
_LISTING = re.compile(
    r"[\s\"'`*_()\[\]“”‘’-]*(?:[,/|&;、，]|还是|或者?|和|または|又は|또는|\bor\b|\band\b|\bvs\b|\bversus\b|\bnor\b)"
    r"(?:[\s\"'`*_()\[\]“”‘’,/|&;-]|\b(?:or|and|an?|the|in|about)\b)*",
    re.IGNORECASE,
)
_JOINT = re.compile(
    r"\s{0,3}[,/|]\s{0,3}(?:(?:or|and|oder|und|ou|et|o|y)\s)?|\s(?:or|and|oder|und|ou|et|o|y)\s",
    re.IGNORECASE,
)
_AND = re.compile(r"(?:and|und|et|y)\s", re.IGNORECASE)
_ITEM = r"[\"'`*“‘]{0,3}[^\W_][\w&-]{0,30}+(?: [^\W_][\w&-]{0,30}+)?[\"'`*”’]{0,3}"
_ITEMS_BEFORE = re.compile(
    rf"(?<![\w&-])(?:{_ITEM}(?:{_JOINT.pattern})){{1,8}}[\"'`*“‘]{{0,3}}\Z", re.IGNORECASE
)
_ITEMS_BEHIND = re.compile(
    rf"[\"'`*”’]{{0,3}}(?:(?:{_JOINT.pattern}){_ITEM}){{1,8}}", re.IGNORECASE
)
_CHOICES = re.compile(
    r"\b(?:possible|options?|choices?|either|whether|between|among|entweder|ob|soit|could be"
    r"|may be|might be|(?:labels|categories|classes|teams|types) are)\b",
    re.IGNORECASE,
)
"""Words of a sentence that says what there is to choose from."""
_DENIALS = frozenset(
    """
    not no never neither nor without isn't isn’t aren't aren’t wasn't wasn’t doesn't doesn’t
    don't don’t didn't didn’t cannot can't can’t non rather instead than nicht kein pas 不 非 没
    """.split()  # noqa: SIM905 - a list of one word a line would be three pages
)
_LEADS = frozenset(
    """
    the a an this that it is it's it’s its label category class sentiment answer output
    result topic type classification tone review ticket message headline text i would say my
    final therefore so thus overall was clearly definitely probably and my of to be
    prediction
    """.split()  # noqa: SIM905 - a list of one word a line would be three pages
)
_STATES = re.compile(
    r"(?:\b(?:is|are|was|were|be|as|sounds?|seems?|appears?|feels?|expresses|indicates?|shows?"
    r"|conveys?|category|categories|label|labels|class|sentiment|topic|under|into|about|falls"
    r"|belongs?|classif\w+|labell?ed|categori[sz]\w+|answer|concerns?|regarding|tone)\b|[:=→])"
    r"(?:[\s\"'`*_(\[“‘:]|\b(?:to|be|in|under|as|an?|the|of|very|quite|clearly|mostly|overall"
    r"|generally|rather|more|strongly|likely|probably|definitely|primarily|mainly|related|about"
    r"|with|your|my|our|their|is)\b){0,14}\Z",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"[\s\"'`*_)\]”’]{0,4}(?:-related\b|\s(?:category|label|class|sentiment|review|tone|issue"
    r"|problem|request|ticket|question|message|topic|feedback|experience|news|team|department|queue"
    r"|stars?|one|note|aspect|side|part|point|element)\b)",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    r"[\s\"'`*_)\]>”’]{0,4}(?:[.,:;!—–\n(<]|-\s|->|\Z|\b(?:because|since|as|due|for)\b)",
    re.IGNORECASE,
)
_SPACELESS = re.compile(rf"[{SPACELESS}]+")
# "ポジティブではない", "긍정이 아닙니다"
_DENIED_BEHIND = re.compile(r"(?:では|じゃ|で)(?:ない|なく|は?あり)|[이가]?\s?아[닙니닌]")
_COPULA_BEHIND = re.compile(r"(?:です|である|だ|的|입니다|이다)?[\s。.!！」』”]*(?:\Z|\n)")
_CONTRACTED = re.compile(r"\b(?:it|this|that)['’]s[\s\"'`*_(]{1,4}\Z", re.IGNORECASE)
# "This is a product that is sold out": a thing, and no label.
_INDEFINITE = re.compile(r"\ban?\s[\"'`*_(]*\Z", re.IGNORECASE)
_DESCRIBED = re.compile(r"\s(?:that|which|who|of)\b", re.IGNORECASE)
_COMMON = frozenset(
    """
    yes no true false none other right left up down good bad one two three first second all
    both a b c d e f i it in out on off
    """.split()  # noqa: SIM905 - a list of one word a line would be three pages
)
"""Words that are everywhere in prose: as labels they count only where an answer stands."""
# "* Alarm: …", "* Music: …": labels that are gone through one by one
_ITEM_LEAD = re.compile(r"(?:\A|\n)[ \t]*(?:[-*•+]|\d{1,2}[.)])[ \t]+[*_\"'`(]*\Z")
_LONE_LETTER = re.compile(r"(?<![^\W_])[A-Z](?![^\W_])")
_LONE_WORD = re.compile(r"\W*([^\W\d_]{2,30})(?!\W*:)\W*")  # not "Reason:", a field to fill in
_DENYING = re.compile(r"\W*(?:not|no|neither|none)(?![^\W_])", re.IGNORECASE)
SHORT_REPLY = 12
"""Words of a reply in which a single mention is an answer wherever it stands."""
OTHER_ANSWER = 4
"""Words of an answer that is no label of the set; more are prose."""
COPIED = 4
"""Words in a row that stand in the question, too."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A label in a text, from `start` to `end`, as the word number `index`."""

    label: str
    start: int
    end: int
    index: int


@functools.lru_cache(maxsize=256)
def split_label(label: str) -> tuple[str, ...]:
    """Return the words of a label: "account_access" is two."""
    return tuple(_WORD.findall(normalize_text(label.replace("_", " ").replace("-", " "))))


def find_mentions(text: str, labels: Sequence[str], question: str = "") -> list[Mention]:
    """Return the labels that a text gives in order, the longest at each place.

    Left out are those that are denied, and those in words copied from the question.
    """
    words = [(normalize_text(m[0]), m.start(), m.end()) for m in _find_words(text, labels)]
    by_words = {split_label(label): label for label in labels}
    lengths = sorted({len(each) for each in by_words if each}, reverse=True)
    copied = _find_copied([word for word, _, _ in words], question)
    found: list[Mention] = []
    index = 0
    while index < len(words):
        for length in lengths:
            given = tuple(word for word, _, _ in words[index : index + length])
            label = next(filter(None, map(by_words.get, _list_forms(given))), None)
            if label is not None and index + length <= len(words):
                beside = {index - 1, index + length} & copied  # not the label's own words alone
                quoted = index in copied and beside
                if (
                    not quoted
                    and not _is_denied(text, words, index)
                    and not _is_subject(text, words, index, length)
                ):
                    found.append(
                        Mention(label, words[index][1], words[index + length - 1][2], index)
                    )
                index += length
                break
        else:
            index += 1
    return found


def _find_words(text: str, labels: Sequence[str]) -> Iterable[re.Match[str]]:
    """Return the words of a text; a label of a script without spaces is a word inside of others."""
    inner = [label for label in labels if _SPACELESS.fullmatch(label)]
    if not inner or not _SPACELESS.search(text):
        return _WORD.finditer(text)
    named = "|".join(map(re.escape, sorted(inner, key=len, reverse=True)))
    return re.compile(rf"{named}|[{SPACELESS}]|(?:(?![{SPACELESS}])[^\W_])+").finditer(text)


def drop_listings(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return mentions without those that stand in a list of different labels."""
    listed: set[int] = set()
    for first, second in pairwise(mentions):
        joined = _LISTING.fullmatch(text, first.end, second.start)
        if joined and first.label != second.label:
            listed |= {first.index, second.index}
    items = [
        each for each in mentions if _ITEM_LEAD.search(text, max(0, each.start - 40), each.start)
    ]
    if len({each.label for each in items}) > 1:  # what their lines say is about each, too
        ends = [text.find("\n", each.end) for each in items]
        lines = [
            (each.start, end if end >= 0 else len(text))
            for each, end in zip(items, ends, strict=True)
        ]
        listed |= {each.index for each in mentions if any(a <= each.start < b for a, b in lines)}
    listed |= {each.index for each in mentions if _is_offered(text, each)}
    return [each for each in mentions if each.index not in listed]


def _is_offered(text: str, mention: Mention) -> bool:
    """Return whether a label stands among choices that are no labels: "positive, bad or neutral".

    Three items with "or" or strokes are choices; with "and", or two of them, where the sentence
    says that they are ("the possible teams are", "either").
    """
    start = max(0, mention.start - 120)
    before = _ITEMS_BEFORE.search(text, start, mention.start)
    behind = _ITEMS_BEHIND.match(text, mention.end, mention.end + 120)
    joints = [
        joint for side in (before, behind) if side is not None for joint in _JOINT.findall(side[0])
    ]
    if not joints:
        return False
    sentence = re.split(r"[.!?\n]", text[start : mention.start])[-1]
    if _CHOICES.search(sentence):
        return True
    return len(joints) > 1 and any(re.search(r"\w|[/|]", j) and not _AND.search(j) for j in joints)


def read_label(
    text: str, labels: Sequence[str], question: str = "", *, cut: bool = False
) -> Mention | None:
    """Return the one label that a reply gives, None where it gives none or several.

    Args:
        text: One of those that `select_answer_texts` returns.
        labels: The closed set.
        question: That the text answers; its own words are no answer.
        cut: The reply ended at its limit: its last sentence may lack its end.
    """
    everywhere = find_mentions(text, labels, question)
    mentions = drop_listings(text, everywhere)
    if not mentions:
        return _find_symbol(text, labels)
    first = _find_leading(text, mentions)
    marked = _find_marked(text, labels, question)
    if marked is not None:
        return marked
    concluded = None if cut else _find_concluding(text, mentions)
    if first is not None and (concluded is None or concluded.label == first.label):
        others = {each.label for each in _list_stated(text, mentions) if each.start > first.end}
        return first if others <= {first.label} or _is_alone(text, first) else concluded
    if concluded is not None:
        return concluded
    stated = _drop_declined(text, _list_stated(text, mentions))
    if cut and stated and _goes_on(text, stated[-1], labels):
        return None
    if stated:
        return stated[-1] if len({each.label for each in stated}) == 1 else None
    if is_refusal(text) or cut:
        return None
    return _find_only(text, everywhere)


def _drop_declined(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return mentions without those in a sentence that declines: "I am not sure if it is …"."""
    if not mentions:
        return []
    declined = [
        range(start, start + len(sentence))
        for start, sentence in _locate_sentences(text)
        if is_refusal(sentence)
    ]
    return [each for each in mentions if not any(each.start in span for span in declined)]


def _goes_on(text: str, stated: Mention, labels: Sequence[str]) -> bool:
    """Return whether the sentence that was cut names another label behind one that it stated."""
    start = max(stated.end, len(drop_unfinished_sentence(text)))
    rest = split_label(text[start:])
    others = (words for label in labels if (words := split_label(label)) and label != stated.label)
    return any(rest[i : i + len(words)] == words for words in others for i in range(len(rest)))


def read_other_answer(part: Part) -> str | None:
    """Return what stands in place of a label, a lone word or behind a marker: "It is a smile.".

    None for prose, for what declines to answer, and for a line that was cut.
    """
    marks = find_final_answer_in(part.text).marks
    first = read_set_off_beginning(part.text)
    if first and not marks:
        return None if is_void(first) or len(_WORD.findall(first)) > OTHER_ANSWER else first
    lone = _LONE_WORD.fullmatch(part.text)
    sentence = lone and _SPACELESS.search(lone[1])  # which has no blanks in such a script
    word = lone[1] if lone and not sentence else ""
    if word and not part.cut and not marks and normalize_text(word) not in _LEADS:
        return None if is_void(part.text) else word
    if not marks or marks[0].form not in ("sentence", "label", "box"):
        return None
    line = marks[0].line.strip()
    if len({mark.line for mark in marks}) > 1 or _LONE_LETTER.search(line):
        return None
    ended = not part.cut or not part.text.endswith(marks[0].line)
    words = len(_WORD.findall(line))
    if _DENYING.match(line):
        return None
    return line if ended and 0 < words <= OTHER_ANSWER and not is_void(line) else None


def read_label_set(text: str, labels: Sequence[str], question: str = "") -> frozenset[str] | None:
    """Return all labels that a reply gives, None where it gives none."""
    final = find_final_answer_in(text)
    for mark in final.marks:
        if found := {each.label for each in find_mentions(mark.rest, labels, question)}:
            return frozenset(found)
    words = {each.label for each in find_mentions(text, labels, question)}
    return frozenset({*words, *_list_symbols(text, labels)}) or None


def _find_marked(text: str, labels: Sequence[str], question: str) -> Mention | None:
    """Return the label on the line of the last marker that has just one."""
    for mark in find_final_answer_in(text).marks:
        found = drop_listings(mark.line, find_mentions(mark.line, labels, question))
        names = {each.label for each in found}
        if len(names) == 1:
            at = text.rfind(mark.line)
            each = found[0]
            return Mention(each.label, max(0, at) + each.start, max(0, at) + each.end, each.index)
    return None


def _find_leading(text: str, mentions: Sequence[Mention]) -> Mention | None:
    """Return the label that a reply begins with: "Positive: …", "The label is billing."."""
    first = mentions[0]
    before = [normalize_text(word[0]) for word in _WORD.finditer(text, 0, first.start)]
    if len(before) > 8 or not set(before) <= _LEADS or "\n\n" in text[: first.start].strip():
        return None
    if before and not _STATES.search(text, 0, first.start) and len(before) > 1:
        return None
    closed = _CLOSED.match(text, first.end) or _NAMED.match(text, first.end)
    return first if closed or not before else None


def _is_alone(text: str, mention: Mention) -> bool:
    """Return whether a label has its line for itself."""
    start = text.rfind("\n", 0, mention.start) + 1
    end = text.find("\n", mention.end)
    line = text[start : end if end >= 0 else len(text)]
    return len(_WORD.findall(line)) <= len(split_label(mention.label)) + 2


def _find_concluding(text: str, mentions: Sequence[Mention]) -> Mention | None:
    """Return the only label of the last sentence that concludes: "Therefore, it is billing."."""
    for start, sentence in reversed(list(_locate_sentences(text))):
        if not has_conclusion(sentence):
            continue
        inside = [each for each in mentions if start <= each.start < start + len(sentence)]
        if inside:
            return inside[-1] if len({each.label for each in inside}) == 1 else None
    return None


def _list_stated(text: str, mentions: Iterable[Mention]) -> list[Mention]:
    """Return the mentions that say what something is: "is positive", "a billing issue"."""
    stated = []
    for each in mentions:
        start = max(0, each.start - 90)
        before = _STATES.search(text, start, each.start)
        if not before and _CLOSED.match(text, each.end):  # not "it's a positive example"
            before = _CONTRACTED.search(text, start, each.start)
        if each.label.casefold() in _COMMON:
            if before and _CLOSED.match(text, each.end):
                stated.append(each)
        elif _NAMED.match(text, each.end):
            stated.append(each)
        elif before:
            a_thing = _INDEFINITE.search(before[0]) and _DESCRIBED.match(text, each.end)
            stated += [] if a_thing else [each]
    return stated


def _find_only(text: str, mentions: Sequence[Mention]) -> Mention | None:
    """Return the only label that a short reply mentions, where a clause ends with it."""
    names = {each.label for each in mentions}
    if len(names) != 1 or len(_WORD.findall(text)) > SHORT_REPLY:
        return None
    only = mentions[-1]
    spaceless = _SPACELESS.fullmatch(only.label) and _COPULA_BEHIND.match(text, only.end)
    if only.label.casefold() in _COMMON or not (spaceless or _CLOSED.match(text, only.end)):
        return None
    return only


def _list_symbols(text: str, labels: Sequence[str]) -> list[str]:
    return [label for label in labels if label and not split_label(label) and label in text]


def _find_symbol(text: str, labels: Sequence[str]) -> Mention | None:
    """Return the only label without letters and digits that stands in a text."""
    found = _list_symbols(text, labels)
    if len(found) != 1:
        return None
    start = text.find(found[0])
    return Mention(found[0], start, start + len(found[0]), 0)


def _locate_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield each sentence with its offset in the text."""
    at = 0
    for line in text.split("\n"):
        offset = 0
        for sentence in split_sentences(line):
            start = line.find(sentence, offset)
            yield at + start, sentence
            offset = start + len(sentence)
        at += len(line) + 1


def _list_forms(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield words as they are, without "'s", and with the last one in the singular."""
    yield words
    yield tuple(word.removesuffix("'s").removesuffix("’s") for word in words)
    if words and len(words[-1]) >= 5:
        yield (*words[:-1], words[-1].removesuffix("s"))


def _is_denied(text: str, words: Sequence[tuple[str, int, int]], index: int) -> bool:
    """Return whether one of the four words before a label, in its clause, denies it."""
    if _DENIED_BEHIND.match(text, words[index][2]):
        return True
    for word, _, end in reversed(words[max(0, index - 4) : index]):
        between = text[end : words[index][1]]
        if _BOUNDARY.search(between) or ("," in between and word not in ("neither", "nor", "not")):
            return False
        if word in _DENIALS:
            return True
        if word in ("but", "sondern"):
            return False
    return False


def _is_subject(text: str, words: Sequence[tuple[str, int, int]], index: int, length: int) -> bool:
    """Return whether a label is what a sentence is about: "The weather is expected to …"."""
    behind = index + length
    if index == 0 or behind + 1 >= len(words) or words[index - 1][0] not in ("the", "your", "my"):
        return False
    verb = words[behind][0] in ("is", "are", "was", "were", "has", "have", "will")
    return verb and not text[words[behind - 1][2] : words[behind][1]].strip()


def _find_copied(words: Sequence[str], question: str) -> set[int]:
    """Return the indexes of words in runs of COPIED or more that stand in the question."""
    asked = [normalize_text(m[0]) for m in _WORD.finditer(question[-4000:])]
    runs = {tuple(asked[i : i + COPIED]) for i in range(len(asked) - COPIED + 1)}
    copied: set[int] = set()
    for index in range(len(words) - COPIED + 1):
        if tuple(words[index : index + COPIED]) in runs:
            copied |= set(range(index, index + COPIED))
    return copied
