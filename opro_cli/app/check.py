"""Check a config and all that it names; costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opro_cli import wiring
from opro_cli.app.ledger import NextUse, find_next_use
from opro_cli.app.start_runs import resolve_start
from opro_cli.app.startable import (
    describe_servers,
    find_origins_of_parts,
    find_unknown_models,
    list_missing_keys,
    list_unset_headers,
    note_learnt_prices,
    probe_servers,
    require_addresses,
    require_fitting_search,
    require_prices,
    select_missing,
)
from opro_cli.config.overrides import parse_override
from opro_cli.config.prompts import names_file
from opro_cli.config.yaml_file import YamlFile
from opro_cli.core.run.placeholders import judge_placeholders
from opro_cli.core.settings.meta_prompt import list_unused
from opro_cli.core.settings.models import UNUSED, OptimizerSettings, ScorerSettings
from opro_cli.core.settings.prompts import FILE
from opro_cli.core.settings.search import ASKING_NONE
from opro_cli.core.settings.settings import Settings
from opro_cli.core.splits import describe_test_doubt
from opro_cli.core.task.example import Example, Split, list_groups
from opro_cli.core.task.template import parse_template
from opro_cli.datasets.loading import LoadedData, settle_labels
from opro_cli.errors import ConfigError, ModelError, UsageError
from opro_cli.grading.grader import describe_grading
from opro_cli.models.accounts import keys_not_set
from opro_cli.models.gguf_plan import FileReport, inspect_files
from opro_cli.models.parameters import note_unsaid_reasoning
from opro_cli.models.providers import REASONING_MAX_TOKENS, is_reasoning
from opro_cli.ports import Strategy
from opro_cli.problems import value_start
from opro_cli.reports.formats import format_p, format_times
from opro_cli.reports.labels import describe_golds
from opro_cli.reports.layout import describe_layout
from opro_cli.reports.prompts import note_braces, note_names
from opro_cli.reports.recorded_pace import RecordedPace, estimate_seconds, find_pace
from opro_cli.reports.request_words import name_role
from opro_cli.store.folders import list_runs
from opro_cli.store.run_folder import read_result

if TYPE_CHECKING:
    from opro_cli.models.servers import Server

ENOUGH_TO_REASON = 1000
"""Tokens of a reply below which a reasoning model may not come to its answer."""
MOST_SKIPPED = 5
"""Prompts that a note names."""
MOST_RUNS = 100
"""The newest runs that are looked through for one of the same models."""


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of `opro check`.

    Attributes:
        facts: What a run would do and ask, as `--json` has it.
        problems: Why no run can begin, each with its remedy.
    """

    facts: dict[str, Any]
    problems: list[tuple[str, str | None]]


def check(
    config: Path, runs_dir: Path, overrides: Sequence[str] = (), ledger: Path | None = None
) -> Check:
    """Check a config, its data, keys and servers; no model is asked.

    Args:
        config: The file, or STDIN.
        runs_dir: Where the pace of an earlier run of the same models is looked for.
        overrides: Keys in place of those of the file, each KEY=VALUE.
        ledger: The file that records the use of test rows; None for the user's own.

    Raises:
        UsageError: A run could not even be described; it names every problem that there is.
    """
    inspected = _inspect(config, runs_dir, overrides)
    return Check(_list_facts(inspected, runs_dir, ledger), inspected.problems)


@dataclass(frozen=True, slots=True)
class _Inspected:
    """A config that is sound enough to say what a run of it would do.

    Attributes:
        settings: Of the run.
        folders: Where parts from outside opro are looked for first.
        data: The examples.
        strategy: Of the search.
        missing_keys: The variables of keys that are not set.
        servers: Those that the user runs, as they have answered.
        files: Those of models that opro serves itself.
        problems: Why no run can begin yet, each with its remedy.
    """

    settings: Settings
    folders: Sequence[Path]
    data: LoadedData
    strategy: Strategy
    missing_keys: Sequence[str]
    servers: Sequence[Server]
    files: Sequence[FileReport]
    problems: list[tuple[str, str | None]]


def _inspect(config: Path, runs_dir: Path, overrides: Sequence[str]) -> _Inspected:
    """Read a config and all that it names.

    Raises:
        UsageError: A run could not even be described; it names every problem that there is.
    """
    folders = (config.resolve().parent,)
    read = wiring.read_partly(config, list(map(parse_override, overrides)))
    faults = Faults(
        read.file, [(problem, None) for problem in read.error.problems] if read.error else []
    )
    if read.settings is None:
        raise read.error or AssertionError("no settings and no problem")
    settings = read.settings
    with faults.collecting():
        settings, _ = resolve_start(settings, runs_dir)
    settings = wiring.fill_in_new(settings, folders)
    sound = _select_sound(settings, read.faulty)
    with faults.collecting():
        require_addresses(sound)
    with faults.collecting():
        require_prices(settings)
    data = strategy = None
    if ("task",) not in {path[:1] for path in read.faulty}:
        with faults.collecting():
            data = wiring.load_data(settings, folders=folders)
            settings = settle_labels(settings, data)
            require_fitting_search(sound, data.examples["train"])
    with faults.collecting():
        find_origins_of_parts(sound, folders)
        strategy = wiring.build_strategy(settings, folders)
    for message, hint in find_unknown_models(sound):
        faults.problems.append((faults.file.locate(message), hint))
    missing = list_missing_keys(sound)
    servers, files = probe_servers(sound), inspect_files(sound.models)
    faults.problems += [keys_not_set(missing)] if missing else []
    waits = [(each.problem or "", each.hint) for each in select_missing(sound, servers)]
    waits += [(each.problem, each.hint) for each in files if each.problem]
    waits += list_unset_headers(sound)
    if data is None or strategy is None or read.error is not None or faults.fatal:
        raise faults.build_error(waits)
    problems = [*faults.problems, *waits]
    return _Inspected(settings, folders, data, strategy, missing, servers, files, problems)


