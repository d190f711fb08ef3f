"""Find where a text names the labels of a closed set.

Labels are compared as whole words, blind to case, "_", "-" and markup. What is denied ("not
billing") or copied from the question is no mention; one that is offered in a list of others
("billing, login or shipping") is dropped by `drop_listings`. Labels that words do not tell apart
("C", "C++") are found as they are spelled.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opro_cli.reading.answer_text import normalize_text
from opro_cli.reading.reply_text import SPACELESS

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
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
SPACELESS_RUN = re.compile(rf"[{SPACELESS}]+")
# "ポジティブではない", "긍정이 아닙니다"
_DENIED_BEHIND = re.compile(
    r"(?:では|じゃ|で)(?:ない|なく|は?あり)|[이가]?\s?아[닙니닌]"
    r"|[\"'`*_)\]”’]{0,3}\s?\?[\"'`*_)\]”’]{0,3}\s{1,2}(?:no|nope|nein|non)\b(?!\s(?:doubt|question)\b)",
    re.IGNORECASE,
)
# "is not necessarily valid": the denial is of the label itself
_DIRECTLY_DENIED = re.compile(
    r"(?:\bnot|n['’]t)\s(?:(?:an?|the|very|quite|really|necessarily|actually|considered|deductively"
    r"|logically|formally|strictly|always|entirely|completely|at\sall)\s){0,3}[\"'*_“]{0,3}\Z",
    re.IGNORECASE,
)
_CONTRARY = ("not", "no", "non", "un", "in", "im", "il", "ir")
"""Prefixes of a label that denies the other one of two."""
# "* Alarm: …", "* Music: …": labels that are gone through one by one
_ITEM_LEAD = re.compile(r"(?:\A|\n)[ \t]*(?:[-*•+]|\d{1,2}[.)])[ \t]+[*_\"'`(]*\Z")
_LINE_LEAD = re.compile(r"(?:\A|\n)[ \t]*[*_\"'`(]*\Z")
_COLON = re.compile(r"[*_\"'`)]*:")
_AS_SPELLED = "\0"
COPIED = 4
"""Words in a row that stand in the question, too."""
_STOPS = ("", ".", "!", "?", "\n")
COPIED_SENTENCE = 3
"""The same, of a sentence that is nothing else: "Cancel the alarm."."""


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
    return tuple(WORD.findall(normalize_text(label.replace("_", " ").replace("-", " "))))


def find_mentions(text: str, labels: Sequence[str], question: str = "") -> list[Mention]:
    """Return the labels that a text gives in order, the longest at each place.

    Left out are those that are denied, and those in words copied from the question.
    """
    pattern = _compile_words(tuple(labels), spaceless=bool(SPACELESS_RUN.search(text)))
    words = [(_get_word(m), m.start(), m.end()) for m in pattern.finditer(text)]
    spelled = _list_spelled(tuple(labels))
    by_words = {
        (_AS_SPELLED + normalize_text(label),) if label in spelled else split_label(label): label
        for label in labels
    }
    contraries = _pair_contraries(tuple(labels))
    lengths = sorted({len(each) for each in by_words if each}, reverse=True)
    asked = [_get_word(m) for m in pattern.finditer(question[-4000:])]
    copied = _find_copied(text, words, asked)
    found: list[Mention] = []
    index = 0
    while index < len(words):
        for length in lengths:
            given = tuple(word for word, _, _ in words[index : index + length])
            label = next(filter(None, map(by_words.get, _list_forms(given))), None)
            if label is not None and index + length <= len(words):
                beside = {index - 1, index + length} & copied  # not the label's own words alone
                quoted = index in copied and beside
                start, end = words[index][1], words[index + length - 1][2]
                denial = contraries and _DIRECTLY_DENIED.search(text, max(0, start - 60), start)
                if denial and not quoted:
                    found.append(Mention(contraries[label], denial.start(), end, index))
                elif not (
                    quoted
                    or _is_denied(text, words, index)
                    or _is_subject(text, words, index, length)
                ):
                    found.append(Mention(label, start, end, index))
                index += length
                break
        else:
            index += 1
    return found


@functools.lru_cache(maxsize=256)
def _list_spelled(labels: tuple[str, ...]) -> frozenset[str]:
    """Return the labels that are found as they are spelled.

    These are labels in a script without spaces, and those with the words of another one: "C" and
    "C++", ">50K" and "<=50K", "A" and "A-".
    """
    times = Counter(map(split_label, labels))
    return frozenset(
        label
        for label in labels
        if SPACELESS_RUN.fullmatch(label) or (split_label(label) and times[split_label(label)] > 1)
    )


@functools.lru_cache(maxsize=256)
def _compile_words(labels: tuple[str, ...], *, spaceless: bool) -> re.Pattern[str]:
    """Return a pattern for words, and for labels that are found as they are spelled.

    Args:
        labels: The closed set.
        spaceless: The text has a script without spaces: a letter of it is a word, unless it is
            inside of a label.
    """
    spelled = sorted(_list_spelled(labels), key=len, reverse=True)
    if not spelled:
        return re.compile(f"(?P<spelled>(?!))|{WORD.pattern}")
    named = f"(?P<spelled>{'|'.join(_compile_spelled(each, spelled) for each in spelled)})"
    if not spaceless:
        return re.compile(rf"{named}|{WORD.pattern}", re.IGNORECASE)
    inside = rf"[{SPACELESS}]|(?:(?![{SPACELESS}])[^\W_])+"
    return re.compile(rf"{named}|{inside}", re.IGNORECASE)


def _get_word(match: re.Match[str]) -> str:
    """Return a word as it is compared; a label that was found as it is spelled is no other word."""
    return (_AS_SPELLED if match["spelled"] else "") + normalize_text(match[0])


def _compile_spelled(label: str, others: Sequence[str]) -> str:
    """Return a pattern for a label where it is neither a part of a word nor of another label."""
    if SPACELESS_RUN.fullmatch(label):
        return re.escape(label)
    folded, size = label.casefold(), len(label)
    longer = [each.casefold() for each in others if len(each) > size]
    ahead = {each[size] for each in longer if each.startswith(folded)}
    behind = {each[-size - 1] for each in longer if each.endswith(folded)}
    follows = "".join(rf"(?!{re.escape(sign)})" for sign in sorted(ahead))
    precedes = "".join(rf"(?<!{re.escape(sign)})" for sign in sorted(behind))
    starts = r"(?<![^\W_])" if label[0].isalnum() else ""
    ends = r"(?![^\W_])" if label[-1].isalnum() else ""
    words = r"\s+".join(map(re.escape, label.split()))
    return f"{starts}{precedes}{words}{follows}{ends}"


def drop_listings(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return mentions without those that stand in a list of different labels."""
    listed: set[int] = set()
    for first, second in pairwise(mentions):
        joined = _LISTING.fullmatch(text, first.end, second.start)
        if joined and first.label != second.label:
            listed |= {first.index, second.index}
    items = [each for each in mentions if _is_item(text, each)]
    if len({each.label for each in items}) > 1:  # what their lines say is about each, too
        ends = [text.find("\n", each.end) for each in items]
        lines = [
            (each.start, end if end >= 0 else len(text))
            for each, end in zip(items, ends, strict=True)
        ]
        listed |= {each.index for each in mentions if any(a <= each.start < b for a, b in lines)}
    listed |= {each.index for each in mentions if _is_offered(text, each)}
    return [each for each in mentions if each.index not in listed]


