"""Names on the hub, and a hub that does not answer; the hub itself only when asked to."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any, NoReturn

import datasets
import pytest

from opro_cli import wiring
from opro_cli.datasets import hub, read_rows
from opro_cli.datasets.formats import Row
from opro_cli.datasets.hub import HubName, parse_hub_name
from opro_cli.datasets.presets import expand_preset
from opro_cli.errors import DataError


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("hub:a/b#train", HubName("a/b", None, None, "train")),
        ("hub:a/b.c-d:main#test", HubName("a/b.c-d", "main", None, "test")),
        ("hub:a/b@refs/pr/1#t", HubName("a/b", None, "refs/pr/1", "t")),
        ("hub:a/b:c@abc123#train[:9]", HubName("a/b", "c", "abc123", "train[:9]")),
    ],
)
def test_names(place: str, name: HubName) -> None:
    assert parse_hub_name(place) == name


@pytest.mark.parametrize("place", ["hub:a/b", "hub:a#train", "hub:a/b/c#t", "hub:a/b#", "hub:#t"])
def test_a_broken_name_shows_the_form(place: str) -> None:
    with pytest.raises(DataError, match=r"expected hub:OWNER/NAME") as error:
        list(read_rows(place))
    assert ("found no #SPLIT" in error.value.message) == (place == "hub:a/b")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A dead network and an empty cache."""

    def dead(*args: Any, **kwargs: Any) -> NoReturn:
        raise OSError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", dead)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("no_network")
def test_a_dead_network_is_told_at_once() -> None:
    with pytest.raises(DataError) as error:
        list(read_rows("hub:opro-tests/no-such-dataset#train"))
    assert "the hub cannot be reached, and the dataset is not in the cache" in error.value.message
    assert "local files" in str(error.value.hint)


@pytest.mark.usefixtures("no_network")
def test_a_folder_of_that_name_is_not_read_in_silence(tmp_path: Path) -> None:
    (tmp_path / "openai" / "gsm8k").mkdir(parents=True)
    with pytest.raises(DataError, match="hides the dataset of that name"):
        list(read_rows("hub:openai/gsm8k:main#train"))


@pytest.mark.parametrize(
    ("raised", "message", "hint"),
    [
        (ValueError("Unknown split 'x'.\nmore"), "cannot be loaded (Unknown split 'x'.)", "split"),
        (RuntimeError("Dataset scripts are no longer supported"), "a program", "@refs/convert"),
        (ConnectionError(""), "cannot be loaded (ConnectionError)", "HF_TOKEN"),
    ],
)
def test_what_the_library_raises(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, message: str, hint: str
) -> None:
    def failing(*args: Any, **kwargs: Any) -> NoReturn:
        assert "trust_remote_code" not in kwargs
        raise raised

    monkeypatch.setattr(hub, "is_hub_reachable", lambda: True)
    monkeypatch.setattr("datasets.load_dataset", failing)
    with pytest.raises(DataError) as error:
        list(read_rows("hub:some/rows#x"))
    assert message in error.value.message
    assert hint in str(error.value.hint)


def test_rows_are_counted_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(path: str, name: str | None, **kwargs: Any) -> list[dict[str, Any]]:
        assert (path, name, kwargs) == ("a/b", "c", {"split": "train", "revision": "d"})
        return [{"answer": 2}]

    monkeypatch.setattr(hub, "is_hub_reachable", lambda: True)
    monkeypatch.setattr("datasets.load_dataset", loaded)
    assert [*read_rows("hub:a/b:c@d#train")] == [Row(1, {"answer": 2})]


@pytest.mark.hub
@pytest.mark.parametrize("name", ["gsm8k", "multiarith", "aqua", "bbh/navigate", "mmlu/anatomy"])
def test_the_presets_exist_on_the_hub(name: str) -> None:
    first = next(read_rows(expand_preset(name)["data"]["train"]))
    assert isinstance(first, Row)


TICKETS = {"text": ["a", "b", "c"], "label": [0, 1, 0]}


@pytest.fixture
def classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real dataset of the library, with a column of class numbers."""
    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["billing", "login"])
    )
    made = datasets.Dataset.from_dict(TICKETS, features=features)
    monkeypatch.setattr(hub, "load_split", lambda name, source: made)


@pytest.mark.usefixtures("classes")
@pytest.mark.parametrize(
    ("extra", "golds"),
    [
        ({"answer": "label"}, {"billing", "login"}),
        ({"answer": "label", "labels": ["billing", "login"]}, {"billing", "login"}),
        ({"answer": "label", "labels": {"0": "money", "1": "access"}}, {"money", "access"}),
        ({"answer": "exact"}, {"0", "1"}),  # as runs that began before had it
    ],
)
def test_class_names_are_the_labels(extra: dict[str, Any], golds: set[str]) -> None:
    settings = wiring.parse_settings(
        {
            "task": {
                "data": {
                    "train": "hub:o/n#train",
                    "input": "text",
                    "target": "label",
                    "split": {"train": 1, "dev": 1, "test": 1},
                },
                **extra,
            },
            "scorer": {"model": "openai/x"},
            "optimizer": {"model": "openai/x"},
        }
    )
    assert settings is not None
    assert set(wiring.load_data(settings).golds) == golds
