"""The probe before a search, which tells whether it is worth it; its answers count in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from opro_cli import wiring
from opro_cli.app.optimize import describe_parts
from opro_cli.app.probe_plan import (
    MOST_CALLS,
    MOST_STARTS,
    ProbePlan,
    digest_asked,
    explain_too_small,
    find_decider,
    is_due,
    plan_run,
    refuse_probe,
)
from opro_cli.app.probed import FOLDER, choose_drafts, describe_probe, measure_spend
from opro_cli.app.run_settings import hash_weights_of, list_part_folders
from opro_cli.app.session import work_on
from opro_cli.app.start_runs import resolve_start
from opro_cli.app.startable import require_startable
from opro_cli.config.overrides import parse_override
from opro_cli.core.labels import find_closed_set, get_kind
from opro_cli.core.run.events import Probed
from opro_cli.core.run.progress import count_calls, count_spared_calls
from opro_cli.core.settings.models import UNUSED
from opro_cli.core.settings.search import ASKING_NONE
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import fingerprint_examples
from opro_cli.datasets.loading import LoadedData, settle_labels
from opro_cli.errors import Interrupted, OproError, RunExistsError, RunFolderError, UsageError
from opro_cli.loop.probe import plan_probe
from opro_cli.ports import Observer
from opro_cli.reports.finding import Headroom
from opro_cli.reports.headroom import PromptKind, judge_headroom
from opro_cli.store.folders import find_folders
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_folder import create_run, prepare_runs_dir, read_run
from opro_cli.strategies.headroom import HeadroomStrategy

Observers = Callable[[int], Sequence[Observer]]
"""Makes those that watch a probe of at most so many calls."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The finding of a probe, and its cost in this command.

    Attributes:
        folder: Of its run; None where it could ask nothing.
    """

    headroom: Headroom
    folder: Path | None = None
    spent: Sequence[Probed] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the part "headroom" of what `opro check --headroom --json` prints."""
        return {**self.headroom.to_json(), "folder": str(self.folder) if self.folder else None}


def probe(plan: ProbePlan, observers: Observers, *, cached: bool = True) -> ProbeResult:
    """Ask what is missing of a probe, and judge.

    Another process that works on the same probe is waited for, and its answers are used.

    Args:
        plan: The probe.
        observers: See `Observers`.
        cached: Look up and keep answers for other runs, where the settings have it so.

    Raises:
        Interrupted: Ctrl-C; what was answered is kept, and the same command goes on.
        OproError: As for any run.
    """
    if not plan.folder.exists():
        _begin(plan)
    journal = FileJournal(plan.folder / "events.jsonl", when_held=_wait_quietly)
    try:
        before = read_run(plan.folder, own=True)
    except BaseException:
        journal.close()
        raise
    done = before.state.ended is not None and before.state.ended.reason in ("finished", "budget")
    if done:
        journal.close()
        return ProbeResult(_judge(plan, before.state), plan.folder)
    earlier = deepcopy(before.state)
    aside = frozenset(kind.id for kind in plan.kinds if not kind.wording)
    inner = wiring.build_strategy(plan.settings, _list_folders(plan))
    strategy = HeadroomStrategy(plan.kinds, inner, plan.shape.proposals)
    outcome = work_on(
        plan.folder,
        plan.settings,
        observers(plan.settings.budget.calls or MOST_CALLS),
        keep_going=True,
        cached=cached,
        journal=journal,
        supplied=wiring.Supplied(strategy=strategy),
        plan=partial(plan_probe, shape=plan.shape, aside=aside),
    )
    if outcome.ending == "interrupted":
        raise Interrupted("stopped; nothing is lost: the same command continues the probe")
    spent = measure_spend(earlier, outcome.run.state, plan.folder.name)
    return ProbeResult(_judge(plan, outcome.run.state), plan.folder, spent)


def _wait_quietly(_: RunFolderError) -> None:
    """Wait for the process that has the probe."""


def _list_folders(plan: ProbePlan) -> tuple[Path, ...]:
    return list_part_folders({"part_folder": plan.part_folder})


def _begin(plan: ProbePlan) -> None:
    """Make the run of a probe, unless another process has just made it."""
    folders = _list_folders(plan)
    identity: dict[str, object] = {
        "config_source": None,
        "probe": True,
        "data_fingerprint": fingerprint_examples(plan.examples),
        "data_notes": [],
        "weights": hash_weights_of(plan.settings),
        "part_folder": plan.part_folder,
        **describe_parts(plan.settings, folders),
    }
    prepare_runs_dir(plan.folder.parent.parent)
    with suppress(RunExistsError):
        create_run(plan.folder.parent, plan.settings, plan.examples, identity, plan.folder.name)


