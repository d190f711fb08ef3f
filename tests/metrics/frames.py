"""Generated replies: an answer in one of many renderings, in one of many frames."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

THOUGHTS = [
    "Let's think step by step.",
    "There are 5 boxes with 3 pens each.",
    "5 * 3 = 15",
    "Step 2: we look at (A) and (C).",
    "It is not clear yet whether it is true or false, valid or invalid.",
    "First, 20% of 80 is 16.",
    "On 3 May 2021 at 19:30 there were 7 of them.",
    "A dog saw it, and no one else.",
    "\\[ 2^6 = 64 \\]",
    "**Step 1:** compute the total.",
    "- item 4",
    "1. Take 12.\n2. Add 30.",
    "Some would say Rome, others would say Oslo.",
    "Is it 12? No.",
    "I thought of 9, but that is too small.",
    "这里有7个。",
]
AFTERTHOUGHTS = [
    "Hope this helps!",
    "Let me know if you have 2 more questions.",
    "There were 7 of them in 2019, I was told.",
    "Option (A) is for dogs, and option C for cats.",
    "No one was hurt, which is true of most trips to Rome.",
    "Explanation: 5 boxes and 13 loose ones come together.",
    "Note that half of the 40 boxes were empty.",
    "1. Take 12.\n2. Add 30.",
    "The others are not correct.",
    "Oslo is far from it.",
]


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around an answer."""

    before: str
    after: str


MARKED = [
    Frame("The answer is ", "."),
    Frame("So the answer is ", ""),
    Frame("Therefore, the answer is: ", "."),
    Frame("The correct answer is therefore ", "."),
    Frame("The final answer is **", "**."),
    Frame("**Answer:** ", ""),
    Frame("**Answer**: ", ""),
    Frame("Answer: ", ""),
    Frame("ANSWER: ", ""),
    Frame("Final answer: ", "."),
    Frame("### Final Answer\n\n", ""),
    Frame("**Final Answer**\n", "\n"),
    Frame("#### ", ""),
    Frame("$\\boxed{", "}$."),
    Frame("\\[\n\\boxed{\\text{", "}}\n\\]"),
    Frame("So the answer is $\\boxed{", "}$."),
    Frame("<answer>", "</answer>"),
    Frame('{"answer": "', '"}'),
    Frame("Die Antwort ist ", "."),
    Frame("Die richtige Antwort lautet also ", "."),
    Frame("La réponse est donc ", "."),
    Frame("La respuesta correcta es ", "."),
    Frame("A resposta é ", "."),
    Frame("La risposta è ", "."),
    Frame("Ответ: ", "."),
    Frame("答案是", "。"),
    Frame("答案：", ""),
    Frame("答えは", "です。"),
    Frame("정답: ", ""),
    Frame("उत्तर: ", ""),
    Frame("الجواب هو ", "."),
]


@st.composite
def framed(draw: st.DrawFn, answer: str, earlier: str = "") -> str:
    """A reply that says `answer` after a final-answer marker; earlier: first another one."""
    frame = draw(st.sampled_from(MARKED))
    thoughts = draw(st.lists(st.sampled_from(THOUGHTS), max_size=4))
    after = draw(st.lists(st.sampled_from(AFTERTHOUGHTS), max_size=2))
    joint = draw(st.sampled_from(["\n", "\n\n"]))
    tried = []
    if earlier and draw(st.booleans()):
        tried = [f"So the answer is {earlier}.", "Wait, that cannot be all of it."]
    reply = joint.join([*tried, *thoughts, f"{frame.before}{answer}{frame.after}"])
    return "\n\n".join([reply, *after])


def _grouped(value: int, separator: str) -> str:
    return f"{value:,}".replace(",", separator)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A number as a gold answer, and one of its renderings."""
    value = draw(st.integers(0, 9_999_999) | st.integers(0, 99))
    negative = draw(st.booleans()) and value > 0
    gold = f"-{value}" if negative else str(value)
    body = draw(
        st.sampled_from(
            [
                str(value),
                *(_grouped(value, separator) for separator in (",", "\u202f", "'")),
                f"{value}.0",
                f"{_grouped(value, ',')}.00",
                *_other_scripts(str(value)),
            ]
        )
    )
    sign = draw(st.sampled_from(["-", "−"])) if negative else ""
    currency = draw(st.sampled_from(["", "", "$", "€", "₹"]))
    unit = draw(st.sampled_from(["", "", " apples", " kg", "%", " km/h", " €", " square metres"]))
    style = draw(st.sampled_from(["{}", "{}", "**{}**", "`{}`", "about {}", "x = {}"]))
    return gold, style.format(f"{sign}{currency}{body}{'' if currency else unit}")


def _other_scripts(digits: str) -> list[str]:
    return ["".join(chr(zero + int(digit)) for digit in digits) for zero in (0xFF10, 0x660, 0x966)]


OPTIONS = {"A": "red robin", "B": "Blue Jay", "C": "owl", "D": "swan"}
QUESTION = "Which bird?\nOptions:\n" + "\n".join(f"({k}) {text}" for k, text in OPTIONS.items())


@st.composite
def choices(draw: st.DrawFn) -> tuple[str, str]:
    """An option letter, and one of the ways to name the option."""
    letter = draw(st.sampled_from(sorted(OPTIONS)))
    renderings = ["({})", "{}", "{})", "**{}**", "**({})**", "option {}", "Option ({})", "[{}]"]
    renderings += [
        f"({{}}) {OPTIONS[letter]}",
        f"{{}}: {OPTIONS[letter]}",
        f"{{}}) {OPTIONS[letter]}",
    ]
    renderings += [OPTIONS[letter], f"the {OPTIONS[letter]}", OPTIONS[letter].upper()]
    wide = chr(ord(letter) + 0xFEE0)
    renderings += [wide, f"（{letter}）"]
    return letter, draw(st.sampled_from(renderings)).format(letter)


@st.composite
def booleans(draw: st.DrawFn) -> tuple[str, str]:
    """One of the six words, and one of the ways to write it."""
    word = draw(st.sampled_from(["yes", "no", "true", "false", "valid", "invalid"]))
    cased = draw(st.sampled_from([word, word.upper(), word.capitalize()]))
    return word, draw(st.sampled_from(["{}", "{}", "**{}**", "`{}`", "“{}”", "({})"])).format(cased)


BRACKETS = ["] ) }", "> > }"]
TEXTS = ["Paris", "Marie Curie", "14 July 1789", "ant bee cat", "C++", "São Paulo", *BRACKETS]


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str]:
    """A text, and one of the ways to write it."""
    text = draw(st.sampled_from(TEXTS))
    styles = ["{}", "{}", "**{}**", "`{}`", "“{}”"]
    return text, draw(st.sampled_from(styles)).format(text)
