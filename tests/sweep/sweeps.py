"""Small sweeps over real HTTP, worked on by any engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.calls.budget import Spent
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.sweep.cells import Job, require_ready
from opro_cli.sweep.claims import NOTHING
from opro_cli.sweep.file import SweepCell, load_sweep
from opro_cli.sweep.launch.channel import SweepEngine
from opro_cli.sweep.limits import Limits, Permits, build_permits
from opro_cli.sweep.shared_budget import Ceiling, SharedBudget
from tests.loop.runs import drop_costs
from tests.server import LocalServer, Options, load_answers

CONFIG = """\
name: base
task:
  data:
    train: "{rows}"
    input: question
    target: answer
    split: {{train: 6, dev: 4, test: 4}}
  answer: number
scorer: {{model: openai/stub, api_base: "{url}", concurrency: 4, cache: false}}
optimizer: {{model: openai/stub, api_base: "{url}", concurrency: 4, cache: false}}
search: {{steps: 1, candidates_per_step: 2, exemplars: 2}}
"""
GSM8K = Path(__file__).parents[2] / "configs" / "data" / "gsm8k_sample.jsonl"


def slow_server(latency_ms: int = 100) -> LocalServer:
    """Its models' server: so slow that a cell tells how far it is before it ends."""
    gold = load_answers(GSM8K, "question", "answer")
    return LocalServer(gold, Options(latency_ms=latency_ms, models=("stub",)))


@dataclass(frozen=True, slots=True)
class FixedJournals:
    """What the runs of a sweep have spent."""

    by_all: Spent = NOTHING
    by_shard: Spent = NOTHING

    def spent_by_all(self) -> Spent:
        return self.by_all

    def spent_by_shard(self) -> Spent:
        return self.by_shard


def limits_of(
    budget: BudgetSettings, doors: Mapping[str, Permits] | None = None, before: Spent = NOTHING
) -> Limits:
    """Limits of one session that nobody else counts in."""
    return Limits(SharedBudget(Ceiling(budget, before)), doors or {})


Said = list[tuple[str, dict[str, Any]]]


def cells_at(folder: Path, url: str, text: str) -> tuple[SweepCell, ...]:
    """The cells of a sweep file with this text, whose base's models are at `url`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "base.yaml").write_text(CONFIG.format(rows=GSM8K, url=url))
    (folder / "s.yaml").write_text(f"base: base.yaml\n{text}")
    return require_ready(load_sweep(folder / "s.yaml", wiring.NAMES))


async def worked_on(
    engine: SweepEngine,
    cells: Sequence[SweepCell],
    folder: Path,
    budget: BudgetSettings | None = None,
    said: Said | None = None,
) -> Said:
    """Work on cells, as a session does; returns all reports in their order."""
    reports: Said = [] if said is None else said
    models = [each.settings.scorer for each in cells] + [each.settings.optimizer for each in cells]
    limits = limits_of(budget or BudgetSettings(), build_permits(models))
    jobs = [
        Job(cell.name, str(folder / cell.name), convert_to_plain(cell.settings)) for cell in cells
    ]
    await engine.run(jobs, limits, lambda name, report: reports.append((name, report)))
    return reports


def lasts(said: Said) -> dict[str, dict[str, Any]]:
    """The last that each cell said."""
    return dict(said)


def results(folder: Path) -> dict[str, Any]:
    """What the runs in a folder came to, without times and names of places."""
    return {
        path.parent.name: {
            key: value
            for key, value in drop_costs(json.loads(path.read_text())).items()
            # What a verdict says of earlier uses of the test rows differs for a second sweep.
            if key not in ("run", "seconds", "started", "test_use", "verdict_sentence")
        }
        for path in sorted(folder.glob("*/result.json"))
    }
