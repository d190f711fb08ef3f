"""Sentences of a reply, and those after its conclusion: checks, explanations, courtesies."""

from __future__ import annotations

import functools
import re

# One class first: that lets the search skip to the next stop.
_END = re.compile(
    r"[.!?…。！？।؟](?:[\"'”’)\]*_`]{0,4}\s+(?=\S)|(?<=[。！？।؟])[”’」』)*_`]{0,4}\s*(?=\S))"
)
# Full stops inside a sentence; "U.S. troops".
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


def lines(text: str) -> list[str]:
    """The lines of `text` that say something, stripped; code fences and rules do not."""
    found = (line.strip() for line in text.split("\n"))
    return [line for line in found if line and not is_fence(line)]


def is_fence(line: str) -> bool:
    """Whether `line` only sets off others: "```python", "$$", "---", "</answer>"."""
    return bool(_FENCE.fullmatch(line))


@functools.lru_cache(maxsize=64)
def sentences(line: str) -> tuple[str, ...]:
    """The sentences of one line, each with its stop; abbreviations do not end one."""
    starts = _starts(line)
    ends = (*starts[1:], len(line))
    return tuple(line[start:end].strip() for start, end in zip(starts, ends, strict=True))


def is_closing(sentence: str) -> bool:
    """Whether `sentence` checks, explains or takes leave, rather than answers."""
    return bool(
        _PICTURES.fullmatch(sentence)
        or _CLOSING.match(sentence)
        or _IN_PASSING.search(sentence)
        or _BRACKETED.fullmatch(sentence)
    )


def concludes(text: str) -> bool:
    """Whether a sentence of `text` begins as a conclusion does: "So", "Therefore", "In total"."""
    return bool(_CONCLUDING.search(text))


def without_closing(text: str) -> str:
    """`text` without what only checks, explains or takes leave at its end.

    That is everything from the first such paragraph on, unless it comes to a conclusion again,
    and then sentence by sentence. The first sentence always stays.
    """
    for gap in _GAP.finditer(text):
        if _begins_closing(text, gap.end()) and not concludes(text[gap.end() :]):
            text = text[: gap.start()]
            break
    while True:
        line_start = text.rfind("\n") + 1
        starts = _starts(text[line_start:])
        said = sentences(text[line_start:])
        kept = len(said)
        while kept and is_closing(said[kept - 1]):
            kept -= 1
        if kept == len(said) or not (kept or text[:line_start].strip()):
            return text if kept else text[: line_start + (starts[1:] or [len(text)])[0]].rstrip()
        text = text[: line_start + starts[kept]].rstrip()


def _begins_closing(text: str, start: int) -> bool:
    """Whether the paragraph of `text` at `start` begins with a closing sentence."""
    first = next((line for line in text[start : start + 500].split("\n") if not is_fence(line)), "")
    return is_closing(sentences(first)[0])


def _starts(line: str) -> list[int]:
    """Where the sentences of `line` begin."""
    starts = [0]
    for end in _END.finditer(line):
        before = line[max(starts[-1], end.start() - 9) : end.start() + 1]
        if not (before.endswith(".") and _ABBREVIATED.search(before)):
            starts.append(end.end())
    return starts
