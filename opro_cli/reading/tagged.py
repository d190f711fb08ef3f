"""Read the text that a reply puts between tags, as models write them: "<INS>Think first.</INS>".

Thoughts are dropped up to their last closing mark; of the pairs behind them the last one counts.
What only talks about the tags ("it begins with <INS> and ends with </INS>") is no text between
them, and neither is an echo of the request.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opro_cli.reading.thoughts import TAGS

_MOST_WORDS, _MOST_CHARACTERS = 8, 60
"""Of a text that only talks about the tags."""
_READ = 4_000_000
"""Characters read from the end of a reply: all that an answer of an endpoint may hold."""
_LINE = 200
"""Characters before a tag that are looked at."""

_NAMES = f"{TAGS}|analysis"
_OPENS = (  # at the beginning of a line: elsewhere a sentence may speak of the tag
    rf"(?:(?<=\n)|\A)[ \t]{{0,3}}(?:<(?:[a-z]{{1,8}}:)?(?:{_NAMES})>|\[think\]|◁think▷"
    r"|<\|(?:begin_of_thoughts?|(?:start_)?thinking|think)\|>)"
    r"|<\|channel\|?>(?:analysis|commentary|thought)"
    r"|\A(?-i:analysis)(?=(?-i:[A-Z]))"  # the same where a server has dropped the marks
)
_CLOSES = (
    rf"</(?:[a-z]{{1,8}}:)?(?:{_NAMES})>|\[/think\]|◁/think▷"
    r"|<\|(?:end_of_thoughts?|end_thinking|/think)\|>|<unused95>"
    r"|<\|channel\|>final(?:<\|message\|>)?|<channel\|>|assistantfinal"
)
_LEFT = r"\\?[<＜〈]|&lt;|&#60;|&#x3c;|\\u003c"
_ESCAPED_LEFT = (r"\<", r"\＜", r"\〈")
_RIGHT = r"\\?[>＞〉]|&gt;|&#62;|&#x3e;|\\u003e"
_SLASH = r"\\?[/／]|\\"
_TOKEN = re.compile(
    rf"(?P<opens>{_OPENS})|(?P<closes>{_CLOSES})"
    rf"|(?P<left>{_LEFT})\s{{0,3}}(?P<end>{_SLASH})?\s{{0,3}}(?P<name>instructions?|inst|ins|start)"
    rf"(?:\s[^<>&\[\]\n]{{0,80}}?)?(?P<empty>/)?\s{{0,3}}(?:{_RIGHT})"
    rf"|[\[【]\s?(?P<square_end>{_SLASH})?\s?(?P<square>ins|start)\s?[\]】]",
    re.IGNORECASE | re.ASCII,  # or "ı" would be an "i"
)
_CUT_CLOSE = re.compile(
    rf"(?:(?:(?:{_LEFT})|[\[【])\s?(?:{_SLASH})\s?"
    rf"(?:[a-z]{{0,12}}|(?:ins[a-z]{{0,9}}|start|end|stop|text|prompt|output)\s?(?:{_RIGHT}|[\]】]))"
    r"|<\|[a-z_]{1,20}\|>|</s>)\s*\Z",
    re.IGNORECASE | re.ASCII,
)
"""A closing tag that lacks its end or has another name, or a mark of the model's own, at the end
of a reply."""
_STRAY = re.compile(
    rf"(?:(?:{_LEFT})\s?(?:{_SLASH})?\s?(?:ins|start)\s?(?:{_RIGHT})|\[(?:{_SLASH})?(?:ins|start)\])",
    re.IGNORECASE | re.ASCII,
)
"""A tag of the request that is left at an end of a text: "<INS><Start>Think.</Start></INS>"."""

_WORDS = """and or to with by in between the a an it tag tags und oder mit et ou avec par y e o con
    i z och og en met и или с і та з ve ile dan dengan va at και و به और से এবং และ ด้วย
    和 与 與 及 并 並 并以 並以 と 및 와 과 로 으로"""
_CONNECTIVES = frozenset(_WORDS.split())
_ENDS_OF_TAGS = re.compile(
    r"""(?<![^\W_])(?:begin|start|end|clos|finish|wrap|enclos|surround|beginn|anfang|endet|schließ
    |commenc|débute|termin|finit|empie|comien|inici|começ|finaliz|inizi|conclu|finisc|начин|конч
    |заканч|заверш|почин|zaczyn|kończ|başla|bitir|mulai|diakhiri|berakhir|başlayıp)
    |开头|开始|结尾|结束|開頭|開始|結尾|結束|始ま|終わ|시작|끝|शुरू|समाप्त|تبدأ|يبدأ|تنتهي|ينتهي""",
    re.IGNORECASE | re.VERBOSE,
)
_PLACEHOLDER = re.compile(
    r"""\W{0,3}(?:(?:insert|write|put|your|the|my|a|new|generated|actual|improved|own)\s){0,4}
    (?:instructions?|texts?|prompts?|(?:answer\s)?starting\ssentences?|sentences?|ins)
    (?:\s(?:goes|comes|text|here)){0,3}\W{0,3}""",
    re.IGNORECASE | re.VERBOSE,
)
_FRAME_LINE = re.compile(
    r"^(?:problem|input|output|text|score|ground truth answer|q|a):", re.IGNORECASE | re.MULTILINE
)
"""A line of the request's problems and past prompts, which small models continue."""
_LABEL = re.compile(
    r"[*_]{0,2}(?:(?:new|my|the)\s)?(?:instruction|prompt|text|anweisung|instrucción|instrução"
    r"|istruzione|инструкция|指令|指示|지시)[*_]{0,2}\s?[:：][*_]{0,2}(?=\s)",
    re.IGNORECASE,
)
_COLON = re.compile(r"\A[:：](?![:()-]|[a-z0-9_+-]{1,40}:)")
"""A colon behind the tag, but not that of a face or of an emoji's name, :skull:."""
_FRAMES = (
    re.compile(r"```[\w-]{0,20}\n(?P<inner>[^`]+)```"),
    re.compile(r"text:[ \t]{0,3}\n(?P<inner>.+?)\nscore:\s?[\d.]{0,8}", re.DOTALL),
)
"""A whole text in a code block, and as the request shows past ones."""
_LAYERS = 6
"""Around a text at most."""
_MARKS = (
    "** **", "__ __", "` `", '" "', "“ ”", "„ “", "« »", "‘ ’", "' '", "「 」", "『 』", "* *",
    "[ ]",
)  # fmt: skip
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")


