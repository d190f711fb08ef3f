"""Whatever has to be there before a run begins: keys, addresses, servers, prices, files, parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opro_cli import wiring
from opro_cli.core.settings.meta_prompt import WITH_WORDS
from opro_cli.core.settings.models import UNUSED, is_control, is_embedded
from opro_cli.core.settings.search import ASKING_NONE, DEMOS, PROBLEM
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import Example
from opro_cli.embedded.tasks import KNOWN, is_known
from opro_cli.errors import ModelError, UsageError
from opro_cli.grading.grader import SUPPLIED_METRIC
from opro_cli.metrics import METRICS
from opro_cli.models import find_unknown_model, gguf_plan
from opro_cli.models.accounts import (
    find_missing_keys,
    find_unset_headers,
    keys_not_set,
    list_deployments,
)
from opro_cli.models.callable import adapt_part
from opro_cli.models.control import ControlModel
from opro_cli.models.prices import find_capped_prices, find_price, reports_cost
from opro_cli.models.providers import (
    Provider,
    find_base,
    find_own_address,
    find_provider,
    is_loopback,
)
from opro_cli.plugins import SUPPLIED, find_entry_point, find_outside_part, is_outside, load_part
from opro_cli.problems import build_problem
from opro_cli.reports.request_words import name_role
from opro_cli.shell import describe_setting
from opro_cli.store.answer_cache import is_cached
from opro_cli.store.answer_file import read_cache_limit
from opro_cli.strategies import PROBLEM_STRATEGIES, STRATEGIES

if TYPE_CHECKING:
    from opro_cli.models.servers import Server


def list_unset_headers(settings: Settings) -> list[tuple[str, str | None]]:
    """List the headers whose variable is not set, each with its remedy."""
    unset = find_unset_headers(settings)
    return [(f"{key}: {name} is not set", describe_setting(name)) for key, name in unset.items()]


def require_headers(settings: Settings) -> None:
    """UsageError for the first header whose variable is not set."""
    for problem, hint in list_unset_headers(settings):
        raise UsageError(problem, hint)


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


def require_fitting_search(settings: Settings, train: Sequence[Example]) -> None:
    """Refuse a search that cannot do with these train rows what it is told to.

    Raises:
        UsageError: The optimizer is not for them, or there are too few for worked examples.
    """
    _require_fitting_optimizer(settings, train)
    _require_fitting_examples(settings, train)


def _require_fitting_optimizer(settings: Settings, train: Sequence[Example]) -> None:
    """Refuse the embedded optimizer where it cannot do what it is asked for.

    Whatever it is shown, it proposes instructions for the tasks that it was trained on, which cost
    a scorer calls; and no meta-prompt but opro's and the paper's makes it propose any.

    Raises:
        UsageError: It would be asked.
    """
    search, model = settings.search, settings.optimizer.model
    is_ours = search.strategy in STRATEGIES and search.strategy not in ASKING_NONE
    if not search.steps or not is_embedded(model) or not is_ours:
        return  # one from outside opro may ask it for something else
    asked = search.strategy if search.strategy in WITH_WORDS and search.strategy != "opro" else ""
    asked = "search.meta_prompt" if search.meta_prompt else asked and f"search.strategy {asked}"
    if asked:
        raise UsageError(
            f"optimizer.model: {model} knows the meta-prompts of opro and the paper alone, and "
            f"answers that of {asked} with nothing that could be tried",
            "name another optimizer.model; search.strategy evolve needs none",
        )
    if settings.task.problem is None and not is_known(example.input for example in train):
        raise UsageError(
            f"optimizer.model: {model} writes instructions for its own tasks alone ({KNOWN}), and "
            "the train questions are none of these",
            "name another optimizer.model; search.strategy evolve, list and prune need none",
        )


def _require_fitting_examples(settings: Settings, train: Sequence[Example]) -> None:
    """Refuse more worked examples of a prompt than there are train rows to make them of.

    Raises:
        UsageError: `search.options.most` of demos says so.
    """
    most = settings.search.options.get("most")
    if settings.search.strategy != DEMOS or not isinstance(most, int) or most <= len(train):
        return
    raise UsageError(
        f"search.options.most: expected at most {len(train)}, as many as there are train rows, "
        f"found {most}",
        "a prompt shows at most half of them: what it shows is not asked",
    )


def list_missing_keys(settings: Settings) -> tuple[str, ...]:
    """Environment variables that must be set before the models can be called."""
    needed: dict[str, None] = {}
    for each in list_deployments(settings):
        needed.update(dict.fromkeys(find_missing_keys(each.model, each.api_base)))
    return tuple(needed)


def find_unknown_models(settings: Settings) -> list[tuple[str, str | None]]:
    """Return a problem and its remedy for each model whose name nobody answers to."""
    each = (
        find_unknown_model(model, f"{name_role(role)}.model")
        for role, model in settings.models.items()
    )
    return list(filter(None, each))


def require_addresses(settings: Settings) -> None:
    """Check that each model of a server of one's own has an address.

    Raises:
        UsageError: One has none in the config nor in the environment, and there is no usual one.
    """
    for role, model in settings.asked_models.items():
        for each in model.deployments:
            variables = find_provider(each.model).base_variables
            if variables and find_base(each.model, each.api_base) is None:
                raise UsageError(
                    f"{name_role(role)}.model {each.model} has no address",
                    f"set {name_role(role)}.api_base or {variables[0]}",
                )


def require_cache_limit(settings: Settings) -> None:
    """UsageError for an OPRO_CACHE_MB that is no size, where answers are cached at all."""
    if any(is_cached(model) for model in settings.asked_models.values()):
        read_cache_limit()


def require_files(settings: Settings) -> None:
    """UsageError for a gguf/ model that cannot be served; a file of the hub is downloaded."""
    gguf_plan.require_files(settings.asked_models.values())


def require_servers(settings: Settings) -> None:
    """ModelError when nobody listens where a model server of this machine should be.

    Of several endpoints one is enough; those of other machines may be there.
    """
    for model in settings.asked_models.values():
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
    for model in settings.asked_models.values():
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
    for role, model in settings.asked_models.items():
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
    """Refuse a ceiling in dollars over a model of unknown price, and costs in such dollars.

    Args:
        settings: Of the run.
        learns: Let it pass where a gateway's answers say what they cost.

    Raises:
        UsageError: Such a ceiling could not be kept, or such costs not be compared.
    """
    objectives = settings.search.objectives
    if objectives is not None and objectives.cost == "usd_per_1000":
        _require_cost(settings, learns=learns)
    for role, price in find_capped_prices(settings).items():
        if price is None and not (learns and reports_cost(settings.models[role])):
            model = settings.models[role].model
            raise UsageError(
                f"budget.usd: the price of {role} {model} is not known, so the ceiling cannot be "
                "kept",
                f"set {name_role(role)}.price: {{input: …, output: …}} (US dollars per million "
                "tokens), or budget.calls or budget.tokens instead",
            )


def _require_cost(settings: Settings, *, learns: bool) -> None:
    """UsageError where answers of the scorer have no price, or none above 0."""
    scorer = settings.scorer
    price = find_price(scorer)
    if price is None and not (learns and reports_cost(scorer)):
        what = "is not known"
        remedy = "set scorer.price: {input: …, output: …} (US dollars per million tokens), or "
    elif price is not None and not (price.input or price.output):
        what, remedy = "is 0, so that no prompt costs less than another", ""
    else:
        return
    raise UsageError(
        f"search.objectives.cost usd_per_1000: the price of scorer {scorer.model} {what}",
        f"{remedy}set search.objectives: {{cost: tokens_per_1000}}",
    )


def note_learnt_prices(settings: Settings) -> tuple[str, ...]:
    """Return a note for each price that only answers can tell, and that something needs."""
    return (*_note_capped_prices(settings), *_note_weighed_price(settings))


def _note_weighed_price(settings: Settings) -> tuple[str, ...]:
    objectives, scorer = settings.search.objectives, settings.scorer
    if objectives is None or objectives.cost != "usd_per_1000" or find_price(scorer) is not None:
        return ()
    return (
        f"search.objectives.cost usd_per_1000: the price of scorer {scorer.model} is not known and "
        "is read from what its answers say they cost; a run whose first answer does not say stops",
    )


def _note_capped_prices(settings: Settings) -> tuple[str, ...]:
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
        part = find_outside_part("search.strategy", "strategies", strategy, folders)
        origins["search.strategy"] = {"name": strategy, **part.origin}
    if evaluator not in ("model", PROBLEM) and not evaluator.startswith(SUPPLIED):
        wiring.build_evaluator(settings, (), folders)
        part = find_outside_part("task.evaluator", "evaluators", evaluator, folders)
        origins["task.evaluator"] = {"name": evaluator, **part.origin}
    kind = settings.task.answer.partition(":")[0]
    known = (*METRICS, "python", SUPPLIED_METRIC, UNUSED)
    if kind not in known and (metric := find_entry_point("metrics", kind)):
        origins["task.answer"] = {"name": settings.task.answer, **metric.origin}
    return origins | _find_origins_of_models(settings, folders)


def _find_origins_of_models(
    settings: Settings, folders: Sequence[Path]
) -> dict[str, dict[str, str]]:
    """Return name and origin of each model from outside opro, by config key."""
    origins = {}
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
