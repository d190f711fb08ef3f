"""The models that can be asked: embedded, over OpenAI's format, and through litellm.

Their modules are imported only when used, because numpy and HTTP clients are slow to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from opro_cli.core.settings.models import ModelSettings, is_control
from opro_cli.core.settings.schema import nearest
from opro_cli.errors import UsageError
from opro_cli.models.callable import PREFIX, OutsideModel, adapt_part
from opro_cli.models.parameters import build_extras
from opro_cli.models.prices import is_listed, list_providers
from opro_cli.models.providers import PROVIDERS, Provider, find_provider, get_provider
from opro_cli.plugins import find_entry_point, is_outside, load_part
from opro_cli.ports import ChatModel


def _build_embedded(settings: ModelSettings) -> ChatModel:
    from opro_cli.models.embedded import EmbeddedModel

    return EmbeddedModel(settings.model)


def _build_gguf(settings: ModelSettings) -> ChatModel:
    from opro_cli.models.gguf_model import build_lone_model

    return build_lone_model(settings)


MODELS: dict[str, Callable[[ModelSettings], ChatModel]] = {
    "embedded": _build_embedded,
    "gguf": _build_gguf,
}
"""Backends of their own, by the prefix of a model's name."""


def describe_loading(models: Mapping[str, Sequence[ChatModel]]) -> str:
    """Say which model of a run is being loaded, "" for none."""
    loading = (getattr(model, "loading", "") for each in models.values() for model in each)
    return next(filter(None, loading), "")


def find_unknown_model(settings: ModelSettings, key: str = "model") -> tuple[str, str] | None:
    """Return what is wrong with a model's name that nobody answers to, and the remedy.

    litellm is imported, which takes seconds, only for a name of which its table does not know the
    provider.

    Args:
        settings: The section of the config.
        key: The key that names the model.

    Returns:
        A message and a hint; None for a name that is fine.
    """
    name = settings.model
    prefix = get_provider(name)
    if is_outside(name) or name.startswith(PREFIX) or (prefix or name) in MODELS:
        return None
    if is_control(name) or find_provider(name) != Provider((prefix,)) or is_listed(name):
        return None
    if find_entry_point("models", name.partition("/")[0]) is not None:
        return None
    from opro_cli.models.litellm_model import is_known

    if is_known(name):
        return None
    guess = nearest(prefix, [row for each in PROVIDERS for row in each.prefixes] + list_providers())
    meant = f"did you mean {guess}/{name.partition('/')[2]}? else " if guess and prefix else ""
    return (
        f"{key} {name}: names no provider that litellm knows",
        f"{meant}put one before the name: openai/{name} with the api_base of a server of your own, "
        f"ollama_chat/{name}, …",
    )


def build_model(
    settings: ModelSettings, key: str = "model", folders: Sequence[Path] = ()
) -> ChatModel:
    """Build the model that a config's `model` names.

    Args:
        settings: The section of the config.
        key: The key that names the model, for messages.
        folders: Searched for the module of python:MODULE:NAME before the path.

    Raises:
        UsageError: There is no such part, or it is no model.
    """
    name = settings.model
    if is_outside(name):
        return adapt_part(load_part(key, name, folders), key, settings)
    if name.startswith(PREFIX):
        raise UsageError(
            f"{name} is a function of the program that began the run",
            "resume it from Python: opro_cli.load_run(RUN).resume(scorer=…, optimizer=…)",
        )
    backend = MODELS.get(get_provider(name) or name)
    if backend is not None:
        return backend(settings)
    if find_provider(name).base_variables:
        from opro_cli.models.openai_compatible import OpenAICompatibleModel, can_serve

        if can_serve(name):
            extras = build_extras(settings)
            return OpenAICompatibleModel(name, settings.api_base, settings.timeout, extras=extras)
    part = find_entry_point("models", name.partition("/")[0])
    if part is not None:
        return OutsideModel(name, part.value(settings), timeout=settings.timeout)
    from opro_cli.models.litellm_model import LitellmModel

    extras = build_extras(settings)
    return LitellmModel(name, settings.api_base, settings.timeout, extras=extras)