def _judge(plan: ProbePlan, state: Any) -> Headroom:
    task = plan.settings.task
    kinds = {kind.id: PromptKind(kind.name, kind.groups, kind.wording) for kind in plan.kinds}
    examples = plan.data.examples
    return judge_headroom(
        state,
        plan.shape.rows,
        {split: len(rows) for split, rows in examples.items()},
        kinds,
        labels=find_closed_set(get_kind(task.answer), examples),
        calls=count_calls(state) + count_spared_calls(state),
        decider=plan.decider,
    )


def probe_config(
    config: Path,
    runs_dir: Path,
    overrides: Sequence[str],
    observers: Observers,
    ledger: Path | None = None,
) -> ProbeResult:
    """Probe the search of a config.

    Args:
        config: The file, or STDIN.
        runs_dir: Where runs are kept, the probe's among them.
        overrides: Keys in place of those of the file, each KEY=VALUE.
        observers: See `Observers`.
        ledger: The file that records the use of test rows; None for the user's own.

    Raises:
        UsageError: There is nothing to be probed, or the config is not ready for a run.
    """
    folders = (config.resolve().parent,)
    read = wiring.read_config(config, list(map(parse_override, overrides)))
    settings = wiring.fill_in_new(resolve_start(read, runs_dir)[0], folders)
    if reason := refuse_probe(settings):
        raise UsageError(f"--headroom: this config has nothing to probe: {reason}")
    require_startable(settings)
    data = wiring.load_data(settings, folders=folders)
    settings = settle_labels(settings, data)
    plan = plan_run(settings, data, folders, runs_dir, ledger=ledger)
    if plan:
        return probe(plan, observers)
    return ProbeResult(explain_too_small(settings, data, find_decider(settings, data, ledger)))


def probe_first(  # noqa: PLR0913 - all but three are keywords
    settings: Settings,
    data: LoadedData,
    folders: Sequence[Path],
    *,
    runs_dir: Path,
    observers: Observers,
    on_finding: Callable[[ProbeResult], None],
    cached: bool = True,
    skip: bool = False,
    ledger: Path | None = None,
) -> dict[str, Any]:
    """Probe a search that is large enough, before it begins; return its part of run.json.

    Answers of an earlier probe of the same questions count in any case.

    Args:
        settings: Of the search.
        data: Its examples.
        folders: Where parts from outside opro are looked for first.
        runs_dir: Where runs are kept.
        observers: See `Observers`.
        on_finding: Told of the finding; may raise to end the command.
        cached: Whether earlier answers are wanted at all.
        skip: Make no new probe.
        ledger: The file that records the use of test rows; None for the user's own.
    """
    if refuse_probe(settings) or settings.search.rules == "paper":
        return {}
    found: ProbeResult | None = None
    if not skip and is_due(settings, data, folders):
        plan = plan_run(settings, data, folders, runs_dir, fresh=not cached, ledger=ledger)
        if plan is not None:
            found = probe(plan, observers, cached=cached)
            on_finding(found)
    asked = digest_asked(settings, data, folders)
    earlier = find_folders(runs_dir / FOLDER, f"*-{asked}-*") if cached else []
    names = [each.name for each in earlier]
    if found and found.folder and found.folder.name not in names:
        names.append(found.folder.name)
    if not names:
        return {}
    spent = list(found.spent) if found else []
    outcome = found.headroom.outcome if found else None
    drafts: tuple[str, ...] = ()
    if _writes_words(settings):
        plan = plan_run(settings, data, folders, runs_dir, ledger=ledger)
        own = found.folder.name if found and found.folder else plan.folder.name if plan else ""
        found_at = {name: (runs_dir / FOLDER / name).stat().st_mtime for name in names}
        for name in sorted(names, key=lambda name: (name != own, -found_at[name])):
            if drafts := _choose_drafts(runs_dir / FOLDER / name, settings):
                break
    return describe_probe(names, outcome, spent, drafts)


def _writes_words(settings: Settings) -> bool:
    """Return whether a search tries words that no start prompt has, and so those of its probe."""
    return settings.search.strategy not in ASKING_NONE and settings.optimizer.model != UNUSED


def _choose_drafts(folder: Path, settings: Settings) -> tuple[str, ...]:
    """Return the best prompts of a probe, of whatever name and size.

    None of one that is gone or damaged, or whose words have come from another start, another
    optimizer or other options than those of the search.
    """
    with suppress(OproError):
        run = read_run(folder, own=True)
        probed = wiring.parse_settings(run.settings)
        if probed is not None and _find_origin(probed) == _find_origin(settings):
            return choose_drafts(run.state)
    return ()


def _find_origin(settings: Settings) -> tuple[Any, ...]:
    """Return what the words of a probe come from."""
    search = settings.search
    return settings.optimizer, search.initial_instructions[:MOST_STARTS], search.options
