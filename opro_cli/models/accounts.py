"""The API key that a model needs, looked for in the environment, and where it is sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from opro_cli.core.settings.models import ModelSettings, is_computed_here, is_gguf
from opro_cli.core.settings.readers import find_variable
from opro_cli.core.settings.settings import Settings
from opro_cli.errors import ModelError
from opro_cli.models.providers import (
    find_provider,
    get_provider,
    has_own_server,
)
from opro_cli.models.redaction import SECRET_NAMES, SHORTEST_ENCODED, build_redactor
from opro_cli.plugins import is_outside
from opro_cli.reports.request_words import name_role
from opro_cli.shell import describe_setting

PLACEHOLDER_KEY = "no-key-needed"  # the openai client refuses to be built without any key
# An OPENAI_API_KEY is OpenAI's: a config whose api_base names somebody else's server must not hand
# it over. A server that wants a key gets this one.
OWN_SERVER_KEY = "OPRO_API_KEY"


def find_key_variable(model_name: str, api_base: str | None) -> str | None:
    """Return the environment variable whose key is sent for a model, None where none is known.

    An address in the environment (OPENAI_BASE_URL) belongs with the OPENAI_API_KEY beside it, as
    OpenAI's own client has it.
    """
    if api_base and has_own_server(model_name, api_base):
        return OWN_SERVER_KEY
    return next(iter(find_provider(model_name).keys), None)


def name_key_variable(model_name: str, api_base: str | None) -> str:
    """Return the customary variable of a model's key, "" where the model needs none."""
    if is_computed_here(model_name) or is_gguf(model_name) or is_outside(model_name):
        return ""
    prefix = get_provider(model_name) or "openai"
    return find_key_variable(model_name, api_base) or f"{prefix.upper()}_API_KEY"


def choose_client_key(model_name: str, api_base: str | None) -> str | None:
    """Return the key that a client must be given, None where it finds the right one itself."""
    if not has_own_server(model_name, api_base):
        return None
    variable = find_key_variable(model_name, api_base)
    return (os.environ.get(variable) if variable else None) or PLACEHOLDER_KEY


def find_missing_keys(model_name: str, api_base: str | None = None) -> tuple[str, ...]:
    """Return the environment variables that must be set before `model_name` can be called.

    Only the customary variable where several would serve. A server that the user runs needs none.
    """
    provider = find_provider(model_name)
    if provider.kind or has_own_server(model_name, api_base):
        return ()
    missing = () if any(map(os.environ.get, provider.keys)) else provider.keys[:1]
    needed = () if api_base else provider.addresses
    missing += tuple(name for name in needed if not os.environ.get(name))
    # what has a default is told with the others, and is no reason to stop
    return missing + tuple(n for n in provider.defaulted if missing and not os.environ.get(n))


def require_key(name: str, api_base: str | None) -> None:
    """Raise a ModelError when the key that `name` needs is not in the environment."""
    missing = find_missing_keys(name, api_base)
    if missing:
        message, hint = keys_not_set(missing)
        raise ModelError(f"{name} {message.replace('no', 'needs an', 1)}", hint, transient=False)


def find_unset_headers(settings: Settings) -> dict[str, str]:
    """Return the headers whose variable is not set, each as its key in the config."""
    unset = {}
    for role, model in settings.asked_models.items():
        for name, text in (model.extra.headers if model.extra else {}).items():
            variable = find_variable(text)
            if not os.environ.get(variable, "").strip():
                unset[f"{name_role(role)}.extra.headers.{name}"] = variable
    return unset


def keys_not_set(variables: Sequence[str]) -> tuple[str, str]:
    """Word the refusal of models whose keys are missing.

    Args:
        variables: The environment variables that must be set; at least one.

    Returns:
        The message, "no API key: OPENAI_API_KEY is not set", and the hint, a line a variable.
    """
    what = "no API key" if any(map(SECRET_NAMES.search, variables)) else "no address"
    *others, last = variables
    names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    lines = [describe_setting(variable) for variable in variables]
    lines[-1] += "  (keys are read from the environment and never written)"
    return f"{what}: {names} not set", "\n".join(lines)


def collect_sent_keys(model_name: str, api_base: str | None) -> frozenset[str]:
    """Return the keys that go out with requests to a model, from the environment as it is now.

    A stand-in for a key is left out: it is no secret, and may be a common word.
    """
    given = choose_client_key(model_name, api_base)
    provider = find_provider(model_name)
    prefix = provider.key_prefix or f"{get_provider(model_name).upper()}_"
    variables = provider.keys or [
        name for name in os.environ if name.startswith(prefix) and SECRET_NAMES.search(name)
    ]
    values = [given] if given else [os.environ.get(name, "") for name in variables]
    keys = {value.strip() for value in values if len(value.strip()) >= SHORTEST_ENCODED}
    return frozenset(keys - {PLACEHOLDER_KEY})


def make_redactor(settings: Settings) -> Callable[[str], str]:
    """Build the function that removes from a model's words the keys sent to either model."""
    models = list_deployments(settings)
    sent = (collect_sent_keys(each.model, each.api_base) for each in models)
    headers = (
        find_variable(text) for each in models if each.extra for text in each.extra.headers.values()
    )
    values = {os.environ.get(name, "").strip() for name in headers}
    own = frozenset(value for value in values if len(value) >= SHORTEST_ENCODED)
    return build_redactor(own.union(*sent))


def list_deployments(settings: Settings) -> tuple[ModelSettings, ...]:
    """Return all models that may be asked, at all of their endpoints."""
    return tuple(each for model in settings.asked_models.values() for each in model.deployments)
