"""The models that can be asked, by the prefix of their name.

Adding a backend is a module and a line here; what has no line of its own goes through litellm.
Builders import their module only when used, because litellm and numpy are slow to import.
"""

from __future__ import annotations

from collections.abc import Callable

from opro_cli.core.settings import ModelSettings
from opro_cli.ports import ChatModel

Builder = Callable[[ModelSettings], ChatModel]


def _embedded(_: ModelSettings) -> ChatModel:
    from opro_cli.adapters.models.embedded import EmbeddedModel

    return EmbeddedModel()


def _litellm(settings: ModelSettings) -> ChatModel:
    from opro_cli.adapters.models.litellm_model import LitellmModel

    return LitellmModel(settings.model, api_base=settings.api_base, timeout=settings.timeout)


MODELS: dict[str, Builder] = {"embedded": _embedded}


def build_model(settings: ModelSettings) -> ChatModel:
    """The model that a config's `model` names."""
    provider = settings.model.partition("/")[0]
    return MODELS.get(provider, _litellm)(settings)
