"""Split replies into sentences, and recognise those without an answer."""

from __future__ import annotations

import functools
import re

# A character class first lets the search skip to the next stop.
_END = re.compile(
    r"[.!?…。！？।؟](?:[\"'”’)\]*_`]{0,4}\s+(?=\S)|(?<=[。！？।؟])[”’」』)*_`]{0,4}\s*(?=\S))"
)
# Full stops inside a sentence: "U.S. troops".
_ABBREVIATED = re.compile(
    r"(?:(?<![^\W_])(?:approx|e\.g|i\.e|vs|mrs?|ms|dr|st|nos?|ca|cf|prof|eq|rs|z\.b|d\.h|p\.ex|bzw)"
    r"|\.[a-z])\.\Z",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"""[\s\#*_>(-]{0,8}
    (?:
        (?:i\s|we\s)?(?:really\s)?hope\s|let\sme\sknow|feel\sfree|good\sluck|have\sa\s(?:nice|great)
      | (?:please\s)?(?:note|remember)(?![^\W_])|n\.?b\.?:
      | if\syou\s(?:(?:have|need)\s(?:any|more|other|further|questions)|want|would\slike)
      | would\syou\slike|do\syou\s(?:have|want|need)\s(?:any|more|me)
      | is\sthere\sanything|thanks?(?![^\W_])|you['’]re\swelcome|happy\sto
      | as\sa\s(?:quick\s)?(?:sanity\s)?check|(?:quick\s|sanity\s)?check(?:ing)?\s?
        (?::|this|that|it)
      | (?:to\s|let['’]?s\s|let\sus\s|(?:we|you)\scan\s)(?:also\s)?(?:double[-\s])?
        (?:check|verify|confirm)
      | here(?:['’]?s|\sis|\sare)\s(?:how|why|(?:the|my)\s(?:work|reason|calc|break|explan|step))
      | verification|double[-\s]check|breakdown|calculations?:|explanation|reasoning|justification
      | proof:|why:
      | (?:this|that|it)(?:\sis|['’]s)\s(?:because|since|due)|because\s[^,\n]{1,200}\Z
      | (?:that|this|it)(?:\sis|['’]s)\s[^.\n]{1,20}\s(?:more|less|fewer|[^\W\d_]{2,8}er)\sthan\s
      | why\s(?:not|it|the\sother)|\[\d{1,2}\]\s|great\sjob|well\sdone
      | hoffe|ich\shoffe|lass\smich|erklärung|begründung|probe:
      | j['’]espère|n['’]hésite|explication|vérification|espero|explicación|explicação
      | comprobación|spero|spiegazione|надеюсь|объяснение|пояснение|проверка
      | 解释|解析|说明|説明|解説|希望|설명|व्याख्या|شرح|التفسير
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_PASSING = re.compile(
    r"(?<![^\W_])(?:by\sthe\sway|incidentally|übrigens|au\sfait|por\scierto|aliás|кстати)(?![^\W_])",
    re.IGNORECASE,
)
_PICTURES = re.compile(r"[\s\u2600-\u27bf\U0001f000-\U0001faff\ufe0f\u200d]+")
# A sentence in brackets, not "(B)" or "(18 pens)".
_BRACKETED = re.compile(r"[\s*_>-]{0,6}\((?:[^\s()]{1,30}\s){2,60}[^()]{0,60}\)[.!\s*_]{0,4}")
_CONCLUDING = re.compile(
    r"""(?:^|(?<=[.!?:…]\s)|(?<=[。！？।؟،，]))[\s\#*_>-]{0,6}
    (?:
      (?:so|therefore|thus|hence|consequently|accordingly|altogether|overall|finally
        |in\s(?:total|all|conclusion|summary|the\send)|(?:this|that)\s(?:means|gives|makes|leaves)
        |as\sa\sresult|the\s(?:final|total)|adding|summing|somit|daher|folglich|insgesamt|donc|ainsi
        |au\stotal|por\slo\stanto|por\stanto|así|entonces|en\stotal|portanto|assim|logo|quindi|dunque
        |pertanto|in\stotale|итак|значит|следовательно|таким\sобразом|всего|इसलिए|अतः|لذلك|إذن)
      (?![^\W_]|\sfar|\smany|\smuch|\slong)
      | 所以|因此|故|よって|したがって|따라서|그러므로
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_GAP = re.compile(r"\n[ \t]*+\n\s*+")
_FENCE = re.compile(r"\$\$|\\[\[(\])]|`{3}\w{0,20}|[-*_]{3,9}|</?\w{1,20}>")


def split_lines(text: str) -> list[str]:
    """Return the lines of `text`, stripped, without empty ones, code fences and rules."""
    stripped = (line.strip() for line in text.split("\n"))
    return [line for line in stripped if line and not is_fence(line)]


def is_fence(line: str) -> bool:
    """Return whether `line` only delimits others: "```python", "$$", "---", "</answer>"."""
    return bool(_FENCE.fullmatch(line))


@functools.lru_cache(maxsize=64)
def split_sentences(line: str) -> tuple[str, ...]:
    """Return the sentences of one line, each with its stop; abbreviations do not end one."""
    starts = _find_starts(line)
    ends = (*starts[1:], len(line))
    return tuple(line[start:end].strip() for start, end in zip(starts, ends, strict=True))


def split_text(text: str) -> list[str]:
    """Return the sentences of `text`, line by line; see `split_lines`, `split_sentences`."""
    return [sentence for line in split_lines(text) for sentence in split_sentences(line)]


def is_closing(sentence: str) -> bool:
    """Return whether `sentence` checks, explains or says goodbye rather than answers."""
    return bool(
        _PICTURES.fullmatch(sentence)
        or _CLOSING.match(sentence)
        or _IN_PASSING.search(sentence)
        or _BRACKETED.fullmatch(sentence)
    )


def has_conclusion(text: str) -> bool:
    """Return whether a sentence of `text` begins with "So", "Therefore", "In total" or the like."""
    return bool(_CONCLUDING.search(text))


def drop_closing(text: str) -> str:
    """Return `text` without the checks, explanations and goodbyes at its end.

    That is everything from the first such paragraph, unless a conclusion follows, and then
    sentence by sentence. The first sentence always stays.
    """
    for gap in _GAP.finditer(text):
        if _is_closing_paragraph(text, gap.end()) and not has_conclusion(text[gap.end() :]):
            text = text[: gap.start()]
            break
    while True:
        line_start = text.rfind("\n") + 1
        starts = _find_starts(text[line_start:])
        sentences = split_sentences(text[line_start:])
        kept = len(sentences)
        while kept and is_closing(sentences[kept - 1]):
            kept -= 1
        if kept == len(sentences) or not (kept or text[:line_start].strip()):
            return text if kept else text[: line_start + (starts[1:] or [len(text)])[0]].rstrip()
        text = text[: line_start + starts[kept]].rstrip()


def _is_closing_paragraph(text: str, start: int) -> bool:
    """Return whether the paragraph of `text` at `start` begins with a closing sentence."""
    first = next((line for line in text[start : start + 500].split("\n") if not is_fence(line)), "")
    return is_closing(split_sentences(first)[0])


def _find_starts(line: str) -> list[int]:
    """Return the offsets where the sentences of `line` begin."""
    starts = [0]
    for end in _END.finditer(line):
        before = line[max(starts[-1], end.start() - 9) : end.start() + 1]
        if not (before.endswith(".") and _ABBREVIATED.search(before)):
            starts.append(end.end())
    return starts


_APART = r"\s(?:[^\W\d_]{1,12}\s){0,2}?"
# "I don't know", "cannot be determined", "it depends".
_DECLINING = re.compile(
    rf"""
      (?<![^\W_])(?:do(?:es)?\snot|don['’]?t|doesn['’]?t|can\s?not|can['’]?t|could\snot|couldn['’]?t
        |unable\sto|not\sable\sto|(?:im|not\s)possible\sto|hard\sto|difficult\sto|no\sway\sto)
      {_APART}
      (?:know|say|tell|help|answer|assist|determined?|provide|understand|decided?|solve[dn]?|sure
        |give|comply|certain|find\sout|figure|judged?|choose|agree)(?![^\W_])
    | (?<![^\W_])(?:is|are|was|remains?)\s(?:still\s)?(?:unknown|unclear|undetermined|indeterminate)
    | \A\W{{0,8}}(?:unknown|unclear|undetermined|indeterminate)(?![^\W_])
    | (?<![^\W_])(?:
        not\s(?:quite\s|entirely\s|completely\s|at\sall\s)?(?:sure|certain|known|specified)
        |not\s(?:enough|sufficient)|insufficient|unanswerable|no\sidea|it\s(?:all\s)?depends
        |depend(?:s|ing)\son|as\san\sai|n/a|(?:need|require|without)\s(?:more|additional|further)
        |i(?:['’]?m|\sam)\s(?:so\s|very\s|really\s)?(?:sorry|afraid),?\s(?:but|i|that)|i\sapologi[sz]e
        |both\s(?:readings|answers|results|options|interpretations)
        |both\s(?:are|seem|could\sbe|may\sbe|might\sbe)\s(?:correct|possible|right|true|valid)
      )(?![^\W_])
    | (?<![^\W_])(?:weiß\s(?:es\s|ich\s|das\s)?(?:leider\s)?nicht|keine\sahnung|tut\smir\sleid
        |kann\sich\s(?:leider\s)?nicht|nicht\s(?:beantworten|genug|sagen|bestimmen)|je\sne\s(?:sais|peux|connais|suis)|désolée?
        |no\s(?:lo\s)?sé|no\spuedo|lo\ssiento|não\s(?:sei|posso|consigo)|desculpe|sinto\smuito|lamento
        |non\s(?:lo\s)?so(?:no\ssicuro)?|non\sposso|mi\sdispiace|не\s(?:знаю|могу|уверен)|извините
        |к\sсожалению|لا\s(?:أعرف|أعلم|أستطيع|يمكنني)|عذرا|آسف|नहीं\s(?:पता|जानता|बता)|क्षमा|माफ़
      )(?![^\W_])
    | 不知道|无法|無法|不能确定|抱歉|对不起|不清楚|わかりません|分かりません|できません|申し訳
    | 모르|할\s수\s없|죄송
    """,
    re.IGNORECASE | re.VERBOSE,
)
# _DECLINING needs one of these in ASCII text; searching for them is much faster.
_DECLINING_WORDS = (
    "not", "n't", "cant ", "dont ", "unable", "possible", "hard to", "difficult", "no way",
    "unknown", "unclear", "determin", "insufficient", "unanswerable", "no idea", "depend",
    "as an ai", "n/a", " more ", "additional", "further", "sorry", "afraid", "apolog", "both ",
    "keine ahnung", "leid", "nicht", "je ne", "siento", "puedo", "desculpe", "sinto", "lamento",
    "non ", "dispiace",
)  # fmt: skip
# "not 12 but 14", "is not (C), it is (A)": the text after "not" is not the answer.
_INSTEAD = re.compile(
    r"""(?<![^\W_])(?:not|nicht|non|pas|no|não|не)\s(?P<denied>[^\n;.!?]{1,40}?)
    (?:\s?[,;—–-]{1,2}\s?(?:but|rather|instead|it\sis|it['’]?s|sondern|mais|sino|ma|mas|а)
      |\s(?:but|sondern|mais|sino|ma|mas))
    (?:\srather|\sinstead)?(?:\sthe)?\s
    """,
    re.IGNORECASE | re.VERBOSE,
)
_DENYING_WORDS = ("not ", "nicht ", "non ", "pas ", "no ")
_NOT_THAT = re.compile(r",\s(?:and\s)?(?:not|nicht)\s[^,.;\n]{1,60}(?=[.,;\n]|\Z)", re.IGNORECASE)
_NOT_IN_BRACKETS = re.compile(r"\s?\((?:and\s)?not\s[^()\n]{1,120}\)", re.IGNORECASE)
_TERMINATED = re.compile(r"[.!?。！？।؟…][\"'”’)\]}*_`$]{0,6}\Z")
_STOP = re.compile(r"[.!?。！？।؟](?:\s|\Z)")
_OPEN_END = re.compile(
    r"""(?:
        [-+/×÷=<(\[{,:;&·^\\]|(?<=\s)\*|[=-]>|\\(?:cdot|times|div|frac|approx|leq?|geq?)\{?
      | (?<![^\W_])(?:the|a|an|and|or|but|so|of|to|in|on|at|by|for|from|with|as|that|which|who|whose
        |is|are|was|were|be|been|will|would|should|can|could|if|when|because|since|than|then|into
        |onto|about|its|their|his|my|our|your|these|those|she|he|they|we|i|while|where|how|per|every
        |der|die|das|den|dem|des|ein|eine|einen|einem|und|oder|von|zu|mit|für|auf|ist|sind|hat|haben
        |wir|er|sie|es|dass|wenn|weil|le|la|les|un|une|des|et|ou|de|du|à|est|sont|que|qui|il|elle|nous
        |el|los|las|una|y|o|con|para|por|es|son|se|su|os|um|uma|e|são|em|do|da|lo|gli|di|che|per|sono
        |и|или|в|на|с|что|это|а|но|для|по)
    )[\s*_]{0,6}\Z""",
    re.IGNORECASE | re.VERBOSE,
)
# "I'm not sure, but it is 18" has an answer, "I'm sorry, but I can't help" has none.
_BUT = re.compile(
    r"\s(?:but|so)\s(?!i\s(?:can|do|could|am|have|need|would\sneed)|i['’]m)", re.IGNORECASE
)
_TAKEN_BACK = re.compile(
    r"(?<![^\W_])(?:wait|sorry|actually|correction|hmm+|oops|mistake|scratch\sthat|reconsider"
    r"|let\sme\scorrect|i\smean)(?![^\W_])|[.…]\sno,\s(?=\d)",
    re.IGNORECASE,
)

# Phrases that leave the answer open in the first or last sentence.
_OPEN = re.compile(
    r"""(?<![^\W_])(?:
      (?:it|that|this|the\sanswer)\s(?:all\s|really\s)?depends
    | (?:can\s?not|can['’]?t|unable\sto|impossible\sto|not\s(?:able|possible)\sto|not\ssure
        |don['’]?t\sknow)\s
      (?:tell|say|determine|decide|know|be\ssure\s)?\s?(?:for\ssure\s)?which
    | no\s(?:single|unique|definite|one|clear)\s(?:correct\s)?answer
    | both\s(?:readings|answers|results|options|interpretations)\sare
    )(?![^\W_])""",
    re.IGNORECASE | re.VERBOSE,
)
_OPEN_WORDS = ("depend", "which", "single", "unique", "definite", "clear", "one", "both", "Both")

MIN_PROSE = 5
"""Words of the shortest prose: "it is on" is not cut off."""


def is_refusal(sentence: str) -> bool:
    """Return whether `sentence` says that there is no answer, or no single one."""
    lower = sentence.lower()
    if lower.isascii() and not any(map(lower.__contains__, _DECLINING_WORDS)):
        return False
    refusal = _DECLINING.search(sentence)
    return bool(refusal and not _BUT.search(sentence, refusal.end() - 1))


def is_void(answer: str) -> bool:
    """Return whether the text after a marker is no answer: "____", "unknown"."""
    return not any(map(str.isalnum, answer)) or is_refusal(answer)


def is_left_open(text: str) -> bool:
    """Return whether the first or last sentence of `text` says that there are several answers."""
    if not any(map(text.__contains__, _OPEN_WORDS)):
        return False
    lines = split_lines(text)
    ends = (split_sentences(lines[0])[0], split_sentences(lines[-1])[-1]) if lines else ()
    return any(_OPEN.search(sentence) for sentence in ends)


def has_retraction(text: str) -> bool:
    """Return whether `text` corrects an earlier statement."""
    return bool(_TAKEN_BACK.search(text))


def drop_denied(text: str) -> str:
    """Return `text` without denied parts: "14" for "not 12 but 14" and for "14, not 12"."""
    lower = text.lower()
    if lower.isascii() and not any(map(lower.__contains__, _DENYING_WORDS)):
        return text
    return _NOT_THAT.sub("", _NOT_IN_BRACKETS.sub("", _INSTEAD.sub(" ", text)))


def is_cut_off(text: str) -> bool:
    """Return whether `text` is prose that ends at an operator, a comma or a word like "the"."""
    end = text[-60:]
    return _is_prose(text) and not _TERMINATED.search(end) and bool(_OPEN_END.search(end))


def is_unfinished(sentence: str, text: str) -> bool:
    """Return whether `sentence`, the last of `text`, lacks a stop that others have."""
    if is_terminated(sentence) or not _is_prose(sentence):
        return False
    return sentence[-1].isalpha() and bool(_STOP.search(text[: -len(sentence)]))


def _is_prose(text: str) -> bool:
    return len(text.split(None, MIN_PROSE)) >= MIN_PROSE


TAIL = 200
"""Characters at the end of a text in which a half word or a calculation is sought."""
_LAST_WORD = re.compile(r"[^\s+*/×÷=<>^]+\Z")
_STOPPED_WORD = re.compile(r"[^\W\d_]{4,}[.!?。！？।][\"'”’)*_`]{0,4}\Z")
# "3 * 2 = 6." has ended; "$12." may go on with cents, "7 / 2 = 3." with decimals.
_STOPPED_RESULT = re.compile(
    r"(?<![\d.,/÷])(?<![/÷]\s)\d{1,12}(?:\s?[-+*x×]\s?\d{1,12}){1,5}\s?=\s?\d{1,12}\.\Z"
)
_DANGLING = re.compile(r"(?:[^\s+*/×÷=^]+\s*)?(?:[+/×÷=^]|(?<=\s)\*)\s*\Z")
# "…\n3." begins an item that says nothing yet.
_BEGUN_ITEM = re.compile(r"(?:\A|\n)[ \t]*\d{1,2}[.)]\s*\Z")
_SENTENCE_OR_LINE_END = re.compile(r"[.!?…。！？।؟][\"'”’)*_`]{0,4}(?=\s|\Z)|\n")
_CLAUSE_END = re.compile(
    r"[.!?…。！？।؟,;:][\"'”’)*_`]{0,4}(?=\s)|\n|\s(?=(?:because|since|which|who)\s)"
)


def is_terminated(sentence: str) -> bool:
    """Return whether `sentence` ends with a stop."""
    return bool(_TERMINATED.search(sentence[-20:]))


def drop_half_word(text: str, question: str = "") -> str:
    """Return a text that was cut without its last word, unless that word is whole.

    It is whole behind a line's end, before a stop, and where it stands in the text before or,
    with a letter, in `question`. A calculation without a result is dropped: "The answer is 60 /"
    gives no answer.
    """
    operated = text
    while dangling := _DANGLING.search(operated, max(0, len(operated) - TAIL)):
        operated = operated[: dangling.start()].rstrip()
    last = _LAST_WORD.search(text, max(0, len(text) - TAIL))
    if last is None or operated != text:
        return operated
    word = last[0].strip(".,;:!?\"'()[]*_$€£")
    known = text[: last.start()] + (question if any(map(str.isalpha, word)) else "")
    if _STOPPED_WORD.search(last[0]) or _STOPPED_RESULT.search(text, max(0, len(text) - TAIL)):
        return text
    whole = word and re.search(rf"(?<![\w.,]){re.escape(word)}(?!\w)", known)
    return text if whole else text[: last.start()].rstrip(" \t")  # the line before has ended


def drop_unfinished_sentence(text: str) -> str:
    """Return a text that was cut, up to its last stop or line end; "" without one."""
    ends = list(_SENTENCE_OR_LINE_END.finditer(text))
    return text[: ends[-1].end()] if ends else ""


def drop_unfinished(text: str) -> str:
    """Return a text that was cut, up to its last finished sentence, clause or line.

    "It is Rome, the capit" -> "It is Rome,"; "" for a text that finishes nothing.
    """
    text = _BEGUN_ITEM.sub("", text)
    if is_terminated(text):
        return text
    ends = list(_CLAUSE_END.finditer(text))
    return text[: ends[-1].end()].strip() if ends else ""
