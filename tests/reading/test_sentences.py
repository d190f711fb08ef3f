from __future__ import annotations

import pytest

from opro_cli.reading.prose import (
    drop_closing,
    has_conclusion,
    is_closing,
    split_lines,
    split_sentences,
)


def test_lines_leave_out_fences() -> None:
    text = "## So\n\n```python\n18\n```\n---\n$$\n x \n$$\n</answer>"
    assert split_lines(text) == ["## So", "18", "x"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("It is 3.5. So 7!", ("It is 3.5.", "So 7!")),
        ("So “yes.” It is", ("So “yes.”", "It is")),
        ("Approx. 5, e.g. 3 vs. 2.", ("Approx. 5, e.g. 3 vs. 2.",)),
        ("The U.S. troops. Go", ("The U.S. troops.", "Go")),
        ("是18。所以", ("是18。", "所以")),
        ("Wait... what? No.", ("Wait...", "what?", "No.")),
        ("", ("",)),
    ],
)
def test_sentences(line: str, found: tuple[str, ...]) -> None:
    assert split_sentences(line) == found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It is 18. Hope this helps!", "It is 18."),
        ("It is 18.\n\nLet me know if 2 are left. 😊", "It is 18."),
        ("It is 18.\n\n**Explanation:** 5 and\n\n13 more.", "It is 18."),
        ("It is 18.\n\n---\n*Note: 5 of them.*", "It is 18."),
        ("It is 18. (5 of them are red.)", "It is 18."),
        ("It is 18. That's 5 more than before.", "It is 18."),
        ("It is 18. By the way, 5 are red.", "It is 18."),
        # a conclusion after it is the conclusion
        ("Let us check.\n\nTo check: 5 + 13.\n\nSo it is 18.", None),
        ("Note that 5 are red.\n\nThus 18.", None),
        # the first sentence stays
        ("Hope it is 18.", None),
        ("Note: 5. Note: 6.", "Note: 5."),
    ],
)
def test_without_closing(text: str, left: str | None) -> None:
    assert drop_closing(text) == (text if left is None else left)


def test_concludes() -> None:
    assert has_conclusion("So 18.")
    assert has_conclusion("5 and 13.\nTherefore: 18")
    assert has_conclusion("5 and 13. In total 18.")
    assert has_conclusion("5。所以18")
    assert not has_conclusion("So far 18.")
    assert not has_conclusion("It is so.")


def test_is_closing() -> None:
    assert is_closing("Because jays are blue.")
    assert not is_closing("Because jays are blue, it is B.")
    assert not is_closing("(B)")
    assert not is_closing("(18 pens)")
