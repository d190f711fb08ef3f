"""Checks that cost nothing, before a run begins: keys, servers, prices, the cache's limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opro_cli import wiring
from opro_cli.config.file import YamlFile, line_of_key, read_overridden
from opro_cli.config.overrides import parse_override
from opro_cli.config.prompts import names_file
from opro_cli.core.settings.differences import (
    KeyOrigin,
    convert_to_plain,
    find_origins,
    find_written,
)
from opro_cli.core.settings.models import is_control
from opro_cli.core.settings.prompts import FILE
from opro_cli.core.settings.read import PROBLEM
from opro_cli.core.settings.settings import UNUSED, OptimizerSettings, ScorerSettings, Settings
from opro_cli.datasets.loading import LoadedData, settle_labels
from opro_cli.errors import ConfigError, ModelError, UsageError
from opro_cli.grading.grader import SUPPLIED_METRIC, describe_grading
from opro_cli.metrics import METRICS
from opro_cli.models import find_unknown_model, gguf_plan
from opro_cli.models.accounts import (
    find_capped_prices,
    find_missing_keys,
    find_unset_headers,
    keys_not_set,
    list_deployments,
    reports_cost,
)
from opro_cli.models.callable import adapt_part
from opro_cli.models.control import ControlModel
from opro_cli.models.gguf_plan import inspect_files
from opro_cli.models.parameters import note_unsaid_reasoning
from opro_cli.models.providers import (
    REASONING_MAX_TOKENS,
    Provider,
    find_base,
    find_own_address,
    find_provider,
    is_loopback,
    is_reasoning,
)
from opro_cli.plugins import SUPPLIED, find_entry_point, is_outside, load_part
from opro_cli.problems import build_problem, value_start
from opro_cli.reports.labels import describe_golds
from opro_cli.reports.prompts import note_names
from opro_cli.reports.recorded_pace import RecordedPace, estimate_seconds, find_pace
from opro_cli.reports.request_words import name_role
from opro_cli.store.answer_file import read_cache_limit
from opro_cli.store.folders import list_runs
from opro_cli.store.run_folder import read_result
from opro_cli.strategies import PROBLEM_STRATEGIES, STRATEGIES

if TYPE_CHECKING:
    from opro_cli.models.servers import Server


ENOUGH_TO_REASON = 1000
"""Tokens of a reply below which a reasoning model may not come to its answer."""
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


def check(config: Path, runs_dir: Path, overrides: Sequence[str] = ()) -> Check:
    """Check a config, its data, keys and servers; no model is asked.

    Args:
        config: The file, or STDIN.
        runs_dir: Where the pace of an earlier run of the same models is looked for.
        overrides: Keys in place of those of the file, each KEY=VALUE.

    Raises:
        UsageError: A run could not even be described; it names every problem that there is.
    """
    from opro_cli.reports.costs import build_forecast

    folders = (config.resolve().parent,)
    read = wiring.read_partly(config, list(map(parse_override, overrides)))
    faults = Faults(
        read.file, [(problem, None) for problem in read.error.problems] if read.error else []
    )
    if read.settings is None:
        raise read.error or AssertionError("no settings and no problem")
    settings = wiring.fill_in_new(read.settings, folders)
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
    notes = (*describe_grading(settings, folders), *data.notes)
    start = value_start(settings, data.examples, folders)
    facts = build_forecast(settings, data.examples, notes, strategy, missing, start)
    facts["notes"] += describe_limits(settings)
    if settings.task.problem is None:
        facts |= _describe_questions(settings, data, facts, folders)
    calls = facts["calls_expected"], facts["calls_at_most"]
    facts["time"] = estimate_seconds(find_pace_in(runs_dir, settings), *calls)
    facts["notes"] += describe_servers(settings, servers, facts["longest_prompts"])
    facts["notes"] += list_model_notes(settings)
    facts["notes"] += note_learnt_prices(settings)
    facts["notes"] += [note for each in files for note in each.notes]
    facts |= {"left_out": data.left_out, "servers": [asdict(each) for each in servers]}
    facts["files"] = [each.to_json() for each in files]
    return Check(facts, [*faults.problems, *waits])


def _describe_questions(
    settings: Settings, data: LoadedData, facts: Mapping[str, Any], folders: Sequence[Path]
) -> dict[str, Any]:
    """Return the facts about gold answers and start prompts, the notes of both included."""
    asked = "\n".join(each["content"] for each in facts["scorer_prompt"])
    labels = [label for _, label in settings.task.labels or ()]
    prompts = (*settings.search.initial_instructions, *(settings.search.candidates or ()))
    golds = describe_golds(data.golds, labels, prompts, asked, settings.task.answer)
    notes = [*facts["notes"], *golds.notes, *note_prompts(prompts, data.fields, folders)]
    return {"notes": notes, "gold_answers": golds.to_json()}


@dataclass(slots=True)
class Faults:
    """What is wrong with a config and all that it names, each with its remedy.

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
        if len(whole) == 1:
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


