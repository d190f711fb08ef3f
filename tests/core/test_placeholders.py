"""Placeholders of the user's application: what is one, what only looks like one, what must stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.task.placeholders import find_change, find_placeholders, list_names


@pytest.mark.parametrize(
    ("text", "placeholders"),
    [
        ("Hi {name}!", ["{name}"]),
        ("Hi {{ name }} and {{name}}", ["{{name}}"]),
        (
            "{{ user.name | upper }} {{ x | default('y') }}",
            ["{{user.name | upper}}", "{{x | default('y')}}"],
        ),
        ("{{{body}}}", ["{{body}}"]),
        ("{{#each items}}x{{/each}}", ["{{#each items}}", "{{/each}}"]),
        ("{% if x %}a{%- endif -%}", ["{% if x %}", "{% endif %}"]),
        ("%s is %(age)d, %d%%, id-%s", ["%s", "%(age)s", "%d"]),
        ("Dear $name, ${city.x}, $user_name's", ["$name", "${city.x}", "$user_name"]),
        ("$first $last; $first-$last", ["$first", "$last"]),
        ("<context>\n{c}\n</context>", ["<context>", "{c}"]),
        ('<doc id="1">x</doc> in <label> tags', ["<doc>", "<label>"]),
        (
            "{price:.2f} {user.name} {items[0]} {d:%Y-%m-%d} {x!r}",
            ["{price}", "{user.name}", "{items[0]}", "{d}", "{x}"],
        ),
        ("ticket_{id} ({a})[{b}]`{c}` {d}{e}", ["{id}", "{a}", "{b}", "{c}", "{d}", "{e}"]),
        ('{"label": "{label}"}', ["{label}"]),
        ("Grüße {größe}, {名前}", ["{größe}", "{名前}"]),
        ("{0} then {1}", ["{0}", "{1}"]),
        ("It costs $5: pay {sum}, 50 %", ["{sum}"]),
    ],
)
def test_placeholders_are_found(text: str, placeholders: list[str]) -> None:
    assert list(find_placeholders(text)) == placeholders


@pytest.mark.parametrize(
    "text",
    [
        "50 %", "100% sure", "50 % so", "100%s", "a 5%discount", "50%.", "5%, say", "%Y-%m-%d",
        "a { b", "}", "{}", "{a, b}", "[a-z]{3}", r"\d{2}", '{"a": 1}', "{ label: 'x' }",
        '{{"a": 1}}', "{'a': b}", "body {color:red; x}", r"\{name\}",
        r"\frac{a}{b}", r"\frac{{a}}{b}", r"\text{if} x", "x_{i} and x^{n}", "a^{bc}",
        r"\boxed{answer}", r"\begin{align}x\end{align}", r"\mathbb{R}^{n}", r"\(x_{ij}\)",
        r"$$\sum_{i} a$$", "$x$ and $n$", "Let $x+y$ be", "$5", "$10k", "US$amount",
        "if age <min or age> max",
        "<5", "x < y > z", "if a<b and c>d", "a <- b -> c", "<b>bold</b> <br/>", "List<String>",
        "<https://x.y>", "<me@x.com>", "", "# Title\n\n* one\n* `two`\n",
    ],
)  # fmt: skip
def test_what_looks_like_one_is_left_alone(text: str) -> None:
    assert find_placeholders(text) == ()


@pytest.mark.parametrize(
    ("candidate", "starts", "change"),
    [
        ("Hi {name}.", ["Dear {name}!"], ""),
        ("Hi.", ["Dear {name}!"], "loses {name}"),
        ("Hi {name} {x}", ["Dear {name}!"], "adds {x}"),
        ("Hi {nmae}", ["Dear {name}!"], "loses {name}, adds {nmae}"),
        ("{b} {a} {a}", ["{a} {b}"], ""),
        ("anything {x}", ["no placeholder"], ""),
        ("{a}", ["{a} {b}", "{a}"], ""),
        ("{a} {c}", ["{a} {b}", "{a}"], "adds {c}"),
        ("{b}", ["{a} {b}", "{a}"], "loses {a}"),
        ("<context>{x}", ["<context>{x}</context>"], ""),
        ("<think> {name}", ["Hi {name}"], ""),
        ("<think> <doc>", ["<doc>"], "adds <think>"),
        ("Hi {{ name }}", ["Hi {{name}}"], ""),
        ("Hi {name}", ["Hi {{name}}"], "loses {{name}}, adds {name}"),
    ],
)
def test_a_candidate_has_the_placeholders_of_the_start(
    candidate: str, starts: list[str], change: str
) -> None:
    assert find_change(candidate, starts) == change


def test_names_are_told_without_their_spelling() -> None:
    text = "{ticket} {{ question }} %(body)s $title {a.b[0]} {0} %s <tag> {% if x %}"
    assert list_names(text) == (
        ("{ticket}", "ticket"),
        ("{{question}}", "question"),
        ("%(body)s", "body"),
        ("$title", "title"),
        ("{a.b[0]}", "a.b"),
    )


@given(st.text(alphabet="{}%$<>/\\ab_ \n(1.:|^", max_size=60))
def test_any_text_has_its_own_placeholders(text: str) -> None:
    assert find_change(text, [text]) == ""
    for each in find_placeholders(text):
        assert each.strip("{}%$<> ()s") or each.startswith(("%", "{", "$", "<"))
