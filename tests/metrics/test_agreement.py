"""The table that the manual shows is the one that is measured."""

from __future__ import annotations

import json

from tests.manual import DOCS
from tests.metrics.agreement import (
    RECORDED,
    by_kind,
    labelled_cases,
    recorded_cases,
    recorded_groups,
    recorded_table,
    table,
)


def test_the_manual_has_the_figures() -> None:
    page = (DOCS / "answers.md").read_text("utf-8")
    assert table(by_kind(labelled_cases())) in page
    for group in recorded_groups(recorded_cases()).values():
        assert recorded_table(group) in page


def test_no_recording_is_labelled_twice_over() -> None:
    ids = [case.row["id"] for case in recorded_cases()]
    assert len(set(ids)) == len(ids) == 3278


def test_the_labels_of_recordings_are_those_of_two_readers_or_a_third() -> None:
    labels = [json.loads(line) for line in (RECORDED / "labels.jsonl").read_text().splitlines()]
    assert len({label["id"] for label in labels}) == 600
    for label in labels:
        agreed = label["first"] == label["second"]
        assert ("third" in label) is not agreed
        assert label["verdict"] == (label["first"] if agreed else label["third"])
    assert sum(label["first"] == label["second"] for label in labels) == 585


def test_the_sealed_labels_are_those_of_two_readers_or_a_third() -> None:
    lines = (RECORDED / "labels_sealed.jsonl").read_text(encoding="utf-8").splitlines()
    labels = [json.loads(line) for line in lines]
    assert [label["verdict"] for label in labels] == [
        label.get("third", label["first"]) for label in labels
    ]
    assert sum("third" in label for label in labels) == 6
    assert all(("third" in label) == (label["first"] != label["second"]) for label in labels)
