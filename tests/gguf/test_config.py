"""gguf/ models in a config: their names, their section, and what may change between sessions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from opro_cli import wiring
from opro_cli.app.evaluate import list_cells, select_questions
from opro_cli.config.file import locate_model
from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.models import GgufSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import Example, Split
from opro_cli.errors import ConfigError
from opro_cli.models.accounts import find_missing_keys
from opro_cli.models.prices import CallPrices, Usage, find_price
from opro_cli.store.answer_cache import is_cached
from opro_cli.sweep.file import load_sweep
from tests.gguf.made import write_gguf

TASK = {
    "data": {"train": "rows.jsonl", "input": "question", "target": "answer"},
    "answer": "contains",
}


def read(folder: Path, scorer: dict[str, Any], **more: Any) -> Settings:
    config = {"task": TASK, "scorer": scorer, "optimizer": {"model": "gguf/smollm2-135m"}, **more}
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(config))
    return wiring.read_config(path)


@pytest.mark.parametrize(
    "name",
    [
        "gguf/smollm2-135m",
        "gguf/hub:bartowski/Mistral-7B-Instruct-v0.3-GGUF/Mistral-7B-Instruct-v0.3-Q4_K_M.gguf",
        "gguf/hub:a/b/sub/c.gguf",
    ],
)
def test_these_names_stay_as_they_are(name: str, tmp_path: Path) -> None:
    assert read(tmp_path, {"model": name}).scorer.model == name


@pytest.mark.parametrize(
    "name",
    ["gguf/", "gguf/m", "gguf/m.bin", "gguf/hub:a/c.gguf", "gguf/hub:a/b/c.bin", "gguf/hub:"],
)
def test_other_names_are_refused_with_the_three_kinds(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"scorer\.model: expected") as refusal:
        read(tmp_path, {"model": name})
    if name != "gguf/":  # which is no name at all
        assert "gguf/hub:OWNER/REPO/FILE.gguf or gguf/smollm2-135m" in refusal.value.message
        assert f"found '{name}'" in refusal.value.message  # as it was written


def test_a_path_is_beside_the_config_first_and_absolute_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, beside = tmp_path / "here", tmp_path / "beside"
    for folder in (here, beside):
        folder.mkdir()
        write_gguf(folder / "my model.gguf")
    write_gguf(here / "other.gguf")
    monkeypatch.chdir(here)
    judge = {"judge": {"model": "gguf/other.gguf"}}
    settings = read(beside, {"model": "gguf/my model.gguf"}, roles=judge)
    assert settings.scorer.model == f"gguf/{beside / 'my model.gguf'}"
    assert settings.roles["judge"].model == f"gguf/{here / 'other.gguf'}"
    # Read again, as a resume does, from anywhere.
    assert locate_model(settings.scorer.model, Path("/")) == settings.scorer.model


def test_the_models_of_a_sweep_are_beside_its_file(tmp_path: Path) -> None:
    write_gguf(tmp_path / "a.gguf")
    read(tmp_path, {"model": "gguf/smollm2-135m"})
    grid = {"name": "g", "base": "c.yaml", "matrix": {"scorer.model": ["gguf/a.gguf", "openai/x"]}}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(grid))
    models = [
        cell.settings.scorer.model for cell in load_sweep(tmp_path / "s.yaml", wiring.NAMES).cells
    ]
    assert sorted(models) == [f"gguf/{tmp_path / 'a.gguf'}", "openai/x"]


def test_the_model_of_an_evaluation_is_in_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_gguf(tmp_path / "a.gguf")
    settings = read(tmp_path, {"model": "gguf/smollm2-135m", "gguf": {"threads": 3}})
    rows: dict[Split, tuple[Example, ...]]
    rows = {"train": (), "dev": (), "test": (Example("1", "q", "a"),)}
    dataset = select_questions("x", settings, rows, "test", None)
    (cell,) = list_cells(["p"], [dataset], ["gguf/a.gguf"], tmp_path)
    assert cell.settings.scorer.model == f"gguf/{tmp_path / 'a.gguf'}"
    assert cell.settings.scorer.gguf is None


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        ({"model": "openai/x", "gguf": {"threads": 2}}, "it is for gguf/ models alone"),
        ({"model": "gguf/smollm2-135m", "api_base": "http://x:1"}, "served by opro itself"),
        (
            {"model": "gguf/smollm2-135m", "endpoints": [{"api_base": "http://x:1"}]},
            "served by opro itself",
        ),
        ({"model": "gguf/smollm2-135m", "gguf": {"context": 5}}, "at least 256"),
        ({"model": "gguf/smollm2-135m", "gguf": {"layers": 5}}, "did you mean"),
    ],
)
def test_what_does_not_go_together_is_told(
    scorer: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, scorer)


def test_threads_and_context_may_change_and_the_gpu_may_not(tmp_path: Path) -> None:
    plain = read(tmp_path, {"model": "gguf/smollm2-135m"})
    assert "gguf" not in convert_to_plain(plain)["scorer"]  # as in records of before
    defaults = replace(plain, scorer=replace(plain.scorer, gguf=GgufSettings()))
    assert convert_to_plain(defaults) == convert_to_plain(plain)

    def change(**gguf: Any) -> list[bool]:
        other = replace(plain, scorer=replace(plain.scorer, gguf=GgufSettings(**gguf)))
        assert wiring.parse_settings(convert_to_plain(other)) == other
        changes = find_changes(convert_to_plain(plain), convert_to_plain(other))
        return [each.is_operational for each in changes]

    assert change(threads=2, context=512) == [True, True]
    assert change(gpu_layers=9) == [False]


def test_it_is_free_and_needs_no_key(tmp_path: Path) -> None:
    model = read(tmp_path, {"model": "gguf/smollm2-135m"}).scorer
    price = find_price(model)
    assert price is not None
    assert (price.input, price.output) == (0.0, 0.0)
    assert CallPrices(model.model, "http://127.0.0.1:1/v1").compute_usd(Usage(5, 5)) == 0.0
    assert find_missing_keys(model.model) == ()
    assert is_cached(model)
