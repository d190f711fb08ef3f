"""One budget over sessions that see one folder: what each counts of the others."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import pytest

from opro_cli.calls.budget import Spent
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached, OproError
from opro_cli.store.sweep_folder import hold_sweep
from opro_cli.sweep.budget_session import Terms, open_budget
from opro_cli.sweep.claims import CLAIMS, LINE
from opro_cli.sweep.limits import Limits, share_settings
from opro_cli.sweep.shared_budget import SharedBudget
from tests.sweep.sweeps import FixedJournals

ONE = Cost(10, 0)
TEN = BudgetSettings(calls=10)


@contextmanager
def session(
    folder: Path,
    shard: str = "1/1",
    budget: BudgetSettings = TEN,
    journals: FixedJournals | None = None,
    notes: list[str] | None = None,
) -> Iterator[SharedBudget]:
    parts = int(shard.split("/")[1])
    share = share_settings(budget, parts) if parts > 1 else None
    terms = Terms(folder, shard, budget, share)
    notes = [] if notes is None else notes
    with (
        hold_sweep(folder, shard),
        open_budget(terms, journals or FixedJournals(), notes) as shared,
    ):
        yield shared


async def calls_until_over(budget: SharedBudget) -> int:
    """How many calls go before the budget is at its end, each over before the next."""
    for number in range(1000):
        try:
            await budget.reserve(ONE)
        except BudgetReached:
            return number
        budget.settle(ONE, 10, 0)
    raise AssertionError("no end")


async def leave_in_flight(folder: Path, calls: int, shard: str = "1/1") -> None:
    """A session that is killed with calls in flight."""
    with ExitStack() as exits:
        budget = exits.enter_context(session(folder, shard))
        for _ in range(calls):
            await budget.reserve(ONE)
        kill(budget)


def kill(budget: SharedBudget) -> None:
    """Leave the claim as it is, as a process does that is killed."""
    assert budget._file is not None
    budget._file.close()
    budget._file = None


async def test_sessions_one_after_the_other_count_together(tmp_path: Path) -> None:
    went = []
    for shard in ("1/2", "2/2", "3/3", "3/4", "1/1"):
        with session(tmp_path, shard) as budget:
            went.append(await calls_until_over(budget))
    assert went == [5, 5, 0, 0, 0]


async def test_what_a_killed_session_had_in_flight_counts_for_all_later_ones(
    tmp_path: Path,
) -> None:
    await leave_in_flight(tmp_path, 4)
    with session(tmp_path, "1/2") as budget:
        assert await calls_until_over(budget) == 5
    with session(tmp_path) as budget:
        assert await calls_until_over(budget) == 1


async def test_what_runs_spent_outside_of_sweeps_counts(tmp_path: Path) -> None:
    with session(tmp_path, journals=FixedJournals(Spent(3, 0, 0))) as budget:
        assert await calls_until_over(budget) == 7
    with session(tmp_path, journals=FixedJournals(Spent(12, 0, 0))) as budget:
        assert await calls_until_over(budget) == 0


async def test_what_is_in_claims_and_in_journals_counts_once(tmp_path: Path) -> None:
    with session(tmp_path) as budget:
        for _ in range(4):
            await budget.reserve(ONE)
            budget.settle(ONE, 10, 0)
    with session(tmp_path, journals=FixedJournals(Spent(4, 0, 0))) as budget:
        assert await calls_until_over(budget) == 6


async def test_a_shard_has_its_share_also_of_what_its_cells_spent_before(tmp_path: Path) -> None:
    before = FixedJournals(Spent(3, 0, 0), Spent(3, 0, 0))
    with session(tmp_path, "1/2", journals=before) as budget:
        assert await calls_until_over(budget) == 2
        with pytest.raises(BudgetReached, match=r"calls 5, the share of --shard 1/2, reached"):
            await budget.reserve(ONE)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[SharedBudget, SharedBudget]]:
    """Sessions at work at once, the first of which has all ten calls in flight."""
    async with AsyncExitStack() as exits:
        whole = exits.enter_context(session(tmp_path))
        part = exits.enter_context(session(tmp_path, "2/2"))
        for _ in range(10):
            await whole.reserve(ONE)
        yield whole, part


async def test_a_call_waits_for_what_others_have_in_flight(
    two: tuple[SharedBudget, SharedBudget],
) -> None:
    whole, part = two
    waiting = asyncio.create_task(part.reserve(ONE))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    whole.release(ONE)
    await asyncio.wait_for(waiting, 30)
    for _ in range(9):
        whole.settle(ONE, None, None)
    part.settle(ONE, None, None)
    with pytest.raises(BudgetReached, match="calls 10 reached"):
        await asyncio.wait_for(part.reserve(ONE), 30)


async def test_nobody_waits_for_a_session_that_was_killed(tmp_path: Path) -> None:
    with session(tmp_path, "2/2") as part:
        with ExitStack() as exits:
            whole = exits.enter_context(session(tmp_path))
            for _ in range(10):
                await whole.reserve(ONE)
            waiting = asyncio.create_task(part.reserve(ONE))
            await asyncio.sleep(0.01)
            assert not waiting.done()
            kill(whole)
        with pytest.raises(BudgetReached, match="calls 10 reached"):
            await asyncio.wait_for(waiting, 30)


async def test_whoever_stops_waiting_for_others_holds_nothing(
    two: tuple[SharedBudget, SharedBudget],
) -> None:
    whole, part = two
    waiting = asyncio.create_task(part.reserve(ONE))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    whole.release(ONE)
    await whole.reserve(ONE)


async def test_what_a_call_took_beyond_its_bound_counts_at_once_for_others(
    tmp_path: Path,
) -> None:
    tokens = BudgetSettings(tokens=100)
    with session(tmp_path, budget=tokens) as whole, session(tmp_path, "1/2", tokens) as part:
        await whole.reserve(ONE)
        whole.settle(ONE, 95, 0)
        with pytest.raises(BudgetReached, match=r"tokens 100 reached: 95 are spent"):
            await part.reserve(ONE)


async def test_a_session_that_begins_beside_others_goes_by_their_claims(tmp_path: Path) -> None:
    """Journals lag behind; and reading them all would hold up whoever is at work."""
    lagging = FixedJournals(Spent(1, 0, 0))
    with session(tmp_path) as whole:
        for _ in range(6):
            await whole.reserve(ONE)
            whole.settle(ONE, 10, 0)
        with session(tmp_path, "1/2", journals=lagging) as part:
            assert await calls_until_over(part) == 4


@pytest.mark.parametrize("data", [b"garbage", b"\0" * LINE * 3, b"x" * (LINE + 7)])
async def test_damaged_claims_are_told_and_journals_count_in_their_place(
    tmp_path: Path, data: bytes
) -> None:
    (tmp_path / CLAIMS).write_bytes(data)
    notes: list[str] = []
    with session(tmp_path, journals=FixedJournals(Spent(3, 0, 0)), notes=notes) as budget:
        assert await calls_until_over(budget) == 7
    whole_lines = len(data) // LINE
    assert len(notes) == (1 if whole_lines else 0)
    assert all(f"{CLAIMS}: {whole_lines} of {whole_lines} lines are damaged" in n for n in notes)
    with session(tmp_path) as budget:
        assert await calls_until_over(budget) == 0


async def test_damaged_claims_beside_a_session_at_work_are_not_guessed_at(tmp_path: Path) -> None:
    await leave_in_flight(tmp_path, 4, "1/2")
    with session(tmp_path) as whole:
        await whole.reserve(ONE)
        with (tmp_path / CLAIMS).open("r+b") as file:
            file.write(b"\0" * 100)
        with (
            pytest.raises(OproError, match="1 of 2 lines are damaged") as caught,
            session(tmp_path, "1/2"),
        ):
            raise AssertionError("it began")
        assert caught.value.hint == "wait until no other session of the sweep is at work"
        await whole.reserve(ONE)  # this one knew what it read


async def test_claims_damaged_by_others_at_work_stop_the_session(tmp_path: Path) -> None:
    with session(tmp_path) as whole, session(tmp_path, "1/2") as part:
        await part.reserve(ONE)
        with (tmp_path / CLAIMS).open("r+b") as file:
            file.write(b"\0" * 100)
        with pytest.raises(OproError, match=r"claims\.jsonl:1: damaged while sessions are at work"):
            await part.reserve(ONE)
        await whole.reserve(ONE)


async def test_claims_that_are_deleted_stop_the_session(tmp_path: Path) -> None:
    with session(tmp_path) as budget:
        await budget.reserve(ONE)
        (tmp_path / CLAIMS).unlink()
        with pytest.raises(OproError, match="deleted or replaced") as caught:
            await budget.reserve(ONE)
        assert caught.value.hint is not None
        assert "journals" in caught.value.hint


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may be written any more, as far as the system is concerned."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_no_call_goes_that_cannot_be_claimed(tmp_path: Path) -> None:
    with session(tmp_path) as budget:
        await budget.reserve(ONE)
        limits = Limits(budget, {})
        stops: list[str] = []
        limits.on_broken = lambda: stops.append("stop")
        with full_disk():
            for _ in range(2):
                with pytest.raises(OproError, match=r"cannot write the claims .* File too large"):
                    await limits.enter("m", ONE)
        assert stops == ["stop"]
        assert limits.broken is not None
        budget.settle(ONE, 10, 0)
        assert await calls_until_over(budget) == 9  # what was refused holds nothing


def test_a_session_that_cannot_claim_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / CLAIMS).mkdir()
    with pytest.raises(OproError, match="cannot open the claims"), session(tmp_path):
        raise AssertionError("it began")
    (tmp_path / CLAIMS).rmdir()
    (tmp_path / CLAIMS).write_bytes(b"")
    (tmp_path / ".lock-1-1").write_bytes(b"")
    with full_disk(), pytest.raises(OproError, match="cannot write the claims"), session(tmp_path):
        raise AssertionError("it began")


async def test_a_disk_without_locks_has_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    terms = Terms(tmp_path, "1/1", TEN)
    with open_budget(terms, FixedJournals(), []) as budget:
        assert await calls_until_over(budget) == 10
    with open_budget(terms, FixedJournals(), []) as budget:
        assert await calls_until_over(budget) == 0
    assert [path.name for path in tmp_path.iterdir()] == [CLAIMS]


async def test_a_claim_is_in_the_file_before_the_call_goes(tmp_path: Path) -> None:
    with session(tmp_path) as budget:
        await budget.reserve(ONE)
        line = (tmp_path / CLAIMS).read_bytes()
    assert len(line) == LINE
    assert b'"in_flight":[1,10,0]' in line
