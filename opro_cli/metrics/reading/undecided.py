"""Replies and sentences that give no answer: refusals, alternatives, texts that were cut off."""

from __future__ import annotations

import re

from opro_cli.metrics.reading.sentences import lines, sentences

_APART = r"\s(?:[^\W\d_]{1,12}\s){0,2}?"
# A sentence that says it has no answer; "I don't know", "cannot be determined", "it depends".
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
# Without one of them _DECLINING finds nothing in ASCII; looking for them is much faster.
_DECLINING_WORDS = (
    "not", "n't", "cant ", "dont ", "unable", "possible", "hard to", "difficult", "no way",
    "unknown", "unclear", "determin", "insufficient", "unanswerable", "no idea", "depend",
    "as an ai", "n/a", " more ", "additional", "further", "sorry", "afraid", "apolog", "both ",
    "keine ahnung", "leid", "nicht", "je ne", "siento", "puedo", "desculpe", "sinto", "lamento",
    "non ", "dispiace",
)  # fmt: skip
# "not 12 but 14", "is not (C), it is (A)": what stands after "not" is not the answer.
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

# Said first or last, it leaves every answer in between open.
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
"""Words from which on a text is taken for prose: "it is on" is not cut off."""


def declines(sentence: str) -> bool:
    """Whether `sentence` says that it has no answer, or no single one."""
    lower = sentence.lower()
    if lower.isascii() and not any(map(lower.__contains__, _DECLINING_WORDS)):
        return False
    found = _DECLINING.search(sentence)
    return bool(found and not _BUT.search(sentence, found.end() - 1))


def is_void(answer: str) -> bool:
    """Whether what stands after a marker says nothing: "____", "unknown"."""
    return not any(map(str.isalnum, answer)) or declines(answer)


def leaves_open(text: str) -> bool:
    """Whether the first or last sentence of `text` says that there are several answers."""
    if not any(map(text.__contains__, _OPEN_WORDS)):
        return False
    said = lines(text)
    ends = (sentences(said[0])[0], sentences(said[-1])[-1]) if said else ()
    return any(_OPEN.search(sentence) for sentence in ends)


def takes_back(text: str) -> bool:
    """Whether `text` corrects what was said before it."""
    return bool(_TAKEN_BACK.search(text))


def without_denied(text: str) -> str:
    """`text` without what it names only to deny it: "not 12 but 14" and "14, not 12" -> "14"."""
    lower = text.lower()
    if lower.isascii() and not any(map(lower.__contains__, _DENYING_WORDS)):
        return text
    return _NOT_THAT.sub("", _NOT_IN_BRACKETS.sub("", _INSTEAD.sub(" ", text)))


def cut_off(text: str) -> bool:
    """Whether `text` is prose or working that ends in mid-sentence.

    That is: at an operator, a comma or a word that needs another one after it.
    """
    end = text[-60:]
    if _TERMINATED.search(end) or not _is_prose(text):
        return False
    return bool(_OPEN_END.search(end))


def trails_off(sentence: str, text: str) -> bool:
    """Whether `sentence`, the last one of `text`, has no stop where the others have one."""
    if _TERMINATED.search(sentence[-20:]) or not _is_prose(sentence):
        return False
    return sentence[-1].isalpha() and bool(_STOP.search(text[: -len(sentence)]))


def _is_prose(text: str) -> bool:
    return len(text.split(None, MIN_PROSE)) >= MIN_PROSE
