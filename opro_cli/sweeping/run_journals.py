"""The spending of the runs in a sweep's folder, read from their journals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from opro_cli import wiring
from opro_cli.adapters.find_runs import list_runs
from opro_cli.adapters.run_folder import read_run
from opro_cli.core.cost import Cost
from opro_cli.core.session import Role
from opro_cli.core.settings import Settings
from opro_cli.engine.budget import Spent, add_up, pico_usd, spent_by
from opro_cli.engine.ledger import PROMPT_OVERHEAD
from opro_cli.reports.costs import KINDS, longest_prompts
from opro_cli.reports.recorded import RecordedRun

BYTES_A_TOKEN, _ = KINDS["expected"]


class RunJournals:
    """The spending of the runs in a sweep's folder, each journal read once.

    cells: names of the sweep's, mine: of the shard's.
    """

    def __init__(self, folder: Path, cells: Iterable[str], mine: Iterable[str]) -> None:
        self._folder = folder
        self._cells, self._mine = set(cells), set(mine)
        self._spent: dict[str, Spent] = {}

    def spent_by_all(self) -> Spent:
        """As `Journals`."""
        return self._spent_by(self._cells.union(path.name for path in list_runs(self._folder)))

    def spent_by_shard(self) -> Spent:
        """As `Journals`."""
        return self._spent_by(self._mine)

    def _spent_by(self, names: Iterable[str]) -> Spent:
        """Raises RunFolderError or JournalError for a run that cannot be read."""
        return add_up(self._spent_in(name) for name in names if (self._folder / name).exists())

    def _spent_in(self, name: str) -> Spent:
        if name not in self._spent:
            run = read_run(self._folder / name)
            settings = wiring.settings_of(run.settings)
            prices = wiring.list_prices(settings) if settings else {}
            largest = _largest_calls(run, settings) if settings else {}
            self._spent[name] = spent_by(run.state, prices, largest, in_flight=True)
        return self._spent[name]


def _largest_calls(run: RecordedRun, settings: Settings) -> dict[Role, Cost]:
    """Bound a call of each role, for answers that an older opro left without token counts."""
    if not any(spend.uncounted_answers for spend in run.state.spend.values()):
        return {}
    prompts = longest_prompts(settings, run.examples, wiring.strategy_for(settings))
    prices = wiring.list_prices(settings)
    largest: dict[Role, Cost] = {}
    for role, tokens in prompts.items():
        prompt = round(tokens * BYTES_A_TOKEN) + PROMPT_OVERHEAD
        reply, price = getattr(settings, role).max_tokens, prices[role]
        dollars = pico_usd(price, prompt, reply) if price else 0
        largest[role] = Cost(prompt + reply, dollars)
    return largest