def _list_facts(found: _Inspected, runs_dir: Path, ledger: Path | None) -> dict[str, Any]:
    """Return what a run would do and ask, as `opro check --json` prints it."""
    from opro_cli.reports.costs import build_forecast

    settings, data, folders = found.settings, found.data, found.folders
    notes = (*describe_grading(settings, folders), *data.notes)
    start = value_start(settings, data.examples, folders)
    facts = build_forecast(
        settings, data.examples, notes, found.strategy, found.missing_keys, start
    )
    facts["notes"] += [*describe_limits(settings), *describe_layout(settings, data.examples)]
    if settings.task.problem is None:
        facts |= _describe_questions(settings, data, facts, folders)
        next_use = find_next_use(data.examples, settings.task.data.input, ledger)
        facts["test_use"] = next_use and next_use.to_json()
        if next_use and settings.search.steps:
            facts["notes"] = _note_use(next_use, data.examples, facts["notes"])
    calls = facts["calls_expected"], facts["calls_at_most"]
    facts["time"] = estimate_seconds(find_pace_in(runs_dir, settings), *calls)
    facts["notes"] += [
        *describe_servers(settings, found.servers, facts["longest_prompts"]),
        *list_model_notes(settings),
        *note_unused_holes(settings),
        *note_learnt_prices(settings),
        *(note for each in found.files for note in each.notes),
    ]
    facts |= {"groups": data.groups.to_json()} if settings.task.problem is None else {}
    facts |= {"left_out": data.left_out, "servers": [asdict(each) for each in found.servers]}
    facts["files"] = [each.to_json() for each in found.files]
    return facts


def _note_use(
    use: NextUse, examples: Mapping[Split, Sequence[Example]], notes: Sequence[str]
) -> list[str]:
    """Return the notes with those on the next use, which stand for what a first one could prove."""
    groups = list_groups(examples).get("test", ())
    first = describe_test_doubt(len(examples["test"]), groups) if use.earlier else ""
    return [*(note for note in notes if note != first), *note_next_use(use)]


def _describe_questions(
    settings: Settings, data: LoadedData, facts: Mapping[str, Any], folders: Sequence[Path]
) -> dict[str, Any]:
    """Return the facts about gold answers and start prompts, the notes of both included."""
    asked = "\n".join(each["content"] for each in facts["scorer_prompt"])
    labels = tuple(dict.fromkeys(label for _, label in settings.task.labels or ()))
    prompts = (*settings.search.initial_instructions, *(settings.search.candidates or ()))
    golds = describe_golds(data.golds, labels, prompts, asked, settings.task.answer)
    notes = [*facts["notes"], *golds.notes, *note_prompts(prompts, data.fields, folders)]
    notes += note_skipped(settings)
    if settings.task.problem is None and len(parse_template(settings.task.data.input).fields) == 1:
        notes += note_braces(prompts, data.fields)
    return {"notes": notes, "gold_answers": golds.to_json()}