def list_unset_headers(settings: Settings) -> list[tuple[str, str | None]]:
    """List the headers whose variable is not set, each with its remedy."""
    unset = find_unset_headers(settings)
    return [(f"{key}: {name} is not set", f"export {name}=…") for key, name in unset.items()]


def require_headers(settings: Settings) -> None:
    """UsageError for the first header whose variable is not set."""
    for problem, hint in list_unset_headers(settings):
        raise UsageError(problem, hint)


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


def describe_limits(settings: Settings) -> list[str]:
    """Return where a rewrite as long as the start prompt would be dropped or cut."""
    search, optimizer = settings.search, settings.optimizer
    if settings.task.problem is not None or not search.steps or search.strategy == "list":
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


@dataclass(frozen=True, slots=True)
class ExplainedConfig:
    """Every key of a config with its origin.

    Attributes:
        file: The config file.
        plain: The whole config, as a new run would be given it.
        keys: All keys in order.
        lines: The lines of those that the file itself sets.
    """

    file: Path
    plain: Mapping[str, Any]
    keys: Sequence[KeyOrigin]
    lines: Mapping[tuple[str, ...], int]

    def to_json(self) -> dict[str, Any]:
        """Return what `opro config --json` prints."""
        keys = {
            ".".join(key.path): {
                "value": key.value,
                "origin": key.kind,
                "line": self.lines.get(key.path),
                "preset": key.preset or None,
            }
            for key in self.keys
        }
        return {"file": str(self.file), "keys": keys, "config": self.plain}


def explain_config(config: Path, overrides: Sequence[str] = ()) -> ExplainedConfig:
    """Return each key of a config, its value and its origin; nothing is read but the file.

    Args:
        config: The file, or STDIN.
        overrides: Keys in place of those of the file, each KEY=VALUE.
    """
    parsed = list(map(parse_override, overrides))
    settings = wiring.read_config(config, parsed)
    plain = convert_to_plain(wiring.fill_in_new(settings, (config.resolve().parent,)))
    file = read_overridden(config, parsed)
    keys = find_origins(plain, file.raw, wiring.NAMES)
    keys = [replace(key, kind="option") if file.find_option(key.path) else key for key in keys]
    lines = {
        key.path: line_of_key(find_written(key.path, file.raw), file.lines)
        for key in keys
        if key.kind == "file"
    }
    return ExplainedConfig(config, plain, keys, lines)


def require_startable(settings: Settings, *, cached: bool = True) -> None:
    """Refuse a run that could not ask its models: keys, servers, prices, the cache's limit.

    Raises:
        UsageError, ModelError: Whatever is missing, before anything is spent.
    """
    require_addresses(settings)
    for message, hint in find_unknown_models(settings):
        raise UsageError(message, hint)
    require_keys(settings)
    require_headers(settings)
    require_servers(settings)
    require_prices(settings)
    require_files(settings)
    if cached:
        require_cache_limit(settings)


def list_missing_keys(settings: Settings) -> tuple[str, ...]:
    """Environment variables that must be set before the models can be called."""
    needed: dict[str, None] = {}
    for each in list_deployments(settings):
        needed.update(dict.fromkeys(find_missing_keys(each.model, each.api_base)))
    return tuple(needed)


def find_unknown_models(settings: Settings) -> list[tuple[str, str | None]]:
    """Return a problem and its remedy for each model whose name nobody answers to."""
    each = (find_unknown_model(model, f"{role}.model") for role, model in settings.models.items())
    return list(filter(None, each))


def require_addresses(settings: Settings) -> None:
    """Check that each model of a server of one's own has an address.

    Raises:
        UsageError: One has none in the config nor in the environment, and there is no usual one.
    """
    for role, model in settings.models.items():
        for each in model.deployments:
            variables = find_provider(each.model).base_variables
            if variables and find_base(each.model, each.api_base) is None:
                raise UsageError(
                    f"{role}.model {each.model} has no address",
                    f"set {role}.api_base or {variables[0]}",
                )


def require_cache_limit(settings: Settings) -> None:
    """UsageError for an OPRO_CACHE_MB that is no size, where answers are cached at all."""
    if any(wiring.is_cached(model) for model in settings.models.values()):
        read_cache_limit()


def require_files(settings: Settings) -> None:
    """UsageError for a gguf/ model that cannot be served; a file of the hub is downloaded."""
    gguf_plan.require_files(settings.models.values())


def require_servers(settings: Settings) -> None:
    """ModelError when nobody listens where a model server of this machine should be.

    Of several endpoints one is enough; those of other machines may be there.
    """
    for model in settings.models.values():
        refusals: list[ModelError] = []
        for each in model.deployments:
            address = find_own_address(each.model, each.api_base)
            if address is None or not is_loopback(address):
                break
            from opro_cli.models.servers import require_listener

            try:
                require_listener(each, address)
                break
            except ModelError as error:
                refusals.append(error)
        else:
            words = "; ".join(refusal.message for refusal in refusals)
            raise ModelError(words, refusals[0].hint, transient=True)


def probe_servers(settings: Settings) -> tuple[Server, ...]:
    """The servers that the user runs; those on this machine are asked whether they are ready."""
    models = list_deployments(settings)
    if not any(find_own_address(model.model, model.api_base) for model in models):
        return ()
    from opro_cli.models.servers import inspect_servers

    return inspect_servers(models)


