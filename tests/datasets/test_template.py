"""Templates by hand, and as a property: what is escaped comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.task.template import Field, Template, escape_field, parse_template, write_hole


def test_a_text_without_braces_is_a_field_name() -> None:
    assert parse_template("the question.text") == Template((Field("the question.text"),))


def test_a_template_by_hand() -> None:
    template = parse_template("{title}\n{{{body}}} {title}{{}}")
    assert template.parts == (
        Field("title"),
        "\n{",
        Field("body"),
        "} ",
        Field("title"),
        "{}",
    )
    assert template.fields == ("title", "body")
    assert template.render(str.upper) == "TITLE\n{BODY} TITLE{}"


@pytest.mark.parametrize("name", ["text {raw}", "a{b", "a {b}{c} d", "plain"])
def test_a_field_whose_name_has_braces_is_escaped(name: str) -> None:
    assert parse_template(escape_field(name)) == Template((Field(name),))
    assert parse_template(f"{{{{: {write_hole(name)}\n").parts == ("{: ", Field(name), "\n")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("{a", "a } after each { ({{ is the character itself), found '{a'"),
        ("ab}", "a { before each } (}} is the character itself), found 'ab}'"),
        ("{a{b}}", "a } after each { ({{ is the character itself), found '{a{b}}'"),
        ("{a}}", "a { before each } (}} is the character itself), found '{a}}'"),
        ("x{}", "the name of a field between the braces at character 2"),
        ("{ }", "the name of a field"),
        ("{{question}}", "names at least one field"),
    ],
)
def test_a_broken_template_says_where(setting: str, expected: str) -> None:
    with pytest.raises(ValueError, match=r"character|field") as error:
        parse_template(setting)
    assert expected in str(error.value)


def test_nothing_of_str_format_is_understood() -> None:
    template = parse_template("{a!r:>10} {a.__class__} {0}")
    assert template.fields == ("a!r:>10", "a.__class__", "0")


_NAMES = st.text(min_size=1).filter(lambda s: s.strip() and "{" not in s and "}" not in s)


@given(st.lists(st.one_of(st.text(min_size=1), _NAMES.map(Field)), min_size=1))
def test_any_text_and_fields_come_back(parts: list[str | Field]) -> None:
    if not any(isinstance(part, Field) for part in parts):
        parts = [*parts, Field("question")]
    setting = "".join(
        f"{{{part.name}}}"
        if isinstance(part, Field)
        else part.replace("{", "{{").replace("}", "}}")
        for part in parts
    )
    wanted = "".join(f"<{part.name}>" if isinstance(part, Field) else part for part in parts)
    assert parse_template(setting).render(lambda name: f"<{name}>") == wanted


@given(st.text())
def test_any_setting_is_a_template_or_a_value_error(setting: str) -> None:
    try:
        template = parse_template(setting)
    except ValueError:
        return
    assert template.fields