def _is_item(text: str, mention: Mention) -> bool:
    """Return whether a line is about a label: "* Alarm: …", "English: …"."""
    start = max(0, mention.start - 40)
    if _ITEM_LEAD.search(text, start, mention.start):
        return True
    begins = _LINE_LEAD.search(text, start, mention.start)
    return begins is not None and _COLON.match(text, mention.end) is not None


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


def ends_in_list(text: str, last: Mention, labels: Sequence[str]) -> bool:
    """Return whether a text that was cut ends in a list of labels: "Bug,", "positive or neg"."""
    rest = text[last.end :]
    joint = _LISTING.match(rest)
    if joint is None:
        return False
    begun = normalize_text(rest[joint.end() :]).strip("\"'`*_")
    others = (normalize_text(each) for each in labels if each != last.label)
    return not begun or any(each.startswith(begun) for each in others)


def _list_forms(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield words as they are, without "'s", and with the last one in the singular."""
    yield words
    yield tuple(word.removesuffix("'s").removesuffix("’s") for word in words)
    if words and len(words[-1]) >= 5:
        yield (*words[:-1], words[-1].removesuffix("s"))


@functools.lru_cache(maxsize=256)
def _pair_contraries(labels: tuple[str, ...]) -> dict[str, str]:
    """Return the other one of two labels of which one is the other's denial: valid and invalid."""
    if len(labels) != 2:
        return {}
    long, short = sorted(map(normalize_text, labels), key=len, reverse=True)
    prefix = long.removesuffix(short).rstrip(" _-")
    if long == short or not long.endswith(short) or prefix not in _CONTRARY or len(short) < 4:
        return {}
    return dict(zip(labels, reversed(labels), strict=True))


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


def _find_copied(
    text: str, words: Sequence[tuple[str, int, int]], asked: Sequence[str]
) -> set[int]:
    """Return the indexes of words in runs of COPIED or more that stand in the question.

    A whole sentence needs COPIED_SENTENCE.
    """
    given = [word for word, _, _ in words]
    runs = _collect_runs(asked, COPIED)
    copied: set[int] = set()
    for index in range(len(given) - COPIED + 1):
        if tuple(given[index : index + COPIED]) in runs:
            copied |= set(range(index, index + COPIED))
    short = _collect_runs(asked, COPIED_SENTENCE)
    for index in range(len(given) - COPIED_SENTENCE + 1):
        end = index + COPIED_SENTENCE
        if tuple(given[index:end]) in short and _is_sentence(text, words[index], words[end - 1]):
            copied |= set(range(index, end))
    return copied


def _is_sentence(text: str, first: tuple[str, int, int], last: tuple[str, int, int]) -> bool:
    """Return whether a sentence begins with one word and ends with the other."""
    before = text[max(0, first[1] - 8) : first[1]].rstrip(" \"'*")
    behind = text[last[2] : last[2] + 8].lstrip("\"'*")
    return before[-1:] in _STOPS and behind[:1] in _STOPS


def _collect_runs(words: Sequence[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}
