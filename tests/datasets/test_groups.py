"""Groups of rows: whole on one side of a split, named in examples, told by notes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.settings.task import DataSettings, SplitSettings, TaskSettings
from opro_cli.core.splits import Cut, cut_splits, describe_doubts
from opro_cli.core.task.example import SPLITS, Split, fingerprint_examples, number_groups
from opro_cli.datasets.loading import LoadedData, load_examples
from opro_cli.errors import DataError
from opro_cli.metrics import create_metric
from opro_cli.store.run_files import encode_examples

NUMBER = create_metric("number")


def load(folder: Path, split: SplitSettings | None = None, **files: Any) -> LoadedData:
    """files: rows by "train", "dev" and "test"; `group` is that of the settings."""
    group = files.pop("group", None)
    paths = {}
    for name, rows in files.items():
        paths[name] = str(folder / f"{name}.jsonl")
        Path(paths[name]).write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = DataSettings(
        paths["train"],
        "q",
        "a",
        dev=paths.get("dev"),
        test=paths.get("test"),
        group=group,
        split=split or SplitSettings(),
    )
    return load_examples(TaskSettings(data, "number"), NUMBER)


def first_of_each(names: Sequence[int]) -> list[int]:
    first: dict[int, int] = {}
    return [first.setdefault(name, row) for row, name in enumerate(names)]


def find_split_groups(cut: Cut, groups: Sequence[int]) -> list[int]:
    sides = Counter(g for split in SPLITS for g in {groups[row] for row in cut.rows[split]})
    return [group for group, count in sides.items() if count > 1]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=6, max_size=120),
    st.integers(0, 5),
    st.sampled_from([(None, None, None), (3, 4, 5), (0.2, 0.3, 0.5), (None, 0, None)]),
)
def test_no_group_is_in_two_splits(
    names: list[int], seed: int, sizes: tuple[float | None, ...]
) -> None:
    groups = first_of_each(names)
    train, dev, test = sizes
    asked = SplitSettings(train=train, dev=dev, test=test, seed=seed)
    try:
        whole = cut_splits({"train": len(names)}, asked)
        cut = cut_splits({"train": len(names)}, asked, groups)
    except DataError:
        return
    assert find_split_groups(cut, groups) == []
    for split in SPLITS:
        rows = cut.rows[split]
        assert len(rows) == len({*rows}) <= len(whole.rows[split])
        assert bool(rows) == bool(whole.rows[split])
    rest = [row for row in range(len(names)) if all(row not in cut.rows[s] for s in SPLITS)]
    touched = {groups[row] for split in SPLITS for row in cut.rows[split]}
    assert cut.left_out == sum(groups[row] in touched for row in rest)


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 9))
def test_where_each_row_is_alone_the_draw_is_as_without_groups(rows: int, seed: int) -> None:
    asked = SplitSettings(seed=seed)
    alone = cut_splits({"train": rows}, asked, range(rows))
    assert alone.rows == cut_splits({"train": rows}, asked).rows
    assert alone.left_out == 0


def test_while_there_are_enough_groups_test_never_changes_train() -> None:
    groups = first_of_each([row // 4 for row in range(400)])
    few, many = (
        cut_splits({"train": 400}, SplitSettings(train=30, dev=40, test=test), groups)
        for test in (50, 200)
    )
    assert few.rows["train"] == many.rows["train"]
    assert few.rows["dev"] == many.rows["dev"]
    assert {*few.rows["test"]} < {*many.rows["test"]}
    assert [len(many.rows[split]) for split in SPLITS] == [30, 40, 200]
    assert many.left_out == 2  # of the group that train ends in


def test_a_split_of_few_large_groups_is_a_mixture_of_them_in_the_order_of_the_draw() -> None:
    groups = first_of_each([row // 35 for row in range(350)])
    cut = cut_splits({"train": 350}, SplitSettings(seed=1), groups)
    assert len({groups[row] for row in cut.rows["test"][:20]}) > 2
    assert "groups stay whole" in cut.note


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_groups_for_the_splits_are_refused(count: int) -> None:
    groups = first_of_each([row % count for row in range(100)])
    with pytest.raises(DataError, match=f"train, dev, test, found {count} in all"):
        cut_splits({"train": 100}, SplitSettings(), groups)


def rows_of(documents: int, each: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {"q": f"What is {n} + {n * n + 7}?", "a": n + n * n + 7, "doc": {"id": n % documents}}
        for n in range(start, start + documents * each)
    ]


def test_a_field_names_the_groups(tmp_path: Path) -> None:
    data = load(tmp_path, train=rows_of(20, 10), group="doc.id")
    by_split = {s: {example.group for example in data.examples[s]} for s in SPLITS}
    assert all(by_split.values())
    assert not by_split["train"] & by_split["test"]
    assert not by_split["dev"] & by_split["test"]
    assert (data.groups.groups, data.groups.largest, data.groups.copies) == (20, 10, 0)
    assert any("200 rows are of 20 groups (task.data.group: doc.id)" in n for n in data.notes)
    assert '"group": "' in encode_examples(data.examples).decode()


def test_without_groups_nothing_is_recorded_and_the_fingerprint_is_as_ever(tmp_path: Path) -> None:
    data = load(tmp_path, train=rows_of(20, 10))
    assert "group" not in encode_examples(data.examples).decode()
    alone = {s: [replace(e, group=e.source) for e in data.examples[s]] for s in SPLITS}
    assert fingerprint_examples(alone) == data.fingerprint
    together = {s: [replace(e, group="x") for e in data.examples[s]] for s in SPLITS}
    assert fingerprint_examples(together) != data.fingerprint
    renamed = {s: [replace(e, group="y") for e in data.examples[s]] for s in SPLITS}
    assert fingerprint_examples(renamed) == fingerprint_examples(together)


def test_a_missing_field_is_told_as_any_other(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"task\.data\.group: train\.jsonl has no field dok"):
        load(tmp_path, train=rows_of(4, 4), group="dok")


def test_a_row_without_a_value_is_alone(tmp_path: Path) -> None:
    rows = rows_of(20, 5)
    for row in rows[::10]:
        row["doc"]["id"] = None
    data = load(tmp_path, train=rows, group="doc.id")
    assert data.groups.ungrouped == 10
    assert any(note.startswith("10 rows without doc.id") for note in data.notes)


def test_forty_questions_four_times_are_forty_groups(tmp_path: Path) -> None:
    rows = []
    for n in range(40):
        text = f"How many eggs do {n + 2} hens lay in {n + 3} days?"
        wordings = (text, text.upper(), text.replace("?", " ?"), f"{n + 1}. {text}")
        rows += [{"q": each, "a": (n + 2) * (n + 3)} for each in wordings]
    data = load(tmp_path, train=rows)
    assert (data.groups.groups, data.groups.copies, data.groups.largest) == (40, 160, 4)
    assert any(note.startswith("160 rows are nearly equal to others") for note in data.notes)
    sides = [{example.group for example in data.examples[split]} for split in SPLITS]
    assert len(sides[0] | sides[1] | sides[2]) == sum(map(len, sides))


def test_copies_of_rows_of_test_are_left_out_of_train(tmp_path: Path) -> None:
    train, test = rows_of(30, 1), rows_of(30, 1, start=100)
    train[4] = {**test[3], "q": f"5. {test[3]['q']}"}
    data = load(tmp_path, train=train, test=test)
    assert all(example.target != str(test[3]["a"]) for example in data.examples["train"])
    assert (data.left_out, data.groups.left_out) == (1, 1)
    assert any(note.startswith("left out 1 row of train.jsonl: of a group") for note in data.notes)
    assert len(data.examples["test"]) == 30


def test_a_group_that_test_has_too_is_left_out_of_train(tmp_path: Path) -> None:
    train, test = rows_of(10, 4), rows_of(5, 4, start=500)
    data = load(tmp_path, train=train, test=test, group="doc.id")
    assert data.groups.left_out >= 20
    assert {e.group for e in data.examples["train"]} <= {"5", "6", "7", "8", "9"}
    with pytest.raises(DataError, match=r"every row of train\.jsonl is of a group"):
        load(tmp_path, train=rows_of(5, 4), test=test, group="doc.id")


def test_the_papers_draw_knows_no_groups_and_check_says_so(tmp_path: Path) -> None:
    split = SplitSettings(train=20, dev=0, test=60, method="paper")
    with_groups = load(tmp_path, split, train=rows_of(4, 25), group="doc.id")
    without = load(tmp_path, split, train=rows_of(4, 25))
    for name in SPLITS:
        rows = [[e.row for e in data.examples[name]] for data in (with_groups, without)]
        assert rows[0] == rows[1]
    assert with_groups.groups.split == 4
    assert any("4 groups of rows that belong together stand" in n for n in with_groups.notes)


def test_the_doubts_about_a_split_are_those_of_its_groups() -> None:
    sizes: dict[Split, int] = {"train": 50, "dev": 100, "test": 200}
    assert describe_doubts(sizes) == ()
    (few,) = describe_doubts(sizes, [row % 20 for row in range(200)])
    assert few.startswith("200 test questions of 20 groups tell only very large gains from chance")
    (pairs,) = describe_doubts(sizes, [row % 100 for row in range(200)])
    assert pairs.startswith("200 test questions of 100 groups tell a gain of some 15 points")


def test_groups_are_numbered_where_there_are_some(tmp_path: Path) -> None:
    data = load(tmp_path, train=rows_of(20, 10), group="doc.id")
    numbers = number_groups(data.examples["test"])
    assert max(Counter(numbers).values()) == 10
    assert number_groups(load(tmp_path, train=rows_of(20, 10)).examples["test"]) == ()
