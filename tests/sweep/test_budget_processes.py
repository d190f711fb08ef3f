"""Processes that spend one budget as fast as they can, and one that is killed as it does."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.sweep.budget_session import Terms, open_budget
from tests.sweep.sweeps import FixedJournals

pytestmark = pytest.mark.slow
CALLS = 6000
AT_ONCE = 4
SPEND = """
import asyncio, sys
from pathlib import Path
from opro_cli.store.sweep_folder import hold_sweep
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached
from opro_cli.sweep.budget_session import Terms, open_budget
from opro_cli.sweep.limits import share_settings
from tests.sweep.sweeps import FixedJournals

folder, shard, calls, at_once = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
left = int(sys.argv[5])  # calls until the answers stay out
whole = BudgetSettings(calls=calls)
parts = int(shard.split("/")[1])
terms = Terms(folder, shard, whole, share_settings(whole, parts) if parts > 1 else None)

async def work(budget):
    while True:
        try:
            await budget.reserve(Cost(1, 0))
        except BudgetReached:
            return
        print("sent", flush=True)
        global left
        left -= 1
        if left < 0:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        budget.settle(Cost(1, 0), 1, 0)

async def main():
    with hold_sweep(folder, shard), open_budget(terms, FixedJournals(), []) as budget:
        await asyncio.gather(*(work(budget) for _ in range(at_once)))

asyncio.run(main())
"""


def begun(folder: Path, shard: str, answered: int = CALLS) -> subprocess.Popen[str]:
    """Start spending; of the calls so many are answered, and then no more."""
    arguments = [str(folder), shard, str(CALLS), str(AT_ONCE), str(answered)]
    return subprocess.Popen(
        [sys.executable, "-c", SPEND, *arguments],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_no_call_is_let_go_twice_over_processes_of_which_one_is_killed(tmp_path: Path) -> None:
    # The victim begins first and cannot end by itself, however slow whoever kills it is.
    victim = begun(tmp_path, "2/2", answered=300)
    assert victim.stdout is not None
    sent = [len([victim.stdout.readline() for _ in range(200)])]
    others = [begun(tmp_path, shard) for shard in ("1/1", "1/2")]
    assert others[0].stdout is not None
    sent.append(len([others[0].stdout.readline() for _ in range(200)]))
    victim.send_signal(signal.SIGKILL)
    for process in (victim, *others):
        out, _ = process.communicate()
        sent.append(out.count("sent\n"))
        assert process.returncode == (-signal.SIGKILL if process is victim else 0)
    print(f"{sum(sent)} of {CALLS} calls, by process: {sent}")
    # What the killed one had in flight counts for good, whether it was sent or not.
    assert CALLS - AT_ONCE <= sum(sent) <= CALLS
    with open_budget(
        Terms(tmp_path, "1/1", BudgetSettings(calls=CALLS)), FixedJournals(), []
    ) as budget:
        assert budget.spent_by_all.calls == CALLS
