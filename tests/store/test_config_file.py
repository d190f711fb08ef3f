"""Config files: each problem with its line, and paths that count from the file's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opro_cli import wiring
from opro_cli.errors import ConfigError, DataError, UsageError

GOOD = """\
name: sums
task:
  data: {train: data/t.jsonl, input: question, target: answer}
  answer: number
scorer: {model: openai/a}
optimizer: {model: openai/b}
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "c.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        wiring.read_config(write(folder, text))
    prefix = f"{folder}/"
    return [problem.removeprefix(prefix) for problem in caught.value.problems]


def test_data_paths_count_from_the_config(tmp_path: Path) -> None:
    settings = wiring.read_config(write(tmp_path, GOOD))
    assert settings.task.data.train == str(tmp_path.resolve() / "data/t.jsonl")


def test_a_file_that_is_not_beside_the_config_is_looked_for_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    (here / "data").mkdir(parents=True)
    (here / "data" / "t.jsonl").write_text("")
    monkeypatch.chdir(here)
    settings = wiring.read_config(write(tmp_path, GOOD))
    assert settings.task.data.train == str(here.resolve() / "data/t.jsonl")


@pytest.mark.parametrize("name", ["~nobody-at-all/t.jsonl", "a\\0b.jsonl", "x" * 5000])
def test_no_name_of_a_file_can_break_the_reading(tmp_path: Path, name: str) -> None:
    text = GOOD.replace("data/t.jsonl", f'"{name}"')
    settings = wiring.read_config(write(tmp_path, text))
    with pytest.raises(DataError):
        wiring.load_data(settings)


def test_hub_names_are_left_alone(tmp_path: Path) -> None:
    text = GOOD.replace("data/t.jsonl", "'hub:openai/gsm8k:main#train'")
    assert wiring.read_config(write(tmp_path, text)).task.data.train.startswith("hub:openai")


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("name: sums", "nmae: sums").replace(
        "scorer: {model: openai/a}", "scorer:\n  model: gpt\n  max_tokens: 0"
    )
    assert problems(tmp_path, text) == [
        'c.yaml:1: nmae: no such key; did you mean "name"?',
        "c.yaml:6: scorer.model: expected PROVIDER/MODEL, such as openai/gpt-4o-mini, "
        "ollama_chat/mistral or embedded/tiny-mistral, or python:MODULE:NAME, found 'gpt'",
        "c.yaml:7: scorer.max_tokens: expected a whole number of at least 1 and at most "
        "10,000,000, or null, found 0",
    ]


def test_a_missing_key_has_the_line_of_its_section(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace(", target: answer", ""))
    assert problem == "c.yaml:3: task.data.target: missing; this key must be given"


def test_a_key_given_twice_is_a_problem(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD + "name: other\n")
    assert problem == "c.yaml:7: name: given twice, first on line 1; keep one"


def test_a_secret_in_a_config_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = GOOD.replace("openai/a}", "openai/a, api_key: sk-verysecret}")
    (problem,) = problems(tmp_path, text)
    assert "scorer.api_key: keys come from the environment" in problem
    assert "verysecret" not in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task: [", "not YAML"),
        ("task: {\n", "not YAML"),
        ("a: !!python/object:os.system {}", "not YAML"),
        ("- a\n- b", "expected keys and values"),
        ("", "expected keys and values"),
        ("a: &a\n  b: *a\n", "nested too deeply"),
        ("1: 2\n? [x]\n: y\n", "c.yaml"),
    ],
)
def test_broken_yaml_is_a_problem_with_a_line(tmp_path: Path, text: str, words: str) -> None:
    assert words in "\n".join(problems(tmp_path, text))


def test_a_config_in_another_encoding_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not UTF-8 text"):
        wiring.read_config(write(tmp_path, "name: gr\u00f6\u00dfe".encode("latin-1")))


def test_a_missing_config_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        wiring.read_config(tmp_path / "none.yaml")
    assert caught.value.hint == "write a first one with `opro init`"


def test_a_sweep_is_told_from_a_config(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a sweep") as caught:
        wiring.read_config(write(tmp_path, "base: a.yaml\nmatrix: {search.seed: [0, 1]}"))
    assert "opro sweep" in str(caught.value.hint)


EMBEDDED = ("embedded-boolean", "embedded-counting", "embedded-dyck", "embedded-tracking")


def test_all_shipped_configs_are_fine() -> None:
    shipped = (Path(__file__).parents[2] / "configs").glob("*.yaml")
    configs = sorted(c for c in shipped if not c.stem.endswith("-sweep"))
    assert [c.stem for c in configs] == [
        "bbh-openai",
        *EMBEDDED,
        "gsm8k-mistral-7b-gguf",
        "gsm8k-mistral-7b-llama-cpp",
        "gsm8k-mistral-7b-lm-studio",
        "gsm8k-mistral-7b-mixed",
        "gsm8k-mistral-7b-ollama",
        "gsm8k-mistral-7b-vllm",
        "gsm8k-paper",
        "linear-regression",
        "own-data",
        "quickstart",
        "smollm2-sentiment",
        "traveling-salesman",
    ]
    for config in configs:
        wiring.read_config(config)


@pytest.mark.parametrize("config", ["quickstart", *EMBEDDED, "own-data"])
def test_the_data_of_shipped_configs_is_fine(config: str) -> None:
    path = Path(__file__).parents[2] / "configs" / f"{config}.yaml"
    settings = wiring.read_config(path)
    data = wiring.load_data(settings)
    assert data.left_out == 0
    assert all(len(rows) >= 15 for rows in data.examples.values())


KEYS = st.sampled_from(
    ["task", "data", "train", "input", "answer", "scorer", "model", "search", "steps", "budget"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.integers(), inner),
    max_leaves=12,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=VALUES)
def test_no_config_whatever_ends_in_anything_but_problems(tmp_path: Path, raw: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        wiring.read_config(write(tmp_path, yaml.safe_dump(raw)))
    assert caught.value.problems


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_no_text_whatever_ends_in_anything_but_problems(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wiring.read_config(write(tmp_path, text))
    assert caught.value.problems


def test_each_embedded_model_has_its_role(tmp_path: Path) -> None:
    swapped = GOOD.replace("openai/a", "embedded/tiny-optimizer")
    swapped = swapped.replace("openai/b", "embedded/tiny-mistral")
    assert problems(tmp_path, swapped) == [
        "c.yaml:5: scorer.model: expected embedded/tiny-mistral, the embedded model that answers "
        "questions, found embedded/tiny-optimizer",
        "c.yaml:6: optimizer.model: expected embedded/tiny-optimizer, the embedded model that "
        "proposes instructions, found embedded/tiny-mistral",
    ]
    ignored = GOOD.replace("openai/a}", "python:mine:reply, top_p: 0.5}")
    assert problems(tmp_path, ignored) == [
        "c.yaml:5: scorer.top_p: python:mine:reply draws by its temperature alone; leave it out"
    ]
    assert wiring.read_config(write(tmp_path, ignored), is_copy=True).scorer.top_p == 0.5
    without_steps = GOOD.replace("openai/b", "embedded/tiny-mistral") + "search: {steps: 0}\n"
    wiring.read_config(write(tmp_path, without_steps))
