"""Read which label of a closed set a reply gives, or which of them.

A label counts where a reply gives it: alone, at its beginning, behind a marker, in a conclusion, in
a sentence that says what something is. `mentions` finds the labels; this file decides among them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from opro_cli.reading.answer_text import normalize_text
from opro_cli.reading.final_answer import find_final_answer_in, take_first_sentence
from opro_cli.reading.mentions import (
    SPACELESS_RUN,
    WORD,
    Mention,
    drop_listings,
    ends_in_list,
    find_mentions,
    split_label,
)
from opro_cli.reading.prose import (
    drop_unfinished_sentence,
    has_conclusion,
    is_refusal,
    is_terminated,
    is_void,
    split_sentences,
)
from opro_cli.reading.reply_text import Part
from opro_cli.reading.stated_text import read_set_off_beginning

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
    r"|generally|rather|more|strongly|likely|related|about|with|your|my|our|their|is"
    r"|probably|definitely|primarily|mainly|deductively|logically|formally|strictly|truly|really|actually|certainly|obviously|absolutely"
    r"|completely|entirely|fully|totally|extremely|highly|purely|predominantly|overwhelmingly"
    r"|ultimately|indeed|(?:emotion|feeling|sense|sentiment|type|kind|class|category)\sof)\b){0,14}\Z",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"[\s\"'`*_)\]”’]{0,4}(?:-related\b|\s(?:category|label|class|sentiment|review|tone|issue"
    r"|problem|request|ticket|question|message|topic|feedback|experience|news|team|department|queue"
    r"|language|stars?|one|note|aspect|side|part|point|element)\b)",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    r"[\s\"'`*_)\]>”’]{0,4}(?:[.,:;!—–\n(<]|-\s|->|\Z|\b(?:because|since|as|due|for)\b)",
    re.IGNORECASE,
)
# "billing - because the invoice is technical": a reason says nothing else.
_REASONED = re.compile(
    r"[\s\"'`*_)\]>”’]{0,4}[,:;–—-]?\s{0,2}(?:because|since|as\s(?:it|the|this)|due\sto|weil)\b",
    re.IGNORECASE,
)
_COPULA_BEHIND = re.compile(r"(?:です|である|だ|的|입니다|이다)?[\s。.!！」』”]*(?:\Z|\n)")
_VARIANT = "\ufe0f"  # behind a sign that is to be drawn as a picture
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
_LONE_LETTER = re.compile(r"(?<![^\W_])[A-Z](?![^\W_])")
_LONE_WORD = re.compile(r"\W*([^\W\d_]{2,30})(?!\W*:)\W*")  # not "Reason:", a field to fill in
_DENYING = re.compile(r"\W*(?:not|no|neither|none)(?![^\W_])", re.IGNORECASE)
SHORT_REPLY = 14
"""Words of a reply in which a single mention is an answer wherever it stands."""
OTHER_ANSWER = 4
"""Words of an answer that is no label of the set; more are prose."""


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
    return _match_whole(text, labels) or _read_in_words(text, labels, question, cut=cut)


def _read_in_words(text: str, labels: Sequence[str], question: str, *, cut: bool) -> Mention | None:
    everywhere = find_mentions(text, labels, question)
    mentions = drop_listings(text, everywhere)
    if cut and everywhere and ends_in_list(text, everywhere[-1], labels):
        mentions = [each for each in mentions if each != everywhere[-1]]
    if not mentions:
        return _find_symbol(text, labels)
    first = _find_leading(text, mentions)
    marked = _find_marked(text, labels, question)
    if marked is not None:
        return marked
    concluded = None if cut else _find_concluding(text, mentions)
    if first is not None and (concluded is None or concluded.label == first.label):
        others = [
            each
            for each in _list_stated(text, mentions)
            if each.start > first.end and each.label != first.label
        ]
        settled = not others or _is_alone(text, first) or _is_reasoned(text, first, others)
        return first if settled else concluded
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
        return None if is_void(first) or len(WORD.findall(first)) > OTHER_ANSWER else first
    lone = _LONE_WORD.fullmatch(part.text)
    sentence = lone and SPACELESS_RUN.search(lone[1])  # which has no blanks in such a script
    word = lone[1] if lone and not sentence else ""
    if word and not part.cut and not marks and normalize_text(word) not in _LEADS:
        return None if is_void(part.text) else word
    if not marks or marks[0].form not in ("sentence", "label", "box"):
        return None
    line = take_first_sentence(marks[0].line).strip()
    if len({mark.line for mark in marks}) > 1 or _LONE_LETTER.search(line):
        return None
    ended = not part.cut or is_terminated(line) or not part.text.endswith(marks[0].line)
    words = len(WORD.findall(line))
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
    symbols = {each.label for each in _find_symbols(text, labels)}
    return frozenset(words | symbols) or None


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
    before = [normalize_text(word[0]) for word in WORD.finditer(text, 0, first.start)]
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
    return len(WORD.findall(line)) <= len(split_label(mention.label)) + 2


def _is_reasoned(text: str, mention: Mention, others: Sequence[Mention]) -> bool:
    """Return whether a reply begins with a label and its reason, which alone names others."""
    if WORD.search(text, 0, mention.start) or not _REASONED.match(text, mention.end):
        return False
    sentences = ((start, start + len(sentence)) for start, sentence in _locate_sentences(text))
    end = next((end for _, end in sentences if end > mention.start), len(text))
    return all(each.start < end for each in others)


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
    if len(names) != 1 or len(WORD.findall(text)) > SHORT_REPLY:
        return None
    only = mentions[-1]
    spaceless = SPACELESS_RUN.fullmatch(only.label) and _COPULA_BEHIND.match(text, only.end)
    if only.label.casefold() in _COMMON or not (spaceless or _CLOSED.match(text, only.end)):
        return None
    return only


def _find_symbols(text: str, labels: Sequence[str]) -> list[Mention]:
    """Return labels without letters and digits, the longest at each place: "$$", an emoji."""
    bare = {label.replace(_VARIANT, ""): label for label in labels if not split_label(label)}
    symbols = sorted(filter(None, bare), key=len, reverse=True)
    pattern = "|".join(f"{_VARIANT}?".join(map(re.escape, each)) for each in symbols)
    found = re.finditer(pattern, text) if symbols else ()
    return [
        Mention(bare[each[0].replace(_VARIANT, "")], each.start(), each.end(), 0) for each in found
    ]


def _find_symbol(text: str, labels: Sequence[str]) -> Mention | None:
    """Return the only label without letters and digits that stands in a text."""
    found = _find_symbols(text, labels)
    return found[0] if len({each.label for each in found}) == 1 else None


def _match_whole(text: str, labels: Sequence[str]) -> Mention | None:
    """Return the label that a text is: to the letter, or else up to case and what is invisible."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    for fold in (partial(unicodedata.normalize, "NFC"), _fold):
        given = fold(text.strip())
        found = [label for label in labels if fold(label.strip()) == given]
        if given and len(found) == 1:
            return Mention(found[0], start, end, 0)
    return None


def _fold(text: str) -> str:
    return normalize_text(text).replace(_VARIANT, "")


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
