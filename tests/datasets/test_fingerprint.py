"""The fingerprint tells data apart by what is asked and answered, and by nothing else."""

from __future__ import annotations

import hashlib

from opro_cli.core.task.example import Example, fingerprint_examples


def test_by_hand() -> None:
    examples = (Example("2+2?", "4", "a.jsonl:1"),)
    expected = hashlib.sha256(b'["train", "2+2?", "4"]\n').hexdigest()
    assert fingerprint_examples({"train": examples, "dev": (), "test": ()}) == expected


def test_the_place_does_not_count_but_text_split_and_order_do() -> None:
    one, two = Example("ab", "c", "x:1"), Example("é", "d", "x:2")
    base = fingerprint_examples({"train": [one, two]})
    assert base == fingerprint_examples({"train": [Example("ab", "c", "y:9"), two]})
    others = [
        {"train": [two, one]},
        {"train": [one], "dev": [two]},
        {"train": [Example("a", "bc", "x:1"), two]},
        {"dev": [one, two]},
    ]
    found = {fingerprint_examples(each) for each in others}  # type: ignore[arg-type]
    assert len(found | {base}) == 5