@dataclass(frozen=True, slots=True)
class _Pair:
    """A text between two tags; `start` and `end` are the outer ends of these."""

    start: int
    end: int
    text: str
    escaped: bool


def find_tagged(reply: str, asked: str = "", *, cut: bool = False) -> str:
    """Return the text of the last complete pair of tags behind the thoughts; "" for none.

    It is kept as it stands but for whitespace, quotes and marks that surround the whole. The tag
    is INS or Start, or the word that it stands for, in any case and in several wrong spellings.

    Args:
        reply: What the model wrote.
        asked: The request; what stands between tags there as well is an echo of it. A text that
            it lists between "text:" and "score:" is returned only where the reply has no other.
        cut: The reply ended at its limit, so that a tag without an end holds half a text.
    """
    reply = reply[-_READ:]
    tokens = list(_TOKEN.finditer(reply))
    squeezed = " ".join(asked.split())
    known = ""
    for group in ("main", "square", "other"):
        for pair in _list_pairs(reply, tokens, group, cut=cut):
            if not _is_proposal(reply, pair, squeezed):
                continue
            text = _unwrap(html.unescape(pair.text) if pair.escaped else pair.text)
            if not any(map(str.isalpha, text)) or _PLACEHOLDER.fullmatch(text):
                continue
            if f"text:\n{text}\nscore:" not in asked:
                return text
            known = known or text
    return known


def _group_of(token: re.Match[str]) -> str:
    if token["square"]:
        return "square"
    return "main" if (token["name"] or "").lower() in ("ins", "start") else "other"


def _list_pairs(
    reply: str, tokens: Sequence[re.Match[str]], group: str, *, cut: bool
) -> Iterator[_Pair]:
    """Yield the pairs of one group of tags outside of thoughts, the last one first.

    Behind them comes a tag in place of its end ("<INS>…<INS>"), or without any.
    """
    pairs: list[_Pair] = []
    openings: list[re.Match[str]] = []
    begun: dict[str, re.Match[str]] = {}
    thinking = False
    of_group = [t for t in tokens if t.lastgroup in ("opens", "closes") or _group_of(t) == group]
    last_ends = {_get_name(t): t.start() for t in of_group if t.lastgroup != "opens" and _is_end(t)}
    for token, is_inside in zip(of_group, _find_inside(of_group), strict=True):
        if token["opens"] or token["closes"]:
            if begun and not thinking and is_inside:
                continue  # the text itself speaks of thoughts
            thinking = bool(token["opens"])
            if token["closes"]:
                pairs, openings = [], []
            begun = {}
        elif not thinking:
            name = _get_name(token)
            if not _is_end(token):
                begun[name] = token
                openings.append(token)
            elif name in begun:
                pairs.append(_join(reply, begun.pop(name), token))
            elif begun:  # "<INS>Think first.</Start>": models mix up the names
                (*_, (other, opening)) = begun.items()
                says = re.search(r"\w", reply[opening.end() : token.start()])
                if says and last_ends.get(other, -1) < token.start():
                    pairs.append(_join(reply, begun.pop(other), token))
    if thinking:
        begun, openings = {}, []
    yield from reversed(pairs)
    if not pairs and not cut and openings:
        yield from _list_unclosed(reply, openings)
    elif begun and not cut:
        yield from _list_unclosed(reply, [max(begun.values(), key=lambda token: token.start())])


