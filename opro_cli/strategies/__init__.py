"""How candidates are asked for and read. Adding a strategy is a module and a line here."""

from __future__ import annotations

from collections.abc import Callable

from opro_cli.core.settings import SearchSettings
from opro_cli.ports import Strategy
from opro_cli.strategies.opro import OproStrategy

STRATEGIES: dict[str, Callable[[SearchSettings], Strategy]] = {
    "opro": lambda search: OproStrategy(search.max_instruction_chars),
}
