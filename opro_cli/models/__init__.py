"""The models that can be asked, by the prefix of their name.

Adding a backend is a module and a line here; what has no line of its own goes through litellm.
Builders import their module only when used, because numpy and what talks to providers are slow to
import.
"""

from __future__ import annotations

from collections.abc import Callable

from opro_cli.core.settings.settings import ModelSettings
from opro_cli.errors import UsageError
from opro_cli.models.callable import PREFIX
from opro_cli.models.keys import get_provider
from opro_cli.ports import ChatModel

Builder = Callable[[ModelSettings], ChatModel]


def _embedded(settings: ModelSettings) -> ChatModel:
    from opro_cli.models.embedded import EmbeddedModel

    return EmbeddedModel(settings.model)


def _litellm(settings: ModelSettings) -> ChatModel:
    from opro_cli.models.litellm_model import LitellmModel

    return LitellmModel(settings.model, api_base=settings.api_base, timeout=settings.timeout)


def _openai_compatible(settings: ModelSettings) -> ChatModel:
    from opro_cli.models.openai_compatible import OpenAICompatibleModel, can_serve

    if not can_serve(settings.model):
        return _litellm(settings)
    return OpenAICompatibleModel(
        settings.model, api_base=settings.api_base, timeout=settings.timeout
    )


MODELS: dict[str, Builder] = {
    "embedded": _embedded,
    "hosted_vllm": _openai_compatible,
    "llamafile": _openai_compatible,
    "lm_studio": _openai_compatible,
    "ollama": _openai_compatible,
    "ollama_chat": _openai_compatible,
    "openai": _openai_compatible,
}


def build_model(settings: ModelSettings) -> ChatModel:
    """The model that a config's `model` names."""
    if settings.model.startswith(PREFIX):
        raise UsageError(
            f"{settings.model} is a function of the program that began the run",
            "resume it from Python: opro_cli.load_run(RUN).resume(scorer=…, optimizer=…)",
        )
    provider = get_provider(settings.model) or settings.model
    return MODELS.get(provider, _litellm)(settings)
