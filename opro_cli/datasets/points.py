"""Points in a column of numbers: "1.000" is a thousand where "12,99" has a decimal comma."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_GROUPED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3})+(?![\d.,])")
_COMMA = re.compile(r"(?<![\d.,])\d+,\d{1,2}(?![\d,])")
"""A decimal comma, unless it is between the numbers of a list: one alone is no evidence."""
_SURE = re.compile(r"\d\.\d{3},\d|\d\.\d{3}\.\d{3}")
"""What only a column with points between thousands has."""
_POINT = re.compile(r"\d\.\d{1,2}(?!\d)|\d\.\d{4}|,\d{3}\.\d|(?<![\d.,])0\.\d")
"""What only a column with decimal points has."""
_LONGEST = 60
"""Characters of a number with its unit: a longer gold answer is a worked solution."""
LEAST = 2
"""Gold answers of a kind that say something of the column: one alone may be a slip."""


@dataclass(slots=True)
class Points:
    """The meaning of the points in a column of gold answers, as far as the column tells.

    Attributes:
        group: They part thousands: they are dropped where nothing else can be meant.
        grouped: Gold answers that can be read either way, each with its row.
        commas: Gold answers with a decimal comma; one whose points part thousands counts as LEAST.
        points: Gold answers with a decimal point.
    """

    group: bool = False
    row: str = ""
    """The row whose gold answer is read."""
    grouped: list[str] = field(default_factory=list)
    commas: int = 0
    points: int = 0

    def read(self, raw: str) -> str:
        """Return a gold answer as it is to be read, and note how it is written."""
        if len(raw) > _LONGEST:
            return raw
        if _SURE.search(raw):
            self.commas += LEAST
        elif _COMMA.search(raw):
            self.commas += 1
        elif _POINT.search(raw):
            self.points += 1
        elif _GROUPED.search(raw):
            self.grouped.append(f"{self.row}: {raw.strip()}")
            if self.group:
                return _GROUPED.sub(lambda number: number[0].replace(".", ""), raw)
        return raw

    @property
    def should_group(self) -> bool:
        """Whether the whole column says that points part thousands."""
        sure = self.commas >= LEAST and not self.points
        return bool(self.grouped) and sure and not self.group

    def describe(self) -> str:
        """Return a sentence on what was read in one of two ways, or ""."""
        first = "; ".join(self.grouped[:3]) + ("; …" if len(self.grouped) > 3 else "")
        if self.group:
            return f"points part thousands in the gold answers, whose decimals have commas: {first}"
        if len(self.grouped) >= LEAST and not self.commas and not self.points:
            return (
                f"gold answers are read with decimal points ({first}): where the points part "
                "thousands, leave them out"
            )
        return ""