def select_missing(settings: Settings, servers: Sequence[Server]) -> tuple[Server, ...]:
    """Those without which no run can begin: of a model that has no other that may be ready."""
    missed: dict[Server, None] = {}
    for model in settings.models.values():
        own = {(each.model, each.api_base) for each in model.deployments}
        found = [server for server in servers if server.key in own]
        if len(found) == len(own) and all(server.problem for server in found):
            missed.update(dict.fromkeys(found))
    return tuple(missed)


def describe_servers(
    settings: Settings, servers: Sequence[Server], longest: Mapping[str, int]
) -> tuple[str, ...]:
    """Return where servers do not fit the config: prompts too long, more calls than they answer.

    Also which endpoints are not ready, where others are.
    """
    if not servers:
        return ()
    from opro_cli.models.servers import build_server_notes

    found = {server.key: server for server in servers}
    missed = select_missing(settings, servers)
    notes = []
    for role, model in settings.models.items():
        for each in model.deployments:
            server = found.get((each.model, each.api_base))
            if server is None:
                continue
            name = f"{role} endpoint {server.address}:" if model.endpoints else role
            notes += [
                f"{name} {note}" for note in build_server_notes(server, each, longest.get(role, 0))
            ]
            if server.problem and server not in missed:
                notes.append(f"{name} {server.problem}; the others take its calls")
    return tuple(notes)


def require_prices(settings: Settings, *, learns: bool = True) -> None:
    """Refuse a ceiling in dollars over a model of unknown price.

    Args:
        settings: Of the run.
        learns: Let it pass where a gateway's answers say what they cost.

    Raises:
        UsageError: Such a ceiling could not be kept.
    """
    for role, price in find_capped_prices(settings).items():
        if price is None and not (learns and reports_cost(settings.models[role])):
            model = settings.models[role].model
            raise UsageError(
                f"budget.usd: the price of {role} {model} is not known, so the ceiling cannot be "
                "kept",
                f"set {role}.price: {{input: …, output: …}} (US dollars per million tokens), or "
                "budget.calls or budget.tokens instead",
            )


def note_learnt_prices(settings: Settings) -> tuple[str, ...]:
    """Return a note for each model whose price a ceiling in dollars learns from its answers."""
    return tuple(
        f"budget.usd: the price of {role} {settings.models[role].model} is not known and is learnt "
        "from what its first answer says it cost; until then it gets one call at a time, and a run "
        "whose answers do not say stops"
        for role, price in find_capped_prices(settings).items()
        if price is None
    )


def require_keys(settings: Settings) -> None:
    """UsageError naming every missing key, before anything is spent."""
    missing = list_missing_keys(settings)
    if missing:
        raise UsageError(*keys_not_set(missing))


def find_origins_of_parts(
    settings: Settings, folders: Sequence[Path] = ()
) -> dict[str, dict[str, str]]:
    """Return name and origin of each part from outside opro that a run uses, by config key.

    Raises:
        UsageError: One cannot be imported or built.
    """
    origins: dict[str, dict[str, str]] = {}
    strategy, evaluator = settings.search.strategy, settings.task.evaluator
    named = settings.task.problem or ""
    if is_outside(named) and not named.startswith(SUPPLIED):
        if is_control(settings.optimizer.model):
            problem = build_problem(named, folders)
            ControlModel(settings.optimizer.model, problem, {})  # it refuses what lacks a method
        part = load_part("task.problem", named, [*folders, Path.cwd()])
        origins["task.problem"] = {"name": part.spec, **part.origin}
    if strategy not in {**STRATEGIES, **PROBLEM_STRATEGIES} and not strategy.startswith(SUPPLIED):
        wiring.build_strategy(settings, folders)
        part = wiring.find_outside_part("search.strategy", "strategies", strategy, folders)
        origins["search.strategy"] = {"name": strategy, **part.origin}
    if evaluator not in ("model", PROBLEM) and not evaluator.startswith(SUPPLIED):
        wiring.build_evaluator(settings, (), folders)
        part = wiring.find_outside_part("task.evaluator", "evaluators", evaluator, folders)
        origins["task.evaluator"] = {"name": evaluator, **part.origin}
    kind = settings.task.answer.partition(":")[0]
    known = (*METRICS, "python", SUPPLIED_METRIC, UNUSED)
    if kind not in known and (metric := find_entry_point("metrics", kind)):
        origins["task.answer"] = {"name": settings.task.answer, **metric.origin}
    for role, model in settings.models.items():
        key, provider = f"{role}.model", model.model.partition("/")[0]
        if is_outside(model.model):
            part = load_part(key, model.model, [*folders, Path.cwd()])
            adapt_part(part, key, model)
            origins[key] = {"name": model.model, **part.origin}
            continue
        listed = find_provider(model.model) != Provider((provider,))
        if listed or provider in ("embedded", "callable", "control", "gguf"):
            continue  # opro's own
        if backend := find_entry_point("models", provider):
            origins[key] = {"name": model.model, **backend.origin}
    return origins
