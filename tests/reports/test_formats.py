"""Numbers as people read them."""

from __future__ import annotations

import pytest

from opro_cli.core.stats.intervals import wilson_interval
from opro_cli.render.frame import draw_sparkline
from opro_cli.reports import formats
from opro_cli.reports.spend import sum_known


def test_a_score_says_what_it_rests_on() -> None:
    # 33 of 40: Wilson's bounds by hand are 0.6805 and 0.9125.
    found = wilson_interval(0.825, 40)
    assert formats.format_score(0.825, found.low, found.high, 33, 40) == "82.5 % [68.1–91.3] 33/40"
    assert formats.format_bounds(0.0, 1.0) == "[0.0–100.0]"


def test_one_gain_is_written_alike_however_it_was_summed() -> None:
    assert formats.format_points(0.3875) == "+38.8"
    assert formats.format_points(0.38749999999999996) == "+38.8"  # the mean of .425 and .35
    assert formats.format_percent(0.38749999999999996) == "38.8 %"


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (None, "unknown"),
        (0.0, "$0.00"),
        (0.000012, "$0.000012"),
        (0.00042, "$0.00042"),
        (0.0042, "$0.0042"),
        (0.123456, "$0.123"),
        (0.9999, "$1.000"),
        (12.345, "$12.35"),
        (1234.5, "$1,234.50"),
        (1e-15, "$0.0000000000"),
    ],
)
def test_money(usd: float | None, said: str) -> None:
    assert formats.format_money(usd) == said


def test_money_of_two_models() -> None:
    assert formats.format_money_by_role({"optimizer": 0.1, "scorer": 0.2}) == "$0.300"
    assert (
        formats.format_money_by_role({"optimizer": 0.1, "scorer": None})
        == "$0.100 + unknown (scorer)"
    )
    assert formats.format_money_by_role({"optimizer": 0.0, "scorer": None}) == "unknown"
    assert formats.format_money_by_role({"optimizer": None, "scorer": None}) == "unknown"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (None, "unknown"),
        (0, "0"),
        (9_999, "9,999"),
        (34_512, "34.5k"),
        (999_949, "999.9k"),
        (999_951, "1.00M"),
        (1_214_000, "1.21M"),
        (2_500_000_000, "2.50B"),
    ],
)
def test_tokens(number: int | None, said: str) -> None:
    assert formats.format_tokens(number) == said


@pytest.mark.parametrize(
    ("seconds", "said", "clock"),
    [
        (-1, "0s", "00:00"),
        (12.9, "12s", "00:12"),
        (125, "2m 05s", "02:05"),
        (3723, "1h 02m", "1:02:03"),
        (100 * 3600, "4d 04h", "100:00:00"),
    ],
)
def test_time(seconds: float, said: str, clock: str) -> None:
    assert formats.format_duration(seconds) == said
    assert formats.format_clock(seconds) == clock


def test_small_words() -> None:
    assert formats.format_points(0.2) == "+20.0"
    assert formats.format_points(-0.025) == "-2.5"
    assert formats.format_points(-0.00001) == "0.0"
    assert formats.pluralize(1, "call") == "1 call"
    assert formats.pluralize(1200, "call") == "1,200 calls"
    assert sum_known([1, None]) is None
    assert sum_known([1, 2]) == 3


def test_a_sparkline_spans_its_range() -> None:
    assert draw_sparkline([0.0, 0.5, 1.0], 0.0, 1.0, 10) == "▁▅█"
    assert draw_sparkline([0.5, 0.5], 0.5, 0.5, 10) == "▄▄"
    assert draw_sparkline([], 0.0, 1.0, 10) == ""


def test_a_long_sparkline_keeps_both_ends() -> None:
    bars = draw_sparkline([i / 199 for i in range(200)], 0.0, 1.0, 8)
    assert bars == "▁▂▃▄▅▆▇█"


def test_a_moment_keeps_the_letters_of_its_zone() -> None:
    assert formats.utc_minute("2026-11-28T18:01:59+00:00") == "2026-11-28 18:01 UTC"
