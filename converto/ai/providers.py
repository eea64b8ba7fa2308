"""The providers that the settings name, ready to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from converto.ai.call import Dialect
from converto.ai.dialects.anthropic import Anthropic
from converto.ai.dialects.gemini import Gemini
from converto.ai.dialects.litellm import LiteLLM
from converto.ai.dialects.openai import OpenAI
from converto.ai.settings import AiSettings
from converto.ai.upstream import Upstream

WHAT_TO_SET = (
    "CONVERTO_AI_OPENAI_API_KEY (or OPENAI_API_KEY), CONVERTO_AI_ANTHROPIC_API_KEY or CONVERTO_AI_GEMINI_API_KEY, "
    "or CONVERTO_AI_OLLAMA_BASE_URL with CONVERTO_AI_OLLAMA_MODELS for a server of your own"
)


@dataclass(frozen=True, slots=True)
class Providers:
    """How each provider is spoken to, and by which keys."""

    dialects: Mapping[str, Dialect]
    keys: Mapping[str, tuple[str, ...]]


def providers_of(settings: AiSettings, upstream: Upstream) -> Providers:
    """Return the providers that can be asked."""
    dialects: dict[str, Dialect] = {}
    keys: dict[str, tuple[str, ...]] = {}
    if settings.openai_api_key is not None:
        dialects["openai"] = OpenAI(upstream, settings.openai_base_url, limit_name="max_completion_tokens")
        keys["openai"] = _several(settings.openai_api_key)
    if settings.anthropic_api_key is not None:
        dialects["anthropic"] = Anthropic(upstream, settings.anthropic_base_url)
        keys["anthropic"] = _several(settings.anthropic_api_key)
    if settings.gemini_api_key is not None:
        dialects["gemini"] = Gemini(upstream, settings.gemini_base_url)
        keys["gemini"] = _several(settings.gemini_api_key)
    if settings.azure_api_key is not None and settings.azure_base_url is not None:
        dialects["azure"] = OpenAI(upstream, settings.azure_base_url, key_header="api-key", limit_name="max_completion_tokens")
        keys["azure"] = _several(settings.azure_api_key)
    if settings.openrouter_api_key is not None:
        dialects["openrouter"] = OpenAI(upstream, settings.openrouter_base_url)
        keys["openrouter"] = _several(settings.openrouter_api_key)
    _add_local(settings, upstream, dialects, keys=keys)
    return Providers(dialects, keys)


def _add_local(settings: AiSettings, upstream: Upstream, dialects: dict[str, Dialect], *, keys: dict[str, tuple[str, ...]]) -> None:
    for provider, url, key in (("ollama", settings.ollama_base_url, None), ("vllm", settings.vllm_base_url, settings.vllm_api_key)):
        if url is not None:
            dialects[provider] = OpenAI(upstream, url)
            keys[provider] = _several(key) if key is not None else ("",)
    if settings.litellm_models:
        dialects["litellm"] = LiteLLM(timeout_s=settings.silence_timeout_s)
        keys["litellm"] = ("",)


def _several(secret: SecretStr) -> tuple[str, ...]:
    return tuple(key.strip() for key in secret.get_secret_value().split(",") if key.strip())