@dataclass(slots=True)
class Faults:
    """The faults of a config and of all that it names, each with its remedy.

    Attributes:
        file: The config, whose lines are named.
        problems: The faults.
        fatal: One of them was raised: a run cannot even be described.
    """

    file: YamlFile
    problems: list[tuple[str, str | None]]
    fatal: bool = False

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep what is refused inside, and go on behind it."""
        try:
            yield
        except (UsageError, ModelError) as error:
            self.fatal = True
            self.problems.append((self.file.locate(error.message), error.hint))

    def build_error(self, more: Sequence[tuple[str, str | None]]) -> UsageError:
        """Return the error for all of them, and for `more`."""
        whole = [*self.problems, *more]
        if len(whole) == 1 and self.fatal:  # in the words that any other command has for it
            return UsageError(*whole[0])
        lines = [
            message if hint is None else f"{message}\n  hint: {hint}" for message, hint in whole
        ]
        return ConfigError(str(self.file.path), lines)


def _select_sound(settings: Settings, faulty: Sequence[tuple[str | int, ...]]) -> Settings:
    """Return settings without the models whose sections have a fault."""
    wrong = {path[0] for path in faulty if path}
    names = {path[1] for path in faulty if path[:1] == ("roles",) and len(path) > 1}
    roles = {name: model for name, model in settings.roles.items() if name not in names}
    scorer = ScorerSettings(UNUSED) if "scorer" in wrong else settings.scorer
    optimizer = OptimizerSettings(UNUSED) if "optimizer" in wrong else settings.optimizer
    return replace(settings, scorer=scorer, optimizer=optimizer, roles=roles)


def list_model_notes(settings: Settings) -> list[str]:
    """Say where a reasoning model has too few tokens for its thoughts, and what is not sent."""
    notes = []
    for role, model in settings.models.items():
        section = name_role(role)
        if is_reasoning(model.model) and model.reply_limit < ENOUGH_TO_REASON:
            notes.append(
                f"{section}.max_tokens {model.max_tokens} is little for {model.model}: it reasons "
                "before it answers, its thoughts count, and replies may come back empty; give "
                f"it {REASONING_MAX_TOKENS} or so"
            )
        if unsaid := note_unsaid_reasoning(section, model):
            notes.append(unsaid)
    return notes


def note_prompts(
    prompts: Sequence[str], fields: Sequence[str], folders: Sequence[Path]
) -> list[str]:
    """Return what start prompts say that is sent as it stands, and may be meant otherwise.

    Args:
        prompts: The texts.
        fields: The names of the fields of a row.
        folders: Where a file of the user's may be, besides the current folder.
    """
    notes = [
        f'the start prompt "{text}" names a file, and is sent as these words; the prompt in that '
        f"file is {FILE}{text}"
        for text in prompts
        if names_file(text, [*folders, Path.cwd()])
    ]
    notes += [
        f'the prompt "{text}" is sent as these words: only search.start and task.prompt take files'
        for text in prompts
        if text.startswith(FILE)
    ]
    return notes + note_names(prompts, fields)


def note_skipped(settings: Settings) -> list[str]:
    """Return a note on the listed prompts that no run scores, since they change a placeholder."""
    search, fields = settings.search, settings.task.format.template.fields
    judged = ((text, judge_placeholders(text, search, fields)) for text in search.candidates or ())
    skipped = [f'"{text:.60}" {reason}' for text, reason in judged if reason]
    if not skipped:
        return []
    more = len(skipped) - MOST_SKIPPED
    named = [*skipped[:MOST_SKIPPED], *([f"and {more:,} more"] if more > 0 else [])]
    return [
        f"{len(skipped):,} of {len(search.candidates or ()):,} search.candidates will not be "
        f"scored: {'; '.join(named)} (search.keep_placeholders: false scores them all the same)"
    ]


def note_unused_holes(settings: Settings) -> list[str]:
    """Say what a meta-prompt of the user's own does not show."""
    words = settings.search.meta_prompt
    if words is None or not (unused := list_unused(words)):
        return []
    holes = ", ".join(f"{{{{{name}}}}}" for name in unused)
    return [f"search.meta_prompt has no hole {holes}; `opro docs meta-prompt` says what they hold"]


def note_next_use(use: NextUse) -> list[str]:
    """Say how often test rows were used by verdicts, and what they can still tell."""
    notes = [use.note] if use.note else []
    if use.earlier:
        some = f"only a gain of some {100 * use.least_gain:.0f} points or more"
        notes.append(
            f"verdicts have used these {use.rows:,} test rows {format_times(use.earlier)} before: "
            f"the next one needs p below {format_p(use.threshold)}, and tells "
            f"{some if use.least_gain < 1 else 'hardly any gain'} from chance (4 times in 5, when "
            "answers differ on 3 questions of 10); `opro ledger` lists the uses"
        )
    return notes


def describe_limits(settings: Settings) -> list[str]:
    """Return where a rewrite as long as the start prompt would be dropped or cut."""
    search, optimizer = settings.search, settings.optimizer
    asks_none = search.strategy in ASKING_NONE or optimizer.model == UNUSED
    if settings.task.problem is not None or not search.steps or asks_none:
        return []
    from opro_cli.reports.costs import estimate_tokens

    longest, notes = search.longest_start, []
    if search.longest_allowed < longest:
        notes.append(
            f"the longest start prompt has {longest:,} characters: rewrites of its length are "
            f"dropped, since search.max_instruction_chars is {search.longest_allowed:,}"
        )
    if estimate_tokens(longest) > optimizer.reply_limit:
        notes.append(
            f"the longest start prompt has some {estimate_tokens(longest):,} tokens: rewrites of "
            f"its length are cut, since optimizer.max_tokens is {optimizer.reply_limit:,}"
        )
    return notes


def find_pace_in(runs_dir: Path, settings: Settings) -> RecordedPace | None:
    """Return the pace of the newest run of the same models; None where there is none."""
    with suppress(OSError):  # a folder that cannot be listed has nothing to tell
        folders = list_runs(runs_dir)[-MOST_RUNS:]
        return find_pace((read_result(each) or {} for each in reversed(folders)), settings)
    return None
