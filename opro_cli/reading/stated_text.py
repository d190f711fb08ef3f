"""Read the text that a reply gives as its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from opro_cli.reading import prose
from opro_cli.reading.answer_text import (
    WORD,
    has_occurrence,
    is_near_copy,
    join_last_list,
    normalize_text,
)
from opro_cli.reading.final_answer import (
    take_first_sentence,
)

SHORT = 12
"""Words of the longest text that may be an answer unchanged."""

_COPULA = re.compile(
    r"\s(?:is|are|was|were|be|ist|war|heißt|lautet|est|était|es|fue|é|foi|è)\s"
    r"(?:(?:called|named|known\sas|probably|likely|therefore|thus|simply|actually|then|typically"
    r"|usually|generally|commonly|considered(?:\sto\sbe)?)\s){0,2}"
    r"|(?<=it)['’]s\s|(?<=that)['’]s\s|:\s|\s=\s",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?<![^\W_])(?:not|never|neither|nor|cannot|nicht|pas|kein)(?![^\W_])|n['’]t(?![^\W_])", re.I
)
# Beginnings of an explanation behind an answer: ", because …", " (the capital)", " – it is".
_EXPLAINED = re.compile(
    r",?\s(?:because:?|since|as|which|who|where|when|for|weil|denn|da|car|porque|perché"
    r"|and\s(?:i|we|it|he|she|they|this))\s"
    r"|\s\(|\s[–—-]{1,2}\s|[,;]\s(?:not|the|a|an)\s"
    r"|,\s(?:of\scourse|i\s(?:think|believe|guess|suppose)|obviously|definitely|indeed|probably)",
    re.IGNORECASE,
)
# "The city of [Lyon] in France", "[Hamburg], Germany"
_PLACED = re.compile(
    r"[\W_]{0,4}(?:(?:the|la|die)\s(?:city|town|capital|village|country|state|name|word|colou?r"
    r"|number|stadt|ville|ciudad)\s(?:of|de|von)\s)?(?P<head>[^\s,][^,\n]{0,60}?)"
    r"(?:\s(?:in|is\snamed|is\smentioned)\s[^\n]{1,120}|,\s(?P<beside>[^,\n]{2,60})[^\n]{0,200}|\W{0,3})",
    re.IGNORECASE,
)
_ITEM_NUMBER = re.compile(r"\W*\d{1,2}[.)]")
# "[Lisbon] is a city in Portugal."
_DEFINED = re.compile(r"(?:an?|the|one\sof|una?|eine?)\s", re.IGNORECASE)
# "The sentence is a classic example of …" tells about the question.
_ABOUT = re.compile(
    r"\W{0,4}(?:the|this|that|your)\s(?:sentence|text|question|passage|statement|phrase|message|quote)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“]([^\"”\n]{1,80})[\"”](?![^\W_])")
# "is indeed in [Greece]", "is made of [stone]"
_LED_TO = re.compile(
    r"(?:(?:indeed|also|located|situated|found|made|written|based|set)\s){0,2}(?:in|of|by|from)\s(?=\S)",
    re.IGNORECASE,
)
_CHOICE = re.compile(r"(?<![^\W_])(?:or|either|oder|ou)\s", re.IGNORECASE)
# "**Sentiment:** negative"
_LABEL = re.compile(r"[\s#*_>-]{0,6}[^\W\d_][\w' -]{0,40}[*_]{0,3}:[*_]{0,3}\s+(?=\S)")
_SOLE_FIELD = re.compile(
    r'[`\w\s]{0,12}\{\s{0,9}"[^"\n]{1,60}"\s?:\s?"((?:[^"\\]|\\.){1,500}+)"\s{0,9}\}[`\s]{0,9}'
)
_OBJECT = re.compile(r"(?:```\w{0,10}\s{0,4})?\{\s{0,20}\"")
_FIELD = re.compile(r'"(?P<key>[^"\n]{1,60})"\s?:\s?"(?P<value>(?:[^"\\\n]|\\.){1,500}+)"')
# "**email**, because: an address is one": the rest explains, whatever it says.
_SET_OFF_FIRST = re.compile(
    r"""\W{0,3}?(?:\*\*([^*\n]{1,80})\*\*|"([^"\n]{1,80})"|`([^`\n]{1,80})`)
    [,.:;]?\s(?:because|since|weil|denn|car|parce\sque|porque|perché)(?![^\W_])""",
    re.IGNORECASE | re.VERBOSE,
)
_ANSWER_KEYS = ("answer", "final_answer", "result", "output", "response", "value", "name")
# "so we have ant < [bee < cat]"
_LINK = r"[\[\"(“]{0,3}[\w'-]{1,40}[\])\"”]{0,3}"
_CHAIN = re.compile(rf"{_LINK}(?:\s?(?:<|→|->|>|⇒)\s?{_LINK}){{1,200}}")
_PLAN = re.compile(
    r"\W{0,4}(?:sure|certainly|of\scourse|okay|ok|great|let['’]?s|let\sus|let\sme|here\sis|here\sare"
    r"|here['’]s|i\swill|i['’]ll|i\scan|i\swould\sneed"
    r"|to\s(?:find|solve|answer|sort|determine|close|complete|figure)"
    r"|we\s(?:need|should|must|have|can|will|first)|first|step|lass(?:en)?\s(?:uns|sie)|voyons)"
    r"(?![^\W_])",
    re.IGNORECASE,
)
_SET_OFF = re.compile(r"\*\*([^*\n]{1,80})(?<!:)\*\*(?!:)|`([^`\n]{1,80})`")
_LITTLE = """a an the is are was were be been it this that of in on to by and as which who whom his
    her its their there so therefore thus der die das ist war den dem le la les el los est était es
    fue il lo é foi o os"""
_LITTLE_WORDS = frozenset(_LITTLE.split())


_QUESTION_WORDS = frozenset(
    word.removesuffix("s")
    for word in f"{_LITTLE} which what who where when how does do did what's would".split()
)
MIN_RESTATED_WORDS = 2
"""Words with content of the shortest restatement: one may be the answer."""
TOLD_WORDS = 6
"""Words behind "is" that describe rather than answer."""
RESTATED_SHARE = 0.6
"""Of the words with content of a sentence of the question: fewer are a part, maybe the answer."""


def read_concluding_text(text: str, question: str) -> str | None:
    """Return the line or sentence with which a text without a marker answers, or None.

    In this order: a list at the end; a short first line or sentence before an explanation; a
    short last line; the last or first sentence if it says what something is or adds words to
    those of `question`. None if the text declines, announces, asks back or is cut off.
    """
    if field := _SOLE_FIELD.fullmatch(text):
        return field[1]
    # No key of an object says that it is the answer; see `read_named_value`.
    return None if _OBJECT.match(text) else _read_prose(text, question)


def _read_prose(text: str, question: str) -> str | None:
    """Return the line or sentence of a text without a marker, that is no object, or None."""
    body = prose.drop_denied(prose.drop_closing(text))
    lines = prose.split_lines(body)
    if not lines:
        return None
    listed = None if _lists_steps(lines) else join_last_list(lines)
    if answer := read_set_off_beginning(text) or listed or _read_beginning(lines, body):
        return answer
    last = prose.split_sentences(lines[-1])[-1]
    first = prose.split_sentences(lines[0])[0]
    if first != last and not prose.has_conclusion(last) and completes_question(first, question):
        return first
    declines = prose.is_refusal(first) or prose.is_refusal(last)
    if prose.is_cut_off(body) or declines or last.endswith("?") or _PLAN.match(last):
        return None
    short = len(WORD.findall(last)) <= SHORT or not _has_little_words(last)
    if last == lines[-1] and short and not _DENIED.search(last):
        return last
    for sentence in (last, first):
        if not _PLAN.match(sentence) and any(_iterate_tight_readings(sentence, question)):
            return sentence
    return None


def read_set_off_beginning(text: str) -> str | None:
    """Return the bold or quoted text that begins a reply and that the rest explains, or None."""
    found = _SET_OFF_FIRST.match(text)
    return next(filter(None, found.groups())).strip() if found else None


def read_named_value(text: str) -> str | None:
    """Return the value that a reply which is a JSON object, whole or cut, names as its answer.

    None where it is no object, or no key says "answer", "result", "name" or the like.
    """
    if not _OBJECT.match(text):
        return None
    fields: dict[str, str] = {}
    for field in _FIELD.finditer(text):
        fields.setdefault(field["key"].casefold(), field["value"])
    return next(filter(None, map(fields.get, _ANSWER_KEYS)), None)


def restates_question(text: str, question: str, share: float = RESTATED_SHARE) -> bool:
    """Return whether one sentence only says again what was asked: "The season after winter.".

    Args:
        text: An answer, or all that a reply says.
        question: That it may repeat.
        share: Of the question's words with content, those that a repetition has at least; 0 to 1.
    """
    sentences = set(prose.split_text(text))
    given = _find_content(text)
    if len(sentences) != 1 or len(given) < MIN_RESTATED_WORDS:
        return False
    asked = prose.split_text(question)
    if any(is_near_copy(text, each) for each in asked if prose.is_terminated(each)):
        return True
    contents = map(_find_content, asked)
    return any(given <= each and len(given) >= share * len(each) for each in contents)


def _find_content(text: str) -> frozenset[str]:
    words = (word[0].removesuffix("s") for word in WORD.finditer(normalize_text(text)))
    return frozenset(words) - _QUESTION_WORDS


def completes_question(sentence: str, question: str) -> bool:
    """Return whether a sentence is the question with its answer: "The season … is spring."."""
    asked = [_find_content(each) for each in prose.split_text(question) if each.endswith("?")]
    copula = list(_COPULA.finditer(sentence))
    if not asked or not copula or not asked[-1]:
        return False
    subject = _find_content(sentence[: copula[-1].start()])
    predicate = _find_content(sentence[copula[-1].end() :])
    return subject >= asked[-1] and not predicate <= asked[-1] and len(predicate) <= SHORT


def read_completed_subject(sentence: str, question: str) -> str | None:
    """Return what a sentence says the thing asked for is: "The heart is the organ that pumps …".

    Behind "is the" it has nothing but words of the question, before it none of them; None for
    other sentences. Its end may be missing.
    """
    asked = frozenset().union(*map(_find_content, prose.split_text(question)))
    copula = _COPULA.search(sentence)
    if copula is None or not _DEFINED.match(sentence, copula.end()):
        return None
    head = sentence[: copula.start()]
    subject, predicate = _find_content(head), _find_content(sentence[copula.end() :])
    repeated = len(predicate) >= MIN_RESTATED_WORDS and predicate <= asked
    return head if repeated and subject and subject.isdisjoint(asked) else None


def takes_up(text: str, asked: str, question: str) -> bool:
    """Return whether a text says something about what a prompt asks for: "The city is …".

    Args:
        text: Sentences.
        asked: The prompt beside the question; where it is empty, the question says what to do.
        question: No question: a statement, or an order.
    """
    stated = frozenset().union(*map(_find_content, prose.split_text(question)))
    wanted = frozenset().union(*map(_find_content, prose.split_text(asked))) - stated
    for sentence in prose.split_text(text):
        copula = _COPULA.search(sentence)
        subject = _find_content(sentence[: copula.start()]) if copula else frozenset()
        named = wanted & _find_content(sentence) if copula else frozenset()
        if named or (subject and not wanted and subject <= stated):
            return True
    return False


def describes_question(text: str, question: str) -> bool:
    """Return whether the last sentence tells at length about something that was asked about.

    "Argentina is the largest country of South America" for the capital of Argentina.
    """
    sentences = prose.split_text(text)
    copula = _COPULA.search(sentences[-1]) if sentences else None
    if copula is None:
        return False
    subject = _find_content(sentences[-1][: copula.start()])
    asked = frozenset().union(*map(_find_content, prose.split_text(question)))
    behind = len(WORD.findall(sentences[-1][copula.end() :]))
    return bool(subject) and subject <= asked and behind >= TOLD_WORDS


def is_announcement(sentence: str) -> bool:
    """Return whether `sentence` only announces a solution: "Let's think step by step."."""
    return bool(_PLAN.match(sentence))


def is_choice(answer: str) -> bool:
    """Return whether `answer` offers several: "Rome or Oslo"."""
    return bool(_CHOICE.search(answer))


_COUNTED = re.compile(r"(\d[\d.,]{0,20})[ -]([^\W\d_]{2,30})[.!]?")


def iterate_readings(line: str, question: str) -> Iterator[str]:
    """Yield possible forms of the one answer in `line`, the line itself first."""
    yield line
    if label := _LABEL.match(line):
        line = line[label.end() :]
        yield line
    sentence = take_first_sentence(line)
    yield sentence
    if chain := list(_CHAIN.finditer(line)):
        yield chain[-1][0]
    if explained := _EXPLAINED.search(sentence):
        yield sentence[: explained.start()]
    placed = _PLACED.fullmatch(sentence)
    if placed and _is_taken_alone(placed["head"], placed["beside"], question):
        yield placed["head"]
    for reading in _iterate_tight_readings(sentence, question):
        yield reading
        if added := _find_added_words(reading, question):
            yield added


def _is_taken_alone(head: str, beside: str | None, question: str) -> bool:
    """Return whether a text was taken from `question`, and the one beside it was not."""
    if beside is None:
        return True
    asked = normalize_text(question)
    taken = set(WORD.findall(asked))
    words = map(normalize_text, WORD.findall(beside))
    return has_occurrence(normalize_text(head), asked) and taken.isdisjoint(words)


def shorten(line: str, question: str) -> str:
    """Return the answer in `line` without the sentence around it."""
    if label := _LABEL.match(line):
        return line[label.end() :]
    if not _has_little_words(line):
        return line
    return next(_iterate_tight_readings(take_first_sentence(line), question), line)


def _iterate_tight_readings(sentence: str, question: str) -> Iterator[str]:
    """Yield the words new to the question, the complements of "is", and the set-off text."""
    if _DENIED.search(sentence):
        return
    if added := _find_added_words(sentence, question):
        yield added
    if number := _find_counted(sentence, question):
        yield number
    copulas = list(_COPULA.finditer(sentence))
    head = sentence[: copulas[0].start()] if copulas else ""
    if head and not _ABOUT.fullmatch(head) and _DEFINED.match(sentence, copulas[0].end()):
        yield head
    for copula in copulas[:1]:
        if quoted := _QUOTED.match(sentence, copula.end()):
            yield quoted[1]
    for copula in (copulas[0], copulas[-1]) if copulas else ():
        complement = _EXPLAINED.split(sentence[copula.end() :])[0].strip()
        if complement and (len(complement.split()) <= SHORT or "," in complement):
            yield complement
            if where := _LED_TO.match(complement):
                yield complement[where.end() :]
    set_off = _SET_OFF.findall(sentence)
    if len(set_off) == 1:
        yield "".join(set_off[0])


def _find_counted(sentence: str, question: str) -> str | None:
    """Return the number in "44 yards" where the question names the unit."""
    counted = _COUNTED.fullmatch(sentence.strip())
    if counted is None or normalize_text(counted[2]) not in WORD.findall(normalize_text(question)):
        return None
    return counted[1]


def _find_added_words(sentence: str, question: str) -> str | None:
    """Return the one part of `sentence` that is not in `question`: "The [Danube] flows there."."""
    asked = set(WORD.findall(normalize_text(question)))
    words = [(match, normalize_text(match[0])) for match in WORD.finditer(sentence)]
    new = [index for index, (_, key) in enumerate(words) if key not in asked | _LITTLE_WORDS]
    repeated = [i for i, (_, key) in enumerate(words) if key in asked and key not in _LITTLE_WORDS]
    if not new or not repeated or new[-1] - new[0] >= SHORT:
        return None
    if any(new[0] < index < new[-1] for index in repeated):
        return None
    return sentence[words[new[0]][0].start() : words[new[-1]][0].end()]


def _read_beginning(lines: list[str], body: str) -> str | None:
    """Return the short first sentence of a text with a longer explanation, or None."""
    first = prose.split_sentences(lines[0])[0]
    rest = body[len(first) :]
    longer = len(rest.split()) > len(first.split())
    few = len(first.split()) <= (4 if first != lines[0] else SHORT // 2)
    numbered = first != lines[0] and _ITEM_NUMBER.fullmatch(first)
    if (
        numbered
        or not (few and longer)
        or first.rstrip("*_` ").endswith((":", "?"))
        or _PLAN.match(first)
    ):
        return None
    declines = prose.is_refusal(first) or prose.is_refusal(lines[-1])
    return None if declines or prose.has_conclusion(rest) or prose.has_retraction(rest) else first


def _lists_steps(lines: list[str]) -> bool:
    """Return whether the last line is an item that is a sentence: a step, and no answer of many."""
    last = prose.split_sentences(lines[-1])
    return prose.is_terminated(lines[-1]) and _has_little_words(last[-1]) and len(lines) > 1


def _has_little_words(line: str) -> bool:
    return not _LITTLE_WORDS.isdisjoint(word.lower() for word in WORD.findall(line))
