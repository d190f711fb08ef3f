"""Settings written as YAML without a YAML library, read back with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.render.html.page import format_config
from tests.hostile.cases import CASES

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    SCALARS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=12
)


def test_it_reads_like_a_config() -> None:
    settings = {
        "name": "sums",
        "task": {"answer": "number", "template": None, "description": "Add: them\n# up"},
        "scorer": {"model": "openai/a", "temperature": 1e-05, "stop": []},
        "search": {"initial_instructions": ["", "no", "Think."], "steps": 3, "racing": {}},
    }
    text = format_config(settings)
    assert yaml.safe_load(text) == settings
    assert text.splitlines()[:5] == [
        "name: sums",
        "task:",
        "  answer: number",
        "  template: null",
        '  description: "Add: them\\n# up"',
    ]


@given(st.dictionaries(TEXTS, VALUES, min_size=1))
def test_any_plain_data_reads_back(settings: dict[str, Any]) -> None:
    assert yaml.safe_load(format_config(settings)) == settings


def test_what_yaml_refuses_is_escaped() -> None:
    settings = {"\ufffe": "a\uffffb\x7fc\x85d\u2028e\u2029f\ufeffg"}
    assert yaml.safe_load(format_config(settings)) == settings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_text_stays_one_value(case: Any) -> None:
    assert len(format_config({"a": case.text, "b": 1}).splitlines()[-1]) == len("b: 1")


@pytest.mark.parametrize("version", ["format-1", "format-2"])
def test_the_config_of_a_recorded_run(version: str) -> None:
    path = Path(__file__).parents[2] / "run_folders" / version / "config.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    assert yaml.safe_load(format_config(settings)) == settings