def _get_name(token: re.Match[str]) -> str:
    return (token["name"] or token["square"] or "").lower()


def _is_end(token: re.Match[str]) -> bool:
    return bool(token["end"] or token["square_end"] or token["empty"])


def _find_inside(tokens: Sequence[re.Match[str]]) -> list[bool]:
    """Say of each token whether the next tag behind it is a closing one."""
    inside, is_end = [], False
    for token in reversed(tokens):
        inside.append(is_end)
        if not (token["opens"] or token["closes"]):
            is_end = _is_end(token)
    return inside[::-1]


def _join(reply: str, opening: re.Match[str], closing: re.Match[str]) -> _Pair:
    left = opening["left"] or ""
    escaped = left.startswith("&")
    end = closing.start()
    if closing["left"] in _ESCAPED_LEFT and not left.startswith("\\"):
        end += 1  # the text ends with the backslash: whoever escapes one tag escapes both
    return _Pair(opening.start(), closing.end(), reply[opening.end() : end], escaped)


def _list_unclosed(reply: str, openings: Sequence[re.Match[str]]) -> Iterator[_Pair]:
    """Yield what follows an opening tag that stands alone, up to another one or the reply's end.

    What goes on over several paragraphs to the end of the reply is more than the text.
    """
    *_, last = openings
    if len(openings) > 1:
        pair = _join(reply, openings[-2], last)
        if not (_get_lead(reply, pair.start) or _FRAME_LINE.search(pair.text)):
            yield pair
    cut_close = _CUT_CLOSE.search(reply, max(last.end(), len(reply) - 40))
    end = cut_close.start() if cut_close else len(reply)
    text = reply[last.end() : end]
    if _get_lead(reply, last.start()) or _FRAME_LINE.search(text):
        return
    if cut_close or "\n\n" not in text.strip():
        yield _Pair(last.start(), len(reply), text, (last["left"] or "").startswith("&"))


def _get_lead(reply: str, start: int) -> str:
    """Return the last word before a tag if the tag continues its sentence; "" if it does not."""
    line = reply[max(0, start - _LINE) : start].rpartition("\n")[2].rstrip(" \t*_`\"'“”„‘’(")
    return line[-20:] if line and (line[-1].isalnum() or line[-1] in ",，、") else ""


def _is_proposal(reply: str, pair: _Pair, asked: str) -> bool:
    """Return False for a pair that the request has too, and for talk about the tags."""
    text = pair.text.strip(" \t\n*_`\"'“”„‘’")
    if len(text) > _MOST_CHARACTERS:
        return " ".join(reply[pair.start : pair.end].split()) not in asked
    words = re.findall(r"\w+", text.lower())
    if not words or all(word in _CONNECTIVES for word in words):
        return False
    if " ".join(reply[pair.start : pair.end].split()) in asked:
        return False
    if len(words) > _MOST_WORDS or not _get_lead(reply, pair.start):
        return True
    if text[0].isupper() or text[-1] in ".!?。！？":
        return True
    joins = words[0] in _CONNECTIVES or words[-1] in _CONNECTIVES
    return not (joins or _ENDS_OF_TAGS.search(text))


def _unwrap(text: str) -> str:
    """Return a text without what surrounds the whole of it: quotes, bold marks, a label."""
    for _ in range(_LAYERS):
        before = text
        text = text.strip()
        for frame in _FRAMES:
            if framed := frame.fullmatch(text):
                text = framed["inner"]
        text = _COLON.sub("", _drop_stray(text))
        if "\n" not in text and (label := _LABEL.match(text)):
            text = text[label.end() :]
        text = _drop_marks(text)
        if text == before:
            break
    return text.strip()


def _drop_stray(text: str) -> str:
    """Return a text without a pair of tags around it, or a lone one at an end of it.

    Tags that a text speaks of stay.
    """
    tags = list(_STRAY.finditer(text))
    if not tags:
        return text
    first, last = tags[0], tags[-1]
    begins, ends = not first.start(), last.end() == len(text)
    if len(tags) == 1 and (begins or ends):
        return text[: first.start()].strip() or text[first.end() :].strip()
    return text[first.end() : last.start()].strip() if begins and ends else text


def _drop_marks(text: str) -> str:
    for marks in _MARKS:
        left, right = marks.split()
        inner = text[len(left) : -len(right)]
        if not (inner.strip() and text.startswith(left) and text.endswith(right)):
            continue
        rest = _APOSTROPHE.sub("", inner) if left in "'‘" else inner
        if left not in rest and right not in rest:
            return inner
    if re.search(r"[.!?。]\]\Z", text) and "[" not in text:
        return text[:-1]  # behind a sentence: "(0, 1]" keeps its bracket
    return text[1:] if re.match(r"\[[^\W\d_]", text) and "]" not in text else text
