"""Changes of a run's ceilings, as `--budget` spells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from opro_cli.core.settings import BudgetSettings
from opro_cli.errors import UsageError


def with_changes(budget: BudgetSettings, changes: Sequence[str]) -> BudgetSettings:
    """A budget with "usd=5", "calls=+100", "minutes=none" applied in order."""
    for change in changes:
        name, _, amount = change.partition("=")
        names = [field.name for field in fields(BudgetSettings)]
        expected = f"expected {'|'.join(names)}=AMOUNT, =+MORE or =none, found {change!r}"
        if name not in names:
            raise UsageError(f"--budget: {expected}")
        try:
            number = None if amount == "none" else float(amount)
        except ValueError:
            raise UsageError(f"--budget: {expected}") from None
        if number is not None and amount.startswith("+"):
            number += getattr(budget, name) or 0.0
        whole = number is not None and name in ("calls", "tokens")
        if number is not None and not (0 < number < float("inf")):
            raise UsageError(f"--budget: {expected}")
        if whole and number != int(number or 0):
            raise UsageError(f"--budget: {expected}; {name} are whole numbers")
        value: Any = int(number or 0) if whole else number
        budget = replace(budget, **{name: value})
    return budget
